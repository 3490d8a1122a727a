/* Owns the attention layer: projections, where keys and values come from (this pass or a cache), the output projection.
 */
#include "layers/attention.h"

#include "kernels/kernels.h"

#include <string.h>

static att_attention_shape shape_of(const att_block *block, const att_block_input *input, const att_tensor *q,
                                    int kv_heads) {
  return (att_attention_shape){
      .heads = block->heads, .kv_heads = kv_heads, .size = (int)(q->cols / block->heads), .queries = input->sequences};
}

/* A cache's rows as tensors of keys and values, `width` columns each. */
static void view_cache(const att_stored_keys *cache, int64_t width, att_attention_shape *shape, att_tensor *k,
                       att_tensor *v) {
  *k = *v = (att_tensor){.data = cache->rows, .cols = width, .stride = 2 * width};
  v->data = (void *)((char *)cache->rows + att_type_bytes(cache->type, width));
  shape->key_type = cache->type;
  shape->key_rows = cache->row_tables;
  shape->key_counts = cache->counts;
}

/* The new rows' keys and values go to the last rows of each sequence's table. */
static void store_keys(const att_tensor *k, att_sequences sequences, const att_stored_keys *cache) {
  int64_t width = k->cols;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t first = sequences.start[i], fresh = sequences.start[i + 1] - first;
    const int32_t *rows = cache->row_tables[i] + cache->counts[i] - fresh;
    for (int64_t t = 0; t < fresh; t++) {
      char *to = (char *)cache->rows + (size_t)rows[t] * att_type_bytes(cache->type, 2 * width);
      att_kernels_get()->from_f32(to, k->data + (first + t) * k->stride, cache->type, 2 * width); /* v beside k */
    }
  }
}

static att_status norm_heads(att_run *run, const att_block *block, const att_norm_layer *layer, int heads,
                             att_tensor *x) {
  if (!layer->gamma.data) return ATT_OK;
  return att_op_head_norm(run, x, heads, &layer->gamma, block->norm == ATT_NORM_RMS_PLUS_ONE, block->epsilon);
}

static att_status project(att_run *run, const att_block *block, const att_linear_layer *layer, const att_tensor *x,
                          att_tensor *out) {
  ATT_TIMED(run->ctx, block->causal ? ATT_TIMED_DECODER_PROJECTIONS : ATT_TIMED_ENCODER_PROJECTIONS,
            att_op_linear(run, x, &layer->weight, &layer->bias, ATT_PLAIN, out));
  return ATT_OK;
}

att_status att_self_attention(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                              att_tensor *out) {
  att_tensor qkv, mixed;
  int64_t width = (int64_t)block->heads * block->head_size, kv_width = (int64_t)block->kv_heads * block->head_size;
  ATT_TRY(project(run, block, &block->self.in, x, &qkv));
  att_tensor q = att_tensor_columns(&qkv, 0, width);
  att_tensor k = att_tensor_columns(&qkv, width, kv_width), v = att_tensor_columns(&qkv, width + kv_width, kv_width);
  const att_turns *turns = block->local ? input->local_turns : input->turns;
  ATT_TRY(norm_heads(run, block, &block->self.query_norm, block->heads, &q));
  ATT_TRY(norm_heads(run, block, &block->self.key_norm, block->kv_heads, &k));
  if (turns) {
    att_tensor turned = att_tensor_columns(&qkv, 0, width + kv_width);
    ATT_TRY(att_op_rotary(run, &turned, block->heads + block->kv_heads, block->head_size, turns));
  }
  att_attention_shape shape = shape_of(block, input, &q, block->kv_heads);
  shape.causal = block->causal;
  shape.scale = block->scale;
  shape.softcap = block->softcap;
  shape.window = block->window;
  shape.keys = input->sequences;
  shape.probs = input->self_probs;
  shape.bias = input->distances;
  if (input->self_cache) {
    store_keys(&k, input->sequences, input->self_cache);
    view_cache(input->self_cache, kv_width, &shape, &k, &v);
  }
  ATT_TIMED(run->ctx, block->causal ? ATT_TIMED_DECODER_ATTENTION : ATT_TIMED_ENCODER_ATTENTION,
            att_op_attention(run, &q, &k, &v, &shape, &mixed));
  if (input->kept) {
    att_tensor all = mixed;
    ATT_TRY(att_op_rows(run, &all, input->kept, input->kept_count, &mixed));
  }
  return project(run, block, &block->self.out, &mixed, out);
}

att_status att_cross_attention(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                               att_tensor *out) {
  att_tensor q, kv, k, v, mixed;
  int64_t width = (int64_t)block->heads * block->head_size;
  ATT_TRY(project(run, block, &block->cross.in, x, &q));
  att_attention_shape shape = shape_of(block, input, &q, block->heads);
  shape.scale = block->scale;
  shape.probs = input->cross_probs;
  if (input->cross_cache) {
    view_cache(input->cross_cache, width, &shape, &k, &v);
  } else {
    ATT_TRY(project(run, block, &block->cross.memory, input->memory, &kv));
    k = att_tensor_columns(&kv, 0, width);
    v = att_tensor_columns(&kv, width, width);
    shape.keys = input->memory_sequences;
  }
  ATT_TIMED(run->ctx, ATT_TIMED_CROSS_ATTENTION, att_op_attention(run, &q, &k, &v, &shape, &mixed));
  return project(run, block, &block->cross.out, &mixed, out);
}

att_status att_cross_keys(att_run *run, const att_block *block, const att_tensor *memory, const int32_t *rows,
                          float *out) {
  att_tensor kv;
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(project(run, block, &block->cross.memory, memory, &kv));
  for (int64_t i = 0; i < kv.rows; i++)
    memcpy(out + (rows ? rows[i] : i) * kv.cols, kv.data + i * kv.cols, (size_t)kv.cols * sizeof *out);
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}
