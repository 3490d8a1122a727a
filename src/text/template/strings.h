/* Owns the methods of str, by Python's rules. Refuses bounds in find() and its like, fields of
 * format() other than {}, {2} and {name}, and rarer methods. */
#ifndef ATT_TEXT_TEMPLATE_STRINGS_H
#define ATT_TEXT_TEMPLATE_STRINGS_H

#include "text/template/call.h"

/* NULL: none of that name. *refused: Python has one. */
const att_function *att_find_string_method(att_text name, bool *refused);

#endif
