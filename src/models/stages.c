/* Owns the table of stages. See stages.h; names, defaults and formulas are those of sentence-transformers 6. */
#include "models/stages.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "tensor/ops.h"
#include "tensor/product.h"

#include <math.h>
#include <string.h>

#define LARGEST_SIZE ((int64_t)1 << 20)
#define COUNT(list)  (sizeof(list) / sizeof *(list))

typedef struct reader {
  att_context *ctx;
  const char *folder, *path; /* path: its config.json */
  const json_t *config;      /* empty where there is no file */
  att_stage *stage;
} reader;

/* Widths, as they come out of the stages before; sentences 0: not pooled yet. */
typedef struct widths {
  int64_t tokens, sentences;
} widths;

struct att_stage_kind {
  const char *name;
  att_status (*read)(const reader *r);
  att_status (*fit)(att_context *ctx, const att_stage *stage, att_pooling pooling, widths *widths);
  att_status (*run)(att_run *run, const att_stage *stage, att_pooling pooling, att_staged *staged);
};

/* ---- what the readers share ------------------------------------------------------------------------------------ */

/* Which feature a stage works on: it must write what it reads. */
static att_status read_feature(const reader *r) {
  const char *in = "sentence_embedding", *out = NULL;
  ATT_TRY(att_json_string(r->ctx, r->path, r->config, "module_input_name", false, &in));
  out = in;
  ATT_TRY(att_json_string(r->ctx, r->path, r->config, "module_output_name", false, &out));
  r->stage->of_tokens = strcmp(in, "token_embeddings") == 0;
  if (strcmp(in, out) == 0 && (r->stage->of_tokens || strcmp(in, "sentence_embedding") == 0)) return ATT_OK;
  return att_fail(r->ctx, ATT_UNSUPPORTED,
                  "%s: from %.60s to %.60s is not supported: attend's stages work on "
                  "sentence_embedding, or on token_embeddings, in place",
                  r->path, in, out);
}

const char *att_class_name(const char *path, const char *package) {
  return strncmp(path, package, strlen(package)) == 0 ? strrchr(path, '.') + 1 : NULL;
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

typedef struct wanted {
  const char *name;
  int64_t rows, cols; /* a vector: rows 0 */
  float **out;
} wanted;

static att_status copy_tensor(const reader *r, const att_tensor_file *file, const wanted *want) {
  const att_stored *stored = att_tensor_file_find(file, want->name);
  const char *path = file->path;
  const att_kernels *k = att_kernels_get();
  if (!stored) return att_fail(r->ctx, ATT_FORMAT, "%s: tensor %s is missing", path, want->name);
  bool shaped = want->rows ? stored->rank == 2 && stored->shape[0] == want->rows && stored->shape[1] == want->cols
                           : stored->rank == 1 && stored->shape[0] == want->cols;
  if (!shaped) {
    return att_fail(r->ctx, ATT_FORMAT, "%s: tensor %s has another shape than its config.json asks for (%lld x %lld)",
                    path, want->name, (long long)want->rows, (long long)want->cols);
  }
  if (stored->type >= ATT_FLOAT_TYPES) {
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: tensor %s is not of a float type that attend reads", path,
                    want->name);
  }
  *want->out = att_take_aligned(r->ctx, (size_t)stored->count, sizeof(float));
  if (!*want->out) return ATT_MEMORY;
  k->to_f32(*want->out, stored->data, stored->type, stored->count);
  if (isfinite(k->sum_squares(*want->out, stored->count))) return ATT_OK;
  return att_fail(r->ctx, ATT_NUMERIC, "%s: tensor %s holds NaN or infinity", path, want->name);
}

static att_status refuse_others(const reader *r, const att_tensor_file *file, const wanted *want, size_t count) {
  for (size_t i = 0; i < file->count; i++) {
    const char *name = file->tensors[i].name;
    bool found = false;
    for (size_t k = 0; k < count && !found; k++) found = strcmp(name, want[k].name) == 0;
    if (found) continue;
    return att_fail(r->ctx, ATT_FORMAT, "%s: tensor %.100s does not belong to a stage %s with this config.json",
                    file->path, name, r->stage->kind->name);
  }
  return ATT_OK;
}

