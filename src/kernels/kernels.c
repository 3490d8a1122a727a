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

enum { PORTABLE, AVX2, AVX2_VNNI, AVX512, AVX512_VNNI, SETS };

static att_kernels tables[SETS];
static bool available[SETS];
static const att_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The sets that may be used, as bits: the processor must have the instructions, and the operating system must save the
 * registers when it switches threads (xgetbv; Intel's manual, volume 1, sections 13.3 and 15.2). */
static unsigned allowed_sets(void) {
#if defined(__x86_64__)
  unsigned a, b, c, d, features, sets = 0;
  if (!__get_cpuid(1, &a, &b, &features, &d)) return 0;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if (~features & (fma | osxsave | avx | f16c)) return 0;
  unsigned saved, high;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if (~saved & 0x6u || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 5)) return 0;
  sets |= 1u << AVX2;
  const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31, vnni512 = 1u << 11, vnni = 1u << 4;
  if (!(~saved & 0xe6u) && !(~b & (f | dq | bw | vl))) sets |= 1u << AVX512;
  if (sets & 1u << AVX512 && c & vnni512) sets |= 1u << AVX512_VNNI;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && a & vnni) sets |= 1u << AVX2_VNNI;
  return sets;
#else
  return 0;
#endif
}

static bool fill_avx2(att_kernels *table) { return att_kernels_avx2(table) && att_quant_avx2(table); }

static bool fill_avx512(att_kernels *table) { return att_kernels_avx512(table) && att_quant_avx512(table); }

static void fill(void) {
  static const struct {
    const char *name;
    bool (*fill)(att_kernels *);
  } sets[SETS] = {[AVX2] = {"avx2", fill_avx2},
                  [AVX2_VNNI] = {"avx2-vnni", att_quant_avx2_vnni},
                  [AVX512] = {"avx512", fill_avx512},
                  [AVX512_VNNI] = {"avx512-vnni", att_quant_avx512_vnni}};
  const char *cap = getenv("ATTEND_ISA");
  unsigned allowed = allowed_sets();
  int limit = SETS - 1, last = PORTABLE;
  for (int i = AVX2; cap && i < SETS; i++)
    if (!strcmp(cap, sets[i].name)) limit = i;
  if (cap && !strcmp(cap, "portable")) limit = PORTABLE;
  att_kernels_portable(&tables[PORTABLE]);
  available[PORTABLE] = true;
  chosen = &tables[PORTABLE];
  for (int i = AVX2; i < SETS; i++) {
    if (!(allowed & 1u << i)) continue;
    tables[i] = tables[last];
    tables[i].name = sets[i].name;
    available[i] = sets[i].fill(&tables[i]);
    if (!available[i]) continue;
    last = i;
    if (i <= limit) chosen = &tables[i];
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
