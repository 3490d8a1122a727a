/* Owns the training of tokenizers by plan: special tokens, alphabet, what is learnt, and the parts around it, which are
 * written as tokenizer.json says them and read like those of a file. See tokenizer.h. */
#include "text/components.h"
#include "text/unicode.h"
#include "text/unigram_training.h"
#include "text/word_patterns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME     "training a tokenizer"
#define COVERAGE 0.9995 /* of the characters: SentencePiece's default */

typedef struct trainer {
  att_context *ctx;
  att_tokenizer *t;
  const att_tokenizer_plan *plan;
  const att_text *const *texts;
  const size_t *counts; /* [text_count] */
  size_t text_count;
  int (*progress)(void *user, double done);
  void *user;
} trainer;

/* ---- the plan -------------------------------------------------------------------------------------------------- */

static att_status check_special(att_context *ctx, const char *special) {
  if (special && special[0] && att_utf8_valid(special, strlen(special))) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, NAME ": a special token is empty or not UTF-8");
}

static att_status check_plan(att_context *ctx, const att_tokenizer_plan *plan) {
  bool bytes = plan->kind == ATT_BPE || plan->kind == ATT_BYTE;
  size_t least = (bytes ? 256 : 1) + plan->first_count + (plan->last_special ? 1 : 0);
  if (plan->vocab > ATT_MOST_IDS || plan->vocab < 0 || (size_t)plan->vocab < least)
    return att_fail(ctx, ATT_ARGUMENT, "a vocabulary of %d tokens is not possible: from %zu (%sspecial tokens) to %d",
                    plan->vocab, least, bytes ? "256 bytes, " : "", ATT_MOST_IDS);
  for (size_t i = 0; i < plan->first_count; i++) ATT_TRY(check_special(ctx, plan->first_specials[i]));
  return plan->last_special ? check_special(ctx, plan->last_special) : ATT_OK;
}

/* ---- the vocabulary -------------------------------------------------------------------------------------------- */

static att_status add_token(trainer *r, const char *spelling, size_t size) {
  att_vocabulary *vocabulary = &r->t->vocabulary;
  return att_vocabulary_add(r->ctx, vocabulary, NAME, (int32_t)vocabulary->count, spelling, size);
}

static att_status add_special(trainer *r, const char *spelling) {
  att_added token = {.id = (int32_t)r->t->vocabulary.count, .special = true};
  ATT_TRY(add_token(r, spelling, strlen(spelling)));
  return att_added_put(r->t, token, spelling);
}

static att_status add_specials(trainer *r) {
  const att_tokenizer_plan *plan = r->plan;
  r->t->added = ATT_NEW(r->ctx, plan->first_count + 1, att_added);
  if (!r->t->added) return ATT_MEMORY;
  ATT_TRY(att_vocabulary_make(r->ctx, &r->t->vocabulary, plan->vocab, (size_t)plan->vocab));
  for (size_t i = 0; i < plan->first_count; i++) ATT_TRY(add_special(r, plan->first_specials[i]));
  return ATT_OK;
}

/* The 256 bytes' characters, by code point. */
static att_status add_bytes(trainer *r) {
  for (int32_t code = 0; code < 512; code++) {
    if (att_char_to_byte(code) < 0) continue;
    char spelled[4];
    size_t size = att_utf8_put(code, spelled);
    if (att_vocabulary_find(&r->t->vocabulary, spelled, size) >= 0) continue; /* a special token is spelled so */
    ATT_TRY(add_token(r, spelled, size));
  }
  att_bpe_find_bytes(&r->t->bpe, &r->t->vocabulary);
  return ATT_OK;
}

/* ---- the texts' words and characters --------------------------------------------------------------------------- */

/* Buffers used again from line to line: [0] repaired bytes, [1], [2] normalised. */
typedef struct counter {
  trainer *r;
  att_word_fn *word;             /* gets each word */
  att_status (*end)(void *user); /* told of the end of each line; or NULL */
  void *user;
  att_buffer buffers[3], pieces[ATT_MOST_PRETOKENIZERS];
} counter;

