/* Owns the session's memory, its tables of ancestry, and one step of the decoder. See session.h. */
#include "decode/session.h"

#include <string.h>

/* Steps beyond the longest source, or the past, that a session makes room for at first. */
#define ATT_FIRST_ROOM 16
/* Rows of the past that are read together: bounds what that needs beside the cache. */
#define ATT_PAST_PIECE 256

static att_status encode_sources(att_session *s, const att_input *input) {
  att_arena *arena = s->run.arena;
  att_memory memory;
  ATT_TRY(att_model_encode(&s->run, s->model, input, NULL, NULL, &memory));
  att_sequences sources = memory.sequences;
  int64_t rows = sources.start[sources.count];
  int32_t *identity = ATT_ARENA_NEW(arena, rows, int32_t);
  s->source_rows = ATT_ARENA_NEW(arena, sources.count, const int32_t *);
  s->source_counts = ATT_ARENA_NEW(arena, sources.count, int64_t);
  s->cross = ATT_ARENA_NEW(arena, s->shape.layers, float *);
  if (!identity || !s->source_rows || !s->source_counts || !s->cross) return ATT_MEMORY;
  for (int64_t i = 0; i < rows; i++) identity[i] = (int32_t)i;
  s->source_ids = input->ids;
  for (int64_t i = 0; i < sources.count; i++) {
    s->source_rows[i] = identity + sources.start[i];
    s->source_counts[i] = sources.start[i + 1] - sources.start[i];
  }
  for (int64_t i = 0; i < s->shape.layers; i++) {
    s->cross[i] = ATT_ARENA_NEW(arena, rows * s->shape.cross_width, float);
    if (!s->cross[i]) return ATT_MEMORY;
  }
  return att_model_cross(&s->run, s->model, &memory, s->cross);
}

static att_status make_step_arrays(att_session *s, bool alignment) {
  att_arena *arena = s->run.arena;
  s->source = ATT_ARENA_NEW(arena, s->most, int32_t);
  s->spare_source = ATT_ARENA_NEW(arena, s->most, int32_t);
  s->start = ATT_ARENA_NEW(arena, s->most + 1, int64_t);
  s->self_counts = ATT_ARENA_NEW(arena, s->most, int64_t);
  s->cross_counts = ATT_ARENA_NEW(arena, s->most, int64_t);
  s->self_rows = ATT_ARENA_NEW(arena, s->most, const int32_t *);
  s->cross_rows = ATT_ARENA_NEW(arena, s->most, const int32_t *);
  s->self = ATT_ARENA_NEW(arena, s->shape.layers, float *);
  if (!s->source || !s->spare_source || !s->start || !s->self_counts || !s->cross_counts || !s->self_rows ||
      !s->cross_rows || !s->self) {
    return ATT_MEMORY;
  }
  for (int64_t i = 0; i <= s->most; i++) s->start[i] = i;
  if (!alignment || s->shape.alignment_heads == 0) return ATT_OK;
  s->last_probs = ATT_ARENA_NEW(arena, s->most, float *);
  return s->last_probs ? ATT_OK : ATT_MEMORY;
}

/* Moves `used` items of an array into a larger one. What the old one took stays in the arena: with doubling, no more
 * than the new one. */
static att_status grow(att_session *s, void *array, int64_t used, int64_t room, size_t size) {
  void *larger = att_arena_alloc(s->run.arena, (size_t)room, size), *old;
  if (!larger) return ATT_MEMORY;
  memcpy(&old, array, sizeof old);
  if (used) memcpy(larger, old, (size_t)used * size);
  memcpy(array, &larger, sizeof larger);
  return ATT_OK;
}

static att_status make_room(att_session *s, int64_t room) {
  if (room > s->most_steps) room = s->most_steps;
  if (s->most > INT32_MAX / room) {
    return att_fail(s->run.ctx, ATT_MEMORY, "no memory for %lld hypotheses of %lld tokens: use smaller batches",
                    (long long)s->most, (long long)room);
  }
  int64_t rows = s->past + s->most * (room - s->past), before = s->room;
  int32_t *table = s->table;
  for (int64_t i = 0; i < s->shape.layers; i++) {
    ATT_TRY(grow(s, &s->self[i], s->rows, rows, (size_t)s->shape.self_width * sizeof(float)));
  }
  ATT_TRY(grow(s, &s->row_token, s->rows, rows, sizeof(int32_t)));
  ATT_TRY(grow(s, &s->row_before, s->rows, rows, sizeof(int32_t)));
  if (s->last_probs) ATT_TRY(grow(s, &s->row_alignment, s->rows, rows, sizeof(int32_t)));
  ATT_TRY(grow(s, &s->spare_table, 0, s->most * room, sizeof(int32_t)));
  ATT_TRY(grow(s, &s->table, 0, s->most * room, sizeof(int32_t)));
  for (int64_t i = 0; i < s->running; i++) {
    memcpy(s->table + i * room, table + i * before, (size_t)s->steps * sizeof *table);
  }
  s->room = room;
  return ATT_OK;
}

