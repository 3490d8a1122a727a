/* Owns `attend classify`: lines in, labels out; and how well a model answers a file of labelled texts. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

typedef struct classify_options {
  att_cli_common common;
  const char *file, *data;
  att_columns columns;
  int top;
  bool json, confusion;
} classify_options;

#define AT(member) offsetof(classify_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),

    {.group = "Measuring", .name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(data),
     .help = "in place of lines: measure the model on a table as `train classifier` takes it"},
    {.name = "text-column", .kind = ATT_CLI_TEXT, .value = "NAME", .offset = AT(columns.text),
     .help = "with --data: the column of the text, by its name in the first row or its number from 1",
     .initial = "from the data"},
    {.name = "text-pair-column", .kind = ATT_CLI_TEXT, .value = "NAME", .offset = AT(columns.text_pair),
     .help = "with --data: the column of the second text", .initial = "from the data"},
    {.name = "label-column", .kind = ATT_CLI_TEXT, .value = "NAME", .offset = AT(columns.label),
     .help = "with --data: the column of the label", .initial = "by its name; else the last"},
    {.name = "confusion", .kind = ATT_CLI_FLAG, .offset = AT(confusion),
     .help = "with --data: a table of true labels (lines) by those given (columns)"},

    {.group = "Output", .name = "top", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 65536, .offset = AT(top),
     .help = "the N likeliest labels of a line, on one line", .initial = "1; of many labels all that hold"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a line: line (from 1), label, score, scores (each label's), truncated; where tokens have "
             "labels tokens (token, label, score) and spans (label, text, first, tokens, score)"},
    {.name = NULL}};
/* clang-format on */

typedef struct classify_run {
  att_cli *cli;
  const classify_options *options;
  att_model *model;
  const att_model_info *info;
  const char *const *labels;
  size_t label_count;
  size_t first;    /* index of the window's first line */
  size_t *order;   /* [label_count]: scratch */
  att_text *texts; /* [2, capacity]: first and second texts of a window */
  size_t capacity;
  int status; /* of writing */
} classify_run;

/* ---- a line's answer ---- */

static void write_label(att_cli *cli, const char *label) { att_cli_write_line_text(cli, label, strlen(label)); }

static void write_json(classify_run *run, const att_classification *given) {
  att_cli *cli = run->cli;
  char number[32];
  if (!given->scores) {
    bool one = run->info->head == ATT_HEAD_CLASSES;
    att_cli_print(cli, "{\"line\": %zu, %s\"scores\": {}, \"truncated\": false}\n", run->first + given->line + 1,
                  one ? "\"label\": null, \"score\": null, " : "");
    return;
  }
  att_cli_print(cli, "{\"line\": %zu, ", run->first + given->line + 1);
  if (run->info->head == ATT_HEAD_CLASSES) {
    att_cli_print(cli, "\"label\": ");
    att_cli_write_json(cli, run->labels[given->best], strlen(run->labels[given->best]));
    att_cli_print(cli, ", \"score\": %s, ", att_cli_number(given->scores[given->best], number));
  }
  att_cli_print(cli, "\"scores\": {");
  for (size_t k = 0; k < run->label_count; k++) {
    att_cli_print(cli, k ? ", " : "");
    att_cli_write_json(cli, run->labels[k], strlen(run->labels[k]));
    att_cli_print(cli, ": %s", att_cli_number(given->scores[k], number));
  }
  att_cli_print(cli, "}, \"truncated\": %s}\n", given->truncated ? "true" : "false");
}

/* The `count` likeliest labels come first in run->order. */
static void order_labels(classify_run *run, const double *scores, size_t count) {
  for (size_t k = 0; k < run->label_count; k++) run->order[k] = k;
  for (size_t n = 0; n < count; n++) {
    size_t best = n;
    for (size_t k = n + 1; k < run->label_count; k++)
      if (scores[run->order[k]] > scores[run->order[best]]) best = k;
    size_t moved = run->order[best];
    memmove(run->order + n + 1, run->order + n, (best - n) * sizeof *run->order);
    run->order[n] = moved;
  }
}

