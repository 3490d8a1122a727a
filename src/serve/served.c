/* Owns the way from a request to its search, and from its tokens to its callback. See served.h. */
#include "serve/served.h"

#include "api/generate.h"
#include "api/text.h"
#include "base/random.h"
#include "decode/stops.h"
#include "text/unicode.h"

#include <math.h>
#include <string.h>

/* ---- what is asked for ---------------------------------------------------------------------------------------- */

static att_status copy_tokens(att_served *s, const int32_t *tokens, size_t count) {
  const att_config *config = &s->model->config;
  if (count > (size_t)config->max_position_embeddings) {
    return att_fail(s->model->ctx, ATT_ARGUMENT, "%zu tokens are more than the model's %lld positions", count,
                    (long long)config->max_position_embeddings);
  }
  for (size_t i = 0; i < count; i++) {
    if (tokens[i] < 0 || tokens[i] >= config->vocab_size) {
      return att_fail(s->model->ctx, ATT_ARGUMENT, "token id %d is outside the model's %lld", (int)tokens[i],
                      (long long)config->vocab_size);
    }
    ATT_TRY(att_ids_push(s->model->ctx, &s->tokens, tokens[i]));
  }
  return ATT_OK;
}

/* A prompt that leaves no position free goes on with its last half, as a full context does; the start token stays. */
static void cut_prompt(att_served *s) {
  const att_config *config = &s->model->config;
  size_t positions = (size_t)config->max_position_embeddings, kept = positions / 2;
  size_t starts = config->bos >= 0 && s->tokens.data[0] == config->bos;
  if (s->tokens.count < positions) return;
  att_log(s->model->ctx, ATT_LOG_NOTE, "the prompt has %zu tokens, the context %zu: going on from its last %zu",
          s->tokens.count, positions, kept);
  memmove(s->tokens.data + starts, s->tokens.data + s->tokens.count - kept, kept * sizeof *s->tokens.data);
  s->tokens.count = starts + kept;
}

/* What is written must fit; guesses would be looked at one by one, and are left out. */
static att_status take_grammar(att_served *s, const att_generate_options *options) {
  att_model *model = s->model;
  if (!options->grammar && !options->json_schema) return ATT_OK;
  if (options->grammar && options->json_schema)
    return att_fail(model->ctx, ATT_ARGUMENT, "grammar and json_schema exclude each other");
  if (options->ignore_end || s->settings.ends.count == 0)
    return att_fail(model->ctx, ATT_ARGUMENT, "a grammar needs an end token: %s",
                    options->ignore_end ? "ignore_end leaves none" : "the model's folder names none");
  ATT_TRY(att_model_check_text(model));
  if (!model->trie) ATT_TRY(att_token_trie_new(model->ctx, model->tokenizer, model->config.vocab_size, &model->trie));
  s->plan.draft = (att_draft_plan){0};
  att_status status = options->grammar
                          ? att_grammar_new(model->ctx, model->trie, options->grammar, &s->grammar)
                          : att_grammar_new_schema(model->ctx, model->trie, options->json_schema, &s->grammar);
  s->plan.grammar = s->grammar;
  return status;
}

/* Behind the folder's biases. */
static att_status take_biases(att_served *s, const att_generate_options *options) {
  att_context *ctx = s->model->ctx;
  att_bias_list *list = &s->settings.sequence_bias;
  size_t count = options->logit_bias_count;
  if (count == 0) return ATT_OK;
  if (!options->logit_bias || count > (size_t)s->model->config.vocab_size)
    return att_fail(ctx, ATT_ARGUMENT, "logit_bias has more biases than there are tokens");
  s->biases = ATT_NEW(ctx, (size_t)list->count + count, att_biased);
  s->biased = ATT_NEW(ctx, count, int32_t);
  if (!s->biases || !s->biased) return ATT_MEMORY;
  if (list->count) memcpy(s->biases, list->items, (size_t)list->count * sizeof *list->items);
  for (size_t i = 0; i < count; i++) {
    const att_token_bias *b = &options->logit_bias[i];
    if (b->token < 0 || b->token >= s->model->config.vocab_size || isnan(b->bias) || b->bias == INFINITY)
      return att_fail(ctx, ATT_ARGUMENT, "logit_bias: token %d is not in the vocabulary, or its bias is no number",
                      (int)b->token);
    s->biased[i] = b->token;
    s->biases[list->count + (int64_t)i] = (att_biased){.tokens = &s->biased[i], .count = 1, .bias = (double)b->bias};
  }
  *list = (att_bias_list){s->biases, list->count + (int64_t)count};
  return ATT_OK;
}

