/* Owns the sum over a model. See fingerprint.h. */
#include "models/fingerprint.h"

#include "kernels/quant_panels.h"

#include <string.h>

static uint64_t add(uint64_t hash, uint64_t part) {
  hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

/* Eight bytes at a time. */
static uint64_t add_bytes(uint64_t hash, const void *data, size_t size) {
  const char *at = data;
  for (; size >= 8; size -= 8, at += 8) {
    uint64_t part;
    memcpy(&part, at, sizeof part);
    hash = add(hash, part);
  }
  uint64_t rest = 0;
  if (size) memcpy(&rest, at, size);
  return add(hash, rest);
}

static uint64_t add_number(uint64_t hash, double value) { return add_bytes(hash, &value, sizeof value); }

static size_t bytes_of(const att_parameter *p) {
  if (p->type < ATT_FLOAT_TYPES) return att_type_bytes(p->type, p->rows * p->cols);
  return (size_t)att_quant_panel_count(p->rows) * att_quant_panel_bytes(p->type, p->cols);
}

uint64_t att_model_fingerprint(const att_model *model) {
  const att_config *c = &model->config;
  const int64_t sizes[] = {c->family,
                           c->kind,
                           c->position,
                           c->activation,
                           c->norm,
                           c->norm_before,
                           c->gated,
                           c->d_model,
                           c->vocab_size,
                           c->decoder_layers,
                           c->decoder_attention_heads,
                           c->key_value_heads,
                           c->head_size,
                           c->rope.scaling,
                           c->rope.original,
                           c->local_rope.scaling,
                           c->sliding_window,
                           c->relative_buckets,
                           c->relative_distance,
                           c->network,
                           c->scale_embedding};
  const double numbers[] = {c->rope.base,
                            c->rope.partial,
                            c->rope.factor,
                            c->rope.low,
                            c->rope.high,
                            c->rope.magnitude,
                            c->local_rope.base,
                            c->query_scalar,
                            c->attention_softcap,
                            c->logit_softcap,
                            (double)c->layer_norm_epsilon};
  uint64_t hash = add_bytes(1, sizes, sizeof sizes);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) hash = add_number(hash, numbers[i]);
  hash = add_bytes(hash, c->rope.short_factors, sizeof c->rope.short_factors);
  hash = add_bytes(hash, c->rope.long_factors, sizeof c->rope.long_factors);
  hash = add_bytes(hash, c->local_layers, sizeof c->local_layers);
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    hash = add_bytes(hash, p->name, strlen(p->name));
    hash = add(hash, (uint64_t)p->type);
    if (p->data) hash = add_bytes(hash, p->data, bytes_of(p));
  }
  return hash;
}
