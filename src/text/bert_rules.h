/*
 * Owns BERT's own rules for text (Devlin et al. 2019, as Hugging Face `tokenizers` has them): what its normaliser
 * removes and sets apart, where its pre-tokenizer cuts. Its categories are those of Unicode 8; newer characters
 * have none.
 */
#ifndef ATT_TEXT_BERT_RULES_H
#define ATT_TEXT_BERT_RULES_H

#include "text/components.h"

/* Removes NUL, U+FFFD and control, format and private characters; other white space becomes a space. */
att_status att_bert_clean(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out, bool *first);
/* Spaces around each CJK ideograph. */
att_status att_bert_part_chinese(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                                 bool *first);
/* Removes nonspacing marks (after NFD). */
att_status att_bert_drop_marks(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                               bool *first);
bool att_bert_is_punctuation(int32_t code);
/* White space is dropped, a punctuation character stands alone. */
size_t att_bert_piece(const att_pretokenizer *p, att_text text, size_t start, bool *kept);

#endif
