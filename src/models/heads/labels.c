/* Owns the head of labels: a text has any of several labels; a sigmoid each over a projection of the text's vector. */
#include "models/head.h"

#include <math.h>

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  att_tensor logits;
  (void)smoothing;
  ATT_TRY(att_head_text_logits(run, model, hidden, &logits));
  return att_op_label_loss(run, &logits, batch->values, divisor, out);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void scores(const float *logits, int64_t count, double *out) {
  for (int64_t i = 0; i < count; i++) out[i] = sigmoid((double)logits[i]);
}

/* log s(x) has the slope s(-x). */
static int64_t push(const float *logits, int64_t count, float *gradient) {
  int64_t best = 0;
  for (int64_t i = 0; i < count; i++) {
    gradient[i] = 0;
    if (logits[i] > logits[best]) best = i;
  }
  gradient[best] = (float)sigmoid(-(double)logits[best]);
  return best;
}

static att_status measure(att_context *ctx, const double *scored, const att_truth *truth, size_t count, size_t outputs,
                          double *values) {
  att_label_metrics m;
  ATT_TRY(att_evaluate_labels(ctx, scored, truth->values, count, outputs, &m));
  values[0] = m.macro_f1;
  values[1] = m.micro_f1;
  values[2] = m.accuracy;
  return ATT_OK;
}

static const char *const endings[] = {"ForSequenceClassification", NULL};

const att_head_calls att_labels_head = {
    .name = "labels",
    .endings = endings,
    .common = true,
    .problem_type = "multi_label_classification",
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
    .scores = scores,
    .push = push,
    .form = ATT_SEVERAL_LABELS,
    .measures = {{"macro-F1", "macro_f1"}, {"micro-F1", "micro_f1"}, {"all labels right", "accuracy"}},
    .measure = measure,
};
