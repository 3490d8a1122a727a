/* Owns `attend rank`: lines, of a text or an index, by their relevance to queries; a score for each pair of a table. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

typedef struct rank_options {
  att_cli_common common;
  att_rank_options rank;
  const char *query, *pairs, *file, *index;
  int similarity; /* an att_similarity, less one; -1: the default */
  int64_t top;
  bool json;
} rank_options;

#define AT(member) offsetof(rank_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Query", .name = "query", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = AT(query),
     .help = "what the lines are ordered by; with --index, where it is not given, each line is a query"},
    {.name = "pairs", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(pairs),
     .help = "in place of query and lines: a table of two columns, query and text (TSV, CSV, plain or .gz); a score for "
             "each row, in its order"},
    {.name = "index", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(index),
     .help = "search the lines that `embed --index FILE` wrote with the same model"},
    ATT_CLI_FILE(AT(file)),

    {.group = "Scores", .name = "similarity", .kind = ATT_CLI_CHOICE, .value = "cosine|dot|euclidean|manhattan",
     .offset = AT(similarity), .help = "of vectors: how they are compared; distances are negative",
     .initial = "as a sentence-transformers folder says; else cosine"},
    {.name = "logits", .kind = ATT_CLI_FLAG, .offset = AT(rank.logits),
     .help = "of a cross-encoder: its output as it is",
     .initial = "through the activation that the folder names; else a sigmoid"},
    {.name = "query-prompt", .kind = ATT_CLI_TEXT, .value = "NAME|TEXT", .offset = AT(rank.query_prompt),
     .help = "put a prompt before each query: one that the folder names, or this text; \"\": none",
     .initial = "the folder's \"query\"; of a cross-encoder its default"},
    {.name = "text-prompt", .kind = ATT_CLI_TEXT, .value = "NAME|TEXT", .offset = AT(rank.text_prompt),
     .help = "of vectors: the same before each line", .initial = "the folder's \"document\""},
    {.name = "batch-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e9,
     .offset = AT(rank.batch_tokens), .help = "of vectors: bound of a batch"},

    {.group = "Output", .name = "top", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12, .offset = AT(top),
     .help = "the N most relevant lines", .initial = "all; of an index 10"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a line: query (from 1; where lines are queries), line (from 1), score, and text (of lines)"},
    {.name = NULL}};
/* clang-format on */

typedef struct rank_run {
  att_cli *cli;
  rank_options *options;
  att_model *model;
  size_t query; /* which of several, from 1; 0: there is one */
} rank_run;

/* text NULL: of a pair. */
static void write_result(const rank_run *run, size_t line, double score, const att_text *text) {
  att_cli *cli = run->cli;
  char number[32];
  att_cli_number(score, number);
  if (run->query) att_cli_print(cli, run->options->json ? "{\"query\": %zu, " : "%zu\t", run->query);
  if (run->options->json) {
    att_cli_print(cli, "%s\"line\": %zu, \"score\": %s", run->query ? "" : "{", line + 1, number);
    if (text) att_cli_print(cli, ", \"text\": ");
    if (text) att_cli_write_json(cli, text->data, text->size);
    att_cli_print(cli, "}\n");
  } else {
    att_cli_print(cli, "%s", number);
    if (text) att_cli_print(cli, "\t%zu\t", line + 1);
    if (text) att_cli_write_line_text(cli, text->data, text->size);
    att_cli_print(cli, "\n");
  }
}

/* ---- lines ---- */

static bool is_blank(att_text text) {
  for (size_t i = 0; i < text.size; i++)
    if (!strchr(" \t\r", text.data[i]) || !text.data[i]) return false;
  return true;
}

static int rank_lines(rank_run *run, const att_text *lines, size_t count) {
  const rank_options *o = run->options;
  att_ranked *ranked = calloc(count + 1, sizeof *ranked);
  if (!ranked) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory for %zu lines", count);
  att_text query = {o->query, strlen(o->query)};
  att_status done = att_rank(run->model, query, lines, count, &o->rank, ranked);
  int64_t left = o->top ? o->top : INT64_MAX;
  for (size_t i = 0; i < count && left && done == ATT_OK; i++) {
    const att_text *text = &lines[ranked[i].line];
    if (is_blank(*text)) continue;
    write_result(run, ranked[i].line, ranked[i].score, text);
    left--;
  }
  free(ranked);
  return att_cli_failed(run->cli, done);
}

static int rank_input(rank_run *run) {
  att_cli_input *input;
  const att_text *lines;
  size_t count;
  int status = att_cli_input_open(run->cli, run->options->file, &input);
  if (!status) status = att_cli_input_all(input, &lines, &count);
  if (!status) status = rank_lines(run, lines, count);
  att_cli_input_close(input);
  return status;
}

/* ---- an index ---- */

static int write_found(rank_run *run, const att_index *index, const att_ranked *found, size_t top) {
  for (size_t i = 0; i < top && found[i].line != SIZE_MAX; i++) {
    att_text text;
    size_t number;
    att_status done = att_index_line(index, found[i].line, &text, &number);
    if (done != ATT_OK) return att_cli_failed(run->cli, done);
    write_result(run, number, found[i].score, &text);
  }
  if (found[top - 1].line != SIZE_MAX) return 0;
  return att_cli_fail(run->cli, ATT_CLI_FAILED, "%s: has vectors that are no numbers: it is damaged",
                      run->options->index);
}

