/*
 * Owns the head of spans: where in a text an answer begins and ends; two logits a row, each a softmax over the text's
 * rows. A text without an answer begins and ends at its first row. Learns from two labels a text, rows counted from its
 * first.
 */
#include "models/head.h"

enum { ENDS = 2 };

static att_status plan(att_model *model) { return att_head_plan_projection(model, ENDS); }

static att_status logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *out) {
  const att_linear_layer *layer = model->head_layers;
  return att_op_linear(run, &hidden->rows, &layer->weight, &layer->bias, ATT_PLAIN, out);
}

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  att_tensor made;
  const int64_t *start = hidden->sequences.start;
  (void)smoothing;
  for (int64_t i = 0; i < hidden->sequences.count; i++)
    ATT_TRY(att_check_range(run->ctx, "end of an answer", batch->labels + ENDS * i, ENDS, start[i + 1] - start[i]));
  ATT_TRY(logits(run, model, hidden, &made));
  return att_op_span_loss(run, &made, hidden->sequences, batch->labels, divisor, out);
}

static const char *const null_key = "attend_null_answers"; /* Transformers keeps what it does not know */

static att_status read_keys(const att_settings *in, att_config *config) {
  return att_read_bool(in, null_key, &config->null_answers);
}

static void write_keys(att_object *out, const att_config *config) {
  if (config->null_answers) att_put_bool(out, null_key, true);
}

static const char *const endings[] = {"ForQuestionAnswering", NULL};

const att_head_calls att_spans_head = {
    .name = "spans",
    .endings = endings,
    .common = true,
    .kinds = {[ATT_DECODER] = {"a decoder that answers questions", ATT_CAN(ANSWER)},
              [ATT_ENCODER] = {"an encoder that answers questions", ATT_CAN(ANSWER)},
              [ATT_ENCODER_DECODER] = {"an encoder-decoder that answers questions", ATT_CAN(ANSWER)}},
    .read = read_keys,
    .write = write_keys,
    .plan = plan,
    .projection = "qa_outputs",
    .logits = logits,
    .targets = att_text_targets,
    .loss = loss,
};
