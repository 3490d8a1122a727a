/*
 * Owns the heads of connectionist temporal classification (Graves et al. 2006): a softmax over the vocabulary at each
 * row that an encoder makes of a sound, where the padding token is the blank. One stands on an encoder alone; the other
 * has a decoder with a head of tokens beside it, and the loss is of both (Watanabe et al. 2017, equation 19).
 *
 * A text whose tokens need more rows than there are has no loss: who makes batches leaves such texts out.
 */
#include "models/head.h"

static att_status plan(att_model *model) { return att_head_plan_projection(model, model->config.vocab_size); }

att_status att_head_ctc_logits(att_run *run, att_model *model, const att_tensor *rows, att_tensor *logits) {
  return att_head_row_logits(run, model, &(att_hidden){.rows = *rows}, logits);
}

static att_status ctc_loss(att_run *run, att_model *model, const att_tensor *rows, att_sequences sequences,
                           const int32_t *labels, const int64_t *start, double divisor, att_loss *out) {
  att_tensor logits;
  int64_t impossible;
  ATT_TRY(att_check_range(run->ctx, "label", labels, start[sequences.count], model->config.vocab_size));
  for (int64_t i = 0; i < start[sequences.count]; i++) {
    if (labels[i] == model->config.pad) return att_fail(run->ctx, ATT_ARGUMENT, "the blank is no label");
  }
  ATT_TRY(att_head_ctc_logits(run, model, rows, &logits));
  return att_op_ctc_loss(run, &logits, sequences, labels, start, model->config.pad, divisor, out, &impossible);
}

static att_status check_blank(att_context *ctx, const char *name, const att_config *config) {
  if (config->pad >= 0 && config->label_count == 0) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: a head of CTC has no labels, and needs a pad_token_id: its blank", name);
}

/* ---- an encoder alone ------------------------------------------------------------------------------------------- */

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  (void)smoothing;
  return ctc_loss(run, model, &hidden->rows, hidden->sequences, batch->labels, batch->label_start, divisor, out);
}

static int64_t targets(const att_model *model, const att_batch *batch) {
  (void)model;
  int64_t labels = batch->label_start[batch->source.sequences.count];
  return labels > 0 ? labels : 1;
}

static const char *const endings[] = {"ForCTC", NULL};

const att_head_calls att_ctc_head = {
    .name = "ctc",
    .endings = endings,
    .kinds = {[ATT_ENCODER] = {"an encoder that writes what it hears", 0}},
    .vocabulary = true,
    .check = check_blank,
    .plan = plan,
    .projection = "ctc",
    .logits = att_head_row_logits,
    .targets = targets,
    .loss = loss,
};

/* ---- beside a decoder ------------------------------------------------------------------------------------------- */

/* The decoder's labels without the end of each text. */
static att_status without_ends(att_run *run, const att_batch *batch, int32_t **labels, int64_t **start) {
  const att_sequences *texts = &batch->target.sequences;
  int64_t count = 0;
  *labels = ATT_ARENA_NEW(run->arena, texts->start[texts->count] + 1, int32_t);
  *start = ATT_ARENA_NEW(run->arena, texts->count + 1, int64_t);
  if (!*labels || !*start) return ATT_MEMORY;
  for (int64_t i = 0; i < texts->count; i++) {
    (*start)[i] = count;
    for (int64_t row = texts->start[i]; row + 1 < texts->start[i + 1]; row++) (*labels)[count++] = batch->labels[row];
  }
  (*start)[texts->count] = count;
  return ATT_OK;
}

/* CTC first: its gradient reaches the encoder through the tape, as the decoder's does. */
static att_status joint_loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                             float smoothing, double divisor, att_loss *out) {
  double weight = model->config.ctc_weight;
  const att_memory *memory = hidden->memory;
  att_loss ctc = {0}, tokens = {0};
  if (!memory) return att_fail(run->ctx, ATT_ARGUMENT, "CTC beside a decoder needs the encoder's rows");
  if (weight > 0) {
    int32_t *labels;
    int64_t *start;
    ATT_TRY(without_ends(run, batch, &labels, &start));
    ATT_TRY(ctc_loss(run, model, &memory->rows, memory->sequences, labels, start, divisor / weight, &ctc));
  }
  ATT_TRY(att_head_token_loss(run, model, hidden, batch, smoothing, divisor / (1 - weight), &tokens));
  out->loss += weight * ctc.loss + (1 - weight) * tokens.loss;
  out->nll += weight * ctc.nll + (1 - weight) * tokens.nll;
  out->count += tokens.count;
  return ATT_OK;
}

static att_status read_weight(const att_settings *in, att_config *config) {
  double weight = 0.3;
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "ctc_weight", false, &weight));
  config->ctc_weight = (float)weight;
  return ATT_OK;
}

static void write_weight(att_object *out, const att_config *config) {
  att_put_real(out, "ctc_weight", (double)config->ctc_weight, true);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(check_blank(ctx, name, config));
  if (config->ctc_weight >= 0 && config->ctc_weight < 1) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: ctc_weight is %g, not from 0 to below 1", name, (double)config->ctc_weight);
}

const att_head_calls att_ctc_attention_head = {
    .name = "ctc-attention",
    .kinds = {[ATT_ENCODER_DECODER] = {"an encoder-decoder that writes what it hears", 0}},
    .vocabulary = true,
    .output = true,
    .read = read_weight,
    .write = write_weight,
    .check = check,
    .plan = plan,
    .projection = "ctc",
    .logits = att_head_token_logits,
    .targets = att_label_targets,
    .loss = joint_loss,
};
