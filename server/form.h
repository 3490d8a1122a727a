/*
 * Owns reading multipart/form-data: fields become a request, by the route's table; one of them is a file, whose bytes
 * stay in memory. Refuses to know connections and what a field means.
 */
#ifndef ATT_SERVER_FORM_H
#define ATT_SERVER_FORM_H

#include "out.h"
#include "params.h"

#include <microhttpd.h>

typedef struct att_form att_form;

/* NULL: the request is none, or there is no memory. */
att_form *att_form_new(struct MHD_Connection *connection, const att_param *table);
/* False: it is no such form, or there is no memory. */
bool att_form_put(att_form *form, const char *data, size_t size);
/* The fields as an object, a file by its size; its bytes in *file, then the caller's. NULL: *wrong says why. */
json_t *att_form_take(att_form *form, att_out *file, att_wrong *wrong);
/* NULL is fine. */
void att_form_free(att_form *form);

#endif
