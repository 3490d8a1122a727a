/*
 * Owns what the families' readers and writers of config.json share: lists of keys that are read, checked and written
 * alike, and the spellings of choices. (settings.c)
 */
#ifndef ATT_MODELS_SETTINGS_H
#define ATT_MODELS_SETTINGS_H

#include "formats/json_object.h"
#include "models/config.h"

#include <stddef.h>

#define ATT_LARGEST_SIZE ((int64_t)1 << 20) /* of one dimension */
#define ATT_COUNT(list)  (sizeof(list) / sizeof *(list))

/* One file being read; name is its path, for messages. */
typedef struct att_settings {
  att_context *ctx;
  const char *name;
  json_t *root;
} att_settings;

/* A family's model_type: "marian", ... */
const char *att_family_type(att_family family);

/* A whole number that is a size: offset of an int64_t in att_config. */
typedef struct att_size_key {
  const char *key;
  size_t offset;
  int64_t most;
} att_size_key;

att_status att_read_sizes(const att_settings *in, const att_size_key *keys, size_t count, att_config *config);
att_status att_check_sizes(att_context *ctx, const char *name, const att_size_key *keys, size_t count,
                           const att_config *config);
void att_put_sizes(att_object *out, const att_size_key *keys, size_t count, const att_config *config);

/* A switch that attend knows in one position only. */
typedef struct att_switch_key {
  const char *key;
  bool known;
} att_switch_key;
att_status att_refuse_switches(const att_settings *in, const char *type, const att_switch_key *keys, size_t count);

/* Absent: what is there stays. */
att_status att_read_input_width(const att_settings *in, att_config *config);
void att_put_input_width(att_object *out, const att_config *config);
att_status att_read_string(const att_settings *in, const char *key, const char **out);
att_status att_read_bool(const att_settings *in, const char *key, bool *out);
att_status att_read_float(const att_settings *in, const char *key, float *out);
/* Only training needs it: what it cannot be is said, and the class's stays. */
void att_read_dropout(const att_settings *in, const char *key, att_config *config);
/* One object of rotary settings over what *rope has; the sizes are in config. partial: a part of a head may be turned,
 * as phi3 has it. What is not known of it is warned of. (rope_settings.c) */
att_status att_read_rope(const att_settings *in, const json_t *object, bool partial, const att_config *config,
                         att_rope *rope);
/* All of layers that share them, into config->rope: rope_parameters, as Transformers 5 has them, or the older
 * rope_theta and rope_scaling, which counts where there are both. */
att_status att_read_ropes(const att_settings *in, bool partial, att_config *config);
/* An object of rotary settings of that name; NULL: there is none. */
att_status att_rope_object(const att_settings *in, const json_t *from, const char *key, const json_t **out);
/* A dynamic base is for sequences that are longer than max_position_embeddings, which grow. */
att_status att_read_dynamic_limit(const att_settings *in, att_config *config);
/* size: of a head. */
att_status att_check_rope(att_context *ctx, const char *name, const att_rope *rope, int64_t size);
void att_put_rope(att_object *out, const char *key, const att_rope *rope, int64_t size);
att_status att_read_activation(const att_settings *in, const char *key, att_activation *out);
/* Pad, bos, eos and decoder start, by number. */
#define ATT_SPECIALS 4
const char *att_special_key(int i);
int32_t *att_special_at(att_config *config, int i);
int32_t att_special_of(const att_config *config, int i);
/* After the sizes. What is no token of the vocabulary is none, as in Transformers ("pad_token_id": -1 is Meta's word
 * for it): a verb that needs the token says so. Of a list the first. */
void att_read_specials(const att_settings *in, att_config *config);
/* One: null where it is negative. */
void att_put_special(att_object *out, const att_config *config, int i);
void att_put_specials(att_object *out, const att_config *config);

/* Hugging Face's name of an activation, attend's of a position; NULL: none that a config can have. */
const char *att_activation_name(att_activation activation);
const char *att_position_name(att_position position);
/* By its name in a file; key: for the message. */
att_status att_activation_find(const att_settings *in, const char *key, const char *name, att_activation *out);
att_status att_position_find(att_context *ctx, const char *name, const char *text, att_position *out);

/* What all Transformers share: kind, heads, positions, parameters. key: what the file calls the width. */
att_status att_check_transformer(att_context *ctx, const char *name, const char *key, att_kind kind,
                                 const att_config *config);
/* heads divide the width (size 0), or size is that of each; key/value heads (0: as many) divide the heads. */
att_status att_check_heads(att_context *ctx, const char *name, const char *key, int64_t heads,
                           const att_config *config);
/* No key/value heads that are shared, no size of heads but the width's share. */
bool att_config_has_own_heads(const att_config *config);
/* Refuses more parameters than attend holds. */
att_status att_check_parameter_count(att_context *ctx, const char *name, int64_t parameters);
/* An upper bound of a Transformer's parameters, for sizes that have been checked; refuses more than attend holds. */
att_status att_check_parameters(att_context *ctx, const char *name, const att_config *config);

#endif
