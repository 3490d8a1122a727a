/*
 * Any bytes as a trainer_state.json. What is accepted can be gone on with: its counts fit each other, and written and
 * read again it is the same.
 * Built by cmake/tests.cmake: with ATTEND_FUZZ by clang's -fsanitize=fuzzer; else with runner.c, as a test over
 * tests/data/fuzz/fuzz_state (made by tools/make_fuzz_seeds.py).
 */
#include "train/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory; returns its descriptor. */
static int put(const void *data, size_t size, char path[64]) {
  int memory = memfd_create("state", MFD_CLOEXEC);
  if (memory < 0 || write(memory, data, size) != (ssize_t)size) abort();
  snprintf(path, 64, "/proc/self/fd/%d", memory);
  return memory;
}

static void must_be_sound(const att_state *s) {
  const att_plan *p = &s->plan;
  if (s->step < 0 || s->index < 0 || s->epoch < 0 || s->validated > s->step || s->best.step > s->step) abort();
  if (p->average < 1 || p->average > ATT_MOST_AVERAGE || s->snapshot_count > p->average) abort();
  if (p->steps > 0 && (p->valid_every < 1 || p->warmup < 1)) abort();
  if (p->max_length < 1 || p->batch < 0 || p->batch_tokens < 0 || p->save_every < 0) abort();
  if (!(p->lr >= 0) || !(p->beta1 < 1) || !(p->beta2 < 1)) abort();
  if (memchr(s->task, '\0', sizeof s->task) == NULL) abort();
}

static void write_again(att_context *ctx, const att_state *state) {
  att_buffer first = {0}, second = {0};
  att_state again;
  char path[64];
  if (att_state_write(ctx, state, &first) != ATT_OK) abort();
  int memory = put(first.data, first.size, path);
  if (att_state_read(ctx, path, &again) != ATT_OK || att_state_write(ctx, &again, &second) != ATT_OK) abort();
  if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0) abort();
  close(memory);
  att_buffer_free(ctx, &first);
  att_buffer_free(ctx, &second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  int memory = put(data, size, path);
  att_context *ctx;
  att_state state;
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  if (att_state_read(ctx, path, &state) == ATT_OK) {
    must_be_sound(&state);
    write_again(ctx, &state);
  }
  att_context_free(ctx);
  close(memory);
  return 0;
}