/* first: of the queries, for their numbers; SIZE_MAX: there is one. */
static int search(rank_run *run, const att_index *index, const att_text *queries, size_t count, size_t first) {
  att_cli *cli = run->cli;
  size_t entries = att_index_count(index), top = run->options->top ? (size_t)run->options->top : 10;
  if (top > entries) top = entries;
  if (top == 0) return 0;
  att_ranked *found = calloc(count, top * sizeof *found);
  if (!found) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory for %zu results a query", top);
  int status = att_cli_failed(cli, att_index_search(index, queries, count, &run->options->rank, top, found));
  for (size_t q = 0; q < count && !status; q++) {
    run->query = first == SIZE_MAX ? 0 : first + q + 1;
    status = write_found(run, index, found + q * top, top);
  }
  free(found);
  return status || att_cli_flush(cli) ? status : ATT_CLI_FAILED;
}

static int search_lines(rank_run *run, const att_index *index) {
  att_cli_input *input;
  const att_text *lines;
  size_t count = 1;
  int status = att_cli_input_open(run->cli, run->options->file, &input);
  while (!status && count) {
    status = att_cli_input_next(input, &lines, &count, &run->options->rank.first_line);
    if (!status && count) status = search(run, index, lines, count, run->options->rank.first_line);
  }
  att_cli_input_close(input);
  return status;
}

static int search_index(rank_run *run) {
  const char *text = run->options->query;
  att_index *index;
  int status = att_cli_failed(run->cli, att_index_open(run->model, run->options->index, &index));
  if (!status && text)
    status = search(run, index, &(att_text){text, strlen(text)}, 1, SIZE_MAX);
  else if (!status)
    status = search_lines(run, index);
  att_index_close(index);
  return status;
}

/* ---- pairs ---- */

static int score_pairs(rank_run *run) {
  att_cli *cli = run->cli;
  att_text *queries, *texts;
  size_t count;
  att_status done = att_read_pairs(cli->ctx, run->options->pairs, &queries, &texts, &count);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  double *scores = calloc(count + 1, sizeof *scores);
  int status = scores ? 0 : att_cli_fail(cli, ATT_CLI_FAILED, "no memory for %zu scores", count);
  if (!status)
    status = att_cli_failed(cli, att_rank_pairs(run->model, queries, texts, count, &run->options->rank, scores));
  for (size_t i = 0; i < count && !status; i++) write_result(run, i, scores[i], NULL);
  free(scores);
  att_release(cli->ctx, queries);
  return status;
}

/* ---- the verb ---- */

static int check(att_cli *cli, const rank_options *o) {
  if (o->pairs && (o->query || o->file || o->top || cli->word_count > 1))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--pairs has queries and texts of its own, and takes no %s",
                        o->query  ? "--query"
                        : o->file ? "--file"
                        : o->top  ? "--top"
                                  : "TEXT");
  if (o->index && o->pairs) return att_cli_fail(cli, ATT_CLI_MISUSED, "--index and --pairs: give one of them");
  if (o->index && o->query && (o->file || cli->word_count > 1))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "an index has its own lines: with --query there is no %s",
                        o->file ? "--file" : "TEXT");
  if (!o->pairs && !o->query && !o->index)
    return att_cli_fail(cli, ATT_CLI_MISUSED,
                        "--query TEXT is missing (or --pairs FILE: a table of queries and texts)");
  return 0;
}

/* The options over the model's defaults. */
static int settle(rank_run *run) {
  rank_options *o = run->options;
  att_rank_options_default(run->model, &o->rank);
  int status = att_cli_parse(run->cli, o);
  if (!status && att_cli_given(run->cli, "similarity"))
    o->rank.similarity = (att_similarity)(ATT_SIMILARITY_COSINE + o->similarity);
  if (!status) status = att_cli_failed(run->cli, att_rank_pairs(run->model, NULL, NULL, 0, &o->rank, NULL));
  return status;
}

static int run(att_cli *cli) {
  rank_options o;
  memset(&o, 0, sizeof o);
  rank_run run = {.cli = cli, .options = &o};
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_RANK, &run.model);
  if (!status) status = settle(&run);
  if (!status) status = (o.pairs ? score_pairs : o.index ? search_index : rank_input)(&run);
  att_model_close(run.model);
  return status;
}

const att_cli_verb att_cli_rank = {
    .name = "rank",
    .arguments = "MODEL --query TEXT | --pairs FILE | --index FILE",
    .summary = "lines of text by their relevance to a query",
    .about =
        "Writes the lines of --file or standard input with the most relevant to the query first: score, tab, line "
        "number, tab, the line. Blank lines are left out. A cross-encoder (a model with one label or value, as "
        "sentence-transformers' CrossEncoder and `train classifier` on numbers make it) reads query and line together; "
        "any other model without labels gives each a vector, as embed does, and compares these: faster, and less "
        "exact. "
        "With --index the vectors were computed before, by `embed --index`: docs/SEARCH.md.",
    .example = "attend rank ms-marco-MiniLM-L6-v2 --query \"how birds fly\" --top 5 <notes.txt\n"
               "attend rank all-MiniLM-L6-v2 --query \"a garden\" --file notes.txt --json\n"
               "attend rank ms-marco-MiniLM-L6-v2 --pairs pairs.tsv\n"
               "attend rank all-MiniLM-L6-v2 --index notes.index --query \"tax\"",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
