/*
 * Owns what a family of models answers to: one table of calls each, behind the calls of pass.h. The Transformers share
 * one forward pass (transformer.c) and differ in their descriptions; the recurrent (recurrent.c) and the padded
 * networks (padded.c) have their own.
 */
#ifndef ATT_MODELS_FAMILY_H
#define ATT_MODELS_FAMILY_H

#include "models/pass.h"
#include "models/settings.h"

/* How a family's classes of Hugging Face have a head that says otherwise of itself (head.h), or is not common. */
typedef struct att_head_form {
  const char *ending;     /* of the class: "ForMaskedLM" */
  const char *projection; /* what the family calls the head's; NULL: as the head does */
  bool no_bias;
  const char *stem;   /* of that class; NULL: the family's */
  const char *prefix; /* of the body's names in its files; NULL: the family's */
  bool absent;        /* there is no such class, though the head is common */
} att_head_form;

struct att_family_calls {
  /* config.json's own keys (sizes, switches, special tokens), over defaults that are the Hugging Face class's. The
   * caller reads model_type, the head and generation_config.json, and checks the sizes. */
  att_status (*read)(const att_settings *in, att_config *config);
  void (*write)(att_object *out, const att_config *config);
  /* How the names of its classes of Hugging Face begin, "Bert"; NULL: there are none. What they cannot say has the
   * model_type "attend", with what deviates beside it (config.c). */
  const char *stem;
  bool rows;                               /* its classes read rows of floats; with stem */
  const att_head_form *forms;              /* of its classes, the last one's ending NULL; or NULL */
  bool (*plain)(const att_config *config); /* whether they can say it, whatever the head; with stem */
  bool says_rope;                          /* with stem: its keys say the rotary base */
  const struct att_rotary_decoder *rotary; /* of decoders built as Llama (families/rotary_decoder.h); else NULL */
  const struct att_bert_encoder *encoder;  /* of encoders built as BERT (families/bert_encoder.h); else NULL */
  const char *const *bodies; /* endings of classes that are read as the body alone, without their head; NULL-ended */
  /* What of the config cannot be in this family: one line naming the key. */
  att_status (*check)(att_context *ctx, const char *name, const att_config *config);
  /* Layers and table from model->config, the head's (att_head_plan) before what is not trained; model->layers is freed
   * by `free` whatever was made. */
  att_status (*plan)(att_model *model);
  /* What files may leave out in front of every name ("transformer."), or NULL; parts of names that a file may have and
   * that are not read, NULL-ended, or NULL. */
  const char *prefix;
  const char *const *ignored;
  const char *const *outer; /* what files may have in its place, of a model inside another; NULL-ended, or NULL */
  bool reads_twice;         /* an encoder-decoder that also labels texts and answers, both sides reading them */
  bool wraps;               /* of such a text the decoder reads the last token first, not the start token (mbart) */
  bool tie_unsaid;          /* whether the projection is the embedding the file says, whatever config.json does */
  bool small_weights;       /* a new model's matrices are N(0, 0.02) (parameters.c) */
  void (*fill)(att_model *model);                      /* fixed tables, once there are values; or NULL */
  void (*initialise)(att_model *model, uint64_t seed); /* of a new model, what does not begin as others do; or NULL */
  void (*free)(att_model *model);

  void (*cache_shape)(const att_model *model, att_cache_shape *shape);
  /* As in pass.h; NULL where the family never has it. Ids, lengths and kinds have been checked. */
  att_status (*encode)(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                       att_tensor *embedded, att_memory *memory);
  att_status (*decode)(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                       const att_maps *maps, att_tensor *embedded, att_tensor *hidden);
  att_status (*cross)(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                      void *const *cross);
  att_status (*step)(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                     const att_maps *maps, att_tensor *hidden);
  /* The last rows before the projection to the vocabulary, and that projection; rows may be hidden itself. For heads
   * that read it. */
  att_status (*output)(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows, att_weight *weight,
                       att_weight *bias);
  /* A vector a text, of one row at least: [sequences, ..], what a head over texts projects. */
  att_status (*pool)(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *vectors);
};

extern const att_family_calls att_marian_calls, att_m2m_100_calls, att_bart_calls, att_mbart_calls, att_pegasus_calls,
    att_t5_calls, att_whisper_calls, att_gpt2_calls, att_llama_calls, att_qwen2_calls, att_qwen3_calls,
    att_mistral_calls, att_gemma2_calls, att_gemma3_calls, att_phi3_calls, att_bert_calls, att_roberta_calls,
    att_xlm_roberta_calls, att_distilbert_calls, att_electra_calls, att_albert_calls, att_mpnet_calls,
    att_nomic_bert_calls, att_patchtst_calls, att_recurrent_calls, att_padded_calls;
/* The calls of a family; NULL: none that there is. (family_list.c) */
const att_family_calls *att_family_get(att_family family);

#endif
