/*
 * Owns the training options: their checks, and the choice of everything that was left open. Refuses values that cannot
 * be, by name. The reasons for the defaults are in docs/TRAINING.md.
 */
#include "train/plan.h"

#include <math.h>
#include <string.h>

void att_train_options_default(att_train_options *options) {
  *options = (att_train_options){
      .head = -1,
      .seed = -1,
      .network = -1,
      .one_direction = -1,
      .attention = -1,
      .activation = -1,
      .norm = -1,
      .norm_order = -1,
      .position = -1,
      .tokenizer = -1,
      .min_lr = -1,
      .schedule = -1,
      .weight_decay = -1,
      .beta1 = -1,
      .beta2 = -1,
      .clip = -1,
      .dropout = -1,
      .label_smoothing = -1,
      .bpe_dropout = -1,
      .token_dropout = -1,
      .patience = -1,
  };
}

static const char *const size_names[ATT_SIZE_COUNT] = {"tiny", "small", "base", "big"};

typedef struct att_recurrent_size {
  int64_t layers, width, embedding;
} att_recurrent_size;

static const att_recurrent_size recurrent_sizes[ATT_SIZE_COUNT] = {
    {1, 128, 64}, {1, 512, 256}, {2, 512, 512}, {2, 1024, 512}};
/* The first layer reads all positions at once: its weights are context x embedding x width. */
static const att_recurrent_size padded_sizes[ATT_SIZE_COUNT] = {
    {1, 128, 32}, {2, 512, 64}, {2, 1024, 128}, {3, 2048, 128}};

/* ---- what was asked for --------------------------------------------------------------------------------------- */

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
      {"parameters", (double)o->parameters, 0, 1e12},
      {"epochs", o->epochs, 0, 1e6},
      {"minutes", o->minutes, 0, 1e7},
      {"encoder-layers", o->encoder_layers, 0, 256},
      {"decoder-layers", o->decoder_layers, 0, 256},
      {"width", o->width, 0, 65536},
      {"heads", o->heads, 0, 1024},
      {"kv-heads", o->kv_heads, 0, 1024},
      {"embedding", o->embedding, 0, 65536},
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
      {"seed", (double)o->seed, -1, 9.3e18},
      {"family", o->network, -1, ATT_NETWORK_COUNT - 1},
      {"one-direction", o->one_direction, -1, 1},
      {"attention", o->attention, -1, ATT_SCORING_MULTIPLICATIVE},
      {"activation", o->activation, -1, ATT_TANH},
      {"norm", o->norm, -1, ATT_NORM_RMS},
      {"norm-order", o->norm_order, -1, ATT_NORM_AFTER},
      {"position", o->position, -1, ATT_POSITION_COUNT - 1},
      {"labels", o->head, -1, ATT_HEAD_VALUES},
      {"tokenizer", o->tokenizer, -1, ATT_BYTE},
      {"schedule", o->schedule, -1, ATT_SCHEDULE_CONSTANT},
      {"lr", o->lr, 0, 1e38},
      {"min-lr", or_zero(o->min_lr), 0, 1e38},
      {"weight-decay", or_zero(o->weight_decay), 0, 1e6},
      {"beta1", or_zero(o->beta1), 0, 0.9999999},
      {"beta2", or_zero(o->beta2), 0, 0.9999999},
      {"clip", or_zero(o->clip), 0, 1e30},
      {"dropout", or_zero(o->dropout), 0, 0.99},
      {"label-smoothing", or_zero(o->label_smoothing), 0, 0.99},
      {"bpe-dropout", or_zero(o->bpe_dropout), 0, 0.99},
      {"token-dropout", or_zero(o->token_dropout), 0, 0.99},
  };
  return check_ranges(ctx, ranges, sizeof ranges / sizeof *ranges);
}

static int64_t above_zero(int64_t value) { return value > 0 ? value : ATT_UNSET; }
static int64_t not_negative(int64_t value) { return value >= 0 ? value : ATT_UNSET; }
static double positive(double value) { return value > 0 ? value : NAN; }
static double given(double value) { return value >= 0 ? value : NAN; }
/* Heads of about 64 columns (32 in narrow models) that divide the width. */
static int64_t heads_for(int64_t width) {
  int64_t heads = width >= 256 ? width / 64 : 4;
  while (heads > 1 && width % heads) heads--;
  return heads < 1 ? 1 : heads;
}

static bool is_transformer(int64_t network) { return network == ATT_UNSET || network == ATT_TRANSFORMER; }
static bool is_recurrent(int64_t network) { return !is_transformer(network) && network != ATT_FFN; }

