/*
 * Owns randomness: pure functions of (key, index), so that nothing is stored and no result depends on threads or order
 * (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 */
#ifndef ATT_BASE_RANDOM_H
#define ATT_BASE_RANDOM_H

#include <stdint.h>

/* Mixes a key out of parts: att_key(att_key(seed, step), place). (splitmix64's finaliser, Steele et al. 2014) */
static inline uint64_t att_key(uint64_t key, uint64_t part) {
  uint64_t z = key + 0x9e3779b97f4a7c15u * (part + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* 64 random bits for an index. */
static inline uint64_t att_random64(uint64_t key, uint64_t index) { return att_key(att_key(key, index), 0x5bd1e995u); }

/* Uniform in [0, 1), 53 bits. */
static inline double att_uniform(uint64_t key, uint64_t index) {
  return (double)(att_random64(key, index) >> 11) * 0x1p-53;
}

/* 32 random bits for an index, from 32-bit operations only so that a vector register makes many at once: dropout's
 * generator. Each kernel must give exactly these bits. (Two rounds of a 32-bit avalanche mixer, one for each half of
 * the key) */
static inline uint32_t att_random32(uint64_t key, uint32_t index) {
  uint32_t x = index ^ (uint32_t)key;
  x ^= x >> 16;
  x *= 0x21f0aaadu;
  x ^= x >> 15;
  x *= 0x735a2d97u;
  x ^= (uint32_t)(key >> 32);
  x ^= x >> 15;
  x *= 0x21f0aaadu;
  x ^= x >> 16;
  return x;
}

/* Standard normal (Box & Muller 1958). */
double att_normal(uint64_t key, uint64_t index);

#endif
