/* Owns the generator's normal distribution. See random.h. */
#include "base/random.h"

#include <math.h>

double att_normal(uint64_t key, uint64_t index) {
  double u = 1.0 - att_uniform(key, 2 * index); /* in (0, 1] */
  double v = att_uniform(key, 2 * index + 1);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
