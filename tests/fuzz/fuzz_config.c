/*
 * Any bytes as a config.json and, behind a NUL byte, a generation_config.json. What is accepted must pass the
 * check.
 * Built by cmake/tests.cmake: with ATTEND_FUZZ by clang's -fsanitize=fuzzer; else with runner.c, as a test over
 * tests/data/fuzz/fuzz_config (made by tools/make_fuzz_seeds.py).
 */
#include "formats/json.h"
#include "models/model.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"config.json", "generation_config.json"};

/* In place: some file systems sync a file that was emptied and written again. */
static void put(int folder, const char *name, const void *data, size_t size) {
  int file = openat(folder, name, O_WRONLY | O_CREAT, 0600);
  if (file < 0 || write(file, data, size) != (ssize_t)size || ftruncate(file, (off_t)size) != 0) abort();
  close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[] = "/tmp/attend-fuzz-XXXXXX";
  if (!mkdtemp(path)) abort();
  int folder = open(path, O_RDONLY | O_DIRECTORY);
  if (folder < 0) abort();
  const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
  size_t first = end ? (size_t)(end - data) : size;
  put(folder, names[0], data, first);
  if (end) put(folder, names[1], end + 1, size - first - 1);
  att_context *ctx;
  att_config config;
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  if (att_config_read(ctx, path, &config) == ATT_OK) {
    att_generation generation;
    if (att_config_check(ctx, "read", &config) != ATT_OK) abort();
    if (att_generation_read(ctx, path, &config, &generation) != ATT_OK)
      abort(); /* what is wrong is the verbs' to say */
    att_generation_use(ctx, &generation);
    att_generation_free(ctx, &generation);
    att_free(ctx, config.labels);
  }
  att_context_free(ctx);
  for (size_t i = 0; i < 2; i++) unlinkat(folder, names[i], 0);
  close(folder);
  rmdir(path);
  return 0;
}
