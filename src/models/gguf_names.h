/*
 * Owns what GGUF and Hugging Face call the same things: for each architecture of GGUF that attend has a family of, the
 * names of its tensors and the keys of its settings, both ways (llama.cpp's gguf-py/gguf/tensor_mapping.py and its
 * conversion/). A family never sees GGUF's names. Refuses architectures that it does not know, by name.
 */
#ifndef ATT_MODELS_GGUF_NAMES_H
#define ATT_MODELS_GGUF_NAMES_H

#include "formats/gguf_metadata.h"
#include "formats/json.h"
#include "formats/tensor_file.h"

#define ATT_GGUF_NAME   256 /* bytes of a tensor's name, its NUL included */
#define ATT_GGUF_TABLES 2

/* What some architectures have otherwise in a .gguf than in a folder. GATED: this name is right where config.json has a
 * gated feed_forward_proj, and the table's next one elsewhere. */
typedef enum att_gguf_tensor {
  ATT_GGUF_PLAIN,
  ATT_GGUF_QUERIES,
  ATT_GGUF_KEYS,
  ATT_GGUF_NORM,
  ATT_GGUF_GATED
} att_gguf_tensor;

/* A tensor without its ending (".weight", ".bias"); '#' stands for the number of a layer. */
typedef struct att_gguf_name {
  const char *gguf, *hf;
  att_gguf_tensor kind;
} att_gguf_name;

/* A number of the settings; GGUF's key without the architecture's name. */
#define ATT_GGUF_NEEDED 1u
#define ATT_GGUF_REAL   2u
#define ATT_GGUF_ABSENT 4u /* 0 in the file is null in config.json */
typedef struct att_gguf_key {
  const char *gguf, *hf;
  unsigned is; /* of the above */
} att_gguf_key;

/* A switch of config.json that is on where the file has a tensor. */
typedef struct att_gguf_flag {
  const char *tensor, *hf;
} att_gguf_flag;

typedef struct att_gguf_architecture {
  const char *name;                            /* general.architecture */
  const char *type;                            /* config.json's model_type, */
  const char *class;                           /* and of its architectures */
  const att_gguf_name *names[ATT_GGUF_TABLES]; /* the last one's gguf NULL, as of keys and flags; the first that fits */
  const att_gguf_key *keys[ATT_GGUF_TABLES];
  const att_gguf_flag *flags;
  bool ties;            /* config.json says whether the output projection is the embedding */
  bool rotary;          /* there are rotary settings, */
  bool partial;         /* also of a part of each head, as Phi-3 has them */
  bool halves;          /* the two halves of each head's rows of queries and keys are in turn */
  bool one_more;        /* norms are stored plus 1 */
  int64_t period;       /* > 0: all layers but each so many-th see a window, where no key says which */
  int64_t broad_layers; /* a model of so many layers divides scores by the root of width / heads (Gemma's largest) */
  const char *needs;    /* a key above 0, where two types have one name */
  const char *gate;     /* the file has this tensor where feed_forward_proj is gated (T5) */
  const char *labelled; /* the class of a file with a head of classes; NULL: none has one */
} att_gguf_architecture;

/* What Llama 3 divides rotary frequency i of `count` by (Transformers' modeling_rope_utils.py). */
typedef struct att_llama3_scaling {
  double base, factor, low, high, original;
} att_llama3_scaling;
double att_llama3_divisor(const att_llama3_scaling *s, int64_t i, int64_t count);

/* What a file says that it is. */
att_status att_gguf_architecture_of(const att_gguf_metadata *m, const att_gguf_architecture **out);
/* By config.json's model_type; NULL: GGUF has none. */
const att_gguf_architecture *att_gguf_architecture_for(const char *type);

/* The file's settings as a config.json (json_decref), generation's token ids among them (gguf_settings.c). */
att_status att_gguf_read_config(const att_tensor_file *file, const att_gguf_architecture *a, json_t **out);
/* Gives the file's tensors Hugging Face's names. What has none keeps its own. */
att_status att_gguf_rename(att_tensor_file *file, const att_gguf_architecture *a, const json_t *config);
/* GGUF's name for a tensor of Hugging Face's (`prefix`, which may be NULL, may be missing in front of it), and the
 * entry that says so; NULL: it has none. */
const att_gguf_name *att_gguf_name_for(const att_gguf_architecture *a, const char *prefix, const char *name,
                                       char out[ATT_GGUF_NAME]);
/* How many heads' rows of the tensor are in turn (att_stored.heads), and how much more its numbers are than the
 * parameter's (att_stored.more). */
int64_t att_gguf_turned_heads(const att_gguf_architecture *a, const att_gguf_name *n, const json_t *config);
static inline float att_gguf_more(const att_gguf_architecture *a, const att_gguf_name *n) {
  return a->one_more && n->kind == ATT_GGUF_NORM ? 1 : 0;
}

#endif
