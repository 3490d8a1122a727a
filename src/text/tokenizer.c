/* Owns the handle: training, text to ids, ids to text. See tokenizer.h. */
#include "text/parts.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

#include <string.h>

/* ---- making and freeing ---------------------------------------------------------------------------------------- */

att_status att_tokenizer_make(att_context *ctx, att_tokenizer **out) {
  *out = ATT_NEW(ctx, 1, att_tokenizer);
  if (!*out) return ATT_MEMORY;
  (*out)->ctx = ctx;
  (*out)->use_regex = true;
  (*out)->bpe.unknown = -1;
  return ATT_OK;
}

void att_tokenizer_free(att_tokenizer *tokenizer) {
  if (!tokenizer) return;
  att_context *ctx = tokenizer->ctx;
  att_vocabulary_free(ctx, &tokenizer->vocabulary);
  att_bpe_free(ctx, &tokenizer->bpe);
  for (size_t i = 0; i < tokenizer->added_count; i++) att_free(ctx, (char *)tokenizer->added[i].content.data);
  att_free(ctx, tokenizer->added);
  att_free(ctx, tokenizer->added_of);
  att_free(ctx, tokenizer->raw.tokens);
  att_free(ctx, tokenizer->normalized.tokens);
  att_free(ctx, tokenizer->before.data);
  att_free(ctx, tokenizer->after.data);
  att_free(ctx, tokenizer);
}

att_status att_normalize(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_buffer buffers[2],
                         att_text *out) {
  int next = 0;
  for (int i = 0; i < tokenizer->step_count; i++) {
    bool nfc = tokenizer->steps[i] == ATT_STEP_NFC;
    if (text.size == 0 || (nfc && att_nfc_is_plain(text.data, text.size))) continue;
    att_buffer *buffer = &buffers[next];
    buffer->size = 0;
    ATT_TRY(nfc ? att_nfc(ctx, text, buffer) : att_lowercase(ctx, text, buffer));
    text = (att_text){buffer->data, buffer->size};
    next = !next;
  }
  *out = text;
  return ATT_OK;
}

att_status att_added_put(att_tokenizer *tokenizer, att_added token, const char *spelling) {
  att_context *ctx = tokenizer->ctx;
  att_buffer buffers[2] = {{0}, {0}};
  att_text text = {spelling, strlen(spelling)};
  att_status status = token.normalized ? att_normalize(tokenizer, ctx, text, buffers, &text) : ATT_OK;
  if (status == ATT_OK) {
    token.content = (att_text){att_copy_text(ctx, text.data, text.size), text.size};
    if (token.content.data)
      tokenizer->added[tokenizer->added_count++] = token;
    else
      status = ATT_MEMORY;
  }
  att_buffer_free(ctx, &buffers[0]);
  att_buffer_free(ctx, &buffers[1]);
  return status;
}

att_status att_tokenizer_finish(att_tokenizer *tokenizer) {
  tokenizer->added_of = ATT_NEW(tokenizer->ctx, tokenizer->vocabulary.size, const att_added *);
  if (!tokenizer->added_of) return ATT_MEMORY;
  for (size_t i = 0; i < tokenizer->added_count; i++)
    tokenizer->added_of[tokenizer->added[i].id] = &tokenizer->added[i];
  ATT_TRY(att_bpe_index(tokenizer->ctx, &tokenizer->bpe));
  ATT_TRY(att_matcher_make(tokenizer, false, &tokenizer->raw));
  return att_matcher_make(tokenizer, true, &tokenizer->normalized);
}

/* ---- training -------------------------------------------------------------------------------------------------- */

static att_status check_special(att_context *ctx, const char *special) {
  if (special && special[0] && att_utf8_valid(special, strlen(special))) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "training a tokenizer: a special token is empty or not UTF-8");
}

static att_status check_plan(att_context *ctx, const att_tokenizer_plan *plan) {
  size_t least = 256 + plan->first_count + (plan->last_special ? 1 : 0);
  if (plan->vocab > ATT_MOST_IDS || plan->vocab < 0 || (size_t)plan->vocab < least)
    return att_fail(ctx, ATT_ARGUMENT,
                    "a vocabulary of %d tokens is not possible: from %zu (256 bytes, special tokens) to %d",
                    plan->vocab, least, ATT_MOST_IDS);
  for (size_t i = 0; i < plan->first_count; i++) ATT_TRY(check_special(ctx, plan->first_specials[i]));
  return plan->last_special ? check_special(ctx, plan->last_special) : ATT_OK;
}

