/* Owns `attend answer`: a question and a text in, the part of the text that answers it out. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct answer_options {
  att_cli_common common;
  const char *context, *file, *data, *out;
  att_cli_texts questions;
  int nbest;
  int64_t max_answer_tokens, window, stride;
  double null_threshold;
  bool no_null, json;
} answer_options;

#define AT(member) offsetof(answer_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Input", .name = "context", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(context),
     .help = "the text that is asked, plain or .gz; lines are then questions"},
    {.name = "question", .kind = ATT_CLI_TEXTS, .value = "TEXT", .offset = AT(questions),
     .help = "a question about it; may be given several times", .initial = "lines"},
    {.name = "file", .letter = 'f', .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(file),
     .help = "read the lines of FILE: question and context, a tab between", .initial = "standard input"},
    {.name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(data),
     .help = "the questions of a file of SQuAD (1.1, 2.0), or a .tsv of context, question, answer and start"},

    {.group = "Answers", .name = "nbest", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1000,
     .offset = AT(nbest), .help = "the N best answers, each on a line", .initial = "1"},
    {.name = "max-answer-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 100000,
     .offset = AT(max_answer_tokens), .help = "tokens of an answer at most", .initial = "30"},
    {.name = "window", .kind = ATT_CLI_INT64, .value = "N", .low = 8, .high = 1 << 20, .offset = AT(window),
     .help = "tokens that are read at once, the question in", .initial = "384, or what the model has"},
    {.name = "stride", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1 << 20, .offset = AT(stride),
     .help = "tokens from one window to the next", .initial = "128"},
    {.name = "null-threshold", .kind = ATT_CLI_NUMBER, .value = "X", .low = -1e6, .high = 1e6,
     .offset = AT(null_threshold),
     .help = "there may be no answer: where its odds are above X that is said, by an empty one",
     .initial = "0 where the model has learned it with attend; else there always is one"},
    {.name = "no-null", .kind = ATT_CLI_FLAG, .offset = AT(no_null), .help = "there always is an answer"},

    {.group = "Output", .name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "DIR", .offset = AT(out),
     .help = "with --data: write predictions.json, nbest_predictions.json and, where there may be no answer, "
             "null_odds.json, as run_squad of Transformers does"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a question: question (from 1), id, answer, score, start, end, answers, null_odds, truncated"},
    {.name = NULL}};
/* clang-format on */

/* A growing text. */
typedef struct text {
  char *data;
  size_t size;
  FILE *stream;
} text;

typedef struct answer_run {
  att_cli *cli;
  const answer_options *options;
  att_model *model;
  att_squad *squad;
  size_t first; /* of the questions that were given to the library */
  size_t given; /* objects in the files */
  text predictions, nbest, odds;
  bool may_be_none;
} answer_run;

/* ---- lines and objects ---------------------------------------------------------------------------------------- */

static const att_found_answer *answer_at(const att_answers *a, size_t i) { return a->answers[i]; }

static void write_row(att_cli *cli, const att_found_answer *one) {
  char number[32];
  att_cli_write_line_text(cli, one->text, one->size);
  att_cli_print(cli, "\t%s\t%zu\t%zu\n", att_cli_number(one->score, number), one->start, one->end);
}

/* The answer first, then the others as they come. An empty context has none. */
static void write_rows(answer_run *run, const att_answers *a) {
  static const att_found_answer none = {.text = ""};
  size_t left = (size_t)run->options->nbest;
  write_row(run->cli, a->count ? answer_at(a, a->best) : &none);
  for (size_t i = 0; i < a->count && left > 1; i++) {
    if (i == a->best) continue;
    write_row(run->cli, answer_at(a, i));
    left--;
  }
}

static void write_members(att_cli *cli, const att_found_answer *one) {
  char number[32];
  att_cli_print(cli, "\"answer\": ");
  att_cli_write_json(cli, one->text, one->size);
  att_cli_print(cli, ", \"score\": %s, \"start\": %zu, \"end\": %zu", att_cli_number(one->score, number), one->start,
                one->end);
}

static void write_json(answer_run *run, const att_answers *a, const char *id) {
  static const att_found_answer none = {.text = ""};
  att_cli *cli = run->cli;
  char number[32];
  att_cli_print(cli, "{\"question\": %zu, ", run->first + a->question + 1);
  if (id) {
    att_cli_print(cli, "\"id\": ");
    att_cli_write_json(cli, id, strlen(id));
    att_cli_print(cli, ", ");
  }
  write_members(cli, a->count ? answer_at(a, a->best) : &none);
  att_cli_print(cli, ", \"answers\": [");
  for (size_t i = 0; i < a->count && i < (size_t)run->options->nbest; i++) {
    att_cli_print(cli, "%s{", i ? ", " : "");
    write_members(cli, answer_at(a, i));
    att_cli_print(cli, "}");
  }
  att_cli_print(cli, "], \"null_odds\": %s, \"truncated\": %s}\n",
                a->may_be_none ? att_cli_number(a->null_odds, number) : "null", a->truncated ? "true" : "false");
}

