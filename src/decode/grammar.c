/* Owns the states of a grammar and their masks. See grammar.h. */
#include "decode/grammar.h"

#include "decode/automaton.h"
#include "decode/json_schema.h"

#include <string.h>

#define MOST_PLACES 8192  /* of a state */
#define MOST_STATES 20000 /* of a grammar */
#define MOST_DEPTH  256   /* rules within rules */
#define DEAD        (-1)
#define UNKNOWN     (-2)

/* Where a text may stand: before a node, within rules that are called from a stack (0: none). */
typedef struct place {
  int32_t node, stack;
} place;

/* What comes after a rule. Equal ones are one. */
typedef struct frame {
  int32_t node, below, depth;
} frame;

typedef struct state {
  place *places;  /* [count] sorted, all before bytes */
  int32_t *after; /* [256] the state after each byte */
  uint64_t *mask; /* of tokens, or NULL */
  int32_t count;
  bool ends;
} state;

/* Numbers of things by their hash, open addressing; 0: free, else number + 1. */
typedef struct table {
  int32_t *slots;
  uint32_t size, used;
} table;

struct att_grammar {
  att_context *ctx;
  const att_token_trie *trie;
  att_automaton automaton;
  frame *frames; /* [frame_count]; the first is the bottom */
  int32_t frame_count, frame_room;
  state *states; /* [state_count] */
  int32_t state_count, state_room;
  table frame_table, state_table;
  place *found, *left; /* [MOST_PLACES] scratch of closures: all that were found, those to go on from */
  int32_t found_count, left_count;
  bool ends;
  int32_t begin;
};

/* ---- tables --------------------------------------------------------------------------------------------------- */

static uint32_t hash(const void *data, size_t size) {
  const unsigned char *bytes = data;
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < size; i++) h = (h ^ bytes[i]) * 16777619u;
  return h ^ (h >> 15);
}

static att_status reserve(att_context *ctx, table *t) {
  if (2 * (t->used + 1) <= t->size) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "the grammar leaves too much open");
}

static att_status make_table(att_context *ctx, table *t, uint32_t size) {
  t->size = size;
  t->slots = ATT_NEW(ctx, size, int32_t);
  return t->slots ? ATT_OK : ATT_MEMORY;
}

/* The frame (node, below), which is made where there is none. -1: too deep. */
static att_status push(att_grammar *g, int32_t node, int32_t below, int32_t *out) {
  frame wanted = {node, below, g->frames[below].depth + 1};
  table *t = &g->frame_table;
  *out = -1;
  if (wanted.depth > MOST_DEPTH) return ATT_OK;
  ATT_TRY(reserve(g->ctx, t));
  uint32_t at = hash(&wanted, sizeof wanted) & (t->size - 1);
  for (; t->slots[at]; at = (at + 1) & (t->size - 1)) {
    *out = t->slots[at] - 1;
    if (memcmp(&g->frames[*out], &wanted, sizeof wanted) == 0) return ATT_OK;
  }
  if (g->frame_count == g->frame_room) {
    frame *frames = att_resize(g->ctx, g->frames, 2 * (size_t)g->frame_room, sizeof *frames);
    if (!frames) return ATT_MEMORY;
    g->frames = frames;
    g->frame_room *= 2;
  }
  *out = g->frame_count++;
  g->frames[*out] = wanted;
  t->slots[at] = *out + 1;
  t->used++;
  return ATT_OK;
}

/* ---- states --------------------------------------------------------------------------------------------------- */

static att_status find(att_grammar *g, int32_t node, int32_t stack) {
  for (int32_t i = 0; i < g->found_count; i++)
    if (g->found[i].node == node && g->found[i].stack == stack) return ATT_OK;
  if (g->found_count == MOST_PLACES) return att_fail(g->ctx, ATT_ARGUMENT, "the grammar leaves too much open");
  g->found[g->found_count++] = g->left[g->left_count++] = (place){node, stack};
  return ATT_OK;
}

static att_status go_on(att_grammar *g, place from) {
  const att_automaton *a = &g->automaton;
  att_node node = a->nodes[from.node];
  int32_t stack = from.stack;
  switch ((att_node_kind)node.kind) {
  case ATT_NODE_BYTE: return ATT_OK;
  case ATT_NODE_SPLIT: ATT_TRY(find(g, node.next, stack)); return find(g, node.other, stack);
  case ATT_NODE_END:
    if (stack == 0) return g->ends = true, ATT_OK;
    return find(g, g->frames[stack].node, g->frames[stack].below);
  case ATT_NODE_CALL: break;
  }
  bool last = a->nodes[node.next].kind == ATT_NODE_END; /* then nothing is to be come back to */
  if (!last) ATT_TRY(push(g, node.next, stack, &stack));
  return stack < 0 || a->entries[node.other] < 0 ? ATT_OK : find(g, a->entries[node.other], stack);
}