void att_plan_choose_size(att_plan *p, const att_shapes *shapes, int size) {
  bool transformer = is_transformer(p->network);
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

/* Options that the network has no place for. */
static att_status check_network(att_context *ctx, const att_train_options *o) {
  bool transformer = o->network <= ATT_TRANSFORMER, recurrent = !transformer && o->network != ATT_FFN;
  const struct {
    const char *name;
    bool given, known;
  } rules[] = {
      {"heads", o->heads > 0, transformer},
      {"kv-heads", o->kv_heads > 0, transformer},
      {"feedforward", o->feedforward > 0, transformer},
      {"activation", o->activation >= 0, transformer},
      {"norm", o->norm >= 0, transformer},
      {"norm-order", o->norm_order >= 0, transformer},
      {"position", o->position >= 0, transformer},
      {"embedding", o->embedding > 0, !transformer},
      {"attention", o->attention >= 0, recurrent},
      {"one-direction", o->one_direction >= 0, recurrent},
  };
  if (o->from && o->network < 0) return ATT_OK; /* the model that is there says what it is */
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    char text[32];
    if (!rules[i].given || rules[i].known) continue;
    return att_fail(ctx, ATT_ARGUMENT, "%s cannot be chosen: a network of the family %s has none", rules[i].name,
                    att_plan_spell("family", transformer ? ATT_TRANSFORMER : o->network, text));
  }
  return ATT_OK;
}

static att_status check_alternatives(att_context *ctx, const att_train_options *o) {
  if (!o->out || !*o->out) return att_fail(ctx, ATT_ARGUMENT, "training needs a folder to write to (out)");
  if ((o->steps > 0) + (o->epochs > 0) + (o->minutes > 0) > 1) {
    return att_fail(ctx, ATT_ARGUMENT, "steps, epochs and minutes are one budget: give one of them");
  }
  if (o->batch > 0 && o->batch_tokens > 0) {
    return att_fail(ctx, ATT_ARGUMENT, "batch and batch-tokens both bound a batch: give one of them");
  }
  if (o->lowercase && o->no_lowercase) {
    return att_fail(ctx, ATT_ARGUMENT, "lowercase and no-lowercase contradict each other: give one of them");
  }
  return check_network(ctx, o);
}

static att_status find_size(att_context *ctx, const char *name, int *size) {
  for (*size = 0; *size < ATT_SIZE_COUNT; (*size)++)
    if (strcmp(name, size_names[*size]) == 0) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "size is \"%s\": it must be tiny, small, base or big", name);
}

