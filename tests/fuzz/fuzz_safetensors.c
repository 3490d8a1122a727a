/* Any bytes as a safetensors file: refused with a message, or every tensor's bytes are there to be read. */
#include "formats/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const att_safetensors *file) {
  uint64_t sum = 0;
  for (size_t i = 0; i < att_safetensors_count(file); i++) {
    const att_stored *tensor = att_safetensors_at(file, i);
    const unsigned char *bytes = tensor->data;
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++) count *= tensor->shape[d];
    if (count != tensor->count || !att_safetensors_find(file, tensor->name)) abort();
    for (size_t k = 0; k < tensor->size; k++) sum += bytes[k];
  }
  static volatile uint64_t kept; /* so that nothing is left out */
  kept = sum;
  (void)kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  att_context *ctx;
  att_safetensors *file;
  char path[64];
  int fd = memfd_create("fuzz", 0);
  if (fd < 0 || att_context_new(&(att_context_options){.threads = 1}, &ctx) != ATT_OK) exit(1);
  if (write(fd, data, size) != (ssize_t)size) exit(1);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (att_safetensors_open(ctx, path, &file) == ATT_OK) {
    read_all(file);
    att_safetensors_close(file);
  } else if (!att_message(ctx)[0]) {
    abort();
  }
  att_context_free(ctx);
  close(fd);
  return 0;
}
