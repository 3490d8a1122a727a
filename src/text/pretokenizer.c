/* Owns the pre-tokenizers of a tokenizer.json: their reading, what each does, and a text's way through them to words.
 * See components.h. */
#include "text/bert_rules.h"
#include "text/part_reader.h"
#include "text/unicode.h"

#include <string.h>

/* ---- changes --------------------------------------------------------------------------------------------------- */

/* ByteLevel: a piece that does not begin with a space gets one. */
static att_status put_space_before(att_context *ctx, const att_pretokenizer *p, att_text text, bool first,
                                   att_buffer *buffer, att_text *out) {
  (void)p, (void)first;
  if (text.data[0] == ' ') return ATT_OK;
  ATT_TRY(att_buffer_append(ctx, buffer, " ", 1));
  ATT_TRY(att_buffer_append(ctx, buffer, text.data, text.size));
  *out = (att_text){buffer->data, buffer->size};
  return ATT_OK;
}

static bool begins(att_text text, const char *with) {
  size_t size = strlen(with);
  return text.size >= size && memcmp(text.data, with, size) == 0;
}

/* Metaspace: its string for spaces, and before the piece as it says. */
static att_status put_metaspace(att_context *ctx, const att_pretokenizer *p, att_text text, bool first,
                                att_buffer *buffer, att_text *out) {
  bool wanted = p->prepend == ATT_PREPEND_ALWAYS || (p->prepend == ATT_PREPEND_FIRST && first);
  if (wanted && text.data[0] != ' ' && !begins(text, p->string))
    ATT_TRY(att_buffer_append(ctx, buffer, p->string, strlen(p->string)));
  ATT_TRY(att_replace(ctx, text, " ", p->string, buffer));
  *out = (att_text){buffer->data, buffer->size};
  return ATT_OK;
}

/* ---- ends ------------------------------------------------------------------------------------------------------ */

static size_t end_of_all(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p, (void)start, (void)kept;
  return text.size;
}

/* Of a pattern whose matches are all of the text. */
static size_t end_of_match(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)kept;
  return att_pattern_tile_end(&p->pattern, text, start);
}

static size_t end_of_length(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)kept;
  for (int64_t i = 0; i < p->length && start < text.size; i++) att_code_at(text, start, &start);
  return start;
}

/* Of the run of characters that are so, or are not, as the first one. */
static size_t run_end(att_text text, size_t start, bool (*is)(int32_t code), bool *first) {
  size_t end = start, next;
  *first = is(att_code_at(text, start, &next));
  while (end < text.size && is(att_code_at(text, end, &next)) == *first) end = next;
  return end;
}

/* White space is dropped. */
static size_t end_of_word(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p;
  bool space;
  size_t end = run_end(text, start, att_is_space, &space);
  *kept = !space;
  return end;
}

static bool is_mark(int32_t code) { return !att_is_word(code) && !att_is_space(code); }

/* The same, and words (\w+) apart from other characters. */
static size_t end_of_word_or_marks(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  bool is;
  size_t end = end_of_word(p, text, start, kept);
  if (!*kept) return end;
  end = run_end(text, start, att_is_word, &is);
  return is ? end : run_end(text, start, is_mark, &is);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* Its words are bytes, so nothing may come after it. */
static att_status read_byte_level(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  bool prefix = true, regex = true; /* the defaults of `tokenizers` */
  if (r->t->wordpiece.used || r->t->unigram.used)
    return att_part_unsupported(r, "pre_tokenizer", "ByteLevel without BPE");
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "add_prefix_space", false, &prefix));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "use_regex", false, &regex));
  *p = (att_pretokenizer){.change = prefix ? put_space_before : NULL, .end = regex ? end_of_match : end_of_all};
  p->pattern.words = ATT_WORDS_GPT2;
  r->t->bpe.characters = false;
  return ATT_OK;
}

att_status att_metaspace_prepend(const att_part_reader *r, const json_t *part, att_prepend *prepend) {
  static const char *const schemes[] = {"always", "first", "never"};
  const char *scheme = NULL;
  bool prefix = true;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "add_prefix_space", false, &prefix));
  ATT_TRY(att_json_string(r->ctx, r->name, part, "prepend_scheme", false, &scheme));
  *prepend = prefix ? ATT_PREPEND_ALWAYS : ATT_PREPEND_NEVER;
  for (int i = 0; scheme && i < 3; i++)
    if (strcmp(scheme, schemes[i]) == 0) {
      *prepend = (att_prepend)i;
      return ATT_OK;
    }
  return scheme ? att_part_unsupported(r, "prepend_scheme", scheme) : ATT_OK;
}