static att_status add_special(att_tokenizer *tokenizer, const char *spelling) {
  att_vocabulary *vocabulary = &tokenizer->vocabulary;
  att_added token = {.id = (int32_t)vocabulary->count, .special = true};
  ATT_TRY(att_vocabulary_add(tokenizer->ctx, vocabulary, "training a tokenizer", token.id, spelling, strlen(spelling)));
  return att_added_put(tokenizer, token, spelling);
}

/* The 256 bytes' characters, by code point. */
static att_status add_alphabet(att_tokenizer *tokenizer) {
  att_vocabulary *vocabulary = &tokenizer->vocabulary;
  for (int32_t code = 0; code < 512; code++) {
    if (att_char_to_byte(code) < 0) continue;
    char spelled[4];
    size_t size = att_utf8_put(code, spelled);
    if (att_vocabulary_find(vocabulary, spelled, size) >= 0) continue; /* a special token is spelled so */
    ATT_TRY(att_vocabulary_add(tokenizer->ctx, vocabulary, "training a tokenizer", (int32_t)vocabulary->count, spelled,
                               size));
  }
  att_bpe_find_bytes(&tokenizer->bpe, vocabulary);
  return ATT_OK;
}

/* Buffers used again from line to line: [0] repaired bytes, [1], [2] normalised. */
static att_status count_words(const att_tokenizer *tokenizer, att_text line, att_buffer buffers[3], att_words *words) {
  att_context *ctx = tokenizer->ctx;
  if (!att_utf8_valid(line.data, line.size)) {
    buffers[0].size = 0;
    ATT_TRY(att_utf8_repair(ctx, line, &buffers[0]));
    line = (att_text){buffers[0].data, buffers[0].size};
  }
  ATT_TRY(att_normalize(tokenizer, ctx, line, buffers + 1, &line));
  for (size_t start = 0, end; start < line.size; start = end) {
    end = att_word_end(line.data, line.size, start);
    ATT_TRY(att_words_add(ctx, words, (att_text){line.data + start, end - start}));
  }
  return ATT_OK;
}

static att_status count_texts(const att_tokenizer *tokenizer, const att_text *const *texts, const size_t *counts,
                              size_t text_count, att_words *words, int (*progress)(void *user, double done),
                              void *user) {
  att_context *ctx = tokenizer->ctx;
  att_buffer buffers[3] = {{0}, {0}, {0}};
  att_status status = ATT_OK;
  size_t total = 0, seen = 0;
  for (size_t i = 0; i < text_count; i++) total += counts[i];
  for (size_t i = 0; i < text_count && status == ATT_OK; i++)
    for (size_t k = 0; k < counts[i] && status == ATT_OK; k++) {
      status = count_words(tokenizer, texts[i][k], buffers, words);
      if (++seen % 4096 || status) continue;
      if (ctx->interrupted || (progress && progress(user, 0.5 * (double)seen / (double)total)))
        status = att_fail(ctx, ATT_INTERRUPTED, "training the tokenizer was interrupted");
    }
  for (int i = 0; i < 3; i++) att_buffer_free(ctx, &buffers[i]);
  return status;
}

static att_status prepare(att_tokenizer *tokenizer, const att_tokenizer_plan *plan) {
  tokenizer->steps[tokenizer->step_count++] = ATT_STEP_NFC;
  if (plan->lowercase) tokenizer->steps[tokenizer->step_count++] = ATT_STEP_LOWERCASE;
  tokenizer->added = ATT_NEW(tokenizer->ctx, plan->first_count + 1, att_added);
  if (!tokenizer->added) return ATT_MEMORY;
  ATT_TRY(att_vocabulary_make(tokenizer->ctx, &tokenizer->vocabulary, plan->vocab, (size_t)plan->vocab));
  for (size_t i = 0; i < plan->first_count; i++) ATT_TRY(add_special(tokenizer, plan->first_specials[i]));
  return add_alphabet(tokenizer);
}

