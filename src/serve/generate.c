/* Owns att_generate: a service of one request. */
#include "api/generate.h"

#include "serve/service.h"

typedef struct one_request {
  att_generate_fn *give;
  void *user;
  int stopped; /* the sample, from 1, in which the caller asked to stop; 0: none */
  bool failed; /* of a failure the status tells */
  size_t prompt_tokens, shared_tokens;
} one_request;

static int on_piece(void *user, const att_piece_of_text *piece) {
  one_request *one = user;
  one->failed = piece->finish == ATT_FINISH_FAILED;
  if (one->failed) return 0;
  one->prompt_tokens = piece->prompt_tokens;
  one->shared_tokens = piece->shared_tokens;
  if (one->give(one->user, piece) != 0) one->stopped = piece->sample + 1;
  return one->stopped;
}

static att_status serve(att_service *service, const att_request *request) {
  const att_generate_options *options = request->generate;
  size_t left;
  if (options->save_cache) att_service_keep_prompts(service);
  if (options->load_cache) ATT_TRY(att_service_load(service, options->load_cache));
  ATT_TRY(att_service_submit(service, request, NULL));
  do ATT_TRY(att_service_step(service, &left));
  while (left);
  return ATT_OK;
}

/* Twice the context for each sample: where it is full, a window is read anew beside it. */
static int64_t cache_rows(const att_model *model, int samples) {
  int64_t rows = 2 * model->config.max_position_embeddings + 2, most = INT32_MAX / (samples > 0 ? samples : 1);
  return (rows < most ? rows : most) * (samples > 0 ? samples : 1);
}

att_status att_generate(att_model *model, att_text prompt, const att_generate_options *given, att_generate_fn *give,
                        void *user) {
  att_context *ctx = model->ctx;
  one_request one = {.give = give, .user = user};
  att_generate_options options;
  att_service_options service_options;
  att_service *service;
  att_request request;
  att_generate_options_default(model, &options);
  ATT_TRY(att_take_options(ctx, "att_generate", given, &options, sizeof options));
  if (!give || (prompt.size && !prompt.data)) return att_fail(ctx, ATT_ARGUMENT, "att_generate needs a callback");
  ATT_TRY(att_check_verb(model, ATT_VERB_GENERATE));
  att_service_options_default(&service_options);
  service_options.slots = ATT_MOST_SAMPLES;
  service_options.kept_rows = options.load_cache || options.save_cache ? -1 : 0;
  service_options.cache_type = options.cache_type;
  service_options.cache_rows = cache_rows(model, options.samples);
  att_request_default(&request);
  request.text = prompt;
  request.generate = &options;
  request.give = on_piece;
  request.user = &one;
  ATT_TRY(att_service_new(model, &service_options, &service));
  att_status status = serve(service, &request);
  if (!status && !one.stopped && !one.failed && options.save_cache)
    status = att_service_save(service, (int64_t)one.prompt_tokens, options.save_cache);
  att_service_free(service);
  if (!status && options.load_cache && one.shared_tokens == 0)
    att_log(ctx, ATT_LOG_WARNING, "the prompt begins otherwise than that of %s, and was read anew", options.load_cache);
  if (one.stopped) return att_fail(ctx, ATT_INTERRUPTED, "stopped in sample %d", one.stopped);
  return !status && one.failed ? att_fail_no_token(ctx) : status;
}
