/*
 * Owns a locale that writes a comma where a number has a point. It is made here, as a bare machine has none; another C
 * library than glibc may not take it.
 */
#ifndef ATT_TESTS_COMMA_LOCALE_H
#define ATT_TESTS_COMMA_LOCALE_H

#include "scratch.h"

#include <locale.h>
#include <stdlib.h>

/* The scratch folder gets it, as the folder "xx": a compiled LC_NUMERIC as glibc maps it, which is a magic number, the
 * count of items, where each begins, the items. */
static inline void make_comma_locale(void) {
  const struct {
    uint32_t magic, count, point, thousands, grouping, wide_point, wide_thousands, charset;
    char texts[4];
    uint32_t wide[2];
    char name[8];
  } file = {0x20031115 ^ 1, 6, 32, 34, 35, 36, 40, 44, ",", {',', 0}, "UTF-8"};
  assert_int_equal(mkdir(in_folder("xx"), 0700), 0);
  write_bytes(in_folder("xx/LC_NUMERIC"), &file, 50);
  setenv("LOCPATH", folder, 1);
}

static inline void remove_comma_locale(void) {
  unsetenv("LOCPATH"); /* glibc leaks a little of it in each program that sets a locale */
  unlink(in_folder("xx/LC_NUMERIC"));
  rmdir(in_folder("xx"));
}

/* The process's numbers are written so until setlocale(LC_NUMERIC, "C"). False where this C library cannot be given the
 * locale: glibc can. */
static inline bool set_comma_locale(void) {
  char text[16];
  bool set = setlocale(LC_NUMERIC, "xx") != NULL;
#ifdef __GLIBC__
  assert_true(set);
#endif
  if (!set) {
    printf("skipped: this C library takes no locale with a decimal comma\n");
    return false;
  }
  snprintf(text, sizeof text, "%.1f", 0.5);
  assert_string_equal(text, "0,5");
  assert_true(strtod("0.5", NULL) == 0); /* what is tried with it does happen here */
  return true;
}

#endif