/* ---- the files of run_squad ----------------------------------------------------------------------------------- */

static void put_key(text *to, bool first, const char *id) {
  fprintf(to->stream, "%s\n    ", first ? "{" : ",");
  att_cli_put_json(to->stream, id, strlen(id));
  fprintf(to->stream, ": ");
}

static void put_nbest(FILE *out, const att_answers *a) {
  char number[32];
  fprintf(out, "[");
  for (size_t i = 0; i < a->count; i++) {
    const att_found_answer *one = answer_at(a, i);
    fprintf(out, "%s\n        {\n            \"text\": ", i ? "," : "");
    att_cli_put_json(out, one->text, one->size);
    fprintf(out, ",\n            \"probability\": %s", att_cli_number(one->score, number));
    fprintf(out, ",\n            \"start_logit\": %s", att_cli_number((double)one->start_logit, number));
    fprintf(out, ",\n            \"end_logit\": %s\n        }", att_cli_number((double)one->end_logit, number));
  }
  fprintf(out, "%s]", a->count ? "\n    " : "");
}

static void put_files(answer_run *run, const att_answers *a, const char *id) {
  char number[32];
  const att_found_answer *best = a->count ? answer_at(a, a->best) : NULL;
  bool first = run->given++ == 0;
  put_key(&run->predictions, first, id);
  att_cli_put_json(run->predictions.stream, best ? best->text : "", best ? best->size : 0);
  put_key(&run->nbest, first, id);
  put_nbest(run->nbest.stream, a);
  put_key(&run->odds, first, id);
  fprintf(run->odds.stream, "%s", att_cli_number(a->null_odds, number));
  run->may_be_none = run->may_be_none || a->may_be_none;
}

static int write_file(answer_run *run, text *from, const char *name) {
  char path[4096];
  const char *folder = run->options->out;
  fprintf(from->stream, "%s}\n", run->given ? "\n" : "{");
  if (fflush(from->stream) != 0) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
    return att_cli_fail(run->cli, ATT_CLI_MISUSED, "--out: the name is too long");
  att_status status = att_write_file(run->cli->ctx, path, from->data, from->size);
  return status == ATT_OK ? 0 : att_cli_failed(run->cli, status);
}

static int write_files(answer_run *run) {
  if (mkdir(run->options->out, 0777) != 0 && errno != EEXIST)
    return att_cli_fail(run->cli, ATT_CLI_FAILED, "%s: %s", run->options->out, strerror(errno));
  int status = write_file(run, &run->predictions, "predictions.json");
  if (!status) status = write_file(run, &run->nbest, "nbest_predictions.json");
  if (!status && run->may_be_none) status = write_file(run, &run->odds, "null_odds.json");
  return status;
}

static int open_texts(answer_run *run) {
  text *const all[] = {&run->predictions, &run->nbest, &run->odds};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    all[i]->stream = open_memstream(&all[i]->data, &all[i]->size);
    if (!all[i]->stream) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
  }
  return 0;
}

static void close_texts(answer_run *run) {
  text *const all[] = {&run->predictions, &run->nbest, &run->odds};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (all[i]->stream) fclose(all[i]->stream);
    free(all[i]->data);
  }
}

/* ---- questions ------------------------------------------------------------------------------------------------ */

static int on_answers(void *user, const att_answers *a) {
  answer_run *run = user;
  const att_squad_question *q = run->squad ? att_squad_at(run->squad, run->first + a->question) : NULL;
  if (run->options->out)
    put_files(run, a, q->id);
  else if (run->options->json)
    write_json(run, a, q ? q->id : NULL);
  else
    write_rows(run, a);
  return run->options->out || att_cli_flush(run->cli) ? 0 : 1;
}

static int ask(answer_run *run, const att_question *questions, size_t count) {
  const answer_options *o = run->options;
  att_answer_options wanted;
  att_answer_options_default(&wanted);
  if (o->nbest > wanted.nbest) wanted.nbest = o->nbest;
  wanted.max_answer_tokens = o->max_answer_tokens;
  wanted.window = o->window;
  wanted.stride = o->stride;
  wanted.first_question = run->first;
  wanted.null_threshold = o->null_threshold;
  if (att_cli_given(run->cli, "null-threshold")) wanted.no_answer = ATT_NO_ANSWER_ALLOWED;
  if (o->no_null) wanted.no_answer = ATT_NO_ANSWER_NEVER;
  att_status status = att_answer(run->model, questions, count, &wanted, on_answers, run);
  return status == ATT_OK ? 0 : att_cli_failed(run->cli, status);
}

