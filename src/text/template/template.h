/*
 * Owns chat templates: Jinja2 as Transformers' apply_chat_template runs it (trim_blocks, lstrip_blocks, the immutable
 * sandbox, its own tojson, raise_exception, strftime_now, {% generation %}). Refuses what chat templates do not use:
 * syntax.h, filters.c and strings.h say what that is; such a template ends in ATT_UNSUPPORTED. A template is hostile:
 * what loops, recurses or grows without end ends in a message.
 */
#ifndef ATT_TEXT_TEMPLATE_TEMPLATE_H
#define ATT_TEXT_TEMPLATE_TEMPLATE_H

#include "formats/json.h"

typedef struct att_chat_template att_chat_template;

/* Copies and parses the text. name: for messages, copied too. ATT_FORMAT: "NAME, line N: ...". */
att_status att_chat_template_open(att_context *ctx, const char *name, att_text text, att_chat_template **out);
void att_chat_template_free(att_chat_template *template); /* NULL is fine */
/* Appends what the template makes of the variables, an object. ATT_ARGUMENT: what raise_exception said; ATT_FORMAT:
 * "NAME, line N: ...", also beyond the bounds. A failure leaves *out as it was. Several renders may run at once. */
att_status att_chat_template_render(const att_chat_template *template, att_context *ctx, const json_t *variables,
                                    att_buffer *out);

#endif
