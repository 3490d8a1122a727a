/*
 * Any bytes as a .gguf, and as the settings of a model. What is accepted must lie inside the file.
 * Built by cmake/tests.cmake: with ATTEND_FUZZ by clang's -fsanitize=fuzzer; else with runner.c, as a test over
 * tests/data/fuzz/fuzz_gguf (made by tools/make_fuzz_seeds.py).
 */
#include "formats/gguf.h"
#include "models/gguf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const att_tensor_file *file) {
  static volatile unsigned char last;
  for (size_t i = 0; i < file->count; i++) {
    const att_stored *tensor = &file->tensors[i];
    const unsigned char *bytes = tensor->data;
    for (size_t j = 0; j < tensor->size; j++) last = bytes[j];
    if (att_tensor_file_find(file, tensor->name) != tensor) abort();
  }
  (void)last;
}

static void read_settings(att_tensor_file *file) {
  const att_gguf_architecture *a;
  json_t *config;
  if (att_gguf_architecture_of(file->metadata, &a) || att_gguf_read_config(file, a, &config)) return;
  att_status status = att_gguf_rename(file, a, config);
  if (!status && att_tensor_file_find(file, "blk.0.attn_q.weight")) abort();
  json_decref(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  int memory = memfd_create("gguf", MFD_CLOEXEC);
  if (memory < 0 || write(memory, data, size) != (ssize_t)size) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
  att_context *ctx;
  att_tensor_file *file;
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  if (att_gguf_open(ctx, path, &file) == ATT_OK) {
    touch(file);
    read_settings(file);
  }
  att_tensor_file_close(file);
  att_context_free(ctx);
  close(memory);
  return 0;
}
