/* Owns what looking at texts and looking at series share: gradients of what a head of labels or of forecasts says. */
#ifndef ATT_API_LOOK_H
#define ATT_API_LOOK_H

#include "models/head.h"

/* norms [embedded->rows] of the gradient of each embedding, after att_backward. */
void att_look_measure(const att_tensor *embedded, float *norms);
/* What row `row` of the head's logits says most (head.h: push), backwards to the embeddings: *label: which output that
 * is; norms: as above. The run has a tape; the head has a push. */
att_status att_look_push(att_run *run, att_model *model, const att_hidden *hidden, const att_tensor *embedded,
                         int64_t row, int64_t *label, float *norms);

#endif
