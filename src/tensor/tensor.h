/*
 * Owns tensors, the tape and what a forward pass carries (att_run). Ops live in ops/, one file each, forward and
 * backward together. Refuses to know what a Transformer is.
 *
 * Everything is a matrix of rows: one row a token. Sentences of different length stand one after another without
 * padding (att_sequences says where each begins), so that linear layers, norms and losses never see a padded row; only
 * attention looks at the boundaries.
 *
 * An op is eager: it runs its kernels at once and, where the run has a tape, appends a record with what its backward
 * needs. att_backward walks the records from the last to the first. A gradient is written by the first record that
 * reaches it and added to by the others, so nothing is cleared; its memory is taken at that moment and serves another
 * gradient once the record that made the tensor has used it, so backward holds only a few at a time.
 */
#ifndef ATT_TENSOR_TENSOR_H
#define ATT_TENSOR_TENSOR_H

#include "base/arena.h"
#include "kernels/gemm.h"
#include "kernels/matrix.h"

/* Of a tensor and its views. */
typedef struct att_gradient {
  float *data;  /* [size], or NULL while it has no memory */
  int64_t size; /* rows * stride of the tensor; of its memory, which may be more, while it has some */
  bool written;
  bool keep; /* set by who reads att_gradient_of after att_backward: its memory goes to no other */
} att_gradient;

typedef struct att_tensor {
  float *data;            /* [rows, cols], row r at data + r * stride */
  att_gradient *gradient; /* the same rows and stride; NULL: none flows here */
  int64_t rows, cols, stride;
  int64_t first; /* a view's first column in its gradient */
} att_tensor;

/* A weight as an op sees it. A matrix lies as it is stored, in a file's type; ops that want floats of one (norms,
 * biases, positions) are given parameters that are kept as floats (models/parameters.h). */
typedef struct att_weight {
  const void *data; /* [rows, cols], contiguous, of `type`; NULL: absent (no bias) */
  float *grad;      /* added into; NULL: frozen */
  att_type type;
  int64_t rows, cols;
  int64_t frozen_row; /* looked up as a token, this row gets no gradient (PyTorch's padding_idx); -1: none */
  double *moments;    /* [cols + 1], of a chain's first: each column's squares of what linear multiplies with it are
                         added to it, and the rows to the last; NULL: nobody asks */
  const struct att_weight
      *next; /* further rows (of a bias: cols) that lie elsewhere; NULL: none. Linear alone has such */
} att_weight;

/* Of all its parts. */
int64_t att_weight_rows(const att_weight *w);

/* Sequences in one block of rows: sequence i has rows [start[i], start[i + 1]). */
typedef struct att_sequences {
  int64_t count;
  const int64_t *start; /* [count + 1] */
} att_sequences;

typedef struct att_tape att_tape;

/* One pass through a model: where outputs are made, whether it is recorded, what drops out. */
typedef struct att_run {
  att_context *ctx;
  att_arena *arena;     /* outputs, gradients and the tape's records; reset by whoever made the run, between passes */
  att_tape *tape;       /* NULL: nothing is recorded */
  float dropout;        /* 0: none (running) */
  uint64_t dropout_key; /* of seed and step; each op mixes in its place in the model */
  bool learning;        /* batch normalisation goes by the batch, and its running statistics by it */
} att_run;

/* ---- the tape ---- */
/* On the run's arena; fails with ATT_MEMORY. */
att_status att_tape_new(att_arena *arena, att_tape **tape);

typedef att_status att_backward_fn(att_run *run, void *record);
/* For ops: appends a record of `size` bytes (uninitialised), whose backward will be called. */
att_status att_tape_add(att_run *run, att_backward_fn *backward, size_t size, void **record);
/* Runs every record's backward, last first. The losses have put their gradients in already. */
att_status att_backward(att_run *run);

/* For backward. Where x's gradient goes, with x's stride; *accumulate: it holds something already, so add. Not between
 * an arena's mark and its restoring. Where x has none (data, a frozen part), memory that nobody reads, until the record
 * has done its work: an op that would compute for it alone asks x->gradient first. */
att_status att_gradient_open(att_run *run, const att_tensor *x, float **data, bool *accumulate);
/* What has come to an output, or NULL where nothing has. */
float *att_gradient_of(const att_tensor *out);
/* The record that made `out` has used its gradient: the memory is free for another, unless it is to be kept. */
void att_gradient_close(att_run *run, const att_tensor *out);

/* A contiguous [rows, cols] on the run's arena, data uninitialised; with a gradient where the run has a tape. */
att_status att_tensor_new(att_run *run, int64_t rows, int64_t cols, att_tensor *out);
/* Columns [first, first + cols) of x, sharing its memory. */
att_tensor att_tensor_columns(const att_tensor *x, int64_t first, int64_t cols);

#endif
