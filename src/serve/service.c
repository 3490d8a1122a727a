/*
 * Owns whose turn it is: the queue, slots and rows, which prompts are read and which wait for others that begin alike,
 * and the step that serves all that run. Refuses to know how a request searches and what it gives (served.c).
 */
#include "serve/service.h"

#include "serve/served.h"

#include <string.h>

/* Tokens of prompts that are read in a step where nobody writes. */
#define ATT_ALONE_TOKENS 256
/* Tokens in common that are worth a fork, and waiting until another prompt has read them. */
#define ATT_WORTH_SHARING 16
/* Texts as long as the model reads that fit into the cache, unless it is said: few are as long, so there may be more
 * slots. */
#define ATT_FULL_TEXTS 16

struct att_service {
  att_model *model;
  att_service_options options;
  att_session *session;
  att_arena *arena;
  att_kept kept;
  att_served **requests; /* [count] in the order in which they came; the first `running` run */
  size_t count, running, capacity;
  uint64_t last_id;
  bool stepping;
  att_service_info info;
};

/* ---- options -------------------------------------------------------------------------------------------------- */

void att_service_options_init(att_service_options *options, size_t size) {
  const att_service_options own = {.size = size, .slots = 64, .queue = 64, .kept_rows = -1, .prompt_tokens = 64};
  att_give_struct(&own, sizeof own, options, size);
}

void att_request_init(att_request *request, size_t size) {
  const att_request own = {.size = size};
  att_give_struct(&own, sizeof own, request, size);
}

static att_status read_options(att_service *v, const att_service_options *given) {
  att_context *ctx = v->model->ctx;
  att_service_options *o = &v->options;
  int64_t positions = v->model->config.max_position_embeddings;
  att_service_options_default(o);
  ATT_TRY(att_take_options(ctx, "att_service_new", given, o, sizeof *o));
  const char *wrong = NULL;
  if (o->slots < 1 || o->slots > 4096) wrong = "slots must be 1 to 4096";
  if (o->queue < 1) wrong = "queue must be 1 or more";
  if (o->cache_rows < 0 || o->cache_rows > INT32_MAX) wrong = "cache_rows must be 0 to 2^31 - 1";
  if (o->kept_rows < -1) wrong = "kept_rows must be -1 or more";
  if (o->prompt_tokens < 1) wrong = "prompt_tokens must be 1 or more";
  if ((unsigned)o->cache_type > ATT_CACHE_Q8_0) wrong = "cache_type is none of att_cache_type";
  if (wrong) return att_fail(ctx, ATT_ARGUMENT, "%s", wrong);
  int texts = o->slots < ATT_FULL_TEXTS ? o->slots : ATT_FULL_TEXTS;
  if (o->cache_rows == 0) o->cache_rows = positions < INT32_MAX / texts ? positions * texts : INT32_MAX;
  if (o->kept_rows < 0) o->kept_rows = positions;
  if (o->kept_rows > o->cache_rows) o->kept_rows = o->cache_rows;
  return ATT_OK;
}

/* ---- making and freeing --------------------------------------------------------------------------------------- */

static att_type cache_type(const att_service *v) {
  static const att_type types[] = {ATT_F32, ATT_F16, ATT_Q8_0};
  return v->model->config.kind == ATT_DECODER ? types[v->options.cache_type] : ATT_F32;
}

static att_status init(att_service *v, const att_service_options *options) {
  bool decoder = v->model->config.kind == ATT_DECODER;
  ATT_TRY(att_check_verb(v->model, decoder ? ATT_VERB_GENERATE : ATT_VERB_TRANSLATE));
  ATT_TRY(read_options(v, options));
  ATT_TRY(att_arena_new(v->model->ctx, &v->arena));
  ATT_TRY(att_session_new_typed(v->model, v->options.cache_rows, cache_type(v), &v->session));
  v->kept.session = v->session;
  v->kept.most = v->options.kept_rows;
  return ATT_OK;
}

att_status att_service_new(att_model *model, const att_service_options *options, att_service **out) {
  *out = NULL;
  att_service *v = ATT_NEW(model->ctx, 1, att_service);
  if (!v) return ATT_MEMORY;
  v->model = model;
  att_status status = init(v, options);
  if (status) {
    att_service_free(v);
  } else {
    *out = v;
  }
  return status;
}

