/* Owns the list of families. */
#include "models/family.h"

static const att_family_calls *const families[ATT_FAMILY_COUNT] = {
    [ATT_MARIAN] = &att_marian_calls,
    [ATT_M2M_100] = &att_m2m_100_calls,
    [ATT_BART] = &att_bart_calls,
    [ATT_MBART] = &att_mbart_calls,
    [ATT_PEGASUS] = &att_pegasus_calls,
    [ATT_T5] = &att_t5_calls,
    [ATT_GPT2] = &att_gpt2_calls,
    [ATT_LLAMA] = &att_llama_calls,
    [ATT_QWEN2] = &att_qwen2_calls,
    [ATT_QWEN3] = &att_qwen3_calls,
    [ATT_MISTRAL] = &att_mistral_calls,
    [ATT_GEMMA2] = &att_gemma2_calls,
    [ATT_GEMMA3] = &att_gemma3_calls,
    [ATT_PHI3] = &att_phi3_calls,
    [ATT_BERT] = &att_bert_calls,
    [ATT_ROBERTA] = &att_roberta_calls,
    [ATT_XLM_ROBERTA] = &att_xlm_roberta_calls,
    [ATT_DISTILBERT] = &att_distilbert_calls,
    [ATT_ELECTRA] = &att_electra_calls,
    [ATT_ALBERT] = &att_albert_calls,
    [ATT_MPNET] = &att_mpnet_calls,
    [ATT_NOMIC_BERT] = &att_nomic_bert_calls,
    [ATT_WHISPER] = &att_whisper_calls,
    [ATT_PATCHTST] = &att_patchtst_calls,
    [ATT_RECURRENT] = &att_recurrent_calls,
    [ATT_PADDED] = &att_padded_calls,
};

const att_family_calls *att_family_get(att_family family) {
  return (unsigned)family < ATT_FAMILY_COUNT ? families[family] : NULL;
}