static att_status count_line(counter *c, att_text line) {
  const att_tokenizer *t = c->r->t;
  bool first = true;
  if (!att_utf8_valid(line.data, line.size)) {
    c->buffers[0].size = 0;
    ATT_TRY(att_utf8_repair(c->r->ctx, line, &c->buffers[0]));
    line = (att_text){c->buffers[0].data, c->buffers[0].size};
  }
  ATT_TRY(att_normalize(t, c->r->ctx, line, c->buffers + 1, &first, &line));
  ATT_TRY(att_split_words(t, c->r->ctx, line, first, c->pieces, NULL, c->word, c->user));
  return c->end ? c->end(c->user) : ATT_OK;
}

/* Gives each word of the texts to `word`, and tells `end` (or NULL) where lines end. */
static att_status count_texts(trainer *r, att_word_fn *word, att_status (*end)(void *user), void *user) {
  counter c = {.r = r, .word = word, .end = end, .user = user};
  att_status status = ATT_OK;
  size_t total = 0, seen = 0;
  for (size_t i = 0; i < r->text_count; i++) total += r->counts[i];
  for (size_t i = 0; i < r->text_count && status == ATT_OK; i++)
    for (size_t k = 0; k < r->counts[i] && status == ATT_OK; k++) {
      status = count_line(&c, r->texts[i][k]);
      bool tells = ++seen % 4096 == 0 && r->progress, stop = att_is_interrupted(r->ctx);
      if (!status && (stop || (tells && r->progress(r->user, 0.5 * (double)seen / (double)total))))
        status = att_fail(r->ctx, ATT_INTERRUPTED, "training the tokenizer was interrupted");
    }
  for (int i = 0; i < 3; i++) att_buffer_free(r->ctx, &c.buffers[i]);
  for (int i = 0; i < ATT_MOST_PRETOKENIZERS; i++) att_buffer_free(r->ctx, &c.pieces[i]);
  return status;
}

#define CODES 0x110000

typedef struct letter {
  int64_t count;
  int32_t code;
  bool goes_on; /* seen within a word, not only at its beginning */
} letter;

typedef struct letters {
  letter *all; /* [CODES] */
  size_t found;
} letters;

static att_status count_letters(void *user, att_text word) {
  letters *l = user;
  size_t bad;
  for (size_t i = 0; i < word.size;) {
    int32_t code;
    bool goes_on = i > 0;
    i += (size_t)att_utf8_next(word.data + i, word.size - i, &code, &bad);
    if (code == 0) continue; /* no token can be spelled so */
    letter *seen = &l->all[code];
    l->found += seen->count++ == 0;
    seen->code = code;
    seen->goes_on = seen->goes_on || goes_on;
  }
  return ATT_OK;
}

static int by_count(const void *a, const void *b) {
  const letter *left = a, *right = b;
  if (left->count != right->count) return left->count > right->count ? -1 : 1;
  return left->code < right->code ? -1 : left->code > right->code;
}

static int by_code(const void *a, const void *b) {
  const letter *left = a, *right = b;
  return left->code < right->code ? -1 : left->code > right->code;
}

/* The texts' `most` most frequent characters, by code point, at the beginning of l->all; to free with att_free. */
static att_status find_letters(trainer *r, size_t most, letters *l) {
  *l = (letters){.all = ATT_NEW(r->ctx, CODES, letter)};
  if (!l->all) return ATT_MEMORY;
  ATT_TRY(count_texts(r, count_letters, NULL, l));
  for (size_t code = 0, next = 0; code < CODES; code++)
    if (l->all[code].count > 0) l->all[next++] = l->all[code];
  qsort(l->all, l->found, sizeof *l->all, by_count);
  if (l->found > most) l->found = most;
  qsort(l->all, l->found, sizeof *l->all, by_code);
  return ATT_OK;
}

/* The letters' tokens, after the prefix; with one, of letters that go on a word only. */
static att_status add_letters(trainer *r, const letters *l, const char *prefix) {
  size_t before = strlen(prefix);
  for (size_t i = 0; i < l->found; i++) {
    char spelled[32];
    if (before && !l->all[i].goes_on) continue;
    memcpy(spelled, prefix, before);
    size_t size = before + att_utf8_put(l->all[i].code, spelled + before);
    if (att_vocabulary_find(&r->t->vocabulary, spelled, size) < 0) ATT_TRY(add_token(r, spelled, size));
  }
  return ATT_OK;
}

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

