/* Owns the tests behind `is`, which select() and its like take by name too. */
#ifndef ATT_TEXT_TEMPLATE_TESTS_H
#define ATT_TEXT_TEMPLATE_TESTS_H

#include "text/template/call.h"

/* NULL: none of that name. A test gives a bool. */
const att_function *att_find_test(att_text name);

#endif
