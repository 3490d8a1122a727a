/* Settings of decoders' and encoders' folders that cannot be: each ends in one line that says which. */
#include "family_folder.h"

static const struct {
  const char *folder, *key, *value; /* value NULL: the key is left out */
  const char *clue;                 /* NULL: it opens */
} settings[] = {
    {"family_gpt2", "n_embd", "17", "n_embd is 17, not a multiple of 2 heads"},
    {"family_gpt2", "n_embd", "1000000000000", "n_embd"},
    {"family_gpt2", "n_layer", "1024", "is missing"},
    {"family_gpt2", "n_head", "0", "n_head"},
    {"family_gpt2", "n_inner", "-3", "n_inner"},
    {"family_gpt2", "n_inner", "65", "another shape"},
    {"family_gpt2", "scale_attn_weights", "false", "scale_attn_weights is false"},
    {"family_gpt2", "scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx"},
    {"family_gpt2", "layer_norm_epsilon", "0", "epsilon"},
    {"family_gpt2", "eos_token_id", "280", NULL},
    {"family_gpt2", "eos_token_id", "[0, 5]", NULL},
    {"family_gpt2", "eos_token_id", "[0, 280]", NULL},
    {"family_gpt2", "eos_token_id", "[0, -1]", NULL},
    {"family_gpt2", "eos_token_id", "[0, \"5\"]", NULL},
    {"family_gpt2", "eos_token_id", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]", NULL},
    {"family_gpt2", "pad_token_id", "0", NULL},
    {"family_gpt2", "tie_word_embeddings", "false", "lm_head.weight is missing"},
    {"family_gpt2", "architectures", "[\"GPT2ForTokenClassification\"]", "classifier.weight is missing"},
    {"family_gpt2", "architectures", "[\"GPT2ForMultipleChoice\"]", "[\"GPT2ForMultipleChoice\"], a head"},
    {"family_llama_token_classes", "id2label", "{\"0\": \"O\"}", "score.weight has another shape"},
    {"family_bert_token_classes", "problem_type", "\"regression\"", NULL},
    {"family_gpt2", "architectures", "[\"GPT2Model\"]", NULL},
    {"family_gpt2", "architectures", NULL, NULL},
    {"family_gpt2", "model_type", "\"gpt_neo\"", "gpt_neo"},
    {"family_llama", "num_key_value_heads", "3", "4 heads cannot share 3 key/value heads"},
    {"family_llama", "num_key_value_heads", "-1", "num_key_value_heads"},
    {"family_llama", "head_dim", "5", "rotary positions need an even number"},
    {"family_llama", "head_dim", "300", "a head has 300"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"ntk\", \"factor\": 2}", "rope_type is \"ntk\""},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"linear\"}", "factor is missing"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"linear\", \"factor\": 0}", "factor is 0"},
    {"family_llama", "rope_parameters", "{\"rope_theta\": -1}", "rope_theta is -1"},
    {"family_llama", "rope_parameters", "7", "rope_parameters is not an object"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"yarn\", \"factor\": 2, \"beta_slow\": 0}", "beta_slow is 0"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"yarn\", \"factor\": 2, \"rope_theta\": 1}",
     "rope_theta is 1"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"yarn\", \"factor\": 2, \"attention_factor\": 0.0}",
     "attention_factor is 0"},
    {"family_llama", "rope_parameters",
     "{\"rope_type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 0}",
     "original_max_position_embeddings is 0"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"yarn\"}", "factor is missing"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"yarn\", \"factor\": 2, \"mrope_section\": []}", NULL},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"dynamic\", \"factor\": 1e9}", "factor is 1e+09"},
    {"family_llama", "rope_parameters",
     "{\"rope_type\": \"llama3\", \"factor\": 2, \"low_freq_factor\": 4, "
     "\"high_freq_factor\": 4}",
     "high_freq_factor is not above"},
    {"family_llama", "rope_parameters", "{\"rope_type\": \"longrope\", \"short_factor\": [1, 1, 1]}",
     "long_factor is not"},
    {"family_phi3", "rope_parameters",
     "{\"rope_type\": \"su\", \"short_factor\": [1, 1, 1, 1], \"long_factor\": "
     "[1, 1, 1, 2]}",
     NULL},
    {"family_phi3", "rope_parameters", "{\"rope_type\": \"longrope\", \"short_factor\": [1, 1, 1, 0]}",
     "short_factor is not a list of 4 numbers"},
    {"family_phi3", "rope_parameters", "{\"rope_type\": \"longrope\", \"short_factor\": 3}", "short_factor is not"},
    {"family_phi3", "rope_parameters", "{\"partial_rotary_factor\": 1.5}", "partial_rotary_factor is 1.5"},
    {"family_phi3", "rope_parameters", "{\"partial_rotary_factor\": 0.01}", "0 columns of a head are too few"},
    {"family_phi3", "partial_rotary_factor", "-1", NULL}, /* the one in rope_parameters counts */
    {"family_phi3", "original_max_position_embeddings", "-4", "original_max_position_embeddings is -4"},
    {"family_mistral", "sliding_window", "null", NULL},
    {"family_mistral", "sliding_window", "0", "sliding_window is 0"},
    {"family_mistral", "head_dim", "null", "a head has 3"},
    {"family_qwen2", "layer_types", "[\"full_attention\", \"chunked_attention\"]", "chunked_attention"},
    {"family_qwen2", "layer_types", "[\"full_attention\"]", "layer_types is not a list of 2 names"},
    {"family_qwen2", "layer_types", "[1, 2]", "layer_types has \"\""},
    {"family_qwen2", "use_sliding_window", "false", "use_sliding_window is false"},
    {"family_qwen2", "layer_types", "null", NULL},
    {"family_qwen2", "max_window_layers", "-1", "max_window_layers is -1"},
    {"family_qwen3", "num_key_value_heads", "null", "another shape"},
    {"family_gemma2", "use_bidirectional_attention", "true", "use_bidirectional_attention is true"},
    {"family_gemma2", "query_pre_attn_scalar", "0", "query_pre_attn_scalar is 0"},
    {"family_gemma2", "attn_logit_softcapping", "-1", "attn_logit_softcapping is -1"},
    {"family_gemma2", "attn_logit_softcapping", "null", NULL},
    {"family_gemma2", "sliding_window", "null", "there is no sliding_window"},
    {"family_gemma3", "rope_parameters", "{\"full_attention\": 3}", "full_attention is not an object"},
    {"family_gemma3", "rope_parameters", "{\"sliding_attention\": {\"rope_type\": \"linear\"}}", "factor is missing"},
    {"family_gemma3", "rope_parameters", "{\"rope_type\": \"linear\"}", NULL},
    {"family_gemma3", "rope_local_base_freq", "-3", NULL},
    {"family_gemma3", "layer_types", "null", NULL},
    {"family_gemma3", "attn_logit_softcapping", "20", NULL},
    {"family_llama", "attention_bias", "true", "is missing"},
    {"family_llama", "hidden_act", "\"gelu_pytorch_tanh\"", NULL},
    {"family_llama", "hidden_size", "1048576", "another shape"},
    {"family_bert_classes", "id2label", "{}", "id2label has 0 labels"},
    {"family_bert_classes", "id2label", "{\"0\": \"a\", \"2\": \"b\"}", "no name for label 1"},
    {"family_bert_classes", "id2label", "[]", "id2label is not an object"},
    {"family_bert_classes", "id2label", "{\"0\": \"a\", \"1\": \"b\"}", "classifier.weight"},
    {"family_bert_classes", "problem_type", "\"guessing\"", "problem_type is \"guessing\""},
    {"family_bert_classes", "problem_type", "null", NULL},
    {"family_bert", "position_embedding_type", "\"relative_key\"", "position_embedding_type is \"relative_key\""},
    {"family_bert", "type_vocab_size", "0", "type_vocab_size is 0"},
    {"family_bert", "is_decoder", "true", "is_decoder is true"},
    {"family_bert", "architectures", "[\"BertForMaskedLM\"]", "cls.predictions"},
    {"family_bert", "architectures", "[\"BertForSequenceClassification\"]", "classifier.weight is missing"},
    {"family_bert_masked", "architectures", "[\"BertModel\"]", NULL},
    {"family_bert", "architectures", "[\"BertForQuestionAnswering\"]", "qa_outputs.weight is missing"},
    {"family_roberta_spans", "pad_token_id", "null", "there is no pad_token_id"},
    {"family_roberta_spans", "max_position_embeddings", "2", "of which 2 stand before the first"},
    {"family_roberta_spans", "architectures", "[\"RobertaForCausalLM\"]", "lm_head"},
    {"family_roberta_spans", "is_decoder", "true", "attend knows only roberta models"},
    {"family_roberta_masked", "max_position_embeddings", "35", "another shape"},
    {"family_distilbert_spans", "sinusoidal_pos_embds", "true", NULL},
    {"family_distilbert_spans", "dim", "15", "dim is 15"},
    {"family_electra", "embedding_size", "0", "embedding_size is 0"},
    {"family_electra", "embedding_size", "16", "another shape"},
    {"family_electra_values", "embedding_size", "10", "another shape"},
    {"family_albert_spans", "num_hidden_groups", "4", "num_hidden_groups is 4, more than the 3 layers"},
    {"family_albert_spans", "num_hidden_groups", "3", "is missing"},
    {"family_albert_spans", "inner_group_num", "2", "inner_group_num is 2"},
    {"family_mpnet", "relative_attention_num_buckets", "16", "attend knows only mpnet models"},
    {"family_mpnet", "pad_token_id", "0", "attend knows only mpnet models"},
    {"family_nomic_bert", "rope_parameters", "{\"rope_type\": \"linear\"}", "factor is missing"},
    {"family_nomic_bert", "rope_parameters", "[]", "rope_parameters is not an object"},
    {"family_nomic_bert", "head_dim", "7", "rotary positions need an even number"},
    {"family_nomic_bert", "head_dim", "6", "another shape"},
    {"family_nomic_bert", "head_dim", "null", NULL},
    {"family_nomic_bert", "prenorm", "true", "attend knows only nomic_bert models with false"},
    {"family_nomic_bert", "mlp_fc2_bias", "true", "mlp_fc2_bias is true"},
    {"family_nomic_bert", "rotary_emb_fraction", "0.5", "rotary_emb_fraction is 0.5"},
    {"family_nomic_bert", "moe_every_n_layers", "2", "moe_every_n_layers is 2"},
    {"family_nomic_bert", "architectures", "[\"NomicBertForQuestionAnswering\"]", "qa_outputs.weight is missing"},
};

static void test_impossible_settings(void **state) {
  (void)state;
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    char path[1200], folder[32];
    att_model *model;
    snprintf(path, sizeof path, "%s/%s/config.json", ATT_TEST_DATA, settings[i].folder);
    json_t *config = json_load_file(path, 0, NULL);
    assert_non_null(config);
    if (settings[i].value) {
      json_object_set_new(config, settings[i].key, json_loads(settings[i].value, JSON_DECODE_ANY, NULL));
    } else {
      json_object_del(config, settings[i].key);
    }
    make_folder(settings[i].folder, config, folder);
    att_status status = att_model_open(ctx, folder, &model);
    const char *said = status ? att_message(ctx) : "", *clue = settings[i].clue;
    if ((status == ATT_OK) != (clue == NULL) || (clue && !strstr(said, clue)) || strchr(said, '\n'))
      fail_msg("%s %s: \"%s\" does not say \"%s\"", settings[i].key, settings[i].value ? settings[i].value : "left out",
               said, clue ? clue : "");
    att_model_close(model);
    json_decref(config);
    remove_folder(folder);
  }
  att_context_free(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_impossible_settings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
