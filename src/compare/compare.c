/*
 * Owns att_compare of attend.h: the same data to one network after another, each trained in its own folder by the usual
 * trainer, then measured by measure.c, and a report over all. Refuses to know how a network is built.
 */
#include "compare/compare.h"

#include "formats/file.h"
#include "formats/json.h"
#include "models/head.h"
#include "train/data/labelled.h"
#include "train/resume.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_MOST_PROBES      400
#define ATT_TRAINING_SHARE   0.9 /* of the minutes: the rest is for evaluating */
#define ATT_PIECES_OF_LENGTH 12  /* of running text, for each length of context */

typedef struct att_compared {
  const char *name, *title;
  att_network network;
  att_scoring scoring;
  bool translation_only;
} att_compared;

static const att_compared networks[] = {
    {"ffn", "Padded feed-forward", ATT_FFN, ATT_SCORING_NONE, false},
    {"rnn", "RNN", ATT_RNN, ATT_SCORING_NONE, false},
    {"lstm", "LSTM", ATT_LSTM, ATT_SCORING_NONE, false},
    {"gru", "GRU", ATT_GRU, ATT_SCORING_NONE, false},
    {"gru-attention", "GRU with attention", ATT_GRU, ATT_SCORING_ADDITIVE, true},
    {"transformer", "Transformer", ATT_TRANSFORMER, ATT_SCORING_NONE, false},
};

typedef struct att_comparison {
  att_context *ctx;
  att_train_options options; /* what was asked for, with a budget */
  att_compare_task task;
  att_progress_fn *progress;
  void *user;
  const att_compared *chosen[ATT_MOST_COMPARED];
  att_lock *lock; /* of the report's folder */
  size_t count, done, current;
  int64_t parameters; /* of each network */
  /* the files that every network learns from, and what is measured */
  char *train[2], *valid[2]; /* paths; of lm and classifier the first alone */
  att_text *lines[2];        /* of validation; blocks */
  size_t line_count;
  att_labelled labelled; /* in place of lines */
  att_text *texts;       /* probes: inputs, references and second texts, one block */
  att_probes probes;
  /* results, a place each */
  att_results results[ATT_MOST_COMPARED];
  att_report_network rows[ATT_MOST_COMPARED];
  att_report_point *curves[ATT_MOST_COMPARED];
  char notes[ATT_MOST_COMPARED][200];
  const char *quality;  /* what validations measured; NULL: nothing */
  char quality_key[32]; /* its name in train.jsonl */
} att_comparison;

/* ---- the data ------------------------------------------------------------------------------------------------- */

static att_status choose_task(att_comparison *c) {
  const att_train_options *o = &c->options;
  int given = (o->source != NULL) + (o->texts.count > 0) + (o->data != NULL);
  if (given != 1) {
    return att_fail(c->ctx, ATT_ARGUMENT,
                    "%s: give source and target (translation), text (a language model), or data (a classifier)",
                    given ? "the data of one kind of training only" : "the data are missing");
  }
  if (o->source && o->valid) {
    return att_fail(c->ctx, ATT_ARGUMENT, "valid: translators are measured with valid-source and valid-target");
  }
  if (!o->source && o->valid_source) {
    return att_fail(c->ctx, ATT_ARGUMENT, "valid-source and valid-target belong to source and target");
  }
  c->task = o->source ? ATT_COMPARE_TRANSLATION : o->data ? ATT_COMPARE_CLASSIFIER : ATT_COMPARE_LM;
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    if (!networks[i].translation_only || c->task == ATT_COMPARE_TRANSLATION) c->chosen[c->count++] = &networks[i];
  }
  return ATT_OK;
}

static att_status prepare_folder(att_comparison *c) {
  const char *out = c->options.out;
  bool empty;
  ATT_TRY(att_folder_make(c->ctx, out));
  ATT_TRY(att_folder_lock(c->ctx, out, &c->lock));
  ATT_TRY(att_folder_is_empty(c->ctx, out, &empty));
  if (empty || c->options.resume == 1) return att_train_options_keep(c->ctx, &c->options);
  return att_fail(c->ctx, ATT_IO, "%s: the folder exists and is not empty: name another, or resume its run", out);
}

