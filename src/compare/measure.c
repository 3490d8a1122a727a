/* Owns what a comparison measures of each trained model: scores by length, gradients by distance, a few outputs. */
#include "compare/compare.h"

#include "models/head.h"

#include <math.h>
#include <string.h>

#define ATT_SCORED_WORDS   8  /* of a piece of running text: those after the context */
#define ATT_GRADIENT_TEXTS 16 /* whose gradients are taken */
#define ATT_LEAST_IN_SPAN  5
#define ATT_EXAMPLE_TOKENS 48

static const att_span lengths_of_texts[] = {{1, 4},   {5, 8},   {9, 12},  {13, 16},  {17, 24},
                                            {25, 32}, {33, 48}, {49, 96}, {97, 192}, {193, -1}};
static const att_span doubling[] = {{1, 1},   {2, 2},   {3, 4},    {5, 8},     {9, 16},
                                    {17, 32}, {33, 64}, {65, 128}, {129, 256}, {257, -1}};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool in_span(const att_span *span, size_t n) {
  return (int64_t)n >= span->first && (span->last < 0 || (int64_t)n <= span->last);
}

/* ---- preparing ------------------------------------------------------------------------------------------------ */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static size_t count_words(att_text text) {
  size_t words = 0;
  for (size_t i = 0; i < text.size; i++) words += !is_space(text.data[i]) && (i == 0 || is_space(text.data[i - 1]));
  return words;
}

/* Where the last `words` words of a text begin. */
static size_t tail_start(att_text text, size_t words) {
  size_t at = text.size;
  for (size_t i = text.size; i > 0 && words > 0; i--) {
    bool begins = !is_space(text.data[i - 1]) && (i == 1 || is_space(text.data[i - 2]));
    if (begins) at = i - 1, words--;
  }
  return at;
}

static void add_span(att_probes *q, att_span span, int64_t texts) {
  q->spans[q->span_count] = span;
  q->span_texts[q->span_count++] = texts;
}

/* Neighbours with too few texts to say anything become one. */
static void find_spans(att_probes *q) {
  const att_span *all = q->task == ATT_COMPARE_LM ? doubling : lengths_of_texts;
  size_t count = q->task == ATT_COMPARE_LM ? COUNT(doubling) : COUNT(lengths_of_texts);
  att_span open = {-1, 0};
  int64_t texts = 0;
  for (size_t s = 0; s < count; s++) {
    int64_t here = 0;
    for (size_t i = 0; i < q->count; i++) here += in_span(&all[s], q->lengths[i]);
    if (here == 0 && open.first < 0) continue;
    if (open.first < 0) open.first = all[s].first;
    open.last = all[s].last;
    texts += here;
    if (texts < ATT_LEAST_IN_SPAN) continue;
    add_span(q, open, texts);
    open.first = -1;
    texts = 0;
  }
  if (open.first >= 0 && texts > 0 && q->span_count > 0) {
    q->spans[q->span_count - 1].last = open.last;
    q->span_texts[q->span_count - 1] += texts;
  } else if (open.first >= 0 && texts > 0) {
    add_span(q, open, texts);
  }
}

att_status att_probes_prepare(att_probes *q) {
  q->lengths = ATT_NEW(q->ctx, q->count, size_t);
  if (!q->lengths) return ATT_MEMORY;
  for (size_t i = 0; i < q->count; i++) {
    size_t words = count_words(q->inputs[i]);
    bool piece = q->task == ATT_COMPARE_LM;
    q->lengths[i] = piece && words > ATT_SCORED_WORDS ? words - ATT_SCORED_WORDS : words;
  }
  find_spans(q);
  q->distance_count = COUNT(doubling);
  memcpy(q->distances, doubling, sizeof doubling);
  q->example_count = q->count < ATT_COMPARE_EXAMPLES ? q->count : ATT_COMPARE_EXAMPLES;
  for (size_t i = 0; i < q->example_count; i++) q->examples[i] = (2 * i + 1) * q->count / (2 * q->example_count);
  return ATT_OK;
}

void att_probes_free(att_probes *q) {
  if (q->ctx) att_free(q->ctx, q->lengths);
  q->lengths = NULL;
}

