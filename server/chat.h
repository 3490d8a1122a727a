/*
 * Owns how the messages of a conversation become a prompt, by the model's own template. Refuses to know what is
 * answered.
 */
#ifndef ATT_SERVER_CHAT_H
#define ATT_SERVER_CHAT_H

#include "writing.h"

/* Whether each has a role and a content, which is text or becomes one. False: the task has its answer. param: of which
 * the answer speaks. */
bool att_check_messages(att_task *task, const char *param, json_t *messages);
/* The prompt, as the first part's text. tools: NULL, or what the template makes of them; variables: NULL, or an object
 * of what else it sees. False: the task has its answer. */
bool att_chat_part(att_writing *writing, const char *param, json_t *messages, json_t *tools, const json_t *variables);

#endif