static char *copy_path(att_context *ctx, const char *path) { return att_copy_text(ctx, path, strlen(path)); }

/* Writes lines into out/NAME; *path is theirs. */
static att_status write_lines(att_comparison *c, const char *name, const att_text *lines, size_t count, char **path) {
  att_buffer text = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < count && !status; i++) {
    status = att_buffer_append(c->ctx, &text, lines[i].data, lines[i].size);
    if (!status) status = att_buffer_append(c->ctx, &text, "\n", 1);
  }
  *path = att_path(c->ctx, c->options.out, name);
  if (!*path) status = ATT_MEMORY;
  if (!status) status = att_write_file(c->ctx, *path, text.data ? text.data : "", text.size);
  att_buffer_free(c->ctx, &text);
  return status;
}

/* A tenth of the lines, the last ones of a running text, else every tenth, is held out. */
static att_status split(att_comparison *c, int side, const char *path, const char *train, const char *valid) {
  att_text *lines, *part;
  size_t count, kept = 0, held = 0;
  ATT_TRY(att_read_lines(c->ctx, path, &lines, &count));
  part = ATT_NEW(c->ctx, 2 * count, att_text);
  att_status status = part ? ATT_OK : ATT_MEMORY;
  for (size_t i = 0; part && i < count; i++) {
    bool hold = c->task == ATT_COMPARE_LM ? i >= count - count / 10 : i % 10 == 9 && held < 2000;
    if (hold)
      part[count + held++] = lines[i];
    else
      part[kept++] = lines[i];
  }
  if (!status && held == 0) {
    status =
        att_fail(c->ctx, ATT_FORMAT, "%s: %zu lines are too few to hold some out: give validation files", path, count);
  }
  if (!status) status = write_lines(c, train, part, kept, &c->train[side]);
  if (!status) status = write_lines(c, valid, part + count, held, &c->valid[side]);
  att_release(c->ctx, lines);
  att_free(c->ctx, part);
  return status;
}

static att_status take_files(att_comparison *c, int side, const char *train, const char *valid, const char *train_name,
                             const char *valid_name) {
  if (!valid) return split(c, side, train, train_name, valid_name);
  c->train[side] = copy_path(c->ctx, train);
  c->valid[side] = copy_path(c->ctx, valid);
  return c->train[side] && c->valid[side] ? ATT_OK : ATT_MEMORY;
}

static const char *asked(const char *text) { return *text ? text : NULL; }

static att_status read_table(att_comparison *c, const char *path, att_labelled *labelled) {
  const att_plan *p = &c->options.plan;
  const att_columns columns = {asked(p->text_column), asked(p->text_pair_column), asked(p->label_column)};
  return att_labelled_read(c->ctx, path, &columns, labelled);
}

/* Every tenth row is held out, at most 2,000. */
static bool is_held(size_t row) { return row % 10 == 9 && row < 20000; }
static bool is_kept(size_t row) { return !is_held(row); }

static att_status split_table(att_comparison *c) {
  att_plan *p = &c->options.plan;
  att_labelled labelled;
  c->train[0] = att_path(c->ctx, c->options.out, "train.tsv");
  c->valid[0] = att_path(c->ctx, c->options.out, "valid.tsv");
  if (!c->train[0] || !c->valid[0]) return ATT_MEMORY;
  ATT_TRY(read_table(c, c->options.data, &labelled));
  att_status status = ATT_OK;
  if (labelled.lines.count < 10) {
    status = att_fail(c->ctx, ATT_FORMAT, "%s: %zu rows are too few to hold some out: give a validation file",
                      c->options.data, labelled.lines.count);
  }
  if (!status) status = att_labelled_write(c->ctx, &labelled, is_kept, c->train[0]);
  if (!status) status = att_labelled_write(c->ctx, &labelled, is_held, c->valid[0]);
  att_labelled_free(c->ctx, &labelled);
  p->text_column[0] = p->text_pair_column[0] = p->label_column[0] = '\0'; /* those files have names of their own */
  return status;
}

