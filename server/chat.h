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
/* What a chat template sees beside the messages. */
typedef struct att_chat_extras {
  json_t *tools;           /* or NULL */
  bool tools_optional;     /* a template that makes nothing of them is no error */
  const json_t *variables; /* an object, or NULL */
} att_chat_extras;

/* The prompt, as the first part's text. False: the task has its answer. */
bool att_chat_part(att_writing *writing, const char *param, json_t *messages, const att_chat_extras *extras);

#endif
