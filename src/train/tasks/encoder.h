/*
 * Owns what the tasks of encoders share: sizes, the tokenizer with BERT's special tokens, the model's configuration.
 */
#ifndef ATT_TRAIN_TASKS_ENCODER_H
#define ATT_TRAIN_TASKS_ENCODER_H

#include "train/trainer.h"

extern const att_shapes att_encoder_shapes;

/* What is unset of the model (unless it is there), the text and the rate. size: of att_encoder_shapes. vocab: pieces.
 * lr: of a Transformer 256 wide, from scratch. */
void att_encoder_choose(att_plan *plan, int size, int64_t vocab, double lr);
/* plain: of letters and bytes, text that spells a special token is text (a model that fills masks must find them). */
att_status att_encoder_train_tokenizer(att_trainer *trainer, const att_text *const *texts, const size_t *counts,
                                       size_t text_count, bool plain, att_tokenizer **tokenizer);
/* All but the head. */
void att_encoder_configure(const att_plan *plan, const att_tokenizer *tokenizer, att_config *config);
/* A new model's words begin where the words around them in the training text put them (docs/TRAINING.md); those of a
 * model that is there stay. */
att_status att_encoder_place_words(att_trainer *trainer, const att_ids *ids);

#endif
