/* Owns the options of att_generate, and how a prompt becomes tokens. See generate.h. */
#include "api/generate.h"

#include "api/text.h"
#include "base/random.h"

#define ATT_DEFAULT_TOKENS 256

void att_generate_options_default(const att_model *model, att_generate_options *options) {
  const att_config *config = &model->config;
  bool drawn = config->do_sample;
  *options = (att_generate_options){
      .max_tokens = ATT_DEFAULT_TOKENS,
      .samples = 1,
      .temperature = drawn ? config->temperature : 0.0,
      .top_k = drawn ? config->top_k : 0,
      .top_p = drawn && config->top_p > 0 ? config->top_p : 1.0,
      .min_p = drawn ? config->min_p : 0.0,
      .repetition_penalty = config->repetition_penalty > 0 ? config->repetition_penalty : 1.0,
      .seed = 1,
  };
}

const char *att_generate_options_wrong(const att_generate_options *o) {
  att_rules rules = {.temperature = o->temperature,
                     .top_k = o->top_k,
                     .top_p = o->top_p,
                     .min_p = o->min_p,
                     .repetition_penalty = o->repetition_penalty};
  const char *wrong = att_rules_wrong(&rules);
  if (o->max_tokens < 0) wrong = "max_tokens must be 0 (as many as the model has positions for) or more";
  if (o->samples < 1 || o->samples > ATT_MOST_SAMPLES) wrong = "samples must be 1 to 64";
  if (o->stop_count && !o->stop) wrong = "stop is NULL, but stop_count is not 0";
  for (size_t i = 0; i < o->stop_count && !wrong; i++) {
    if (!o->stop[i] || !*o->stop[i]) wrong = "a stop text must not be empty";
  }
  return wrong;
}

/* ---- the prompt ---- */

/* What a model begins a text with: its start token; else, as models of characters have none, a line end. */
static att_status begin_from_nothing(att_model *model, att_ids *prompt) {
  const att_config *config = &model->config;
  if (config->bos >= 0) return att_ids_push(model->ctx, prompt, config->bos);
  ATT_TRY(att_tokenizer_encode(model->tokenizer, model->ctx, (att_text){"\n", 1}, false, prompt));
  if (prompt->count == 1 && prompt->data[0] != config->unk) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "the prompt is empty, and the model has no start token: give it a text");
}

att_status att_prompt_ids(att_model *model, att_text text, att_ids *prompt) {
  ATT_TRY(att_text_ids(model, text, "the prompt", prompt));
  return prompt->count ? ATT_OK : begin_from_nothing(model, prompt);
}

att_status att_generate_plan(att_model *model, const att_generate_options *options, size_t prompt_tokens,
                             att_search_plan *plan) {
  int64_t left = model->config.max_position_embeddings - (int64_t)prompt_tokens;
  if (left < 1) {
    return att_fail(model->ctx, ATT_ARGUMENT,
                    "the prompt has %zu tokens, but the model has %lld positions, and one must be free: shorten it",
                    prompt_tokens, (long long)model->config.max_position_embeddings);
  }
  bool all = options->max_tokens == 0 || options->max_tokens > left;
  *plan = (att_search_plan){.beam = 1,
                            .samples = options->samples,
                            .most = all ? left : options->max_tokens,
                            .at_most = all ? ATT_FINISH_CONTEXT : ATT_FINISH_LENGTH,
                            .ignore_end = options->ignore_end,
                            .key = att_key(options->seed, options->prompt_number),
                            .forced = -1};
  plan->rules = (att_rules){.banned = -1,
                            .forced = -1,
                            .width = 1,
                            .temperature = options->temperature,
                            .top_p = options->top_p,
                            .min_p = options->min_p,
                            .top_k = options->top_k,
                            .repetition_penalty = options->repetition_penalty};
  return ATT_OK;
}
