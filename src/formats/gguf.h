/*
 * Owns GGUF files (github.com/ggml-org/ggml, docs/gguf.md): their bytes to named tensors and metadata, and back. All
 * that a file says of itself is hostile: counts, lengths, offsets, types, shapes and alignment are checked before they
 * are used, and twice the same name, overlap and whatever lies outside the file are refused. Reads versions 2 and 3,
 * little-endian, and files in several parts; writes version 3, one file. Refuses to know what tensors and keys mean.
 */
#ifndef ATT_FORMATS_GGUF_H
#define ATT_FORMATS_GGUF_H

#include "formats/gguf_metadata.h"
#include "formats/tensor_writer.h"

#define ATT_GGUF_MAGIC "GGUF" /* the first four bytes */

/* Whether a path names such a file and no folder: by its ending, or, of a file that is there, its first bytes. */
bool att_is_gguf_path(const char *path);
/* The file, or, where it is one of several (split.count; "NAME-00001-of-00003.gguf"), all of them as one, whichever is
 * named. file->metadata is the first's. Shapes are turned: GGUF lists the fastest dimension first. A tensor of a type
 * that attend does not know has type ATT_TYPE_COUNT and its name in `label`. */
att_status att_gguf_open(att_context *ctx, const char *path, att_tensor_file **out);

/* The type of a tensor whose shape is there, by GGML's number, and with it its count and bytes. */
att_status att_gguf_set_type(const att_gguf_cursor *c, att_arena *arena, uint32_t number, att_stored *out);

/* Whole or not at all; entries and tensors in the order given. Data is aligned as the entry general.alignment says,
 * to 32 bytes where there is none. What llama.cpp would not read is refused (ATT_ARGUMENT): names of 64 bytes or more,
 * more than 4 dimensions, and a dimension of 0. */
att_status att_gguf_write(att_context *ctx, const char *path, const att_gguf_entry *entries, size_t entry_count,
                          const att_to_store *tensors, size_t tensor_count);

#endif