static att_status read_prompt(att_served *s, const att_request *request) {
  att_generate_options options;
  att_generate_options_default(s->model, &options);
  ATT_TRY(att_take_options(s->model->ctx, "att_service_submit", request->generate, &options, sizeof options));
  const char *wrong = att_generate_options_wrong(&options);
  if (wrong) return att_fail(s->model->ctx, ATT_ARGUMENT, "%s", wrong);
  if (request->tokens) ATT_TRY(copy_tokens(s, request->tokens, request->token_count));
  if (s->tokens.count == 0) ATT_TRY(att_prompt_ids(s->model, request->text, !options.no_special_tokens, &s->tokens));
  if (options.grammar || options.json_schema) options.slide = false; /* all that was written is looked at */
  ATT_TRY(att_generate_plan(s->model, &options, s->tokens.count, &s->settings, &s->plan));
  ATT_TRY(take_grammar(s, &options));
  ATT_TRY(take_biases(s, &options));
  s->plan.top = options.top_logprobs;
  if (s->plan.slide) cut_prompt(s);
  s->plan.stop = options.stop;
  s->plan.stop_count = options.stop_count;
  s->on_prompt = options.on_prompt;
  s->on_prompt_user = options.on_prompt_user;
  return ATT_OK;
}

static att_status read_source(att_served *s, const att_request *request) {
  att_decode_options options;
  att_decode_options_default(s->model, &options);
  ATT_TRY(att_take_options(s->model->ctx, "att_service_submit", request->decode, &options, sizeof options));
  const char *wrong = att_decode_options_wrong(&options);
  if (wrong) return att_fail(s->model->ctx, ATT_ARGUMENT, "%s", wrong);
  s->nbest = options.nbest;
  if (request->tokens) {
    ATT_TRY(copy_tokens(s, request->tokens, request->token_count));
  } else if (!att_is_blank(request->text)) {
    ATT_TRY(att_line_ids(s->model, request->text, options.first_line, "line", false, &s->tokens, &s->truncated));
  }
  ATT_TRY(att_decode_plan(s->model, &options, &s->settings, &s->plan));
  s->plan.key = att_key(options.seed, options.first_line);
  s->plan.source = s->tokens.data;
  s->plan.source_count = (int64_t)s->tokens.count;
  return ATT_OK;
}

static att_token_fn on_token;

static att_status read_request(att_served *s, const att_request *request) {
  att_context *ctx = s->model->ctx;
  bool lacks = (request->text.size && !request->text.data) || (request->token_count && !request->tokens);
  if (!request->give || lacks) return att_fail(ctx, ATT_ARGUMENT, "a request needs a text and a callback");
  ATT_TRY(s->model->config.kind == ATT_DECODER ? read_prompt(s, request) : read_source(s, request));
  s->give = request->give;
  s->user = request->user;
  if (s->plan.beam > 1) return ATT_OK;
  s->plan.give = on_token;
  s->plan.user = s;
  s->pieces = ATT_NEW(ctx, s->plan.samples, att_pieces);
  if (!s->pieces) return ATT_MEMORY;
  const att_ids *before = s->model->config.kind == ATT_DECODER ? &s->tokens : NULL;
  for (int64_t i = 0; i < s->plan.samples; i++)
    ATT_TRY(att_pieces_begin(&s->pieces[i], ctx, s->model->tokenizer, before, s->plan.stop, s->plan.stop_count));
  for (int64_t i = 0; i < s->plan.samples; i++) s->pieces[i].top_count = (size_t)s->plan.top;
  return ATT_OK;
}

