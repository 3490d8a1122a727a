/*
 * Owns the chat template of a tokenizer: which of its templates is meant, and what the template sees beside a chat's
 * own variables (special tokens), as apply_chat_template of Transformers has it. Refuses to know Jinja.
 */
#ifndef ATT_TEXT_CHAT_H
#define ATT_TEXT_CHAT_H

#include "formats/json.h"
#include "text/tokenizer.h"

/* Appends what the tokenizer's chat template makes of variables, an object with "messages", which is changed: special
 * tokens come in, tools, documents and add_generation_prompt (true) where they are missing, messages lose what is null,
 * and what a message thinks gets both its names. ATT_UNSUPPORTED: there is no template. ATT_ARGUMENT: the messages are
 * no list of objects, or the template refuses them. */
att_status att_chat_render(const att_tokenizer *tokenizer, att_context *ctx, json_t *variables, att_buffer *out);

#endif