static att_status read_weights(const reader *r, const wanted *want, size_t count) {
  att_tensor_file *file = NULL;
  char *path = att_path(r->ctx, r->folder, "model.safetensors"),
       *other = att_path(r->ctx, r->folder, "pytorch_model.bin");
  att_status status = path && other ? ATT_OK : ATT_MEMORY;
  if (!status && !att_file_exists(path) && att_file_exists(other)) {
    status = att_fail(r->ctx, ATT_UNSUPPORTED,
                      "%s: attend does not read pytorch_model.bin: open the folder with "
                      "sentence-transformers and save it anew, which writes model.safetensors",
                      other);
  }
  if (!status) status = att_safetensors_open(r->ctx, path, &file);
  if (!status) status = refuse_others(r, file, want, count);
  for (size_t i = 0; i < count && !status; i++) status = copy_tensor(r, file, &want[i]);
  att_tensor_file_close(file);
  att_free(r->ctx, path);
  att_free(r->ctx, other);
  return status;
}

/* ---- Pooling --------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name, *key; /* pooling_mode since 5.4; of the older flags, in the order that they are joined in */
  att_pooling pooling;
} poolings[] = {
    {"cls", "pooling_mode_cls_token", ATT_POOL_FIRST},
    {"max", "pooling_mode_max_tokens", ATT_POOL_MAX},
    {"mean", "pooling_mode_mean_tokens", ATT_POOL_MEAN},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", ATT_POOL_MEAN_SQRT_LEN},
    {"weightedmean", "pooling_mode_weightedmean_tokens", ATT_POOL_WEIGHTED_MEAN},
    {"lasttoken", "pooling_mode_lasttoken", ATT_POOL_LAST},
};

static att_status add_pooling(const reader *r, const json_t *mode) {
  const char *name = json_string_value(mode);
  att_stage *stage = r->stage;
  if (!name) return att_fail(r->ctx, ATT_FORMAT, "%s: pooling_mode is neither a name nor a list of names", r->path);
  if (stage->pooling_count == ATT_MOST_POOLINGS) {
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: pooling_mode joins more than %d", r->path, ATT_MOST_POOLINGS);
  }
  for (size_t i = 0; i < COUNT(poolings); i++) {
    if (strcmp(name, poolings[i].name) != 0) continue;
    stage->poolings[stage->pooling_count++] = poolings[i].pooling;
    return ATT_OK;
  }
  return att_fail(r->ctx, ATT_UNSUPPORTED,
                  "%s: pooling_mode \"%.60s\" is none of cls, max, mean, mean_sqrt_len_tokens, "
                  "weightedmean, lasttoken",
                  r->path, name);
}

static att_status read_flags(const reader *r) {
  att_stage *stage = r->stage;
  for (size_t i = 0; i < COUNT(poolings); i++) {
    bool on = false;
    ATT_TRY(att_json_bool(r->ctx, r->path, r->config, poolings[i].key, false, &on));
    if (on) stage->poolings[stage->pooling_count++] = poolings[i].pooling;
  }
  if (stage->pooling_count == 0) stage->poolings[stage->pooling_count++] = ATT_POOL_MEAN;
  return ATT_OK;
}

static att_status read_pooling(const reader *r) {
  static const char *const known[] = {"embedding_dimension",
                                      "word_embedding_dimension",
                                      "include_prompt",
                                      "pooling_mode",
                                      "pooling_mode_cls_token",
                                      "pooling_mode_max_tokens",
                                      "pooling_mode_mean_tokens",
                                      "pooling_mode_mean_sqrt_len_tokens",
                                      "pooling_mode_weightedmean_tokens",
                                      "pooling_mode_lasttoken"};
  const json_t *mode = json_object_get(r->config, "pooling_mode");
  bool include = true;
  att_json_warn_of_others(r->ctx, r->path, r->config, "", known, COUNT(known));
  if (json_object_size(r->config) == 0) return att_fail(r->ctx, ATT_FORMAT, "%s: is missing or empty", r->path);
  ATT_TRY(att_json_bool(r->ctx, r->path, r->config, "include_prompt", false, &include));
  r->stage->leave_prompt_out = !include;
  if (!mode) return read_flags(r);
  if (!json_is_array(mode) || json_array_size(mode) == 0) return add_pooling(r, mode);
  for (size_t i = 0; i < json_array_size(mode); i++) ATT_TRY(add_pooling(r, json_array_get(mode, i)));
  return ATT_OK;
}