static att_status find_data(att_comparison *c) {
  const att_train_options *o = &c->options;
  if (c->task == ATT_COMPARE_TRANSLATION) {
    ATT_TRY(take_files(c, 0, o->source, o->valid_source, "train.source.txt", "valid.source.txt"));
    return take_files(c, 1, o->target, o->valid_target, "train.target.txt", "valid.target.txt");
  }
  if (c->task == ATT_COMPARE_CLASSIFIER && !o->valid) return split_table(c);
  if (c->task == ATT_COMPARE_CLASSIFIER) return take_files(c, 0, o->data, o->valid, NULL, NULL);
  if (o->texts.count > 1 && !o->valid) {
    return att_fail(c->ctx, ATT_ARGUMENT, "a comparison over several texts needs a validation text (valid)");
  }
  return take_files(c, 0, o->texts.names[0], o->valid, "train.txt", "valid.txt");
}

/* ---- the probes -------------------------------------------------------------------------------------------- */

static att_text *take_texts(att_comparison *c, size_t count) {
  c->texts = ATT_NEW(c->ctx, 3 * count, att_text);
  c->probes.inputs = c->texts;
  return c->texts;
}

/* Evenly among all lines. */
static att_status probe_pairs(att_comparison *c) {
  size_t other;
  ATT_TRY(att_read_lines(c->ctx, c->valid[0], &c->lines[0], &c->line_count));
  ATT_TRY(att_read_lines(c->ctx, c->valid[1], &c->lines[1], &other));
  if (other != c->line_count) {
    return att_fail(c->ctx, ATT_FORMAT, "%s has %zu lines, %s has %zu", c->valid[0], c->line_count, c->valid[1], other);
  }
  size_t count = c->line_count < ATT_MOST_PROBES ? c->line_count : ATT_MOST_PROBES, taken = 0;
  att_text *inputs = take_texts(c, count), *references = inputs + count;
  if (!inputs) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    size_t line = i * c->line_count / count;
    if (!c->lines[0][line].size || !c->lines[1][line].size) continue;
    inputs[taken] = c->lines[0][line];
    references[taken++] = c->lines[1][line];
  }
  c->probes.references = references;
  c->probes.count = taken;
  return ATT_OK;
}

static att_text field(att_text line, size_t begin, size_t end) { return (att_text){line.data + begin, end - begin}; }

static att_status probe_classes(att_comparison *c) {
  ATT_TRY(read_table(c, c->valid[0], &c->labelled));
  const att_lines *lines = &c->labelled.lines;
  att_text *inputs = take_texts(c, lines->count), *references = inputs + lines->count;
  att_text *seconds = references + lines->count;
  if (!inputs) return ATT_MEMORY;
  for (size_t i = 0; i < lines->count; i++) {
    seconds[i] = (att_text){"", 0};
    att_labelled_texts(lines->source[i], &inputs[i], &seconds[i]);
    references[i] = lines->target[i];
  }
  c->probes.references = references;
  c->probes.seconds = c->labelled.pairs ? seconds : NULL;
  c->probes.count = lines->count;
  return ATT_OK;
}

/* Places where words begin, at most `most`, evenly among all. */
static size_t find_words(att_text text, size_t *places, size_t most) {
  size_t words = 0, taken = 0;
  for (int pass = 0; pass < 2; pass++) {
    size_t seen = 0;
    for (size_t i = 0; i < text.size; i++) {
      bool space = (unsigned char)text.data[i] <= ' ', before = i == 0 || (unsigned char)text.data[i - 1] <= ' ';
      if (space || !before) continue;
      if (pass == 1 && taken < most && seen * most >= taken * words) places[taken++] = i;
      seen++;
    }
    words = seen;
  }
  return taken;
}

