/* Owns how comparisons measure what writes a text for a text: translations by BLEU, summaries by ROUGE-L. */
#include "compare/compare.h"

#include <math.h>
#include <string.h>

/* What a callback fills; a failure in it is kept, for the call that calls it only knows that it was stopped. */
typedef struct writing {
  const att_probes *probes;
  att_results *results;
  att_buffer text;
  size_t *ends;     /* [count]: of each output in text, in the order they came */
  size_t *index;    /* [count]: the item that text i of the call is */
  att_text *inputs; /* [count]: those texts */
  size_t given, longest;
  att_text *outputs;    /* [probes->count]: of each item, empty where it was refused */
  att_text *scratch[2]; /* [probes->count] */
  double *numbers;      /* [2 * probes->count] */
  att_status status;
} writing;

static int take(writing *w, size_t place, const char *text, size_t size) {
  w->status = att_buffer_append(w->probes->ctx, &w->text, text, size);
  w->ends[place] = w->text.size;
  if (!w->status) w->status = att_keep_output(w->probes, w->index[place], text, size, w->results);
  return w->status != ATT_OK;
}

static int on_translation(void *user, const att_translation *given) {
  const att_hypothesis *best = given->count ? given->hypotheses[0] : NULL;
  return take(user, given->line, best ? best->text : "", best ? best->text_size : 0);
}

static int on_summary(void *user, const att_summary *given) {
  return take(user, given->text, given->summary, given->size);
}

/* ---- what is given -------------------------------------------------------------------------------------------- */

/* All that the model can take whole; the others are its refusals. */
static att_status find_inputs(att_model *model, writing *w, bool whole) {
  const att_probes *q = w->probes;
  const att_model_info *info;
  ATT_TRY(att_model_describe(model, &info));
  for (size_t i = 0; i < q->count; i++) {
    int32_t *ids;
    size_t tokens;
    ATT_TRY(att_tokenize(model, q->items[i].input, true, &ids, &tokens));
    att_release(q->ctx, ids);
    if (whole && (int64_t)tokens > info->context) {
      w->results->refused++;
      continue;
    }
    if (tokens > w->longest) w->longest = tokens;
    w->inputs[w->given] = q->items[i].input;
    w->index[w->given++] = i;
  }
  return ATT_OK;
}

static void place_outputs(writing *w) {
  for (size_t i = 0, begin = 0; i < w->given; begin = w->ends[i++])
    w->outputs[w->index[i]] = (att_text){w->text.data + begin, w->ends[i] - begin};
}

/* ---- translations --------------------------------------------------------------------------------------------- */

static att_status score_bleu(void *user, const att_probes *q, const att_span *span, double *score) {
  const writing *w = user;
  att_text *outputs = w->scratch[0], *references = w->scratch[1];
  const att_text *one = references;
  size_t count = 0;
  for (size_t i = 0; i < q->count; i++) {
    if (span && !att_in_span(span, q->lengths[i])) continue;
    outputs[count] = w->outputs[i];
    references[count++] = q->items[i].reference;
  }
  att_bleu_result result;
  ATT_TRY(att_bleu(q->ctx, outputs, count, &one, 1, NULL, &result));
  *score = result.score;
  return ATT_OK;
}

static att_status translate(att_model *model, writing *w) {
  att_decode_options options;
  ATT_TRY(find_inputs(model, w, true));
  att_decode_options_default(model, &options);
  options.beam = options.nbest = 1;
  int64_t limit = (int64_t)(w->longest + w->longest / 2 + 10); /* as validations: a young network may never end */
  if (limit < options.max_length) options.max_length = (int)limit;
  att_status status = att_translate(model, w->inputs, w->given, &options, on_translation, w);
  if (w->status) return w->status;
  ATT_TRY(status);
  place_outputs(w);
  return att_score_spans(w->probes, score_bleu, w, w->results);
}

/* ---- summaries ------------------------------------------------------------------------------------------------ */

/* The mean of the texts' F of ROUGE-L, in percent. */
static att_status score_rouge(writing *w) {
  const att_probes *q = w->probes;
  att_text *references = w->scratch[0];
  const att_text *one = references;
  att_rouge_scores *scores = ATT_NEW(q->ctx, q->count, att_rouge_scores);
  double *sums = w->numbers, *weights = w->numbers + q->count;
  if (!scores) return ATT_MEMORY;
  for (size_t i = 0; i < q->count; i++) references[i] = q->items[i].reference;
  att_status status = att_rouge(q->ctx, w->outputs, q->count, &one, 1, NULL, scores, NULL);
  for (size_t i = 0; !status && i < q->count; i++) {
    sums[i] = 100 * scores[i].kinds[ATT_ROUGE_L].f;
    weights[i] = 1;
  }
  if (!status) status = att_score_means(q, sums, weights, w->results);
  att_free(q->ctx, scores);
  return status;
}

/* Long texts are truncated, as in training. */
static att_status sum_up(att_model *model, writing *w) {
  att_summary_options options;
  att_decode_options decode;
  ATT_TRY(find_inputs(model, w, false));
  att_summary_options_default(&options);
  att_summary_decode_default(model, &decode);
  decode.beam = decode.nbest = 1;
  options.decode = &decode;
  att_status status = att_summarize(model, w->inputs, w->given, &options, on_summary, w);
  if (w->status) return w->status;
  ATT_TRY(status);
  place_outputs(w);
  return score_rouge(w);
}

/* ---- both ----------------------------------------------------------------------------------------------------- */

static att_status measure(att_model *model, const att_probes *q, att_results *a,
                          att_status (*write)(att_model *, writing *)) {
  att_context *ctx = q->ctx;
  writing w = {.probes = q,
               .results = a,
               .ends = ATT_NEW(ctx, q->count, size_t),
               .index = ATT_NEW(ctx, q->count, size_t),
               .inputs = ATT_NEW(ctx, 4 * q->count, att_text),
               .numbers = ATT_NEW(ctx, 2 * q->count, double)};
  att_status status = w.ends && w.index && w.inputs && w.numbers ? ATT_OK : ATT_MEMORY;
  if (!status) {
    w.outputs = w.inputs + q->count;
    w.scratch[0] = w.outputs + q->count;
    w.scratch[1] = w.scratch[0] + q->count;
    for (size_t i = 0; i < q->count; i++) w.outputs[i].data = "";
    status = write(model, &w);
  }
  void *const owned[] = {w.ends, w.index, w.inputs, w.numbers};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(ctx, owned[i]);
  att_buffer_free(ctx, &w.text);
  return status;
}

att_status att_compare_translations(att_model *model, const att_probes *q, att_results *a) {
  return measure(model, q, a, translate);
}

att_status att_compare_summaries(att_model *model, const att_probes *q, att_results *a) {
  return measure(model, q, a, sum_up);
}