static size_t room_left(const trainer *r) {
  return (size_t)r->plan->vocab - r->t->vocabulary.count - (r->plan->last_special ? 1 : 0);
}

static att_status find_unknown(trainer *r, int32_t *id) {
  *id = att_tokenizer_special(r->t, ATT_SPECIAL_UNKNOWN);
  if (*id >= 0) return ATT_OK;
  return att_fail(r->ctx, ATT_ARGUMENT, NAME ": %s need <unk> or [UNK] among the special tokens",
                  r->plan->kind == ATT_CHAR ? "characters" : "word pieces");
}

static att_status train_characters(trainer *r) {
  letters l;
  ATT_TRY(find_unknown(r, &r->t->bpe.unknown));
  att_status status = find_letters(r, room_left(r), &l);
  if (status == ATT_OK) status = add_letters(r, &l, "");
  att_free(r->ctx, l.all);
  return status;
}

typedef struct collected {
  att_context *ctx;
  att_words words;
} collected;

static att_status collect(void *user, att_text word) {
  collected *c = user;
  return att_words_add(c->ctx, &c->words, word);
}

static att_status learn(trainer *r, const char *prefix) {
  collected c = {.ctx = r->ctx};
  att_status status = count_texts(r, collect, NULL, &c);
  int32_t limit = r->plan->vocab - (r->plan->last_special ? 1 : 0);
  if (status == ATT_OK)
    status = att_bpe_learn(r->ctx, &c.words, limit, prefix, &r->t->vocabulary, &r->t->bpe, r->progress, r->user);
  att_words_free(r->ctx, &c.words);
  return status;
}

static att_status train_bpe(trainer *r) {
  ATT_TRY(add_bytes(r));
  return learn(r, "");
}

/* The alphabet is the 1000 most frequent characters at most, as that of `tokenizers`, and leaves room for what is
 * learnt. */
static att_status train_wordpiece(trainer *r) {
  att_wordpiece *pieces = &r->t->wordpiece;
  letters l;
  *pieces = (att_wordpiece){.used = true, .prefix = "##", .most_characters = 100};
  ATT_TRY(find_unknown(r, &pieces->unknown));
  size_t most = room_left(r) / 2;
  att_status status = find_letters(r, most < 1000 ? most : 1000, &l);
  if (status == ATT_OK) status = add_letters(r, &l, "");
  if (status == ATT_OK) status = add_letters(r, &l, pieces->prefix);
  att_free(r->ctx, l.all);
  if (status == ATT_OK) status = learn(r, pieces->prefix);
  r->t->bpe.count = 0; /* its tokens are what was wanted */
  return status;
}

/* Words one behind: the last of a line gets a NUL behind it. */
typedef struct lined {
  att_context *ctx;
  att_words words;
  att_buffer last;
  bool some;
} lined;

static att_status collect_before(void *user, att_text word) {
  lined *c = user;
  if (c->some) ATT_TRY(att_words_add(c->ctx, &c->words, (att_text){c->last.data, c->last.size}));
  c->last.size = 0;
  c->some = true;
  return att_buffer_append(c->ctx, &c->last, word.data, word.size);
}

static att_status collect_last(void *user) {
  lined *c = user;
  if (!c->some) return ATT_OK;
  c->some = false;
  return att_words_add(c->ctx, &c->words, (att_text){c->last.data, c->last.size + 1}); /* a buffer ends in NUL */
}

static att_status take_pieces(trainer *r, const att_learnt_piece *pieces, size_t count) {
  att_unigram *model = &r->t->unigram;
  att_vocabulary *vocabulary = &r->t->vocabulary;
  double worst = 0;
  model->scores = ATT_NEW(r->ctx, r->plan->vocab, double); /* special tokens have 0, as in `tokenizers` */
  if (!model->scores) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const char *spelling = pieces[i].spelling;
    if (att_vocabulary_find(vocabulary, spelling, strlen(spelling)) >= 0) continue; /* a special token is spelled so */
    model->scores[vocabulary->count] = pieces[i].score;
    worst = fmin(worst, pieces[i].score);
    ATT_TRY(add_token(r, spelling, strlen(spelling)));
  }
  model->used = true;
  model->unknown_score = worst - 10;
  model->count = (int32_t)vocabulary->count + (r->plan->last_special != NULL);
  att_vocabulary_find_bytes(vocabulary, model->fallback);
  return ATT_OK;
}

