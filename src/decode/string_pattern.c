/* Owns regular expressions as grammars. See string_pattern.h. All patterns become one nondeterministic automaton over
 * characters (Thompson, "Regular expression search algorithm", 1968), and sets of its nodes, with how many characters
 * have been read, the rules. */
#include "decode/string_pattern.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

#define MOST_NODES   4096
#define MOST_CLASSES 512
#define MOST_RANGES  2048
#define MOST_NESTING 64
#define MOST_WORK    100000000 /* nodes looked at */
#define LAST_CODE    0x10ffff

typedef enum node_kind {
  NODE_CLASS, /* a character of the class, then next */
  NODE_WAYS,  /* next or other, where it is not -1 */
  NODE_BEGIN, /* the text begins here */
  NODE_END,   /* the text ends here */
  NODE_MATCH  /* a pattern is found; what follows is free */
} node_kind;

typedef struct node {
  node_kind kind;
  bool useful;         /* leads to a MATCH or END within a text */
  int32_t next, other; /* CLASS: other is the class */
} node;

typedef struct range {
  int32_t low, high;
} range;

/* The characters of its ranges, or all but those. */
typedef struct class {
  int32_t first, count;
  bool denied;
} class;

/* Nodes whose last one leads to what comes behind. */
typedef struct fragment {
  int32_t first, last;
} fragment;

/* A rule: nodes that wait for a character or the end. */
typedef struct state {
  uint64_t *set;
  uint64_t hash;
  int length; /* characters read, as far as they count */
} state;

typedef struct builder {
  att_context *ctx;
  att_arena *arena;
  const char *at;
  int nesting;
  node *nodes; /* [MOST_NODES] */
  class *classes;
  range *ranges;
  int32_t node_count, class_count, range_count;
  /* of the patterns, in their order: */
  const att_string_pattern *patterns;
  size_t count;
  int32_t *begins, *matches; /* the first nodes and the last */
  int low, high;
  /* what is made */
  int32_t *edges; /* [edge_count] characters at which a class begins or has ended, rising; the last is LAST_CODE + 1 */
  int32_t edge_count;
  state *states; /* [most] */
  int32_t state_count, most;
  size_t words; /* of a set */
  uint64_t *seen, *next;
  int32_t *left; /* [MOST_NODES] */
  int64_t work;
  const char *name;
  att_buffer *out;
} builder;

static att_status refuse(const builder *b, const char *what) {
  return att_fail(b->ctx, ATT_ARGUMENT, "the JSON schema: 'pattern': %s", what);
}

static bool is_in(const uint64_t *set, int32_t i) { return (set[i >> 6] >> (i & 63)) & 1; }

static void put_in(uint64_t *set, int32_t i) { set[i >> 6] |= (uint64_t)1 << (i & 63); }

/* ---- nodes and classes ---------------------------------------------------------------------------------------- */

static att_status add_node(builder *b, node_kind kind, int32_t other, int32_t *out) {
  if (b->node_count == MOST_NODES) return refuse(b, "it is larger than attend takes");
  b->nodes[ *out = b->node_count++] = (node){.kind = kind, .next = -1, .other = other};
  return ATT_OK;
}

static void join(builder *b, fragment *all, fragment behind) {
  b->nodes[all->last].next = behind.first;
  all->last = behind.last;
}

static att_status add_range(builder *b, int32_t low, int32_t high) {
  if (b->range_count == MOST_RANGES) return refuse(b, "it has more classes of characters than attend takes");
  b->ranges[b->range_count++] = (range){low, high};
  return ATT_OK;
}

/* A class of the ranges from `first` on, which is shared with equal ones. */
static att_status add_class(builder *b, int32_t first, bool denied, fragment *out) {
  class made = {first, b->range_count - first, denied};
  int32_t i = 0;
  for (; i < b->class_count; i++) {
    class have = b->classes[i];
    if (have.count == made.count && have.denied == denied &&
        memcmp(b->ranges + have.first, b->ranges + first, (size_t)made.count * sizeof *b->ranges) == 0)
      break;
  }
  if (i < b->class_count) b->range_count = first;
  if (i == MOST_CLASSES) return refuse(b, "it has more classes of characters than attend takes");
  if (i == b->class_count) b->classes[b->class_count++] = made;
  ATT_TRY(add_node(b, NODE_CLASS, i, &out->first));
  out->last = out->first;
  return ATT_OK;
}