void att_results_free(att_context *ctx, att_results *a) {
  for (size_t i = 0; i < ATT_COMPARE_EXAMPLES; i++) att_free(ctx, a->outputs[i]);
  memset(a, 0, sizeof *a);
}

static att_status keep_output(const att_probes *q, size_t line, const char *text, size_t size, att_results *a) {
  for (size_t i = 0; i < q->example_count; i++) {
    if (q->examples[i] != line || a->outputs[i]) continue;
    a->outputs[i] = att_copy_text(q->ctx, text, size);
    if (!a->outputs[i]) return ATT_MEMORY;
  }
  return ATT_OK;
}

/* ---- translation ---------------------------------------------------------------------------------------------- */

/* What a callback fills; a failure in it is kept, for the call that calls it only knows that it was stopped. */
typedef struct att_evaluating {
  const att_probes *probes;
  att_results *results;
  att_buffer text;
  size_t *ends;       /* [count]: of each output in text */
  int32_t *predicted; /* classifier */
  double *values;     /* classifier of numbers: what it gave */
  bool is_number;
  const size_t *line_of; /* the question that line i of the call is */
  att_status status;
} att_evaluating;

static int on_translation(void *user, const att_translation *given) {
  att_evaluating *evaluating = user;
  const att_hypothesis *best = given->hypotheses[0];
  const char *text = given->count ? best->text : "";
  size_t size = given->count ? best->text_size : 0, line = evaluating->line_of[given->line];
  evaluating->status = att_buffer_append(evaluating->probes->ctx, &evaluating->text, text, size);
  evaluating->ends[line] = evaluating->text.size;
  if (!evaluating->status) evaluating->status = keep_output(evaluating->probes, line, text, size, evaluating->results);
  return evaluating->status != ATT_OK;
}

static att_status bleu_of(const att_probes *q, const att_text *outputs, const att_span *span, att_text *some,
                          att_text *references, double *score) {
  size_t count = 0;
  for (size_t i = 0; i < q->count; i++) {
    if (span && !in_span(span, q->lengths[i])) continue;
    some[count] = outputs[i];
    references[count++] = q->references[i];
  }
  const att_text *one = references;
  att_bleu_result result;
  ATT_TRY(att_bleu(q->ctx, some, count, &one, 1, NULL, &result));
  *score = result.score;
  return ATT_OK;
}

/* Which inputs the model can take whole; the others are its refusals. */
static att_status find_lines(att_model *model, const att_probes *q, att_text *lines, size_t *line_of, size_t *count,
                             size_t *longest, att_results *a) {
  const att_model_info *info;
  ATT_TRY(att_model_describe(model, &info));
  *count = *longest = 0;
  for (size_t i = 0; i < q->count; i++) {
    int32_t *ids;
    size_t tokens;
    ATT_TRY(att_tokenize(model, q->inputs[i], true, &ids, &tokens));
    att_release(q->ctx, ids);
    if ((int64_t)tokens > info->context) {
      a->refused++;
      continue;
    }
    if (tokens > *longest) *longest = tokens;
    lines[*count] = q->inputs[i];
    line_of[(*count)++] = i;
  }
  return ATT_OK;
}

static att_status score_translations(const att_probes *q, const att_text *outputs, att_text *scratch, att_results *a) {
  ATT_TRY(bleu_of(q, outputs, NULL, scratch, scratch + q->count, &a->score));
  for (size_t s = 0; s < q->span_count; s++) {
    ATT_TRY(bleu_of(q, outputs, &q->spans[s], scratch, scratch + q->count, &a->by_length[s]));
  }
  return ATT_OK;
}

static att_status probe_translations(att_model *model, att_evaluating *evaluating, att_text *lines, size_t *line_of,
                                     att_text *outputs) {
  const att_probes *q = evaluating->probes;
  size_t count, longest;
  att_decode_options options;
  ATT_TRY(find_lines(model, q, lines, line_of, &count, &longest, evaluating->results));
  att_decode_options_default(model, &options);
  options.beam = options.nbest = 1;
  int64_t limit = (int64_t)(longest + longest / 2 + 10); /* as validations: a young network may never end */
  if (limit < options.max_length) options.max_length = (int)limit;
  evaluating->line_of = line_of;
  att_status status = att_translate(model, lines, count, &options, on_translation, evaluating);
  if (evaluating->status) return evaluating->status;
  ATT_TRY(status);
  size_t begin = 0;
  for (size_t i = 0; i < count; i++) { /* in the lines' order */
    size_t line = line_of[i];
    outputs[line] = (att_text){evaluating->text.data + begin, evaluating->ends[line] - begin};
    begin = evaluating->ends[line];
  }
  return score_translations(q, outputs, lines, evaluating->results);
}

