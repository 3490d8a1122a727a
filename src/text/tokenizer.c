/* Owns the handle: its making, looking up, text to ids. See tokenizer.h. */
#include "text/components.h"
#include "text/token_spans.h"
#include "text/unicode.h"

#include <string.h>

/* ---- making and freeing ---------------------------------------------------------------------------------------- */

att_status att_tokenizer_make(att_context *ctx, att_tokenizer **out) {
  *out = ATT_NEW(ctx, 1, att_tokenizer);
  if (!*out) return ATT_MEMORY;
  (*out)->ctx = ctx;
  (*out)->bpe.unknown = -1;
  (*out)->bpe.characters = true;
  (*out)->decoding.kind = ATT_DECODE_SPACED;
  return ATT_OK;
}

void att_tokenizer_free(att_tokenizer *tokenizer) {
  if (!tokenizer) return;
  att_context *ctx = tokenizer->ctx;
  att_vocabulary_free(ctx, &tokenizer->vocabulary);
  att_bpe_free(ctx, &tokenizer->bpe);
  att_free(ctx, tokenizer->unigram.scores);
  for (size_t i = 0; i < tokenizer->added_count; i++) att_free(ctx, (char *)tokenizer->added[i].content.data);
  att_buffer_free(ctx, &tokenizer->charsmap.bytes);
  for (int i = 0; i < ATT_MOST_STEPS; i++) att_pattern_free(ctx, &tokenizer->steps[i].pattern);
  for (int i = 0; i < ATT_MOST_PRETOKENIZERS; i++) att_pattern_free(ctx, &tokenizer->pretokenizers[i].pattern);
  att_free(ctx, tokenizer->added);
  att_free(ctx, tokenizer->added_of);
  att_free(ctx, tokenizer->raw.tokens);
  att_free(ctx, tokenizer->normalized.tokens);
  att_free(ctx, tokenizer->single.items);
  att_free(ctx, tokenizer->pair.items);
  for (int i = 0; i < ATT_PARTS; i++) json_decref(tokenizer->parts[i]);
  json_decref(tokenizer->config);
  att_free(ctx, tokenizer);
}

