/*
 * Owns the context: the allocator, the message of the last failure, the log, the number of threads, the interrupt flag.
 * Refuses to print, exit or abort. Every other room fails through att_fail and allocates through att_alloc.
 */
#ifndef ATT_BASE_CONTEXT_H
#define ATT_BASE_CONTEXT_H

#include "base/number.h"

#include <attend/attend.h>
#include <signal.h>
#include <stdbool.h>

struct att_context {
  att_allocator allocator;
  int threads; /* >= 1 */
  att_log_fn *log;
  void *log_user;
  volatile sig_atomic_t interrupted; /* asked for and not yet taken: see att_is_interrupted */
  int held;                          /* above 0: interrupts wait */
  char message[1024];
  char processor[64];        /* its name, once att_describe_machine asked, */
  att_machine_info machine;  /* and all it said */
  att_machine_limits limits; /* att_measure_machine's */
  double *seconds;           /* [timed_parts] of att_time_parts, the caller's; or NULL */
  size_t timed_parts;
};

/* Sets the message and returns status, so that a failure is one line: return att_fail(ctx, ATT_FORMAT, "%s: ...",
 * path). */
att_status att_fail(att_context *ctx, att_status status, const char *format, ...) ATT_PRINTF(3, 4);
void att_log(att_context *ctx, att_log_level level, const char *format, ...) ATT_PRINTF(3, 4);

/* Whether the caller asked to stop. What takes long looks now and then, and leaves with
 *   if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "interrupted while reading %s", path);
 * To fail with ATT_INTERRUPTED is to take the wish, and nothing else does: asked for between two calls it stops the
 * second, and one that was stopped does not stop the next. */
static inline bool att_is_interrupted(const att_context *ctx) { return ctx->interrupted && ctx->held == 0; }

/* Propagates a failure. Only where nothing has to be cleaned up; elsewhere: status = f(); if (status) goto done; */
#define ATT_TRY(call)                                                                                                  \
  do {                                                                                                                 \
    att_status status_ = (call);                                                                                       \
    if (status_ != ATT_OK) return status_;                                                                             \
  } while (0)

/* Memory for count items of `size` bytes, zeroed, 16-byte aligned. NULL with the message set (status ATT_MEMORY) where
 * the product overflows or there is no memory. count 0 gives a valid pointer. */
void *att_alloc(att_context *ctx, size_t count, size_t size);
/* Grows or shrinks; what is new is not zeroed. NULL (message set): the old block stays. */
void *att_resize(att_context *ctx, void *pointer, size_t count, size_t size);
void att_free(att_context *ctx, void *pointer);                       /* NULL is fine */
char *att_copy_text(att_context *ctx, const char *data, size_t size); /* ends in NUL */
/* ATT_NEW(ctx, n, type): typed att_alloc. */
#define ATT_NEW(ctx, count, type) ((type *)att_alloc((ctx), (size_t)(count), sizeof(type)))

/* 64-byte aligned, zeroed; for what kernels read and write. Free with att_free_aligned. */
void *att_alloc_aligned(att_context *ctx, size_t count, size_t size);
/* The same, not zeroed: pages that are never used are never touched. */
void *att_take_aligned(att_context *ctx, size_t count, size_t size);
/* Grows an aligned block (NULL: takes one), of which the first `used` bytes stay; what is new is not zeroed. NULL
 * (message set): the old block stays. */
void *att_resize_aligned(att_context *ctx, void *pointer, size_t used, size_t count, size_t size);
void att_free_aligned(att_context *ctx, void *pointer);

/* Whether the process may have so much more memory: for libraries that end it where it may not. Takes none. */
bool att_has_room(size_t bytes);

/* ---- structs that grow (see the head of attend.h) ---- */

/* Lays the options of a caller, which begin with their size (NULL: none), over `own`, the library's defaults of
 * own_size bytes: no more than their size is read. Refuses a size that cannot be, and members beyond own_size that are
 * not zero. call: for the message. */
att_status att_take_options(att_context *ctx, const char *call, const void *given, void *own, size_t own_size);
/* The reverse: what a caller gets of a struct is no more than its size, and zeros beyond the library's. */
void att_give_struct(const void *own, size_t own_size, void *out, size_t size);

/* A growing run of bytes, always followed by a NUL that is not counted. Zero-initialised is empty. */
typedef struct att_buffer {
  char *data;
  size_t size, capacity;
} att_buffer;

att_status att_buffer_append(att_context *ctx, att_buffer *buffer, const void *data, size_t size);
att_status att_buffer_print(att_context *ctx, att_buffer *buffer, const char *format, ...) ATT_PRINTF(3, 4);
void att_buffer_free(att_context *ctx, att_buffer *buffer);

/* Seconds of the steady clock. */
double att_now(void);

/* Propagates a failure of the call, whose seconds are the part's where somebody measures (att_time_parts). Parts do not
 * stand inside each other. */
#define ATT_TIMED(ctx, part, call)                                                                                     \
  do {                                                                                                                 \
    double begin_ = (ctx)->seconds ? att_now() : 0;                                                                    \
    ATT_TRY(call);                                                                                                     \
    if ((ctx)->seconds) att_add_seconds(ctx, part, begin_);                                                            \
  } while (0)
void att_add_seconds(att_context *ctx, att_timed_part part, double begin);

#endif
