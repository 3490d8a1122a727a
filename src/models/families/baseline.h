/*
 * Owns what attend's own families, recurrent and padded, share: the settings that both have, and the names of their
 * embeddings and heads. config.json of both has
 *
 *   model_type               "attend-rnn", "attend-ffn"
 *   kind                     "encoder-decoder", "decoder", "encoder"
 *   attend_head              "tokens", "classes" (beside it problem_type and id2label), "none"
 *   vocab_size, d_model, embedding_size, max_position_embeddings
 *   input_width              of rows of floats that are read in place of tokens; then vocab_size only with a decoder
 *   encoder_layers, decoder_layers: of the sides that there are
 *   tie_word_embeddings, scale_embedding, dropout, and the special tokens (pad_token_id, ...)
 */
#ifndef ATT_MODELS_FAMILIES_BASELINE_H
#define ATT_MODELS_FAMILIES_BASELINE_H

#include "layers/layers.h"
#include "models/head.h"

att_status att_baseline_read(const att_settings *in, att_config *config);
void att_baseline_write(att_object *out, const att_config *config);
/* Sizes, special tokens and head. */
att_status att_baseline_check(att_context *ctx, const char *name, const att_config *config);
/* One of `names`, which end in NULL; *out stays where the key is absent. */
att_status att_baseline_choice(const att_settings *in, const char *key, const char *const *names, int *out);

/* [vocab_size, embedding_size] each, of the sides that there are, and of a head of tokens the output, [vocab_size,
 * output_width], with its bias [1, vocab_size]. Tied: `shared` is all three, and output_width the embedding's. */
typedef struct att_baseline_tables {
  att_weight shared, encoder, decoder, output, bias;
  att_linear_layer
      input; /* [embedding_size, input_width]: of the side that reads rows of floats, in place of a table; or, where */
  att_linear_layer convolutions[2]; /* these stand before it (input_stride), [embedding_size, d_model] */
} att_baseline_tables;
att_status att_baseline_embeddings(att_model *model, int64_t output_width, att_baseline_tables *tables);
const att_weight *att_baseline_output(const att_baseline_tables *tables);

/* A linear layer "NAME.weight" and "NAME.bias". part: for info */
att_status att_baseline_linear(att_model *model, const char *part, const char *name, int64_t out, int64_t in, bool bias,
                               att_linear_layer *layer);
/* x[rows, embedding_size]: the tokens' embeddings, scaled where the config says so; or rows of floats projected.
 * embedded: as in pass.h. *sequences: whose they are, for convolutions make fewer; NULL: there are none. */
att_status att_baseline_embed(att_run *run, const att_model *model, const att_baseline_tables *tables, bool decoder,
                              const att_input *input, uint32_t place, att_tensor *embedded, att_sequences *sequences,
                              att_tensor *x);

#endif
