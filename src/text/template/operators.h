/* Owns Python's operators on values: arithmetic, `in`, slices. Refuses % of a string (formatting) and integers beyond
 * 64 bits. */
#ifndef ATT_TEXT_TEMPLATE_OPERATORS_H
#define ATT_TEXT_TEMPLATE_OPERATORS_H

#include "text/template/syntax.h"

att_status att_operate(att_render *r, att_operator op, const att_value *a, const att_value *b, att_value *out);
/* -v, or +v */
att_status att_sign(att_render *r, bool minus, const att_value *v, att_value *out);
/* item in container */
att_status att_contains(att_render *r, const att_value *container, const att_value *item, bool *contains);
/* v[bounds[0]:bounds[1]:bounds[2]]; None: no bound. */
att_status att_slice(att_render *r, const att_value *v, const att_value bounds[3], att_value *out);

att_status att_compare_values(att_render *r, att_comparison op, const att_value *a, const att_value *b, bool *holds);

#endif
