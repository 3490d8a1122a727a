/* Owns what tokenizer_gguf.h says. */
#include "text/tokenizer_gguf.h"

#include "text/components.h"
#include "text/gguf_patterns.h"

#include <stdio.h>
#include <string.h>

/* As the file numbers them. */
typedef enum token_type { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE } token_type;

/* Keys and strings lie in the arena. The first that fails stays. */
typedef struct writer {
  const att_tokenizer *t;
  att_context *ctx;
  att_arena *arena;
  int32_t size;
  att_gguf_entry *entries;
  size_t *count;
  att_status status;
} writer;

static void *room(writer *w, size_t count, size_t size) {
  void *memory = w->status ? NULL : att_arena_alloc(w->arena, count ? count * size : 1, sizeof(double));
  if (!memory && !w->status) w->status = ATT_MEMORY;
  return memory;
}

static void put(writer *w, const char *key, att_gguf_type type, bool array, size_t count, const void *data) {
  if (w->status) return;
  w->entries[(*w->count)++] = (att_gguf_entry){key, type, array, count, data, count * att_gguf_type_size(type)};
}

static att_text copy(writer *w, const char *text, size_t size) {
  char *out = room(w, size, 1);
  return (att_text){out && size ? memcpy(out, text, size) : out, size};
}

static void put_text(writer *w, const char *key, const char *text) {
  att_text *value = room(w, 1, sizeof *value);
  if (value) *value = copy(w, text, strlen(text));
  put(w, key, ATT_GGUF_STRING, false, 1, value);
}

static void put_bool(writer *w, const char *key, bool is) {
  char *value = room(w, 1, 1);
  if (value) *value = is;
  put(w, key, ATT_GGUF_BOOL, false, 1, value);
}

/* ---- kinds ---------------------------------------------------------------------------------------------------- */

/* SentencePiece's BPE: words in characters, with bytes for those that have no token. */
static bool is_sentencepiece(const att_tokenizer *t) { return t->bpe.characters && t->bpe.byte_fallback; }

static const char *kind_of(const att_tokenizer *t) {
  if (t->wordpiece.used) return "bert";
  if (t->unigram.used) return "t5";
  return is_sentencepiece(t) ? "llama" : "gpt2";
}

static const json_t *step_of(const json_t *parts, size_t i) {
  const json_t *list = json_object_get(parts, "pretokenizers");
  return list ? json_array_get(list, i) : i == 0 ? parts : NULL;
}

static bool is_step(const json_t *step, const char *type) {
  const char *name = json_string_value(json_object_get(step, "type"));
  return name && strcmp(name, type) == 0;
}

/* The patterns that cut words, as long as all steps are such; count 0: they are not. */
static att_cutting cutting_of(const att_tokenizer *t) {
  const json_t *parts = t->parts[ATT_PART_PRE_TOKENIZER], *step;
  att_cutting out = {.ignore_merges = t->bpe.ignore_merges, .composed = is_step(t->parts[ATT_PART_NORMALIZER], "NFC")};
  for (size_t i = 0; (step = step_of(parts, i)); i++) {
    bool bytes = is_step(step, "ByteLevel");
    const char *regex = json_string_value(json_object_get(json_object_get(step, "pattern"), "Regex"));
    if (is_step(step, "Digits") && json_is_true(json_object_get(step, "individual_digits"))) regex = "\\p{N}";
    if (bytes && !json_is_false(json_object_get(step, "use_regex"))) regex = ATT_GPT2_PATTERN;
    if (!regex && bytes) continue;
    if (!regex || out.count == ATT_MOST_CUTS) return (att_cutting){.count = 0};
    out.patterns[out.count++] = regex;
  }
  return out;
}

/* llama.cpp's name for how words are cut; NULL: it has none for this. */
static const char *pattern_of(writer *w) {
  const att_cutting cutting = cutting_of(w->t);
  const char *name;
  size_t size = cutting.count ? att_gguf_pattern_name(&cutting, &name) : 0;
  char *out = size ? room(w, size + 1, 1) : NULL;
  if (out) snprintf(out, size + 1, "%s", name);
  return out;
}

/* ---- tokens --------------------------------------------------------------------------------------------------- */

/* "<0x0A>" */
static bool is_byte(const char *token) {
  static const char digits[] = "0123456789ABCDEFabcdef";
  return strlen(token) == 6 && strncmp(token, "<0x", 3) == 0 && strspn(token + 3, digits) == 2 && token[5] == '>';
}

