/*
 * Owns PatchTST's description (Nie et al. 2023) as Hugging Face has it: an encoder over patches of each channel by
 * itself (patching.h), positions that are added and, by default, batch normalisation, whose running statistics training
 * goes on with (tensor/ops/batch_norm.c); heads of forecasts and of classes. Refuses attention between channels, layers
 * or heads of their own for each channel, a class token, and distributions in place of values.
 */
#include "base/random.h"
#include "models/patching.h"
#include "models/transformer.h"

#include <math.h>
#include <string.h>

/* configuration_patchtst.py */
static const att_config class_defaults = {.family = ATT_PATCHTST,
                                          .kind = ATT_ENCODER,
                                          .head = ATT_HEAD_NONE,
                                          .position = ATT_SINUSOIDAL,
                                          .activation = ATT_GELU,
                                          .norm = ATT_NORM_BATCH,
                                          .norm_before = true,
                                          .feedforward_bias = true,
                                          .d_model = 128,
                                          .encoder_layers = 3,
                                          .encoder_attention_heads = 4,
                                          .encoder_ffn_dim = 512,
                                          .input_width = 1,
                                          .patching = {.channels = 1, .lookback = 32, .stride = 1, .pooled = true},
                                          .layer_norm_epsilon = 1e-5f,
                                          .pad = -1,
                                          .bos = -1,
                                          .eos = -1,
                                          .decoder_start = -1};

static const att_size_key sizes[] = {
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"num_hidden_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"num_attention_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"ffn_dim", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
};

/* ---- settings ------------------------------------------------------------------------------------------------- */

static att_status read_word(const att_settings *in, const char *key, const char *one, const char *other, bool *is_one) {
  const char *text = *is_one ? one : other;
  ATT_TRY(att_read_string(in, key, &text));
  *is_one = strcmp(text, one) == 0;
  if (*is_one || strcmp(text, other) == 0) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.60s\"; attend knows \"%s\" and \"%s\"", in->name, key, text,
                  one, other);
}

static att_status read_pooling(const att_settings *in, att_config *c) {
  const json_t *value = json_object_get(in->root, "pooling_type");
  const char *text = json_string_value(value);
  c->patching.pooled = !value || (text && strcmp(text, "mean") == 0);
  if (c->patching.pooled || json_is_null(value)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: pooling_type is neither \"mean\" nor null", in->name);
}

static att_status read_settings(const att_settings *in, att_config *c) {
  static const att_switch_key switches[] = {
      {"channel_attention", false}, {"share_embedding", true}, {"share_projection", true}, {"use_cls_token", false}};
  const char *loss = "mse";
  bool batch = true, sinusoidal = true;
  *c = class_defaults;
  ATT_TRY(att_refuse_switches(in, "patchtst", switches, ATT_COUNT(switches)));
  ATT_TRY(att_read_string(in, "loss", &loss));
  if (strcmp(loss, "mse") != 0) {
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: loss is \"%.60s\"; attend knows no distributions, only \"mse\"",
                    in->name, loss);
  }
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), c));
  ATT_TRY(att_patching_read(in, c));
  ATT_TRY(read_pooling(in, c));
  ATT_TRY(read_word(in, "norm_type", "batchnorm", "layernorm", &batch));
  ATT_TRY(read_word(in, "positional_encoding_type", "sincos", "random", &sinusoidal));
  c->norm = batch ? ATT_NORM_BATCH : ATT_NORM_LAYER;
  c->position = sinusoidal ? ATT_SINUSOIDAL : ATT_LEARNED;
  ATT_TRY(att_read_bool(in, "pre_norm", &c->norm_before));
  ATT_TRY(att_read_bool(in, "bias", &c->feedforward_bias));
  ATT_TRY(att_read_activation(in, "activation_function", &c->activation));
  ATT_TRY(att_read_float(in, "norm_eps", &c->layer_norm_epsilon));
  att_read_dropout(in, "path_dropout", c);
  c->max_position_embeddings = att_patch_count(c);
  return ATT_OK;
}

static bool plain(const att_config *c) {
  return (c->position == ATT_SINUSOIDAL || c->position == ATT_LEARNED) &&
         (c->norm == ATT_NORM_BATCH || c->norm == ATT_NORM_LAYER) && !c->gated && c->patching.quantile_count == 0 &&
         att_config_has_own_heads(c);
}

static void write_settings(att_object *out, const att_config *c) {
  att_put_sizes(out, sizes, ATT_COUNT(sizes), c);
  att_patching_write(out, c);
  if (c->patching.pooled)
    att_put_text(out, "pooling_type", "mean");
  else
    att_put(out, "pooling_type", "null");
  att_put_text(out, "norm_type", c->norm == ATT_NORM_BATCH ? "batchnorm" : "layernorm");
  att_put_text(out, "positional_encoding_type", c->position == ATT_SINUSOIDAL ? "sincos" : "random");
  att_put_bool(out, "pre_norm", c->norm_before);
  att_put_bool(out, "bias", c->feedforward_bias);
  att_put_text(out, "activation_function", att_activation_name(c->activation));
  att_put_real(out, "norm_eps", (double)c->layer_norm_epsilon, true);
  att_put_real(out, "path_dropout", (double)c->dropout, true);
  att_put_text(out, "loss", "mse");
  if (c->label_count) att_put_int(out, "num_targets", c->label_count);
}

