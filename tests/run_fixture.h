/*
 * Owns what tests of whole training runs share: comparing and removing their folders, reading their states, stopping
 * them.
 */
#ifndef ATT_TESTS_RUN_FIXTURE_H
#define ATT_TESTS_RUN_FIXTURE_H

#include "scratch.h"

#include "train/checkpoint.h"

#include <ftw.h>

static inline int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  (void)info, (void)flag, (void)walk;
  return remove(path);
}

static inline void remove_all(const char *path) { nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

static inline att_buffer read_whole(const char *path) {
  att_buffer text = {0};
  if (att_file_read(ctx, path, 1 << 28, &text)) fail_msg("%s", att_message(ctx));
  assert_true(text.size > 0);
  return text;
}

static inline void same_files(const char *a, const char *b) {
  att_buffer text = read_whole(a);
  must_hold(b, text.data, text.size);
  att_buffer_free(ctx, &text);
}

static inline void same_runs(const char *a, const char *b) {
  static const char *const names[] = {"model.safetensors", "tokenizer.json", "checkpoint/model.safetensors",
                                      "checkpoint/optimizer.safetensors"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char first[1024], second[1024];
    snprintf(first, sizeof first, "%s/%s", a, names[i]);
    snprintf(second, sizeof second, "%s/%s", b, names[i]);
    same_files(first, second);
  }
}

static inline att_state state_of(const char *out) {
  att_state s;
  if (att_checkpoint_load_state(ctx, out, &s)) fail_msg("%s", att_message(ctx));
  return s;
}

/* A progress function; user: the step to stop after. */
static inline void interrupt_at(void *user, const att_progress *p) {
  int64_t *next = user;
  if (p->kind == ATT_PROGRESS_STEP && p->step == *next) att_interrupt(ctx);
}

#endif
