/*
 * Owns what tests of files share: an own folder, emptied after each test, a context, and demands on messages.
 */
#ifndef ATT_TESTS_SCRATCH_H
#define ATT_TESTS_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "counting.h"
#include "formats/file.h"

static char folder[] = "/tmp/attend-test-XXXXXX";
static att_context *ctx;

/* A path in the test's folder; four may be in use at once. */
static inline const char *in_folder(const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static inline void write_bytes(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static inline void must_say(att_status status, att_status expected, const char *clue) {
  const char *message = att_message(ctx);
  if (status != expected || !strstr(message, clue) || strchr(message, '\n'))
    fail_msg("%s: \"%s\" where %s: \"...%s...\" was expected", att_status_name(status), message,
             att_status_name(expected), clue);
}

static inline size_t files_in_folder(void) {
  DIR *open = opendir(folder);
  assert_non_null(open);
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(open));) count += entry->d_name[0] != '.';
  closedir(open);
  return count;
}

static inline void must_hold(const char *path, const void *data, size_t size) {
  att_mapping mapping;
  assert_int_equal(att_map(ctx, path, &mapping), ATT_OK);
  assert_int_equal(mapping.size, size);
  if (size) assert_memory_equal(mapping.data, data, size);
  att_unmap(&mapping);
}

static inline int begin(void **state) {
  (void)state;
  return !mkdtemp(folder) || att_context_new(NULL, &ctx) != ATT_OK;
}

static inline int remove_inner(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)info, (void)kind;
  return place->level > 0 ? remove(path) : 0;
}

/* What lies in a folder, and in its folders. */
static inline void remove_within(const char *path) { nftw(path, remove_inner, 8, FTW_DEPTH | FTW_PHYS); }

static inline int empty_folder(void **state) {
  (void)state;
  remove_within(folder);
  return 0;
}

static inline int end(void **state) {
  (void)state;
  att_context_free(ctx);
  return rmdir(folder);
}

#endif
