/* Owns making and freeing contexts, messages, allocation. See context.h. */
#include "base/parallel.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ATT_MOST_THREADS    256
#define ATT_LARGEST_OPTIONS 4096              /* bytes of a struct: more is none */
#define ATT_STACK           ((size_t)3 << 18) /* bytes: more than the deepest calls use (kernels/gemm_own.c) */

static void *resize_with_malloc(void *user, void *pointer, size_t size) {
  (void)user;
  if (size > 0) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

static int usable_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count < 1 ? 1 : count;
}

bool att_has_room(size_t bytes) {
  void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return false;
  munmap(room, bytes);
  return true;
}

__attribute__((noinline)) static void touch_stack(void) {
  volatile char stack[ATT_STACK];
  for (size_t i = ATT_STACK; i >= 1024; i -= 1024) stack[i - 1] = 0;
  (void)stack[0];
}

/* The main thread's stack grows as it is used, and the process ends where it cannot: it grows here, after asking. */
static bool grow_stack(void) {
  if (!att_has_room(2 * ATT_STACK)) return false;
  touch_stack();
  return true;
}

/* ATT_OK, or why a caller's struct cannot be taken; nothing is said, as there may be no context yet. */
static att_status take_options(const void *given, void *own, size_t own_size) {
  size_t size = own_size;
  if (!given) return ATT_OK;
  memcpy(&size, given, sizeof size);
  if (size <= sizeof size || size > ATT_LARGEST_OPTIONS) return ATT_ARGUMENT;
  for (size_t i = own_size; i < size; i++)
    if (((const char *)given)[i]) return ATT_UNSUPPORTED;
  memcpy(own, given, size < own_size ? size : own_size);
  memcpy(own, &own_size, sizeof own_size);
  return ATT_OK;
}

att_status att_take_options(att_context *ctx, const char *call, const void *given, void *own, size_t own_size) {
  att_status status = take_options(given, own, own_size);
  if (status == ATT_ARGUMENT)
    att_fail(ctx, status, "%s: the options have no size: make them with their att_..._options_default call", call);
  if (status == ATT_UNSUPPORTED)
    att_fail(ctx, status, "%s: the options have members that this library, %s, does not know", call, ATT_VERSION);
  return status;
}

void att_give_struct(const void *own, size_t own_size, void *out, size_t size) {
  size_t known = size < own_size ? size : own_size;
  memcpy(out, own, known);
  memset((char *)out + known, 0, size - known);
}

void att_context_options_init(att_context_options *options, size_t size) {
  const att_context_options own = {.size = size};
  att_give_struct(&own, sizeof own, options, size);
}

att_status att_context_new(const att_context_options *given, att_context **out) {
  att_context_options own = {.size = sizeof own};
  if (!out) return ATT_ARGUMENT;
  *out = NULL;
  att_status status = take_options(given, &own, sizeof own);
  if (status) return status;
  if (own.threads < 0 || own.threads > ATT_MOST_THREADS) return ATT_ARGUMENT;
  att_allocator allocator = own.allocator;
  if (!allocator.resize) allocator.resize = resize_with_malloc;
  att_context *ctx = allocator.resize(allocator.user, NULL, sizeof *ctx);
  if (!ctx) return ATT_MEMORY;
  memset(ctx, 0, sizeof *ctx);
  ctx->allocator = allocator;
  ctx->threads = own.threads ? own.threads : usable_cores();
  if (ctx->threads > ATT_MOST_THREADS) ctx->threads = ATT_MOST_THREADS;
  if (!grow_stack() || !att_threads_can_start(ctx->threads)) {
    att_context_free(ctx);
    return ATT_MEMORY;
  }
  ctx->log = own.log;
  ctx->log_user = own.log_user;
  *out = ctx;
  return ATT_OK;
}

void att_context_free(att_context *ctx) {
  if (ctx) ctx->allocator.resize(ctx->allocator.user, ctx, 0);
}

const char *att_message(const att_context *ctx) { return ctx ? ctx->message : ""; }

const char *att_version(void) { return ATT_VERSION; }

const char *att_status_name(att_status status) {
  static const char *const names[ATT_STATUS_COUNT] = {
      "ok", "no memory", "input or output", "format", "argument", "unsupported", "not a number", "interrupted", "full"};
  return (unsigned)status < ATT_STATUS_COUNT ? names[status] : "unknown";
}

void att_interrupt(att_context *ctx) {
  if (ctx) ctx->interrupted = 1;
}

/* Names come from files: one of theirs may not break the line or speak to the terminal. */
static void make_one_line(char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
  }
}

att_status att_fail(att_context *ctx, att_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char text[sizeof ctx->message]; /* the message may be among the arguments */
  att_format_list(text, sizeof text, format, args);
  va_end(args);
  make_one_line(text);
  memcpy(ctx->message, text, sizeof text);
  if (status == ATT_INTERRUPTED) ctx->interrupted = 0;
  return status;
}

void att_log(att_context *ctx, att_log_level level, const char *format, ...) {
  if (!ctx->log) return;
  va_list args;
  va_start(args, format);
  char text[sizeof ctx->message];
  att_format_list(text, sizeof text, format, args);
  va_end(args);
  make_one_line(text);
  ctx->log(ctx->log_user, level, text);
}

