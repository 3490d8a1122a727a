/*
 * Owns JSON schemas as grammars: what a schema allows, in GBNF, or some of it where all cannot be said (no members but
 * those that are named, no more than one space between tokens). Refuses, by name, what it does not know and what would
 * change what is allowed.
 */
#ifndef ATT_DECODE_JSON_SCHEMA_H
#define ATT_DECODE_JSON_SCHEMA_H

#include "base/context.h"

/* ATT_ARGUMENT: the text is no JSON, no schema, asks for what attend does not know, contradicts itself or is too large.
 * *gbnf: appended to. */
att_status att_json_schema_grammar(att_context *ctx, const char *text, att_buffer *gbnf);

#endif