static int poolings_of(const att_stage *stage, const att_pooling *instead, const att_pooling **list) {
  *list = *instead == ATT_POOL_DEFAULT ? stage->poolings : instead;
  return *instead == ATT_POOL_DEFAULT ? stage->pooling_count : 1;
}

static att_status fit_pooling(att_context *ctx, const att_stage *stage, att_pooling pooling, widths *w) {
  const att_pooling *list;
  (void)ctx;
  w->sentences = w->tokens * poolings_of(stage, &pooling, &list);
  return ATT_OK;
}

/* What each row of a sequence weighs: row r of [first, end), of which the pooling sees those from `begin`. */
static double weight_of(att_pooling pooling, int64_t first, int64_t begin, int64_t end, int64_t row) {
  bool mean = pooling == ATT_POOL_MEAN || pooling == ATT_POOL_MEAN_SQRT_LEN;
  if (pooling == ATT_POOL_FIRST) return row == (begin < end ? begin : first);
  if (pooling == ATT_POOL_LAST) return row == end - 1 && begin < end;
  if (row < begin) return 0;
  return mean ? 1 : (double)(row - first + 1); /* a prompt that is left out counts among the places */
}

static double divisor_of(att_pooling pooling, double weights) {
  if (pooling == ATT_POOL_FIRST || pooling == ATT_POOL_LAST) return 1;
  double least = weights > 1e-9 ? weights : 1e-9;
  return pooling == ATT_POOL_MEAN_SQRT_LEN ? sqrt(least) : least;
}

static void pool_largest(const att_tensor *tokens, int64_t begin, int64_t end, float *vector) {
  for (int64_t c = 0; c < tokens->cols; c++) vector[c] = -INFINITY;
  for (int64_t r = begin; r < end; r++) {
    const float *row = tokens->data + r * tokens->stride;
    for (int64_t c = 0; c < tokens->cols; c++) vector[c] = row[c] > vector[c] || isnan(row[c]) ? row[c] : vector[c];
  }
}

/* sums: scratch of [cols] */
static void pool(const att_tensor *tokens, int64_t first, int64_t begin, int64_t end, att_pooling pooling, double *sums,
                 float *vector) {
  double weights = 0;
  if (pooling == ATT_POOL_MAX) {
    pool_largest(tokens, begin, end, vector);
    return;
  }
  memset(sums, 0, (size_t)tokens->cols * sizeof *sums);
  for (int64_t r = first; r < end; r++) {
    const float *row = tokens->data + r * tokens->stride;
    double weight = weight_of(pooling, first, begin, end, r);
    if (weight == 0) continue;
    weights += weight;
    for (int64_t c = 0; c < tokens->cols; c++) sums[c] += weight * (double)row[c];
  }
  double divisor = divisor_of(pooling, weights);
  for (int64_t c = 0; c < tokens->cols; c++) vector[c] = (float)(sums[c] / divisor);
}

static att_status run_pooling(att_run *run, const att_stage *stage, att_pooling pooling, att_staged *s) {
  const att_pooling *list;
  int count = poolings_of(stage, &pooling, &list);
  const int64_t *start = s->sequences.start, cols = s->tokens.cols;
  double *sums = ATT_ARENA_NEW(run->arena, cols, double);
  if (!sums) return ATT_MEMORY;
  ATT_TRY(att_tensor_new(run, s->sequences.count, cols * count, &s->sentences));
  for (int64_t i = 0; i < s->sequences.count; i++) {
    int64_t begin = start[i] + (stage->leave_prompt_out ? s->prompt_tokens : 0), end = start[i + 1];
    if (begin > end) begin = end;
    for (int k = 0; k < count; k++) {
      pool(&s->tokens, start[i], begin, end, list[k], sums, s->sentences.data + (i * count + k) * cols);
    }
  }
  return ATT_OK;
}

/* ---- Dense ----------------------------------------------------------------------------------------------------- */

