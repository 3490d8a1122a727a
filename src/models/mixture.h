/*
 * Owns which type each weight of a quantized file gets: llama.cpp's mixtures (its llama_tensor_get_type), whose names
 * end in _S, _M and _L, and what stands in for a type whose blocks do not fit a row. Refuses to know how types store
 * numbers.
 */
#ifndef ATT_MODELS_MIXTURE_H
#define ATT_MODELS_MIXTURE_H

#include "base/types.h"

typedef struct att_mixture {
  const char *name;
  att_type type;     /* of most weights */
  int64_t file_type; /* general.file_type */
} att_mixture;

/* "q4_k_m", "q8_0", "float16" or "f16", ...: q3_k, q4_k and q5_k are their _m, as for llama.cpp. NULL: there is none.
 */
const att_mixture *att_mixture_find(const char *name);
/* The one that is called as the type alone. */
const att_mixture *att_mixture_of(att_type type);
/* All names, with commas between them, for messages. */
void att_mixture_names(char *out, size_t size);

/* What a weight is to a mixture. */
typedef enum att_role {
  ATT_ROLE_OTHER,
  ATT_ROLE_TOKENS, /* the embedding */
  ATT_ROLE_OUTPUT, /* the projection to the vocabulary, or the embedding that is one */
  ATT_ROLE_VALUES,
  ATT_ROLE_ATTENTION_OUT,
  ATT_ROLE_JOINED, /* queries, keys and values in one */
  ATT_ROLE_DOWN    /* the feed-forward part's second */
} att_role;

/* The type of a matrix [rows, cols]. layer: of `layers`; shared: how many heads share keys and values. Where nothing
 * fits: float16. */
att_type att_mixture_type(const att_mixture *mixture, att_role role, int64_t layer, int64_t layers, int64_t shared,
                          int64_t cols);

#endif
