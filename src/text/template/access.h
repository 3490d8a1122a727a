/*
 * Owns what a.b and a[b] mean, with the methods of dicts, lists and loops. Refuses methods that change a value, as the
 * sandbox of Transformers does.
 */
#ifndef ATT_TEXT_TEMPLATE_ACCESS_H
#define ATT_TEXT_TEMPLATE_ACCESS_H

#include "text/template/call.h"

/* v.name: an attribute or method, else the member of a dict; an undefined value where there is neither. */
att_status att_get_attribute(att_render *r, const att_value *v, att_text name, att_value *out);
/* v[key]: an element or member, else the attribute. */
att_status att_get_item(att_render *r, const att_value *v, const att_value *key, att_value *out);

#endif
