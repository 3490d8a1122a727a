/*
 * Owns att_compare of attend.h: the same data to one network after another, each trained in its own folder by the usual
 * trainer, then measured by measure.c, and a report over all. Refuses to know how a network is built.
 */
#include "compare/compare.h"

#include "formats/file.h"
#include "formats/json.h"
#include "models/head.h"
#include "train/data/labelled.h"
#include "train/data/rolls.h"
#include "train/resume.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_TRAINING_SHARE 0.9 /* of the minutes: the rest is for evaluating */

typedef struct att_compared {
  const char *name, *title;
  att_network network;
  att_scoring scoring; /* where the task has attention on top of the network */
} att_compared;

static const att_compared networks[] = {
    {"ffn", "Padded feed-forward", ATT_FFN, ATT_SCORING_NONE},
    {"rnn", "RNN", ATT_RNN, ATT_SCORING_NONE},
    {"lstm", "LSTM", ATT_LSTM, ATT_SCORING_NONE},
    {"gru", "GRU", ATT_GRU, ATT_SCORING_NONE},
    {"gru-attention", "GRU with attention", ATT_GRU, ATT_SCORING_ADDITIVE},
    {"transformer", "Transformer", ATT_TRANSFORMER, ATT_SCORING_NONE},
};

typedef struct att_comparison {
  att_context *ctx;
  att_train_options options; /* what was asked for, with a budget */
  att_train_options of_task; /* the same for a training; strings are those of options */
  int task;
  const att_compare_kind *kind;
  att_progress_fn *progress;
  void *user;
  const att_compared *chosen[ATT_MOST_COMPARED];
  att_lock *lock; /* of the report's folder */
  size_t count, done, current;
  int64_t parameters; /* of each network */
  att_held *held;     /* what is measured with */
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

/* What was asked for, or what the data is taken for. */
static att_status find_task(att_comparison *c) {
  const att_train_options *o = &c->options;
  bool asked = o->compared != ATT_UNSET, ahead = o->plan.horizon != ATT_UNSET;
  c->task = asked            ? (int)o->compared
            : o->texts.count ? ATT_TASK_LM
            : o->source      ? ATT_TASK_TRANSLATION
                             : ATT_TASK_FORECAST;
  if (asked || o->texts.count || o->source || ahead) return ATT_OK;
  return att_kind_of_file(c->ctx, o->tables.names[0], &c->task);
}

static att_status check_data(att_comparison *c) {
  const att_train_options *o = &c->options;
  int given = (o->source != NULL) + (o->texts.count > 0) + (o->tables.count > 0);
  if (given != 1) {
    return att_fail(c->ctx, ATT_ARGUMENT, "%s: give --source and --target, --text, or --data",
                    given ? "the data of one kind of training only" : "the data are missing");
  }
  if (o->source && o->valid) {
    return att_fail(c->ctx, ATT_ARGUMENT,
                    "--valid: texts of two files are measured with --valid-source and --valid-target");
  }
  if (o->source || !o->valid_source) return ATT_OK;
  return att_fail(c->ctx, ATT_ARGUMENT, "--valid-source and --valid-target belong to --source and --target");
}

/* Options that comparisons have for other kinds of training. */
static att_status check_options(att_comparison *c, int task) {
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    bool here = o->tasks >> ATT_TASK_COMPARE & 1 && att_option_in_plan(o);
    if (!here || o->tasks >> task & 1 || !att_option_is_given(o, &c->options)) continue;
    return att_fail(c->ctx, ATT_ARGUMENT, "--%s: train %s, which the data is for, has no such option", o->name,
                    att_task_names[task]);
  }
  return ATT_OK;
}

