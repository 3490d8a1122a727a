/* Owns what tensor_open.h says. */
#include "formats/tensor_open.h"

#include "formats/gguf.h"
#include "formats/safetensors.h"

att_status att_tensor_file_open(att_context *ctx, const char *path, att_tensor_file **out) {
  att_mapping file = {0};
  *out = NULL;
  if (att_file_exists(path)) ATT_TRY(att_map(ctx, path, &file));
  bool gguf = file.size >= 4 && memcmp(file.data, ATT_GGUF_MAGIC, 4) == 0;
  att_unmap(&file);
  return gguf ? att_gguf_open(ctx, path, out) : att_safetensors_open(ctx, path, out);
}
