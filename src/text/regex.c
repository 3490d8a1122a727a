/* Owns the matching of the patterns that regex_parser.c reads. See regex.h. */
#include "text/regex_parser.h"

#include "text/unicode.h"

#include <string.h>

/* Steps that a text of n bytes may take: so many and so many a byte. */
#define ATT_MOST_STEPS   ((uint64_t)1 << 24)
#define ATT_STEPS_A_BYTE 256

typedef struct matcher {
  const att_regex *regex;
  att_text text;
  uint64_t steps, most;
} matcher;

/* What is still to be matched behind a sequence of items: that of a group's surroundings. */
typedef struct frame {
  int32_t item, last;
  const struct frame *then;
} frame;

/* \w as Oniguruma has it in brackets: without joiners. */
static bool is_word(int32_t code) { return att_is_word(code) && code != 0x200c && code != 0x200d; }

/* Of a character from U+0080 on, by one set alone. */
static bool has_other(const att_regex *regex, const att_char_set *set, int32_t code) {
  bool has = set->categories && set->categories & att_category_bit(code);
  if (set->kinds & ATT_SET_SPACE) has = has || att_is_space(code);
  if (set->kinds & ATT_SET_NO_SPACE) has = has || !att_is_space(code);
  if (set->kinds & ATT_SET_WORD) has = has || is_word(code);
  if (set->kinds & ATT_SET_NO_WORD) has = has || !is_word(code);
  for (int32_t i = 0; i < set->range_count && !has; i++) {
    const att_char_range *range = &regex->ranges[set->first_range + i];
    has = range->first <= code && code <= range->last;
  }
  return has != set->negated;
}

bool att_char_set_has(const att_regex *regex, const att_char_set *set, int32_t code) {
  if (code < 0x80) return set->ascii[code >> 6] >> (code & 63) & 1;
  bool has = has_other(regex, set, code);
  for (; has && set->with; has = has_other(regex, set, code)) set = &regex->sets[set->with - 1];
  return has;
}

static bool has_at(matcher *m, const att_regex_item *item, size_t at, size_t *next) {
  m->steps++;
  if (at >= m->text.size) return false;
  return att_char_set_has(m->regex, &m->regex->sets[item->set], att_code_at(m->text, at, next));
}

static bool match(matcher *m, int32_t item, int32_t last, size_t at, const frame *then, size_t *end);

/* A run as long as the rest allows. */
static bool match_run(matcher *m, int32_t index, int32_t last, size_t at, const frame *then, size_t *end) {
  const att_regex_item *item = &m->regex->items[index];
  size_t stop = at, next, least = at;
  int32_t count = 0;
  for (; count < item->most && has_at(m, item, stop, &next); count++) {
    stop = next;
    if (count + 1 == item->least) least = stop;
  }
  if (count < item->least) return false;
  if (item->possessive) least = stop;
  for (;;) {
    if (match(m, index + 1, last, stop, then, end)) return true;
    if (stop == least || m->steps > m->most) return false;
    att_code_before(m->text, stop, &stop);
  }
}

static bool match_group(matcher *m, int32_t index, int32_t last, size_t at, const frame *then, size_t *end) {
  const att_regex_item *item = &m->regex->items[index];
  const frame rest = {index + 1, last, then};
  for (int32_t i = 0; i < item->alternative_count; i++) {
    const att_regex_alternative *a = &m->regex->alternatives[item->first_alternative + i];
    if (match(m, a->first_item, a->first_item + a->item_count, at, &rest, end)) return true;
  }
  return item->least == 0 && match(m, index + 1, last, at, then, end);
}

/* Whether what stands before or behind is as asked. A look back is one character wide. */
static bool looks(matcher *m, const att_regex_item *item, size_t at) {
  size_t end, next;
  if (item->kind == ATT_ITEM_BEHIND) {
    if (at == 0) return item->negated;
    int32_t code = att_code_before(m->text, at, &next);
    return att_char_set_has(m->regex, &m->regex->sets[item->set], code) != item->negated;
  }
  bool there = false;
  for (int32_t i = 0; i < item->alternative_count && !there; i++) {
    const att_regex_alternative *a = &m->regex->alternatives[item->first_alternative + i];
    there = match(m, a->first_item, a->first_item + a->item_count, at, NULL, &end);
  }
  return there != item->negated;
}

