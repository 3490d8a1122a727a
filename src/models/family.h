/*
 * Owns what a family of models answers to: one table of calls each. The calls of model.h check their input and go
 * through it. The Transformers share one forward pass (transformer.c) and differ in their descriptions; the recurrent
 * (recurrent.c) and the padded networks (padded.c) have their own.
 */
#ifndef ATT_MODELS_FAMILY_H
#define ATT_MODELS_FAMILY_H

#include "formats/json.h"
#include "models/model.h"

/* One file being read; name is its path, for messages. */
typedef struct att_settings {
  att_context *ctx;
  const char *name;
  json_t *root;
} att_settings;

/* A JSON object as it grows. The first failure stays, so that a list of keys reads as one. (config.c) */
typedef struct att_object {
  att_context *ctx;
  att_buffer text;
  att_status status;
} att_object;
void att_put(att_object *out, const char *key, const char *json);
void att_put_bool(att_object *out, const char *key, bool value);
void att_put_int(att_object *out, const char *key, int64_t value);
void att_put_text(att_object *out, const char *key, const char *value);
/* single: the fewest digits that give the float32 back */
void att_put_real(att_object *out, const char *key, double value, bool single);

struct att_family_calls {
  /* config.json's own keys (sizes, switches, marks), over defaults that are the Hugging Face class's. The caller reads
   * model_type, labels and generation_config.json, and checks the sizes. */
  att_status (*read)(const att_settings *in, att_config *config);
  void (*write)(att_object *out, const att_config *config);
  /* The Hugging Face class that reads such a folder. NULL (or a NULL pointer here): there is none; where the family has
   * one for other configs, it is written as the model_type "attend", with what deviates beside it (config.c). */
  const char *(*architecture)(const att_config *config);
  /* What of the config cannot be in this family: one line naming the key. */
  att_status (*check)(att_context *ctx, const char *name, const att_config *config);
  /* Layers and table from model->config; model->layers is freed by `free` whatever was made. */
  att_status (*plan)(att_model *model);
  /* What files may leave out in front of every name ("transformer."), or NULL; parts of names that a file may have and
   * that are not read, NULL-ended, or NULL. */
  const char *prefix;
  const char *const *ignored;
  void (*fill)(att_model *model); /* fixed tables, once there are values; or NULL */
  void (*free)(att_model *model);

  void (*cache_shape)(const att_model *model, att_cache_shape *shape);
  /* As in model.h; NULL where the family never has it. Ids, lengths and kinds have been checked. */
  att_status (*encode)(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                       att_tensor *embedded, att_memory *memory);
  att_status (*decode)(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                       const att_maps *maps, att_tensor *embedded, att_tensor *hidden);
  att_status (*cross)(att_run *run, att_model *model, const att_memory *memory, float *const *cross);
  att_status (*step)(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                     const att_maps *maps, att_tensor *hidden);
  /* The last rows before the projection to the vocabulary, and that projection; rows may be hidden itself. */
  att_status (*head)(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows, att_weight *weight,
                     att_weight *bias);
  att_status (*classify)(att_run *run, att_model *model, const att_input *input, const att_tensor *hidden,
                         att_tensor *logits);
};

extern const att_family_calls att_marian_calls, att_m2m_100_calls, att_gpt2_calls, att_llama_calls, att_bert_calls,
    att_recurrent_calls, att_padded_calls;
/* The calls of a family; NULL: none that there is. (family.c) */
const att_family_calls *att_family_get(att_family family);
const char *att_family_type(att_family family); /* its model_type: "marian", ... */
/* config.json's model_type: the family's, or "attend". (config.c) */
const char *att_config_type(const att_config *config);

#endif