static att_status complete(att_tokenizer *tokenizer, const att_tokenizer_plan *plan) {
  if (plan->last_special) ATT_TRY(add_special(tokenizer, plan->last_special));
  tokenizer->vocabulary.size = (int32_t)tokenizer->vocabulary.count;
  ATT_TRY(att_tokenizer_finish(tokenizer));
  if (plan->end_mark) {
    int32_t end = att_tokenizer_id(tokenizer, plan->end_mark);
    if (end < 0 || !att_tokenizer_is_special(tokenizer, end))
      return att_fail(tokenizer->ctx, ATT_ARGUMENT, "the end mark \"%s\" is not among the special tokens",
                      plan->end_mark);
    ATT_TRY(att_ids_push(tokenizer->ctx, &tokenizer->after, end));
  }
  return ATT_OK;
}

att_status att_tokenizer_train(att_context *ctx, const att_text *const *texts, const size_t *counts, size_t text_count,
                               const att_tokenizer_plan *plan, int (*progress)(void *user, double done), void *user,
                               att_tokenizer **out) {
  *out = NULL;
  ATT_TRY(check_plan(ctx, plan));
  att_tokenizer *tokenizer = NULL;
  att_words words = {0};
  ATT_TRY(att_tokenizer_make(ctx, &tokenizer));
  att_status status = prepare(tokenizer, plan);
  if (status == ATT_OK) status = count_texts(tokenizer, texts, counts, text_count, &words, progress, user);
  if (status == ATT_OK)
    status = att_bpe_learn(ctx, &words, plan->vocab - (plan->last_special ? 1 : 0), &tokenizer->vocabulary,
                           &tokenizer->bpe, progress, user);
  if (status == ATT_OK) status = complete(tokenizer, plan);
  att_words_free(ctx, &words);
  if (status == ATT_OK)
    *out = tokenizer;
  else
    att_tokenizer_free(tokenizer);
  return status;
}

/* ---- looking up ------------------------------------------------------------------------------------------------ */

int32_t att_tokenizer_size(const att_tokenizer *tokenizer) { return tokenizer->vocabulary.size; }

int32_t att_tokenizer_id(const att_tokenizer *tokenizer, const char *token) {
  return att_vocabulary_find(&tokenizer->vocabulary, token, strlen(token));
}

const char *att_tokenizer_token(const att_tokenizer *tokenizer, int32_t id) {
  return att_vocabulary_spelling(&tokenizer->vocabulary, id);
}

bool att_tokenizer_is_special(const att_tokenizer *tokenizer, int32_t id) {
  if (id < 0 || id >= tokenizer->vocabulary.size) return false;
  return tokenizer->added_of[id] && tokenizer->added_of[id]->special;
}

/* ---- text to ids ----------------------------------------------------------------------------------------------- */

typedef struct encoder {
  const att_tokenizer *tokenizer;
  att_context *ctx;
  att_ids *ids;
  att_bpe_scratch scratch;
  att_buffer repaired, normal[2], prefixed;
} encoder;

typedef att_status encode_part(encoder *e, att_text text);

/* Cuts the text at the matcher's tokens; what lies between goes on to `part`. */
static att_status split(encoder *e, const att_matcher *matcher, att_text text, encode_part *part) {
  size_t done = 0, at = 0, start, end;
  const att_added *token;
  while ((token = att_matcher_next(matcher, text, at, &start, &end))) {
    at = end;
    if (!att_added_fits(token, text, &start, &end)) continue;
    if (token->lstrip && start < done) start = done;
    if (done < start) ATT_TRY(part(e, (att_text){text.data + done, start - done}));
    ATT_TRY(att_ids_push(e->ctx, e->ids, token->id));
    done = end;
  }
  return done < text.size ? part(e, (att_text){text.data + done, text.size - done}) : ATT_OK;
}

