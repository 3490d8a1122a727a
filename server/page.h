/* Owns the page at "/". */
#ifndef ATT_SERVER_PAGE_H
#define ATT_SERVER_PAGE_H

#include "task.h"

/* malloc's. */
char *att_page(att_tasks *tasks, size_t *size);

#endif
