/* Owns how values are written: str(), repr() and json.dumps() of Python. All append to r->out. */
#ifndef ATT_TEXT_TEMPLATE_PRINT_H
#define ATT_TEXT_TEMPLATE_PRINT_H

#include "text/template/value.h"

att_status att_print(att_render *r, const att_value *v); /* str() */
att_status att_print_repr(att_render *r, const att_value *v);
/* str() as a string; a string is its own. */
att_status att_to_text(att_render *r, const att_value *v, att_text *out);
/* json.dumps(). */
typedef struct att_json_style {
  bool ascii;              /* ensure_ascii */
  bool sorted;             /* sort_keys */
  bool indented;           /* on lines of their own, after */
  att_text indent;         /* as often as a value lies deep */
  att_text between, colon; /* separators */
} att_json_style;
att_status att_print_json(att_render *r, const att_value *v, const att_json_style *style);

#endif
