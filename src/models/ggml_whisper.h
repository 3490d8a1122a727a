/*
 * Owns what whisper.cpp and Hugging Face call the same things: a file's settings as a config.json, its tensors' names,
 * and its tokens, which stand there as bytes, as a tokenizer. Special tokens are in no file: they are Whisper's own.
 */
#ifndef ATT_MODELS_GGML_WHISPER_H
#define ATT_MODELS_GGML_WHISPER_H

#include "formats/ggml.h"
#include "formats/json.h"
#include "text/tokenizer.h"

/* As GGUF's are read and renamed (gguf_names.h). config: json_decref. */
att_status att_ggml_whisper_config(const att_tensor_file *file, const att_ggml_head *head, json_t **config);
att_status att_ggml_whisper_rename(att_tensor_file *file);
att_status att_ggml_whisper_tokenizer(att_context *ctx, const char *path, const att_ggml_head *head,
                                      att_tokenizer **out);
/* Adds the tokens that no transcript has: those of what is no speech (openai/whisper, tokenizer.py), and the special
 * ones. */
att_status att_ggml_whisper_suppress(att_context *ctx, const att_tokenizer *tokenizer, json_t *config);

#endif
