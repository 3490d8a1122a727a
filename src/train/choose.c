/*
 * Owns the choice of everything that the options left open. Refuses options that contradict each other, by name, and a
 * plan that cannot be. The reasons for the choices are in docs/TRAINING.md; those that are constant are in the table of
 * options.
 */
#include "train/options.h"

#include <math.h>
#include <string.h>

typedef struct att_recurrent_size {
  int64_t layers, width, embedding;
} att_recurrent_size;

static const att_recurrent_size recurrent_sizes[ATT_SIZE_COUNT] = {
    {1, 128, 64}, {1, 512, 256}, {2, 512, 512}, {2, 1024, 512}};
/* The first layer reads all positions at once: its weights are context x embedding x width. */
static const att_recurrent_size padded_sizes[ATT_SIZE_COUNT] = {
    {1, 128, 32}, {2, 512, 64}, {2, 1024, 128}, {3, 2048, 128}};

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

/* Heads of about 64 columns (32 in narrow models) that divide the width. */
static int64_t heads_for(int64_t width) {
  int64_t heads = width >= 256 ? width / 64 : 4;
  while (heads > 1 && width % heads) heads--;
  return heads < 1 ? 1 : heads;
}

void att_plan_choose_size(att_plan *p, const att_shapes *shapes, int size) {
  bool transformer = p->network == ATT_UNSET || p->network == ATT_TRANSFORMER;
  const att_size *of = &shapes->sizes[size];
  const att_recurrent_size *other = p->network == ATT_FFN ? &padded_sizes[size] : &recurrent_sizes[size];
  int64_t layers = transformer ? of->layers : other->layers, width = transformer ? of->width : other->width;
  bool own_width = p->width != ATT_UNSET && p->width != width;
  att_choose_whole(&p->encoder_layers, shapes->kind == ATT_DECODER ? 0 : layers);
  att_choose_whole(&p->decoder_layers, shapes->kind == ATT_ENCODER ? 0 : layers);
  att_choose_whole(&p->width, width);
  if (!transformer) {
    att_choose_whole(&p->embedding, own_width && p->width < other->embedding ? p->width : other->embedding);
    return;
  }
  att_choose_whole(&p->heads, own_width ? heads_for(p->width) : of->heads);
  att_choose_whole(&p->feedforward, own_width ? 4 * p->width : of->feedforward);
}

/* ---- what was asked for --------------------------------------------------------------------------------------- */

static const att_option *partner_of(const att_option *option, int task) {
  for (size_t i = 0; option->with && i < att_option_count; i++)
    if (att_options[i].tasks >> task & 1 && strcmp(att_options[i].name, option->with) == 0) return &att_options[i];
  return NULL;
}

/* What is needed, alone or beside another option. */
static att_status check_there(att_context *ctx, const att_train_options *o) {
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *option = &att_options[i], *partner = partner_of(option, o->task);
    if (!(option->tasks >> o->task & 1)) continue;
    bool given = att_option_is_given(option, o);
    bool needed = option->required >> o->task & 1;
    if (!given && needed && o->resume == 1 && o->out) {
      return att_fail(ctx, ATT_ARGUMENT,
                      "%s: there is no checkpoint in it to resume from, and to begin --%s is missing", o->out,
                      option->name);
    }
    if (!given && needed) {
      return att_fail(ctx, ATT_ARGUMENT, "--%s is missing: %s", option->name,
                      att_option_words_of(option, o->task).help);
    }
    if (given && partner && !att_option_is_given(partner, o)) {
      return att_fail(ctx, ATT_ARGUMENT, "--%s is missing: --%s needs it", partner->name, option->name);
    }
  }
  return ATT_OK;
}

/* Options that the network has no place for. */
static att_status check_network(att_context *ctx, const att_train_options *o) {
  int64_t network = o->plan.network == ATT_UNSET ? ATT_TRANSFORMER : o->plan.network;
  if (o->from && o->plan.network == ATT_UNSET) return ATT_OK; /* the model that is there says what it is */
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *option = &att_options[i];
    char text[32];
    if (!option->networks || option->networks >> network & 1 || !att_option_is_set(option, &o->plan)) continue;
    const att_plan of = {.network = network};
    return att_fail(ctx, ATT_ARGUMENT, "--%s cannot be chosen: a network of the family %s has none", option->name,
                    att_plan_spell(&of, "family", text));
  }
  return ATT_OK;
}

