/*
 * Owns MPNet's description (Song et al. 2020) as Hugging Face has it: BERT without token types, with T5's relative
 * positions beside learned ones, which count from 2. Refuses other numbers of buckets than the 32 that its class counts
 * by, and another pad token than 1, which it counts positions from.
 */
#include "models/families/bert_encoder.h"

enum { BUCKETS = 32, REACH = 128, PAD = 1 };

static const att_size_key sizes[] = {ATT_BERT_SIZES};

/* configuration_mpnet.py */
static const att_bert_encoder mpnet = {
    .defaults = {.family = ATT_MPNET,
                 .kind = ATT_ENCODER,
                 .head = ATT_HEAD_NONE,
                 .position = ATT_LEARNED,
                 .activation = ATT_GELU,
                 .d_model = 768,
                 .vocab_size = 30527,
                 .max_position_embeddings = 512,
                 .encoder_layers = 12,
                 .encoder_attention_heads = 12,
                 .encoder_ffn_dim = 3072,
                 .relative_buckets = BUCKETS,
                 .relative_distance = REACH,
                 .tie_word_embeddings = true,
                 .dropout = 0.1f,
                 .layer_norm_epsilon = 1e-12f,
                 .pad = PAD,
                 .bos = 0,
                 .eos = 2,
                 .decoder_start = -1},
    ATT_BERT_KEYS(sizes),
    .after_pad = true,
    .names = {.part = "encoder",
              .prefix = "mpnet.",
              .layers = "encoder.layer.",
              .self_in = {"attention.attn.q", "attention.attn.k", "attention.attn.v"},
              .self_out = "attention.attn.o",
              .self_norm = "attention.LayerNorm",
              .gate = "intermediate.gate",
              .up = "intermediate.dense",
              .down = "output.dense",
              .feedforward_norm = "output.LayerNorm",
              .norm = "encoder.norm",
              .positions = "embeddings.position_embeddings",
              .distances = "encoder.relative_attention_bias.weight",
              .distances_too = true,
              .attention_bias = true,
              .other_bias = true},
    ATT_ROBERTA_HEADS,
    .kept_pooler = "pooler.dense",
};

static att_status mpnet_read(const att_settings *in, att_config *config) {
  int64_t buckets = BUCKETS;
  ATT_TRY(att_bert_read(in, &mpnet, config));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "relative_attention_num_buckets", false, 1, ATT_LARGEST_SIZE,
                       &buckets));
  if (buckets == BUCKETS && config->pad == PAD) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: relative_attention_num_buckets is %lld and pad_token_id %d; attend knows only mpnet models with "
                  "%d and %d",
                  in->name, (long long)buckets, (int)config->pad, BUCKETS, PAD);
}

static void mpnet_write(att_object *out, const att_config *config) {
  att_bert_write(out, &mpnet, config);
  if (att_bert_plain(config)) att_put_int(out, "relative_attention_num_buckets", BUCKETS);
}

static att_status mpnet_check(att_context *ctx, const char *name, const att_config *config) {
  return att_bert_check(ctx, name, &mpnet, config);
}

const att_family_calls att_mpnet_calls = {ATT_BERT_CALLS(mpnet), .stem = "MPNet", .forms = att_bert_out_forms,
                                          .prefix = "mpnet."};