static att_status measure_translation(att_model *model, att_evaluating *evaluating) {
  const att_probes *q = evaluating->probes;
  att_text *lines = ATT_NEW(q->ctx, 2 * q->count, att_text), *outputs = ATT_NEW(q->ctx, q->count, att_text);
  size_t *line_of = ATT_NEW(q->ctx, q->count, size_t);
  att_status status = ATT_MEMORY;
  for (size_t i = 0; outputs && i < q->count; i++) outputs[i].data = "";
  if (lines && outputs && line_of) status = probe_translations(model, evaluating, lines, line_of, outputs);
  att_free(q->ctx, lines);
  att_free(q->ctx, outputs);
  att_free(q->ctx, line_of);
  return status;
}

/* ---- classification ------------------------------------------------------------------------------------------- */

static int on_classification(void *user, const att_classification *given) {
  att_evaluating *evaluating = user;
  evaluating->predicted[given->line] = (int32_t)given->best;
  evaluating->values[given->line] = given->scores[given->best];
  return 0;
}

/* Right ones among those of the span; for numbers, Spearman's correlation. */
static att_status right_of(const att_evaluating *evaluating, const att_span *span, const bool *is_right,
                           const double *numbers, double *scratch, double *score) {
  const att_probes *q = evaluating->probes;
  size_t count = 0, right = 0;
  for (size_t i = 0; i < q->count; i++) {
    if (span && !in_span(span, q->lengths[i])) continue;
    right += is_right[i];
    scratch[count] = numbers[i];
    scratch[q->count + count++] = evaluating->values[i];
  }
  *score = count ? 100.0 * (double)right / (double)count : NAN;
  if (!evaluating->is_number) return ATT_OK;
  att_value_metrics metrics;
  ATT_TRY(att_measure_values(q->ctx, scratch, scratch + q->count, count, &metrics));
  *score = 100 * metrics.spearman;
  return ATT_OK;
}

/* Whether a label is the text's, or one of several with commas between. */
static bool is_label(att_text truth, bool several, const char *label) {
  size_t size = strlen(label);
  for (size_t begin = 0, end; begin <= truth.size; begin = end + 1) {
    for (end = begin; end < truth.size && !(several && truth.data[end] == ',');) end++;
    if (end - begin == size && memcmp(truth.data + begin, label, size) == 0) return true;
  }
  return false;
}

static att_status probe_classes(att_model *model, att_evaluating *evaluating, bool *is_right, double *numbers) {
  const att_probes *q = evaluating->probes;
  const char *const *labels;
  att_label_form form = model->head->form;
  size_t count;
  ATT_TRY(att_model_labels(model, &labels, &count));
  ATT_TRY(att_classify(model, q->inputs, q->seconds, q->count, 0, on_classification, evaluating));
  evaluating->is_number = form == ATT_NUMBER;
  for (size_t i = 0; i < q->count; i++) {
    char number[64];
    const char *label = labels[evaluating->predicted[i]];
    is_right[i] = is_label(q->references[i], form == ATT_SEVERAL_LABELS, label);
    if (evaluating->is_number) {
      if (!att_read_number(q->references[i].data, q->references[i].size, &numbers[i])) numbers[i] = 0;
      att_format(number, sizeof number, "%.4g", evaluating->values[i]);
    }
    const char *output = evaluating->is_number ? number : label;
    ATT_TRY(keep_output(q, i, output, strlen(output), evaluating->results));
  }
  double *scratch = numbers + q->count;
  ATT_TRY(right_of(evaluating, NULL, is_right, numbers, scratch, &evaluating->results->score));
  for (size_t s = 0; s < q->span_count; s++) {
    ATT_TRY(right_of(evaluating, &q->spans[s], is_right, numbers, scratch, &evaluating->results->by_length[s]));
  }
  return ATT_OK;
}