static int compare(place a, place b) { return a.node != b.node ? a.node - b.node : a.stack - b.stack; }

static void sort(place *places, int32_t count) {
  for (int32_t i = 1; i < count; i++) {
    place one = places[i];
    int32_t j = i;
    for (; j > 0 && compare(places[j - 1], one) > 0; j--) places[j] = places[j - 1];
    places[j] = one;
  }
}

static att_status add_state(att_grammar *g, const place *places, int32_t count, uint32_t slot, int32_t *out) {
  if (g->state_count == MOST_STATES) return att_fail(g->ctx, ATT_ARGUMENT, "the grammar has too many states");
  if (g->state_count == g->state_room) {
    state *states = att_resize(g->ctx, g->states, 2 * (size_t)g->state_room, sizeof *states);
    if (!states) return ATT_MEMORY;
    g->states = states;
    g->state_room *= 2;
  }
  state s = {
      .places = ATT_NEW(g->ctx, count, place), .after = ATT_NEW(g->ctx, 256, int32_t), .count = count, .ends = g->ends};
  if (!s.places || !s.after) {
    att_free(g->ctx, s.places);
    att_free(g->ctx, s.after);
    return ATT_MEMORY;
  }
  if (count) memcpy(s.places, places, (size_t)count * sizeof *places);
  for (int i = 0; i < 256; i++) s.after[i] = UNKNOWN;
  *out = g->state_count++;
  g->states[*out] = s;
  g->state_table.slots[slot] = *out + 1;
  g->state_table.used++;
  return ATT_OK;
}

/* The state of all that can be reached from what was found without a byte. */
static att_status close_state(att_grammar *g, int32_t *out) {
  table *t = &g->state_table;
  int32_t count = 0;
  while (g->left_count > 0) ATT_TRY(go_on(g, g->left[--g->left_count]));
  for (int32_t i = 0; i < g->found_count; i++)
    if (g->automaton.nodes[g->found[i].node].kind == ATT_NODE_BYTE) g->found[count++] = g->found[i];
  *out = DEAD;
  if (count == 0 && !g->ends) return ATT_OK;
  sort(g->found, count);
  ATT_TRY(reserve(g->ctx, t));
  uint32_t at = (hash(g->found, (size_t)count * sizeof *g->found) + g->ends) & (t->size - 1);
  for (; t->slots[at]; at = (at + 1) & (t->size - 1)) {
    const state *s = &g->states[ *out = t->slots[at] - 1];
    if (s->count == count && s->ends == g->ends && memcmp(s->places, g->found, (size_t)count * sizeof *g->found) == 0)
      return ATT_OK;
  }
  return add_state(g, g->found, count, at, out);
}

static void begin_state(att_grammar *g) {
  g->found_count = g->left_count = 0;
  g->ends = false;
}

static att_status step(att_grammar *g, int32_t from, unsigned char byte, int32_t *out) {
  *out = g->states[from].after[byte];
  if (*out != UNKNOWN) return ATT_OK;
  begin_state(g);
  for (int32_t i = 0; i < g->states[from].count; i++) {
    place at = g->states[from].places[i];
    const att_node *node = &g->automaton.nodes[at.node];
    if (byte >= node->low && byte <= node->high) ATT_TRY(find(g, node->next, at.stack));
  }
  ATT_TRY(close_state(g, out));
  g->states[from].after[byte] = *out;
  return ATT_OK;
}

/* ---- masks ---------------------------------------------------------------------------------------------------- */

/* Marks the tokens whose bytes lead from a state to another: a walk through the tree. Tokens are at most as deep as
 * they are long; longer ones than 255 bytes may not come. */
