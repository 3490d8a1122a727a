/* Owns the sequences, their tables and sources, and a pass over new tokens. See session.h. */
#include "decode/session.h"

#include "decode/rows.h"

#include <string.h>

#define ATT_PIECE 256 /* tokens that are read again together: bounds what that needs beside the cache */
/* Tokens that may be cut back without being read again where layers see a window: a model's guesses that were wrong, or
 * the end of an answer that the next prompt has otherwise. */
#define ATT_CUT_BACK 32

typedef struct source {
  int32_t *rows; /* [count] of what is kept of it */
  int64_t count;
  int32_t uses; /* sequences behind it; 0: free */
} source;

typedef struct sequence {
  int32_t *table; /* [room] rows of its tokens; stays for the next one that takes this place */
  int32_t *local; /* [room] those in layers that see a window, of the tokens from `held` on; stays likewise */
  int64_t length, room, held;
  int64_t read_as; /* the length of text that its rows were made for */
  int64_t ahead;   /* guesses that were read: their rows stand in the table behind the sequence's own */
  int32_t source;  /* or -1 */
  int32_t next;    /* of a free place: the next one, or -1 */
} sequence;

struct att_session {
  att_model *model;
  att_cache_shape shape;
  att_type type; /* of self and local */
  bool aligned;
  /* Of layers that see all (and of the tokens, where there is none), that see a window, of sources. Whoever holds a row
   * of `local` holds the same token's of `self`, so the limit of that suffices. */
  att_rows self, local, cross;
  void **data;                 /* [layers] the rows of self and local as layers stand */
  int32_t *tokens, *alignment; /* [noted] of each row of self */
  int64_t noted;
  sequence *sequences; /* [sequence_count] */
  source *sources;     /* [source_count] */
  int32_t sequence_count, source_count;
  int32_t free; /* the first free place of sequences, or -1 */
};

/* ---- making and freeing --------------------------------------------------------------------------------------- */

static att_status init(att_session *s, int64_t most) {
  att_context *ctx = s->model->ctx;
  att_model_cache_shape(s->model, &s->shape);
  if (s->shape.layers == 0) return att_fail(ctx, ATT_UNSUPPORTED, "this model has no decoder that goes step by step");
  if (s->shape.head_size == 0) s->type = ATT_F32;
  if (s->shape.head_size % att_type_block(s->type)) {
    return att_fail(ctx, ATT_UNSUPPORTED,
                    "a cache of %s needs heads of a multiple of %d columns, this model's have %lld",
                    att_type_name(s->type), (int)att_type_block(s->type), (long long)s->shape.head_size);
  }
  if (most <= 0 || most > INT32_MAX) most = INT32_MAX;
  size_t cross = (size_t)s->shape.cross_width * sizeof(float), self = att_type_bytes(s->type, s->shape.self_width);
  int64_t local = 0;
  for (int64_t i = 0; s->shape.local && i < s->shape.layers; i++) local += s->shape.local[i];
  s->data = ATT_NEW(ctx, s->shape.layers, void *);
  if (!s->data) return ATT_MEMORY;
  ATT_TRY(att_rows_init(&s->self, ctx, s->shape.layers - local, self, most));
  ATT_TRY(att_rows_init(&s->local, ctx, local, self, INT32_MAX));
  return att_rows_init(&s->cross, ctx, s->shape.cross_layers, cross, most);
}

att_status att_session_new(att_model *model, int64_t most_rows, att_session **out) {
  return att_session_new_typed(model, most_rows, ATT_F32, out);
}

att_status att_session_new_typed(att_model *model, int64_t most_rows, att_type type, att_session **out) {
  *out = NULL;
  att_session *s = ATT_NEW(model->ctx, 1, att_session);
  if (!s) return ATT_MEMORY;
  s->model = model;
  s->type = type;
  s->free = -1;
  att_status status = init(s, most_rows);
  if (status) {
    att_session_free(s);
  } else {
    *out = s;
  }
  return status;
}