att_status att_plan_wanted(att_context *ctx, const att_shapes *shapes, const att_train_options *o, att_plan *w) {
  int size;
  ATT_TRY(check_counts(ctx, o));
  ATT_TRY(check_numbers(ctx, o));
  ATT_TRY(check_alternatives(ctx, o));
  *w = (att_plan){
      .seed = o->seed >= 0 ? o->seed : ATT_UNSET,
      .fine_tuned = o->from ? 1 : ATT_UNSET,
      .steps = o->steps,
      .epochs = o->epochs,
      .minutes = o->minutes,
      .parameters = above_zero(o->parameters),
      .network = not_negative(o->network),
      .encoder_layers = above_zero(o->encoder_layers),
      .decoder_layers = above_zero(o->decoder_layers),
      .width = above_zero(o->width),
      .heads = above_zero(o->heads),
      .kv_heads = above_zero(o->kv_heads),
      .feedforward = above_zero(o->feedforward),
      .context = above_zero(o->context),
      .embedding = above_zero(o->embedding),
      .one_direction = not_negative(o->one_direction),
      .attention = not_negative(o->attention),
      .activation = not_negative(o->activation),
      .norm = not_negative(o->norm),
      .norm_order = not_negative(o->norm_order),
      .position = not_negative(o->position),
      .tied = o->no_tie ? 0 : ATT_UNSET,
      .head = not_negative(o->head),
      .tokenizer = not_negative(o->tokenizer),
      .vocab = above_zero(o->vocab),
      .max_length = above_zero(o->max_length),
      .lowercase = o->lowercase      ? 1
                   : o->no_lowercase ? 0
                                     : ATT_UNSET,
      .batch_tokens = above_zero(o->batch_tokens),
      .batch = above_zero(o->batch),
      .lr = positive(o->lr),
      .min_lr = given(o->min_lr),
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
      .token_dropout = given(o->token_dropout),
      .average = above_zero(o->average),
      .valid_every = above_zero(o->valid_every),
      .save_every = above_zero(o->save_every),
      .patience = not_negative(o->patience),
  };
  if (!o->size) return ATT_OK;
  ATT_TRY(find_size(ctx, o->size, &size));
  att_plan_choose_size(w, shapes, size);
  return ATT_OK;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

double att_plan_width_scale(const att_plan *plan) {
  return sqrt(256.0 / (double)(plan->width < 128 ? 128 : plan->width));
}

static void choose_model(att_plan *p, const att_shapes *shapes) {
  bool recurrent = is_recurrent(p->network), translates = shapes->kind == ATT_ENCODER_DECODER;
  att_choose_whole(&p->network, ATT_TRANSFORMER);
  att_plan_choose_size(p, shapes, ATT_SMALL);
  if (p->network == ATT_TRANSFORMER) {
    att_choose_whole(&p->kv_heads, p->heads);
    att_choose_whole(&p->activation, ATT_RELU);
    att_choose_whole(&p->norm, ATT_NORM_LAYER);
    att_choose_whole(&p->norm_order, ATT_NORM_BEFORE);
    att_choose_whole(&p->position, ATT_SINUSOIDAL);
  }
  if (recurrent) {
    att_choose_whole(&p->one_direction, shapes->kind == ATT_DECODER);
    att_choose_whole(&p->attention, translates ? ATT_SCORING_ADDITIVE : ATT_SCORING_NONE);
  }
  att_choose_whole(&p->tied, p->network != ATT_FFN);
  att_choose_whole(&p->tokenizer, ATT_BPE);
  att_choose_whole(&p->lowercase, 0);
  att_choose_whole(&p->context, p->max_length == ATT_UNSET || p->max_length <= 512 ? 512 : p->max_length);
}

static void choose_learning(att_plan *p) {
  att_choose_whole(&p->batch, 0);
  att_choose_whole(&p->batch_tokens, p->batch > 0 ? 0 : 2048);
  att_choose_number(&p->lr, 1e-3 * att_plan_width_scale(p));
  att_choose_number(&p->min_lr, 0);
  att_choose_whole(&p->schedule, ATT_SCHEDULE_LINEAR);
  att_choose_number(&p->weight_decay, 0);
  att_choose_number(&p->beta1, 0.9);
  att_choose_number(&p->beta2, 0.98);
  att_choose_number(&p->epsilon, 1e-9);
  att_choose_number(&p->clip, 1);
  att_choose_number(&p->label_smoothing, 0);
  att_choose_number(&p->bpe_dropout, 0);
  att_choose_number(&p->token_dropout, 0);
  att_choose_whole(&p->average, 5);
  att_choose_whole(&p->patience, 12);
  att_choose_whole(&p->save_every, 0);
}

static att_status check_heads(att_context *ctx, const att_plan *p) {
  if (p->heads == ATT_UNSET) return ATT_OK; /* a model that is there, with two kinds of layers */
  if (p->width % p->heads) {
    return att_fail(ctx, ATT_ARGUMENT, "width is %lld, not a multiple of %lld heads", (long long)p->width,
                    (long long)p->heads);
  }
  if (p->heads % p->kv_heads) {
    return att_fail(ctx, ATT_ARGUMENT, "kv-heads is %lld: %lld heads cannot share them evenly", (long long)p->kv_heads,
                    (long long)p->heads);
  }
  if (p->position == ATT_ROTARY && p->width / p->heads % 2) {
    return att_fail(ctx, ATT_ARGUMENT, "width / heads is %lld: rotary positions need an even one",
                    (long long)(p->width / p->heads));
  }
  return ATT_OK;
}

static att_status check_shape(att_context *ctx, const att_plan *p) {
  if (p->network == ATT_TRANSFORMER) ATT_TRY(check_heads(ctx, p));
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

att_status att_plan_choose(att_context *ctx, att_plan *plan, const att_shapes *shapes) {
  att_choose_whole(&plan->seed, 1);
  att_choose_whole(&plan->fine_tuned, 0);
  if (!plan->fine_tuned) choose_model(plan, shapes);
  choose_learning(plan);
  int64_t longest = plan->context < 256 ? plan->context : 256;
  if (plan->batch_tokens > 0 && longest > plan->batch_tokens) longest = plan->batch_tokens;
  att_choose_whole(&plan->max_length, longest);
  if (plan->steps == 0 && plan->minutes <= 0 && plan->epochs <= 0) plan->epochs = 10;
  return check_shape(ctx, plan);
}