att_status att_added_put(att_tokenizer *tokenizer, att_added token, const char *spelling) {
  att_context *ctx = tokenizer->ctx;
  att_buffer buffers[2] = {{0}, {0}};
  att_text text = {spelling, strlen(spelling)};
  bool first = true;
  att_status status = token.normalized ? att_normalize(tokenizer, ctx, text, buffers, &first, &text) : ATT_OK;
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

att_status att_tokenizer_split_specials(att_tokenizer *tokenizer) {
  att_free(tokenizer->ctx, tokenizer->raw.tokens);
  att_free(tokenizer->ctx, tokenizer->normalized.tokens);
  tokenizer->raw = tokenizer->normalized = (att_matcher){0};
  tokenizer->split_specials = true;
  ATT_TRY(att_matcher_make(tokenizer, false, &tokenizer->raw));
  return att_matcher_make(tokenizer, true, &tokenizer->normalized);
}

/* ---- looking up ------------------------------------------------------------------------------------------------ */

int32_t att_tokenizer_size(const att_tokenizer *tokenizer) { return tokenizer->vocabulary.size; }

int32_t att_tokenizer_id(const att_tokenizer *tokenizer, const char *token) {
  return att_vocabulary_find(&tokenizer->vocabulary, token, strlen(token));
}

const char *att_tokenizer_token(const att_tokenizer *tokenizer, int32_t id) {
  return att_vocabulary_spelling(&tokenizer->vocabulary, id);
}

att_token_spelling att_tokenizer_spelling(const att_tokenizer *tokenizer) {
  bool suffixes = tokenizer->decoding.kind == ATT_DECODE_WORDPIECE;
  return (att_token_spelling){.bytes = tokenizer->decoding.kind == ATT_DECODE_BYTES,
                              .suffixes = suffixes,
                              .single = !suffixes && !tokenizer->unigram.used && tokenizer->bpe.count == 0};
}

bool att_tokenizer_has_merges(const att_tokenizer *tokenizer) { return tokenizer->bpe.count > 0; }

bool att_tokenizer_splits_specials(const att_tokenizer *tokenizer) { return tokenizer->split_specials; }

bool att_tokenizer_has_types(const att_tokenizer *tokenizer) { return !tokenizer->one_type; }

bool att_tokenizer_is_special(const att_tokenizer *tokenizer, int32_t id) {
  if (id < 0 || id >= tokenizer->vocabulary.size) return false;
  return tokenizer->added_of[id] && tokenizer->added_of[id]->special;
}

int32_t att_tokenizer_special(const att_tokenizer *tokenizer, att_special special) {
  static const char *const spellings[][4] = {
      [ATT_SPECIAL_UNKNOWN] = {"[UNK]", "<unk>"},
      [ATT_SPECIAL_PAD] = {"[PAD]", "<pad>"},
      [ATT_SPECIAL_START] = {"[CLS]", "<s>", "<|begin_of_text|>"},
      [ATT_SPECIAL_END] = {"[SEP]", "</s>", "<|end_of_text|>", "<|endoftext|>"},
      [ATT_SPECIAL_MASK] = {"[MASK]", "<mask>"},
  };
  for (int i = 0; i < 4 && spellings[special][i]; i++) {
    int32_t id = att_tokenizer_id(tokenizer, spellings[special][i]);
    if (id >= 0) return id;
  }
  return -1;
}

/* ---- text to ids ----------------------------------------------------------------------------------------------- */

typedef struct encoder {
  const att_tokenizer *tokenizer;
  att_context *ctx;
  att_ids *ids;
  att_bpe_scratch scratch;
  att_unigram_scratch ways;
  att_buffer repaired, normal[2], pieces[ATT_MOST_PRETOKENIZERS];
  att_span_recorder *recorder; /* of where the tokens stand; or NULL */
} encoder;

static void encoder_free(encoder *e) {
  att_bpe_scratch_free(e->ctx, &e->scratch);
  att_free(e->ctx, e->ways.ways);
  att_buffer_free(e->ctx, &e->repaired);
  for (int i = 0; i < 2; i++) att_buffer_free(e->ctx, &e->normal[i]);
  for (int i = 0; i < ATT_MOST_PRETOKENIZERS; i++) att_buffer_free(e->ctx, &e->pieces[i]);
}

typedef att_status encode_part(encoder *e, att_text text, bool first);

/* Cuts the text at the matcher's tokens; what lies between goes on to `part`. first: the text begins all of it. */
static att_status split(encoder *e, const att_matcher *matcher, att_text text, bool first, encode_part *part) {
  size_t done = 0, at = 0, start, end, blanks[2] = {0, 0};
  const att_added *token;
  while ((token = att_matcher_next(matcher, text, at, &start, &end))) {
    at = end;
    if (!att_added_fits(token, text, blanks, &start, &end)) continue;
    if (token->lstrip && start < done) start = done;
    if (done < start) ATT_TRY(part(e, (att_text){text.data + done, start - done}, first && done == 0));
    ATT_TRY(att_ids_push(e->ctx, e->ids, token->id));
    if (e->recorder) ATT_TRY(att_spans_found(e->recorder, text.data + start, text.data + end));
    done = end;
  }
  if (done == text.size) return ATT_OK;
  return part(e, (att_text){text.data + done, text.size - done}, first && done == 0);
}

static att_status find_tokens(encoder *e, att_text word) {
  const att_tokenizer *t = e->tokenizer;
  if (t->wordpiece.used) return att_wordpiece_encode(&t->wordpiece, &t->vocabulary, e->ctx, word, e->ids);
  if (t->unigram.used) return att_unigram_encode(&t->unigram, &t->vocabulary, e->ctx, &e->ways, word, e->ids);
  return att_bpe_encode(&t->bpe, &t->vocabulary, e->ctx, &e->scratch, word, e->ids);
}

static att_status encode_word(void *user, att_text word) {
  encoder *e = user;
  size_t before = e->ids->count;
  ATT_TRY(find_tokens(e, word));
  if (!e->recorder) return ATT_OK;
  return att_spans_word(e->recorder, e->pieces, word, e->ids->data + before, e->ids->count - before);
}

static att_status encode_words(encoder *e, att_text text, bool first) {
  att_text *changed = e->recorder ? e->recorder->changed : NULL;
  return att_split_words(e->tokenizer, e->ctx, text, first, e->pieces, changed, encode_word, e);
}

static att_status encode_raw(encoder *e, att_text text, bool first) {
  const att_text piece = text;
  ATT_TRY(att_normalize(e->tokenizer, e->ctx, text, e->normal, &first, &text));
  if (e->recorder) ATT_TRY(att_spans_normalize(e->recorder, piece, text));
  return split(e, &e->tokenizer->normalized, text, first, encode_words);
}

static att_status encode_text(encoder *e, att_text text) {
  if (!att_utf8_valid(text.data, text.size)) {
    e->repaired.size = 0;
    ATT_TRY(att_utf8_repair(e->ctx, text, &e->repaired));
    text = (att_text){e->repaired.data, e->repaired.size};
  }
  return split(e, &e->tokenizer->raw, text, true, encode_raw);
}

att_status att_tokenizer_encode(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool special,
                                att_ids *ids) {
  return att_tokenizer_encode_dropout(tokenizer, ctx, text, special, 0, 0, ids);
}

att_status att_tokenizer_encode_dropout(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool special,
                                        double rate, uint64_t key, att_ids *ids) {
  const att_template *template = &tokenizer->single;
  encoder e = {.tokenizer = tokenizer, .ctx = ctx, .ids = ids};
  e.scratch.dropout = (uint32_t)(rate * 4294967296.0);
  e.scratch.draw_key = key;
  att_status status = ATT_OK;
  for (size_t i = 0; i < template->count && status == ATT_OK; i++) {
    if (template->items[i].kind != ATT_ITEM_SPECIAL)
      status = encode_text(&e, text);
    else if (special)
      status = att_ids_push(ctx, ids, template->items[i].id);
  }
  encoder_free(&e);
  return status;
}

att_status att_tokenizer_encode_spans(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_ids *ids,
                                      att_token_spans *spans) {
  att_span_recorder recorder = {.tokenizer = tokenizer, .ctx = ctx, .text = text, .spans = spans};
  encoder e = {.tokenizer = tokenizer, .ctx = ctx, .ids = ids, .recorder = &recorder};
  if (!att_utf8_valid(text.data, text.size)) return att_fail(ctx, ATT_ARGUMENT, "the text is not valid UTF-8");
  att_status status = encode_text(&e, text);
  encoder_free(&e);
  att_span_recorder_free(&recorder);
  return status;
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

/* What two texts of these lengths keep so that they have `most` tokens together ("longest_first": the longer one is
 * truncated to the shorter one, then both). */
static void truncate_longest_first(size_t lengths[2], size_t most) {
  if (lengths[0] + lengths[1] <= most) return;
  bool swap = lengths[0] > lengths[1];
  size_t shorter = lengths[swap ? 1 : 0];
  size_t longer = shorter > most || most - shorter < shorter ? shorter : most - shorter;
  if (shorter + longer > most) {
    shorter = most / 2;
    longer = most - shorter;
  }
  lengths[0] = swap ? longer : shorter;
  lengths[1] = swap ? shorter : longer;
}

/* Appends the template's items, the texts as their first (or last) `lengths` tokens. types may be NULL. */
static att_status join(const att_tokenizer *t, att_context *ctx, const att_template *template, const att_ids texts[2],
                       const size_t lengths[2], att_ids *ids, att_ids *types) {
  for (size_t i = 0; i < template->count; i++) {
    const att_item *item = &template->items[i];
    bool special = item->kind == ATT_ITEM_SPECIAL;
    size_t text = item->kind == ATT_ITEM_SECOND, count = special ? 1 : lengths[text];
    size_t left_out = t->keeps_last && !special ? texts[text].count - count : 0;
    for (size_t k = 0; k < count; k++) {
      ATT_TRY(att_ids_push(ctx, ids, special ? item->id : texts[text].data[left_out + k]));
      if (types) ATT_TRY(att_ids_push(ctx, types, t->one_type ? 0 : item->type));
    }
  }
  return ATT_OK;
}

static att_status truncate_texts(att_context *ctx, const att_template *template, int64_t most, size_t lengths[2],
                                 bool *truncated) {
  size_t specials = 0, whole = lengths[0] + lengths[1];
  for (size_t i = 0; i < template->count; i++) specials += template->items[i].kind == ATT_ITEM_SPECIAL;
  if (most < 0 || (most > 0 && (size_t)most <= specials))
    return att_fail(ctx, ATT_ARGUMENT, "at most %lld tokens leave no room for text beside %zu special tokens",
                    (long long)most, specials);
  if (most > 0) truncate_longest_first(lengths, (size_t)most - specials);
  *truncated = lengths[0] + lengths[1] < whole;
  return ATT_OK;
}

att_status att_tokenizer_encode_pair(const att_tokenizer *tokenizer, att_context *ctx, att_text first,
                                     const att_text *second, int64_t most, att_ids *ids, att_ids *types,
                                     bool *truncated) {
  const att_template *template = second ? &tokenizer->pair : &tokenizer->single;
  encoder e = {.tokenizer = tokenizer, .ctx = ctx};
  att_ids texts[2] = {{0}, {0}};
  *truncated = false;
  e.ids = &texts[0];
  att_status status = encode_text(&e, first);
  e.ids = &texts[1];
  if (status == ATT_OK && second) status = encode_text(&e, *second);
  size_t lengths[2] = {texts[0].count, texts[1].count};
  if (status == ATT_OK) status = truncate_texts(ctx, template, most, lengths, truncated);
  if (status == ATT_OK) status = join(tokenizer, ctx, template, texts, lengths, ids, types);
  att_free(ctx, texts[0].data);
  att_free(ctx, texts[1].data);
  encoder_free(&e);
  return status;
}

size_t att_tokenizer_pair_specials(const att_tokenizer *tokenizer) {
  size_t specials = 0;
  for (size_t i = 0; i < tokenizer->pair.count; i++) specials += tokenizer->pair.items[i].kind == ATT_ITEM_SPECIAL;
  return specials;
}

att_status att_tokenizer_join(const att_tokenizer *tokenizer, att_context *ctx, const att_ids *first,
                              const att_ids *second, att_ids *ids, att_ids *types, size_t *second_at) {
  const att_template *template = &tokenizer->pair;
  const att_ids texts[2] = {*first, *second};
  const size_t lengths[2] = {first->count, second->count};
  *second_at = 0;
  for (size_t i = 0; i < template->count && template->items[i].kind != ATT_ITEM_SECOND; i++)
    *second_at += template->items[i].kind == ATT_ITEM_SPECIAL ? 1 : first->count;
  return join(tokenizer, ctx, template, texts, lengths, ids, types);
}