static att_status train_unigram(trainer *r) {
  lined c = {.ctx = r->ctx};
  att_learnt_piece *pieces = NULL;
  size_t count = 0, most = room_left(r);
  ATT_TRY(find_unknown(r, &r->t->unigram.unknown));
  att_status status = count_texts(r, collect_before, collect_last, &c);
  if (!status) {
    status = att_unigram_learn(r->ctx, &c.words, most, (size_t)r->plan->vocab, COVERAGE, r->progress, r->user, &pieces,
                               &count);
  }
  if (!status) status = take_pieces(r, pieces, count);
  att_free(r->ctx, pieces);
  att_words_free(r->ctx, &c.words);
  att_buffer_free(r->ctx, &c.last);
  return status;
}

/* ---- the parts around the model -------------------------------------------------------------------------------- */

static att_status set_part(trainer *r, att_part part, const char *text, size_t size) {
  json_t *json;
  ATT_TRY(att_json_parse(r->ctx, NAME, text, size, &json));
  att_status status = att_part_read(r->t, NAME, part, json);
  json_decref(json);
  return status;
}

#define BYTE_LEVEL(prefix, regex)                                                                                      \
  "{\"type\": \"ByteLevel\", \"add_prefix_space\": " prefix ", \"trim_offsets\": true, \"use_regex\": " regex "}"
#define BERT(lowercase)                                                                                                \
  "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, \"strip_accents\": null, "     \
  "\"lowercase\": " lowercase "}"
#define NFC       "{\"type\": \"NFC\"}"
#define LOWERCASE "{\"type\": \"Lowercase\"}"
#define SENTENCEPIECE(lowercase)                                                                                       \
  "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Nmt\"}, {\"type\": \"NFKC\"}, " lowercase                   \
  "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \" \"}, "                                 \
  "{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}]}"
#define METASPACE                                                                                                      \
  "{\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", \"prepend_scheme\": \"always\", \"split\": true}"

/* What is around each kind of model, as tokenizer.json says it. */
static const struct {
  const char *normalizer[2]; /* [lowercase] */
  const char *pre_tokenizer, *decoder;
} around[] = {
    [ATT_BPE] = {{NFC, "{\"type\": \"Sequence\", \"normalizers\": [" NFC ", " LOWERCASE "]}"},
                 BYTE_LEVEL("false", "true"),
                 BYTE_LEVEL("true", "true")},
    [ATT_WORDPIECE] = {{BERT("false"), BERT("true")},
                       "{\"type\": \"BertPreTokenizer\"}",
                       "{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}"},
    [ATT_CHAR] = {{NULL, LOWERCASE}, NULL, "{\"type\": \"Fuse\"}"},
    [ATT_BYTE] = {{NULL, LOWERCASE}, BYTE_LEVEL("false", "false"), BYTE_LEVEL("true", "true")},
    [ATT_UNIGRAM] = {{SENTENCEPIECE(""), SENTENCEPIECE(LOWERCASE ", ")}, METASPACE, METASPACE},
};

static att_status set_steps(trainer *r) {
  const char *const parts[] = {[ATT_PART_NORMALIZER] = around[r->plan->kind].normalizer[r->plan->lowercase],
                               [ATT_PART_PRE_TOKENIZER] = around[r->plan->kind].pre_tokenizer,
                               [ATT_PART_DECODER] = around[r->plan->kind].decoder};
  for (int i = 0; i < ATT_PARTS; i++)
    if (parts[i]) ATT_TRY(set_part(r, (att_part)i, parts[i], strlen(parts[i])));
  return ATT_OK;
}

static att_status put_special(trainer *r, att_buffer *out, const char *special, int type, const char *between) {
  if (!special) return ATT_OK;
  ATT_TRY(att_buffer_print(r->ctx, out, "%s{\"SpecialToken\": {\"id\": ", between));
  ATT_TRY(att_json_put_string(r->ctx, out, special, strlen(special)));
  return att_buffer_print(r->ctx, out, ", \"type_id\": %d}}", type);
}