static att_status measure_classes(att_model *model, att_evaluating *evaluating) {
  att_context *ctx = evaluating->probes->ctx;
  size_t count = evaluating->probes->count;
  evaluating->predicted = ATT_NEW(ctx, count, int32_t);
  bool *is_right = ATT_NEW(ctx, count, bool);
  double *numbers = ATT_NEW(ctx, 4 * count, double);
  att_status status = ATT_MEMORY;
  if (evaluating->predicted && is_right && numbers) {
    evaluating->values = numbers + 3 * count;
    status = probe_classes(model, evaluating, is_right, numbers);
  }
  att_free(ctx, evaluating->predicted);
  att_free(ctx, is_right);
  att_free(ctx, numbers);
  return status;
}

/* ---- language ------------------------------------------------------------------------------------------------- */

/* Bits that the last words of a piece take, given what stands before them. */
static att_status tail_bits(att_model *model, att_text piece, double *bits, double *bytes) {
  size_t start = tail_start(piece, ATT_SCORED_WORDS);
  att_text_score whole, before = {0};
  ATT_TRY(att_score_text(model, piece, 0, &whole));
  if (start > 0) ATT_TRY(att_score_text(model, (att_text){piece.data, start}, 0, &before));
  *bits = (before.logprob - whole.logprob) / log(2);
  *bytes = (double)(piece.size - start);
  return ATT_OK;
}

static int on_piece(void *user, const att_piece_of_text *piece) {
  att_evaluating *evaluating = user;
  evaluating->status = att_buffer_append(evaluating->probes->ctx, &evaluating->text, piece->text, piece->size);
  return evaluating->status != ATT_OK;
}

/* What the model writes after the first words of a piece. */
static att_status continue_text(att_model *model, att_evaluating *evaluating, size_t example) {
  const att_probes *q = evaluating->probes;
  att_text piece = q->inputs[q->examples[example]];
  att_generate_options options;
  att_generate_options_default(model, &options);
  options.max_tokens = ATT_EXAMPLE_TOKENS;
  options.samples = 1;
  options.temperature = 0.7;
  options.seed = example + 1;
  evaluating->text.size = 0;
  att_status status = att_generate(model, piece, &options, on_piece, evaluating);
  if (evaluating->status) return evaluating->status;
  if (status == ATT_ARGUMENT) return ATT_OK; /* longer than the network: no output is its answer */
  ATT_TRY(status);
  return keep_output(q, q->examples[example], evaluating->text.data ? evaluating->text.data : "", evaluating->text.size,
                     evaluating->results);
}

static att_status measure_language(att_model *model, att_evaluating *evaluating) {
  const att_probes *q = evaluating->probes;
  double bits[ATT_MOST_SPANS] = {0}, bytes[ATT_MOST_SPANS] = {0}, all_bits = 0, all_bytes = 0;
  for (size_t i = 0; i < q->count; i++) {
    double some_bits, some_bytes;
    ATT_TRY(tail_bits(model, q->inputs[i], &some_bits, &some_bytes));
    all_bits += some_bits;
    all_bytes += some_bytes;
    for (size_t s = 0; s < q->span_count; s++) {
      if (!in_span(&q->spans[s], q->lengths[i])) continue;
      bits[s] += some_bits;
      bytes[s] += some_bytes;
    }
  }
  evaluating->results->score = all_bytes > 0 ? all_bits / all_bytes : NAN;
  for (size_t s = 0; s < q->span_count; s++)
    evaluating->results->by_length[s] = bytes[s] > 0 ? bits[s] / bytes[s] : NAN;
  for (size_t i = 0; i < q->example_count; i++) ATT_TRY(continue_text(model, evaluating, i));
  return ATT_OK;
}

/* ---- gradients ------------------------------------------------------------------------------------------------ */

typedef struct att_distances {
  double sums[ATT_MOST_SPANS];
  int64_t counts[ATT_MOST_SPANS];
} att_distances;

