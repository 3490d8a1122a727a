/* Owns the options of att_generate, and how a prompt becomes tokens. See generate.h. */
#include "api/generate.h"

#include "api/text.h"
#include "base/random.h"
#include "decode/stops.h"

#include <string.h>

#define ATT_DEFAULT_TOKENS 256

void att_generate_options_init(const att_model *model, att_generate_options *options, size_t size) {
  const att_generation *g = &model->generation;
  bool whole = g->max_length > 0 && g->max_length < model->config.max_position_embeddings; /* it bounds something */
  int samples = g->num_return_sequences < ATT_MOST_SAMPLES ? g->num_return_sequences : ATT_MOST_SAMPLES;
  att_generate_options own = {.size = size,
                              .max_tokens = g->max_new_tokens > 0 ? g->max_new_tokens : ATT_DEFAULT_TOKENS,
                              .samples = g->do_sample ? samples : 1,
                              .stop = g->stop_strings,
                              .stop_count = g->stop_string_count,
                              .seed = 1,
                              .cache_type = ATT_CACHE_F16};
  att_generation_give(g, ATT_OPTIONS_GENERATE, &own);
  if (!g->do_sample) own.temperature = 0;
  if (g->max_new_tokens == 0 && whole) own.max_length = g->max_length, own.max_tokens = 0;
  att_give_struct(&own, sizeof own, options, size);
}

const char *att_generate_options_wrong(const att_generate_options *o) {
  const char *wrong = att_stops_wrong(o->stop, o->stop_count);
  if (o->max_tokens < 0) wrong = "max_tokens must be 0 (as many as the model has positions for) or more";
  if (o->max_length < 0) wrong = "max_length must be 0 (no bound) or more";
  if (o->draft_tokens < 0 || o->draft_tokens > ATT_MOST_GUESSES) wrong = "draft_tokens must be 0 to 15";
  if (o->top_logprobs < 0 || o->top_logprobs > ATT_MOST_LIKELIEST) wrong = "top_logprobs must be 0 to 20";
  if ((unsigned)o->cache_type > ATT_CACHE_Q8_0) wrong = "cache_type is none of att_cache_type";
  if (o->samples < 1 || o->samples > ATT_MOST_SAMPLES) wrong = "samples must be 1 to 64";
  return wrong;
}

/* ---- the prompt ---- */

/* What a model begins a text with: its start token; else, as models of characters have none, a line end. */
static att_status begin_from_nothing(att_model *model, att_ids *prompt) {
  const att_config *config = &model->config;
  int32_t bos = model->generation.bos >= 0 ? model->generation.bos : config->bos;
  if (bos >= 0) return att_ids_push(model->ctx, prompt, bos);
  ATT_TRY(att_tokenizer_encode(model->tokenizer, model->ctx, (att_text){"\n", 1}, false, prompt));
  if (prompt->count == 1 && prompt->data[0] != config->unk) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "the prompt is empty, and the model has no start token: give it a text");
}

att_status att_prompt_ids(att_model *model, att_text text, bool special, att_ids *prompt) {
  ATT_TRY(att_text_ids(model, text, special, "the prompt", prompt));
  return prompt->count ? ATT_OK : begin_from_nothing(model, prompt);
}

/* ---- the search ---- */

static void shorten(att_search_plan *plan, int64_t most) {
  if (most > plan->most) return;
  plan->most = most;
  plan->at_most = ATT_FINISH_LENGTH;
}

static att_status bound_length(att_model *model, const att_generate_options *o, size_t prompt_tokens,
                               att_search_plan *plan) {
  int64_t positions = model->config.max_position_embeddings, left = positions - (int64_t)prompt_tokens;
  int64_t bound = o->max_length - (int64_t)prompt_tokens; /* where there is a max_length */
  bool slide = o->slide && o->max_tokens > 0;
  if (left < 1 && !slide) {
    return att_fail(model->ctx, ATT_ARGUMENT,
                    "the prompt has %zu tokens, but the model has %lld positions, and one must be free: shorten it",
                    prompt_tokens, (long long)positions);
  }
  if (o->max_length && bound < 1) {
    return att_fail(model->ctx, ATT_ARGUMENT,
                    "the prompt has %zu tokens, but max_length is %d, prompt and output together: shorten it, or say "
                    "how many new tokens there may be",
                    prompt_tokens, o->max_length);
  }
  plan->slide = slide && o->max_tokens > left;
  plan->most = plan->slide ? o->max_tokens : left;
  plan->at_most = ATT_FINISH_CONTEXT;
  if (o->max_length) shorten(plan, bound);
  if (o->max_tokens) shorten(plan, o->max_tokens);
  return ATT_OK;
}

/* Its tokens must be the model's, one for one. */
static att_status check_draft(att_model *model, att_model *draft) {
  int64_t tokens = model->config.vocab_size;
  const char *wrong = NULL;
  if (draft->ctx != model->ctx) return att_fail(model->ctx, ATT_ARGUMENT, "the draft model is of another context");
  if (draft->config.kind != ATT_DECODER || draft->config.head != ATT_HEAD_TOKENS) wrong = "is no language model";
  if (!wrong && draft->config.vocab_size != tokens) wrong = "has a vocabulary of another size";
  for (int64_t i = 0; !wrong && i < tokens; i++) {
    const char *a = att_token(model, (int32_t)i), *b = att_token(draft, (int32_t)i);
    if ((a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0)) wrong = "has other tokens";
  }
  if (!wrong) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "the draft model cannot guess for this one: it %s", wrong);
}

static att_status plan_draft(att_model *model, const att_generate_options *o, att_draft_plan *plan) {
  if (o->draft) ATT_TRY(check_draft(model, o->draft));
  *plan = (att_draft_plan){.lookup = !o->no_lookup, .model = o->draft, .count = o->draft_tokens};
  return ATT_OK;
}

att_status att_generate_plan(att_model *model, const att_generate_options *options, size_t prompt_tokens,
                             att_generation *settings, att_search_plan *plan) {
  *plan = (att_search_plan){.beam = 1,
                            .samples = options->samples,
                            .ignore_end = options->ignore_end,
                            .key = att_key(options->seed, options->prompt_number),
                            .settings = settings};
  ATT_TRY(bound_length(model, options, prompt_tokens, plan));
  ATT_TRY(plan_draft(model, options, &plan->draft));
  *settings = model->generation;
  ATT_TRY(att_generation_take(model->ctx, ATT_OPTIONS_GENERATE, options, settings));
  if (options->min_tokens > 0) settings->min_length = 0; /* as in generate(), the one counts where both are said */
  return ATT_OK;
}
