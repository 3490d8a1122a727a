/* Owns what att_generate asks of a service beyond the public calls: beginnings that come from files and go there. */
#ifndef ATT_SERVE_SERVICE_H
#define ATT_SERVE_SERVICE_H

#include "decode/saved.h"

/* Keeps what a file of att_service_save has, for prompts that begin so. */
att_status att_service_load(att_service *service, const char *path);
/* From now on prompts are kept, without what is written behind them. */
void att_service_keep_prompts(att_service *service);
/* The first `length` tokens of what was kept last, or as many as it has; whole or not at all. */
att_status att_service_save(att_service *service, int64_t length, const char *path);

#endif