/* A string of one character. */
static att_status read_character(const att_part_reader *r, const json_t *part, const char *key, const char **out) {
  int32_t code;
  size_t bad;
  ATT_TRY(att_json_string(r->ctx, r->name, part, key, true, out));
  size_t size = strlen(*out);
  if (size > 0 && (size_t)att_utf8_next(*out, size, &code, &bad) == size) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: the %s of a pre_tokenizer or decoder is not one character", r->name, key);
}

att_status att_metaspace_character(const att_part_reader *r, const json_t *part, const char **space) {
  return read_character(r, part, "replacement", space);
}

static att_status read_metaspace(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  bool split = true;
  *p = (att_pretokenizer){.change = put_metaspace, .behavior = ATT_MERGED_AFTER};
  ATT_TRY(att_metaspace_character(r, part, &p->string));
  ATT_TRY(att_metaspace_prepend(r, part, &p->prepend));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "split", false, &split));
  p->pattern.string = (att_text){p->string, strlen(p->string)};
  if (!split) p->end = end_of_all;
  return ATT_OK;
}

static att_status read_behavior(const att_part_reader *r, const json_t *part, bool required, att_pretokenizer *p) {
  static const char *const behaviors[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  const char *behavior = NULL;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "behavior", required, &behavior));
  for (int i = 0; behavior && i < 5; i++)
    if (strcmp(behavior, behaviors[i]) == 0) {
      p->behavior = (att_behavior)i;
      return ATT_OK;
    }
  return behavior ? att_part_unsupported(r, "behavior", behavior) : ATT_OK;
}

static att_status read_split(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  ATT_TRY(read_behavior(r, part, true, p));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "invert", false, &p->invert));
  ATT_TRY(att_part_pattern(r, part, "Split", &p->pattern));
  bool matches = p->invert ? p->behavior == ATT_REMOVED : p->behavior == ATT_ISOLATED;
  if (matches && att_pattern_tiles(&p->pattern)) p->end = end_of_match;
  return ATT_OK;
}

static att_status read_digits(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  bool individual = false;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "individual_digits", false, &individual));
  *p = (att_pretokenizer){.pattern.is = att_is_number, .behavior = individual ? ATT_ISOLATED : ATT_CONTIGUOUS};
  return ATT_OK;
}

static att_status read_punctuation(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  *p = (att_pretokenizer){.pattern.is = att_bert_is_punctuation, .behavior = ATT_ISOLATED};
  return read_behavior(r, part, false, p);
}

static att_status read_delimiter(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  const char *delimiter;
  ATT_TRY(read_character(r, part, "delimiter", &delimiter));
  *p = (att_pretokenizer){.pattern.string = {delimiter, strlen(delimiter)}, .behavior = ATT_REMOVED};
  return ATT_OK;
}

static att_status read_length(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  *p = (att_pretokenizer){.end = end_of_length, .length = 5};
  return att_json_int(r->ctx, r->name, part, "length", false, 1, INT64_MAX, &p->length);
}

static att_status read_bert(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  (void)r, (void)part;
  p->end = att_bert_piece;
  return ATT_OK;
}

static att_status read_whitespace(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  (void)r, (void)part;
  p->end = end_of_word_or_marks;
  return ATT_OK;
}

static att_status read_whitespace_split(const att_part_reader *r, const json_t *part, att_pretokenizer *p) {
  (void)r, (void)part;
  p->end = end_of_word;
  return ATT_OK;
}

