/*
 * Owns the task of picking sentences: texts with summaries, an encoder (or what a run goes on from) that reads a text's
 * sentences one behind another (decode/picking.h) and says of each whether it belongs to the summary. What is true is
 * found: sentences that together come nearest to the summary, added one by one while ROUGE-1 and ROUGE-2 grow
 * (Nallapati et al. 2017, section 3). Sentences beyond the first window of a text are left out. Refuses options of
 * decoders.
 */
#include "decode/picking.h"
#include "text/sentences.h"
#include "text/unicode.h"
#include "train/data/batches.h"
#include "train/data/documents.h"
#include "train/data/examples.h"
#include "train/tasks/encoder.h"
#include "train/trainer.h"

#include "base/number.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

/* Texts as windows of sentences. */
typedef struct documents {
  att_examples examples;
  att_text *sentences;      /* [count]: in the lines' text */
  int32_t *firsts, *labels; /* [count] the row of each in its window; ATT_PICKED or ATT_LEFT */
  size_t count, capacity;
  size_t *start; /* [examples.count + 1] of each text's sentences */
  size_t *line;  /* [examples.count] whose they are */
} documents;

typedef struct extraction_data {
  att_lines lines, valid;
  documents learn, check;
  int32_t *order; /* [learn.examples.count]: of the epoch */
  int64_t rows;   /* texts of a batch */
  att_arena *arena;
} extraction_data;

static extraction_data *data_of(const att_trainer *t) { return t->data; }

static const char *valid_name(const att_train_options *o) { return o->valid ? o->valid : "the held-out part"; }

/* ---- data ----------------------------------------------------------------------------------------------------- */

static att_status check_options(att_trainer *t) {
  const att_plan *p = &t->options->plan;
  const char *wrong = p->copy == 1                                               ? "copy"
                      : p->decoder_layers != ATT_UNSET                           ? "decoder-layers"
                      : p->network != ATT_UNSET && p->network != ATT_TRANSFORMER ? "family"
                                                                                 : NULL;
  if (wrong)
    return att_fail(t->ctx, ATT_ARGUMENT, "--extract is of a Transformer's encoder alone: leave out --%s", wrong);
  if (t->options->data) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT, "--data is missing: texts with their summaries");
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  ATT_TRY(check_options(t));
  extraction_data *d = ATT_NEW(t->ctx, 1, extraction_data);
  if (!d) return ATT_MEMORY;
  t->data = d;
  ATT_TRY(att_documents_read(t->ctx, o->data, &d->lines));
  if (o->valid) {
    ATT_TRY(att_documents_read(t->ctx, o->valid, &d->valid));
  } else {
    ATT_TRY(att_lines_hold_out(t->ctx, &d->lines, 100, seed, &d->valid));
  }
  *train_fingerprint = att_lines_fingerprint(&d->lines);
  *valid_fingerprint = att_lines_fingerprint(&d->valid);
  return ATT_OK;
}

/* ---- the choice and the model --------------------------------------------------------------------------------- */

static double passes_for(const att_plan *p) { return p->fine_tuned == 1 ? 3 : 10; }
static double most_epochs(const att_trainer *t) { return 2 * passes_for(&t->state.plan); }

/* An encoder as the others train: what the table chooses for encoder-decoders is not for it. */
static void choose_encoder(const att_plan *asked, att_plan *p) {
  if (asked->activation == ATT_UNSET) p->activation = ATT_GELU;
  if (asked->norm_order == ATT_UNSET) p->norm_order = ATT_NORM_AFTER;
  if (asked->position == ATT_UNSET) p->position = ATT_LEARNED;
}

/* Nor are the table's choices for a vocabulary. */
static void choose_learning(const att_plan *asked, att_plan *p) {
  if (isnan(asked->label_smoothing)) p->label_smoothing = 0;
}

