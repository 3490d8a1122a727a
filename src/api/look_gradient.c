/* Owns what look.h says. */
#include "api/look.h"

#include <math.h>

void att_look_measure(const att_tensor *embedded, float *norms) {
  const float *gradient = att_gradient_of(embedded);
  for (int64_t r = 0; r < embedded->rows && gradient; r++) {
    double square = 0;
    for (int64_t c = 0; c < embedded->cols; c++) {
      double g = (double)gradient[r * embedded->stride + c];
      square += g * g;
    }
    norms[r] = (float)sqrt(square);
  }
}

att_status att_look_push(att_run *run, att_model *model, const att_hidden *hidden, const att_tensor *embedded,
                         int64_t row, int64_t *label, float *norms) {
  att_tensor logits;
  bool accumulate;
  float *gradient;
  ATT_TRY(att_head_logits(run, model, hidden, &logits));
  ATT_TRY(att_gradient_open(run, &logits, &gradient, &accumulate));
  memset(gradient, 0, (size_t)(logits.rows * logits.stride) * sizeof *gradient);
  *label = model->head->push(logits.data + row * logits.stride, logits.cols, gradient + row * logits.stride);
  ATT_TRY(att_backward(run));
  att_look_measure(embedded, norms);
  return ATT_OK;
}