static void write_text(classify_run *run, const att_classification *given) {
  att_cli *cli = run->cli;
  char number[32];
  size_t count = run->options->top ? (size_t)run->options->top : 1;
  if (run->info->head == ATT_HEAD_VALUES) count = run->label_count;
  if (run->info->head == ATT_HEAD_LABELS && !run->options->top) { /* those that hold, or the likeliest alone */
    count = 0;
    for (size_t k = 0; k < run->label_count; k++) count += given->scores[k] >= 0.5;
    if (count == 0) count = 1;
  }
  if (count > run->label_count) count = run->label_count;
  if (run->info->head != ATT_HEAD_VALUES) order_labels(run, given->scores, count);
  for (size_t n = 0; n < count; n++) {
    size_t k = run->info->head == ATT_HEAD_VALUES ? n : run->order[n];
    att_cli_print(cli, n ? "\t" : "");
    write_label(cli, run->labels[k]);
    att_cli_print(cli, "\t%s", att_cli_number(given->scores[k], number));
  }
  att_cli_print(cli, "\n");
}

/* ---- a line's answer, token by token ---- */

/* The name in "B-NAME" or "I-NAME" ("begins", "goes on"), or all of it; NULL: "O", outside. */
static const char *name_of(const char *label) {
  bool marked = (label[0] == 'B' || label[0] == 'I') && label[1] == '-';
  return strcmp(label, "O") == 0 ? NULL : marked ? label + 2 : label;
}

/* How many tokens from `first` on are one span, named as they are; *score: the mean of theirs. */
static size_t measure_span(const classify_run *run, const att_classification *given, size_t first, double *score) {
  const att_token_class *tokens = given->tokens;
  const char *name = name_of(run->labels[tokens[first].best]);
  size_t end = first;
  *score = 0;
  for (; end < given->token_count; end++) {
    const char *label = run->labels[tokens[end].best], *other = name_of(label);
    bool begins = label[0] == 'B' && label[1] == '-';
    if (!other || strcmp(name, other) != 0 || (begins && end > first)) break;
    *score += tokens[end].scores[tokens[end].best];
  }
  *score /= (double)(end - first);
  return end - first;
}

static int write_span(classify_run *run, const att_classification *given, size_t first, size_t count, double score) {
  att_cli *cli = run->cli;
  const char *name = name_of(run->labels[given->tokens[first].best]);
  char *text, number[32];
  size_t size;
  int32_t *ids = malloc(count * sizeof *ids);
  if (!ids) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  for (size_t i = 0; i < count; i++) ids[i] = given->tokens[first + i].id;
  att_status done = att_detokenize(run->model, ids, count, &text, &size);
  free(ids);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  att_cli_print(cli, "{\"label\": ");
  att_cli_write_json(cli, name, strlen(name));
  att_cli_print(cli, ", \"text\": ");
  att_cli_write_json(cli, text, size);
  att_cli_print(cli, ", \"first\": %zu, \"tokens\": %zu, \"score\": %s}", first, count, att_cli_number(score, number));
  att_release(cli->ctx, text);
  return 0;
}

static int write_tokens_json(classify_run *run, const att_classification *given) {
  att_cli *cli = run->cli;
  char number[32];
  att_cli_print(cli, "{\"line\": %zu, \"tokens\": [", run->first + given->line + 1);
  for (size_t i = 0; i < given->token_count; i++) {
    const att_token_class *t = &given->tokens[i];
    att_cli_print(cli, i ? ", {\"token\": " : "{\"token\": ");
    att_cli_write_json(cli, t->token ? t->token : "", t->token ? strlen(t->token) : 0);
    att_cli_print(cli, ", \"label\": ");
    att_cli_write_json(cli, run->labels[t->best], strlen(run->labels[t->best]));
    att_cli_print(cli, ", \"score\": %s}", att_cli_number(t->scores[t->best], number));
  }
  att_cli_print(cli, "], \"spans\": [");
  bool some = false;
  for (size_t i = 0, count; i < given->token_count; i += count) {
    double score;
    count = 1;
    if (!name_of(run->labels[given->tokens[i].best])) continue;
    if (some) att_cli_print(cli, ", ");
    some = true;
    count = measure_span(run, given, i, &score);
    int status = write_span(run, given, i, count, score);
    if (status) return status;
  }
  att_cli_print(cli, "], \"truncated\": %s}\n", given->truncated ? "true" : "false");
  return 0;
}

/* A token a line, an empty line after each text. */
static void write_tokens(classify_run *run, const att_classification *given) {
  att_cli *cli = run->cli;
  for (size_t i = 0; i < given->token_count; i++) {
    write_label(cli, given->tokens[i].token ? given->tokens[i].token : "");
    att_cli_print(cli, "\t");
    write_label(cli, run->labels[given->tokens[i].best]);
    att_cli_print(cli, "\n");
  }
  att_cli_print(cli, "\n");
}