static float identity(float x) { return x; }
static float relu(float x) { return x > 0 ? x : 0; }
static float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678118654752440f)); }
static float sigmoid(float x) { return 1 / (1 + expf(-x)); }
static float silu(float x) { return x * sigmoid(x); }
static float leaky_relu(float x) { return x > 0 ? x : 0.01f * x; }
static float elu(float x) { return x > 0 ? x : expm1f(x); }
static float selu(float x) { return 1.05070098735548049342f * (x > 0 ? x : 1.67326324235437728481f * expm1f(x)); }
static float softplus(float x) { return x > 20 ? x : log1pf(expf(x)); }
static float softsign(float x) { return x / (1 + fabsf(x)); }
static float mish(float x) { return x * tanhf(softplus(x)); }
static float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
static float relu6(float x) { return clamp(x, 0, 6); }
static float hardtanh(float x) { return clamp(x, -1, 1); }
static float hardsigmoid(float x) { return clamp(x + 3, 0, 6) / 6; }
static float hardswish(float x) { return x * hardsigmoid(x); }
static float log_sigmoid(float x) { return x < 0 ? x - log1pf(expf(x)) : -log1pf(expf(-x)); }
static float tanhshrink(float x) { return x - tanhf(x); }

/* Those of torch.nn that have no parameters, with torch's defaults. */
static const struct {
  const char *name;
  float (*apply)(float x);
} activations[] = {{"Identity", identity},
                   {"Tanh", tanhf},
                   {"ReLU", relu},
                   {"GELU", gelu},
                   {"SiLU", silu},
                   {"Sigmoid", sigmoid},
                   {"LeakyReLU", leaky_relu},
                   {"ELU", elu},
                   {"CELU", elu},
                   {"SELU", selu},
                   {"Softplus", softplus},
                   {"Softsign", softsign},
                   {"Mish", mish},
                   {"ReLU6", relu6},
                   {"Hardtanh", hardtanh},
                   {"Hardsigmoid", hardsigmoid},
                   {"Hardswish", hardswish},
                   {"LogSigmoid", log_sigmoid},
                   {"Tanhshrink", tanhshrink}};

float (*att_torch_activation(const char *path))(float) {
  const char *name = att_class_name(path, "torch.nn.");
  for (size_t i = 0; name && i < COUNT(activations); i++)
    if (strcmp(name, activations[i].name) == 0) return activations[i].apply;
  return NULL;
}

static att_status read_activation(const reader *r) {
  const char *path = "torch.nn.Tanh";
  ATT_TRY(att_json_string(r->ctx, r->path, r->config, "activation_function", false, &path));
  r->stage->activation = att_torch_activation(path);
  if (r->stage->activation) return ATT_OK;
  return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: activation_function \"%.100s\" is not one that attend knows", r->path,
                  path);
}

static att_status read_dense(const reader *r) {
  static const char *const known[] = {"in_features",       "out_features",       "bias",        "activation_function",
                                      "module_input_name", "module_output_name", "use_residual"};
  att_stage *s = r->stage;
  bool bias = true;
  att_json_warn_of_others(r->ctx, r->path, r->config, "", known, COUNT(known));
  ATT_TRY(att_json_int(r->ctx, r->path, r->config, "in_features", true, 1, LARGEST_SIZE, &s->in));
  ATT_TRY(att_json_int(r->ctx, r->path, r->config, "out_features", true, 1, LARGEST_SIZE, &s->out));
  ATT_TRY(att_json_bool(r->ctx, r->path, r->config, "bias", false, &bias));
  ATT_TRY(att_json_bool(r->ctx, r->path, r->config, "use_residual", false, &s->residual));
  ATT_TRY(read_activation(r));
  ATT_TRY(read_feature(r));
  wanted want[3] = {{"linear.weight", s->out, s->in, &s->weight}};
  size_t count = 1;
  if (bias) want[count++] = (wanted){"linear.bias", 0, s->out, &s->bias};
  if (s->residual && s->in != s->out) {
    want[count++] = (wanted){"residual.weight", s->out, s->in, &s->residual_weight};
  }
  return read_weights(r, want, count);
}

