/*
 * Owns an allocator that counts what it gave and can be told to fail: each allocation of a call is made to fail in
 * turn, and nothing may be left behind.
 */
#ifndef ATT_TESTS_COUNTING_H
#define ATT_TESTS_COUNTING_H

#include "base/context.h"
#include <stdlib.h>

typedef struct counting {
  long live;    /* blocks given and not taken back */
  long calls;   /* allocations asked for */
  long fail_at; /* the call that fails; 0: none */
} counting;

static inline void *counting_resize(void *user, void *pointer, size_t size) {
  counting *c = user;
  if (size == 0) {
    c->live--;
    free(pointer);
    return NULL;
  }
  if (++c->calls == c->fail_at) return NULL;
  void *grown = realloc(pointer, size);
  if (grown && !pointer) c->live++;
  return grown;
}

typedef att_status counted_fn(att_context *ctx, void *arg);

/* Runs body, which frees what it made, with its first allocation failing, then its second ... until none fails. Each
 * failing run must end in ATT_MEMORY with all blocks given back, the last in ATT_OK. Returns how many could fail. */
static inline long fail_each_allocation(counted_fn *body, void *arg) {
  counting count = {0};
  att_context *ctx;
  assert_int_equal(
      att_context_new(
          &(att_context_options){.size = sizeof(att_context_options), .allocator = {counting_resize, &count}}, &ctx),
      ATT_OK);
  for (long n = 1;; n++) {
    count.calls = 0;
    count.fail_at = n;
    att_status status = body(ctx, arg);
    assert_int_equal(count.live, 1); /* the context's own */
    if (count.calls < n) {
      assert_int_equal(status, ATT_OK);
      att_context_free(ctx);
      assert_int_equal(count.live, 0);
      return n - 1;
    }
    if (status != ATT_MEMORY || att_message(ctx)[0] == '\0')
      fail_msg("allocation %ld failing: %s: %s", n, att_status_name(status), att_message(ctx));
  }
}

#endif