static void choose(const att_trainer *t, att_plan *p) {
  size_t texts = data_of(t)->lines.count;
  if (p->fine_tuned != 1) choose_encoder(&t->options->plan, p);
  if (p->fine_tuned != 1) att_choose_whole(&p->context, 512);
  att_choose_whole(&p->max_length, p->context != ATT_UNSET && p->context < 512 ? p->context : 512);
  att_encoder_choose(p, texts < 50000 ? ATT_TINY : ATT_SMALL, texts < 20000 ? 8000 : 16000, 5e-4);
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, 16);
  choose_learning(&t->options->plan, p);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = passes_for(p);
}

static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  const att_lines *lines = &data_of(t)->lines;
  const att_text *const texts[] = {lines->source};
  return att_encoder_train_tokenizer(t, texts, &lines->count, 1, true, tokenizer);
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  att_encoder_configure(&t->state.plan, tokenizer, c);
  c->head = ATT_HEAD_TOKEN_CLASSES;
  c->label_count = ATT_PICKING_LABELS;
  c->labels = (char **)(uintptr_t)att_picking_labels; /* who makes the model copies them */
}

static att_status fits(att_trainer *t, const char *folder) {
  if (t->model->config.kind != ATT_ENCODER)
    return att_trainer_wrong_model(t, folder, "an encoder, such as bert, to extract");
  if (!t->resumed || att_picks_sentences(t->model)) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s: the model in it does not pick sentences: the checkpoint is damaged", folder);
}

static att_status adopt(att_trainer *t) {
  att_model *model;
  uint64_t seed = t->state.plan.seed == ATT_UNSET ? 1 : (uint64_t)t->state.plan.seed;
  t->state.plan.copy = 0;
  if (att_picks_sentences(t->model)) return ATT_OK;
  char **labels = att_labels_copy(t->ctx, att_picking_labels, ATT_PICKING_LABELS);
  if (!labels) return ATT_MEMORY;
  att_status status = att_model_new_head(t->model, ATT_HEAD_TOKEN_CLASSES, labels, ATT_PICKING_LABELS, seed, &model);
  if (status) att_free(t->ctx, labels);
  if (status) return status;
  att_model_close(t->model);
  t->model = model;
  return ATT_OK;
}

/* ---- what is true --------------------------------------------------------------------------------------------- */

typedef struct picker {
  att_context *ctx;
  att_buffer text;          /* candidates, one behind another */
  att_text *candidates;     /* [capacity] */
  att_text *references;     /* [capacity]: the summary */
  size_t *ends;             /* [capacity] */
  att_rouge_scores *scores; /* [capacity] */
  size_t capacity;
} picker;

static att_status picker_room(picker *p, size_t count) {
  if (count <= p->capacity) return ATT_OK;
  size_t capacity = 2 * count;
  att_text *candidates = att_resize(p->ctx, p->candidates, capacity, sizeof *candidates);
  if (candidates) p->candidates = candidates;
  att_text *references = att_resize(p->ctx, p->references, capacity, sizeof *references);
  if (references) p->references = references;
  size_t *ends = att_resize(p->ctx, p->ends, capacity, sizeof *ends);
  if (ends) p->ends = ends;
  att_rouge_scores *scores = att_resize(p->ctx, p->scores, capacity, sizeof *scores);
  if (scores) p->scores = scores;
  if (!candidates || !references || !ends || !scores) return ATT_MEMORY;
  p->capacity = capacity;
  return ATT_OK;
}

static void picker_free(picker *p) {
  att_buffer_free(p->ctx, &p->text);
  att_free(p->ctx, p->candidates);
  att_free(p->ctx, p->references);
  att_free(p->ctx, p->ends);
  att_free(p->ctx, p->scores);
}

/* A line end would make it several sentences to ROUGE: not here. */
static att_status append(picker *p, att_text sentence) {
  if (p->text.size) ATT_TRY(att_buffer_append(p->ctx, &p->text, " ", 1));
  return att_buffer_append(p->ctx, &p->text, sentence.data, sentence.size);
}

