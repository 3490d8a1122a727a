/*
 * Owns the training options: their checks, and the choice of everything that was left open. Refuses values that cannot
 * be, by name. The reasons for the defaults are in docs/TRAINING.md.
 */
#include "train/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void att_train_options_default(att_train_options *options) {
  *options = (att_train_options){
      .activation = -1,
      .norm_order = -1,
      .position = -1,
      .schedule = -1,
      .weight_decay = -1,
      .beta1 = -1,
      .beta2 = -1,
      .clip = -1,
      .dropout = -1,
      .label_smoothing = -1,
      .bpe_dropout = -1,
      .patience = -1,
  };
}

typedef struct att_size {
  const char *name;
  int64_t layers, width, heads, feedforward;
} att_size;

static const att_size sizes[] = {
    {"tiny", 2, 128, 4, 512},
    {"small", 3, 256, 4, 1024},
    {"base", 6, 512, 8, 2048},
    {"big", 6, 1024, 16, 4096},
};

static const att_size *size_named(const char *name) {
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (strcmp(sizes[i].name, name) == 0) return &sizes[i];
  return NULL;
}

/* ---- values as a person writes them ---------------------------------------------------------------------------- */

typedef struct att_spelling {
  const char *name, *values[4];
} att_spelling;

static const att_spelling spellings[] = {
    {"activation", {"relu", "gelu", "silu"}},
    {"norm-order", {"before", "after"}},
    {"position", {"sinusoidal", "learned"}},
    {"schedule", {"cosine", "linear", "inverse-sqrt", "constant"}},
    {"from", {"not given", "given"}},
    {"tie", {"no", "yes"}},
    {"lowercase", {"no", "yes"}},
};

/* The value of the option `name`: its word, or its number written into text. */
static const char *spell(const char *name, double value, char text[32]) {
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    if (strcmp(spellings[i].name, name) != 0 || !(value >= 0 && value < 4)) continue;
    const char *word = spellings[i].values[(int)value];
    if (word) return word;
  }
  snprintf(text, 32, "%.10g", value);
  return text;
}

/* ---- what was asked for --------------------------------------------------------------------------------------- */

static att_status check_paths(att_context *ctx, const att_train_options *o) {
  if (!o->source || !o->target) return att_fail(ctx, ATT_ARGUMENT, "training needs a source and a target file");
  if (!o->out || !*o->out) return att_fail(ctx, ATT_ARGUMENT, "training needs a folder to write to (out)");
  if (!o->valid_source != !o->valid_target) {
    return att_fail(ctx, ATT_ARGUMENT, "valid-source and valid-target belong together: give both or neither");
  }
  return ATT_OK;
}

typedef struct att_range {
  const char *name;
  double value, low, high;
} att_range;

static att_status check_ranges(att_context *ctx, const att_range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const att_range *r = &ranges[i];
    if (!(r->value >= r->low && r->value <= r->high)) {
      return att_fail(ctx, ATT_ARGUMENT, "%s is %.10g: it must be in %.10g to %.10g", r->name, r->value, r->low,
                      r->high);
    }
  }
  return ATT_OK;
}

static att_status check_counts(att_context *ctx, const att_train_options *o) {
  const att_range ranges[] = {
      {"steps", (double)o->steps, 0, 1e12},
      {"epochs", o->epochs, 0, 1e6},
      {"minutes", o->minutes, 0, 1e7},
      {"encoder-layers", o->encoder_layers, 0, 256},
      {"decoder-layers", o->decoder_layers, 0, 256},
      {"width", o->width, 0, 65536},
      {"heads", o->heads, 0, 1024},
      {"feedforward", o->feedforward, 0, 1 << 20},
      {"context", o->context, 0, 1 << 20},
      {"vocab", o->vocab, 0, 1 << 24},
      {"max-length", o->max_length, 0, 1 << 20},
      {"batch-tokens", (double)o->batch_tokens, 0, 1 << 26},
      {"batch", o->batch, 0, 1 << 20},
      {"warmup", (double)o->warmup, 0, 1e12},
      {"average", o->average, 0, ATT_MOST_AVERAGE},
      {"valid-every", (double)o->valid_every, 0, 1e12},
      {"save-every", (double)o->save_every, 0, 1e12},
      {"patience", o->patience, -1, 1 << 30},
  };
  return check_ranges(ctx, ranges, sizeof ranges / sizeof *ranges);
}