void att_session_free(att_session *s) {
  if (!s) return;
  att_context *ctx = s->model->ctx;
  for (int32_t i = 0; i < s->sequence_count; i++) {
    att_free(ctx, s->sequences[i].table);
    att_free(ctx, s->sequences[i].local);
  }
  for (int32_t i = 0; i < s->source_count; i++) att_free(ctx, s->sources[i].rows);
  att_rows_free(&s->self, ctx);
  att_rows_free(&s->local, ctx);
  att_rows_free(&s->cross, ctx);
  att_free(ctx, s->data);
  att_free(ctx, s->sequences);
  att_free(ctx, s->sources);
  att_free(ctx, s->tokens);
  att_free(ctx, s->alignment);
  att_free(ctx, s);
}

bool att_session_align(att_session *s) { return s->aligned = s->shape.alignment_heads > 0; }

/* Not where what a token leaves in the cache goes by the length of the text. */
bool att_session_reads_ahead(const att_session *s) {
  return s->shape.head_size > 0 && att_model_goes_on(s->model, 1, s->model->config.max_position_embeddings);
}

/* ---- sequences ------------------------------------------------------------------------------------------------ */

static att_status more_places(att_session *s) {
  int32_t first = s->sequence_count, count = first ? 2 * first : 16;
  sequence *grown = att_resize(s->model->ctx, s->sequences, (size_t)count, sizeof *grown);
  if (!grown) return ATT_MEMORY;
  s->sequences = grown;
  s->sequence_count = count;
  for (int32_t i = count - 1; i >= first; i--) {
    grown[i] = (sequence){.next = s->free};
    s->free = i;
  }
  return ATT_OK;
}

static att_status take_sequence(att_session *s, int32_t *out) {
  if (s->free < 0) ATT_TRY(more_places(s));
  sequence *q = &s->sequences[ *out = s->free];
  s->free = q->next;
  q->length = q->held = q->ahead = q->read_as = 0;
  q->source = -1;
  return ATT_OK;
}

static att_status table_room(att_session *s, sequence *q, int64_t length) {
  if (length <= q->room) return ATT_OK;
  int64_t room = q->room < 32 ? 64 : 2 * q->room;
  if (room < length) room = length;
  int32_t *table = att_resize(s->model->ctx, q->table, (size_t)room, sizeof *table);
  if (!table) return ATT_MEMORY;
  q->table = table;
  if (s->shape.window) {
    int32_t *local = att_resize(s->model->ctx, q->local, (size_t)room, sizeof *local);
    if (!local) return ATT_MEMORY;
    q->local = local;
  }
  q->room = room;
  return ATT_OK;
}

att_status att_session_add(att_session *s, int32_t *number) {
  if (s->shape.cross_width == 0) return take_sequence(s, number);
  return att_fail(s->model->ctx, ATT_ARGUMENT, "a sequence of an encoder-decoder needs a source");
}

att_status att_session_fork(att_session *s, int32_t from, int64_t length, int32_t *fork) {
  ATT_TRY(take_sequence(s, fork));
  sequence *q = &s->sequences[*fork], *parent = &s->sequences[from];
  att_status status = table_room(s, q, length);
  if (status) {
    att_session_drop(s, *fork);
    return status;
  }
  if (length) memcpy(q->table, parent->table, (size_t)length * sizeof *q->table);
  for (int64_t i = 0; i < length; i++) att_rows_share(&s->self, q->table[i]);
  q->length = length;
  q->held = parent->held < length ? parent->held : length;
  for (int64_t i = q->held; s->shape.window && i < length; i++)
    att_rows_share(&s->local, q->local[i] = parent->local[i]);
  q->read_as = parent->read_as;
  q->source = parent->source;
  if (q->source >= 0) s->sources[q->source].uses++;
  return ATT_OK;
}

void att_session_accept(att_session *s, int32_t number) {
  s->sequences[number].length++;
  s->sequences[number].ahead--;
}

static void release(att_session *s, const sequence *q, int64_t token) {
  att_rows_release(&s->self, q->table[token]);
  if (s->shape.window && token >= q->held) att_rows_release(&s->local, q->local[token]);
}

