/*
 * Owns a plan once it is made: its numbers as words and as JSON, whether two are of one run, what a model that is there
 * makes of it, the rate of each step. Refuses a plan that cannot be. Choosing it is in choose.c.
 */
#include "train/options.h"

#include <math.h>
#include <string.h>

void att_choose_whole(int64_t *value, int64_t choice) {
  if (*value == ATT_UNSET) *value = choice;
}

void att_choose_number(double *value, double choice) {
  if (isnan(*value)) *value = choice;
}

/* ---- a model that is there --------------------------------------------------------------------------------------- */

/* The row of a value that plans have; the last one for a name that is none. */
static const att_option *find(const char *name) {
  size_t i = 0;
  while (i + 1 < att_option_count && (!att_option_in_plan(&att_options[i]) || strcmp(att_options[i].name, name) != 0))
    i++;
  return &att_options[i];
}

const char *att_plan_spell(const att_plan *plan, const char *name, char text[32]) {
  const att_option *option = find(name);
  return att_option_spell(option, att_option_value(option, plan), text);
}

static att_status adopt(att_context *ctx, const char *name, int64_t *value, int64_t of_model) {
  if (*value != ATT_UNSET && *value != of_model) {
    const att_option *option = find(name);
    char is[32], has[32];
    return att_fail(ctx, ATT_ARGUMENT, "--%s is %s, but the model given with --from has %s: leave that option out",
                    name, att_option_spell(option, value, is), att_option_spell(option, &of_model, has));
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
    ATT_TRY(adopt(ctx, "activation", &plan->activation,
                  c->gated && c->activation == ATT_SILU ? ATT_SWIGLU : c->activation));
    ATT_TRY(adopt(ctx, "norm", &plan->norm, c->norm == ATT_NORM_RMS_PLUS_ONE ? ATT_NORM_RMS : c->norm));
    ATT_TRY(adopt(ctx, "norm-order", &plan->norm_order, c->norm_before ? ATT_NORM_BEFORE : ATT_NORM_AFTER));
    ATT_TRY(adopt(ctx, "position", &plan->position, c->position));
  }
  if (plan->lowercase != ATT_UNSET || plan->tokenizer != ATT_UNSET) {
    return att_fail(ctx, ATT_ARGUMENT, "--%s cannot be chosen: the tokenizer is that of the model given with --from",
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

static att_status check_budget(att_context *ctx, const att_option *option, const void *begun, const void *wanted) {
  bool whole = option->kind == ATT_OPTION_WHOLE;
  double was = whole ? (double)*(const int64_t *)begun : *(const double *)begun;
  double is = whole ? (double)*(const int64_t *)wanted : *(const double *)wanted;
  if (is <= 0 || is >= was) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "--%s is %.10g, but the run to resume began with %.10g: a budget may only grow",
                  option->name, is, was);
}

att_status att_plan_compare(att_context *ctx, const att_plan *begun, const att_plan *wanted) {
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    if (!att_option_in_plan(o) || o->resuming == ATT_MAY_DIFFER) continue;
    bool text = o->kind == ATT_OPTION_TEXT; /* unset: empty */
    if (!att_option_is_set(o, wanted) || !(att_option_is_set(o, begun) || text)) continue;
    const void *is = att_option_value(o, wanted);
    const void *was = att_option_value(o, begun);
    char now[32], then[32];
    if (o->resuming == ATT_MAY_GROW) ATT_TRY(check_budget(ctx, o, was, is));
    bool same = text ? strcmp(is, was) == 0 : memcmp(is, was, 8) == 0;
    if (o->resuming == ATT_MAY_GROW || same) continue;
    return att_fail(ctx, ATT_ARGUMENT,
                    "--%s is %s, but the run to resume began with %s: give the same, or train into another folder",
                    o->name, att_option_spell(o, is, now),
                    att_option_is_set(o, begun) ? att_option_spell(o, was, then) : "none");
  }
  return ATT_OK;
}

att_status att_plan_write(att_context *ctx, const att_plan *plan, att_buffer *out) {
  const char *before = "{";
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    if (!att_option_in_plan(o)) continue;
    const void *at = att_option_value(o, plan);
    ATT_TRY(att_buffer_print(ctx, out, "%s\n    \"%s\": ", before, o->name));
    before = ",";
    if (!att_option_is_set(o, plan)) {
      ATT_TRY(att_buffer_print(ctx, out, "null"));
    } else if (o->kind == ATT_OPTION_NUMBER) {
      ATT_TRY(att_json_put_number(ctx, out, *(const double *)at));
    } else if (o->kind == ATT_OPTION_TEXT) {
      ATT_TRY(att_json_put_string(ctx, out, at, strlen(at)));
    } else {
      ATT_TRY(att_buffer_print(ctx, out, "%lld", (long long)*(const int64_t *)at));
    }
  }
  return att_buffer_print(ctx, out, "\n  }");
}

