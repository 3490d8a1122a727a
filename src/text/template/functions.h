/* Owns the functions that every template sees: range, dict, namespace, raise_exception, strftime_now. */
#ifndef ATT_TEXT_TEMPLATE_FUNCTIONS_H
#define ATT_TEXT_TEMPLATE_FUNCTIONS_H

#include "text/template/call.h"

/* NULL: none of that name. */
const att_function *att_find_global(att_text name);

#endif
