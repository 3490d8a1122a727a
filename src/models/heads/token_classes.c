/*
 * Owns the head of token classes: each token has one of several labels (names of persons and places, parts of speech);
 * a softmax over a projection of each hidden row. Learns from the rows that have labels.
 */
#include "models/head.h"

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  att_hidden picked;
  att_tensor logits;
  ATT_TRY(att_head_pick(run, hidden, batch, model->config.label_count, &picked));
  ATT_TRY(att_head_row_logits(run, model, &picked, &logits));
  return att_op_class_loss(run, &logits, batch->labels, smoothing, divisor, out);
}

static const char *const endings[] = {"ForTokenClassification", NULL};

const att_head_calls att_token_classes_head = {
    .name = "token-classes",
    .endings = endings,
    .common = true,
    .kinds = {[ATT_DECODER] = {"a decoder that labels tokens", ATT_CAN(CLASSIFY)},
              [ATT_ENCODER] = {"an encoder that labels tokens", ATT_CAN(CLASSIFY)}},
    .read = att_labels_read,
    .write = att_labels_write,
    .check = att_labels_check,
    .plan = att_head_plan_labels,
    .projection = "classifier",
    .logits = att_head_row_logits,
    .targets = att_label_targets,
    .loss = loss,
    .scores = att_softmax,
    .push = att_push_likeliest,
};
