/* Owns what a model and a machine say of themselves: att_model_describe, att_describe_machine. */
#include "kernels/gemm.h"
#include "models/head.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Neighbours in the table with one part's name are one part; fixed parameters are none. The
 * list and what it points to are one block. */
static att_status make_parts(att_model *model, att_model_info *info) {
  const att_part_info **list = att_alloc(model->ctx, model->parameter_count, sizeof *list + sizeof(att_part_info));
  if (!list) return ATT_MEMORY;
  att_part_info *parts = (att_part_info *)(list + model->parameter_count);
  info->parts = list;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (p->fixed) continue;
    bool same = info->part_count && strcmp(parts[info->part_count - 1].name, p->part) == 0;
    if (!same) {
      list[info->part_count] = &parts[info->part_count];
      parts[info->part_count++].name = p->part;
    }
    parts[info->part_count - 1].parameters += p->rows * p->cols;
    parts[info->part_count - 1].bytes += (int64_t)att_matrix_bytes(p->type, p->rows, p->cols);
    info->parameters += p->rows * p->cols;
  }
  return ATT_OK;
}

/* The type of each weight as it stands in memory; what ops ask to be float32 is so, whatever the file has. */
static void make_memory(const att_model *model, att_model_info *info) {
  att_memory_info *all = (att_memory_info *)(info + 1);
  const att_memory_info **list = (const att_memory_info **)(all + ATT_WEIGHT_TYPES);
  for (int i = 0; i < ATT_WEIGHT_TYPES; i++) all[i] = (att_memory_info){.type = att_type_name((att_type)i)};
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    int64_t size = (int64_t)att_matrix_bytes(p->type, p->rows, p->cols);
    bool mapped = !p->memory && !p->trained;
    *(mapped ? &all[p->type].mapped_bytes : &all[p->type].copied_bytes) += size;
    info->weight_bytes += size;
  }
  info->memory = list;
  for (int i = 0; i < ATT_WEIGHT_TYPES; i++) {
    if (all[i].mapped_bytes + all[i].copied_bytes) list[info->memory_count++] = &all[i];
  }
}

/* Gated ones by their usual names (Shazeer 2020). */
static const char *activation_of(const att_config *c) {
  if (!c->gated) return att_activation_name(c->activation);
  switch (c->activation) {
  case ATT_RELU: return "reglu";
  case ATT_GELU:
  case ATT_GELU_TANH: return "geglu";
  case ATT_SILU: return "swiglu";
  default: return "gated tanh";
  }
}

static att_status describe(att_model *model, att_model_info *info) {
  static const char *const networks[] = {"transformer", "rnn", "lstm", "gru", "ffn"};
  static const char *const scorings[] = {"none", "additive", "multiplicative"};
  const att_config *c = &model->config;
  int64_t heads = c->decoder_layers ? c->decoder_attention_heads : c->encoder_attention_heads;
  info->type = att_config_type(c);
  info->kind = c->kind;
  info->head = c->head;
  info->head_name = model->head->name;
  info->network = networks[c->network];
  info->label_count = c->label_count;
  if (c->network == ATT_TRANSFORMER) {
    info->norm = c->norm == ATT_NORM_LAYER ? "layer" : "rms";
    info->norm_order = c->norm_before ? "before" : "after";
    info->position = att_position_name(c->position);
    info->activation = activation_of(c);
    info->kv_heads = c->key_value_heads ? c->key_value_heads : heads;
  } else if (c->network == ATT_FFN) {
    info->activation = att_activation_name(c->activation);
  } else {
    info->attention = scorings[c->scoring];
    info->bidirectional = c->bidirectional;
  }
  info->width = c->d_model;
  info->vocabulary = c->vocab_size;
  info->context = c->max_position_embeddings;
  info->input_width = c->input_width;
  info->encoder_layers = c->encoder_layers;
  info->decoder_layers = c->decoder_layers;
  info->encoder_heads = c->encoder_attention_heads;
  info->decoder_heads = c->decoder_attention_heads;
  info->encoder_feedforward = c->encoder_ffn_dim;
  info->decoder_feedforward = c->decoder_ffn_dim;
  info->tied = c->tie_word_embeddings;
  info->storage = att_type_name(c->storage);
  info->file_bytes = model->file_bytes;
  make_memory(model, info);
  return make_parts(model, info);
}

att_status att_model_describe(att_model *model, const att_model_info **out) {
  *out = NULL;
  if (!model->info) {
    size_t room = sizeof(att_model_info) + ATT_WEIGHT_TYPES * (sizeof(att_memory_info) + sizeof(att_memory_info *));
    att_model_info *info = att_alloc(model->ctx, room, 1); /* and behind it what make_memory writes */
    if (!info) return ATT_MEMORY;
    att_status status = describe(model, info);
    if (status) {
      att_free(model->ctx, info);
      return status;
    }
    model->info = info;
  }
  *out = model->info;
  return ATT_OK;
}

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* Leaves 0x80000002 to 0x80000004 hold the name, padded with spaces in front on some. */
static const char *processor_name(char name[49]) {
  unsigned *words = (unsigned *)(void *)name;
  for (unsigned leaf = 0; leaf < 3; leaf++, words += 4) {
    if (!__get_cpuid(0x80000002u + leaf, words, words + 1, words + 2, words + 3)) return "unknown";
  }
  name[48] = '\0';
  while (*name == ' ') name++;
  return name;
}
#else
static const char *processor_name(char name[49]) {
  (void)name;
  return "unknown";
}
#endif

att_status att_describe_machine(att_context *ctx, const att_machine_info **info) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  _Alignas(16) char name[64] = {0};
  snprintf(ctx->processor, sizeof ctx->processor, "%s", processor_name(name));
  ctx->machine = (att_machine_info){.version = att_version(),
                                    .compiler =
#ifdef __clang__
                                        "clang " __clang_version__,
#else
                                        "gcc " __VERSION__,
#endif
                                    .processor = ctx->processor,
                                    .instruction_set = att_kernels_get()->name,
                                    .gemm = att_gemm_name(),
                                    .threads = ctx->threads,
                                    .memory_bytes = pages > 0 && size > 0 ? (int64_t)pages * size : 0};
  *info = &ctx->machine;
  return ATT_OK;
}