static size_t words_from(att_text text, size_t begin, size_t words) {
  size_t at = begin;
  for (; at < text.size && words > 0; at++) {
    bool ends = (unsigned char)text.data[at] > ' ' && (at + 1 == text.size || (unsigned char)text.data[at + 1] <= ' ');
    words -= ends;
  }
  return at;
}

/* Pieces of running text: 1, 2, 4 ... words, and after them the words that are scored. */
static att_status probe_pieces(att_comparison *c) {
  enum { LENGTHS = 8, PIECES = LENGTHS * ATT_PIECES_OF_LENGTH };
  size_t places[PIECES], taken = 0;
  ATT_TRY(att_read_lines(c->ctx, c->valid[0], &c->lines[0], &c->line_count));
  if (c->line_count == 0) return att_fail(c->ctx, ATT_FORMAT, "%s: it is empty", c->valid[0]);
  const att_text *last = &c->lines[0][c->line_count - 1];
  att_text text = {c->lines[0]->data, (size_t)(last->data + last->size - c->lines[0]->data)};
  size_t words = find_words(text, places, PIECES);
  att_text *inputs = take_texts(c, PIECES);
  if (!inputs) return ATT_MEMORY;
  for (size_t i = 0; i < words; i++) {
    size_t context = (size_t)1 << (i % LENGTHS), end = words_from(text, places[i], context + 8);
    inputs[taken++] = field(text, places[i], end);
  }
  c->probes.count = taken;
  return ATT_OK;
}

static att_status prepare_questions(att_comparison *c) {
  c->probes.ctx = c->ctx;
  c->probes.task = c->task;
  ATT_TRY(c->task == ATT_COMPARE_TRANSLATION  ? probe_pairs(c)
          : c->task == ATT_COMPARE_CLASSIFIER ? probe_classes(c)
                                              : probe_pieces(c));
  if (c->probes.count == 0) return att_fail(c->ctx, ATT_FORMAT, "%s: it has no text to measure with", c->valid[0]);
  return att_probes_prepare(&c->probes);
}

/* ---- training ------------------------------------------------------------------------------------------------- */

static void on_progress(void *user, const att_progress *inner) {
  att_comparison *c = user;
  att_progress event = *inner;
  double part = inner->steps > 0 ? (double)inner->step / (double)inner->steps : 0;
  event.network = c->chosen[c->current]->title;
  event.whole = ((double)c->done + part) / (double)c->count;
  if (c->progress) c->progress(c->user, &event);
}

static void set_network(const att_comparison *c, const att_compared *one, const char *out, att_train_options *o) {
  static const int tasks[] = {ATT_TASK_TRANSLATION, ATT_TASK_LM, ATT_TASK_CLASSIFIER};
  *o = c->options;
  o->task = tasks[c->task];
  o->out = out;
  o->plan.network = one->network;
  bool attends = c->task == ATT_COMPARE_TRANSLATION && one->network != ATT_FFN && one->network != ATT_TRANSFORMER;
  if (attends) o->plan.attention = one->scoring;
  if (c->parameters > 0) o->plan.parameters = c->parameters;
  if (c->task == ATT_COMPARE_TRANSLATION) {
    o->source = c->train[0];
    o->target = c->train[1];
    o->valid_source = c->valid[0];
    o->valid_target = c->valid[1];
  } else {
    if (c->task == ATT_COMPARE_CLASSIFIER) o->data = c->train[0];
    o->valid = c->valid[0];
  }
  o->plan.minutes *= ATT_TRAINING_SHARE / (double)c->count; /* NaN stays it: the budget is another */
}

static att_status train(att_comparison *c, const att_compared *one, const char *out) {
  att_train_options o;
  const char *text = c->train[0];
  bool empty;
  set_network(c, one, out, &o);
  if (c->task == ATT_COMPARE_LM && o.texts.count == 1) o.texts.names = &text;
  ATT_TRY(att_folder_is_empty(c->ctx, out, &empty));
  o.resume = !empty;
  att_status status = att_train(c->ctx, &o, on_progress, c);
  if (status != ATT_INTERRUPTED) return status;
  return att_fail(c->ctx, ATT_INTERRUPTED,
                  "interrupted while training %s; what was learned is saved: attend compare --resume %s goes on",
                  one->name, c->options.out);
}