att_status att_served_new(att_model *model, const att_request *request, uint64_t id, att_served **out) {
  *out = NULL;
  att_served *s = ATT_NEW(model->ctx, 1, att_served);
  if (!s) return ATT_MEMORY;
  s->id = id;
  s->model = model;
  s->sequence = -1;
  att_status status = read_request(s, request);
  if (status) {
    att_served_free(s);
  } else {
    *out = s;
  }
  return status;
}

void att_served_free(att_served *s) {
  if (!s) return;
  att_context *ctx = s->model->ctx;
  if (s->sequence >= 0) att_session_drop(s->kept->session, s->sequence);
  att_search_end(&s->search);
  att_grammar_free(s->grammar);
  att_free(ctx, s->biases);
  att_free(ctx, s->biased);
  for (int64_t i = 0; s->pieces && i < s->plan.samples; i++) att_pieces_free(&s->pieces[i], ctx);
  att_free(ctx, s->pieces);
  att_free(ctx, s->tokens.data);
  att_free(ctx, s);
}

/* ---- what it takes -------------------------------------------------------------------------------------------- */

int64_t att_served_slots(const att_served *s) { return s->plan.beam > 1 ? s->plan.beam : s->plan.samples; }

/* The last token of a prompt is what each sample begins with. */
int64_t att_served_unread(const att_served *s) {
  if (s->model->config.kind != ATT_DECODER || s->stage >= ATT_STAGE_WRITING) return 0;
  int64_t read = s->sequence >= 0 ? att_session_length(s->kept->session, s->sequence) : 0;
  return (int64_t)s->tokens.count - 1 - read;
}

int64_t att_served_rows(const att_served *s) {
  bool writes = s->stage == ATT_STAGE_WRITING;
  int64_t hypotheses = writes && s->plan.beam == 1 ? s->search.running : att_served_slots(s);
  int64_t positions = s->model->config.max_position_embeddings;
  if (s->plan.slide) return hypotheses * (positions + positions / 2 + 2); /* a full window, and the next one's half */
  return att_served_unread(s) + hypotheses * (s->plan.most - (writes ? s->search.length : 0));
}

att_status att_served_write(att_served *s, att_session *session, int32_t sequence) {
  bool prompt = s->model->config.kind == ATT_DECODER;
  int32_t token = prompt ? s->tokens.data[s->tokens.count - 1] : att_decoder_start(s->model);
  s->stage = ATT_STAGE_WRITING;
  return att_search_begin(&s->search, session, &s->plan, sequence, token);
}

/* ---- what it gives -------------------------------------------------------------------------------------------- */

static void give(att_served *s, att_piece_of_text *piece) {
  if (s->cancelled) return;
  piece->request = s->id;
  piece->truncated = s->truncated;
  piece->prompt_tokens = s->tokens.count;
  piece->shared_tokens = (size_t)s->shared;
  piece->guessed = s->search.draft ? (size_t)s->search.draft->guessed : 0;
  piece->accepted = s->search.draft ? (size_t)s->search.draft->accepted : 0;
  if (s->give(s->user, piece) != 0) s->cancelled = true; /* or it has cancelled itself */
}

/* Of the first sample. */
static att_status keep(const att_served *s, const att_running *h) {
  if (h->number > 0 || s->cancelled || s->model->config.kind != ATT_DECODER) return ATT_OK;
  return att_kept_add(s->kept, s->model->ctx, h->sequence);
}