static int on_classification(void *user, const att_classification *given) {
  classify_run *run = user;
  bool tokens = run->info->head == ATT_HEAD_TOKEN_CLASSES;
  if (tokens && run->options->json)
    run->status = write_tokens_json(run, given);
  else if (tokens)
    write_tokens(run, given);
  else if (run->options->json)
    write_json(run, given);
  else if (!given->scores)
    att_cli_print(run->cli, "\n");
  else
    write_text(run, given);
  return run->status || !att_cli_flush(run->cli);
}

/* ---- lines ---- */

/* A tab parts two texts. */
static int split_lines(classify_run *run, const att_text *lines, size_t count) {
  if (count > run->capacity) {
    att_text *texts = realloc(run->texts, 2 * count * sizeof *texts);
    if (!texts) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory for %zu lines", count);
    run->texts = texts;
    run->capacity = count;
  }
  for (size_t i = 0; i < count; i++) {
    const char *tab = lines[i].size ? memchr(lines[i].data, '\t', lines[i].size) : NULL;
    run->texts[i] = lines[i];
    run->texts[run->capacity + i] = (att_text){NULL, 0};
    if (!tab) continue;
    run->texts[i].size = (size_t)(tab - lines[i].data);
    run->texts[run->capacity + i] = (att_text){tab + 1, lines[i].size - run->texts[i].size - 1};
  }
  return 0;
}

static int classify_lines(classify_run *run, att_cli_input *input) {
  const att_text *lines;
  size_t count;
  for (;;) {
    int status = att_cli_input_next(input, &lines, &count, &run->first);
    if (status || count == 0) return status;
    status = split_lines(run, lines, count);
    if (status) return status;
    att_status done =
        att_classify(run->model, run->texts, run->texts + run->capacity, count, run->first, on_classification, run);
    if (run->status) return run->status;
    if (done != ATT_OK) return att_cli_failed(run->cli, done);
  }
}

/* The series of --file, or of the files that are named, in place of lines. */
static int classify_series(classify_run *run) {
  att_cli *cli = run->cli;
  const char *file = run->options->file;
  if ((cli->word_count < 2) == !file || (file && strcmp(file, "-") == 0))
    return att_cli_fail(cli, ATT_CLI_MISUSED,
                        "the model reads series: give a .ts or .csv file of them with --file, or recordings by name");
  if (file) {
    att_status done = att_classify_series(run->model, file, on_classification, run);
    return run->status ? run->status : att_cli_failed(cli, done);
  }
  for (int i = 1; i < cli->word_count; i++) {
    run->first = (size_t)i - 1;
    att_status done = att_classify_series(run->model, cli->words[i], on_classification, run);
    if (run->status || done) return run->status ? run->status : att_cli_failed(cli, done);
  }
  return 0;
}

/* ---- measuring ---- */

static void write_confusion(classify_run *run, const att_evaluation *m) {
  att_cli *cli = run->cli;
  for (size_t k = 0; k < m->classes; k++) {
    att_cli_print(cli, "\t");
    write_label(cli, run->labels[k]);
  }
  att_cli_print(cli, "\n");
  for (size_t i = 0; i < m->classes; i++) {
    write_label(cli, run->labels[i]);
    for (size_t k = 0; k < m->classes; k++) att_cli_print(cli, "\t%lld", (long long)m->confusion[i * m->classes + k]);
    att_cli_print(cli, "\n");
  }
}

static void write_confusion_json(classify_run *run, const att_evaluation *m) {
  att_cli *cli = run->cli;
  att_cli_print(cli, ", \"labels\": [");
  for (size_t k = 0; k < m->classes; k++) {
    att_cli_print(cli, k ? ", " : "");
    att_cli_write_json(cli, run->labels[k], strlen(run->labels[k]));
  }
  att_cli_print(cli, "], \"confusion\": [");
  for (size_t i = 0; i < m->classes; i++)
    for (size_t k = 0; k < m->classes; k++)
      att_cli_print(cli, "%s%lld%s",
                    k   ? ", "
                    : i ? ", ["
                        : "[",
                    (long long)m->confusion[i * m->classes + k], k + 1 == m->classes ? "]" : "");
  att_cli_print(cli, "]");
}