static double or_zero(double value) { return value < 0 ? 0 : value; }

static att_status check_numbers(att_context *ctx, const att_train_options *o) {
  const att_range ranges[] = {
      {"activation", o->activation, -1, ATT_SILU},
      {"norm-order", o->norm_order, -1, ATT_NORM_AFTER},
      {"position", o->position, -1, ATT_LEARNED},
      {"schedule", o->schedule, -1, ATT_SCHEDULE_CONSTANT},
      {"lr", o->lr, 0, 1e38},
      {"min-lr", o->min_lr, 0, 1e38},
      {"weight-decay", or_zero(o->weight_decay), 0, 1e6},
      {"beta1", or_zero(o->beta1), 0, 0.9999999},
      {"beta2", or_zero(o->beta2), 0, 0.9999999},
      {"clip", or_zero(o->clip), 0, 1e30},
      {"dropout", or_zero(o->dropout), 0, 0.99},
      {"label-smoothing", or_zero(o->label_smoothing), 0, 0.99},
      {"bpe-dropout", or_zero(o->bpe_dropout), 0, 0.99},
  };
  return check_ranges(ctx, ranges, sizeof ranges / sizeof *ranges);
}

static int64_t above_zero(int64_t value) { return value > 0 ? value : ATT_UNSET; }
static int64_t not_negative(int64_t value) { return value >= 0 ? value : ATT_UNSET; }
static double positive(double value) { return value > 0 ? value : NAN; }
static double given(double value) { return value >= 0 ? value : NAN; }
static int64_t or_size(int value, int64_t of_size) { return value > 0 ? value : of_size; }

static void take_shape(const att_train_options *o, const att_size *size, att_plan *w) {
  w->encoder_layers = or_size(o->encoder_layers, size->layers);
  w->decoder_layers = or_size(o->decoder_layers, size->layers);
  w->width = or_size(o->width, size->width);
  w->heads = or_size(o->heads, size->heads);
  w->feedforward = or_size(o->feedforward, size->feedforward);
}