static att_status check(att_context *ctx, const char *name, const att_config *c) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), c));
  ATT_TRY(att_patching_check(ctx, name, c));
  return att_check_transformer(ctx, name, "d_model", ATT_ENCODER, c);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static const att_stack_names patchtst_names = {
    .part = "encoder",
    .prefix = "model.encoder.",
    .layers = "layers.",
    .input = "embedder.input_embedding",
    .self_in = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
    .self_out = "self_attn.out_proj",
    .self_norm = "norm_sublayer1",
    .gate = "ff.gate",
    .up = "ff.0",
    .down = "ff.3",
    .feedforward_norm = "norm_sublayer3",
    .attention_bias = true,
    .other_bias = true,
};

static att_status add_positions(att_model *model, const char *prefix, att_stack *stack) {
  const att_config *c = &model->config;
  att_namer n = {.model = model, .part = "encoder positions"};
  strcpy(n.prefix, prefix);
  return att_name_add(&n, "positional_encoder.position_enc",
                      (att_parameter_plan){.rows = att_patch_count(c),
                                           .cols = c->d_model,
                                           .rank = 2,
                                           .fixed = c->position == ATT_SINUSOIDAL,
                                           .floats = true,
                                           .weight = &stack->positions,
                                           .frozen_row = -1});
}

static att_status plan(att_model *model) {
  att_stack_names stack = patchtst_names;
  att_transformer *layers;
  stack.other_bias = model->config.feedforward_bias;
  if (model->head->bare) stack.prefix = "encoder.";
  ATT_TRY(att_transformer_new(model, &layers));
  ATT_TRY(att_transformer_input(model, false, &stack));
  ATT_TRY(add_positions(model, stack.prefix, &layers->encoder));
  ATT_TRY(att_transformer_blocks(model, false, &stack));
  return att_head_plan(model);
}

/* Positions as PatchTSTPositionalEncoding makes them: sines and cosines in turn, less their mean and of a tenth of
 * their deviation, or N(0, 1) to be learned: beside small patches, so that a new network is near to a linear one. New
 * batch norms do nothing. */
static void initialise(att_model *model, uint64_t seed) {
  att_stack *stack = &((att_transformer *)model->layers)->encoder;
  const att_weight *p = &stack->positions;
  float *x = (float *)(uintptr_t)p->data;
  int64_t count = p->rows * p->cols;
  double sum = 0, squares = 0;
  for (int64_t i = 0; model->config.norm == ATT_NORM_BATCH && i < stack->layers; i++) {
    const att_weight *variances[] = {&stack->blocks[i].self_norm.variance, &stack->blocks[i].feedforward_norm.variance};
    for (int k = 0; k < 2; k++)
      for (int64_t c = 0; c < variances[k]->cols; c++) ((float *)(uintptr_t)variances[k]->data)[c] = 1;
  }
  uint64_t key = att_key(seed, 0x706f73);
  for (int64_t i = 0; i < count && model->config.position == ATT_LEARNED; i++)
    x[i] = (float)att_normal(key, (uint64_t)i);
  if (model->config.position != ATT_SINUSOIDAL) return;
  for (int64_t i = 0; i < count; i++) {
    int64_t col = i % p->cols;
    double angle = (double)(i / p->cols) * exp((double)(col - col % 2) * -log(10000.0) / (double)p->cols);
    x[i] = (float)(col % 2 ? cos(angle) : sin(angle));
    sum += (double)x[i];
  }
  double mean = sum / (double)count;
  for (int64_t i = 0; i < count; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
  double deviation = sqrt(squares / (double)(count > 1 ? count - 1 : 1));
  for (int64_t i = 0; i < count; i++) x[i] = (float)(((double)x[i] - mean) / (deviation * 10));
}

/* ---- for heads ------------------------------------------------------------------------------------------------ */

/* Rows that lie one behind the other as one: nothing moves. */
static att_tensor join_rows(att_tensor x, int64_t count) {
  x.rows /= count;
  x.cols *= count;
  x.stride *= count;
  return x;
}

/* Of a forecast a vector a window and channel; of classes one a window, its channels side by side. */
static att_status pool(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *vectors) {
  const att_config *c = &model->config;
  bool forecasts = c->head == ATT_HEAD_FORECAST;
  if (forecasts && !c->patching.pooled) {
    *vectors = join_rows(hidden->rows, att_patch_count(c));
    return ATT_OK;
  }
  ATT_TRY(att_op_mean(run, &hidden->rows, hidden->sequences, vectors));
  if (!forecasts) *vectors = join_rows(*vectors, c->patching.channels);
  return ATT_OK;
}

static const char *const ignored[] = {"num_batches_tracked", "head.", NULL};

static const att_head_form forms[] = {{.ending = "ForPrediction", .projection = "head.projection"},
                                      {.ending = "ForClassification", .projection = "head.linear"},
                                      {.ending = "Model"},
                                      {.ending = NULL}};

const att_family_calls att_patchtst_calls = {
    .read = read_settings,
    .write = write_settings,
    .stem = "PatchTST",
    .forms = forms,
    .plain = plain,
    .rows = true,
    .check = check,
    .plan = plan,
    .prefix = "model.",
    .ignored = ignored,
    .small_weights = true,
    .initialise = initialise,
    .free = att_transformer_free,
    .encode = att_transformer_encode,
    .pool = pool,
};