/* The most that a plan may have of it: models that are there may be larger than those that are made, and a number of
 * steps may come from epochs. */
static double highest(const att_option *option) {
  if (option->kind == ATT_OPTION_CHOICE) return (double)option->choice_count - 1;
  if (option->kind == ATT_OPTION_FLAG) return 1;
  if (option->standing == ATT_OF_MODEL) return INT32_MAX;
  return option->high;
}

static att_status read_text(att_context *ctx, const char *name, const json_t *object, const att_option *option,
                            char *at) {
  const char *text = NULL;
  ATT_TRY(att_json_string(ctx, name, object, option->name, false, &text));
  if (!text || strlen(text) < ATT_PLAN_TEXT) {
    strncpy(at, text ? text : "", ATT_PLAN_TEXT);
    return ATT_OK;
  }
  return att_fail(ctx, ATT_FORMAT, "%s: %s is longer than can be: the checkpoint is damaged", name, option->name);
}

/* 0 is what was not bounded that way. */
static att_status read_value(att_context *ctx, const char *name, const json_t *object, const att_option *option,
                             att_plan *plan) {
  void *at = att_option_place(option, plan);
  if (option->kind == ATT_OPTION_TEXT) return read_text(ctx, name, object, option, at);
  int64_t *whole = at;
  double *number = at, value;
  if (option->kind == ATT_OPTION_NUMBER) {
    *number = NAN;
    ATT_TRY(att_json_number(ctx, name, object, option->name, false, number));
    value = *number;
  } else {
    *whole = ATT_UNSET;
    ATT_TRY(att_json_int(ctx, name, object, option->name, false, INT64_MIN, INT64_MAX, whole));
    value = (double)*whole;
  }
  if (!att_option_is_set(option, plan)) return ATT_OK;
  bool is = value >= 0 && value <= highest(option);
  if (is && (option->kind != ATT_OPTION_CHOICE || option->choices[*whole])) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: %s is %.10g, which cannot be: the checkpoint is damaged", name, option->name,
                  value);
}

/* A run's plan has all that it goes on with. */
static att_status check_whole(att_context *ctx, const char *name, const att_plan *plan) {
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    bool needed = o->standing == ATT_ALWAYS || (o->standing == ATT_LATE && plan->steps > 0);
    if (!att_option_in_plan(o) || !needed || att_option_is_set(o, plan)) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: its plan has no %s: the checkpoint is damaged", name, o->name);
  }
  bool fixed = plan->steps > 0;
  const struct {
    const char *name;
    bool is;
  } above[] = {{"average", plan->average > 0},
               {"max-length", plan->max_length > 0},
               {"warmup", !fixed || plan->warmup > 0},
               {"valid-every", !fixed || plan->valid_every > 0},
               {"batch as well as batch-tokens", plan->batch > 0 || plan->batch_tokens > 0}};
  for (size_t i = 0; i < sizeof above / sizeof *above; i++) {
    if (above[i].is) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is 0, which cannot be: the checkpoint is damaged", name, above[i].name);
  }
  return ATT_OK;
}

att_status att_plan_read(att_context *ctx, const char *name, const json_t *object, att_plan *plan) {
  for (size_t i = 0; i < att_option_count; i++)
    if (att_option_in_plan(&att_options[i])) ATT_TRY(read_value(ctx, name, object, &att_options[i], plan));
  return check_whole(ctx, name, plan);
}