/* The start token stands before the first text only, the end token after each. */
static att_status put_text(trainer *r, att_buffer *out, int text) {
  const char *start = text == 0 ? r->plan->start_token : NULL;
  ATT_TRY(put_special(r, out, start, text, ""));
  ATT_TRY(att_buffer_print(r->ctx, out, "%s{\"Sequence\": {\"id\": \"%c\", \"type_id\": %d}}",
                           start || text ? ", " : "", 'A' + text, text));
  return put_special(r, out, r->plan->end_token, text, ", ");
}

static att_status put_special_ids(trainer *r, att_buffer *out, const char *special, const char *between) {
  int32_t id = att_tokenizer_id(r->t, special);
  if (id < 0 || !att_tokenizer_is_special(r->t, id))
    return att_fail(r->ctx, ATT_ARGUMENT, "the end token \"%s\" is not among the special tokens", special);
  ATT_TRY(att_buffer_print(r->ctx, out, "%s", between));
  ATT_TRY(att_json_put_string(r->ctx, out, special, strlen(special)));
  ATT_TRY(att_buffer_print(r->ctx, out, ": {\"id\": "));
  ATT_TRY(att_json_put_string(r->ctx, out, special, strlen(special)));
  ATT_TRY(att_buffer_print(r->ctx, out, ", \"ids\": [%d], \"tokens\": [", (int)id));
  ATT_TRY(att_json_put_string(r->ctx, out, special, strlen(special)));
  return att_buffer_print(r->ctx, out, "]}");
}

static att_status put_template(trainer *r, att_buffer *out) {
  const char *start = r->plan->start_token, *end = r->plan->end_token;
  ATT_TRY(att_buffer_print(r->ctx, out, "{\"type\": \"TemplateProcessing\", \"single\": ["));
  ATT_TRY(put_text(r, out, 0));
  ATT_TRY(att_buffer_print(r->ctx, out, "], \"pair\": ["));
  ATT_TRY(put_text(r, out, 0));
  ATT_TRY(put_text(r, out, 1));
  ATT_TRY(att_buffer_print(r->ctx, out, "], \"special_tokens\": {"));
  if (start) ATT_TRY(put_special_ids(r, out, start, ""));
  if (end && (!start || strcmp(start, end) != 0)) ATT_TRY(put_special_ids(r, out, end, start ? ", " : ""));
  return att_buffer_print(r->ctx, out, "}}");
}

static att_status set_specials(trainer *r) {
  if (!r->plan->start_token && !r->plan->end_token) return att_part_read(r->t, NAME, ATT_PART_POST_PROCESSOR, NULL);
  att_buffer text = {0};
  att_status status = put_template(r, &text);
  if (status == ATT_OK) status = set_part(r, ATT_PART_POST_PROCESSOR, text.data, text.size);
  att_buffer_free(r->ctx, &text);
  return status;
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static att_status train(trainer *r) {
  ATT_TRY(set_steps(r));
  ATT_TRY(add_specials(r));
  switch (r->plan->kind) {
  case ATT_CHAR: ATT_TRY(train_characters(r)); break;
  case ATT_WORDPIECE: ATT_TRY(train_wordpiece(r)); break;
  case ATT_BYTE: ATT_TRY(add_bytes(r)); break;
  case ATT_UNIGRAM: ATT_TRY(train_unigram(r)); break;
  default: ATT_TRY(train_bpe(r));
  }
  if (r->plan->last_special) ATT_TRY(add_special(r, r->plan->last_special));
  r->t->vocabulary.size = (int32_t)r->t->vocabulary.count;
  ATT_TRY(att_tokenizer_finish(r->t));
  bool small = r->plan->kind == ATT_CHAR || r->plan->kind == ATT_BYTE;
  if (r->plan->plain && small) ATT_TRY(att_tokenizer_split_specials(r->t));
  return set_specials(r);
}

att_status att_tokenizer_train(att_context *ctx, const att_text *const *texts, const size_t *counts, size_t text_count,
                               const att_tokenizer_plan *plan, int (*progress)(void *user, double done), void *user,
                               att_tokenizer **out) {
  *out = NULL;
  ATT_TRY(check_plan(ctx, plan));
  trainer r = {ctx, NULL, plan, texts, counts, text_count, progress, user};
  ATT_TRY(att_tokenizer_make(ctx, &r.t));
  att_status status = train(&r);
  if (status == ATT_OK)
    *out = r.t;
  else
    att_tokenizer_free(r.t);
  return status;
}
