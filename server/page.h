/* Owns the page at "/", and what a browser may do with it. */
#ifndef ATT_SERVER_PAGE_H
#define ATT_SERVER_PAGE_H

#include "task.h"

/* malloc's. Its script and style have a nonce of this call. */
char *att_page(att_tasks *tasks, const char *rest, size_t *size);

enum { ATT_POLICY = 400 };
/* The content security policy of a page that att_page gave: nothing runs but what has its nonce. */
void att_page_policy(const char *page, char policy[ATT_POLICY]);

#endif
