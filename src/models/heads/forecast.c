/*
 * Owns the head of forecasts: of each channel's window the values that follow, their mean and, behind it, quantiles. A
 * linear layer over what the body makes of the window, whose instance normalisation is undone (patching.h). It learns
 * from the squared error of the mean and the quantiles' pinball loss, which add up.
 */
#include "models/head.h"
#include "models/patching.h"

static int64_t blocks_of(const att_config *c) { return 1 + c->patching.quantile_count; }

static att_status read_keys(const att_settings *in, att_config *c) {
  att_patching *p = &c->patching;
  const json_t *list = json_object_get(in->root, "quantiles");
  ATT_TRY(att_patching_read(in, c));
  p->horizon = 24; /* configuration_patchtst.py */
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "prediction_length", false, 1, ATT_LARGEST_SIZE, &p->horizon));
  size_t count = json_array_size(list);
  if ((list && !json_is_null(list) && !json_is_array(list)) || count > ATT_MOST_QUANTILES) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: quantiles must be a list of at most %d", in->name, ATT_MOST_QUANTILES);
  }
  p->quantile_count = (int64_t)count;
  for (size_t i = 0; i < count; i++) p->quantiles[i] = (float)json_number_value(json_array_get(list, i));
  return ATT_OK;
}

/* A folder of patchtst has the patches' keys from its family. */
static void write_keys(att_object *out, const att_config *c) {
  const att_patching *p = &c->patching;
  char text[32];
  if (c->family != ATT_PATCHTST) att_patching_write(out, c);
  att_put_int(out, "prediction_length", p->horizon);
  if (p->quantile_count == 0) return;
  att_put(out, "quantiles", "[");
  for (int64_t i = 0; i < p->quantile_count; i++) {
    att_put_more(out, i ? ", " : "");
    att_put_more(out, att_number_spell_float(p->quantiles[i], text));
  }
  att_put_more(out, "]");
}

static att_status check(att_context *ctx, const char *name, const att_config *c) {
  const att_patching *p = &c->patching;
  if (!p->lookback) return att_fail(ctx, ATT_FORMAT, "%s: a head of forecasts needs a context_length", name);
  ATT_TRY(att_patching_check(ctx, name, c));
  if (p->horizon < 1 || p->horizon * blocks_of(c) > ATT_LARGEST_SIZE) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: a prediction_length of %lld cannot be", name, (long long)p->horizon);
  }
  for (int64_t i = 0; i < p->quantile_count; i++) {
    if (p->quantiles[i] > 0 && p->quantiles[i] < 1 && (i == 0 || p->quantiles[i] > p->quantiles[i - 1])) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: quantiles must rise and lie between 0 and 1", name);
  }
  return ATT_OK;
}

static att_status plan(att_model *model) {
  return att_head_plan_projection(model, model->config.patching.horizon * blocks_of(&model->config));
}

static att_status logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *out) {
  att_tensor vectors, normed;
  if (!hidden->scales) return att_fail(run->ctx, ATT_ARGUMENT, "a forecast needs windows");
  ATT_TRY(model->calls->pool(run, model, hidden, &vectors));
  ATT_TRY(att_head_project(run, model, &vectors, &normed));
  return att_op_scale_rows(run, &normed, hidden->scales, out);
}

/* values: [windows * channels, horizon]. */
static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  const att_patching *p = &model->config.patching;
  att_tensor all;
  (void)smoothing;
  ATT_TRY(logits(run, model, hidden, &all));
  return att_op_forecast_loss(run, &all, batch->values, p->quantiles, p->quantile_count, divisor, out);
}

static int64_t targets(const att_model *model, const att_batch *batch) {
  return batch->source.sequences.count * model->config.patching.channels;
}

static void scores(const float *values, int64_t count, double *out) {
  for (int64_t i = 0; i < count; i++) out[i] = (double)values[i];
}

/* The mean of all that is forecast. */
static int64_t push(const float *values, int64_t count, float *gradient) {
  (void)values;
  for (int64_t i = 0; i < count; i++) gradient[i] = 1 / (float)count;
  return 0;
}

static const char *const endings[] = {"ForPrediction", NULL};

const att_head_calls att_forecast_head = {
    .name = "forecast",
    .endings = endings,
    .kinds = {[ATT_ENCODER] = {"an encoder that forecasts", ATT_CAN(FORECAST)}},
    .read = read_keys,
    .write = write_keys,
    .check = check,
    .plan = plan,
    .projection = "head.projection",
    .logits = logits,
    .targets = targets,
    .loss = loss,
    .scores = scores,
    .push = push,
};