static att_status encode_words(encoder *e, att_text text) {
  const att_tokenizer *t = e->tokenizer;
  if (t->add_prefix_space && text.data[0] != ' ') {
    e->prefixed.size = 0;
    ATT_TRY(att_buffer_append(e->ctx, &e->prefixed, " ", 1));
    ATT_TRY(att_buffer_append(e->ctx, &e->prefixed, text.data, text.size));
    text = (att_text){e->prefixed.data, e->prefixed.size};
  }
  for (size_t start = 0, end; start < text.size; start = end) {
    end = t->use_regex ? att_word_end(text.data, text.size, start) : text.size;
    att_text word = {text.data + start, end - start};
    ATT_TRY(att_bpe_encode(&t->bpe, &t->vocabulary, e->ctx, &e->scratch, word, e->ids));
  }
  return ATT_OK;
}

static att_status encode_raw(encoder *e, att_text text) {
  ATT_TRY(att_normalize(e->tokenizer, e->ctx, text, e->normal, &text));
  return split(e, &e->tokenizer->normalized, text, encode_words);
}

static att_status encode_text(encoder *e, att_text text) {
  if (!att_utf8_valid(text.data, text.size)) {
    ATT_TRY(att_utf8_repair(e->ctx, text, &e->repaired));
    text = (att_text){e->repaired.data, e->repaired.size};
  }
  return split(e, &e->tokenizer->raw, text, encode_raw);
}

static att_status push_all(att_context *ctx, const att_ids *marks, att_ids *ids) {
  for (size_t i = 0; i < marks->count; i++) ATT_TRY(att_ids_push(ctx, ids, marks->data[i]));
  return ATT_OK;
}

att_status att_tokenizer_encode(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool special,
                                att_ids *ids) {
  return att_tokenizer_encode_dropout(tokenizer, ctx, text, special, 0, 0, ids);
}

att_status att_tokenizer_encode_dropout(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool special,
                                        double rate, uint64_t key, att_ids *ids) {
  encoder e = {.tokenizer = tokenizer, .ctx = ctx, .ids = ids};
  e.scratch.dropout = (uint32_t)(rate * 4294967296.0);
  e.scratch.draw_key = key;
  att_status status = special ? push_all(ctx, &tokenizer->before, ids) : ATT_OK;
  if (status == ATT_OK) status = encode_text(&e, text);
  if (status == ATT_OK && special) status = push_all(ctx, &tokenizer->after, ids);
  att_bpe_scratch_free(ctx, &e.scratch);
  att_buffer_free(ctx, &e.repaired);
  att_buffer_free(ctx, &e.normal[0]);
  att_buffer_free(ctx, &e.normal[1]);
  att_buffer_free(ctx, &e.prefixed);
  return status;
}

/* ---- ids to text ----------------------------------------------------------------------------------------------- */

/* The bytes that a token's characters stand for; a token with any other character stands for itself. */
static att_status append_bytes(att_context *ctx, const char *token, att_buffer *out) {
  size_t before = out->size, size = strlen(token), bad;
  for (size_t i = 0; i < size;) {
    int32_t code;
    int length = att_utf8_next(token + i, size - i, &code, &bad);
    int byte = length > 0 ? att_char_to_byte(code) : -1;
    if (byte < 0) {
      out->size = before;
      return att_buffer_append(ctx, out, token, size);
    }
    char single = (char)byte;
    ATT_TRY(att_buffer_append(ctx, out, &single, 1));
    i += (size_t)length;
  }
  return ATT_OK;
}

att_status att_tokenizer_decode(const att_tokenizer *tokenizer, att_context *ctx, const int32_t *ids, size_t count,
                                bool skip_special, att_buffer *out) {
  att_buffer bytes = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < count && status == ATT_OK; i++) {
    const char *token = att_tokenizer_token(tokenizer, ids[i]);
    if (!token || (skip_special && att_tokenizer_is_special(tokenizer, ids[i]))) continue;
    const att_added *added = tokenizer->added_of[ids[i]];
    status = append_bytes(ctx, added ? added->content.data : token, &bytes); /* normalised, as the peer's since 0.22 */
  }
  if (status == ATT_OK) status = att_utf8_repair(ctx, (att_text){bytes.data, bytes.size}, out);
  if (status == ATT_OK) status = att_buffer_append(ctx, out, "", 0); /* also of nothing comes a string */
  att_buffer_free(ctx, &bytes);
  return status;
}