att_status att_options_check(att_context *ctx, const att_train_options *o) {
  const att_plan *p = &o->plan;
  if ((p->steps != ATT_UNSET) + !isnan(p->epochs) + !isnan(p->minutes) > 1) {
    return att_fail(ctx, ATT_ARGUMENT, "give one of --steps, --epochs and --minutes: they are one budget");
  }
  if (p->batch != ATT_UNSET && p->batch_tokens != ATT_UNSET) {
    return att_fail(ctx, ATT_ARGUMENT, "give one of --batch and --batch-tokens: both bound a batch");
  }
  ATT_TRY(check_there(ctx, o));
  return check_network(ctx, o);
}

att_status att_plan_wanted(att_context *ctx, const att_shapes *shapes, const att_train_options *o, att_plan *w) {
  ATT_TRY(att_options_check(ctx, o));
  *w = o->plan;
  if (o->from) w->fine_tuned = 1;
  att_choose_whole(&w->steps, 0);
  att_choose_number(&w->epochs, 0);
  att_choose_number(&w->minutes, 0);
  if (w->layers != ATT_UNSET && shapes->kind != ATT_DECODER) att_choose_whole(&w->encoder_layers, w->layers);
  if (w->layers != ATT_UNSET && shapes->kind != ATT_ENCODER) att_choose_whole(&w->decoder_layers, w->layers);
  if (w->size != ATT_UNSET) att_plan_choose_size(w, shapes, (int)w->size);
  return ATT_OK;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

double att_plan_width_scale(const att_plan *plan) {
  return sqrt(256.0 / (double)(plan->width < 128 ? 128 : plan->width));
}

static void choose_model(att_plan *p, const att_shapes *shapes) {
  att_plan_choose_size(p, shapes, ATT_SMALL);
  if (p->network == ATT_TRANSFORMER) att_choose_whole(&p->kv_heads, p->heads);
  att_choose_whole(&p->context, p->max_length == ATT_UNSET || p->max_length <= 512 ? 512 : p->max_length);
}

static void choose_learning(att_plan *p) {
  att_choose_whole(&p->batch, 0);
  att_choose_whole(&p->batch_tokens, p->batch > 0 ? 0 : 2048);
  att_choose_number(&p->lr, 1e-3 * att_plan_width_scale(p));
  att_choose_whole(&p->save_every, 0);
}

static att_status check_heads(att_context *ctx, const att_plan *p) {
  if (p->fine_tuned == 1) return ATT_OK; /* a model that is there: its heads may have any size */
  if (p->width % p->heads) {
    return att_fail(ctx, ATT_ARGUMENT, "--width is %lld, not a multiple of %lld heads", (long long)p->width,
                    (long long)p->heads);
  }
  if (p->heads % p->kv_heads) {
    return att_fail(ctx, ATT_ARGUMENT, "--kv-heads is %lld: %lld heads cannot share them evenly",
                    (long long)p->kv_heads, (long long)p->heads);
  }
  if (p->position == ATT_ROTARY && p->width / p->heads % 2) {
    return att_fail(ctx, ATT_ARGUMENT, "--position is rotary, which needs an even width / heads: it is %lld",
                    (long long)(p->width / p->heads));
  }
  return ATT_OK;
}

static att_status check_shape(att_context *ctx, const att_plan *p) {
  if (p->network == ATT_TRANSFORMER) ATT_TRY(check_heads(ctx, p));
  if (p->width % 2) return att_fail(ctx, ATT_ARGUMENT, "--width is %lld: it must be even", (long long)p->width);
  if (p->max_length > p->context) {
    return att_fail(ctx, ATT_ARGUMENT, "--max-length is %lld, above the context of %lld", (long long)p->max_length,
                    (long long)p->context);
  }
  if (p->batch_tokens > 0 && p->max_length > p->batch_tokens) {
    return att_fail(ctx, ATT_ARGUMENT, "--max-length is %lld, above --batch-tokens, which is %lld",
                    (long long)p->max_length, (long long)p->batch_tokens);
  }
  if (p->min_lr > p->lr)
    return att_fail(ctx, ATT_ARGUMENT, "--min-lr is %g, above --lr, which is %g", p->min_lr, p->lr);
  return ATT_OK;
}

att_status att_plan_choose(att_context *ctx, att_plan *plan, const att_shapes *shapes) {
  if (plan->fine_tuned != 1) choose_model(plan, shapes);
  choose_learning(plan);
  int64_t longest = plan->context < 256 ? plan->context : 256;
  if (plan->batch_tokens > 0 && longest > plan->batch_tokens) longest = plan->batch_tokens;
  att_choose_whole(&plan->max_length, longest);
  if (plan->steps == 0 && plan->minutes <= 0 && plan->epochs <= 0) plan->epochs = 10;
  return check_shape(ctx, plan);
}