/* ---- what a run left ------------------------------------------------------------------------------------------ */

static att_status read_record(att_comparison *c, const char *folder, att_report_network *row,
                              att_report_point **points) {
  char *path = att_path(c->ctx, folder, "train.jsonl");
  att_text *lines = NULL;
  size_t count;
  att_status status = path ? att_read_lines(c->ctx, path, &lines, &count) : ATT_MEMORY;
  *points = status ? NULL : ATT_NEW(c->ctx, count, att_report_point);
  if (!status && !*points) status = ATT_MEMORY;
  row->valid_loss = NAN;
  for (size_t i = 0; !status && i < count; i++) {
    json_t *root;
    att_report_point p = {.valid_loss = NAN, .quality = NAN};
    status = att_json_parse(c->ctx, path, lines[i].data, lines[i].size, &root);
    if (status) break;
    status = att_json_int(c->ctx, path, root, "step", true, 0, INT64_MAX, &p.step);
    if (!status) status = att_json_number(c->ctx, path, root, "seconds", false, &p.seconds);
    if (!status) status = att_json_number(c->ctx, path, root, "valid_loss", false, &p.valid_loss);
    if (!status && c->quality) {
      status = att_json_number(c->ctx, path, root, c->quality_key, false, &p.quality);
    }
    if (!status) status = att_json_int(c->ctx, path, root, "tokens", false, 0, INT64_MAX, &row->tokens);
    json_decref(root);
    row->steps = p.step > row->steps ? p.step : row->steps;
    row->seconds = fmax(row->seconds, p.seconds);
    row->valid_loss = fmin(row->valid_loss, p.valid_loss);
    if (isfinite(p.valid_loss)) (*points)[row->curve_count++] = p;
  }
  row->curve = *points;
  att_release(c->ctx, lines);
  att_free(c->ctx, path);
  return status;
}

/* What the trainer's validations measure of such a model; its key in train.jsonl is it in lower case. */
static void name_quality(att_comparison *c, const att_head_calls *head) {
  if (c->task == ATT_COMPARE_LM) return;
  c->quality = c->task == ATT_COMPARE_TRANSLATION ? "BLEU" : head->measures[head->quality].name;
  snprintf(c->quality_key, sizeof c->quality_key, "%s", c->quality);
  for (char *at = c->quality_key; *at; at++) *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
}

/* Where a training ended before its last step: it is not to be read as one that had its whole course. */
static att_status note_end(att_comparison *c, size_t place, const char *folder) {
  att_state state;
  char step[32], steps[32];
  ATT_TRY(att_checkpoint_load_state(c->ctx, folder, &state));
  const att_plan *p = &state.plan;
  if (p->steps == 0 || state.step >= p->steps) return ATT_OK;
  bool stale = p->patience > 0 && state.stale >= p->patience;
  snprintf(c->notes[place], sizeof c->notes[place], "%s at step %s of %s",
           stale ? "no longer improved: stopped" : "cut short by the clock", att_grouped(step, state.step),
           att_grouped(steps, p->steps));
  return ATT_OK;
}

static att_status measure(att_comparison *c, size_t place, const char *folder) {
  att_report_network *row = &c->rows[place];
  att_model *model;
  const att_model_info *info;
  ATT_TRY(att_model_open(c->ctx, folder, &model));
  att_status status = att_model_describe(model, &info);
  if (!status) status = att_measure_model(model, &c->probes, &c->results[place]);
  if (!status) {
    row->parameters = info->parameters;
    name_quality(c, model->head);
  }
  att_model_close(model);
  ATT_TRY(status);
  const att_results *a = &c->results[place];
  row->name = c->chosen[place]->name;
  row->title = c->chosen[place]->title;
  row->score = a->score;
  row->by_length = a->by_length;
  row->by_distance = a->by_distance;
  ATT_TRY(note_end(c, place, folder));
  if (a->refused) {
    char *note = c->notes[place];
    size_t used = strlen(note);
    snprintf(note + used, sizeof c->notes[place] - used, "%s%zu of %zu texts are longer than it can take",
             used ? "; " : "", a->refused, c->probes.count);
  }
  row->note = c->notes[place][0] ? c->notes[place] : NULL;
  return read_record(c, folder, row, &c->curves[place]);
}

