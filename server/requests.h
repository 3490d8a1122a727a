/* Owns what requests say alike: which model, which texts. What is wrong is the task's answer. */
#ifndef ATT_SERVER_REQUESTS_H
#define ATT_SERVER_REQUESTS_H

#include "hosted.h"
#include "task.h"

/* "model", or {NULL, 0}. */
att_text att_model_name(const json_t *request);
/* The model of that name, opened, or where there is none the first that has the verb (-1: any). NULL: the task has its
 * answer. */
att_hosted *att_find_model(att_task *task, att_hosts *hosts, att_text name, int verb);
/* A string or an array of up to `most`, as a malloc's list into the request. False: the task has its answer. */
bool att_take_texts(att_task *task, const att_hosts *hosts, const char *param, json_t *value, size_t most,
                    att_text **texts, size_t *count);
/* Reads the route's parameters. False: the task has its answer. */
bool att_take_params(att_task *task, void *into);

#endif
