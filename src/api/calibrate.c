/*
 * Owns what quantizing should heed: while a text is read, the squares of what each column of each weight is multiplied
 * with are added up (att_weight.moments), and their means stay with the parameters, for who saves them. Parts of one
 * weight (queries, keys and values) read the same rows. Refuses to know how blocks are chosen.
 */
#include "models/model.h"

#include <string.h>

/* A column that nothing is ever multiplied with still weighs so much of the mean of all. */
#define ATT_LEAST_SHARE 1e-4

/* The first of the parameters that are one weight; the count of its numbers is [cols + 1]. */
static bool begins_weight(const att_parameter *p) { return p->rank == 2 && !p->joined && p->weight; }

static int64_t moments_size(const att_model *model) {
  int64_t total = 0;
  for (size_t i = 0; i < model->parameter_count; i++)
    if (begins_weight(&model->parameters[i])) total += model->parameters[i].cols + 1;
  return total;
}

/* NULL: nobody asks any more. */
static void ask(att_model *model, double *moments) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!begins_weight(p)) continue;
    p->weight->moments = moments;
    if (moments) moments += p->cols + 1;
  }
}

static att_status keep(att_model *model, att_parameter *p, const double *moments) {
  double rows = moments[p->cols], sum = 0;
  att_free(model->ctx, p->importance);
  p->importance = NULL;
  for (int64_t j = 0; j < p->cols; j++) sum += moments[j];
  if (!(rows > 0 && sum > 0)) return ATT_OK; /* it read nothing, or zeros */
  p->importance = ATT_NEW(model->ctx, p->cols, float);
  if (!p->importance) return ATT_MEMORY;
  double least = ATT_LEAST_SHARE * sum / (double)p->cols;
  for (int64_t j = 0; j < p->cols; j++) p->importance[j] = (float)((moments[j] > least ? moments[j] : least) / rows);
  return ATT_OK;
}

static att_status keep_all(att_model *model, const double *moments) {
  const double *own = NULL;
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    if (begins_weight(p)) {
      own = moments;
      moments += p->cols + 1;
    } else if (!p->joined) {
      own = NULL;
    }
    if (own && p->rank == 2) ATT_TRY(keep(model, p, own));
  }
  return ATT_OK;
}

att_status att_model_calibrate(att_model *model, att_text text) {
  att_text_score score;
  ATT_TRY(att_check_verb(model, ATT_VERB_SCORE_TEXT));
  double *moments = ATT_NEW(model->ctx, moments_size(model), double);
  if (!moments) return ATT_MEMORY;
  ask(model, moments);
  att_status status = att_score_text(model, text, 0, &score);
  ask(model, NULL);
  if (!status) status = keep_all(model, moments);
  att_free(model->ctx, moments);
  return status;
}