void att_service_free(att_service *v) {
  if (!v) return;
  att_context *ctx = v->model->ctx;
  for (size_t i = 0; i < v->count; i++) att_served_free(v->requests[i]);
  att_kept_free(&v->kept, ctx);
  att_session_free(v->session);
  att_arena_free(v->arena);
  att_free(ctx, v->requests);
  att_free(ctx, v);
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

static att_status check_room(const att_service *v, const att_served *s) {
  int64_t slots = att_served_slots(s), rows = att_served_rows(s), tokens = (int64_t)s->tokens.count;
  if (slots > v->options.slots) {
    return att_fail(v->model->ctx, ATT_ARGUMENT, "the request takes %lld slots, but the service has %d",
                    (long long)slots, v->options.slots);
  }
  if (rows <= v->options.cache_rows && tokens <= v->options.cache_rows) return ATT_OK;
  return att_fail(v->model->ctx, ATT_ARGUMENT,
                  "the request may take %lld rows of the cache, but the service has %lld: ask for fewer tokens",
                  (long long)(rows > tokens ? rows : tokens), (long long)v->options.cache_rows);
}

att_status att_service_submit(att_service *v, const att_request *given, uint64_t *id) {
  att_context *ctx = v->model->ctx;
  att_request request;
  att_served *served;
  if (id) *id = 0;
  att_request_default(&request);
  ATT_TRY(att_take_options(ctx, "att_service_submit", given, &request, sizeof request));
  if (v->count - v->running >= (size_t)v->options.queue)
    return att_fail(ctx, ATT_FULL, "%d requests are waiting already, as many as may", v->options.queue);
  if (v->count == v->capacity) {
    size_t capacity = v->capacity ? 2 * v->capacity : 16;
    att_served **requests = att_resize(ctx, v->requests, capacity, sizeof *requests);
    if (!requests) return ATT_MEMORY;
    v->requests = requests;
    v->capacity = capacity;
  }
  ATT_TRY(att_served_new(v->model, &request, v->last_id + 1, &served));
  served->kept = &v->kept;
  att_status status = check_room(v, served);
  if (status) {
    att_served_free(served);
    return status;
  }
  v->requests[v->count++] = served;
  v->last_id++;
  if (id) *id = v->last_id;
  return ATT_OK;
}

/* Those that are over or cancelled go. */
static void reap(att_service *v) {
  size_t left = 0, running = 0;
  for (size_t i = 0; i < v->count; i++) {
    att_served *s = v->requests[i];
    if (s->stage == ATT_STAGE_OVER || s->cancelled) {
      v->info.written_tokens += s->written;
      att_served_free(s);
      continue;
    }
    running += i < v->running;
    v->requests[left++] = s;
  }
  v->count = left;
  v->running = running;
}

att_status att_service_cancel(att_service *v, uint64_t id) {
  if (id == 0 || id > v->last_id)
    return att_fail(v->model->ctx, ATT_ARGUMENT, "there was no request %llu", (unsigned long long)id);
  for (size_t i = 0; i < v->count; i++)
    if (v->requests[i]->id == id) v->requests[i]->cancelled = true;
  if (!v->stepping) reap(v);
  return ATT_OK;
}

/* ---- what prompts begin with alike ---------------------------------------------------------------------------- */

static int64_t read_of(const att_served *s) { return (int64_t)s->tokens.count - 1 - att_served_unread(s); }

/* Looks at all that is there for what has most of the prompt read. */
static void find_common(const att_service *v, const att_served *s, att_beginning *beginning) {
  int64_t count = (int64_t)s->tokens.count - 1;
  att_kept_find(&v->kept, s->tokens.data, count, beginning);
  for (size_t i = 0; i < v->running; i++) {
    const att_served *other = v->requests[i];
    bool writes = other->stage == ATT_STAGE_WRITING;
    for (int64_t h = 0; h < (writes ? other->search.running : other->sequence >= 0); h++) {
      int32_t sequence = writes ? other->search.hypotheses[h].sequence : other->sequence;
      if (other != s) att_beginning_look(beginning, v->session, sequence, s->tokens.data, count);
    }
  }
}

/* Takes over what others have read of the prompt, where it is worth it; else an empty sequence, if there is none. */
static att_status share(att_service *v, att_served *s) {
  int64_t read = s->sequence >= 0 ? read_of(s) : 0;
  att_beginning found = {.sequence = -1, .common = read + ATT_WORTH_SHARING - 1};
  int32_t fork;
  find_common(v, s, &found);
  int64_t from = found.sequence < 0 ? read : found.common;
  if (s->parts <= from) s->parts = found.parts < from + ATT_WORTH_SHARING ? 0 : found.parts;
  if (found.sequence < 0) return s->sequence >= 0 ? ATT_OK : att_session_add(v->session, &s->sequence);
  ATT_TRY(att_session_fork(v->session, found.sequence, found.common, &fork));
  if (s->sequence >= 0) att_session_drop(v->session, s->sequence);
  s->sequence = fork;
  s->shared += found.common - read;
  v->info.shared_tokens += found.common - read;
  att_kept_use(&v->kept, found.sequence);
  return ATT_OK;
}

/* What a prompt begins with alike with one that came before it and is about to read more of that; 0: it is not. */
static int64_t awaited(const att_served *s, const att_served *other) {
  if (other->stage != ATT_STAGE_READING || other->cancelled) return 0;
  int64_t most = (int64_t)(s->tokens.count < other->tokens.count ? s->tokens.count : other->tokens.count) - 1, same = 0;
  while (same < most && s->tokens.data[same] == other->tokens.data[same]) same++;
  return same >= read_of(s) + ATT_WORTH_SHARING && same > read_of(other) ? same : 0;
}

static bool waits_for_other(const att_service *v, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (awaited(v->requests[at], v->requests[i])) return true;
  return false;
}

/* Tokens of a prompt that are to be read now. Where layers see a window, others can go on only from where it stands: it
 * stops where one that waits for it parts from it, and where it is kept for those that will part there again. */
static int64_t to_read(const att_service *v, size_t at) {
  const att_served *s = v->requests[at];
  int64_t read = read_of(s), end = s->parts > read ? s->parts : read + att_served_unread(s);
  for (size_t i = at + 1; att_session_has_windows(v->session) && i < v->running; i++) {
    const att_served *other = v->requests[i];
    int64_t same = other->stage == ATT_STAGE_READING && !other->cancelled ? awaited(other, s) : 0;
    if (same > 0 && same < end) end = same;
  }
  return end - read;
}

/* ---- slots and rows ------------------------------------------------------------------------------------------- */

/* Whether a request can run beside those that do, whatever they still take; kept sequences make room. pending: tokens
 * of sources that are about to be encoded. */
static bool has_room(att_service *v, const att_served *s, int64_t pending) {
  int64_t slots = att_served_slots(s), rows = att_served_rows(s);
  for (size_t i = 0; i < v->running; i++) {
    slots += att_served_slots(v->requests[i]);
    rows += att_served_rows(v->requests[i]);
  }
  if (slots > v->options.slots) return false;
  int64_t source_rows = att_session_used(v->session).source_rows + pending + (int64_t)s->tokens.count;
  if (v->model->config.kind != ATT_DECODER && source_rows > v->options.cache_rows) return false;
  while (att_session_used(v->session).rows + rows > v->options.cache_rows)
    if (!att_kept_drop(&v->kept)) return false;
  return true;
}

static void admit_prompts(att_service *v) {
  for (; v->running < v->count; v->running++) {
    att_served *s = v->requests[v->running];
    att_beginning found = {.sequence = -1};
    find_common(v, s, &found);
    att_kept_use(&v->kept, found.sequence); /* what it begins with makes room last */
    if (!has_room(v, s, 0)) return;
    s->stage = ATT_STAGE_READING;
  }
}

/* An empty text has an empty translation. */
static void give_nothing(att_served *s) {
  att_piece_of_text piece = {.request = s->id, .text = "", .finish = ATT_FINISH_END, .last = true};
  s->stage = ATT_STAGE_OVER;
  s->give(s->user, &piece);
}

/* Encodes the sources of requests [first, v->running) together. */
static att_status encode(att_service *v, size_t first) {
  int64_t count = 0, tokens = 0;
  int64_t *start = ATT_ARENA_NEW(v->arena, v->running - first + 1, int64_t);
  int32_t *sequences = ATT_ARENA_NEW(v->arena, v->running - first, int32_t);
  if (!start || !sequences) return ATT_MEMORY;
  start[0] = 0;
  for (size_t i = first; i < v->running; i++) {
    if (v->requests[i]->tokens.count == 0) continue;
    start[count + 1] = start[count] + (int64_t)v->requests[i]->tokens.count;
    count++;
  }
  int32_t *ids = ATT_ARENA_NEW(v->arena, start[count], int32_t);
  if (!ids) return ATT_MEMORY;
  for (size_t i = first; i < v->running; i++) {
    const att_ids *source = &v->requests[i]->tokens;
    if (source->count) memcpy(ids + tokens, source->data, source->count * sizeof *ids);
    tokens += (int64_t)source->count;
  }
  att_input input = {.ids = ids, .sequences = {count, start}};
  if (count) ATT_TRY(att_session_add_sources(v->session, v->arena, &input, sequences));
  v->info.read_tokens += tokens;
  att_status status = ATT_OK;
  for (size_t i = first; i < v->running; i++) {
    att_served *s = v->requests[i];
    if (s->tokens.count == 0) {
      give_nothing(s);
    } else if (status) {
      att_session_drop(v->session, *sequences++);
    } else {
      status = att_served_write(s, v->session, *sequences++);
    }
  }
  return status;
}

static att_status admit_sources(att_service *v, int64_t most) {
  size_t first = v->running;
  int64_t tokens = 0;
  for (; v->running < v->count; v->running++) {
    const att_served *s = v->requests[v->running];
    int64_t more = (int64_t)s->tokens.count;
    if ((tokens && tokens + more > most) || !has_room(v, s, tokens)) break;
    tokens += more;
  }
  if (v->running == first) return ATT_OK;
  att_status status = encode(v, first);
  if (status == ATT_INTERRUPTED) v->running = first; /* nothing has changed */
  return status;
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

static bool any_writes(const att_service *v) {
  for (size_t i = 0; i < v->running; i++)
    if (v->requests[i]->stage == ATT_STAGE_WRITING) return true;
  return false;
}

/* A token more for each hypothesis. Where a request's settings leave it nothing to go on with, the others go on. */
static att_status write_tokens(att_service *v) {
  int64_t count = 0;
  att_search **searches = ATT_ARENA_NEW(v->arena, v->running, att_search *);
  if (!searches) return ATT_MEMORY;
  for (size_t i = 0; i < v->running; i++)
    if (v->requests[i]->stage == ATT_STAGE_WRITING) searches[count++] = &v->requests[i]->search;
  if (count == 0) return ATT_OK;
  ATT_TRY(att_searches_step(v->session, v->arena, searches, count));
  for (size_t i = 0; i < v->running; i++) {
    att_served *s = v->requests[i];
    if (s->stage != ATT_STAGE_WRITING || s->search.running > 0) continue;
    if (!s->search.stuck) ATT_TRY(att_served_close(s));
    if (!s->search.stuck) continue;
    att_fail_no_token(v->model->ctx);
    att_served_fail(s);
  }
  return ATT_OK;
}

static att_reading reading_of(const att_served *s) {
  return (att_reading){
      .sequence = s->sequence, .tokens = s->tokens.data + read_of(s), .length = read_of(s) + att_served_unread(s) + 1};
}

/* Of `most` tokens each gets an even share of what is wanted[count], and what some do not need goes to the first. */
static void share_out(const int64_t *wanted, int64_t count, int64_t most, att_reading *readings) {
  int64_t share = most / count;
  for (int64_t i = 0; i < count; i++) {
    readings[i].count = wanted[i] < share ? wanted[i] : share;
    most -= readings[i].count;
  }
  for (int64_t i = 0; i < count && most > 0; i++) {
    int64_t more = wanted[i] - readings[i].count;
    if (more > most) more = most;
    readings[i].count += more;
    most -= more;
  }
}

static att_status begin_writing(att_service *v, att_served *s) {
  int32_t sequence = s->sequence;
  s->sequence = -1;
  return att_served_write(s, v->session, sequence);
}

/* A piece of each prompt, the last token left out: the first of each sample's steps reads it. */
static att_status read_prompts(att_service *v, int64_t most) {
  int64_t count = 0, pieces = 0;
  att_served **readers = ATT_ARENA_NEW(v->arena, v->running, att_served *);
  att_reading *readings = ATT_ARENA_NEW(v->arena, v->running, att_reading);
  int64_t *wanted = ATT_ARENA_NEW(v->arena, v->running, int64_t);
  if (!readers || !readings || !wanted) return ATT_MEMORY;
  for (size_t i = 0; i < v->running; i++) {
    att_served *s = v->requests[i];
    if (s->stage != ATT_STAGE_READING || s->cancelled) continue;
    ATT_TRY(share(v, s));
    if (att_served_unread(s) > 0 && !waits_for_other(v, i)) {
      readers[count] = s;
      readings[count] = reading_of(s);
      wanted[count++] = to_read(v, i);
    }
    if (att_served_unread(s) == 0) ATT_TRY(begin_writing(v, s));
  }
  if (count == 0) return ATT_OK;
  share_out(wanted, count, most, readings);
  for (int64_t i = 0; i < count; i++) {
    v->info.read_tokens += readings[i].count;
    if (readings[i].count) readings[pieces++] = readings[i];
  }
  ATT_TRY(att_session_step(v->session, v->arena, readings, pieces, NULL));
  for (int64_t i = 0; i < count; i++) {
    att_served *s = readers[i];
    if (s->on_prompt) s->on_prompt(s->on_prompt_user, (size_t)read_of(s), s->tokens.count);
    if (s->parts > 0 && read_of(s) == s->parts) ATT_TRY(att_kept_add(&v->kept, v->model->ctx, s->sequence));
    if (att_served_unread(s) == 0) ATT_TRY(begin_writing(v, s));
  }
  return ATT_OK;
}

static att_status serve(att_service *v) {
  bool decoder = v->model->config.kind == ATT_DECODER;
  int64_t most = v->options.prompt_tokens;
  if (most < ATT_ALONE_TOKENS && !any_writes(v)) most = ATT_ALONE_TOKENS;
  if (att_is_interrupted(v->model->ctx)) return att_fail(v->model->ctx, ATT_INTERRUPTED, "interrupted");
  if (decoder) admit_prompts(v);
  if (!decoder) ATT_TRY(admit_sources(v, most));
  ATT_TRY(write_tokens(v));
  return decoder ? read_prompts(v, most) : ATT_OK;
}

att_status att_service_step(att_service *v, size_t *left) {
  att_context *ctx = v->model->ctx;
  if (v->stepping) return att_fail(ctx, ATT_ARGUMENT, "att_service_step was called within a step");
  v->stepping = true;
  att_arena_reset(v->arena);
  att_status status = serve(v);
  for (size_t i = 0; status && status != ATT_INTERRUPTED && i < v->running; i++) att_served_fail(v->requests[i]);
  reap(v);
  v->stepping = false;
  if (left) *left = v->count;
  return status;
}

const att_service_info *att_service_describe(att_service *v) {
  att_session_use use = att_session_used(v->session);
  v->info.running = v->running;
  v->info.waiting = v->count - v->running;
  v->info.slots = 0;
  for (size_t i = 0; i < v->running; i++) v->info.slots += (int)att_served_slots(v->requests[i]);
  v->info.cache_rows = use.rows;
  v->info.source_rows = use.source_rows;
  v->info.kept_rows = v->kept.rows;
  return &v->info;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

att_status att_service_load(att_service *v, const char *path) {
  int32_t sequence;
  ATT_TRY(att_session_load(v->session, path, &sequence));
  att_status status = att_kept_add(&v->kept, v->model->ctx, sequence);
  att_session_drop(v->session, sequence);
  return status;
}

void att_service_keep_prompts(att_service *v) { v->kept.prompts = true; }

att_status att_service_save(att_service *v, int64_t length, const char *path) {
  if (v->kept.count == 0) return att_fail(v->model->ctx, ATT_ARGUMENT, "there is nothing to save in %s", path);
  int32_t sequence = v->kept.sequences[v->kept.count - 1];
  int64_t kept = att_session_length(v->session, sequence);
  return att_session_save(v->session, sequence, length < kept ? length : kept, path);
}
