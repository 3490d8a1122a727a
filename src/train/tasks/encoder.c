/* Owns what encoder.h says. */
#include "train/tasks/encoder.h"

#include "models/parameters.h"

#include "base/random.h"
#include "kernels/kernels.h"
#include "train/tasks/cooccurrence.h"

#include <math.h>
#include <string.h>

/* BERT's sizes in small: tiny is Google's BERT-tiny, small its BERT-mini (Turc et al. 2019), then base and large. */
const att_shapes att_encoder_shapes = {
    ATT_ENCODER, {{2, 128, 2, 512}, {4, 256, 4, 1024}, {12, 768, 12, 3072}, {24, 1024, 16, 4096}}};

/* From scratch the rate falls with the root of the width; a model that is trained already wants a fraction, as BERT's
 * authors chose for its width of 768 (Devlin et al. 2019, appendix A.3), and a narrower one much more: at 128 as
 * much as from scratch. */
static double lr_for(const att_plan *p, double lr) {
  double narrower = 768 / (double)(p->width < 1 ? 1 : p->width);
  if (p->fine_tuned == 1) return fmin(8e-4, 3e-5 * narrower * narrower);
  return p->network == ATT_TRANSFORMER ? lr * att_plan_width_scale(p) : 1e-3;
}

void att_encoder_choose(att_plan *p, int size, int64_t vocab, double lr) {
  if (p->fine_tuned != 1) {
    if (p->network == ATT_FFN) { /* its weights grow with the positions */
      att_choose_whole(&p->context, 64);
      att_choose_whole(&p->max_length, p->context);
    }
    att_plan_choose_size(p, &att_encoder_shapes, size);
    att_choose_whole(&p->lowercase, p->tokenizer == ATT_WORDPIECE || p->tokenizer == ATT_BPE);
    att_choose_whole(&p->vocab, vocab);
  }
  att_choose_number(&p->lr, lr_for(p, lr));
}

att_status att_encoder_train_tokenizer(att_trainer *t, const att_text *const *texts, const size_t *counts,
                                       size_t text_count, bool plain, att_tokenizer **tokenizer) {
  static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  const att_plan *p = &t->state.plan;
  const att_tokenizer_plan plan = {.kind = (att_tokenizer_kind)p->tokenizer,
                                   .vocab = (int)p->vocab,
                                   .lowercase = p->lowercase == 1,
                                   .plain = plain,
                                   .first_specials = specials,
                                   .first_count = sizeof specials / sizeof *specials,
                                   .start_token = "[CLS]",
                                   .end_token = "[SEP]"};
  t->work = "learning the vocabulary";
  return att_tokenizer_train(t->ctx, texts, counts, text_count, &plan, att_trainer_work, t, tokenizer);
}

void att_encoder_configure(const att_plan *p, const att_tokenizer *tokenizer, att_config *c) {
  att_plan_config(p, ATT_ENCODER, tokenizer, c);
  if (!tokenizer) return;
  c->pad = att_tokenizer_id(tokenizer, "[PAD]");
  c->unk = att_tokenizer_id(tokenizer, "[UNK]");
  c->mask = att_tokenizer_id(tokenizer, "[MASK]");
}

static att_status find_rows(att_trainer *t, const att_parameter *p, const att_ids *ids, bool *specials, float *rows) {
  uint64_t key = att_key((uint64_t)t->state.plan.seed, 0x706c616365);
  for (int32_t i = 0; i < p->rows; i++) specials[i] = att_tokenizer_is_special(t->model->tokenizer, i);
  t->work = "initialising word vectors";
  return att_cooccurrence_rows(t->ctx, ids->data, ids->count, specials, p->rows, p->cols, key, att_trainer_work, t,
                               rows);
}

/* A row of zeros: not in the text, and stays as it was drawn. */
static void take_rows(float *values, const float *rows, const att_parameter *p) {
  for (int64_t i = 0; i < p->rows; i++) {
    const float *row = rows + i * p->cols;
    if (att_kernels_get()->sum_squares(row, p->cols) > 0)
      memcpy(values + i * p->cols, row, (size_t)p->cols * sizeof *row);
  }
}

att_status att_encoder_place_words(att_trainer *t, const att_ids *ids) {
  if (t->resumed || t->options->from || t->model->config.vocab_size == 0) return ATT_OK;
  const att_parameter *p = t->model->parameters; /* the first table of the vocabulary is what embeds the tokens */
  while (p->rank != 2 || p->rows != t->model->config.vocab_size) p++;
  bool *specials = ATT_NEW(t->ctx, p->rows, bool);
  float *rows = att_alloc(t->ctx, (size_t)p->rows, (size_t)p->cols * sizeof *rows);
  att_status status = specials && rows ? find_rows(t, p, ids, specials, rows) : ATT_MEMORY;
  if (!status) take_rows(att_parameter_values(p), rows, p);
  att_free(t->ctx, specials);
  att_free(t->ctx, rows);
  return status;
}