/* ---- the report ----------------------------------------------------------------------------------------------- */

/* Of classifiers: how often the likeliest label is one of the text's; of numbers their rank correlation. */
static const char *score_name(const att_comparison *c) {
  return c->quality && strcmp(c->quality, "Spearman") == 0 ? "Spearman x 100" : "Accuracy";
}

/* "1.2 million", "850,000": two digits are enough of what is about so many. */
static const char *spell_about(char text[32], int64_t number) {
  double unit = number >= 1000000000 ? 1e9 : number >= 1000000 ? 1e6 : 1, tens = 1;
  double value = (double)number / unit;
  while (value / tens >= 100) tens *= 10;
  while (value / tens < 10 && tens > 0.1) tens /= 10;
  value = round(value / tens) * tens;
  if (unit > 1)
    att_format(text, 32, "%.15g %s", value, unit >= 1e9 ? "billion" : "million");
  else
    att_grouped(text, (int64_t)value);
  return text;
}

static void describe(const att_comparison *c, att_report *r, char *subtitle, size_t size) {
  static const char *const tasks[] = {"translation", "lm", "classifier"};
  static const char *const titles[] = {"Translation", "Language modelling", "Classification"};
  static const char *const inputs[] = {"source", "text", "text"};
  static const char *const units[] = {"words of the source", "words of context", "words of the text"};
  double minutes = c->options.plan.minutes;
  char budget[64], parameters[32];
  if (minutes > 0)
    att_format(budget, sizeof budget, "%.3g minutes for all", minutes);
  else
    snprintf(budget, sizeof budget, "as many steps or epochs each");
  snprintf(subtitle, size,
           "%s: %zu networks of about %s parameters, %s; measured on %zu texts that none has learned from",
           titles[c->task], c->count, spell_about(parameters, c->parameters), budget, c->probes.count);
  *r = (att_report){.task = tasks[c->task],
                    .title = "Networks compared",
                    .subtitle = subtitle,
                    .score_name = c->task == ATT_COMPARE_TRANSLATION ? "BLEU"
                                  : c->task == ATT_COMPARE_LM        ? "Bits per byte"
                                                                     : score_name(c),
                    .higher_is_better = c->task != ATT_COMPARE_LM,
                    .quality = c->quality,
                    .input_name = inputs[c->task],
                    .length_unit = units[c->task],
                    .length_meaning = c->task == ATT_COMPARE_LM
                                          ? "of the eight words that follow so many words of context; lower is better"
                                          : "how the score changes as texts get longer",
                    .distance_meaning =
                        "how much an input moves an output so many tokens later (norm of the gradient; 1 is as much as "
                        "the mean input)",
                    .lengths = c->probes.spans,
                    .distances = c->probes.distances,
                    .length_count = c->probes.span_count,
                    .distance_count = c->probes.distance_count,
                    .length_texts = c->probes.span_texts,
                    .networks = c->rows,
                    .network_count = c->count,
                    .example_count = c->probes.example_count};
}

static void fill_examples(const att_comparison *c, att_report_example *examples,
                          att_text (*outputs)[ATT_MOST_COMPARED]) {
  for (size_t e = 0; e < c->probes.example_count; e++) {
    size_t line = c->probes.examples[e];
    for (size_t n = 0; n < c->count; n++) {
      const char *text = c->results[n].outputs[e];
      outputs[e][n] = (att_text){text, text ? strlen(text) : 0};
    }
    examples[e] = (att_report_example){.input = c->probes.inputs[line], .outputs = outputs[e]};
    if (c->probes.references) examples[e].reference = c->probes.references[line];
  }
}

