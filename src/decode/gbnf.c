/* Owns reading GBNF: text to a tree of rules, and these to the nodes of an automaton over bytes. See automaton.h. */
#include "decode/automaton.h"
#include "text/unicode.h"

#include <string.h>

#define MOST_NESTING 64
#define MOST_REPEATS 10000
#define LAST_CODE    0x10ffff

typedef enum tree_kind { TREE_SEQUENCE, TREE_CHOICE, TREE_CLASS, TREE_RULE, TREE_REPEAT } tree_kind;

typedef struct tree {
  tree_kind kind;
  int32_t low, high;          /* CLASS: a range of characters; REPEAT: how often, high -1: any; RULE: low: which */
  struct tree *first, *after; /* what it is made of; its next sibling */
} tree;

typedef struct rule {
  const char *name;
  size_t size;
  const tree *body; /* NULL: not yet there */
  int line;         /* where it is first named */
  bool ends;        /* some text fits it */
} rule;

typedef struct parser {
  att_context *ctx;
  att_arena *arena;
  const char *at;
  int line, nesting;
  rule *rules; /* [ATT_MOST_RULES] */
  int32_t rule_count;
  att_automaton *out;
} parser;

static att_status wrong(const parser *p, int line, const char *what) {
  return att_fail(p->ctx, ATT_ARGUMENT, "the grammar, line %d: %s", line, what);
}

/* ---- text to trees -------------------------------------------------------------------------------------------- */

/* lines: also over line ends. */
static void skip_space(parser *p, bool lines) {
  for (;; p->at++) {
    if (*p->at == '#') p->at += strcspn(p->at, "\r\n");
    if (*p->at == '\n' && lines) p->line++;
    if (*p->at == ' ' || *p->at == '\t' || (lines && (*p->at == '\n' || *p->at == '\r'))) continue;
    return;
  }
}