static void forget_guesses(att_session *s, sequence *q) {
  while (q->ahead) release(s, q, q->length + --q->ahead);
}

void att_session_cut(att_session *s, int32_t number, int64_t length) {
  sequence *q = &s->sequences[number];
  forget_guesses(s, q);
  while (q->length > length) release(s, q, --q->length);
  if (q->held > length) q->held = length;
}

/* The first token that layers with a window see from the one behind `length` tokens. */
static int64_t first_seen(const att_session *s, int64_t length) {
  int64_t first = s->shape.window ? length + 1 - s->shape.window : 0;
  return first > 0 ? first : 0;
}

bool att_session_goes_back(const att_session *s, int32_t number, int64_t length) {
  return length == 0 || s->sequences[number].held <= first_seen(s, length);
}

bool att_session_has_windows(const att_session *s) { return s->shape.window > 0; }

/* What the window has left behind. */
static void leave_behind(att_session *s, sequence *q) {
  int64_t end = first_seen(s, q->length) - ATT_CUT_BACK;
  while (q->held < end) att_rows_release(&s->local, q->local[q->held++]);
}

static void drop_source(att_session *s, int32_t number) {
  source *from = &s->sources[number];
  if (--from->uses > 0) return;
  for (int64_t i = from->count - 1; i >= 0; i--) att_rows_release(&s->cross, from->rows[i]);
  att_free(s->model->ctx, from->rows);
  *from = (source){0};
}

void att_session_drop(att_session *s, int32_t number) {
  sequence *q = &s->sequences[number];
  att_session_cut(s, number, 0);
  if (q->source >= 0) drop_source(s, q->source);
  q->next = s->free;
  s->free = number;
}

att_model *att_session_model(const att_session *s) { return s->model; }

int64_t att_session_length(const att_session *s, int32_t number) { return s->sequences[number].length; }

void att_session_tokens(const att_session *s, int32_t number, int64_t first, int64_t count, int32_t *tokens) {
  const int32_t *table = s->sequences[number].table + first;
  for (int64_t i = 0; i < count; i++) tokens[i] = s->tokens[table[i]];
}

void att_session_alignment(const att_session *s, int32_t number, int64_t first, int64_t count, int32_t *alignment) {
  const int32_t *table = s->sequences[number].table + first;
  for (int64_t i = 0; i < count; i++) alignment[i] = s->alignment[table[i]];
}

int64_t att_session_common(const att_session *s, int32_t number, const int32_t *tokens, int64_t count) {
  const sequence *q = &s->sequences[number];
  int64_t common = 0;
  if (count > q->length) count = q->length;
  while (common < count && s->tokens[q->table[common]] == tokens[common]) common++;
  return common;
}

att_session_use att_session_used(const att_session *s) {
  return (att_session_use){att_rows_used(&s->self), att_rows_used(&s->local), att_rows_used(&s->cross),
                           att_rows_bytes(&s->self) + att_rows_bytes(&s->local) + att_rows_bytes(&s->cross)};
}

/* ---- sources -------------------------------------------------------------------------------------------------- */

/* A sequence behind a source of `count` tokens, whose rows are still to be filled. */
static att_status add_source(att_session *s, int64_t count, int32_t *number) {
  int32_t at = 0;
  while (at < s->source_count && s->sources[at].uses) at++;
  if (at == s->source_count) {
    int32_t places = at ? 2 * at : 16;
    source *grown = att_resize(s->model->ctx, s->sources, (size_t)places, sizeof *grown);
    if (!grown) return ATT_MEMORY;
    memset(grown + at, 0, (size_t)(places - at) * sizeof *grown);
    s->sources = grown;
    s->source_count = places;
  }
  int32_t *rows = ATT_NEW(s->model->ctx, count, int32_t);
  att_status status = rows ? take_sequence(s, number) : ATT_MEMORY;
  if (status) {
    att_free(s->model->ctx, rows);
    return status;
  }
  for (int64_t i = 0; i < count; i++) rows[i] = att_rows_take(&s->cross);
  s->sources[at] = (source){rows, count, 1};
  s->sequences[*number].source = at;
  return ATT_OK;
}

