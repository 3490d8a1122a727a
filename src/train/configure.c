/* Owns the step from a plan to a model's configuration, and the plan's model in words. */
#include "train/plan.h"

#include <stdio.h>

/* The nearest of Hugging Face's types; whether it can say the model exactly is models/'s to know. */
static att_family family_of(const att_plan *p, att_kind kind) {
  if (p->network == ATT_FFN) return ATT_PADDED;
  if (p->network != ATT_TRANSFORMER) return ATT_RECURRENT;
  switch (kind) {
  case ATT_DECODER: return p->norm == ATT_NORM_RMS ? ATT_LLAMA : ATT_GPT2;
  case ATT_ENCODER: return ATT_BERT;
  default: return p->norm_order == ATT_NORM_BEFORE ? ATT_M2M_100 : ATT_MARIAN;
  }
}

static void set_text(const att_tokenizer *tokenizer, att_config *c) {
  c->vocab_size = tokenizer ? att_tokenizer_size(tokenizer) : 0;
  c->pad = c->bos = c->eos = c->decoder_start = c->mask = c->unk = -1;
}

static void set_shape(const att_plan *p, att_config *c) {
  bool transformer = p->network == ATT_TRANSFORMER;
  c->d_model = p->width;
  c->max_position_embeddings = p->context;
  c->encoder_layers = p->encoder_layers;
  c->decoder_layers = p->decoder_layers;
  c->embedding_size = transformer ? p->width : p->embedding;
  if (!transformer) return;
  c->encoder_attention_heads = p->encoder_layers > 0 ? p->heads : 0;
  c->decoder_attention_heads = p->decoder_layers > 0 ? p->heads : 0;
  c->encoder_ffn_dim = p->encoder_layers > 0 ? p->feedforward : 0;
  c->decoder_ffn_dim = p->decoder_layers > 0 ? p->feedforward : 0;
  c->key_value_heads = p->kv_heads;
  c->head_size = p->width / p->heads;
}

void att_plan_config(const att_plan *p, att_kind kind, const att_tokenizer *tokenizer, att_config *c) {
  bool recurrent = p->network != ATT_TRANSFORMER && p->network != ATT_FFN;
  *c = (att_config){
      .family = family_of(p, kind),
      .kind = kind,
      .head = ATT_HEAD_TOKENS,
      .position = p->network == ATT_TRANSFORMER ? (att_position)p->position : ATT_NO_POSITION,
      .activation = p->activation == ATT_SWIGLU ? ATT_SILU : (att_activation)p->activation,
      .gated = p->activation == ATT_SWIGLU,
      .norm = (att_norm)p->norm,
      .norm_before = p->norm_order == ATT_NORM_BEFORE,
      .type_vocab_size = kind == ATT_ENCODER ? 2 : 0,
      .rope = {.base = 10000},
      .relative_buckets = 32,
      .relative_distance = 128,
      .network = (att_network)p->network,
      .scoring = recurrent && kind == ATT_ENCODER_DECODER ? (att_scoring)p->attention : ATT_SCORING_NONE,
      .bidirectional = recurrent && kind != ATT_DECODER && p->one_direction == 0,
      .tie_word_embeddings = p->tied == 1,
      .scale_embedding = kind == ATT_ENCODER_DECODER || p->network != ATT_TRANSFORMER,
      .dropout = att_plan_dropout(p),
      .layer_norm_epsilon = 1e-5f,
      .storage = ATT_F32,
  };
  set_shape(p, c);
  set_text(tokenizer, c);
}

static int put_layers(const att_plan *p, char *text, size_t size) {
  long long encoder = (long long)p->encoder_layers, decoder = (long long)p->decoder_layers;
  if (encoder && decoder) return snprintf(text, size, "%lld + %lld layers", encoder, decoder);
  return snprintf(text, size, "%lld layer%s", encoder + decoder, encoder + decoder == 1 ? "" : "s");
}

void att_plan_describe(const att_plan *p, char *text, size_t size) {
  char layers[64], grouped[48] = "", number[32];
  put_layers(p, layers, sizeof layers);
  if (p->network != ATT_TRANSFORMER) {
    bool attends = p->encoder_layers > 0 && p->decoder_layers > 0 && p->network != ATT_FFN;
    snprintf(text, size, "%s, %s, width %lld, embeddings %lld%s%s%s%s", att_plan_spell(p, "family", number), layers,
             (long long)p->width, (long long)p->embedding,
             p->encoder_layers > 0 && p->network != ATT_FFN && p->one_direction == 0 ? ", both directions" : "",
             attends ? ", " : "", attends ? att_plan_spell(p, "attention", number) : "", attends ? " attention" : "");
    return;
  }
  if (p->kv_heads != p->heads) snprintf(grouped, sizeof grouped, " (%lld of keys and values)", (long long)p->kv_heads);
  snprintf(text, size, "%s, width %lld, %lld heads%s, feed-forward %lld, %s, %snorm %s, %s positions", layers,
           (long long)p->width, (long long)p->heads, grouped, (long long)p->feedforward,
           att_plan_spell(p, "activation", number),
           p->norm == ATT_NORM_RMS     ? "RMS "
           : p->norm == ATT_NORM_BATCH ? "batch "
                                       : "",
           att_plan_spell(p, "norm-order", number), att_plan_spell(p, "position", number));
}
