/* Owns what tensor_file.h says. */
#include "formats/tensor_file.h"

#include <stdlib.h>
#include <string.h>

bool att_shape_size(const int64_t *shape, int rank, int64_t block, size_t block_size, int64_t *count, size_t *size) {
  *count = 1;
  for (int i = 0; i < rank; i++) {
    if (shape[i] < 0 || __builtin_mul_overflow(*count, shape[i], count)) return false;
  }
  if ((rank > 0 ? shape[rank - 1] : 1) % block != 0) return false;
  return !__builtin_mul_overflow((uint64_t)(*count / block), block_size, size);
}

att_status att_tensor_file_new(att_context *ctx, att_tensor_file **out) {
  *out = ATT_NEW(ctx, 1, att_tensor_file);
  if (!*out) return ATT_MEMORY;
  (*out)->ctx = ctx;
  return ATT_OK;
}

static int compare_name(const void *left, const void *right) {
  const att_stored *const *a = left, *const *b = right;
  return strcmp((*a)->name, (*b)->name);
}

att_status att_tensor_file_sort(att_tensor_file *file) {
  att_context *ctx = file->ctx;
  att_free(ctx, file->by_name);
  file->by_name = ATT_NEW(ctx, file->count, const att_stored *);
  if (!file->by_name) return ATT_MEMORY;
  for (size_t i = 0; i < file->count; i++) file->by_name[i] = &file->tensors[i];
  if (file->count > 0) qsort(file->by_name, file->count, sizeof *file->by_name, compare_name);
  for (size_t i = 1; i < file->count; i++) {
    const char *name = file->by_name[i]->name;
    if (strcmp(file->by_name[i - 1]->name, name) != 0) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: tensor %.200s is there twice", file->path, name);
  }
  return ATT_OK;
}

att_status att_tensor_file_rename(att_tensor_file *file, size_t tensor, const char *name) {
  if (!file->renamed) ATT_TRY(att_arena_new(file->ctx, &file->renamed));
  size_t size = strlen(name) + 1;
  char *copy = att_arena_alloc(file->renamed, size, 1);
  if (!copy) return ATT_MEMORY;
  file->tensors[tensor].name = memcpy(copy, name, size);
  return ATT_OK;
}

void att_tensor_file_close(att_tensor_file *file) {
  if (!file) return;
  att_context *ctx = file->ctx;
  for (size_t i = 0; i < file->part_count; i++) {
    if (file->parts[i].header) file->free_header(file->parts[i].header);
    att_unmap(&file->parts[i].mapping);
  }
  if (file->renamed) att_arena_free(file->renamed);
  att_free(ctx, file->parts);
  att_free(ctx, file->path);
  att_free(ctx, file->tensors);
  att_free(ctx, file->by_name);
  att_free(ctx, file);
}

const att_stored *att_tensor_file_find(const att_tensor_file *file, const char *name) {
  att_stored wanted = {.name = name};
  const att_stored *key = &wanted;
  const att_stored **found = NULL;
  if (file->count > 0) found = bsearch(&key, file->by_name, file->count, sizeof *file->by_name, compare_name);
  return found ? *found : NULL;
}

void att_tensor_file_forget(const att_stored *stored) { att_forget(stored->data, stored->size); }