/* What the cache keeps of the memory, in the rows of the sequences' sources. */
static att_status fill_sources(att_session *s, att_run *run, const att_memory *memory, const int32_t *sequences) {
  const int64_t *start = memory->sequences.start;
  int32_t *rows = ATT_ARENA_NEW(run->arena, start[memory->sequences.count], int32_t);
  if (!rows) return ATT_MEMORY;
  for (int64_t i = 0; i < memory->sequences.count; i++) {
    const source *from = &s->sources[s->sequences[sequences[i]].source];
    if (from->count) memcpy(rows + start[i], from->rows, (size_t)from->count * sizeof *rows);
  }
  return att_model_cross(run, s->model, memory, rows, s->cross.data);
}

/* As many rows of each source as the encoder made of it. */
static att_status take_memory(att_session *s, att_run *run, const att_memory *memory, int32_t *sequences) {
  const int64_t *start = memory->sequences.start;
  int64_t count = memory->sequences.count, added = 0;
  att_status status = att_rows_reserve(&s->cross, run->ctx, start[count]);
  while (status == ATT_OK && added < count) {
    status = add_source(s, start[added + 1] - start[added], &sequences[added]);
    added += status == ATT_OK;
  }
  if (status == ATT_OK) status = fill_sources(s, run, memory, sequences);
  for (int64_t i = 0; status && i < added; i++) att_session_drop(s, sequences[i]);
  return status;
}

att_status att_session_add_memory(att_session *s, att_arena *arena, const att_memory *memory, int32_t *sequences) {
  att_run run = {.ctx = s->model->ctx, .arena = arena};
  att_arena_mark mark = att_arena_save(arena);
  att_status status = take_memory(s, &run, memory, sequences);
  att_arena_restore(arena, mark);
  return status;
}

