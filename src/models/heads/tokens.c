/*
 * Owns the head of tokens: the next token of a text, or the one behind a mask. The projection to the vocabulary is the
 * family's, for it is often the token embedding itself, and with it come what stands before it (a masked language
 * model's transform, a recurrent network's readout). The loss is that projection and the cross-entropy in one op.
 */
#include "models/head.h"

att_status att_head_token_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *out) {
  att_tensor rows;
  att_weight weight, bias;
  ATT_TRY(model->calls->output(run, model, &hidden->rows, &rows, &weight, &bias));
  ATT_TRY(att_op_linear(run, &rows, &weight, &bias, ATT_PLAIN, out));
  float cap = model->config.logit_softcap;
  return cap > 0 ? att_op_soft_cap(run, out, cap) : ATT_OK;
}

/* Label smoothing as Vaswani et al. 2017, section 5.4. */
att_status att_head_token_loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                               float smoothing, double divisor, att_loss *out) {
  att_hidden picked;
  att_tensor rows;
  att_weight weight, bias;
  ATT_TRY(att_head_pick(run, hidden, batch, model->config.vocab_size, &picked));
  ATT_TRY(model->calls->output(run, model, &picked.rows, &rows, &weight, &bias));
  return att_op_cross_entropy(run, &rows, &weight, &bias, model->config.logit_softcap, batch->labels, smoothing,
                              divisor, out);
}

static const char *const endings[] = {
    "LMHeadModel", "ForCausalLM", "ForMaskedLM", "ForPreTraining", "MTModel", "ForConditionalGeneration", NULL};

const att_head_calls att_tokens_head = {
    .name = "tokens",
    .endings = endings,
    .kinds = {[ATT_ENCODER_DECODER] = {"an encoder-decoder",
                                       ATT_CAN(TRANSLATE) | ATT_CAN(SUMMARIZE) | ATT_CAN(SCORE_PAIRS)},
              [ATT_DECODER] = {"a decoder", ATT_CAN(GENERATE) | ATT_CAN(SCORE_TEXT)},
              [ATT_ENCODER] = {"an encoder that fills in masks", ATT_CAN(FILL)}},
    .vocabulary = true,
    .output = true,
    .logits = att_head_token_logits,
    .targets = att_label_targets,
    .loss = att_head_token_loss,
};