/* The options of a training of the task, all but its network and its folder. */
static att_status set_task(att_comparison *c, int task) {
  att_train_options *o = &c->of_task;
  *o = c->options;
  o->task = task;
  o->resume = ATT_UNSET;
  ATT_TRY(check_options(c, task));
  if (task == ATT_TASK_MUSIC) o->texts = o->tables;
  if (task == ATT_TASK_MUSIC || o->tables.count == 0) return ATT_OK;
  o->data = o->tables.names[0];
  if (o->tables.count == 1) return ATT_OK;
  return att_fail(c->ctx, ATT_ARGUMENT, "--data: train %s takes one file, not %zu", att_task_names[task],
                  o->tables.count);
}

static const att_option *find_option(int task, const char *name) {
  for (size_t i = 0; i < att_option_count; i++)
    if (att_options[i].tasks >> task & 1 && strcmp(att_options[i].name, name) == 0) return &att_options[i];
  return NULL;
}

/* Whether trainings of the task have such a network, and it can read the data. */
static bool has_network(int task, const att_compare_kind *kind, const att_compared *one) {
  if (kind->without >> one->network & 1) return false;
  if (one->scoring != ATT_SCORING_NONE && !find_option(task, "attention")) return false;
  return att_option_choice(find_option(task, "family"), task, one->network) != NULL;
}

