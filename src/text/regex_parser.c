/* Owns the reading of patterns. What it does not know ends in ATT_OK and no pattern. See regex.h. */
#include "text/regex_parser.h"

#include "text/unicode.h"

#include <string.h>

#define ATT_MOST_NESTED 32
#define ATT_MOST_REPEAT 100000

/* att_status as a parser's: UNKNOWN is what stands beyond this kind of pattern. */
typedef enum outcome { READ, UNKNOWN, NO_MEMORY } outcome;

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    outcome outcome_ = (call);                                                                                         \
    if (outcome_ != READ) return outcome_;                                                                             \
  } while (0)

typedef struct parser {
  att_context *ctx;
  att_regex *r;
  att_text text;
  size_t at;
  int depth;
  bool any_case; /* (?i) holds */
} parser;

/* Room for one more of a growing array. */
static outcome grow(parser *p, void **array, int32_t count, int32_t *capacity, size_t size) {
  if (count < *capacity) return READ;
  int32_t wanted = *capacity ? 2 * *capacity : 8;
  if (wanted > 1 << 20) return UNKNOWN;
  void *grown = att_resize(p->ctx, *array, (size_t)wanted, size);
  if (!grown) return NO_MEMORY;
  *array = grown;
  *capacity = wanted;
  return READ;
}