att_status att_pretokenizer_read(const att_part_reader *r, const json_t *part) {
  static const struct {
    const char *type;
    att_status (*read)(const att_part_reader *r, const json_t *part, att_pretokenizer *p);
  } known[] = {{"ByteLevel", read_byte_level},
               {"Metaspace", read_metaspace},
               {"Split", read_split},
               {"Digits", read_digits},
               {"Punctuation", read_punctuation},
               {"CharDelimiterSplit", read_delimiter},
               {"FixedLength", read_length},
               {"BertPreTokenizer", read_bert},
               {"Whitespace", read_whitespace},
               {"WhitespaceSplit", read_whitespace_split}};
  const char *type = NULL;
  att_tokenizer *t = r->t;
  ATT_TRY(att_part_type(r, part, &type));
  if (strcmp(type, "Sequence") == 0) return att_part_sequence(r, part, "pretokenizers", att_pretokenizer_read);
  if (!t->bpe.characters) return att_part_unsupported(r, "pre_tokenizer", "Sequence with more after ByteLevel");
  if (t->pretokenizer_count == ATT_MOST_PRETOKENIZERS)
    return att_part_unsupported(r, "pre_tokenizer", "Sequence of more than 8");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(type, known[i].type) == 0) return known[i].read(r, part, &t->pretokenizers[t->pretokenizer_count++]);
  return att_part_unsupported(r, "pre_tokenizer", type);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

typedef struct cutter {
  const att_tokenizer *t;
  att_context *ctx;
  att_buffer *buffers;
  att_text *changed;
  att_word_fn *word;
  void *user;
} cutter;

static att_status cut_from(const cutter *c, int step, att_text text, bool first);

/* A piece that grows by matches and what is between them, until the behavior says that another begins. */
typedef struct piece {
  size_t start, end;
  bool match; /* the last of it is one */
} piece;

static bool grows(att_behavior behavior, bool before, bool match) {
  switch (behavior) {
  case ATT_MERGED_BEFORE: return match && !before;
  case ATT_MERGED_AFTER: return before && !match;
  case ATT_CONTIGUOUS: return before == match;
  default: return false;
  }
}

static att_status give(const cutter *c, int step, att_text text, bool first, const piece *p) {
  if (p->start == p->end || (c->t->pretokenizers[step].behavior == ATT_REMOVED && p->match)) return ATT_OK;
  return cut_from(c, step + 1, (att_text){text.data + p->start, p->end - p->start}, first && p->start == 0);
}

static att_status put(const cutter *c, int step, att_text text, bool first, piece *p, size_t end, bool match) {
  const att_pretokenizer *of = &c->t->pretokenizers[step];
  match = match != of->invert;
  bool on = p->end > 0 && grows(of->behavior, p->match, match);
  if (!on) {
    ATT_TRY(give(c, step, text, first, p));
    p->start = p->end;
  }
  p->end = end;
  p->match = match;
  return ATT_OK;
}

static att_status cut_by_pattern(const cutter *c, int step, att_text text, bool first) {
  att_pattern_walk walk = {.pattern = &c->t->pretokenizers[step].pattern, .ctx = c->ctx, .text = text};
  piece p = {0};
  for (bool found = true; found;) {
    size_t start = text.size, end = text.size;
    ATT_TRY(att_pattern_next(&walk, &found, &start, &end));
    if (!found) start = end = text.size;
    if (start > p.end) ATT_TRY(put(c, step, text, first, &p, start, false));
    if (found) ATT_TRY(put(c, step, text, first, &p, end, true));
  }
  return give(c, step, text, first, &p);
}

/* The piece through the pre-tokenizers from `step` on. Recursion is bounded by ATT_MOST_PRETOKENIZERS. */
static att_status cut_from(const cutter *c, int step, att_text text, bool first) {
  if (text.size == 0) return ATT_OK;
  if (att_is_interrupted(c->ctx)) return att_fail(c->ctx, ATT_INTERRUPTED, "interrupted while tokenizing");
  if (step == c->t->pretokenizer_count) return c->word(c->user, text);
  const att_pretokenizer *p = &c->t->pretokenizers[step];
  if (p->change) {
    const att_text before = text;
    c->buffers[step].size = 0;
    ATT_TRY(p->change(c->ctx, p, text, first, &c->buffers[step], &text));
    if (c->changed) c->changed[step] = text.data == before.data ? (att_text){0} : before;
  }
  if (!p->end) return cut_by_pattern(c, step, text, first);
  for (size_t start = 0, end; start < text.size; start = end) {
    bool kept = true;
    end = p->end(p, text, start, &kept);
    if (kept) ATT_TRY(cut_from(c, step + 1, (att_text){text.data + start, end - start}, first && start == 0));
  }
  return ATT_OK;
}

att_status att_split_words(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool first,
                           att_buffer *buffers, att_text *changed, att_word_fn *word, void *user) {
  const cutter c = {tokenizer, ctx, buffers, changed, word, user};
  return cut_from(&c, 0, text, first);
}
