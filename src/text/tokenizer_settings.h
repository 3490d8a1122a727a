/*
 * Owns what stands beside a tokenizer in a folder and changes it: tokenizer_config.json, with special_tokens_map.json
 * and added_tokens.json from before it, and the class that Transformers gives such a folder's tokenizer. Changes a
 * tokenizer.json accordingly, as Transformers 5 does when it loads the folder, so that what a part means is known in
 * one place (components.c).
 */
#ifndef ATT_TEXT_TOKENIZER_SETTINGS_H
#define ATT_TEXT_TOKENIZER_SETTINGS_H

#include "formats/json.h"

typedef struct att_tokenizer_settings {
  json_t *config;      /* tokenizer_config.json's object, the older files' names and tokens in it; never NULL */
  char class_name[64]; /* "BertTokenizer": as tokenizer_config.json says, or config.json, or as the type of model has it
                        */
} att_tokenizer_settings;

/* A file that is absent says nothing; one that is broken is an error, as it is to Transformers. */
att_status att_tokenizer_settings_read(att_context *ctx, const char *folder, att_tokenizer_settings *out);
void att_tokenizer_settings_free(att_tokenizer_settings *settings);

/* root: a tokenizer.json, or its model alone where `older` says that the folder has none. name: for messages. */
att_status att_tokenizer_settings_apply(att_context *ctx, const att_tokenizer_settings *settings, const char *name,
                                        bool older, json_t *root);

#endif
