/*
 * Owns running a fuzz target without libFuzzer: over every file of a folder of seeds, as it is and changed some
 * hundred times, the same changes each time. Refuses to end well where there was no seed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGES 500

static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

/* Cuts, flips a bit, sets a byte or repeats a part. Returns the new size, at most 2 * size. */
static size_t change(uint8_t *data, size_t size, uint32_t *state) {
  size_t at = size ? next_random(state) % size : 0;
  if (size == 0) return 0;
  switch (next_random(state) % 5) {
  case 0: return at;
  case 1: data[at] ^= (uint8_t)(1u << (next_random(state) % 8)); return size;
  case 2: data[at] = (uint8_t)next_random(state); return size;
  case 3: data[at] = "\0\xff{}[]\",:09-e"[next_random(state) % 14]; return size;
  default: memmove(data + size, data + at, size - at); return size + (size - at);
  }
}

/* An exact allocation a call, so that a sanitizer sees a read one byte too far. */
static void feed(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  if (!copy) exit(1);
  if (size) memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

static void run(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  static uint8_t seed[1 << 16], work[sizeof seed * 8];
  size_t size = fread(seed, 1, sizeof seed, file);
  fclose(file);
  feed(seed, size);
  uint32_t state = 0x9e3779b9u;
  for (int i = 0; i < CHANGES; i++) {
    memcpy(work, seed, size);
    size_t changed = size;
    for (uint32_t times = 1 + next_random(&state) % 3; times > 0; times--) changed = change(work, changed, &state);
    feed(work, changed);
  }
}

int main(int count, char **arguments) {
  int files = 0;
  for (int i = 1; i < count; i++) {
    DIR *folder = opendir(arguments[i]);
    if (!folder) {
      perror(arguments[i]);
      return 1;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
      char path[4096];
      if (entry->d_name[0] == '.') continue;
      snprintf(path, sizeof path, "%s/%s", arguments[i], entry->d_name);
      run(path);
      files++;
    }
    closedir(folder);
  }
  printf("%d seeds, %d changes of each\n", files, CHANGES);
  return files > 0 ? 0 : 1;
}