att_status att_plan_wanted(att_context *ctx, const att_train_options *o, att_plan *w) {
  static const att_size unset = {NULL, ATT_UNSET, ATT_UNSET, ATT_UNSET, ATT_UNSET};
  ATT_TRY(check_paths(ctx, o));
  ATT_TRY(check_counts(ctx, o));
  ATT_TRY(check_numbers(ctx, o));
  if ((o->steps > 0) + (o->epochs > 0) + (o->minutes > 0) > 1) {
    return att_fail(ctx, ATT_ARGUMENT, "steps, epochs and minutes are one budget: give one of them");
  }
  if (o->batch > 0 && o->batch_tokens > 0) {
    return att_fail(ctx, ATT_ARGUMENT, "batch and batch-tokens both bound a batch: give one of them");
  }
  const att_size *size = o->size ? size_named(o->size) : &unset;
  if (!size) return att_fail(ctx, ATT_ARGUMENT, "size is \"%s\": it must be tiny, small, base or big", o->size);
  *w = (att_plan){
      .seed = o->seed ? (int64_t)o->seed : ATT_UNSET,
      .fine_tuned = o->from ? 1 : ATT_UNSET,
      .steps = o->steps,
      .epochs = o->epochs,
      .minutes = o->minutes,
      .context = above_zero(o->context),
      .activation = not_negative(o->activation),
      .norm_order = not_negative(o->norm_order),
      .position = not_negative(o->position),
      .tied = o->no_tie ? 0 : ATT_UNSET,
      .vocab = above_zero(o->vocab),
      .max_length = above_zero(o->max_length),
      .lowercase = o->lowercase ? 1 : ATT_UNSET,
      .batch_tokens = above_zero(o->batch_tokens),
      .batch = above_zero(o->batch),
      .lr = positive(o->lr),
      .min_lr = positive(o->min_lr),
      .warmup = above_zero(o->warmup),
      .schedule = not_negative(o->schedule),
      .weight_decay = given(o->weight_decay),
      .beta1 = given(o->beta1),
      .beta2 = given(o->beta2),
      .epsilon = NAN,
      .clip = given(o->clip),
      .dropout = given(o->dropout),
      .label_smoothing = given(o->label_smoothing),
      .bpe_dropout = given(o->bpe_dropout),
      .average = above_zero(o->average),
      .valid_every = above_zero(o->valid_every),
      .save_every = above_zero(o->save_every),
      .patience = not_negative(o->patience),
  };
  take_shape(o, size, w);
  return ATT_OK;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

static void choose(int64_t *value, int64_t choice) {
  if (*value == ATT_UNSET) *value = choice;
}

static void choose_number(double *value, double choice) {
  if (isnan(*value)) *value = choice;
}

/* A large model wants millions of pairs, and half a day. */
static const att_size *size_for(const att_plan *plan, int64_t pairs) {
  bool long_enough = plan->minutes <= 0 || plan->minutes >= 600;
  return size_named(pairs < 5000 ? "tiny" : pairs < 500000 || !long_enough ? "small" : "base");
}

static int64_t vocab_for(int64_t pairs) {
  return pairs < 5000 ? 2000 : pairs < 20000 ? 4000 : pairs < 200000 ? 8000 : pairs < 1000000 ? 16000 : 32000;
}

/* Heads of about 64 columns (32 in narrow models) that divide the width. */
static int64_t heads_for(int64_t width) {
  int64_t heads = width >= 256 ? width / 64 : 4;
  while (heads > 1 && width % heads) heads--;
  return heads < 1 ? 1 : heads;
}

static void choose_model(att_plan *plan, int64_t pairs) {
  const att_size *size = size_for(plan, pairs);
  bool own_width = plan->width != ATT_UNSET && plan->width != size->width;
  choose(&plan->encoder_layers, size->layers);
  choose(&plan->decoder_layers, size->layers);
  choose(&plan->width, size->width);
  choose(&plan->heads, own_width ? heads_for(plan->width) : size->heads);
  choose(&plan->feedforward, own_width ? 4 * plan->width : size->feedforward);
  choose(&plan->activation, ATT_RELU);
  choose(&plan->norm_order, ATT_NORM_BEFORE);
  choose(&plan->position, ATT_SINUSOIDAL);
  choose(&plan->tied, 1);
  choose(&plan->vocab, vocab_for(pairs));
  choose(&plan->lowercase, 0);
  choose(&plan->context, plan->max_length == ATT_UNSET || plan->max_length <= 512 ? 512 : plan->max_length);
}

/* The rate of width 256 that trains well with norm before; it falls with the root of the width, and norm after bears
 * less. A model that is trained already wants a fraction. */
static double lr_for(const att_plan *plan) {
  double lr = 2e-3 * sqrt(256.0 / (double)(plan->width < 128 ? 128 : plan->width));
  if (plan->norm_order == ATT_NORM_AFTER) lr *= 0.5;
  return plan->fine_tuned == 1 ? lr * 0.2 : lr;
}

static void choose_learning(att_plan *plan, int64_t pairs) {
  choose(&plan->batch, 0);
  choose(&plan->batch_tokens, plan->batch > 0 ? 0 : pairs < 200000 ? 2048 : pairs < 2000000 ? 4096 : 8192);
  choose_number(&plan->lr, lr_for(plan));
  choose_number(&plan->min_lr, 0);
  choose(&plan->schedule, ATT_SCHEDULE_LINEAR);
  choose_number(&plan->weight_decay, 0);
  choose_number(&plan->beta1, 0.9);
  choose_number(&plan->beta2, 0.98);
  choose_number(&plan->epsilon, 1e-9);
  choose_number(&plan->clip, 1);
  choose_number(&plan->dropout, pairs < 100000 ? 0.3 : pairs < 500000 ? 0.2 : 0.1);
  choose_number(&plan->label_smoothing, 0.1);
  choose_number(&plan->bpe_dropout, pairs >= 5000 && pairs < 100000 ? 0.1 : 0);
  choose(&plan->average, 5);
  choose(&plan->patience, 12);
  choose(&plan->save_every, 0);
}

static att_status check_shape(att_context *ctx, const att_plan *p) {
  if (p->width % p->heads) {
    return att_fail(ctx, ATT_ARGUMENT, "width is %lld, not a multiple of %lld heads", (long long)p->width,
                    (long long)p->heads);
  }
  if (p->width % 2) return att_fail(ctx, ATT_ARGUMENT, "width is %lld: it must be even", (long long)p->width);
  if (p->max_length > p->context) {
    return att_fail(ctx, ATT_ARGUMENT, "max-length is %lld, above the context of %lld", (long long)p->max_length,
                    (long long)p->context);
  }
  if (p->batch_tokens > 0 && p->max_length > p->batch_tokens) {
    return att_fail(ctx, ATT_ARGUMENT, "max-length is %lld, above batch-tokens, which is %lld",
                    (long long)p->max_length, (long long)p->batch_tokens);
  }
  if (p->min_lr > p->lr) return att_fail(ctx, ATT_ARGUMENT, "min-lr is %g, above lr, which is %g", p->min_lr, p->lr);
  return ATT_OK;
}

att_status att_plan_choose(att_context *ctx, att_plan *plan, int64_t pairs) {
  choose(&plan->seed, 1);
  choose(&plan->fine_tuned, 0);
  if (!plan->fine_tuned) choose_model(plan, pairs);
  choose_learning(plan, pairs);
  int64_t longest = plan->context < 256 ? plan->context : 256;
  if (plan->batch_tokens > 0 && longest > plan->batch_tokens) longest = plan->batch_tokens;
  choose(&plan->max_length, longest);
  if (plan->steps == 0 && plan->minutes <= 0 && plan->epochs <= 0) {
    plan->epochs = pairs < 100000 ? 30 : pairs < 1000000 ? 20 : 10;
  }
  return check_shape(ctx, plan);
}

static att_status adopt(att_context *ctx, const char *name, int64_t *value, int64_t of_model) {
  if (*value != ATT_UNSET && *value != of_model) {
    char is[32], has[32];
    return att_fail(ctx, ATT_ARGUMENT, "%s is %s, but the model to go on from has %s: leave that option out", name,
                    spell(name, (double)*value, is), spell(name, (double)of_model, has));
  }
  *value = of_model;
  return ATT_OK;
}

att_status att_plan_adopt(att_context *ctx, att_plan *plan, const att_config *c) {
  if (c->encoder_attention_heads != c->decoder_attention_heads || c->encoder_ffn_dim != c->decoder_ffn_dim) {
    plan->heads = plan->feedforward = ATT_UNSET; /* the folder says more than the options can */
  }
  ATT_TRY(adopt(ctx, "encoder-layers", &plan->encoder_layers, c->encoder_layers));
  ATT_TRY(adopt(ctx, "decoder-layers", &plan->decoder_layers, c->decoder_layers));
  ATT_TRY(adopt(ctx, "width", &plan->width, c->d_model));
  ATT_TRY(adopt(ctx, "heads", &plan->heads, c->encoder_attention_heads));
  ATT_TRY(adopt(ctx, "feedforward", &plan->feedforward, c->encoder_ffn_dim));
  ATT_TRY(adopt(ctx, "context", &plan->context, c->max_position_embeddings));
  ATT_TRY(adopt(ctx, "activation", &plan->activation, c->activation));
  ATT_TRY(adopt(ctx, "norm-order", &plan->norm_order, c->family == ATT_MARIAN ? ATT_NORM_AFTER : ATT_NORM_BEFORE));
  ATT_TRY(adopt(ctx, "position", &plan->position, c->position));
  ATT_TRY(adopt(ctx, "tie", &plan->tied, c->tie_word_embeddings));
  ATT_TRY(adopt(ctx, "vocab", &plan->vocab, c->vocab_size));
  if (plan->lowercase == 1) {
    return att_fail(ctx, ATT_ARGUMENT, "lowercase cannot be chosen: the tokenizer comes with the model to go on from");
  }
  plan->lowercase = 0;
  choose_number(&plan->dropout, c->dropout);
  return ATT_OK;
}

void att_plan_fix_steps(att_plan *plan, int64_t steps, int64_t most_validations) {
  plan->steps = steps < 1 ? 1 : steps;
  int64_t ramp = plan->width >= 512 ? 4000 : 600, tenth = plan->steps / 10;
  choose(&plan->warmup, tenth < 1 ? 1 : tenth < ramp ? tenth : ramp);
  int64_t distance = (plan->steps + most_validations - 1) / most_validations;
  choose(&plan->valid_every, distance < 25 ? 25 : distance);
}

void att_plan_config(const att_plan *plan, const att_tokenizer *tokenizer, att_config *config) {
  bool before = plan->norm_order == ATT_NORM_BEFORE;
  int32_t pad = att_tokenizer_id(tokenizer, "<pad>"), eos = att_tokenizer_id(tokenizer, "</s>");
  *config = (att_config){
      .family = before ? ATT_M2M_100 : ATT_MARIAN,
      .position = (att_position)plan->position,
      .activation = (att_activation)plan->activation,
      .d_model = plan->width,
      .vocab_size = att_tokenizer_size(tokenizer),
      .max_position_embeddings = plan->context,
      .encoder_layers = plan->encoder_layers,
      .decoder_layers = plan->decoder_layers,
      .encoder_attention_heads = plan->heads,
      .decoder_attention_heads = plan->heads,
      .encoder_ffn_dim = plan->feedforward,
      .decoder_ffn_dim = plan->feedforward,
      .tie_word_embeddings = plan->tied == 1,
      .scale_embedding = true,
      .dropout = (float)plan->dropout,
      .layer_norm_epsilon = 1e-5f,
      .pad = pad,
      .bos = before ? att_tokenizer_id(tokenizer, "<s>") : -1,
      .eos = eos,
      .decoder_start = before ? eos : pad,
      .storage = ATT_F32,
      .num_beams = 5,
      .max_length = (int)plan->context,
      .length_penalty = 1,
      .forced_bos = -1,
  };
}

/* ---- the rate ------------------------------------------------------------------------------------------------- */

double att_plan_lr(const att_plan *plan, int64_t step) {
  double at = (double)step;
  if (plan->steps == 0) return plan->lr * fmin(1, at / 600);
  double warmup = (double)plan->warmup, span = (double)plan->steps - warmup + 1;
  if (at <= warmup) return plan->lr * at / warmup;
  double passed = span > 0 ? fmin(1, (at - warmup) / span) : 1, range = plan->lr - plan->min_lr;
  switch ((att_schedule)plan->schedule) {
  case ATT_SCHEDULE_LINEAR: return plan->min_lr + range * (1 - passed);
  case ATT_SCHEDULE_COSINE: return plan->min_lr + range * 0.5 * (1 + cos(3.14159265358979323846 * passed));
  case ATT_SCHEDULE_INVERSE_SQRT: return fmax(plan->min_lr, plan->lr * sqrt(warmup / at));
  case ATT_SCHEDULE_CONSTANT: break;
  }
  return plan->lr;
}

/* ---- written down, compared ----------------------------------------------------------------------------------- */

typedef struct att_field {
  const char *name; /* as the option spells it */
  bool whole, budget;
  size_t offset;
} att_field;

#define WHOLE(name, member)                                                                                            \
  { name, true, false, offsetof(att_plan, member) }
#define NUMBER(name, member)                                                                                           \
  { name, false, false, offsetof(att_plan, member) }
static const att_field fields[] = {
    {"steps", true, true, offsetof(att_plan, steps)},
    {"epochs", false, true, offsetof(att_plan, epochs)},
    {"minutes", false, true, offsetof(att_plan, minutes)},
    WHOLE("seed", seed),
    WHOLE("from", fine_tuned),
    WHOLE("encoder-layers", encoder_layers),
    WHOLE("decoder-layers", decoder_layers),
    WHOLE("width", width),
    WHOLE("heads", heads),
    WHOLE("feedforward", feedforward),
    WHOLE("context", context),
    WHOLE("activation", activation),
    WHOLE("norm-order", norm_order),
    WHOLE("position", position),
    WHOLE("tie", tied),
    WHOLE("vocab", vocab),
    WHOLE("max-length", max_length),
    WHOLE("lowercase", lowercase),
    WHOLE("batch-tokens", batch_tokens),
    WHOLE("batch", batch),
    NUMBER("lr", lr),
    NUMBER("min-lr", min_lr),
    WHOLE("warmup", warmup),
    WHOLE("schedule", schedule),
    NUMBER("weight-decay", weight_decay),
    NUMBER("beta1", beta1),
    NUMBER("beta2", beta2),
    NUMBER("epsilon", epsilon),
    NUMBER("clip", clip),
    NUMBER("dropout", dropout),
    NUMBER("label-smoothing", label_smoothing),
    NUMBER("bpe-dropout", bpe_dropout),
    WHOLE("average", average),
    WHOLE("valid-every", valid_every),
    WHOLE("save-every", save_every),
    WHOLE("patience", patience),
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static bool is_set(const att_field *field, const att_plan *plan) {
  const char *at = (const char *)plan + field->offset;
  return field->whole ? *(const int64_t *)at != ATT_UNSET : !isnan(*(const double *)at);
}

static double value_of(const att_field *field, const att_plan *plan) {
  const char *at = (const char *)plan + field->offset;
  return field->whole ? (double)*(const int64_t *)at : *(const double *)at;
}

static att_status not_smaller(att_context *ctx, const char *name, double was, double is) {
  if (is <= 0 || is >= was) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s is %.10g, but the run to resume began with %.10g: a budget may only grow",
                  name, is, was);
}

att_status att_plan_compare(att_context *ctx, const att_plan *begun, const att_plan *wanted) {
  ATT_TRY(not_smaller(ctx, "steps", (double)begun->steps, (double)wanted->steps));
  ATT_TRY(not_smaller(ctx, "epochs", begun->epochs, wanted->epochs));
  ATT_TRY(not_smaller(ctx, "minutes", begun->minutes, wanted->minutes));
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    const att_field *f = &fields[i];
    bool saves = f->offset == offsetof(att_plan, save_every); /* when to save changes nothing in the results */
    if (f->budget || saves || !is_set(f, wanted) || !is_set(f, begun)) continue;
    if (memcmp((const char *)begun + f->offset, (const char *)wanted + f->offset, 8) != 0) {
      char is[32], was[32];
      return att_fail(ctx, ATT_ARGUMENT,
                      "%s is %s, but the run to resume began with %s: give the same, or train into another folder",
                      f->name, spell(f->name, value_of(f, wanted), is), spell(f->name, value_of(f, begun), was));
    }
  }
  return ATT_OK;
}