/* What the sentences that are picked and each other one score together: p->scores[count]. */
static att_status score_each(picker *p, const att_text *sentences, const int32_t *labels, size_t count,
                             att_text summary) {
  p->text.size = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < count; j++)
      if (labels[j] == ATT_PICKED || j == i) ATT_TRY(append(p, sentences[j]));
    p->ends[i] = p->text.size;
  }
  for (size_t i = 0; i < count; i++) {
    size_t begin = i ? p->ends[i - 1] : 0;
    p->candidates[i] = (att_text){p->text.data + begin, p->ends[i] - begin};
    p->references[i] = summary;
  }
  const att_text *const references[] = {p->references};
  return att_rouge(p->ctx, p->candidates, count, references, 1, NULL, p->scores, NULL);
}

static att_status find_labels(picker *p, const att_text *sentences, size_t count, att_text summary, int32_t *labels) {
  double reached = 0;
  for (size_t i = 0; i < count; i++) labels[i] = ATT_LEFT;
  ATT_TRY(picker_room(p, count));
  for (size_t picked = 0; picked < count; picked++) {
    size_t best = count;
    ATT_TRY(score_each(p, sentences, labels, count, summary));
    for (size_t i = 0; i < count; i++) {
      double value = p->scores[i].kinds[ATT_ROUGE_1].f + p->scores[i].kinds[ATT_ROUGE_2].f;
      if (labels[i] == ATT_PICKED || value <= reached) continue;
      reached = value;
      best = i;
    }
    if (best == count) break;
    labels[best] = ATT_PICKED;
  }
  return ATT_OK;
}

/* ---- windows -------------------------------------------------------------------------------------------------- */

static att_status sentence_room(att_context *ctx, documents *d) {
  if (d->count < d->capacity) return ATT_OK;
  size_t capacity = 2 * d->capacity + 256;
  att_text *sentences = att_resize(ctx, d->sentences, capacity, sizeof *sentences);
  if (sentences) d->sentences = sentences;
  int32_t *firsts = att_resize(ctx, d->firsts, capacity, sizeof *firsts);
  if (firsts) d->firsts = firsts;
  int32_t *labels = att_resize(ctx, d->labels, capacity, sizeof *labels);
  if (labels) d->labels = labels;
  if (!sentences || !firsts || !labels) return ATT_MEMORY;
  d->capacity = capacity;
  return ATT_OK;
}

/* The first window of a text; a text without a sentence has none. */
static att_status put_text(const att_trainer *t, documents *d, const att_lines *lines, size_t line, picker *p) {
  att_examples *e = &d->examples;
  size_t begin = e->ids.count, first = d->count, at = 0;
  bool fits = true;
  att_text sentence;
  while (fits && att_sentence_next(lines->source[line], &at, &sentence)) {
    ATT_TRY(sentence_room(t->ctx, d));
    d->firsts[d->count] = (int32_t)(e->ids.count - begin);
    d->sentences[d->count] = sentence;
    ATT_TRY(att_picking_put(t->model, sentence, begin, t->state.plan.max_length, &e->ids, &e->types, &fits));
    d->count += fits;
  }
  if (d->count == first) return ATT_OK;
  d->line[e->count] = line;
  ATT_TRY(att_examples_end(t->model, e));
  d->start[e->count] = d->count;
  return find_labels(p, d->sentences + first, d->count - first, lines->target[line], d->labels + first);
}

static att_status put_all(att_trainer *t, documents *d, const att_lines *lines, const char *name) {
  picker p = {.ctx = t->ctx};
  att_status status = ATT_OK;
  size_t unclean = 0, empty = 0;
  d->start = ATT_NEW(t->ctx, lines->count + 1, size_t);
  d->line = ATT_NEW(t->ctx, lines->count, size_t);
  if (!d->start || !d->line) return ATT_MEMORY;
  for (size_t i = 0; i < lines->count && !status; i++) {
    bool stop = i % 64 == 0 && att_trainer_work(t, (double)i / (double)lines->count);
    bool clean = att_is_clean(lines->source[i]) && att_is_clean(lines->target[i]);
    bool blank = att_is_blank(lines->source[i]) || att_is_blank(lines->target[i]);
    unclean += !clean;
    empty += blank;
    if (stop || att_is_interrupted(t->ctx))
      status = att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while reading %s", name);
    if (!status && clean && !blank) status = put_text(t, d, lines, i, &p);
  }
  picker_free(&p);
  if (unclean) att_log(t->ctx, ATT_LOG_WARNING, "%s: %zu texts that are no clean UTF-8 are left out", name, unclean);
  if (empty) att_log(t->ctx, ATT_LOG_WARNING, "%s: %zu pairs with an empty side left out", name, empty);
  if (!status && d->examples.count == 0)
    status = att_fail(t->ctx, ATT_FORMAT, "%s: there is no text with a summary", name);
  return status;
}