static att_status new_tree(parser *p, tree_kind kind, int32_t low, int32_t high, tree **out) {
  *out = ATT_ARENA_NEW(p->arena, 1, tree);
  if (!*out) return ATT_MEMORY;
  **out = (tree){.kind = kind, .low = low, .high = high};
  return ATT_OK;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* Of a hexadecimal digit; -1: it is none. */
static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static att_status find_rule(parser *p, int32_t *index) {
  const char *name = p->at;
  size_t size = 0;
  while (is_name(name[size])) size++;
  p->at += size;
  for (*index = 0; *index < p->rule_count; ++*index)
    if (p->rules[*index].size == size && memcmp(p->rules[*index].name, name, size) == 0) return ATT_OK;
  if (p->rule_count == ATT_MOST_RULES) return wrong(p, p->line, "there are more rules than attend takes");
  p->rules[p->rule_count++] = (rule){.name = name, .size = size, .line = p->line};
  return ATT_OK;
}

static att_status read_hex(parser *p, int digits, int32_t *code) {
  *code = 0;
  for (int i = 0; i < digits; i++, p->at++) {
    int digit = hex_value(*p->at);
    if (digit < 0) return wrong(p, p->line, "an escape has too few hexadecimal digits");
    if (*code > LAST_CODE) continue;
    *code = 16 * *code + digit;
  }
  return *code <= LAST_CODE ? ATT_OK : wrong(p, p->line, "an escape is no character");
}

/* A character of a literal or a class. */
static att_status read_character(parser *p, int32_t *code) {
  static const char letters[] = "nrt\\\"[]-^", meant[] = "\n\r\t\\\"[]-^";
  size_t bad;
  if (*p->at == '\0' || *p->at == '\n') return wrong(p, p->line, "a literal or class has no end");
  if (*p->at != '\\') {
    int size = att_utf8_next(p->at, strlen(p->at) < 4 ? strlen(p->at) : 4, code, &bad);
    if (size < 1) return wrong(p, p->line, "there are bytes that are not UTF-8");
    p->at += size;
    return ATT_OK;
  }
  char letter = *++p->at;
  const char *known = letter ? strchr(letters, letter) : NULL;
  if (letter) p->at++;
  if (known) *code = (unsigned char)meant[known - letters];
  if (known) return ATT_OK;
  int digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
  return digits ? read_hex(p, digits, code) : wrong(p, p->line, "an escape is not known");
}

static att_status read_literal(parser *p, tree *sequence) {
  tree **end = &sequence->first;
  for (p->at++; *p->at != '"'; end = &(*end)->after) {
    int32_t code;
    ATT_TRY(read_character(p, &code));
    ATT_TRY(new_tree(p, TREE_CLASS, code, code, end));
  }
  p->at++;
  return ATT_OK;
}

/* The characters that none of the ranges has. */
static att_status complement(parser *p, const tree *ranges, tree *choice) {
  tree **end = &choice->first;
  for (int32_t low = 0; low <= LAST_CODE;) {
    int32_t high = LAST_CODE, inside = -1;
    for (const tree *r = ranges; r; r = r->after) {
      if (r->low <= low && r->high >= low && r->high > inside) inside = r->high;
      if (r->low > low && r->low - 1 < high) high = r->low - 1;
    }
    if (inside < 0) {
      ATT_TRY(new_tree(p, TREE_CLASS, low, high, end));
      end = &(*end)->after;
    }
    low = (inside < 0 ? high : inside) + 1;
  }
  return ATT_OK;
}

static att_status read_class(parser *p, tree *choice) {
  tree **end = &choice->first;
  bool denied = *++p->at == '^';
  if (denied) p->at++;
  for (int count = 0; *p->at != ']'; count++, end = &(*end)->after) {
    int32_t low, high;
    if (count == 256) return wrong(p, p->line, "a class has more parts than attend takes");
    ATT_TRY(read_character(p, &low));
    high = low;
    if (p->at[0] == '-' && p->at[1] != ']') {
      p->at++;
      ATT_TRY(read_character(p, &high));
    }
    if (high < low) return wrong(p, p->line, "a range of a class ends before it begins");
    ATT_TRY(new_tree(p, TREE_CLASS, low, high, end));
  }
  p->at++;
  if (!denied) return ATT_OK;
  const tree *ranges = choice->first;
  choice->first = NULL;
  return complement(p, ranges, choice);
}

static att_status read_choice(parser *p, bool nested, tree **out);

static att_status read_item(parser *p, bool nested, tree **out) {
  int32_t index;
  switch (*p->at) {
  case '"': ATT_TRY(new_tree(p, TREE_SEQUENCE, 0, 0, out)); return read_literal(p, *out);
  case '[': ATT_TRY(new_tree(p, TREE_CHOICE, 0, 0, out)); return read_class(p, *out);
  case '.': p->at++; return new_tree(p, TREE_CLASS, 0, LAST_CODE, out);
  case '(':
    p->at++;
    if (++p->nesting > MOST_NESTING) return wrong(p, p->line, "groups are nested too deep");
    ATT_TRY(read_choice(p, true, out));
    if (*p->at != ')') return wrong(p, p->line, "a group has no end");
    p->nesting--;
    p->at++;
    return ATT_OK;
  default: break;
  }
  (void)nested;
  if (!is_name(*p->at)) return wrong(p, p->line, "there is something that is no part of a rule");
  ATT_TRY(find_rule(p, &index));
  return new_tree(p, TREE_RULE, index, 0, out);
}

static att_status read_number(parser *p, int32_t *number) {
  if (!is_digit(*p->at)) return wrong(p, p->line, "a repetition needs a number");
  for (*number = 0; is_digit(*p->at) && *number <= MOST_REPEATS; p->at++) *number = 10 * *number + (*p->at - '0');
  return *number <= MOST_REPEATS ? ATT_OK : wrong(p, p->line, "a repetition is too large");
}

/* "*", "+", "?", "{2}", "{2,}", "{2,5}" behind an item. */
static att_status read_repeats(parser *p, tree **item) {
  while (*p->at && strchr("*+?{", *p->at)) {
    int32_t low = *p->at == '+', high = *p->at == '?' ? 1 : -1;
    if (*p->at++ == '{') {
      skip_space(p, false);
      ATT_TRY(read_number(p, &low));
      high = low;
      skip_space(p, false);
      if (*p->at == ',') {
        p->at++;
        skip_space(p, false);
        high = -1;
        if (*p->at != '}') ATT_TRY(read_number(p, &high));
      }
      skip_space(p, false);
      if (*p->at++ != '}') return wrong(p, p->line, "a repetition has no end");
      if (high >= 0 && high < low) return wrong(p, p->line, "a repetition ends before it begins");
    }
    tree *repeat;
    ATT_TRY(new_tree(p, TREE_REPEAT, low, high, &repeat));
    repeat->first = *item;
    *item = repeat;
    if (++p->nesting > MOST_NESTING) return wrong(p, p->line, "repetitions are nested too deep");
  }
  return ATT_OK;
}

static att_status read_sequence(parser *p, bool nested, tree **out) {
  ATT_TRY(new_tree(p, TREE_SEQUENCE, 0, 0, out));
  tree **end = &(*out)->first;
  for (;;) {
    skip_space(p, nested);
    if (*p->at == '\0' || strchr("|)\r\n", *p->at)) return ATT_OK;
    int nesting = p->nesting;
    ATT_TRY(read_item(p, nested, end));
    ATT_TRY(read_repeats(p, end));
    p->nesting = nesting;
    end = &(*end)->after;
  }
}

static att_status read_choice(parser *p, bool nested, tree **out) {
  ATT_TRY(new_tree(p, TREE_CHOICE, 0, 0, out));
  for (tree **end = &(*out)->first;; end = &(*end)->after) {
    ATT_TRY(read_sequence(p, nested, end));
    if (*p->at != '|') return ATT_OK;
    p->at++;
    skip_space(p, true);
  }
}

static att_status read_rule(parser *p) {
  int32_t index;
  int line = p->line;
  tree *body;
  if (!is_name(*p->at)) return wrong(p, p->line, "a rule begins with its name");
  ATT_TRY(find_rule(p, &index));
  skip_space(p, false);
  if (strncmp(p->at, "::=", 3) != 0) return wrong(p, p->line, "behind the name of a rule ::= must stand");
  p->at += 3;
  skip_space(p, true);
  ATT_TRY(read_choice(p, false, &body));
  if (*p->at == ')') return wrong(p, p->line, "a group ends that did not begin");
  if (p->rules[index].body) return wrong(p, line, "there is a rule of this name already");
  p->rules[index].body = body;
  return ATT_OK;
}

/* ---- whether some text fits ----------------------------------------------------------------------------------- */

static bool tree_ends(const parser *p, const tree *t) {
  bool any = false, all = true;
  for (const tree *part = t->first; part; part = part->after) {
    bool ends = (t->kind != TREE_REPEAT || t->low > 0) ? tree_ends(p, part) : true;
    any |= ends;
    all &= ends;
  }
  if (t->kind == TREE_RULE) return p->rules[t->low].ends;
  return t->kind == TREE_CHOICE ? any : all;
}

/* Rules end that are made of such as end; there and back, as those before may need those behind. */
static void find_endings(parser *p) {
  for (bool changed = true, back = false; changed; back = !back) {
    changed = false;
    for (int32_t i = 0; i < p->rule_count; i++) {
      rule *r = &p->rules[back ? p->rule_count - 1 - i : i];
      if (r->ends || !tree_ends(p, r->body)) continue;
      r->ends = changed = true;
    }
  }
}

/* ---- trees to nodes ------------------------------------------------------------------------------------------- */

static att_status add(parser *p, att_node_kind kind, int32_t next, int32_t other, int32_t *node) {
  att_automaton *a = p->out;
  if (a->count == ATT_MOST_NODES) return att_fail(p->ctx, ATT_ARGUMENT, "the grammar is larger than attend takes");
  if (a->count == a->capacity) {
    int32_t capacity = 2 * a->capacity + 256;
    att_node *nodes = att_resize(p->ctx, a->nodes, (size_t)capacity, sizeof *nodes);
    if (!nodes) return ATT_MEMORY;
    a->nodes = nodes;
    a->capacity = capacity;
  }
  *node = a->count++;
  a->nodes[*node] = (att_node){.next = next, .other = other, .kind = (uint8_t)kind};
  return ATT_OK;
}

/* `also`, an entry or -1, becomes an entry that goes there or to `node`. */
static att_status add_way(parser *p, int32_t node, int32_t *also) {
  if (*also < 0) return *also = node, ATT_OK;
  return add(p, ATT_NODE_SPLIT, node, *also, also);
}

static att_status add_byte(parser *p, int low, int high, int32_t next, int32_t *node) {
  ATT_TRY(add(p, ATT_NODE_BYTE, next, 0, node));
  p->out->nodes[*node].low = (uint8_t)low;
  p->out->nodes[*node].high = (uint8_t)high;
  return ATT_OK;
}

/* Sequences of `count` bytes from low to high, in the order of their numbers, all of the same length in UTF-8. */
static att_status add_bytes(parser *p, const uint8_t *low, const uint8_t *high, int count, int32_t next,
                            int32_t *entry) {
  static const uint8_t least[] = {0x80, 0x80, 0x80}, most[] = {0xbf, 0xbf, 0xbf};
  int32_t rest, node;
  if (count == 1) {
    ATT_TRY(add_byte(p, low[0], high[0], next, &node));
    return add_way(p, node, entry);
  }
  if (low[0] == high[0]) {
    rest = -1;
    ATT_TRY(add_bytes(p, low + 1, high + 1, count - 1, next, &rest));
    ATT_TRY(add_byte(p, low[0], low[0], rest, &node));
    return add_way(p, node, entry);
  }
  bool begins = memcmp(low + 1, least, (size_t)count - 1) != 0, ends = memcmp(high + 1, most, (size_t)count - 1) != 0;
  if (begins) {
    rest = -1;
    ATT_TRY(add_bytes(p, low + 1, most, count - 1, next, &rest));
    ATT_TRY(add_byte(p, low[0], low[0], rest, &node));
    ATT_TRY(add_way(p, node, entry));
  }
  if (ends) {
    rest = -1;
    ATT_TRY(add_bytes(p, least, high + 1, count - 1, next, &rest));
    ATT_TRY(add_byte(p, high[0], high[0], rest, &node));
    ATT_TRY(add_way(p, node, entry));
  }
  if (low[0] + begins > high[0] - ends) return ATT_OK;
  rest = -1;
  ATT_TRY(add_bytes(p, least, most, count - 1, next, &rest));
  ATT_TRY(add_byte(p, low[0] + begins, high[0] - ends, rest, &node));
  return add_way(p, node, entry);
}

static int write_utf8(int32_t code, uint8_t out[4]) {
  int count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (int i = count - 1; i > 0; i--, code >>= 6) out[i] = (uint8_t)(0x80 | (code & 0x3f));
  out[0] = (uint8_t)(lead[count] | code);
  return count;
}

/* Characters from low to high, surrogates left out. */
static att_status add_characters(parser *p, int32_t low, int32_t high, int32_t next, int32_t *entry) {
  static const int32_t parts[][2] = {{0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, LAST_CODE}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    uint8_t first[4], last[4];
    int32_t from = low > parts[i][0] ? low : parts[i][0], to = high < parts[i][1] ? high : parts[i][1];
    if (from > to) continue;
    int count = write_utf8(from, first);
    write_utf8(to, last);
    ATT_TRY(add_bytes(p, first, last, count, next, entry));
  }
  return ATT_OK;
}

/* *entry: a node that reads the tree, and goes on with `next`. What no text fits becomes no way: -1. */
static att_status compile(parser *p, const tree *t, int32_t next, int32_t *entry);

/* The parts of a sequence, the last one first. */
static att_status compile_sequence(parser *p, const tree *part, int32_t next, int32_t *entry) {
  int32_t rest = next;
  const tree *parts[512];
  size_t count = 0;
  for (; part && count < 512; part = part->after) parts[count++] = part;
  if (part) ATT_TRY(compile_sequence(p, part, next, &rest));
  for (; count > 0 && rest >= 0; count--) ATT_TRY(compile(p, parts[count - 1], rest, &rest));
  *entry = rest;
  return ATT_OK;
}

static att_status compile_repeat(parser *p, const tree *t, int32_t next, int32_t *entry) {
  int32_t at = next, body;
  if (t->high < 0) {
    ATT_TRY(add(p, ATT_NODE_SPLIT, next, next, &at));
    ATT_TRY(compile(p, t->first, at, &body));
    if (body >= 0) p->out->nodes[at].other = body;
  }
  for (int32_t i = t->low; i < t->high; i++) { /* those that may be left out */
    ATT_TRY(compile(p, t->first, at, &body));
    if (body < 0) break;
    ATT_TRY(add(p, ATT_NODE_SPLIT, body, next, &at));
  }
  for (int32_t i = 0; i < t->low && at >= 0; i++) ATT_TRY(compile(p, t->first, at, &at));
  *entry = at;
  return ATT_OK;
}

static att_status compile(parser *p, const tree *t, int32_t next, int32_t *entry) {
  int32_t way;
  *entry = -1;
  switch (t->kind) {
  case TREE_SEQUENCE: return compile_sequence(p, t->first, next, entry);
  case TREE_REPEAT: return compile_repeat(p, t, next, entry);
  case TREE_CLASS: return add_characters(p, t->low, t->high, next, entry);
  case TREE_RULE: return p->rules[t->low].ends ? add(p, ATT_NODE_CALL, next, t->low, entry) : ATT_OK;
  case TREE_CHOICE: break;
  }
  for (const tree *part = t->first; part; part = part->after) {
    ATT_TRY(compile(p, part, next, &way));
    if (way >= 0) ATT_TRY(add_way(p, way, entry));
  }
  return ATT_OK;
}

static att_status compile_rules(parser *p) {
  att_automaton *a = p->out;
  a->rules = p->rule_count;
  for (int32_t i = 0; i < p->rule_count; i++) {
    int32_t end;
    ATT_TRY(add(p, ATT_NODE_END, 0, 0, &end));
    ATT_TRY(compile(p, p->rules[i].body, end, &a->entries[i]));
  }
  return ATT_OK;
}

static att_status read_all(parser *p) {
  p->rules = ATT_ARENA_NEW(p->arena, ATT_MOST_RULES, rule);
  if (!p->rules) return ATT_MEMORY;
  for (skip_space(p, true); *p->at; skip_space(p, true)) ATT_TRY(read_rule(p));
  p->out->root = -1;
  for (int32_t i = 0; i < p->rule_count; i++) {
    const rule *r = &p->rules[i];
    if (r->size == 4 && memcmp(r->name, "root", 4) == 0) p->out->root = i;
    if (!r->body)
      return att_fail(p->ctx, ATT_ARGUMENT, "the grammar, line %d: there is no rule %.*s", r->line,
                      r->size > 60 ? 60 : (int)r->size, r->name);
  }
  if (p->out->root < 0) return att_fail(p->ctx, ATT_ARGUMENT, "the grammar has no rule root");
  find_endings(p);
  if (!p->rules[p->out->root].ends)
    return att_fail(p->ctx, ATT_ARGUMENT, "no text fits the grammar: its rules never end");
  return compile_rules(p);
}

att_status att_gbnf_compile(att_context *ctx, const char *text, att_automaton *out) {
  parser p = {.ctx = ctx, .at = text, .line = 1, .out = out};
  if (strlen(text) > 1 << 20) return att_fail(ctx, ATT_ARGUMENT, "the grammar is larger than 1 MiB");
  ATT_TRY(att_arena_new(ctx, &p.arena));
  att_status status = read_all(&p);
  att_arena_free(p.arena);
  return status;
}
