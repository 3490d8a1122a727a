/* Owns dropout's keys and thresholds. See dropout.h. */
#include "tensor/dropout.h"
#include "base/random.h"
#include "tensor/ops.h"

#include <string.h>

att_dropout att_dropout_of(const att_run *run, uint32_t place) {
  att_dropout dropout = {0, 0, 1.0f};
  if (run->dropout <= 0.0f || place == ATT_NO_DROPOUT) return dropout;
  dropout.key = att_key(run->dropout_key, place);
  dropout.threshold = (uint32_t)((double)run->dropout * 4294967296.0);
  dropout.keep_scale = 1.0f / (1.0f - run->dropout);
  return dropout;
}

void att_dropout_apply(const att_dropout *dropout, float *y, const float *x, int64_t first, bool accumulate,
                       int64_t n) {
  if (dropout->threshold == 0 && !accumulate) {
    if (y != x) memcpy(y, x, (size_t)n * sizeof *y);
    return;
  }
  att_kernels_get()->dropout(y, x, dropout->key, (uint32_t)first, dropout->threshold, dropout->keep_scale, accumulate,
                             n);
}
