/* Owns what losses over the vocabulary share: the projection in blocks of rows, and the gradients through it. */
#ifndef ATT_TENSOR_OPS_VOCABULARY_H
#define ATT_TENSOR_OPS_VOCABULARY_H

#include "tensor/ops.h"

/* What row `row` of x loses, from its logits[vocabulary]. Where `gradient`, the logits become the gradient of the loss
 * by them. Rows are done by several threads, each once. */
typedef void att_vocabulary_row(void *arg, float *logits, int64_t row, bool gradient, double *loss, double *nll);

/* Rows' projection to the vocabulary and their losses, added into out. Where the run has a tape, the gradients of x, w
 * and bias are put in at once: who calls it is the last op. softcap: of the logits; 0: none. */
att_status att_vocabulary_loss(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                               float softcap, att_vocabulary_row *f, void *arg, att_loss *out);

#endif