att_status att_plan_write(att_context *ctx, const att_plan *plan, att_buffer *out) {
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    const att_field *f = &fields[i];
    ATT_TRY(att_buffer_print(ctx, out, "%s\n    \"%s\": ", i ? "," : "{", f->name));
    if (!is_set(f, plan)) {
      ATT_TRY(att_buffer_print(ctx, out, "null"));
    } else if (f->whole) {
      ATT_TRY(att_buffer_print(ctx, out, "%lld", (long long)*(const int64_t *)((const char *)plan + f->offset)));
    } else {
      ATT_TRY(att_json_put_number(ctx, out, value_of(f, plan)));
    }
  }
  return att_buffer_print(ctx, out, "\n  }");
}

att_status att_plan_read(att_context *ctx, const char *name, const json_t *object, att_plan *plan) {
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    const att_field *f = &fields[i];
    char *at = (char *)plan + f->offset;
    if (f->whole) {
      *(int64_t *)at = ATT_UNSET;
      ATT_TRY(att_json_int(ctx, name, object, f->name, false, INT64_MIN, INT64_MAX, (int64_t *)at));
    } else {
      *(double *)at = NAN;
      ATT_TRY(att_json_number(ctx, name, object, f->name, false, (double *)at));
    }
  }
  if (plan->steps < 0 || plan->average < 1 || plan->average > ATT_MOST_AVERAGE || plan->max_length < 1) {
    return att_fail(ctx, ATT_FORMAT, "%s: the plan in it cannot be", name);
  }
  return ATT_OK;
}