static att_status mark(att_grammar *g, int32_t from, uint64_t *mask) {
  const att_token_trie *t = g->trie;
  struct {
    int32_t node, state;
  } path[256];
  int depth = 0;
  path[0].node = t->nodes[0].child;
  path[0].state = from;
  while (depth >= 0) {
    int32_t node = path[depth].node, after;
    if (!node) {
      depth--;
      continue;
    }
    path[depth].node = t->nodes[node].sibling;
    ATT_TRY(step(g, path[depth].state, t->nodes[node].byte, &after));
    if (after == DEAD) continue;
    for (int32_t token = t->nodes[node].token; token >= 0; token = t->same[token])
      mask[token >> 6] |= (uint64_t)1 << (token & 63);
    if (depth == 255) continue;
    depth++;
    path[depth].node = t->nodes[node].child;
    path[depth].state = after;
  }
  return ATT_OK;
}

static att_status follow(att_grammar *g, const char *bytes, size_t size, int32_t *at) {
  for (size_t i = 0; i < size && *at != DEAD; i++) ATT_TRY(step(g, *at, (unsigned char)bytes[i], at));
  return ATT_OK;
}

att_status att_grammar_allowed(att_grammar *g, const int32_t *tokens, int64_t count, const uint64_t **mask,
                               bool *ends) {
  int32_t at = g->begin;
  *mask = NULL;
  *ends = false;
  for (int64_t i = 0; i < count && at != DEAD; i++) {
    size_t size;
    const char *bytes = att_token_trie_bytes(g->trie, tokens[i], &size);
    ATT_TRY(follow(g, bytes, size, &at));
    if (size == 0) at = DEAD; /* a special token is no text that fits */
  }
  if (at == DEAD) return ATT_OK;
  *ends = g->states[at].ends;
  if (!g->states[at].mask) {
    uint64_t *made = ATT_NEW(g->ctx, (g->trie->tokens + 63) / 64, uint64_t);
    if (!made) return ATT_MEMORY;
    att_status status = mark(g, at, made);
    if (status) {
      att_free(g->ctx, made);
      return status;
    }
    g->states[at].mask = made;
  }
  *mask = g->states[at].mask;
  return ATT_OK;
}

/* ---- making and freeing --------------------------------------------------------------------------------------- */

static att_status init(att_grammar *g, const char *text) {
  ATT_TRY(att_gbnf_compile(g->ctx, text, &g->automaton));
  g->frame_room = g->state_room = 64;
  g->frames = ATT_NEW(g->ctx, g->frame_room, frame);
  g->states = ATT_NEW(g->ctx, g->state_room, state);
  g->found = ATT_NEW(g->ctx, MOST_PLACES, place);
  g->left = ATT_NEW(g->ctx, MOST_PLACES, place);
  if (!g->frames || !g->states || !g->found || !g->left) return ATT_MEMORY;
  g->frame_count = 1;
  ATT_TRY(make_table(g->ctx, &g->frame_table, 1 << 17));
  ATT_TRY(make_table(g->ctx, &g->state_table, 1 << 16));
  begin_state(g);
  ATT_TRY(find(g, g->automaton.entries[g->automaton.root], 0));
  ATT_TRY(close_state(g, &g->begin));
  return g->begin == DEAD ? att_fail(g->ctx, ATT_ARGUMENT, "no text fits the grammar") : ATT_OK;
}

att_status att_grammar_new(att_context *ctx, const att_token_trie *trie, const char *text, att_grammar **out) {
  *out = NULL;
  att_grammar *g = ATT_NEW(ctx, 1, att_grammar);
  if (!g) return ATT_MEMORY;
  g->ctx = ctx;
  g->trie = trie;
  att_status status = init(g, text);
  if (status) {
    att_grammar_free(g);
  } else {
    *out = g;
  }
  return status;
}

att_status att_grammar_new_schema(att_context *ctx, const att_token_trie *trie, const char *text, att_grammar **out) {
  att_buffer gbnf = {0};
  *out = NULL;
  att_status status = att_json_schema_grammar(ctx, text, &gbnf);
  if (!status) status = att_grammar_new(ctx, trie, gbnf.data, out);
  att_buffer_free(ctx, &gbnf);
  return status;
}

void att_grammar_free(att_grammar *g) {
  if (!g) return;
  att_context *ctx = g->ctx;
  for (int32_t i = 0; i < g->state_count; i++) {
    att_free(ctx, g->states[i].places);
    att_free(ctx, g->states[i].after);
    att_free(ctx, g->states[i].mask);
  }
  att_free(ctx, g->states);
  att_free(ctx, g->frames);
  att_free(ctx, g->found);
  att_free(ctx, g->left);
  att_free(ctx, g->frame_table.slots);
  att_free(ctx, g->state_table.slots);
  att_free(ctx, g->automaton.nodes);
  att_free(ctx, g);
}