static bool ends_word(att_text text, size_t at) {
  size_t next;
  bool before = at > 0 && att_is_word(att_code_before(text, at, &next));
  return before != (at < text.size && att_is_word(att_code_at(text, at, &next)));
}

static bool stands(const matcher *m, att_regex_item_kind kind, size_t at) {
  const att_text text = m->text;
  switch (kind) {
  case ATT_ITEM_TEXT_START: return at == 0;
  case ATT_ITEM_TEXT_END: return at == text.size;
  case ATT_ITEM_LINE_START: return at == 0 || (text.data[at - 1] == '\n' && at < text.size);
  case ATT_ITEM_WORD_END: return ends_word(text, at);
  case ATT_ITEM_IN_WORD: return !ends_word(text, at);
  case ATT_ITEM_LINE_END: return at == text.size || text.data[at] == '\n';
  default: return at == text.size || (at + 1 == text.size && text.data[at] == '\n'); /* ATT_ITEM_LAST_END */
  }
}

static bool match(matcher *m, int32_t item, int32_t last, size_t at, const frame *then, size_t *end) {
  for (;; item++) {
    for (; item == last && then; then = then->then) {
      item = then->item;
      last = then->last;
    }
    if (item == last) {
      *end = at;
      return true;
    }
    const att_regex_item *now = &m->regex->items[item];
    switch (now->kind) {
    case ATT_ITEM_SET: {
      size_t next;
      if (now->least != 1 || now->most != 1) return match_run(m, item, last, at, then, end);
      if (!has_at(m, now, at, &next)) return false;
      at = next;
      break;
    }
    case ATT_ITEM_GROUP: return match_group(m, item, last, at, then, end);
    case ATT_ITEM_AHEAD:
    case ATT_ITEM_BEHIND:
      if (!looks(m, now, at)) return false;
      break;
    default:
      if (!stands(m, now->kind, at)) return false;
    }
  }
}

/* Where the run of the alternative's first set that begins at `at` ends: it matches nowhere before that if it does not
 * match at `at`, for from there it has tried each end that it could have later. */
static size_t run_end(matcher *m, const att_regex_alternative *a, size_t at) {
  const att_regex_item *item = &m->regex->items[a->first_item];
  size_t end = at, next;
  if (!a->runs) return at;
  while (has_at(m, item, end, &next)) end = next;
  return end;
}

static bool begins(const att_regex_alternative *a, att_text text, size_t at) {
  if (a->anything) return true;
  if (at == text.size) return false;
  unsigned char byte = (unsigned char)text.data[at];
  return byte < 0x80 ? a->ascii[byte >> 6] >> (byte & 63) & 1 : a->others;
}

static bool match_at(matcher *m, att_regex_walk *walk, size_t at, size_t *end) {
  const att_regex *r = m->regex;
  for (int32_t i = 0; i < r->root_count && m->steps <= m->most; i++) {
    const att_regex_alternative *a = &r->alternatives[r->first_root + i];
    const bool noted = i < (int32_t)(sizeof walk->dead / sizeof *walk->dead);
    if (!begins(a, m->text, at) || (noted && at < walk->dead[i])) continue;
    if (match(m, a->first_item, a->first_item + a->item_count, at, NULL, end)) return true;
    if (noted) walk->dead[i] = run_end(m, a, at);
  }
  return false;
}

att_status att_regex_find(const att_regex *regex, att_context *ctx, att_regex_walk *walk, att_text text, size_t at,
                          bool *found, size_t *start, size_t *end) {
  matcher m = {regex, text, walk->steps, ATT_MOST_STEPS + ATT_STEPS_A_BYTE * (uint64_t)text.size};
  *found = false;
  for (size_t next = at; at <= text.size && !*found; at = next) {
    *found = match_at(&m, walk, at, end);
    *start = at;
    if (at == text.size) break;
    att_code_at(text, at, &next);
  }
  walk->steps = m.steps;
  if (m.steps <= m.most) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "a pattern of the tokenizer takes too long on a text of %zu bytes", text.size);
}
