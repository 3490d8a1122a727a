/*
 * Owns a plan once it is made: its numbers as words and as JSON, whether two are of one run, what a model that is there
 * makes of it, the rate of each step. Refuses a plan that cannot be. Choosing it is in options.c.
 */
#include "train/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- values as a person writes them ---------------------------------------------------------------------------- */

typedef struct att_spelling {
  const char *name, *values[8];
} att_spelling;

static const att_spelling spellings[] = {
    {"family", {"transformer", "rnn", "lstm", "gru", "ffn"}},
    {"one-direction", {"no", "yes"}},
    {"attention", {"none", "additive", "multiplicative"}},
    {"activation", {"relu", "gelu", "silu", "swiglu", "gelu-tanh", "tanh"}},
    {"norm", {"layer", "rms"}},
    {"norm-order", {"before", "after"}},
    {"position", {"sinusoidal", "learned", "rotary", "relative", "alibi", "none"}},
    {"schedule", {"cosine", "linear", "inverse-sqrt", "constant"}},
    {"labels", {"one", "many", "number"}}, /* from ATT_HEAD_CLASSES on: see below */
    {"tokenizer", {"bpe", "wordpiece", "char", "byte"}},
    {"from", {"not given", "given"}},
    {"tie", {"no", "yes"}},
    {"lowercase", {"no", "yes"}},
};

const char *att_plan_spell(const char *name, double value, char text[32]) {
  if (strcmp(name, "labels") == 0) value -= ATT_HEAD_CLASSES;
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    if (strcmp(spellings[i].name, name) != 0 || !(value >= 0 && value < 8)) continue;
    const char *word = spellings[i].values[(int)value];
    if (word) return word;
  }
  snprintf(text, 32, "%.10g", value);
  return text;
}

void att_choose_whole(int64_t *value, int64_t choice) {
  if (*value == ATT_UNSET) *value = choice;
}

void att_choose_number(double *value, double choice) {
  if (isnan(*value)) *value = choice;
}

/* ---- a model that is there --------------------------------------------------------------------------------------- */

static att_status adopt(att_context *ctx, const char *name, int64_t *value, int64_t of_model) {
  if (*value != ATT_UNSET && *value != of_model) {
    char is[32], has[32];
    return att_fail(ctx, ATT_ARGUMENT, "%s is %s, but the model to go on from has %s: leave that option out", name,
                    att_plan_spell(name, (double)*value, is), att_plan_spell(name, (double)of_model, has));
  }
  *value = of_model;
  return ATT_OK;
}

static att_status adopt_shape(att_context *ctx, att_plan *plan, const att_config *c) {
  bool encodes = c->encoder_layers > 0;
  if (encodes && c->decoder_layers > 0 &&
      (c->encoder_attention_heads != c->decoder_attention_heads || c->encoder_ffn_dim != c->decoder_ffn_dim)) {
    plan->heads = plan->feedforward = ATT_UNSET; /* the folder says more than the options can */
  }
  int64_t heads = encodes ? c->encoder_attention_heads : c->decoder_attention_heads;
  ATT_TRY(adopt(ctx, "encoder-layers", &plan->encoder_layers, c->encoder_layers));
  ATT_TRY(adopt(ctx, "decoder-layers", &plan->decoder_layers, c->decoder_layers));
  ATT_TRY(adopt(ctx, "width", &plan->width, c->d_model));
  ATT_TRY(adopt(ctx, "context", &plan->context, c->max_position_embeddings));
  ATT_TRY(adopt(ctx, "tie", &plan->tied, c->tie_word_embeddings));
  ATT_TRY(adopt(ctx, "vocab", &plan->vocab, c->vocab_size));
  if (c->network != ATT_TRANSFORMER) return adopt(ctx, "embedding", &plan->embedding, c->embedding_size);
  ATT_TRY(adopt(ctx, "heads", &plan->heads, heads));
  ATT_TRY(adopt(ctx, "kv-heads", &plan->kv_heads, c->key_value_heads > 0 ? c->key_value_heads : heads));
  return adopt(ctx, "feedforward", &plan->feedforward, encodes ? c->encoder_ffn_dim : c->decoder_ffn_dim);
}

att_status att_plan_adopt(att_context *ctx, att_plan *plan, const att_config *c) {
  bool recurrent = c->network == ATT_RNN || c->network == ATT_LSTM || c->network == ATT_GRU;
  ATT_TRY(adopt(ctx, "family", &plan->network, c->network));
  ATT_TRY(adopt_shape(ctx, plan, c));
  if (recurrent) {
    ATT_TRY(adopt(ctx, "one-direction", &plan->one_direction, !c->bidirectional));
    ATT_TRY(adopt(ctx, "attention", &plan->attention, c->scoring));
  } else if (c->network == ATT_TRANSFORMER) {
    ATT_TRY(adopt(ctx, "activation", &plan->activation, c->gated ? ATT_SWIGLU : c->activation));
    ATT_TRY(adopt(ctx, "norm", &plan->norm, c->norm));
    ATT_TRY(adopt(ctx, "norm-order", &plan->norm_order, c->norm_before ? ATT_NORM_BEFORE : ATT_NORM_AFTER));
    ATT_TRY(adopt(ctx, "position", &plan->position, c->position));
  }
  if (plan->lowercase != ATT_UNSET || plan->tokenizer != ATT_UNSET) {
    return att_fail(ctx, ATT_ARGUMENT, "%s cannot be chosen: the tokenizer comes with the model to go on from",
                    plan->lowercase != ATT_UNSET ? "lowercase" : "tokenizer");
  }
  plan->lowercase = 0;
  att_choose_number(&plan->dropout, c->dropout);
  return ATT_OK;
}

void att_plan_fix_steps(att_plan *plan, int64_t steps, int64_t warmup_part, int64_t most_validations) {
  plan->steps = steps < 1 ? 1 : steps;
  int64_t ramp = plan->width >= 512 ? 4000 : 600, part = plan->steps / (warmup_part > 0 ? warmup_part : 10);
  att_choose_whole(&plan->warmup, part < 1 ? 1 : part < ramp ? part : ramp);
  int64_t distance = (plan->steps + most_validations - 1) / most_validations;
  att_choose_whole(&plan->valid_every, distance < 25 ? 25 : distance);
}

float att_plan_dropout(const att_plan *plan) { return plan->dropout > 0 ? (float)plan->dropout : 0; }

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
    WHOLE("parameters", parameters),
    WHOLE("family", network),
    WHOLE("encoder-layers", encoder_layers),
    WHOLE("decoder-layers", decoder_layers),
    WHOLE("width", width),
    WHOLE("heads", heads),
    WHOLE("kv-heads", kv_heads),
    WHOLE("feedforward", feedforward),
    WHOLE("context", context),
    WHOLE("embedding", embedding),
    WHOLE("one-direction", one_direction),
    WHOLE("attention", attention),
    WHOLE("activation", activation),
    WHOLE("norm", norm),
    WHOLE("norm-order", norm_order),
    WHOLE("position", position),
    WHOLE("tie", tied),
    WHOLE("labels", head),
    WHOLE("tokenizer", tokenizer),
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
    NUMBER("token-dropout", token_dropout),
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
                      f->name, att_plan_spell(f->name, value_of(f, wanted), is),
                      att_plan_spell(f->name, value_of(f, begun), was));
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
  return ATT_OK;
}
