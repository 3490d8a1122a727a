/* Owns the head of classes: a text has one of several labels; a softmax over a projection of the text's vector. */
#include "models/head.h"

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  att_tensor logits;
  ATT_TRY(att_head_text_logits(run, model, hidden, &logits));
  ATT_TRY(att_check_range(run->ctx, "class", batch->labels, logits.rows, model->config.label_count));
  return att_op_class_loss(run, &logits, batch->labels, smoothing, divisor, out);
}

static att_status measure(att_context *ctx, const double *scores, const att_truth *truth, size_t count, size_t outputs,
                          double *values) {
  att_class_metrics m;
  ATT_TRY(att_evaluate_classes(ctx, scores, truth->labels, count, outputs, &m));
  values[0] = m.accuracy;
  values[1] = m.macro_f1;
  values[2] = m.matthews;
  return ATT_OK;
}

static const char *const endings[] = {"ForSequenceClassification", "ForClassification", NULL};

const att_head_calls att_classes_head = {
    .name = "classes",
    .endings = endings,
    .common = true,
    .problem_type = "single_label_classification",
    .one_label = ATT_HEAD_VALUES, /* as Transformers has it */
    .kinds = {[ATT_DECODER] = {"a decoder that classifies", ATT_CAN(CLASSIFY)},
              [ATT_ENCODER] = {"an encoder that classifies", ATT_CAN(CLASSIFY)},
              [ATT_ENCODER_DECODER] = {"an encoder-decoder that classifies", ATT_CAN(CLASSIFY)}},
    .texts = true,
    .read = att_labels_read,
    .write = att_labels_write,
    .check = att_labels_check,
    .plan = att_head_plan_labels,
    .projection = "classifier",
    .logits = att_head_text_logits,
    .targets = att_text_targets,
    .loss = loss,
    .scores = att_softmax,
    .push = att_push_likeliest,
    .form = ATT_ONE_LABEL,
    .measures = {{"accuracy", "accuracy"}, {"macro-F1", "macro_f1"}, {"Matthews", "matthews"}},
    .measure = measure,
};