att_status att_session_add_sources(att_session *s, att_arena *arena, const att_input *sources, int32_t *sequences) {
  att_run run = {.ctx = s->model->ctx, .arena = arena};
  att_memory memory;
  if (att_is_interrupted(run.ctx)) return att_fail(run.ctx, ATT_INTERRUPTED, "interrupted");
  att_arena_mark mark = att_arena_save(arena);
  att_status status = att_model_encode(&run, s->model, sources, NULL, NULL, &memory);
  if (!status) status = take_memory(s, &run, &memory, sequences);
  att_arena_restore(arena, mark);
  return status;
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

/* Where a pass puts what it makes. For the model each guess is a sequence of its own, with one new token behind what
 * the guesses before it leave: it then goes through the same sums as if it were read alone. */
typedef struct pass {
  int64_t count, rows;                    /* readings and guesses; tokens */
  int32_t *ids;                           /* [rows] */
  int64_t *start;                         /* [count + 1] */
  int64_t *counts, *source_counts;        /* [count] */
  int64_t *lengths;                       /* [count] as what they are read */
  const int32_t **tables, **local_tables; /* [count] */
  const int32_t **source_tables;          /* [count] */
  float **probs;                          /* [count] of the last layer's cross-attention; NULL: not wanted */
} pass;

static bool is_local(const att_session *s, int64_t layer) { return s->shape.local && s->shape.local[layer]; }

/* Also where growing failed, for some layers' rows may lie elsewhere by then. */
static void find_layers(att_session *s) {
  void **all = s->self.data, **local = s->local.data;
  for (int64_t i = 0; i < s->shape.layers; i++) s->data[i] = is_local(s, i) ? *local++ : *all++;
}

/* Rows, and what is noted of them. */
static att_status more_rows(att_session *s, int64_t count) {
  att_context *ctx = s->model->ctx;
  att_status status = att_rows_reserve(&s->self, ctx, count);
  if (!status && s->shape.window) status = att_rows_reserve(&s->local, ctx, count);
  find_layers(s);
  if (status) return status;
  if (s->noted < s->self.room) {
    int32_t *tokens = att_resize(ctx, s->tokens, (size_t)s->self.room, sizeof *tokens);
    if (!tokens) return ATT_MEMORY;
    s->tokens = tokens;
    int32_t *alignment = att_resize(ctx, s->alignment, (size_t)s->self.room, sizeof *alignment);
    if (!alignment) return ATT_MEMORY;
    s->alignment = alignment;
    s->noted = s->self.room;
  }
  return ATT_OK;
}

/* All that can fail before anything changes. */
static att_status make_room(att_session *s, const att_reading *readings, int64_t count, const pass *p) {
  ATT_TRY(more_rows(s, p->rows));
  for (int64_t i = 0; i < count; i++) {
    sequence *q = &s->sequences[readings[i].sequence];
    ATT_TRY(table_room(s, q, q->length + readings[i].count + readings[i].guesses));
  }
  return ATT_OK;
}

static att_status begin_pass(att_session *s, att_arena *arena, const att_reading *readings, int64_t count, pass *p) {
  for (int64_t i = 0; i < count; i++) {
    p->count += 1 + readings[i].guesses;
    p->rows += readings[i].count + readings[i].guesses;
    forget_guesses(s, &s->sequences[readings[i].sequence]);
  }
  p->start = ATT_ARENA_NEW(arena, p->count + 1, int64_t);
  p->ids = ATT_ARENA_NEW(arena, p->rows, int32_t);
  p->counts = ATT_ARENA_NEW(arena, p->count, int64_t);
  p->lengths = ATT_ARENA_NEW(arena, p->count, int64_t);
  p->source_counts = ATT_ARENA_NEW(arena, p->count, int64_t);
  p->tables = ATT_ARENA_NEW(arena, p->count, const int32_t *);
  p->local_tables = ATT_ARENA_NEW(arena, p->count, const int32_t *);
  p->source_tables = ATT_ARENA_NEW(arena, p->count, const int32_t *);
  if (!p->start || !p->ids || !p->counts || !p->lengths || !p->source_counts) return ATT_MEMORY;
  if (!p->tables || !p->local_tables || !p->source_tables) return ATT_MEMORY;
  return make_room(s, readings, count, p);
}

static void take_rows(att_session *s, sequence *q, int64_t token, int32_t id) {
  int32_t row = q->table[token] = att_rows_take(&s->self);
  s->tokens[row] = id;
  s->alignment[row] = -1;
  if (s->shape.window && token >= q->held) q->local[token] = att_rows_take(&s->local);
}

/* Each new token gets its rows. at: where the pass has the first of them. */
static void append(att_session *s, pass *p, const att_reading *reading, int64_t at) {
  sequence *q = &s->sequences[reading->sequence];
  int64_t count = reading->count + reading->guesses;
  memcpy(p->ids + p->start[at], reading->tokens, (size_t)count * sizeof *p->ids);
  for (int64_t j = 0; j < count; j++) take_rows(s, q, q->length + j, reading->tokens[j]);
  q->length += reading->count;
  q->ahead = reading->guesses;
  for (int64_t j = 0; j <= reading->guesses; j++, at++) {
    p->start[at + 1] = p->start[at] + (j ? 1 : reading->count);
    p->tables[at] = q->table;
    p->local_tables[at] = q->local;
    p->counts[at] = q->length + j;
    p->lengths[at] = reading->length && !j ? reading->length : q->length + j;
    if (q->source < 0) continue;
    p->source_tables[at] = s->sources[q->source].rows;
    p->source_counts[at] = s->sources[q->source].count;
  }
}

static att_status make_probs(att_session *s, att_arena *arena, pass *p, att_maps *maps) {
  int64_t layers = s->shape.layers;
  float *const **of_layers = ATT_ARENA_NEW(arena, layers, float *const *);
  p->probs = ATT_ARENA_NEW(arena, p->count, float *);
  if (!of_layers || !p->probs) return ATT_MEMORY;
  for (int64_t i = 0; i < layers; i++) of_layers[i] = NULL;
  of_layers[layers - 1] = p->probs;
  for (int64_t i = 0; i < p->count; i++) {
    int64_t fresh = p->start[i + 1] - p->start[i];
    p->probs[i] = ATT_ARENA_NEW(arena, s->shape.alignment_heads * fresh * p->source_counts[i], float);
    if (!p->probs[i]) return ATT_MEMORY;
  }
  maps->cross = of_layers;
  return ATT_OK;
}

/* probs: of one query's first head, `next` floats before that of the next head. */
static int32_t most_attended(const float *probs, int64_t next, int64_t heads, int64_t keys) {
  int32_t best = 0;
  float most = -1.0f;
  for (int64_t j = 0; j < keys; j++) {
    float sum = 0.0f;
    for (int64_t h = 0; h < heads; h++) sum += probs[h * next + j];
    if (sum > most) {
      most = sum;
      best = (int32_t)j;
    }
  }
  return best;
}

static void keep_alignment(att_session *s, const pass *p) {
  for (int64_t i = 0; i < p->count; i++) {
    int64_t fresh = p->start[i + 1] - p->start[i], keys = p->source_counts[i];
    const int32_t *rows = p->tables[i] + p->counts[i] - fresh;
    for (int64_t t = 0; t < fresh; t++)
      s->alignment[rows[t]] = most_attended(p->probs[i] + t * keys, fresh * keys, s->shape.alignment_heads, keys);
  }
}

/* Logits after the last token of each sequence that the pass has. */
static att_status last_logits(att_session *s, att_run *run, const pass *p, const att_tensor *hidden,
                              const att_cache *cache, float **out) {
  att_hidden last = {.rows = *hidden, .cache = cache};
  att_tensor logits;
  int32_t *rows = ATT_ARENA_NEW(run->arena, p->count, int32_t);
  int64_t *start = ATT_ARENA_NEW(run->arena, p->count + 1, int64_t);
  if (!rows || !start) return ATT_MEMORY;
  for (int64_t i = 0; i <= p->count; i++) start[i] = i;
  last.sequences = (att_sequences){p->count, start};
  for (int64_t i = 0; i < p->count; i++) rows[i] = (int32_t)(p->start[i + 1] - 1);
  if (p->rows > p->count) ATT_TRY(att_op_rows(run, hidden, rows, p->count, &last.rows));
  ATT_TRY(att_head_logits(run, s->model, &last, &logits));
  *out = logits.data;
  return ATT_OK;
}

static att_status run_pass(att_session *s, att_arena *arena, pass *p, float **logits) {
  att_run run = {.ctx = s->model->ctx, .arena = arena};
  att_maps maps = {0};
  if (s->aligned) ATT_TRY(make_probs(s, arena, p, &maps));
  att_input input = {.ids = p->ids, .sequences = {p->count, p->start}};
  att_cache cache = {.self = s->data,
                     .self_type = s->type,
                     .cross = s->cross.data,
                     .self_rows = p->tables,
                     .self_counts = p->counts,
                     .local_rows = p->local_tables,
                     .cross_rows = p->source_tables,
                     .cross_counts = p->source_counts,
                     .lengths = p->lengths};
  att_tensor hidden;
  ATT_TRY(att_model_step(&run, s->model, &input, &cache, &maps, &hidden));
  if (s->aligned) keep_alignment(s, p);
  return logits ? last_logits(s, &run, p, &hidden, &cache, logits) : ATT_OK;
}

/* The sequence's tokens read into rows of their own, as a text of that length, in pieces. Rows that it shared it shares
 * no more, and the limit, which counts those once, grows by them. */
static att_status read_again(att_session *s, att_arena *arena, int32_t number, int64_t length) {
  int64_t count = s->sequences[number].length, piece;
  int32_t *tokens = ATT_ARENA_NEW(arena, count, int32_t), fresh;
  if (!tokens) return ATT_MEMORY;
  att_session_tokens(s, number, 0, count, tokens);
  ATT_TRY(att_session_fork(s, number, 0, &fresh));
  int64_t most = s->self.most;
  int64_t used = att_rows_used(&s->self);
  s->self.most = most < INT32_MAX - count ? most + count : INT32_MAX;
  att_status status = ATT_OK;
  for (int64_t done = 0; !status && done < count; done += piece) {
    att_arena_mark mark = att_arena_save(arena);
    piece = count - done < ATT_PIECE ? count - done : ATT_PIECE;
    status = att_session_step(
        s, arena, &(att_reading){.sequence = fresh, .tokens = tokens + done, .count = piece, .length = length}, 1,
        NULL);
    att_arena_restore(arena, mark);
  }
  if (!status) {
    sequence old = s->sequences[number];
    s->sequences[number] = s->sequences[fresh];
    s->sequences[fresh] = old;
  }
  att_session_drop(s, fresh);
  s->self.most = most + (status ? 0 : att_rows_used(&s->self) - used);
  if (s->self.most > INT32_MAX) s->self.most = INT32_MAX;
  return status;
}

/* What the sequence has read is fit to go on from. */
static att_status make_ready(att_session *s, att_arena *arena, const att_reading *reading) {
  const sequence *q = &s->sequences[reading->sequence];
  int64_t length = reading->length ? reading->length : q->length + reading->count;
  if (q->length == 0) return ATT_OK;
  if (att_session_goes_back(s, reading->sequence, q->length) && att_model_goes_on(s->model, q->read_as, length))
    return ATT_OK;
  return read_again(s, arena, reading->sequence, length);
}

att_status att_session_step(att_session *s, att_arena *arena, const att_reading *readings, int64_t count,
                            float **logits) {
  pass p = {0};
  if (att_is_interrupted(s->model->ctx)) return att_fail(s->model->ctx, ATT_INTERRUPTED, "interrupted");
  for (int64_t i = 0; i < count; i++) ATT_TRY(make_ready(s, arena, &readings[i]));
  ATT_TRY(begin_pass(s, arena, readings, count, &p));
  p.start[0] = 0;
  for (int64_t i = 0, at = 0; i < count; at += 1 + readings[i++].guesses) append(s, &p, &readings[i], at);
  att_status status = run_pass(s, arena, &p, logits);
  for (int64_t i = 0; status && i < count; i++)
    att_session_cut(s, readings[i].sequence, s->sequences[readings[i].sequence].length - readings[i].count);
  for (int64_t i = 0; !status && i < count; i++) {
    sequence *q = &s->sequences[readings[i].sequence];
    q->read_as = readings[i].length ? readings[i].length : q->length;
    leave_behind(s, q);
  }
  return status;
}

/* ---- rows from elsewhere -------------------------------------------------------------------------------------- */

att_session_layout att_session_layout_of(const att_session *s) {
  return (att_session_layout){s->shape.layers, s->shape.local, s->type, s->self.size};
}

int64_t att_session_held(const att_session *s, int32_t number) { return s->sequences[number].held; }

void att_session_get_rows(const att_session *s, int32_t number, int64_t layer, int64_t first, int64_t count,
                          void *out) {
  const sequence *q = &s->sequences[number];
  const int32_t *table = (is_local(s, layer) ? q->local : q->table) + first;
  const char *rows = s->data[layer];
  for (int64_t i = 0; i < count; i++)
    memcpy((char *)out + (size_t)i * s->self.size, rows + (size_t)table[i] * s->self.size, s->self.size);
}

att_status att_session_add_rows(att_session *s, const int32_t *tokens, int64_t count, int64_t held,
                                const void *const *rows, int32_t *number) {
  ATT_TRY(more_rows(s, count));
  ATT_TRY(att_session_add(s, number));
  sequence *q = &s->sequences[*number];
  att_status status = table_room(s, q, count);
  if (status) {
    att_session_drop(s, *number);
    return status;
  }
  size_t size = s->self.size;
  q->held = held;
  for (; q->length < count; q->length++) {
    int64_t i = q->length;
    take_rows(s, q, i, tokens[i]);
    for (int64_t l = 0; l < s->shape.layers; l++) {
      bool local = is_local(s, l);
      if (local && i < held) continue;
      memcpy((char *)s->data[l] + (size_t)(local ? q->local : q->table)[i] * size,
             (const char *)rows[l] + (size_t)(local ? i - held : i) * size, size);
    }
  }
  leave_behind(s, q);
  return ATT_OK;
}
