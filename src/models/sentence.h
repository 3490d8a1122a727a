/*
 * Owns the folders of sentence-transformers: which stages modules.json lists, where the Transformer's files lie, the
 * prompts, how many tokens of a text are read; writing all of it anew, as bytes. What cannot be run is refused when it
 * is to be run: a model whose stages attend does not know still opens for everything else.
 */
#ifndef ATT_MODELS_SENTENCE_H
#define ATT_MODELS_SENTENCE_H

#include "models/stages.h"
#include "text/tokenizer.h"

#include <jansson.h>

typedef struct att_sentence {
  att_context *ctx;
  char *folder; /* that has modules.json; NULL: att_sentence_of_pooling */
  char *place;  /* where the Transformer's files lie: the folder, or one in it ("0_Transformer" of older layouts) */
  bool ready;   /* what follows is there: att_sentence_prepare */
  att_stage *stages;
  size_t stage_count;       /* behind the Transformer */
  att_tokenizer *tokenizer; /* the model's, but that it lower-cases first; NULL: the model's */
  int64_t most_tokens;      /* of a text, special tokens included; 0: as the model has it */
  int64_t truncate_dim;     /* numbers kept of each vector; 0: all */
  json_t *config;           /* config_sentence_transformers.json, or empty */
  bool cross;               /* a CrossEncoder: it scores pairs of texts, and has no stages */
  const char *default_name; /* of a prompt; NULL: none */
  bool told;                /* that a prompt is taken as text */
} att_sentence;

/* *out NULL where the folder has no modules.json. A modules.json that is wrong fails only where the folder has no model
 * beside it. */
att_status att_sentence_find(att_context *ctx, const char *folder, att_sentence **out);
/* One without a folder, whose only stage is a pooling over all tokens: a .gguf's. */
att_status att_sentence_of_pooling(att_context *ctx, att_pooling pooling, att_sentence **out);
void att_sentence_free(att_sentence *sentence); /* NULL is fine */

/* Reads all that running needs, once; a failure leaves it as it was found. A CrossEncoder is ready too: who wants
 * vectors asks for `cross`. */
att_status att_sentence_prepare(att_sentence *sentence);
/* The text of the prompt of that name; what names none is the text itself (said in the log); NULL: the folder's
 * default. "": none. Prepared only. */
const char *att_sentence_prompt(att_sentence *sentence, const char *wish);

/* What a model's folder says of the relevance of a text to a query. */
typedef struct att_relevance {
  float (*activation)(float); /* of a cross-encoder's logit */
  att_similarity similarity;  /* of vectors */
} att_relevance;
/* As sentence-transformers has it: config_sentence_transformers.json, else config.json, else a sigmoid and the cosine.
 * folder: the model's, or NULL; sentence: prepared, or NULL. */
att_status att_relevance_read(att_context *ctx, const char *folder, const att_sentence *sentence, att_relevance *out);

/* Writes what belongs to the pipeline into another folder, which is there, and makes *place in it, where the
 * Transformer's files go (att_free). */
att_status att_sentence_copy(const att_sentence *sentence, const char *folder, char **place);
/* Once the model stands there: what its folder says of its tokenizer, in place of what attend wrote. Lengths, sides and
 * special tokens of their own decide what sentence-transformers computes. */
att_status att_sentence_copy_names(const att_sentence *sentence, const char *place);

#endif
