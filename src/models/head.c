/* Owns what heads share: a projection of the hidden rows or of the texts' vectors, a softmax, counts of targets. */
#include "models/head.h"
#include "models/patching.h"
#include "models/transformer.h"

#include <math.h>
#include <string.h>

#define PLACE 5 /* of the dropout before the projection of rows; families have theirs in `pool` */

/* ---- parameters ----------------------------------------------------------------------------------------------- */

/* Columns of what is projected: of the last hidden rows, both directions' of a recurrent encoder (where a decoder is
 * beside it, those are what is projected); of patchtst what its pool joins. */
static int64_t hidden_width(const att_config *c) {
  if (c->family == ATT_PATCHTST && c->head != ATT_HEAD_FORECAST) return c->patching.channels * c->d_model;
  if (c->family == ATT_PATCHTST && !c->patching.pooled) return att_patch_count(c) * c->d_model;
  return c->d_model * (c->bidirectional && c->kind != ATT_DECODER ? 2 : 1);
}

att_status att_head_plan_projection(att_model *model, int64_t outputs) {
  const att_head_form *form = att_head_form_of(model->head, model->calls);
  const char *name = form && form->projection ? form->projection : model->head->projection;
  att_namer n = {.model = model, .part = "labels"};
  att_linear_layer *layer = model->head_layers = ATT_NEW(model->ctx, 1, att_linear_layer);
  if (!layer) return ATT_MEMORY;
  return att_name_linear(&n, (const char *const[]){name, NULL}, &outputs, hidden_width(&model->config), false,
                         !(form && form->no_bias), layer);
}

att_status att_head_plan_labels(att_model *model) { return att_head_plan_projection(model, model->config.label_count); }

/* ---- logits --------------------------------------------------------------------------------------------------- */

att_status att_head_project(att_run *run, const att_model *model, const att_tensor *x, att_tensor *logits) {
  const att_linear_layer *layer = model->head_layers;
  return att_op_linear(run, x, &layer->weight, &layer->bias, ATT_PLAIN, logits);
}

att_status att_head_text_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits) {
  const int64_t *start = hidden->sequences.start;
  att_tensor vectors;
  for (int64_t i = 0; i < hidden->sequences.count; i++) {
    if (start[i] == start[i + 1]) return att_fail(run->ctx, ATT_ARGUMENT, "a text without tokens has no label");
  }
  ATT_TRY(model->calls->pool(run, model, hidden, &vectors));
  return att_head_project(run, model, &vectors, logits);
}

att_status att_head_row_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits) {
  att_tensor rows;
  ATT_TRY(att_op_dropout(run, &hidden->rows, PLACE, &rows));
  return att_head_project(run, model, &rows, logits);
}

/* ---- labels of rows ------------------------------------------------------------------------------------------- */

att_status att_check_range(att_context *ctx, const char *what, const int32_t *ids, int64_t count, int64_t end) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || ids[i] >= end) {
      return att_fail(ctx, ATT_ARGUMENT, "%s %d is outside the model's %lld", what, (int)ids[i], (long long)end);
    }
  }
  return ATT_OK;
}

att_status att_head_pick(att_run *run, const att_hidden *hidden, const att_batch *batch, int64_t end,
                         att_hidden *picked) {
  int64_t rows = hidden->rows.rows, count = batch->label_rows ? batch->label_count : rows;
  *picked = *hidden;
  ATT_TRY(att_check_range(run->ctx, "label", batch->labels, count, end));
  if (!batch->label_rows) return ATT_OK;
  ATT_TRY(att_check_range(run->ctx, "row of a label", batch->label_rows, count, rows));
  picked->sequences = (att_sequences){0};
  return att_op_rows(run, &hidden->rows, batch->label_rows, count, &picked->rows);
}

static const att_sequences *read_sequences(const att_model *model, const att_batch *batch) {
  bool source = model->config.kind == ATT_ENCODER || att_model_reads_twice(model);
  return source ? &batch->source.sequences : &batch->target.sequences;
}

int64_t att_text_targets(const att_model *model, const att_batch *batch) { return read_sequences(model, batch)->count; }

int64_t att_label_targets(const att_model *model, const att_batch *batch) {
  const att_sequences *read = read_sequences(model, batch);
  return batch->label_rows ? batch->label_count : read->start[read->count];
}

/* ---- a softmax ------------------------------------------------------------------------------------------------ */

void att_softmax(const float *logits, int64_t count, double *probabilities) {
  double most = logits[0], sum = 0;
  for (int64_t k = 1; k < count; k++) most = fmax(most, logits[k]);
  for (int64_t k = 0; k < count; k++) sum += probabilities[k] = exp((double)logits[k] - most);
  for (int64_t k = 0; k < count; k++) probabilities[k] /= sum;
}

int64_t att_push_likeliest(const float *logits, int64_t count, float *gradient) {
  int64_t best = 0;
  double sum = 0;
  for (int64_t i = 1; i < count; i++) {
    if (logits[i] > logits[best]) best = i;
  }
  for (int64_t i = 0; i < count; i++) sum += exp((double)logits[i] - (double)logits[best]);
  for (int64_t i = 0; i < count; i++) {
    gradient[i] = (float)((i == best) - exp((double)logits[i] - (double)logits[best]) / sum);
  }
  return best;
}
