/* Owns the list of families. */
#include "models/family.h"

static const att_family_calls *const families[ATT_FAMILY_COUNT] = {
    [ATT_MARIAN] = &att_marian_calls,       [ATT_M2M_100] = &att_m2m_100_calls, [ATT_GPT2] = &att_gpt2_calls,
    [ATT_LLAMA] = &att_llama_calls,         [ATT_QWEN2] = &att_qwen2_calls,     [ATT_QWEN3] = &att_qwen3_calls,
    [ATT_MISTRAL] = &att_mistral_calls,     [ATT_GEMMA2] = &att_gemma2_calls,   [ATT_GEMMA3] = &att_gemma3_calls,
    [ATT_PHI3] = &att_phi3_calls,           [ATT_BERT] = &att_bert_calls,       [ATT_WHISPER] = &att_whisper_calls,
    [ATT_RECURRENT] = &att_recurrent_calls, [ATT_PADDED] = &att_padded_calls,
};

const att_family_calls *att_family_get(att_family family) {
  return (unsigned)family < ATT_FAMILY_COUNT ? families[family] : NULL;
}