static int ask_squad(answer_run *run) {
  att_status status = att_squad_open(run->cli->ctx, run->options->data, &run->squad);
  if (status != ATT_OK) return att_cli_failed(run->cli, status);
  size_t count = att_squad_count(run->squad, NULL);
  att_question *questions = calloc(count ? count : 1, sizeof *questions);
  if (!questions) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
  for (size_t i = 0; i < count; i++) questions[i] = att_squad_at(run->squad, i)->asked;
  int failed = run->options->out ? open_texts(run) : 0;
  if (!failed) failed = ask(run, questions, count);
  if (!failed && run->options->out) failed = write_files(run);
  free(questions);
  close_texts(run);
  att_squad_close(run->squad);
  return failed;
}

/* A line is a question about the context, or where there is none its context follows a tab. A blank one asks nothing:
 * of an empty context. */
static int split_line(answer_run *run, att_text line, size_t number, const att_text *context, att_question *out) {
  const char *tab = context ? NULL : memchr(line.data, '\t', line.size);
  if (!context && !tab)
    return att_cli_fail(run->cli, ATT_CLI_FAILED,
                        "line %zu has no tab between a question and its context; or give --context FILE", number);
  size_t size = tab ? (size_t)(tab - line.data) : line.size;
  out->question = (att_text){line.data, size};
  size_t white = 0;
  while (white < size && strchr(" \r", line.data[white]) && line.data[white]) white++;
  out->context = white == size ? (att_text){"", 0} : context ? *context : (att_text){tab + 1, line.size - size - 1};
  return 0;
}

static int ask_lines(answer_run *run, const att_text *context) {
  att_cli_input *input = NULL;
  const att_text *lines;
  size_t count = 1, first;
  int status = att_cli_input_open(run->cli, run->options->file, &input);
  while (!status && count) {
    status = att_cli_input_next(input, &lines, &count, &first);
    att_question *questions = calloc(count + 1, sizeof *questions);
    if (!status && !questions) status = att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
    for (size_t i = 0; !status && i < count; i++)
      status = split_line(run, lines[i], first + i + 1, context, &questions[i]);
    run->first = first;
    if (!status && count) status = ask(run, questions, count);
    free(questions);
  }
  att_cli_input_close(input);
  return status;
}

static int ask_context(answer_run *run) {
  const answer_options *o = run->options;
  att_question questions[ATT_CLI_MOST_TEXTS];
  char *data;
  size_t size;
  att_status read = att_read_text(run->cli->ctx, o->context, &data, &size);
  if (read != ATT_OK) return att_cli_failed(run->cli, read);
  const att_text context = {data, size};
  for (int i = 0; i < o->questions.count; i++)
    questions[i] = (att_question){context, {o->questions.items[i], strlen(o->questions.items[i])}};
  int status = o->questions.count ? ask(run, questions, (size_t)o->questions.count) : ask_lines(run, &context);
  att_release(run->cli->ctx, data);
  return status;
}

static int check(att_cli *cli, const answer_options *o) {
  if (o->data && (o->context || o->questions.count || o->file))
    return att_cli_fail(cli, ATT_CLI_MISUSED,
                        "--data has its own questions: leave out --context, --question and --file");
  if (o->out && !o->data) return att_cli_fail(cli, ATT_CLI_MISUSED, "--out needs --data");
  if (o->questions.count && !o->context) return att_cli_fail(cli, ATT_CLI_MISUSED, "--question needs --context FILE");
  if (o->questions.count && o->file)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--question and --file exclude each other");
  if (o->no_null && att_cli_given(cli, "null-threshold"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--null-threshold and --no-null exclude each other");
  return 0;
}

static int run(att_cli *cli) {
  answer_options o;
  memset(&o, 0, sizeof o);
  o.nbest = 1;
  o.max_answer_tokens = 30;
  o.window = 384;
  o.stride = 128;
  answer_run run = {.cli = cli, .options = &o};
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_ANSWER, &run.model);
  if (!status) status = o.data ? ask_squad(&run) : o.context ? ask_context(&run) : ask_lines(&run, NULL);
  att_model_close(run.model);
  return status;
}

const att_cli_verb att_cli_answer = {
    .name = "answer",
    .arguments = "MODEL",
    .summary = "the part of a text that answers a question",
    .about = "Looks for the answer to each question in a text, however long, and writes it with its probability among "
             "the 20 best, and its first character and the one behind its last (from 0, in code points): the answer, "
             "score, start, end, tabs between. The text is that of --context, with questions of --question or one a "
             "line; else each line has a question, a tab and its text. Where there may be no answer, an empty one says "
             "so.",
    .example = "attend answer MODEL --context page.txt --question \"Who wrote it?\"",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