/* A sample's last piece tells more. */
static att_status give_last(att_served *s, const att_running *h, att_piece_of_text *piece) {
  int64_t count = (int64_t)piece->token_count, rows = att_session_length(s->search.session, h->sequence);
  int32_t *alignment = NULL;
  if (s->search.plan.alignment) {
    alignment = ATT_NEW(s->model->ctx, count, int32_t);
    if (!alignment) return ATT_MEMORY;
    att_session_alignment(s->search.session, h->sequence, rows - count, count, alignment);
  }
  piece->alignment = alignment;
  piece->score = piece->logprob / pow((double)count, s->plan.length_penalty);
  piece->last = ++s->ended == s->plan.samples;
  give(s, piece);
  att_free(s->model->ctx, alignment);
  return s->kept->prompts ? ATT_OK : keep(s, h);
}

static att_status on_token(void *user, const att_running *h, double logprob, att_finish *finish) {
  att_served *s = user;
  att_pieces *pieces = &s->pieces[h->number];
  size_t size;
  s->written++;
  if (s->kept->prompts && s->search.length == 1) ATT_TRY(keep(s, h));
  ATT_TRY(att_pieces_put(pieces, s->model->ctx, h->token, logprob, h->top, finish, &size));
  if (size == 0 && *finish == ATT_RUNNING) return ATT_OK;
  att_piece_of_text piece = {.sample = h->number, .finish = *finish};
  att_pieces_show(pieces, size, &piece);
  if (*finish != ATT_RUNNING) {
    ATT_TRY(give_last(s, h, &piece));
  } else {
    give(s, &piece);
  }
  att_pieces_pass(pieces, size);
  return ATT_OK;
}

/* The text before a stop text, where there is one. */
static att_status result_text(att_served *s, const att_output *o, att_buffer *text, att_finish *finish) {
  const att_search_plan *plan = &s->plan;
  text->size = 0;
  ATT_TRY(att_buffer_append(s->model->ctx, text, "", 0));
  if (s->model->tokenizer)
    ATT_TRY(att_tokenizer_decode(s->model->tokenizer, s->model->ctx, o->tokens, (size_t)o->count, true, text));
  *finish = o->count == plan->most ? plan->at_most : ATT_FINISH_STOP;
  if (att_generation_ends(plan->settings, o->tokens[o->count - 1])) *finish = ATT_FINISH_END;
  size_t size = att_stop_find(plan->stop, plan->stop_count, (att_text){text->data, text->size});
  if (size < text->size) *finish = ATT_FINISH_STOP;
  text->size = size;
  return att_buffer_append(s->model->ctx, text, "", 0);
}

static att_status give_result(att_served *s, int64_t number, att_buffer *text) {
  const att_output *o = &s->search.results[number];
  int64_t count = s->search.result_count < s->nbest ? s->search.result_count : s->nbest;
  att_finish finish;
  ATT_TRY(result_text(s, o, text, &finish));
  att_piece_of_text piece = {.sample = (int)number,
                             .text = text->data,
                             .size = text->size,
                             .finish = finish,
                             .tokens = o->tokens,
                             .token_count = (size_t)o->count,
                             .logprob = o->logprob,
                             .last = number + 1 == count,
                             .score = o->score,
                             .alignment = o->alignment};
  s->written += o->count;
  give(s, &piece);
  return ATT_OK;
}

att_status att_served_close(att_served *s) {
  att_status status = ATT_OK;
  att_buffer text = {0};
  s->stage = ATT_STAGE_OVER;
  for (int64_t i = 0; !status && s->plan.beam > 1 && i < s->nbest && i < s->search.result_count; i++)
    status = give_result(s, i, &text);
  att_buffer_free(s->model->ctx, &text);
  return status;
}

void att_served_fail(att_served *s) {
  att_piece_of_text piece = {.text = "", .finish = ATT_FINISH_FAILED, .last = true};
  s->stage = ATT_STAGE_OVER;
  give(s, &piece);
}