/* Steps that a recurrent network takes between reading key j and giving output i. */
static size_t distance_between(att_look_part part, const att_attention_map *map, size_t i, size_t j) {
  if (part == ATT_LOOK_CROSS) return map->keys - j + i;
  return part == ATT_LOOK_DECODER ? i - j + 1 : map->keys - j;
}

/* Each norm is divided by the mean of its row, so that rows of large and of small gradients count alike. */
static void add_row(const att_probes *q, att_look_part part, const att_attention_map *map, size_t i,
                    att_distances *sum) {
  const float *row = map->weights + i * map->keys;
  size_t keys = part == ATT_LOOK_DECODER && i + 1 < map->keys ? i + 1 : map->keys;
  double total = 0;
  for (size_t j = 0; j < keys; j++) total += (double)row[j];
  if (!(total > 0) || !isfinite(total)) return;
  for (size_t j = 0; j < keys; j++) {
    size_t distance = distance_between(part, map, i, j);
    for (size_t s = 0; s < q->distance_count; s++) {
      if (!in_span(&q->distances[s], distance)) continue;
      sum->sums[s] += (double)row[j] * (double)keys / total;
      sum->counts[s]++;
    }
  }
}

/* The beginning that the model can read, or all. */
static att_status fit(att_model *model, const att_probes *q, att_text *text) {
  const att_model_info *info;
  ATT_TRY(att_model_describe(model, &info));
  for (;;) {
    int32_t *ids;
    size_t tokens, context = (size_t)info->context;
    ATT_TRY(att_tokenize(model, *text, true, &ids, &tokens));
    att_release(q->ctx, ids);
    if (tokens <= context || text->size == 0) return ATT_OK;
    text->size = (size_t)((double)text->size * (double)context / (double)tokens); /* shorter each time */
    while (text->size > 0 && ((unsigned char)text->data[text->size] & 0xc0) == 0x80) text->size--;
  }
}

static att_status add_text(att_model *model, const att_probes *q, size_t line, att_distances *sum) {
  static const att_look_part parts[] = {ATT_LOOK_CROSS, ATT_LOOK_DECODER, ATT_LOOK_ENCODER};
  att_look_part part = parts[q->task];
  att_attention *attention;
  const att_attention_map *map;
  att_text target = q->task == ATT_COMPARE_TRANSLATION ? q->references[line] : (att_text){0}, input = q->inputs[line];
  ATT_TRY(fit(model, q, &input));
  att_status status = att_look_gradient(model, input, target, &attention);
  if (status == ATT_ARGUMENT || status == ATT_UNSUPPORTED) return ATT_OK; /* too long, or nothing to look at */
  ATT_TRY(status);
  status = att_attention_get(attention, part, &map);
  for (size_t i = 0; !status && map->layers && i < map->queries; i++) add_row(q, part, map, i, sum);
  att_attention_free(attention);
  return status;
}

static att_status measure_gradients(att_model *model, const att_probes *q, att_results *a) {
  att_distances sum = {0};
  size_t texts = q->count < ATT_GRADIENT_TEXTS ? q->count : ATT_GRADIENT_TEXTS;
  for (size_t i = 0; i < texts; i++) ATT_TRY(add_text(model, q, (2 * i + 1) * q->count / (2 * texts), &sum));
  for (size_t s = 0; s < q->distance_count; s++) {
    a->by_distance[s] = sum.counts[s] ? sum.sums[s] / (double)sum.counts[s] : NAN;
  }
  return ATT_OK;
}

att_status att_measure_model(att_model *model, const att_probes *q, att_results *a) {
  att_evaluating evaluating = {.probes = q, .results = a, .ends = ATT_NEW(q->ctx, q->count, size_t)};
  att_status status = ATT_MEMORY;
  if (evaluating.ends && q->count) {
    status = q->task == ATT_COMPARE_TRANSLATION  ? measure_translation(model, &evaluating)
             : q->task == ATT_COMPARE_CLASSIFIER ? measure_classes(model, &evaluating)
                                                 : measure_language(model, &evaluating);
  }
  att_free(q->ctx, evaluating.ends);
  att_buffer_free(q->ctx, &evaluating.text);
  return status ? status : measure_gradients(model, q, a);
}