static token_type type_of(const att_tokenizer *t, int32_t id) {
  const char *token = id < t->vocabulary.size ? att_vocabulary_spelling(&t->vocabulary, id) : NULL;
  if (!token) return UNUSED;
  int32_t unknown = t->wordpiece.used     ? -1
                    : t->unigram.used     ? t->unigram.unknown
                    : is_sentencepiece(t) ? t->bpe.unknown
                                          : -1;
  if (id == unknown) return UNKNOWN;
  if (t->added_of[id]) return t->added_of[id]->special ? CONTROL : USER_DEFINED;
  return (t->unigram.byte_fallback || t->bpe.byte_fallback) && is_byte(token) ? BYTE : NORMAL;
}

/* A word of WordPiece begins with SentencePiece's mark, and what goes on one has none. */
static att_text spelling_of(writer *w, int32_t id, token_type type) {
  static const char mark[] = "\xe2\x96\x81";
  char unused[32];
  const att_wordpiece *pieces = &w->t->wordpiece;
  if (type == UNUSED) {
    snprintf(unused, sizeof unused, "[PAD%d]", (int)id);
    return copy(w, unused, strlen(unused));
  }
  const char *token = att_vocabulary_spelling(&w->t->vocabulary, id);
  size_t size = strlen(token), lead = strlen(pieces->prefix);
  if (!pieces->used || type != NORMAL) return (att_text){token, size};
  if (lead && strncmp(token, pieces->prefix, lead) == 0) return (att_text){token + lead, size - lead};
  char *marked = room(w, size + sizeof mark, 1);
  if (marked) snprintf(marked, size + sizeof mark, "%s%s", mark, token);
  return (att_text){marked, size + sizeof mark - 1};
}

static void put_tokens(writer *w) {
  att_text *tokens = room(w, (size_t)w->size, sizeof *tokens);
  int32_t *types = room(w, (size_t)w->size, sizeof *types);
  for (int32_t id = 0; id < w->size && !w->status; id++) {
    types[id] = type_of(w->t, id);
    tokens[id] = spelling_of(w, id, (token_type)types[id]);
  }
  put(w, "tokenizer.ggml.tokens", ATT_GGUF_STRING, true, (size_t)w->size, tokens);
  put(w, "tokenizer.ggml.token_type", ATT_GGUF_INT32, true, (size_t)w->size, types);
}

/* The higher of two scores is merged first, so a merge's rank is its token's. */
static void put_scores(writer *w) {
  const att_tokenizer *t = w->t;
  if (!t->unigram.used && !is_sentencepiece(t)) return;
  float *scores = room(w, (size_t)w->size, sizeof *scores);
  for (int32_t id = 0; id < w->size && scores; id++) {
    scores[id] = t->unigram.used && id < t->unigram.count ? (float)t->unigram.scores[id] : 0;
  }
  for (size_t i = t->unigram.used ? 0 : t->bpe.count; i-- > 0 && scores;) {
    if (t->bpe.merges[i].result < w->size) scores[t->bpe.merges[i].result] = -(float)(i + 1);
  }
  put(w, "tokenizer.ggml.scores", ATT_GGUF_FLOAT32, true, (size_t)w->size, scores);
}

static void put_merges(writer *w) {
  const att_bpe *bpe = &w->t->bpe;
  const att_vocabulary *v = &w->t->vocabulary;
  if (strcmp(kind_of(w->t), "gpt2") != 0) return;
  att_text *merges = room(w, bpe->count, sizeof *merges);
  for (size_t i = 0; i < bpe->count && !w->status; i++) {
    const char *left = att_vocabulary_spelling(v, bpe->merges[i].left);
    const char *right = att_vocabulary_spelling(v, bpe->merges[i].right);
    size_t size = strlen(left) + strlen(right) + 1;
    char *pair = room(w, size + 1, 1);
    if (pair) snprintf(pair, size + 1, "%s %s", left, right);
    merges[i] = (att_text){pair, size};
  }
  put(w, "tokenizer.ggml.merges", ATT_GGUF_STRING, true, bpe->count, merges);
}

/* ---- what is around a text ------------------------------------------------------------------------------------ */