/* Whether a stage that has weights gets rows of their width; *width becomes what it gives. */
static att_status fit_width(att_context *ctx, const att_stage *stage, int64_t *width) {
  const char *what = stage->of_tokens ? "tokens" : "sentences";
  if (*width == 0) return att_fail(ctx, ATT_FORMAT, "%s: stands before any pooling of the tokens", stage->name);
  if (*width != stage->in) {
    return att_fail(ctx, ATT_FORMAT, "%s: takes %s' vectors of %lld numbers, but gets %lld", stage->name, what,
                    (long long)stage->in, (long long)*width);
  }
  *width = stage->out;
  return ATT_OK;
}

static att_status fit_dense(att_context *ctx, const att_stage *stage, att_pooling pooling, widths *w) {
  (void)pooling;
  return fit_width(ctx, stage, stage->of_tokens ? &w->tokens : &w->sentences);
}

static att_status run_dense(att_run *run, const att_stage *stage, att_pooling pooling, att_staged *s) {
  att_tensor *x = stage->of_tokens ? &s->tokens : &s->sentences, y, residual;
  int64_t n = stage->out;
  att_weight weight = {.data = stage->weight, .type = ATT_F32, .rows = n, .cols = stage->in};
  (void)pooling;
  ATT_TRY(att_tensor_new(run, x->rows, n, &y));
  ATT_TRY(att_product(run, y.data, n, x->data, x->stride, x->rows, &weight));
  for (int64_t r = 0; r < y.rows; r++) {
    float *row = y.data + r * n, *input = x->data + r * x->stride;
    for (int64_t c = 0; c < n; c++) {
      row[c] = stage->activation(row[c] + (stage->bias ? stage->bias[c] : 0));
      if (stage->residual && !stage->residual_weight) row[c] += input[c];
    }
  }
  if (stage->residual_weight) {
    weight.data = stage->residual_weight;
    ATT_TRY(att_tensor_new(run, x->rows, n, &residual));
    ATT_TRY(att_product(run, residual.data, n, x->data, x->stride, x->rows, &weight));
    att_kernels_get()->add(y.data, residual.data, x->rows * n);
  }
  *x = y;
  return ATT_OK;
}

/* ---- Normalize, LayerNorm, Dropout ----------------------------------------------------------------------------- */

static att_status read_normalize(const reader *r) { return read_feature(r); }

/* Before a pooling there is nothing to scale, which sentence-transformers passes over. */
static att_status fit_any(att_context *ctx, const att_stage *stage, att_pooling pooling, widths *w) {
  (void)ctx, (void)stage, (void)pooling, (void)w;
  return ATT_OK;
}

static att_status run_normalize(att_run *run, const att_stage *stage, att_pooling pooling, att_staged *s) {
  att_tensor *x = stage->of_tokens ? &s->tokens : &s->sentences, y;
  (void)pooling;
  if (!x->data) return ATT_OK;
  ATT_TRY(att_tensor_new(run, x->rows, x->cols, &y));
  for (int64_t r = 0; r < y.rows; r++) {
    const float *row = x->data + r * x->stride;
    double square = 0;
    for (int64_t c = 0; c < y.cols; c++) square += (double)row[c] * (double)row[c];
    double length = sqrt(square) > 1e-12 ? sqrt(square) : 1e-12; /* torch.nn.functional.normalize's */
    for (int64_t c = 0; c < y.cols; c++) y.data[r * y.cols + c] = (float)((double)row[c] / length);
  }
  *x = y;
  return ATT_OK;
}

static att_status read_layer_norm(const reader *r) {
  static const char *const known[] = {"dimension"};
  att_stage *s = r->stage;
  att_json_warn_of_others(r->ctx, r->path, r->config, "", known, COUNT(known));
  ATT_TRY(att_json_int(r->ctx, r->path, r->config, "dimension", true, 1, LARGEST_SIZE, &s->in));
  s->out = s->in;
  const wanted want[] = {{"norm.weight", 0, s->in, &s->weight}, {"norm.bias", 0, s->in, &s->bias}};
  return read_weights(r, want, COUNT(want));
}

static att_status run_layer_norm(att_run *run, const att_stage *stage, att_pooling pooling, att_staged *s) {
  att_weight gamma = {.data = stage->weight, .type = ATT_F32, .rows = 1, .cols = stage->in, .frozen_row = -1};
  att_weight beta = gamma;
  att_tensor y;
  (void)pooling;
  beta.data = stage->bias;
  ATT_TRY(att_op_layer_norm(run, &s->sentences, &gamma, &beta, 1e-5f, &y));
  s->sentences = y;
  return ATT_OK;
}