static void write_evaluation(classify_run *run, const att_evaluation *e) {
  att_cli *cli = run->cli;
  const att_measure *measures = e->measures;
  char number[32];
  if (run->options->json) att_cli_print(cli, "{\"texts\": %zu, \"truncated\": %zu", e->count, e->truncated);
  for (size_t i = 0; i < e->measure_count; i++) {
    if (run->options->json)
      att_cli_print(cli, ", \"%s\": %s", measures[i].key, att_cli_number(measures[i].value, number));
    else
      att_cli_print(cli, "%s\t%.4f\n", measures[i].name, measures[i].value);
  }
  if (run->options->confusion && run->options->json) write_confusion_json(run, e);
  if (run->options->json) att_cli_print(cli, "}\n");
  if (run->options->confusion && !run->options->json) write_confusion(run, e);
}

static int measure_file(classify_run *run) {
  att_cli *cli = run->cli;
  att_evaluation e;
  if (run->options->confusion && run->info->head != ATT_HEAD_CLASSES)
    return att_cli_fail(cli, ATT_CLI_FAILED, "--confusion is for models that give one of several labels");
  att_status done = att_evaluate(run->model, run->options->data, &run->options->columns, &e);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  int status = 0;
  if (e.truncated)
    att_cli_warn(cli, "%zu of %zu texts were too long for the model, and truncated", e.truncated, e.count);
  if (run->options->confusion && !e.confusion)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "--confusion: %zu labels are too many for a table", run->label_count);
  else
    write_evaluation(run, &e);
  att_release(cli->ctx, (void *)(uintptr_t)e.confusion);
  return status;
}

/* ---- the verb ---- */

static int check(att_cli *cli, const classify_options *o) {
  if (o->data && (cli->word_count > 1 || o->file))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--data FILE measures the model on a table: leave out %s",
                        o->file ? "--file" : "TEXT");
  if (o->data && o->top) return att_cli_fail(cli, ATT_CLI_MISUSED, "--top is for lines: it does not go with --data");
  if ((o->columns.text || o->columns.text_pair || o->columns.label) && !o->data)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "the options that name columns go with --data FILE");
  if (o->confusion && !o->data) return att_cli_fail(cli, ATT_CLI_MISUSED, "--confusion goes with --data FILE");
  return 0;
}

static int work(classify_run *run) {
  att_cli *cli = run->cli;
  att_cli_input *input = NULL;
  int status = att_cli_failed(cli, att_model_describe(run->model, &run->info));
  if (!status) status = att_cli_failed(cli, att_model_labels(run->model, &run->labels, &run->label_count));
  if (!status && run->options->data) return measure_file(run);
  if (!status && run->options->top && run->info->head == ATT_HEAD_TOKEN_CLASSES)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "--top is for models that label whole texts");
  run->order = calloc(run->label_count + 1, sizeof *run->order);
  if (!status && !run->order) status = att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  if (!status && run->info->input_width) return classify_series(run);
  if (!status) status = att_cli_input_open(cli, run->options->file, &input);
  if (!status) status = classify_lines(run, input);
  att_cli_input_close(input);
  return status;
}

static int run(att_cli *cli) {
  classify_options o;
  memset(&o, 0, sizeof o);
  classify_run run = {.cli = cli, .options = &o};
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_CLASSIFY, &run.model);
  if (!status) status = work(&run);
  free(run.order);
  free(run.texts);
  att_model_close(run.model);
  return status;
}

const att_cli_verb att_cli_classify = {
    .name = "classify",
    .arguments = "MODEL [TEXT]",
    .summary = "label lines of text, or measure a classifier",
    .about =
        "Writes for TEXT, or each line of --file or standard input, its likeliest label, a tab "
        "and the label's probability; of a model that gives numbers the number's name and the number; of a model that "
        "labels tokens each token, a tab and its label, and an empty line after each text. A tab in a "
        "line parts two texts; an empty line stays empty. A model of series labels each series of --file, and one of "
        "sounds each recording that is named. With --data "
        "the model is measured on labelled texts: "
        "accuracy, macro-F1 and the "
        "Matthews correlation; macro-F1 and micro-F1 where a text has any of several labels; Pearson's and "
        "Spearman's correlation of numbers.",
    .example = "attend classify sentiment \"a warm and funny film\"\n"
               "attend classify sentiment --data dev.tsv --confusion\n"
               "attend classify gestures --file new.ts",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