static att_status choose_task(att_comparison *c) {
  ATT_TRY(check_data(c));
  ATT_TRY(find_task(c));
  return set_task(c, c->task);
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

static const char *name_of(const att_train_options *o) {
  return o->valid          ? o->valid
         : o->valid_source ? o->valid_source
         : o->data         ? o->data
         : o->source       ? o->source
                           : o->texts.names[0];
}

static att_status find_probes(att_comparison *c) {
  ATT_TRY(att_held_read(c->ctx, &c->of_task, &c->held));
  c->kind = att_kind_find(c->task, att_held_things(c->held));
  if (!c->kind) {
    return att_fail(c->ctx, ATT_UNSUPPORTED, "networks are not compared on %s", att_held_things(c->held));
  }
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
    if (has_network(c->task, c->kind, &networks[i])) c->chosen[c->count++] = &networks[i];
  c->probes.ctx = c->ctx;
  c->probes.kind = c->kind;
  c->probes.name = name_of(&c->of_task);
  return att_probes_prepare(&c->probes, c->held);
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
  *o = c->of_task;
  o->out = out;
  o->plan.network = one->network;
  const att_option *attention = find_option(c->task, "attention");
  if (attention && attention->networks >> one->network & 1) o->plan.attention = one->scoring;
  if (c->parameters > 0) o->plan.parameters = c->parameters;
  bool may_copy = c->task == ATT_TASK_SUMMARIZATION && one->network == ATT_TRANSFORMER;
  if (may_copy) o->plan.copy = 0;                           /* none of the others has that head */
  o->plan.minutes *= ATT_TRAINING_SHARE / (double)c->count; /* NaN stays it: the budget is another */
}

static att_status train(att_comparison *c, const att_compared *one, const char *out) {
  att_train_options o;
  bool empty;
  set_network(c, one, out, &o);
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

/* What validations measure beside the loss; its key in train.jsonl is it in lower case. */
static void name_quality(att_comparison *c) {
  c->quality = att_held_quality(c->held);
  if (!c->quality) return;
  snprintf(c->quality_key, sizeof c->quality_key, "%s", c->quality);
  for (char *at = c->quality_key; *at; at++) *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
}

/* Where a training ended before its last step: it is not to be read as one that had its whole course. */
static att_status note_end(att_comparison *c, size_t place, const char *folder) {
  att_state state;
  char step[32], steps[32];
  ATT_TRY(att_checkpoint_load_state(c->ctx, folder, &state));
  if (state.valid_fingerprint != att_held_fingerprint(c->held)) { /* then it may have learned from what is measured */
    return att_fail(c->ctx, ATT_FORMAT, "%s was validated with other data than the comparison has", folder);
  }
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
  if (!status) row->parameters = info->parameters;
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
    snprintf(note + used, sizeof c->notes[place] - used, "%s%zu of %zu %s are longer than it can take",
             used ? "; " : "", a->refused, c->probes.count, c->kind->probes);
  }
  row->note = c->notes[place][0] ? c->notes[place] : NULL;
  return read_record(c, folder, row, &c->curves[place]);
}

/* ---- the report ----------------------------------------------------------------------------------------------- */

/* Of classifiers: how often the likeliest label is one of the text's; of numbers their rank correlation. */
static const char *score_name(const att_comparison *c) {
  if (c->kind->score) return c->kind->score;
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
  const att_compare_kind *kind = c->kind;
  double minutes = c->options.plan.minutes;
  char budget[64], parameters[32];
  if (minutes > 0)
    att_format(budget, sizeof budget, "%.3g minutes for all", minutes);
  else
    snprintf(budget, sizeof budget, "as many steps or epochs each");
  snprintf(subtitle, size, "%s: %zu networks of about %s parameters, %s; measured on %zu %s that none has learned from",
           kind->title, c->count, spell_about(parameters, c->parameters), budget, c->probes.count, kind->probes);
  *r = (att_report){.task = att_task_names[c->task],
                    .title = "Networks compared",
                    .subtitle = subtitle,
                    .score_name = score_name(c),
                    .higher_is_better = kind->higher_is_better,
                    .quality = c->quality,
                    .input_name = kind->input,
                    .length_unit = kind->length_unit,
                    .length_meaning = kind->length_meaning,
                    .loss_meaning = kind->loss_meaning,
                    .distance_meaning =
                        "how much an input moves an output so many tokens later (norm of the gradient; 1 is as much as "
                        "the mean input)",
                    .lengths = c->probes.spans,
                    .distances = c->probes.distances,
                    .length_count = c->probes.span_count,
                    .distance_count = c->probes.distance_count,
                    .length_texts = c->probes.span_items,
                    .networks = c->rows,
                    .network_count = c->count,
                    .example_count = c->probes.example_count};
}

static void put_series(const att_held_item *item, att_report_example *example) {
  example->channels = (size_t)item->channels;
  if (item->is_roll) {
    example->roll = (const unsigned char *)item->input.data;
    example->lowest = ATT_ROLL_FIRST;
    example->rows = att_shown_frames(item);
  } else {
    example->values = (const float *)(const void *)item->input.data;
    example->rows = item->input.size / (example->channels * sizeof(float));
  }
}

static void fill_examples(const att_comparison *c, att_report_example *examples, att_text (*outputs)[ATT_MOST_COMPARED],
                          const float *(*likely)[ATT_MOST_COMPARED]) {
  for (size_t e = 0; e < c->probes.example_count; e++) {
    const att_held_item *item = &c->probes.items[c->probes.examples[e]];
    for (size_t n = 0; n < c->count; n++) {
      const char *text = c->results[n].outputs[e];
      outputs[e][n] = (att_text){text, text ? strlen(text) : 0};
      likely[e][n] = c->results[n].likely[e];
    }
    examples[e] = (att_report_example){.outputs = outputs[e], .likely = likely[e]};
    if (item->channels)
      put_series(item, &examples[e]);
    else
      examples[e].input = item->input;
    if (c->task != ATT_TASK_FORECAST) examples[e].reference = item->reference;
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
  const float *likely[ATT_COMPARE_EXAMPLES][ATT_MOST_COMPARED];
  describe(c, &report, subtitle, sizeof subtitle);
  fill_examples(c, examples, outputs, likely);
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
  ATT_TRY(choose_budget(c));
  ATT_TRY(choose_task(c));
  ATT_TRY(find_probes(c));
  ATT_TRY(prepare_folder(c));
  name_quality(c);
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
  for (size_t i = 0; i < c->count; i++) {
    att_results_free(c->ctx, &c->results[i]);
    att_free(c->ctx, c->curves[i]);
  }
  att_probes_free(&c->probes);
  att_held_free(c->held);
  att_folder_unlock(c->lock);
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
