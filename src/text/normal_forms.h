/*
 * Owns Unicode's normal forms of a text, and a text in lower case. Marks and compositions are those of Unicode 9, as in
 * Hugging Face `tokenizers`: what came later stays as it is.
 */
#ifndef ATT_TEXT_NORMAL_FORMS_H
#define ATT_TEXT_NORMAL_FORMS_H

#include "base/context.h"

typedef enum att_form { ATT_NFC, ATT_NFD, ATT_NFKC, ATT_NFKD } att_form;

/* Both append to out; the text must be valid UTF-8. Lower case: a character at a time, without context. */
att_status att_normal_form(att_context *ctx, att_form form, att_text text, att_buffer *out);
att_status att_lowercase(att_context *ctx, att_text text, att_buffer *out);

#endif