/* Reads tokens into a table's rows, in pieces; length: of the text with those that follow them at once. */
static att_status read_rows(att_session *s, const int32_t *table, const int32_t *tokens, int64_t count,
                            int64_t length) {
  att_arena_mark mark = att_arena_save(s->run.arena);
  for (int64_t done = 0, piece; done < count; done += piece) {
    if (s->run.ctx->interrupted) return att_fail(s->run.ctx, ATT_INTERRUPTED, "interrupted");
    piece = count - done < ATT_PAST_PIECE ? count - done : ATT_PAST_PIECE;
    int64_t start[] = {0, piece}, counts[] = {done + piece};
    att_cache cache = {.self = s->self, .self_rows = &table, .self_counts = counts, .lengths = &length};
    att_input input = {.ids = tokens + done, .sequences = {1, start}};
    att_tensor hidden;
    ATT_TRY(att_model_step(&s->run, s->model, &input, &cache, NULL, &hidden));
    att_arena_restore(s->run.arena, mark);
  }
  return ATT_OK;
}

/* The past as one sequence, whose rows come first. */
static att_status read_past(att_session *s, const int32_t *past) {
  int32_t *table = s->table;
  for (int64_t i = 0; i < s->past; i++) {
    table[i] = s->row_before[i] = (int32_t)i;
    s->row_before[i]--;
    s->row_token[i] = past[i];
  }
  ATT_TRY(read_rows(s, table, past, s->past, s->past + 1));
  s->rows = s->steps = s->past;
  return ATT_OK;
}

/* All that stands before the last step's tokens, into the rows where it is: what hypotheses share becomes the same. */
static att_status read_again(att_session *s) {
  int64_t count = s->steps - 1;
  int32_t *tokens = ATT_ARENA_NEW(s->run.arena, count, int32_t);
  if (!tokens) return ATT_MEMORY;
  for (int64_t i = 0; i < s->running; i++) {
    const int32_t *table = s->table + i * s->room;
    for (int64_t j = 0; j < count; j++) tokens[j] = s->row_token[table[j]];
    ATT_TRY(read_rows(s, table, tokens, count, s->steps));
  }
  return ATT_OK;
}

att_status att_session_new(att_model *model, att_arena *arena, const att_session_plan *plan, att_session **out) {
  att_session *s = ATT_ARENA_NEW(arena, 1, att_session);
  if (!s) return ATT_MEMORY;
  *s = (att_session){.model = model, .most = plan->most, .most_steps = plan->most_steps, .past = plan->past_count};
  s->run = (att_run){.ctx = model->ctx, .arena = arena};
  att_model_cache_shape(model, &s->shape);
  int64_t longest = s->past;
  if (plan->sources.sequences.count) ATT_TRY(encode_sources(s, &plan->sources));
  ATT_TRY(make_step_arrays(s, plan->alignment));
  for (int64_t i = 0; i < plan->sources.sequences.count; i++) {
    if (s->source_counts[i] > longest) longest = s->source_counts[i];
  }
  ATT_TRY(make_room(s, longest + ATT_FIRST_ROOM));
  ATT_TRY(read_past(s, plan->past));
  s->mark = att_arena_save(arena);
  *out = s;
  return ATT_OK;
}

/* Each new hypothesis takes its parent's table and source, and one row more; the first ones come after the past. */
static void follow_parents(att_session *s, const att_next *next, int64_t count) {
  int64_t first_parent = s->rows - s->running;
  bool first = s->steps == s->past;
  for (int64_t i = 0; i < count; i++) {
    int64_t parent = next[i].parent, row = s->rows + i;
    int32_t *table = s->spare_table + i * s->room;
    if (s->steps) memcpy(table, s->table + (first ? 0 : parent) * s->room, (size_t)s->steps * sizeof *table);
    table[s->steps] = (int32_t)row;
    s->spare_source[i] = first ? (int32_t)parent : s->source[parent];
    s->row_token[row] = next[i].token;
    s->row_before[row] = (int32_t)(first ? s->past - 1 : first_parent + parent);
  }
  int32_t *table = s->table, *source = s->source;
  s->table = s->spare_table;
  s->source = s->spare_source;
  s->spare_table = table;
  s->spare_source = source;
  s->running = count;
  s->rows += count;
  s->steps++;
}