static bool class_has(const builder *b, const class *c, int32_t code) {
  for (int32_t i = 0; i < c->count; i++) {
    range r = b->ranges[c->first + i];
    if (code >= r.low && code <= r.high) return !c->denied;
  }
  return c->denied;
}

/* ---- the text of a pattern ------------------------------------------------------------------------------------ */

/* \d, \w, \s (ECMA-262, CharacterClassEscape), in rising order. */
static const range digits[] = {{'0', '9'}};
static const range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const range space[] = {{9, 13},          {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
                              {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
static const range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

/* The ranges, or what lies between them. */
static att_status add_ranges(builder *b, const range *ranges, size_t count, bool denied) {
  int32_t from = 0;
  for (size_t i = 0; i < count; i++) {
    if (!denied) ATT_TRY(add_range(b, ranges[i].low, ranges[i].high));
    if (denied && ranges[i].low > from) ATT_TRY(add_range(b, from, ranges[i].low - 1));
    from = ranges[i].high + 1;
  }
  return denied ? add_range(b, from, LAST_CODE) : ATT_OK;
}

static att_status read_hex(builder *b, int count, int32_t *code) {
  *code = 0;
  for (int i = 0; i < count; i++, b->at++) {
    static const char known[] = "0123456789abcdefABCDEF";
    const char *digit = *b->at ? strchr(known, *b->at) : NULL;
    if (!digit) return refuse(b, "an escape has too few hexadecimal digits");
    int32_t value = (int32_t)(digit - known);
    *code = 16 * *code + (value < 16 ? value : value - 6);
  }
  return ATT_OK;
}

/* Behind \u: four digits, two such that are surrogates, or {any}. */
static att_status read_unicode(builder *b, int32_t *code) {
  int32_t low;
  if (*b->at == '{') {
    size_t count = strspn(b->at + 1, "0123456789abcdefABCDEF");
    if (count < 1 || count > 6 || b->at[1 + count] != '}') return refuse(b, "an escape is no character");
    b->at++;
    ATT_TRY(read_hex(b, (int)count, code));
    b->at++;
    return *code <= LAST_CODE ? ATT_OK : refuse(b, "an escape is no character");
  }
  ATT_TRY(read_hex(b, 4, code));
  if (*code < 0xd800 || *code > 0xdbff || b->at[0] != '\\' || b->at[1] != 'u') return ATT_OK;
  b->at += 2;
  ATT_TRY(read_hex(b, 4, &low));
  if (low < 0xdc00 || low > 0xdfff) return refuse(b, "an escape is no character");
  *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
  return ATT_OK;
}

/* Behind a backslash. *code: the character, or -1: the ranges of a class were added. */
static att_status read_escape(builder *b, bool in_class, int32_t *code) {
  static const char letters[] = "tnvfr", meant[] = "\t\n\v\f\r";
  char letter = *b->at;
  if (letter == '\0') return refuse(b, "it ends in a backslash");
  const char *known = strchr(letters, letter);
  bool denied = letter == 'D' || letter == 'W' || letter == 'S';
  b->at++;
  *code = known ? meant[known - letters] : -1;
  if (known) return ATT_OK;
  switch (letter) {
  case 'd':
  case 'D': return add_ranges(b, digits, sizeof digits / sizeof *digits, denied);
  case 'w':
  case 'W': return add_ranges(b, word, sizeof word / sizeof *word, denied);
  case 's':
  case 'S': return add_ranges(b, space, sizeof space / sizeof *space, denied);
  case 'x': return read_hex(b, 2, code);
  case 'u': return read_unicode(b, code);
  case 'p':
  case 'P': return refuse(b, "Unicode properties (\\p) are not known");
  case 'k': return refuse(b, "back-references are not known");
  case 'b': *code = '\b'; return in_class ? ATT_OK : refuse(b, "word boundaries (\\b) are not known");
  case 'B': return refuse(b, "word boundaries (\\B) are not known");
  default: break;
  }
  if (letter == '0' && (*b->at < '0' || *b->at > '9')) return *code = 0, ATT_OK;
  if (letter >= '0' && letter <= '9') return refuse(b, "back-references are not known");
  bool alphabetic = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter & 0x80);
  if (alphabetic) return refuse(b, "an escape is not known");
  *code = letter;
  return ATT_OK;
}

static att_status read_character(builder *b, int32_t *code) {
  size_t bad;
  int size = att_utf8_next(b->at, strlen(b->at) < 4 ? strlen(b->at) : 4, code, &bad);
  if (size < 1) return refuse(b, "there are bytes that are not UTF-8");
  b->at += size;
  return ATT_OK;
}

static att_status read_class_end(builder *b, int32_t *code) {
  if (*b->at == '\0') return refuse(b, "a class has no end");
  if (*b->at != '\\') return read_character(b, code);
  b->at++;
  return read_escape(b, true, code);
}

static att_status read_class(builder *b, fragment *out) {
  int32_t first = b->range_count, low, high;
  bool denied = *b->at == '^';
  if (denied) b->at++;
  while (*b->at != ']') {
    ATT_TRY(read_class_end(b, &low));
    if (low < 0) continue; /* a class in it; a hyphen behind stands for itself */
    high = low;
    if (b->at[0] == '-' && b->at[1] != ']') {
      b->at++;
      ATT_TRY(read_class_end(b, &high));
      if (high < low) return refuse(b, "a range of a class ends before it begins");
    }
    ATT_TRY(add_range(b, low, high));
  }
  b->at++;
  return add_class(b, first, denied, out);
}

static att_status read_choice(builder *b, fragment *out);

/* Behind "(". */
static att_status read_group(builder *b, fragment *out) {
  if (++b->nesting > MOST_NESTING) return refuse(b, "groups are nested too deep");
  if (*b->at == '?') {
    char kind = b->at[1], behind = kind ? b->at[2] : '\0';
    if (kind == '=' || kind == '!') return refuse(b, "look-ahead is not known");
    if (kind == '<' && (behind == '=' || behind == '!')) return refuse(b, "look-behind is not known");
    const char *end = kind == '<' ? strchr(b->at, '>') : kind == ':' ? b->at + 1 : NULL;
    if (!end) return refuse(b, "a kind of group is not known");
    b->at = end + 1;
  }
  ATT_TRY(read_choice(b, out));
  if (*b->at != ')') return refuse(b, "a group has no end");
  b->at++;
  b->nesting--;
  return ATT_OK;
}

static att_status read_one(builder *b, fragment *out) {
  int32_t first = b->range_count, code = -1;
  char letter = *b->at;
  if (strchr("*+?", letter)) return refuse(b, "there is nothing to repeat");
  if (letter != '\0' && strchr("(.[\\^$", letter)) b->at++;
  switch (letter) {
  case '(': return read_group(b, out);
  case '[': return read_class(b, out);
  case '^':
  case '$':
    ATT_TRY(add_node(b, letter == '^' ? NODE_BEGIN : NODE_END, -1, &out->first));
    out->last = out->first;
    return *b->at && strchr("*+?", *b->at) ? refuse(b, "there is nothing to repeat") : ATT_OK;
  case '.': ATT_TRY(add_ranges(b, line_ends, sizeof line_ends / sizeof *line_ends, true)); break;
  case '\\': ATT_TRY(read_escape(b, false, &code)); break;
  default: ATT_TRY(read_character(b, &code)); break;
  }
  if (code >= 0) ATT_TRY(add_range(b, code, code));
  return add_class(b, first, false, out);
}

/* "*", "+", "?", "{2}", "{2,}", "{2,5}", each also lazy, which changes nothing here. */
static att_status read_quantifier(builder *b, int32_t *low, int32_t *high) {
  *low = *high = 1;
  if (*b->at == '{') {
    const char *at = b->at + 1;
    int32_t bounds[2] = {0, -1};
    if (*at == ',') return refuse(b, "a repetition needs its smaller number");
    if (*at < '0' || *at > '9') return ATT_OK; /* a brace that stands for itself */
    int bound = 0;
    for (; *at && *at != '}'; at++) {
      if (*at == ',' && bound == 0) {
        bound = 1;
      } else if (*at < '0' || *at > '9') {
        return refuse(b, "a repetition has no end");
      } else {
        bounds[bound] = 10 * (bounds[bound] < 0 ? 0 : bounds[bound]) + (*at - '0');
        if (bounds[bound] > MOST_NODES) return refuse(b, "it is larger than attend takes");
      }
    }
    if (!*at) return refuse(b, "a repetition has no end");
    *low = bounds[0];
    *high = bound ? bounds[1] : bounds[0];
    if (*high >= 0 && *high < *low) return refuse(b, "a repetition ends before it begins");
  } else if (*b->at && strchr("*+?", *b->at)) {
    *low = *b->at == '+';
    *high = *b->at == '?' ? 1 : -1;
  } else {
    return ATT_OK;
  }
  b->at += strcspn(b->at, "}*+?") + 1;
  if (*b->at == '?') b->at++;
  return *b->at && strchr("*+?", *b->at) ? refuse(b, "there is nothing to repeat") : ATT_OK;
}

/* One that may be repeated, which is read again for each time that it may come. */
static att_status read_repeated(builder *b, fragment *out) {
  const char *from = b->at;
  int32_t low, high, end, way;
  fragment one;
  ATT_TRY(read_one(b, out));
  ATT_TRY(read_quantifier(b, &low, &high));
  if (low == 1 && high == 1) return ATT_OK;
  const char *behind = b->at;
  ATT_TRY(add_node(b, NODE_WAYS, -1, &way));
  ATT_TRY(add_node(b, NODE_WAYS, -1, &end));
  *out = (fragment){way, way};
  for (int32_t i = 0; i < low || i < high || (high < 0 && i == low); i++) {
    b->at = from;
    ATT_TRY(read_one(b, &one));
    if (i >= low) { /* may be left out */
      ATT_TRY(add_node(b, NODE_WAYS, end, &way));
      join(b, out, (fragment){way, way});
    }
    join(b, out, one);
    if (i >= low && high < 0) b->nodes[one.last].next = way; /* and again */
  }
  b->at = behind;
  if (high < 0) {
    out->last = end;
  } else {
    join(b, out, (fragment){end, end});
  }
  return ATT_OK;
}

static att_status read_sequence(builder *b, fragment *out) {
  fragment one;
  ATT_TRY(add_node(b, NODE_WAYS, -1, &out->first));
  out->last = out->first;
  while (*b->at && *b->at != '|' && *b->at != ')') {
    ATT_TRY(read_repeated(b, &one));
    join(b, out, one);
  }
  return ATT_OK;
}

static att_status read_choice(builder *b, fragment *out) {
  fragment other;
  int32_t end;
  ATT_TRY(read_sequence(b, out));
  if (*b->at != '|') return ATT_OK;
  ATT_TRY(add_node(b, NODE_WAYS, -1, &end));
  join(b, out, (fragment){end, end});
  while (*b->at == '|') {
    b->at++;
    ATT_TRY(read_sequence(b, &other));
    join(b, &other, (fragment){end, end});
    int32_t way;
    ATT_TRY(add_node(b, NODE_WAYS, other.first, &way));
    b->nodes[way].next = out->first;
    out->first = way;
  }
  return ATT_OK;
}

static att_status read_literal(builder *b, fragment *out) {
  fragment one, end;
  ATT_TRY(add_node(b, NODE_BEGIN, -1, &out->first));
  out->last = out->first;
  while (*b->at) {
    int32_t code, first = b->range_count;
    ATT_TRY(read_character(b, &code));
    ATT_TRY(add_range(b, code, code));
    ATT_TRY(add_class(b, first, false, &one));
    join(b, out, one);
  }
  ATT_TRY(add_node(b, NODE_END, -1, &end.first));
  end.last = end.first;
  join(b, out, end);
  return ATT_OK;
}

/* A pattern is looked for at every place: anything, then the pattern. */
static att_status read_pattern(builder *b, size_t i) {
  fragment any, body;
  int32_t way;
  b->at = b->patterns[i].text;
  b->nesting = 0;
  ATT_TRY(add_node(b, NODE_WAYS, -1, &way));
  b->begins[i] = way;
  ATT_TRY(add_range(b, 0, LAST_CODE));
  ATT_TRY(add_class(b, b->range_count - 1, false, &any));
  ATT_TRY(b->patterns[i].literal ? read_literal(b, &body) : read_choice(b, &body));
  if (*b->at) return refuse(b, "a group ends that did not begin");
  b->nodes[way].other = any.first;
  b->nodes[any.last].next = way;
  b->nodes[way].next = body.first;
  ATT_TRY(add_node(b, NODE_MATCH, -1, &b->matches[i]));
  b->nodes[body.last].next = b->matches[i];
  return ATT_OK;
}

/* ---- sets of nodes -------------------------------------------------------------------------------------------- */

static bool is_useful(const builder *b, const node *n) {
  if (n->kind == NODE_MATCH || n->kind == NODE_END) return true;
  if (n->kind == NODE_BEGIN) return false;
  bool other = n->kind == NODE_WAYS && n->other >= 0 && b->nodes[n->other].useful;
  return other || (n->next >= 0 && b->nodes[n->next].useful);
}

static void find_useful(builder *b) {
  for (bool changed = true; changed;) {
    changed = false;
    for (int32_t i = b->node_count - 1; i >= 0; i--) {
      if (b->nodes[i].useful || !is_useful(b, &b->nodes[i])) continue;
      b->nodes[i].useful = changed = true;
    }
  }
}

/* Adds what is reached from a node without a character. begins, ends: whether the text does so here. */
static att_status reach(builder *b, int32_t from, bool begins, bool ends, uint64_t *set) {
  int32_t count = 0;
  b->left[count++] = from;
  while (count > 0) {
    int32_t i = b->left[--count];
    if (i < 0 || is_in(b->seen, i)) continue;
    put_in(b->seen, i);
    b->work++;
    const node *n = &b->nodes[i];
    if (n->kind != NODE_WAYS && n->useful) put_in(set, i);
    if (n->kind == NODE_BEGIN && ends) return refuse(b, "'^' behind '$' is not known");
    bool passes = n->kind == NODE_WAYS || (n->kind == NODE_BEGIN && begins) || (n->kind == NODE_END && ends);
    if (passes) b->left[count++] = n->next;
    if (n->kind == NODE_WAYS) b->left[count++] = n->other;
  }
  return ATT_OK;
}

static void clear(const builder *b, uint64_t *set) { memset(set, 0, b->words * sizeof *set); }

/* What comes before the n-th pattern's nodes in the order of nodes. */
static int32_t first_of(const builder *b, size_t i) { return i ? b->matches[i - 1] + 1 : 0; }

/* Leaves of each pattern that was found that alone. False: the text cannot fit any more. */
static bool settle(const builder *b, uint64_t *set) {
  for (size_t i = 0; i < b->count; i++) {
    bool found = is_in(set, b->matches[i]), any = false;
    for (int32_t n = first_of(b, i); n < b->matches[i]; n++) {
      if (found) set[n >> 6] &= ~((uint64_t)1 << (n & 63));
      any |= is_in(set, n);
    }
    if (b->patterns[i].denied ? found : !found && !any) return false;
  }
  return true;
}

static att_status find_state(builder *b, const uint64_t *set, int length, int32_t *out) {
  uint64_t hash = 14695981039346656037u + (uint64_t)length; /* FNV-1a */
  for (size_t i = 0; i < b->words; i++) hash = (hash ^ set[i]) * 1099511628211u;
  for (*out = 0; *out < b->state_count; ++*out) {
    const state *s = &b->states[*out];
    if (s->hash == hash && s->length == length && memcmp(s->set, set, b->words * sizeof *set) == 0) return ATT_OK;
  }
  if (b->state_count == b->most) return refuse(b, "it needs more states than attend follows, with its lengths");
  uint64_t *kept = ATT_ARENA_NEW(b->arena, b->words, uint64_t);
  if (!kept) return ATT_MEMORY;
  memcpy(kept, set, b->words * sizeof *set);
  b->states[b->state_count++] = (state){kept, hash, length};
  return ATT_OK;
}

/* The state behind a character; -1: none. */
static att_status step(builder *b, const state *from, int32_t code, int32_t *out) {
  int length = from->length + (b->high >= 0 || from->length < b->low);
  clear(b, b->seen);
  clear(b, b->next);
  *out = -1;
  for (int32_t i = 0; i < b->node_count; i++) {
    if (!(from->set[i >> 6] >> (i & 63))) i |= 63; /* none of this word is left */
    if (i >= b->node_count || !is_in(from->set, i)) continue;
    const node *n = &b->nodes[i];
    if (n->kind == NODE_MATCH) put_in(b->next, i);
    if (n->kind == NODE_CLASS && class_has(b, &b->classes[n->other], code))
      ATT_TRY(reach(b, n->next, false, false, b->next));
  }
  b->work += 2 * b->node_count;
  if (b->work > MOST_WORK) return refuse(b, "it needs more states than attend follows, with its lengths");
  return settle(b, b->next) ? find_state(b, b->next, length, out) : ATT_OK;
}

/* Whether the text may end in a state. */
static att_status may_end(builder *b, const state *s, bool *ends) {
  clear(b, b->seen);
  clear(b, b->next);
  for (int32_t i = 0; i < b->node_count; i++) {
    if (!is_in(s->set, i)) continue;
    put_in(b->next, i);
    if (b->nodes[i].kind == NODE_END) ATT_TRY(reach(b, i, false, true, b->next));
  }
  *ends = s->length >= b->low;
  for (size_t i = 0; i < b->count; i++) *ends &= is_in(b->next, b->matches[i]) != b->patterns[i].denied;
  return ATT_OK;
}

/* ---- rules ---------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
  int32_t first = *(const int32_t *)a, second = *(const int32_t *)b;
  return (first > second) - (first < second);
}

static att_status find_edges(builder *b) {
  b->edges = ATT_ARENA_NEW(b->arena, 2 * b->range_count + 2, int32_t);
  if (!b->edges) return ATT_MEMORY;
  int32_t count = 0, kept = 0;
  for (int32_t i = 0; i < b->range_count; i++) {
    b->edges[count++] = b->ranges[i].low;
    b->edges[count++] = b->ranges[i].high + 1;
  }
  b->edges[count++] = 0;
  b->edges[count++] = LAST_CODE + 1;
  qsort(b->edges, (size_t)count, sizeof *b->edges, compare);
  for (int32_t i = 0; i < count; i++)
    if (i == 0 || b->edges[i] != b->edges[kept - 1]) b->edges[kept++] = b->edges[i];
  b->edge_count = kept;
  return ATT_OK;
}

#define PUT(...) ATT_TRY(att_buffer_print(b->ctx, b->out, __VA_ARGS__))

/* The characters of [low, high] that JSON has as they are. */
static att_status put_range(builder *b, int32_t low, int32_t high) {
  static const int32_t escaped[] = {'"', '\\', 0x7f};
  if (low < ' ') low = ' ';
  for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++) {
    if (escaped[i] < low || escaped[i] > high) continue;
    if (escaped[i] > low) PUT("\\U%08x-\\U%08x", (unsigned)low, (unsigned)escaped[i] - 1);
    low = escaped[i] + 1;
  }
  if (low <= high) PUT("\\U%08x-\\U%08x", (unsigned)low, (unsigned)high);
  return ATT_OK;
}

/* The characters that lead to a state; and those of them that are escaped. */
static att_status put_ways(builder *b, const int32_t *targets, int32_t target) {
  static const char codes[] = "\"\\\b\f\n\r\t";
  static const char *const written[] = {"\\\"", "\\\\", "b", "f", "n", "r", "t"};
  PUT(" | ([");
  for (int32_t i = 0, end; i + 1 < b->edge_count; i = end) {
    for (end = i + 1; end + 1 < b->edge_count && targets[end] == targets[i];) end++;
    if (targets[i] == target) ATT_TRY(put_range(b, b->edges[i], b->edges[end] - 1));
  }
  PUT("] | \"\\\\\" [");
  for (int32_t i = 0; i + 1 < b->edge_count; i++)
    for (size_t j = 0; targets[i] == target && codes[j]; j++)
      if (codes[j] >= b->edges[i] && codes[j] < b->edges[i + 1]) PUT("%s", written[j]);
  PUT("]) %s-%d", b->name, (int)target);
  return ATT_OK;
}

static att_status put_rule(builder *b, int32_t number, int32_t *targets) {
  bool ends;
  ATT_TRY(may_end(b, &b->states[number], &ends));
  PUT("%s-%d ::= %s", b->name, (int)number, ends ? "\"\\\"\"" : "[]");
  if (b->high >= 0 && b->states[number].length == b->high) return att_buffer_append(b->ctx, b->out, "\n", 1);
  for (int32_t i = 0; i + 1 < b->edge_count; i++) ATT_TRY(step(b, &b->states[number], b->edges[i], &targets[i]));
  for (int32_t i = 0; i + 1 < b->edge_count; i++) {
    bool first = targets[i] >= 0;
    for (int32_t j = 0; j < i && first; j++) first = targets[j] != targets[i];
    if (first) ATT_TRY(put_ways(b, targets, targets[i]));
  }
  return att_buffer_append(b->ctx, b->out, "\n", 1);
}

static att_status make(builder *b) {
  int32_t begin;
  b->nodes = ATT_ARENA_NEW(b->arena, MOST_NODES, node);
  b->classes = ATT_ARENA_NEW(b->arena, MOST_CLASSES, class);
  b->ranges = ATT_ARENA_NEW(b->arena, MOST_RANGES, range);
  b->left = ATT_ARENA_NEW(b->arena, 2 * MOST_NODES + 2, int32_t);
  b->begins = ATT_ARENA_NEW(b->arena, b->count, int32_t);
  b->matches = ATT_ARENA_NEW(b->arena, b->count, int32_t);
  b->states = ATT_ARENA_NEW(b->arena, b->most, state);
  if (!b->nodes || !b->classes || !b->ranges || !b->left || !b->begins || !b->matches || !b->states) return ATT_MEMORY;
  for (size_t i = 0; i < b->count; i++) ATT_TRY(read_pattern(b, i));
  find_useful(b);
  ATT_TRY(find_edges(b));
  b->words = ((size_t)b->node_count + 63) / 64;
  b->seen = ATT_ARENA_NEW(b->arena, b->words, uint64_t);
  b->next = ATT_ARENA_NEW(b->arena, b->words, uint64_t);
  int32_t *targets = ATT_ARENA_NEW(b->arena, b->edge_count, int32_t);
  if (!b->seen || !b->next || !targets) return ATT_MEMORY;
  clear(b, b->seen);
  clear(b, b->next);
  for (size_t i = 0; i < b->count; i++) ATT_TRY(reach(b, b->begins[i], true, false, b->next));
  if (!settle(b, b->next)) return refuse(b, "nothing fits");
  ATT_TRY(find_state(b, b->next, 0, &begin));
  for (int32_t i = 0; i < b->state_count; i++) ATT_TRY(put_rule(b, i, targets));
  return ATT_OK;
}

att_status att_string_pattern_rules(att_context *ctx, const att_string_pattern *patterns, size_t pattern_count, int low,
                                    int high, const char *name, int most, int *count, att_buffer *gbnf) {
  builder b = {.ctx = ctx,
               .patterns = patterns,
               .count = pattern_count,
               .low = low,
               .high = high,
               .most = most,
               .name = name,
               .out = gbnf};
  ATT_TRY(att_arena_new(ctx, &b.arena));
  att_status status = make(&b);
  *count = b.state_count;
  att_arena_free(b.arena);
  return status;
}