static void *no_memory(att_context *ctx, size_t count, size_t size) {
  att_fail(ctx, ATT_MEMORY, "no memory for %zu x %zu bytes", count, size);
  return NULL;
}

void *att_resize(att_context *ctx, void *pointer, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return no_memory(ctx, count, size);
  void *grown = ctx->allocator.resize(ctx->allocator.user, pointer, bytes ? bytes : 1);
  return grown ? grown : no_memory(ctx, count, size);
}

void *att_alloc(att_context *ctx, size_t count, size_t size) {
  void *pointer = att_resize(ctx, NULL, count, size);
  if (pointer) memset(pointer, 0, count * size);
  return pointer;
}

void att_free(att_context *ctx, void *pointer) {
  if (pointer) ctx->allocator.resize(ctx->allocator.user, pointer, 0);
}

void att_release(att_context *ctx, void *pointer) { att_free(ctx, pointer); }

char *att_copy_text(att_context *ctx, const char *data, size_t size) {
  if (size == SIZE_MAX) return no_memory(ctx, size, 1);
  char *copy = att_resize(ctx, NULL, size + 1, 1);
  if (!copy) return NULL;
  if (size) memcpy(copy, data, size);
  copy[size] = '\0';
  return copy;
}

/* The block that the allocator gave, which stands just before the aligned one. */
static char *block_of(const void *aligned) {
  char *block = NULL;
  if (aligned) memcpy(&block, (const char *)aligned - sizeof block, sizeof block);
  return block;
}

/* The allocator may move a block by what is no multiple of 64. */
void *att_resize_aligned(att_context *ctx, void *pointer, size_t used, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 128) return no_memory(ctx, count, size);
  char *old = block_of(pointer);
  size_t before = old ? (size_t)((char *)pointer - old) : 0;
  char *block = att_resize(ctx, old, bytes + 64 + sizeof(void *), 1);
  if (!block) return NULL;
  size_t shift = (64 - ((uintptr_t)block + sizeof(void *)) % 64) % 64 + sizeof(void *);
  if (old && shift != before) memmove(block + shift, block + before, used);
  memcpy(block + shift - sizeof(void *), &block, sizeof block);
  return block + shift;
}

void *att_take_aligned(att_context *ctx, size_t count, size_t size) {
  return att_resize_aligned(ctx, NULL, 0, count, size);
}

void *att_alloc_aligned(att_context *ctx, size_t count, size_t size) {
  void *pointer = att_take_aligned(ctx, count, size);
  if (pointer) memset(pointer, 0, count * size);
  return pointer;
}

void att_free_aligned(att_context *ctx, void *pointer) { att_free(ctx, block_of(pointer)); }

static att_status buffer_reserve(att_context *ctx, att_buffer *buffer, size_t more) {
  if (more > SIZE_MAX / 2 - buffer->size - 1) {
    no_memory(ctx, more, 1);
    return ATT_MEMORY;
  }
  size_t needed = buffer->size + more + 1;
  if (needed <= buffer->capacity) return ATT_OK;
  size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
  while (capacity < needed) capacity *= 2;
  char *data = att_resize(ctx, buffer->data, capacity, 1);
  if (!data) return ATT_MEMORY;
  buffer->data = data;
  buffer->capacity = capacity;
  return ATT_OK;
}

att_status att_buffer_append(att_context *ctx, att_buffer *buffer, const void *data, size_t size) {
  ATT_TRY(buffer_reserve(ctx, buffer, size));
  if (size) memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
  buffer->data[buffer->size] = '\0';
  return ATT_OK;
}

att_status att_buffer_print(att_context *ctx, att_buffer *buffer, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = att_format_list(NULL, 0, format, args);
  va_end(args);
  att_status status = size < 0 ? att_fail(ctx, ATT_ARGUMENT, "a text could not be formatted")
                               : buffer_reserve(ctx, buffer, (size_t)size);
  if (status == ATT_OK) {
    att_format_list(buffer->data + buffer->size, (size_t)size + 1, format, again);
    buffer->size += (size_t)size;
  }
  va_end(again);
  return status;
}

void att_buffer_free(att_context *ctx, att_buffer *buffer) {
  att_free(ctx, buffer->data);
  memset(buffer, 0, sizeof *buffer);
}

double att_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void att_time_parts(att_context *ctx, double *seconds, size_t count) {
  if (!ctx) return;
  ctx->seconds = seconds;
  ctx->timed_parts = count;
}

void att_add_seconds(att_context *ctx, att_timed_part part, double begin) {
  if ((size_t)part < ctx->timed_parts) ctx->seconds[part] += att_now() - begin;
}

const char *att_timed_part_name(att_timed_part part) {
  static const char *const names[ATT_TIMED_PART_COUNT] = {
      "encoder projections", "encoder attention",    "encoder feed-forward", "decoder projections", "decoder attention",
      "cross-attention",     "decoder feed-forward", "recurrent layers",     "output head"};
  return (unsigned)part < ATT_TIMED_PART_COUNT ? names[part] : NULL;
}
