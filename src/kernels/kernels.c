/*
 * Owns the choice of the kernels: what the processor and the operating system allow, once, at first use. Refuses to
 * know any kernel.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/portable.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { PORTABLE, AVX2, AVX512, SETS };

static att_kernels tables[SETS];
static bool available[SETS];
static const att_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The best set that may be used: the processor must have its instructions, and the operating system must save its
 * registers when it switches threads (xgetbv; Intel's manual, volume 1, sections 13.3 and 15.2). */
static int best_set(void) {
#if defined(__x86_64__)
  unsigned a, b, c, d, features;
  if (!__get_cpuid(1, &a, &b, &features, &d)) return PORTABLE;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if (~features & (fma | osxsave | avx | f16c)) return PORTABLE;
  unsigned saved, high;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if (~saved & 0x6u || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 5)) return PORTABLE;
  const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  return ~saved & 0xe6u || ~b & (f | dq | bw | vl) ? AVX2 : AVX512;
#else
  return PORTABLE;
#endif
}

static void fill(void) {
  static const char *const names[SETS] = {"portable", "avx2", "avx512"};
  static bool (*const fillers[SETS])(att_kernels *) = {NULL, att_kernels_avx2, att_kernels_avx512};
  const char *cap = getenv("ATTEND_ISA");
  int best = best_set(), limit = SETS - 1;
  for (int i = 0; cap && i < SETS; i++)
    if (!strcmp(cap, names[i])) limit = i;
  att_kernels_portable(&tables[PORTABLE]);
  available[PORTABLE] = true;
  chosen = &tables[PORTABLE];
  for (int i = AVX2; i <= best; i++) {
    tables[i] = tables[i - 1];
    tables[i].name = names[i];
    available[i] = fillers[i](&tables[i]);
    if (available[i] && i <= limit) chosen = &tables[i];
  }
}

const att_kernels *att_kernels_get(void) {
  pthread_once(&once, fill);
  return chosen;
}

const att_kernels *att_kernels_named(const char *name) {
  pthread_once(&once, fill);
  for (int i = 0; i < SETS; i++)
    if (available[i] && !strcmp(tables[i].name, name)) return &tables[i];
  return NULL;
}
