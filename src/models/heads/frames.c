/*
 * Owns the head of frames: of each row any of several labels may hold (the keys of a piano that sound in the next
 * frame), a sigmoid each over a projection of the hidden row. The loss is in nats a frame: the sum over the labels.
 */
#include "models/head.h"

#include <math.h>

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  double labels = (double)model->config.label_count;
  att_tensor logits;
  att_loss mean = {0};
  (void)smoothing;
  ATT_TRY(att_head_row_logits(run, model, hidden, &logits));
  ATT_TRY(att_op_label_loss(run, &logits, batch->values, divisor / labels, &mean));
  out->loss += mean.loss * labels;
  out->nll += mean.nll * labels;
  out->count += mean.count;
  return ATT_OK;
}

static void scores(const float *logits, int64_t count, double *out) {
  for (int64_t i = 0; i < count; i++) out[i] = 1 / (1 + exp(-(double)logits[i]));
}

const att_head_calls att_frames_head = {
    .name = "frames",
    .kinds = {[ATT_DECODER] = {"a decoder of piano rolls", ATT_CAN(COMPOSE)}},
    .read = att_labels_read,
    .write = att_labels_write,
    .check = att_labels_check,
    .plan = att_head_plan_labels,
    .projection = "classifier",
    .logits = att_head_row_logits,
    .targets = att_label_targets,
    .loss = loss,
    .scores = scores,
};
