/* Owns folders of tests that are a folder of tests/data with another config.json. */
#ifndef ATT_TESTS_FAMILY_FOLDER_H
#define ATT_TESTS_FAMILY_FOLDER_H

#include "model_fixture.h"

#include <unistd.h>

#include <jansson.h>

static inline void remove_folder(const char *folder) {
  static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                      "generation_config.json"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    unlink(path);
  }
  assert_int_equal(rmdir(folder), 0);
}

/* The folder's files, with another config. */
static inline void make_folder(const char *from, const json_t *config, char *folder) {
  static const char *const files[] = {"tokenizer.json", "model.safetensors"};
  char path[1200], target[1200];
  strcpy(folder, "/tmp/attend-test-XXXXXX");
  assert_non_null(mkdtemp(folder));
  for (size_t i = 0; i < 2; i++) {
    snprintf(target, sizeof target, "%s/%s/%s", ATT_TEST_DATA, from, files[i]);
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    assert_int_equal(symlink(target, path), 0);
  }
  snprintf(path, sizeof path, "%s/config.json", folder);
  assert_int_equal(json_dump_file(config, path, 0), 0);
}

#endif
