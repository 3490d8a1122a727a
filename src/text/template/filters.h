/* Owns the filters, which map() takes by name too. Refuses those that no chat template needs: see filters.c. */
#ifndef ATT_TEXT_TEMPLATE_FILTERS_H
#define ATT_TEXT_TEMPLATE_FILTERS_H

#include "text/template/call.h"

/* NULL: none of that name. */
const att_function *att_find_filter(att_text name);

/* filters_of_text.c: of strings, numbers and JSON. */
att_call_fn att_filter_method, att_filter_replace, att_filter_string, att_filter_title, att_filter_indent,
    att_filter_tojson, att_filter_int, att_filter_float, att_filter_abs, att_filter_round;
/* The modes of att_filter_method. */
enum { ATT_FILTER_UPPER, ATT_FILTER_LOWER, ATT_FILTER_CAPITALIZE, ATT_FILTER_TRIM };

#endif
