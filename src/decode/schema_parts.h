/*
 * Owns what the keys of a JSON schema are: which are known, which only tell people something, and how two schemas that
 * must both hold become one. Refuses to know grammars.
 */
#ifndef ATT_DECODE_SCHEMA_PARTS_H
#define ATT_DECODE_SCHEMA_PARTS_H

#include "base/context.h"

#include <jansson.h>

/* Whether it changes nothing that a schema allows. */
bool att_schema_is_note(const char *key);
/* ATT_ARGUMENT: a key is not known. */
att_status att_schema_check(att_context *ctx, const json_t *schema);
/* Whether `type`, a name or a list of them, has what a name says: a number may be an integer. */
bool att_schema_has_type(const json_t *type, const char *name);
/* Whether a value is of such a type. */
bool att_schema_is_of(const json_t *type, const json_t *value);
bool att_schema_is_of_name(const char *type, const json_t *value);
/* Adds to `into`, whose members may be others', what `from` says. ATT_ARGUMENT: attend cannot say both in one. */
att_status att_schema_merge(att_context *ctx, json_t *into, const json_t *from);

#endif
