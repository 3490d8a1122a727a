/*
 * Owns convolution over packed rows: windows of each sequence's rows side by side, and one product of all of them.
 * Backward is that of the two ops it is made of.
 */
#include "tensor/ops.h"

int64_t att_convolved_rows(const att_convolution *c, int64_t rows) {
  int64_t room = rows + 2 * c->padding - c->kernel;
  return rows == 0 || room < 0 ? 0 : room / c->stride + 1;
}

/* Where each output sequence begins. */
static att_status place_outputs(att_run *run, const att_convolution *c, att_sequences in, att_sequences *out) {
  int64_t *start = ATT_ARENA_NEW(run->arena, in.count + 1, int64_t);
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < in.count; i++) {
    start[i + 1] = start[i] + att_convolved_rows(c, in.start[i + 1] - in.start[i]);
  }
  *out = (att_sequences){in.count, start};
  return ATT_OK;
}

/* rows[output rows, kernel]: what each window reads; -1 beyond its sequence. */
static void fill_windows(const att_convolution *c, att_sequences in, att_sequences out, int32_t *rows) {
  for (int64_t i = 0; i < in.count; i++) {
    int64_t first = in.start[i], end = in.start[i + 1];
    for (int64_t t = 0; t < out.start[i + 1] - out.start[i]; t++) {
      for (int64_t k = 0; k < c->kernel; k++) {
        int64_t row = first + t * c->stride - c->padding + k;
        *rows++ = row >= first && row < end ? (int32_t)row : -1;
      }
    }
  }
}

att_status att_op_convolve(att_run *run, const att_tensor *x, att_sequences sequences, const att_convolution *c,
                           const att_weight *w, const att_weight *bias, att_epilogue f, att_tensor *out,
                           att_sequences *out_sequences) {
  att_tensor windows;
  ATT_TRY(place_outputs(run, c, sequences, out_sequences));
  int64_t count = out_sequences->start[sequences.count];
  int32_t *rows = ATT_ARENA_NEW(run->arena, count * c->kernel, int32_t); /* backward reads it again */
  if (!rows) return ATT_MEMORY;
  fill_windows(c, sequences, *out_sequences, rows);
  ATT_TRY(att_op_windows(run, x, rows, count, c->kernel, &windows));
  return att_op_linear(run, &windows, w, bias, f, out);
}
