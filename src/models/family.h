/*
 * Owns what a family of models answers to: one table of calls each, behind the calls of pass.h. The Transformers share
 * one forward pass (transformer.c) and differ in their descriptions; the recurrent (recurrent.c) and the padded
 * networks (padded.c) have their own.
 */
#ifndef ATT_MODELS_FAMILY_H
#define ATT_MODELS_FAMILY_H

#include "models/pass.h"
#include "models/settings.h"

struct att_family_calls {
  /* config.json's own keys (sizes, switches, special tokens), over defaults that are the Hugging Face class's. The
   * caller reads model_type, labels and generation_config.json, and checks the sizes. */
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
  /* As in pass.h; NULL where the family never has it. Ids, lengths and kinds have been checked. */
  att_status (*encode)(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                       att_tensor *embedded, att_memory *memory);
  att_status (*decode)(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                       const att_maps *maps, att_tensor *embedded, att_tensor *hidden);
  att_status (*cross)(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                      float *const *cross);
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
/* The calls of a family; NULL: none that there is. (family_list.c) */
const att_family_calls *att_family_get(att_family family);

#endif