static att_status encode(att_trainer *t) {
  extraction_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  t->work = "finding the sentences";
  ATT_TRY(put_all(t, &d->learn, &d->lines, t->options->data));
  ATT_TRY(put_all(t, &d->check, &d->valid, valid_name(t->options)));
  ATT_TRY(att_encoder_place_words(t, &d->learn.examples.ids));
  int64_t texts = d->learn.examples.count, longest = d->learn.examples.longest;
  d->rows = p->batch > 0 ? p->batch : p->batch_tokens / (longest ? longest : 1);
  d->rows = d->rows < 1 ? 1 : d->rows > texts ? texts : d->rows;
  d->order = ATT_NEW(t->ctx, texts, int32_t);
  return d->order ? att_arena_new(t->ctx, &d->arena) : ATT_MEMORY;
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

static att_status begin_epoch(att_trainer *t) {
  extraction_data *d = data_of(t);
  for (int64_t i = 0; i < d->learn.examples.count; i++) d->order[i] = (int32_t)i;
  att_shuffle(d->order, d->learn.examples.count,
              att_key(att_key((uint64_t)t->state.plan.seed, 0x7069636b), (uint64_t)t->state.epoch));
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  const extraction_data *d = data_of(t);
  return (d->learn.examples.count + d->rows - 1) / d->rows;
}

static double epoch_tokens(const att_trainer *t) { return (double)data_of(t)->learn.examples.ids.count; }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->learn.examples.count;
  *valid = data_of(t)->check.examples.count;
}

/* Of texts which[0 .. count), or begin .. begin + count, whose rows begin at start[i]: labels and their rows. */
static att_status take_labels(const documents *d, const int32_t *which, int64_t begin, int64_t count,
                              const int64_t *start, att_arena *arena, att_batch *batch) {
  int64_t labels = 0, at = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t text = which ? which[i] : begin + i;
    labels += (int64_t)(d->start[text + 1] - d->start[text]);
  }
  int32_t *rows = ATT_ARENA_NEW(arena, labels, int32_t), *values = ATT_ARENA_NEW(arena, labels, int32_t);
  if (!rows || !values) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    int64_t text = which ? which[i] : begin + i;
    for (size_t s = d->start[text]; s < d->start[text + 1]; s++) {
      rows[at] = (int32_t)start[i] + d->firsts[s];
      values[at++] = d->labels[s];
    }
  }
  *batch = (att_batch){.labels = values, .label_rows = rows, .label_count = labels};
  return ATT_OK;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  extraction_data *d = data_of(t);
  int64_t begin = t->state.index * d->rows, rest = d->learn.examples.count - begin;
  int64_t rows = rest < d->rows ? rest : d->rows;
  att_input input;
  att_arena_reset(d->arena);
  ATT_TRY(att_examples_input(t->model, &d->learn.examples, d->order + begin, 0, rows, d->arena, &input));
  ATT_TRY(take_labels(&d->learn, d->order + begin, 0, rows, input.sequences.start, d->arena, batch));
  *tokens = input.sequences.start[rows];
  *att_batch_texts(t->model, batch) = input;
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