static att_status read_dropout(const reader *r) {
  static const char *const known[] = {"dropout"};
  att_json_warn_of_others(r->ctx, r->path, r->config, "", known, COUNT(known));
  return ATT_OK;
}

/* Nothing drops out when a model runs. */
static att_status run_dropout(att_run *run, const att_stage *stage, att_pooling pooling, att_staged *s) {
  (void)run, (void)stage, (void)pooling, (void)s;
  return ATT_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static const att_stage_kind kinds[] = {
    {"Pooling", read_pooling, fit_pooling, run_pooling},   {"Dense", read_dense, fit_dense, run_dense},
    {"Normalize", read_normalize, fit_any, run_normalize}, {"LayerNorm", read_layer_norm, fit_dense, run_layer_norm},
    {"Dropout", read_dropout, fit_any, run_dropout},
};

static att_status read_config(att_context *ctx, const char *path, json_t **config) {
  *config = NULL;
  if (att_file_exists(path)) {
    ATT_TRY(att_json_open(ctx, path, config));
    if (json_is_object(*config)) return ATT_OK;
    return att_fail(ctx, ATT_FORMAT, "%s: is not a JSON object", path);
  }
  *config = json_object();
  return *config ? ATT_OK : att_fail(ctx, ATT_MEMORY, "%s: no memory", path);
}

static att_status read_stage(att_context *ctx, const char *folder, att_stage *out) {
  json_t *config = NULL;
  char *path = att_path(ctx, folder, "config.json");
  out->name = att_copy_text(ctx, folder, strlen(folder));
  att_status status = path && out->name ? read_config(ctx, path, &config) : ATT_MEMORY;
  const reader r = {ctx, folder, path, config, out};
  if (!status) status = out->kind->read(&r);
  json_decref(config);
  att_free(ctx, path);
  return status;
}

att_status att_stage_read(att_context *ctx, const char *type, const char *folder, att_stage *out) {
  *out = (att_stage){0};
  for (size_t i = 0; i < COUNT(kinds) && !out->kind; i++) {
    if (strcmp(type, kinds[i].name) == 0) out->kind = &kinds[i];
  }
  if (!out->kind) {
    return att_fail(ctx, ATT_UNSUPPORTED,
                    "%s: attend does not run the stage %.60s: it runs Transformer, Pooling, Dense, "
                    "Normalize, LayerNorm and Dropout",
                    folder, type);
  }
  att_status status = read_stage(ctx, folder, out);
  if (status) att_stage_free(ctx, out);
  return status;
}

att_stage att_stage_pooling(att_pooling pooling) {
  return (att_stage){.kind = &kinds[0], .poolings = {pooling}, .pooling_count = 1};
}

void att_stage_free(att_context *ctx, att_stage *stage) {
  att_free(ctx, stage->name);
  att_free_aligned(ctx, stage->weight);
  att_free_aligned(ctx, stage->bias);
  att_free_aligned(ctx, stage->residual_weight);
  *stage = (att_stage){0};
}

bool att_stage_normalises(const att_stage *stage) { return stage->kind->run == run_normalize && !stage->of_tokens; }
bool att_stage_pools(const att_stage *stage) { return stage->kind->run == run_pooling; }
bool att_stage_leaves_prompt_out(const att_stage *stage) { return stage->leave_prompt_out; }

att_status att_stages_width(att_context *ctx, const att_stage *stages, size_t count, att_pooling pooling,
                            int64_t tokens, int64_t *width) {
  widths w = {tokens, 0};
  *width = 0;
  for (size_t i = 0; i < count; i++) ATT_TRY(stages[i].kind->fit(ctx, &stages[i], pooling, &w));
  *width = w.sentences;
  return ATT_OK;
}

att_status att_stages_run(att_run *run, const att_stage *stages, size_t count, att_pooling pooling,
                          att_staged *staged) {
  for (size_t i = 0; i < count; i++) ATT_TRY(stages[i].kind->run(run, &stages[i], pooling, staged));
  return ATT_OK;
}
