/*
 * Owns whisper.cpp's files (ggml-base.bin; its models/convert-pt-to-ggml.py), a format from before GGUF: a head of
 * numbers, mel filters, the tokens' bytes, then named tensors, one after another, up to the end. All that a file says
 * of itself is hostile: counts, lengths, types and shapes are checked before they are used. Refuses to know what they
 * mean.
 */
#ifndef ATT_FORMATS_GGML_H
#define ATT_FORMATS_GGML_H

#include "formats/tensor_file.h"

/* What stands before the tensors. */
typedef struct att_ggml_head {
  int64_t vocab, audio_positions, audio_width, audio_heads, audio_layers;
  int64_t text_positions, text_width, text_heads, text_layers, bands;
  const att_text *tokens; /* [token_count] by id: bytes, no text */
  size_t token_count;
} att_ggml_head;

/* Whether a path names a file that begins as one of these. */
bool att_is_ggml_path(const char *path);
/* *head lives as long as the file. Shapes are turned, as in a .gguf; tensors have whisper.cpp's names. */
att_status att_ggml_open(att_context *ctx, const char *path, att_tensor_file **out, const att_ggml_head **head);

#endif