#define GROW(p, array, name)                                                                                           \
  grow(p, (void **)&(p)->r->array, (p)->r->name##_count, &(p)->r->name##_capacity, sizeof *(p)->r->array)

static bool more(const parser *p) { return p->at < p->text.size; }

static bool follows(const parser *p, const char *what) {
  size_t size = strlen(what);
  return p->text.size - p->at >= size && memcmp(p->text.data + p->at, what, size) == 0;
}

static bool take(parser *p, const char *what) {
  bool there = follows(p, what);
  if (there) p->at += strlen(what);
  return there;
}

/* ---- sets of characters ---------------------------------------------------------------------------------------- */

static void add_ascii(att_char_set *set, int32_t code) { set->ascii[code >> 6] |= (uint64_t)1 << (code & 63); }

/* Of a range that ends below U+0080 the rest is nothing. */
static outcome add_range(parser *p, att_char_set *set, int32_t first, int32_t last) {
  for (int32_t code = first; code <= last && code < 0x80; code++) add_ascii(set, code);
  if (last < 0x80) return READ;
  TRY(GROW(p, ranges, range));
  if (set->range_count == 0) set->first_range = p->r->range_count;
  p->r->ranges[p->r->range_count++] = (att_char_range){first < 0x80 ? 0x80 : first, last};
  set->range_count++;
  return READ;
}

/* A character, in any case where that is asked: Oniguruma counts U+017F as an s, U+212A as a k. */
static outcome add_char(parser *p, att_char_set *set, int32_t code) {
  TRY(add_range(p, set, code, code));
  if (!p->any_case) return READ;
  int32_t lower = att_lower(code), upper = att_upper(code);
  TRY(add_range(p, set, lower, lower));
  TRY(add_range(p, set, upper, upper));
  if (lower == 's' || code == 0x17f) TRY(add_range(p, set, 0x17f, 0x17f));
  if (lower == 'k' || code == 0x212a) TRY(add_range(p, set, 0x212a, 0x212a));
  if (code == 0x17f) add_ascii(set, 's');
  if (code == 0x212a) add_ascii(set, 'k');
  return READ;
}

static void add_categories(att_char_set *set, uint32_t categories) {
  for (int32_t code = 0; code < 0x80; code++)
    if (categories & att_category_bit(code)) add_ascii(set, code);
  set->categories |= categories;
}

static void add_kind(att_char_set *set, bool (*is)(int32_t code), bool no, uint32_t kind) {
  for (int32_t code = 0; code < 0x80; code++)
    if (is(code) != no) add_ascii(set, code);
  set->kinds |= kind;
}

/* \p's name: a general category of one letter or two. */
static uint32_t categories_named(const char *name, size_t size) {
  static const struct {
    const char *name;
    uint32_t categories;
  } all[] = {{"l", ATT_LETTERS}, {"m", ATT_MARKS},      {"n", ATT_NUMBERS}, {"p", ATT_PUNCTUATION},
             {"s", ATT_SYMBOLS}, {"z", ATT_SEPARATORS}, {"c", ATT_OTHERS}};
  char lower[3] = {0};
  for (size_t i = 0; i < size && i < 2; i++) lower[i] = (char)(name[i] | 0x20);
  for (size_t i = 0; size == 1 && i < sizeof all / sizeof *all; i++)
    if (lower[0] == all[i].name[0]) return all[i].categories;
  static const char *const names[] = {"cn", "lu", "ll", "lt", "lm", "lo", "mn", "mc", "me", "nd",
                                      "nl", "no", "pc", "pd", "ps", "pe", "pi", "pf", "po", "sm",
                                      "sc", "sk", "so", "zs", "zl", "zp", "cc", "cf", "cs", "co"};
  for (size_t i = 0; size == 2 && i < sizeof names / sizeof *names; i++)
    if (strcmp(lower, names[i]) == 0) return 1u << i;
  return 0;
}

/* Ranges that one another follow; no: what lies between them. */
static outcome add_ranges(parser *p, att_char_set *set, const att_code_range *ranges, size_t count, bool no) {
  int32_t next = 0;
  for (size_t i = 0; i < count; i++) {
    if (!no) TRY(add_range(p, set, ranges[i].first, ranges[i].last));
    if (no && ranges[i].first > next) TRY(add_range(p, set, next, ranges[i].first - 1));
    next = ranges[i].last + 1;
  }
  return no ? add_range(p, set, next, 0x10ffff) : READ;
}

/* Behind \p or \P: a general category, or a script. */
static outcome add_property(parser *p, att_char_set *set, bool no) {
  if (!take(p, "{")) return UNKNOWN;
  no ^= take(p, "^");
  const char *end = memchr(p->text.data + p->at, '}', p->text.size - p->at);
  if (!end) return UNKNOWN;
  size_t size = (size_t)(end - (p->text.data + p->at));
  att_text name = {p->text.data + p->at, size};
  uint32_t categories = categories_named(name.data, size);
  size_t count;
  const att_code_range *ranges = categories ? NULL : att_script_ranges(name, &count);
  p->at += size + 1;
  if (ranges) return add_ranges(p, set, ranges, count, no);
  if (!categories) return UNKNOWN;
  add_categories(set, no ? ATT_ALL_CATEGORIES & ~categories : categories);
  return READ;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* least to most digits. */
static outcome read_hex(parser *p, int least, int most, int32_t *code) {
  int count = 0;
  for (*code = 0; more(p) && count < most && hex_digit(p->text.data[p->at]) >= 0; count++, p->at++)
    *code = *code * 16 + hex_digit(p->text.data[p->at]);
  return count >= least && *code <= 0x10ffff && !(*code >= 0xd800 && *code < 0xe000) ? READ : UNKNOWN;
}

/* A character behind a backslash that stands for one. *code -1: it stands for something else. */
static outcome read_escaped(parser *p, int32_t *code) {
  static const char names[] = "nrtfvae", codes[] = "\n\r\t\f\v\a\x1b";
  const char c = p->text.data[p->at];
  const char *name = c ? strchr(names, c) : NULL;
  *code = -1;
  if (name) {
    *code = codes[name - names];
    p->at++;
    return READ;
  }
  if (take(p, "x{")) {
    TRY(read_hex(p, 1, 6, code));
    return take(p, "}") ? READ : UNKNOWN;
  }
  if (take(p, "x")) return read_hex(p, 2, 2, code);
  if (take(p, "u")) return read_hex(p, 4, 4, code);
  if ((unsigned char)c < 0x80 && ((c | 0x20) < 'a' || (c | 0x20) > 'z') && !(c >= '0' && c <= '9')) {
    *code = c;
    p->at++;
  }
  return READ;
}

static bool is_hex(int32_t code) { return code < 0x80 && hex_digit((char)code) >= 0; }

/* Behind a backslash: a set by a letter. */
static outcome add_named(parser *p, att_char_set *set) {
  const char c = p->text.data[p->at++];
  switch (c) {
  case 's': add_kind(set, att_is_space, false, ATT_SET_SPACE); return READ;
  case 'S': add_kind(set, att_is_space, true, ATT_SET_NO_SPACE); return READ;
  case 'w': add_kind(set, att_is_word, false, ATT_SET_WORD); return READ;
  case 'W': add_kind(set, att_is_word, true, ATT_SET_NO_WORD); return READ;
  case 'd': add_categories(set, 1u << ATT_ND); return READ;
  case 'D': add_categories(set, ATT_ALL_CATEGORIES & ~(1u << ATT_ND)); return READ;
  case 'h': add_kind(set, is_hex, false, 0); return READ;
  case 'p': return add_property(p, set, false);
  case 'P': return add_property(p, set, true);
  default: return UNKNOWN;
  }
}

static outcome read_members(parser *p, att_char_set *set);

/* \w or \W outside of brackets: there Oniguruma takes the numbers of Latin-1 for letters. */
static outcome add_bare_word(parser *p, att_char_set *set, bool no) {
  static const int32_t numbers[] = {0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xbe};
  add_kind(set, att_is_word, no, ATT_SET_WORD);
  set->negated = no;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) TRY(add_range(p, set, numbers[i], numbers[i]));
  return READ;
}

/* A character of a set in brackets, or -1 for a set within it that was added. */
static outcome read_member(parser *p, att_char_set *set, int32_t *code) {
  if (follows(p, "[:") || follows(p, "[^")) return UNKNOWN;
  if (take(p, "[")) {
    *code = -1;
    TRY(read_members(p, set));
    return p->text.data[p->at - 1] == ']' ? READ : UNKNOWN;
  }
  if (!take(p, "\\")) {
    *code = att_code_at(p->text, p->at, &p->at);
    return READ;
  }
  if (!more(p)) return UNKNOWN;
  TRY(read_escaped(p, code));
  return *code < 0 ? add_named(p, set) : READ;
}

/* Up to the closing bracket, or to && outside of a set within the set. */
static outcome read_members(parser *p, att_char_set *set) {
  if (follows(p, "]") || ++p->depth > ATT_MOST_NESTED) return UNKNOWN;
  bool closed = false;
  while (more(p) && !(closed = take(p, "]"))) {
    if (follows(p, "&&")) break;
    int32_t first, last;
    TRY(read_member(p, set, &first));
    if (first >= 0 && follows(p, "-") && p->text.size - p->at > 1 && p->text.data[p->at + 1] != ']') {
      p->at++;
      TRY(read_member(p, set, &last));
      if (last < first || p->any_case) return UNKNOWN;
      TRY(add_range(p, set, first, last));
    } else if (first >= 0) {
      TRY(add_char(p, set, first));
    }
  }
  p->depth--;
  return closed || follows(p, "&&") ? READ : UNKNOWN;
}

static outcome keep_set(parser *p, att_char_set set, int32_t *index) {
  TRY(GROW(p, sets, set));
  *index = p->r->set_count;
  p->r->sets[p->r->set_count++] = set;
  return READ;
}

static outcome read_brackets(parser *p, att_char_set *set);

/* Behind &&: a set in brackets alone, or members as at the beginning; up to the closing bracket. */
static outcome read_other(parser *p, att_char_set *set) {
  if (!take(p, "[")) return read_members(p, set);
  TRY(read_brackets(p, set));
  return follows(p, "&&") || take(p, "]") ? READ : UNKNOWN;
}

/* Behind the opening bracket. */
static outcome read_brackets(parser *p, att_char_set *set) {
  set->negated = take(p, "^");
  TRY(read_members(p, set));
  if (set->negated && follows(p, "&&")) return UNKNOWN;
  while (take(p, "&&")) {
    att_char_set other = {0};
    TRY(read_other(p, &other));
    if (other.with) return UNKNOWN;
    for (int i = 0; i < 2; i++) set->ascii[i] &= other.ascii[i];
    other.with = set->with;
    TRY(keep_set(p, other, &set->with));
    set->with++;
  }
  if (p->any_case && (set->categories || set->kinds || set->with)) return UNKNOWN;
  for (int i = 0; set->negated && i < 2; i++) set->ascii[i] = ~set->ascii[i];
  return READ;
}

static outcome put_set(parser *p, att_char_set set, att_regex_item *item) {
  *item = (att_regex_item){.kind = ATT_ITEM_SET, .least = 1, .most = 1};
  return keep_set(p, set, &item->set);
}

/* ---- items ----------------------------------------------------------------------------------------------------- */

static outcome read_alternatives(parser *p, int32_t *first, int32_t *count);

/* Up to the closing bracket, with what was said of cases before restored behind it. */
static outcome read_group(parser *p, att_regex_item *item) {
  bool before = p->any_case;
  *item = (att_regex_item){.kind = ATT_ITEM_GROUP, .least = 1, .most = 1};
  if (take(p, "?i:"))
    p->any_case = true;
  else if (take(p, "?=") || follows(p, "?!")) {
    item->kind = ATT_ITEM_AHEAD;
    item->negated = take(p, "?!");
  } else if (follows(p, "?<=") || follows(p, "?<!")) {
    item->kind = ATT_ITEM_BEHIND;
    item->negated = follows(p, "?<!");
    p->at += 3;
  } else if (!take(p, "?:") && follows(p, "?")) {
    return UNKNOWN;
  }
  if (++p->depth > ATT_MOST_NESTED) return UNKNOWN;
  TRY(read_alternatives(p, &item->first_alternative, &item->alternative_count));
  p->depth--;
  p->any_case = before;
  if (!take(p, ")")) return UNKNOWN;
  if (item->kind != ATT_ITEM_BEHIND) return READ;
  const att_regex_alternative *only = &p->r->alternatives[item->first_alternative];
  const att_regex_item *inner = &p->r->items[only->first_item];
  bool one = item->alternative_count == 1 && only->item_count == 1 && inner->kind == ATT_ITEM_SET &&
             inner->least == 1 && inner->most == 1;
  if (one) item->set = inner->set;
  return one ? READ : UNKNOWN;
}

static outcome read_atom(parser *p, att_regex_item *item) {
  static const struct {
    const char *text;
    att_regex_item_kind kind;
  } places[] = {{"^", ATT_ITEM_LINE_START}, {"$", ATT_ITEM_LINE_END},   {"\\A", ATT_ITEM_TEXT_START},
                {"\\z", ATT_ITEM_TEXT_END}, {"\\Z", ATT_ITEM_LAST_END}, {"\\b", ATT_ITEM_WORD_END},
                {"\\B", ATT_ITEM_IN_WORD}};
  att_char_set set = {0};
  int32_t code;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (take(p, places[i].text)) {
      *item = (att_regex_item){.kind = places[i].kind};
      return READ;
    }
  if (take(p, "(")) return read_group(p, item);
  if (follows(p, "*") || follows(p, "+") || follows(p, "?") || follows(p, "{")) return UNKNOWN;
  if (take(p, "[")) {
    TRY(read_brackets(p, &set));
  } else if (take(p, ".")) {
    set.negated = true;
    set.ascii[0] = ~((uint64_t)1 << '\n');
    set.ascii[1] = ~(uint64_t)0;
  } else if (follows(p, "\\w") || follows(p, "\\W")) {
    TRY(add_bare_word(p, &set, p->text.data[p->at + 1] == 'W'));
    p->at += 2;
  } else {
    TRY(read_member(p, &set, &code));
    if (code >= 0) TRY(add_char(p, &set, code));
  }
  return put_set(p, set, item);
}

static outcome read_number(parser *p, int32_t *number) {
  size_t from = p->at;
  for (*number = 0; more(p) && p->text.data[p->at] >= '0' && p->text.data[p->at] <= '9'; p->at++) {
    *number = *number * 10 + (p->text.data[p->at] - '0');
    if (*number > ATT_MOST_REPEAT) return UNKNOWN;
  }
  return p->at > from ? READ : UNKNOWN;
}

/* {n}, {n,}, {n,m}, {,m}; *braces: it was one. */
static outcome read_braces(parser *p, att_regex_item *item) {
  item->least = 0;
  if (!follows(p, ",")) TRY(read_number(p, &item->least));
  item->most = item->least;
  if (take(p, ",")) {
    item->most = INT32_MAX;
    if (!follows(p, "}")) TRY(read_number(p, &item->most));
  }
  return take(p, "}") && item->least <= item->most ? READ : UNKNOWN;
}

/* How often what was read stands there. */
static outcome read_repeat(parser *p, att_regex_item *item) {
  bool braces = false;
  if (take(p, "?")) {
    item->least = 0;
  } else if (take(p, "*")) {
    item->least = 0;
    item->most = INT32_MAX;
  } else if (take(p, "+")) {
    item->most = INT32_MAX;
  } else if (take(p, "{")) {
    braces = true;
    TRY(read_braces(p, item));
  } else {
    return READ;
  }
  if (follows(p, "?") || follows(p, "*") || follows(p, "{")) return UNKNOWN;
  if (braces && take(p, "+")) { /* Ruby: such runs, one behind the other */
    if (item->least > 1) return UNKNOWN;
    item->most = INT32_MAX;
  }
  item->possessive = take(p, "+");
  if (item->kind == ATT_ITEM_SET) return READ;
  bool once = item->kind == ATT_ITEM_GROUP && item->most == 1 && !item->possessive && item->least >= 0;
  return once ? READ : UNKNOWN;
}

/* ---- what an alternative may begin with ------------------------------------------------------------------------ */

static void note_beginning(const att_regex *r, att_regex_alternative *a);

/* True: what comes behind the item may begin the text too. */
static bool note_item(const att_regex *r, const att_regex_item *item, att_regex_alternative *a) {
  if (item->kind == ATT_ITEM_SET) {
    const att_char_set *set = &r->sets[item->set];
    for (int i = 0; i < 2; i++) a->ascii[i] |= set->ascii[i];
    a->others = a->others || set->negated || set->categories || set->kinds || set->range_count;
    return item->least == 0;
  }
  if (item->kind != ATT_ITEM_GROUP) return true;
  bool empty = item->least == 0;
  for (int32_t i = 0; i < item->alternative_count; i++) {
    const att_regex_alternative *inner = &r->alternatives[item->first_alternative + i];
    for (int k = 0; k < 2; k++) a->ascii[k] |= inner->ascii[k];
    a->others = a->others || inner->others;
    empty = empty || inner->anything;
  }
  return empty;
}

static void note_beginning(const att_regex *r, att_regex_alternative *a) {
  const att_regex_item *items = &r->items[a->first_item];
  bool on = true;
  for (int32_t i = 0; on && i < a->item_count; i++) on = note_item(r, &items[i], a);
  a->anything = on;
  a->runs = a->item_count > 0 && items[0].kind == ATT_ITEM_SET && items[0].most == INT32_MAX;
}

/* ---- alternatives ---------------------------------------------------------------------------------------------- */

typedef struct item_list {
  att_regex_item *data;
  int32_t count, capacity;
} item_list;

static outcome read_items(parser *p, item_list *items) {
  while (more(p) && !follows(p, "|") && !follows(p, ")")) {
    att_regex_item item;
    TRY(read_atom(p, &item));
    TRY(read_repeat(p, &item));
    TRY(grow(p, (void **)&items->data, items->count, &items->capacity, sizeof *items->data));
    items->data[items->count++] = item;
  }
  return READ;
}

/* Items and what lies in them stand in the pattern side by side, those of groups before. */
static outcome read_sequence(parser *p, att_regex_alternative *a) {
  item_list items = {0};
  outcome done = read_items(p, &items);
  *a = (att_regex_alternative){.first_item = p->r->item_count, .item_count = items.count};
  for (int32_t i = 0; i < items.count && done == READ; i++) {
    done = GROW(p, items, item);
    if (done == READ) p->r->items[p->r->item_count++] = items.data[i];
  }
  att_free(p->ctx, items.data);
  if (done == READ) note_beginning(p->r, a);
  return done;
}

typedef struct alternative_list {
  att_regex_alternative *data;
  int32_t count, capacity;
} alternative_list;

static outcome read_all(parser *p, alternative_list *list) {
  do {
    TRY(grow(p, (void **)&list->data, list->count, &list->capacity, sizeof *list->data));
    TRY(read_sequence(p, &list->data[list->count]));
    list->count++;
  } while (take(p, "|"));
  return READ;
}

static outcome read_alternatives(parser *p, int32_t *first, int32_t *count) {
  alternative_list list = {0};
  outcome done = read_all(p, &list);
  *first = p->r->alternative_count;
  *count = list.count;
  for (int32_t i = 0; i < list.count && done == READ; i++) {
    done = GROW(p, alternatives, alternative);
    if (done == READ) p->r->alternatives[p->r->alternative_count++] = list.data[i];
  }
  att_free(p->ctx, list.data);
  return done;
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

void att_regex_free(att_context *ctx, att_regex *regex) {
  if (!regex) return;
  att_free(ctx, regex->sets);
  att_free(ctx, regex->ranges);
  att_free(ctx, regex->items);
  att_free(ctx, regex->alternatives);
  att_free(ctx, regex);
}

att_status att_regex_compile(att_context *ctx, const char *pattern, att_regex **regex) {
  parser p = {.ctx = ctx, .text = {pattern, strlen(pattern)}};
  *regex = NULL;
  p.r = ATT_NEW(ctx, 1, att_regex);
  if (!p.r) return ATT_MEMORY;
  outcome done = read_alternatives(&p, &p.r->first_root, &p.r->root_count);
  if (done == READ && !more(&p)) {
    *regex = p.r;
    return ATT_OK;
  }
  att_regex_free(ctx, p.r);
  return done == NO_MEMORY ? ATT_MEMORY : ATT_OK;
}
