/*
 * Owns the folders of tests/data/sentence.json and rank.json, as the scripts that made their values had them.
 */
#ifndef ATT_TESTS_SENTENCE_FIXTURE_H
#define ATT_TESTS_SENTENCE_FIXTURE_H

#include "scratch.h"

#include <ftw.h>
#include <jansson.h>
#include <stdlib.h>

static json_t *fixture; /* the whole file */

static inline int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
  (void)info, (void)type;
  return walk->level == 0 ? 0 : remove(path);
}

static inline int clear(void **state) {
  (void)state;
  return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void make_parents(const char *path) {
  char part[512];
  for (const char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
    mkdir(part, 0700);
  }
}

static inline void copy_file(const char *from, const char *to) {
  att_mapping mapping;
  make_parents(to);
  if (att_map(ctx, from, &mapping)) fail_msg("%s", att_message(ctx));
  write_bytes(to, mapping.data, mapping.size);
  att_unmap(&mapping);
}

static inline json_t *find_case(const char *name) {
  json_t *list = json_object_get(fixture, "cases"), *one;
  size_t i;
  json_array_foreach(list, i, one) {
    if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0) return one;
  }
  fail_msg("no case %s", name);
  return NULL;
}

/* The case's folder, as the script that made its vectors had it. */
static inline const char *build(const json_t *one, const char *name) {
  static char root[256];
  static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"};
  const char *base = json_string_value(json_object_get(one, "base")), *key;
  const char *place = json_string_value(json_object_get(one, "place"));
  char from[1024], to[1024];
  json_t *content;
  snprintf(root, sizeof root, "%s", in_folder(name));
  for (int i = 0; i < 4; i++) {
    snprintf(from, sizeof from, "%s/%s/%s", ATT_TEST_DATA, base, files[i]);
    snprintf(to, sizeof to, "%s/%s%s%s", root, place && place[0] ? place : "", place && place[0] ? "/" : "", files[i]);
    copy_file(from, to);
  }
  json_object_foreach(json_object_get(one, "files"), key, content) {
    snprintf(to, sizeof to, "%s/%s", root, key);
    make_parents(to);
    snprintf(from, sizeof from, "%s/sentence/%s", ATT_TEST_DATA,
             json_is_string(content) ? json_string_value(content) + 1 : "");
    const char *text = json_string_value(content);
    if (text && text[0] == '@')
      copy_file(from, to);
    else if (text)
      write_bytes(to, text, strlen(text));
    else
      assert_int_equal(json_dump_file(content, to, 0), 0);
  }
  return root;
}

#endif