/* The sentence of each text that the model would pick first, as best[texts]. */
static att_status check_texts(att_trainer *t, int64_t begin, int64_t count, att_text *best, att_loss *loss) {
  const documents *d = &data_of(t)->check;
  att_run run = {.ctx = t->ctx, .arena = t->arena};
  att_batch batch;
  att_hidden hidden, picked;
  att_tensor logits;
  att_arena_reset(t->arena);
  if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
  ATT_TRY(att_examples_hidden(&run, t->model, &d->examples, begin, count, &hidden));
  ATT_TRY(take_labels(d, NULL, begin, count, hidden.sequences.start, t->arena, &batch));
  ATT_TRY(att_head_loss(&run, t->model, &hidden, &batch, 0, 1, loss));
  picked = hidden;
  ATT_TRY(att_op_rows(&run, &hidden.rows, batch.label_rows, batch.label_count, &picked.rows));
  ATT_TRY(att_head_logits(&run, t->model, &picked, &logits));
  const float *row = logits.data;
  for (int64_t text = begin; text < begin + count; text++) {
    double most = -INFINITY;
    for (size_t s = d->start[text]; s < d->start[text + 1]; s++, row += logits.stride) {
      double score = att_picking_score(row);
      if (!(score > most)) continue;
      most = score;
      best[text] = d->sentences[s];
    }
  }
  return ATT_OK;
}

static att_status check_all(att_trainer *t, att_text *best, att_text *summaries, att_score_of_model *score) {
  const documents *d = &data_of(t)->check;
  const att_text *const references[] = {summaries};
  att_loss loss = {0};
  att_rouge_result result;
  for (int64_t begin = 0, count; begin < d->examples.count; begin += count) {
    count = att_examples_fit(&d->examples, begin);
    ATT_TRY(check_texts(t, begin, count, best, &loss));
  }
  for (int64_t i = 0; i < d->examples.count; i++) summaries[i] = data_of(t)->valid.target[d->line[i]];
  ATT_TRY(att_rouge(t->ctx, best, (size_t)d->examples.count, references, 1, NULL, NULL, &result));
  const att_rouge_score *kinds = result.mean.kinds;
  *score = (att_score_of_model){loss.loss / (double)loss.count,
                                100 * kinds[ATT_ROUGE_L].f,
                                {100 * kinds[ATT_ROUGE_1].f, 100 * kinds[ATT_ROUGE_2].f}};
  return ATT_OK;
}

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  int64_t count = data_of(t)->check.examples.count;
  att_text *best = ATT_NEW(t->ctx, count, att_text), *summaries = ATT_NEW(t->ctx, count, att_text);
  att_status status = best && summaries ? check_all(t, best, summaries, score) : ATT_MEMORY;
  att_free(t->ctx, best);
  att_free(t->ctx, summaries);
  return status;
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return "ROUGE-L";
}

static double evaluated_tokens(const att_trainer *t) { return (double)data_of(t)->check.examples.ids.count; }

static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  (void)t;
  att_format(text, size, "ROUGE-1/2/L of the first sentence picked %.2f/%.2f/%.2f", s.also[0], s.also[1], s.quality);
}

static void free_documents(att_context *ctx, documents *d) {
  att_examples_free(ctx, &d->examples);
  att_free(ctx, d->sentences);
  att_free(ctx, d->firsts);
  att_free(ctx, d->labels);
  att_free(ctx, d->start);
  att_free(ctx, d->line);
}

static void free_data(att_trainer *t) {
  extraction_data *d = t->data;
  if (!d) return;
  free_documents(t->ctx, &d->learn);
  free_documents(t->ctx, &d->check);
  att_lines_free(t->ctx, &d->valid); /* its text may be memory of lines */
  att_lines_free(t->ctx, &d->lines);
  att_arena_free(d->arena);
  att_free(t->ctx, d->order);
  att_free(t->ctx, d);
}

const att_task att_extraction_task = {
    .things = "texts",
    .shapes = &att_encoder_shapes,
    .read = read_data,
    .choose = choose,
    .train_tokenizer = train_tokenizer,
    .configure = configure,
    .fits = fits,
    .adopt = adopt,
    .encode = encode,
    .begin_epoch = begin_epoch,
    .batch_count = batch_count,
    .epoch_tokens = epoch_tokens,
    .counts = counts,
    .batch = get_batch,
    .evaluate = evaluate,
    .quality = quality,
    .evaluated_tokens = evaluated_tokens,
    .most_epochs = most_epochs,
    .describe = describe,
    .free = free_data,
};
