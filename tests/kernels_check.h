/*
 * Owns what the kernels' tests share: the tables of this machine, guarded memory, and comparison with double precision.
 * An area ends at a page that may not be touched, so that reading or writing one element too far stops the test; what
 * lies before it (and one element after, in areas shifted off alignment) is a pattern that must stay.
 */
#ifndef KERNELS_CHECK_H
#define KERNELS_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/random.h"
#include "kernels/kernels.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EACH_TABLE(k)                                                                                                  \
  for (size_t table_ = 0; table_ < 3; table_++)                                                                        \
    if ((k = att_kernels_named((const char *[]){"portable", "avx2", "avx512"}[table_])))

static const int64_t sizes[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257};

enum { PAGE = 4096, GUARD = 32 };

typedef struct area {
  char *map;
  size_t mapped;
  float *data;
  int64_t n;
  int shift;
} area;

static inline void put_pattern(float *at, int64_t n) {
  for (int64_t i = 0; i < n; i++) memcpy(at + i, &(uint32_t){0x7fc0dead}, 4);
}

static inline void check_pattern(const float *at, int64_t n) {
  for (int64_t i = 0; i < n; i++) assert_memory_equal(at + i, &(uint32_t){0x7fc0dead}, 4);
}

/* n floats, uniform in [-2, 2). shift: 0 or 1 floats between the end and the page. */
static inline area area_new(int64_t n, int shift, uint64_t seed) {
  size_t bytes = (size_t)(n + GUARD + shift) * sizeof(float), mapped = (bytes + PAGE - 1) / PAGE * PAGE + PAGE;
  area a = {NULL, mapped, NULL, n, shift};
  a.map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(a.map != MAP_FAILED);
  assert_int_equal(mprotect(a.map + mapped - PAGE, PAGE, PROT_NONE), 0);
  a.data = (float *)(void *)(a.map + mapped - PAGE) - n - shift;
  put_pattern(a.data - GUARD, GUARD);
  put_pattern(a.data + n, shift);
  for (int64_t i = 0; i < n; i++) a.data[i] = (float)(4 * att_uniform(seed, (uint64_t)i) - 2);
  return a;
}

static inline void area_free(area *a) {
  check_pattern(a->data - GUARD, GUARD);
  check_pattern(a->data + a->n, a->shift);
  munmap(a->map, a->mapped);
}

static inline double *doubles_of(const float *x, int64_t n) {
  double *y = calloc((size_t)n + 1, sizeof *y);
  for (int64_t i = 0; i < n; i++) y[i] = x[i];
  return y;
}

/* Each within tolerance times the largest of all; there must be something to compare, so that zeros do not pass. */
static inline void check_close(const char *what, const char *table, const float *got, const double *want, int64_t n,
                               double tolerance) {
  double largest = 0;
  for (int64_t i = 0; i < n; i++) largest = fabs(want[i]) > largest ? fabs(want[i]) : largest;
  if (n && !(largest > 0)) fail_msg("%s: nothing but zeros is expected", what);
  for (int64_t i = 0; i < n; i++) {
    if (!(fabs(got[i] - want[i]) <= tolerance * largest))
      fail_msg("%s (%s): element %lld of %lld is %.9g, not %.9g", what, table, (long long)i, (long long)n, got[i],
               want[i]);
  }
}

/* Each within tolerance times itself. */
static inline void check_each(const char *what, const char *table, const float *got, const double *want, int64_t n,
                              double tolerance) {
  for (int64_t i = 0; i < n; i++) check_close(what, table, got + i, want + i, 1, tolerance);
}

#endif