static void point_at_rows(att_session *s) {
  for (int64_t i = 0; i < s->running; i++) {
    s->self_rows[i] = s->table + i * s->room;
    s->self_counts[i] = s->steps;
    if (!s->cross) continue;
    s->cross_rows[i] = s->source_rows[s->source[i]];
    s->cross_counts[i] = s->source_counts[s->source[i]];
  }
}

static att_status make_probs(att_session *s, att_maps *maps) {
  int64_t count = s->shape.layers;
  float *const **layers = ATT_ARENA_NEW(s->run.arena, count, float *const *);
  if (!layers) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) layers[i] = NULL;
  layers[count - 1] = s->last_probs;
  for (int64_t i = 0; i < s->running; i++) {
    s->last_probs[i] = ATT_ARENA_NEW(s->run.arena, s->shape.alignment_heads * s->cross_counts[i], float);
    if (!s->last_probs[i]) return ATT_MEMORY;
  }
  maps->cross = layers;
  return ATT_OK;
}

static int32_t most_attended(const float *probs, int64_t heads, int64_t keys) {
  int32_t best = 0;
  float most = -1.0f;
  for (int64_t j = 0; j < keys; j++) {
    float sum = 0.0f;
    for (int64_t h = 0; h < heads; h++) sum += probs[h * keys + j];
    if (sum > most) {
      most = sum;
      best = (int32_t)j;
    }
  }
  return best;
}

att_status att_session_step(att_session *s, const att_next *next, int64_t count, float **logits) {
  att_arena_restore(s->run.arena, s->mark);
  if (s->steps == s->room) {
    ATT_TRY(make_room(s, 2 * s->room));
    s->mark = att_arena_save(s->run.arena);
  }
  follow_parents(s, next, count);
  point_at_rows(s);
  bool first = s->steps == s->past + 1, anew = !first && !att_model_goes_on(s->model, s->steps - 1, s->steps);
  if (anew) ATT_TRY(read_again(s));
  att_maps maps = {0};
  if (s->last_probs) ATT_TRY(make_probs(s, &maps));
  att_cache cache = {.self = s->self,
                     .cross = s->cross,
                     .self_rows = s->self_rows,
                     .self_counts = s->self_counts,
                     .cross_rows = s->cross_rows,
                     .cross_counts = s->cross_counts,
                     .lengths = first || anew ? s->self_counts : NULL};
  const int32_t *ids = s->row_token + (s->rows - count);
  att_tensor hidden, scores;
  att_input input = {.ids = ids, .sequences = {count, s->start}};
  ATT_TRY(att_model_step(&s->run, s->model, &input, &cache, s->last_probs ? &maps : NULL, &hidden));
  ATT_TRY(att_model_logits(&s->run, s->model, &hidden, &scores));
  for (int64_t i = 0; s->last_probs && i < count; i++) {
    s->row_alignment[s->rows - count + i] =
        most_attended(s->last_probs[i], s->shape.alignment_heads, s->cross_counts[i]);
  }
  *logits = scores.data;
  return ATT_OK;
}

att_status att_session_sequences(att_session *s, att_sequence **out) {
  att_arena *arena = s->run.arena;
  int32_t *tokens = ATT_ARENA_NEW(arena, s->running * s->steps, int32_t);
  *out = ATT_ARENA_NEW(arena, s->running, att_sequence);
  if (!tokens || !*out) return ATT_MEMORY;
  for (int64_t i = 0; i < s->running; i++, tokens += s->steps) {
    const int32_t *table = s->table + i * s->room;
    att_sequence *sequence = &(*out)[i];
    for (int64_t j = 0; j < s->steps; j++) tokens[j] = s->row_token[table[j]];
    *sequence = (att_sequence){tokens, s->steps, tokens, s->past + 1};
    if (!s->cross) continue;
    sequence->source = s->source_ids + s->source_rows[s->source[i]][0];
    sequence->source_count = s->source_counts[s->source[i]];
  }
  return ATT_OK;
}

void att_session_path(const att_session *s, int32_t row, int32_t last, int64_t count, int32_t *tokens,
                      int32_t *alignment) {
  for (int64_t i = count - 1; i >= 0; i--) {
    tokens[i] = last;
    if (alignment) alignment[i] = s->row_alignment[row];
    last = s->row_token[row];
    row = s->row_before[row];
  }
}