static void put_template(writer *w) {
  const att_template *single = &w->t->single;
  size_t last = single->count - 1;
  put_bool(w, "tokenizer.ggml.add_bos_token", single->count && single->items[0].kind == ATT_ITEM_SPECIAL);
  put_bool(w, "tokenizer.ggml.add_eos_token", single->count && single->items[last].kind == ATT_ITEM_SPECIAL);
}

static void put_chat_template(writer *w) {
  const char *text = json_string_value(json_object_get(w->t->config, "chat_template"));
  if (text) put_text(w, "tokenizer.chat_template", text);
}

/* Whether a word is begun in front of the text. */
static bool adds_space(const att_tokenizer *t) {
  for (int i = 0; i < t->pretokenizer_count; i++) {
    if (t->pretokenizers[i].change && t->pretokenizers[i].prepend != ATT_PREPEND_NEVER) return true;
  }
  const json_t *normalizer = t->parts[ATT_PART_NORMALIZER];
  const json_t *first = json_array_get(json_object_get(normalizer, "normalizers"), 0);
  return is_step(normalizer, "Prepend") || is_step(first, "Prepend");
}

/* A step of the normaliser, alone or in a sequence; NULL: there is none. */
static const json_t *normal_step(const att_tokenizer *t, const char *type) {
  const json_t *whole = t->parts[ATT_PART_NORMALIZER], *list = json_object_get(whole, "normalizers");
  if (is_step(whole, type)) return whole;
  for (size_t i = 0; i < json_array_size(list); i++)
    if (is_step(json_array_get(list, i), type)) return json_array_get(list, i);
  return NULL;
}

/* BERT's normaliser. Accents go with capitals where it does not say. */
static void put_letters(writer *w) {
  const json_t *step = normal_step(w->t, "BertNormalizer"), *accents = json_object_get(step, "strip_accents");
  bool lower = step && !json_is_false(json_object_get(step, "lowercase"));
  put_bool(w, "tokenizer.ggml.normalizer.lowercase", lower);
  put_bool(w, "tokenizer.ggml.normalizer.strip_accents", json_is_boolean(accents) ? json_is_true(accents) : lower);
}

/* SentencePiece's table of what characters become. */
static void put_charsmap(writer *w) {
  const att_buffer *map = &w->t->charsmap.bytes;
  if (!w->t->unigram.used || !map->size) return;
  put(w, "tokenizer.ggml.precompiled_charsmap", ATT_GGUF_UINT8, true, map->size, copy(w, map->data, map->size).data);
}

att_status att_tokenizer_put_gguf(const att_tokenizer *tokenizer, att_arena *arena, int64_t size,
                                  att_gguf_entry *entries, size_t *count) {
  const bool pieces = tokenizer->wordpiece.used || tokenizer->unigram.used;
  if (tokenizer->bpe.characters && !pieces && !is_sentencepiece(tokenizer)) {
    return att_fail(tokenizer->ctx, ATT_UNSUPPORTED,
                    "GGUF has no tokenizer of characters without bytes for the others: write a folder");
  }
  writer w = {tokenizer, tokenizer->ctx, arena, (int32_t)size, entries, count, ATT_OK};
  const char *kind = kind_of(tokenizer), *pattern = pattern_of(&w);
  if (tokenizer->vocabulary.size > size) {
    att_log(w.ctx, ATT_LOG_WARNING, "the tokenizer has %d tokens and the model %lld: the others are not written",
            (int)tokenizer->vocabulary.size, (long long)size);
  }
  put_text(&w, "tokenizer.ggml.model", kind);
  if (strcmp(kind, "gpt2") == 0) {
    if (!pattern) {
      att_log(w.ctx, ATT_LOG_WARNING,
              "llama.cpp has no name for how this tokenizer cuts words: \"default\" is written, "
              "which cuts some otherwise");
    }
    put_text(&w, "tokenizer.ggml.pre", pattern ? pattern : "default");
  } else if (strcmp(kind, "bert") == 0) {
    put_letters(&w);
  } else {
    put_text(&w, "tokenizer.ggml.pre", "default");
    put_bool(&w, "tokenizer.ggml.add_space_prefix", adds_space(tokenizer));
  }
  put_tokens(&w);
  put_scores(&w);
  put_merges(&w);
  put_charsmap(&w);
  put_template(&w);
  put_chat_template(&w);
  return w.status;
}