static att_status write_one(att_comparison *c, const att_report *report, const char *name,
                            att_status (*write)(att_context *, const att_report *, att_buffer *)) {
  att_buffer text = {0};
  char *path = att_path(c->ctx, c->options.out, name);
  att_status status = path ? write(c->ctx, report, &text) : ATT_MEMORY;
  if (!status) status = att_write_file(c->ctx, path, text.data, text.size);
  att_free(c->ctx, path);
  att_buffer_free(c->ctx, &text);
  return status;
}

static att_status write_report(att_comparison *c) {
  char subtitle[256];
  att_report report;
  att_report_example examples[ATT_COMPARE_EXAMPLES];
  att_text outputs[ATT_COMPARE_EXAMPLES][ATT_MOST_COMPARED];
  describe(c, &report, subtitle, sizeof subtitle);
  fill_examples(c, examples, outputs);
  report.examples = examples;
  ATT_TRY(write_one(c, &report, "report.json", att_report_json));
  return write_one(c, &report, "report.html", att_report_html);
}

/* ---- the run -------------------------------------------------------------------------------------------------- */

/* Half an hour, where nothing is said (the table says how long). */
static att_status choose_budget(att_comparison *c) {
  att_plan *p = &c->options.plan, defaults = *p;
  ATT_TRY(att_plan_begin(c->ctx, &defaults, ATT_TASK_COMPARE));
  if (p->steps == ATT_UNSET && isnan(p->epochs)) p->minutes = defaults.minutes;
  return ATT_OK;
}

static att_status compare(att_comparison *c) {
  ATT_TRY(att_options_check(c->ctx, &c->options));
  ATT_TRY(choose_task(c));
  ATT_TRY(choose_budget(c));
  ATT_TRY(prepare_folder(c));
  ATT_TRY(find_data(c));
  ATT_TRY(prepare_questions(c));
  if (c->options.plan.parameters != ATT_UNSET) c->parameters = c->options.plan.parameters;
  for (c->done = 0; c->done < c->count; c->done++) {
    c->current = (c->done + c->count - 1) % c->count; /* the last, the Transformer, first: the others get its size */
    const att_compared *one = c->chosen[c->current];
    char *folder = att_path(c->ctx, c->options.out, one->name);
    att_status status = folder ? train(c, one, folder) : ATT_MEMORY;
    if (!status) status = measure(c, c->current, folder);
    att_free(c->ctx, folder);
    ATT_TRY(status);
    if (c->parameters == 0) c->parameters = c->rows[c->current].parameters;
  }
  return write_report(c);
}

static void clear(att_comparison *c) {
  for (int i = 0; i < 2; i++) {
    att_free(c->ctx, c->train[i]);
    att_free(c->ctx, c->valid[i]);
    att_release(c->ctx, c->lines[i]);
  }
  for (size_t i = 0; i < c->count; i++) {
    att_results_free(c->ctx, &c->results[i]);
    att_free(c->ctx, c->curves[i]);
  }
  att_probes_free(&c->probes);
  att_labelled_free(c->ctx, &c->labelled);
  att_folder_unlock(c->lock);
  att_free(c->ctx, c->texts);
  att_free(c->ctx, c);
}

att_status att_compare(att_context *ctx, const att_train_options *options, att_progress_fn *progress, void *user) {
  if (!options || options->task != ATT_TASK_COMPARE)
    return att_fail(ctx, ATT_ARGUMENT, "att_compare: it takes options that were made for \"compare\"");
  att_train_options *all;
  ATT_TRY(att_train_options_recall(ctx, options, &all));
  att_comparison *c = ATT_NEW(ctx, 1, att_comparison);
  att_status status = c ? ATT_OK : ATT_MEMORY;
  if (c) {
    *c = (att_comparison){.ctx = ctx, .options = *all, .progress = progress, .user = user};
    status = compare(c);
    clear(c);
  }
  att_train_options_free(all);
  return status;
}
