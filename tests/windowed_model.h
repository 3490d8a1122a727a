/* Owns a small model that tests of sessions and services share: of generate_llama's sizes and tokens, new, and one of
 * whose two layers sees 8 tokens. */
#ifndef ATT_TESTS_WINDOWED_MODEL_H
#define ATT_TESTS_WINDOWED_MODEL_H

#include "models/model.h"

enum { WINDOW = 8 };

static inline att_status open_windowed(att_context *own, att_model **model) {
  const char *path = ATT_TEST_DATA "/generate_llama";
  att_config config;
  att_tokenizer *tokenizer;
  ATT_TRY(att_tokenizer_open_folder(own, path, &tokenizer));
  att_status status = att_config_read(own, path, &config);
  config.local_layers[0] = true;
  config.sliding_window = WINDOW;
  config.max_position_embeddings = 2000;
  if (!status) status = att_model_new(own, &config, tokenizer, 5, model);
  if (status) att_tokenizer_free(tokenizer);
  for (int64_t i = 0; !status && i < (*model)->trained_total; i++)
    (*model)->values[i] *= 4; /* attention that looks somewhere */
  return status;
}

#endif
