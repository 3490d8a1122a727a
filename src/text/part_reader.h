/*
 * Owns what the readers of a tokenizer.json's parts share: messages, types, sequences, patterns. Refuses to know any
 * part.
 */
#ifndef ATT_TEXT_PART_READER_H
#define ATT_TEXT_PART_READER_H

#include "text/components.h"

/* Reading what tokenizer.json says. name: of the file, for messages. */
typedef struct att_part_reader {
  att_context *ctx;
  const char *name;
  att_tokenizer *t;
} att_part_reader;

att_status att_part_unsupported(const att_part_reader *r, const char *part, const char *type);
att_status att_part_wrong(const att_part_reader *r, const char *what);
/* The type of a part that is an object. */
att_status att_part_type(const att_part_reader *r, const json_t *part, const char **type);
/* A part that may be a Sequence of parts under `key`. Nesting is bounded by the parser's. */
typedef att_status att_part_fn(const att_part_reader *r, const json_t *part);
att_status att_part_sequence(const att_part_reader *r, const json_t *part, const char *key, att_part_fn *read);
/* The pattern of a Split or Replace: {"String": ...} or {"Regex": ...}. what: for messages. */
att_status att_part_pattern(const att_part_reader *r, const json_t *part, const char *what, att_pattern *pattern);
att_part_fn att_normalizer_read, att_pretokenizer_read;
/* Metaspace's prepend_scheme (older files say add_prefix_space), and its character. */
att_status att_metaspace_prepend(const att_part_reader *r, const json_t *part, att_prepend *prepend);
att_status att_metaspace_character(const att_part_reader *r, const json_t *part, const char **space);

#endif
