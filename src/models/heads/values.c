/* Owns the head of values: numbers of a text; the squared error of a projection of the text's vector. */
#include "models/head.h"

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  att_tensor values;
  (void)smoothing;
  ATT_TRY(att_head_text_logits(run, model, hidden, &values));
  return att_op_value_loss(run, &values, batch->values, divisor, out);
}

static void scores(const float *values, int64_t count, double *out) {
  for (int64_t i = 0; i < count; i++) out[i] = (double)values[i];
}

/* The first one itself. */
static int64_t push(const float *values, int64_t count, float *gradient) {
  (void)values;
  for (int64_t i = 0; i < count; i++) gradient[i] = i == 0;
  return 0;
}

static att_status measure(att_context *ctx, const double *scored, const att_truth *truth, size_t count, size_t outputs,
                          double *values) {
  att_value_metrics m;
  (void)outputs; /* one: a file has a number a text */
  ATT_TRY(att_evaluate_values(ctx, scored, truth->values, count, &m));
  values[0] = m.pearson;
  values[1] = m.spearman;
  values[2] = m.mean_squared_error;
  return ATT_OK;
}

static const char *const endings[] = {"ForSequenceClassification", NULL};

const att_head_calls att_values_head = {
    .name = "values",
    .endings = endings,
    .common = true,
    .problem_type = "regression",
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
    .form = ATT_NUMBER,
    .measures = {{"Pearson", "pearson"}, {"Spearman", "spearman"}, {"squared error", "mean_squared_error"}},
    .quality = 1,
    .measure = measure,
};
