/* Owns `attend embed`: lines in, a vector each out, as numbers, JSON arrays or a .npy file. */
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct embed_options {
  att_cli_common common;
  att_embed_options embed;
  int pooling; /* an att_pooling */
  bool normalise, no_normalise, json;
  const char *npy, *file, *index;
  int index_type; /* of the numbers: float32, float16 */
} embed_options;

#define AT(member) offsetof(embed_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),

    {.group = "Vectors", .name = "pooling", .kind = ATT_CLI_CHOICE,
     .value = "mean|first|last|max|mean_sqrt_len_tokens|weightedmean", .offset = AT(pooling),
     .help = "what becomes of the tokens' vectors: their mean, the first, the last, of each number the largest, their "
             "sum over the root of their count, their mean with weights 1, 2, 3 ...",
     .initial = "as a sentence-transformers folder says; else mean, of decoders last"},
    {.name = "normalise", .kind = ATT_CLI_FLAG, .offset = AT(normalise),
     .help = "scale each vector to length 1", .initial = "as a sentence-transformers folder says; else not"},
    {.name = "no-normalise", .kind = ATT_CLI_FLAG, .offset = AT(no_normalise),
     .help = "leave them as they are, whatever the folder says"},
    {.name = "prompt", .kind = ATT_CLI_TEXT, .value = "NAME|TEXT", .offset = AT(embed.prompt),
     .help = "put a prompt before each line: one that the folder names, or this text; \"\": none",
     .initial = "the folder's default, if it has one"},
    {.name = "batch-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e9,
     .offset = AT(embed.batch_tokens), .help = "bound of a batch"},

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json), .help = "an array a line"},
    {.name = "npy", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(npy),
     .help = "write numpy's format, float32, a row a line, in place of standard output"},
    {.name = "index", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(index),
     .help = "write the lines and their vectors into a file that `rank --index` searches; blank lines are left out"},
    {.name = "index-type", .kind = ATT_CLI_CHOICE, .value = "float32|float16", .offset = AT(index_type),
     .help = "with --index: of its numbers", .initial = "float32"},
    {.name = NULL}};
/* clang-format on */

typedef struct embed_run {
  att_cli *cli;
  embed_options *options;
  att_model *model;
  size_t width;
  att_npy *npy;            /* or NULL */
  att_index_writer *index; /* or NULL */
} embed_run;

/* The fewest digits that read back as the same float32. */
static void write_number(att_cli *cli, float number) {
  char text[32];
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)number);
    if (strtof(text, NULL) == number) break;
  }
  att_cli_write(cli, text, strlen(text));
}

static void write_vector(const embed_run *run, const float *vector) {
  bool json = run->options->json;
  att_cli_print(run->cli, json ? "[" : "");
  for (size_t i = 0; i < run->width; i++) {
    if (i) att_cli_print(run->cli, json ? ", " : " ");
    write_number(run->cli, vector[i]);
  }
  att_cli_print(run->cli, json ? "]\n" : "\n");
}

static int embed_window(embed_run *run, const att_text *lines, size_t count) {
  float *vectors = calloc(count * run->width + 1, sizeof *vectors); /* a window of lines is small */
  if (!vectors) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory for %zu vectors", count);
  att_status done = att_embed(run->model, lines, count, &run->options->embed, vectors);
  if (done == ATT_OK && run->npy)
    done = att_npy_put(run->npy, vectors, count);
  else if (done == ATT_OK)
    for (size_t i = 0; i < count; i++) write_vector(run, vectors + i * run->width);
  free(vectors);
  if (done == ATT_OK && !att_cli_flush(run->cli)) return ATT_CLI_FAILED;
  return att_cli_failed(run->cli, done);
}

/* Into the index, or to standard output or numpy's file. */
static int take_window(embed_run *run, const att_text *lines, size_t count) {
  return run->index ? att_cli_failed(run->cli, att_index_add(run->index, lines, count))
                    : embed_window(run, lines, count);
}

static int embed_lines(embed_run *run, att_cli_input *input) {
  const att_text *lines;
  size_t count;
  for (;;) {
    int status = att_cli_input_next(input, &lines, &count, &run->options->embed.first_line);
    if (!status && count) status = take_window(run, lines, count);
    if (status || count == 0) return status;
  }
}

/* The options over the model's defaults. */
static int settle(embed_run *run) {
  att_cli *cli = run->cli;
  embed_options *o = run->options;
  att_embed_options_default(run->model, &o->embed);
  o->pooling = o->embed.pooling;
  int status = att_cli_parse(cli, o);
  if (status) return status;
  o->embed.pooling = (att_pooling)o->pooling;
  if (o->normalise) o->embed.normalise = ATT_NORMALISE_YES;
  if (o->no_normalise) o->embed.normalise = ATT_NORMALISE_NO;
  status = att_cli_failed(cli, att_embed(run->model, NULL, 0, &o->embed, NULL));
  if (status) return status;
  run->width = att_embedding_width(run->model, &o->embed);
  if (o->index) {
    const char *type = o->index_type ? "float16" : "float32";
    return att_cli_failed(cli, att_index_create(run->model, o->index, type, &o->embed, &run->index));
  }
  return o->npy ? att_cli_failed(cli, att_npy_open(cli->ctx, o->npy, run->width, &run->npy)) : 0;
}

static int check_options(att_cli *cli, const embed_options *o) {
  if (o->normalise && o->no_normalise)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--normalise and --no-normalise: give one of them");
  if (o->npy && o->json) return att_cli_fail(cli, ATT_CLI_MISUSED, "--json and --npy: give one of them");
  if (o->index && (o->npy || o->json))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--index and --%s: give one of them", o->npy ? "npy" : "json");
  if (o->index_type && !o->index) return att_cli_fail(cli, ATT_CLI_MISUSED, "--index-type goes with --index FILE");
  return 0;
}

static int run(att_cli *cli) {
  embed_options o;
  memset(&o, 0, sizeof o);
  embed_run work = {.cli = cli, .options = &o};
  att_cli_input *input = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status) status = check_options(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_EMBED, &work.model);
  if (!status && o.index) status = att_cli_failed(cli, att_check_verb(work.model, ATT_VERB_RANK)); /* what it is for */
  if (!status) status = att_cli_input_open(cli, o.file, &input);
  if (!status) status = settle(&work);
  if (!status) status = embed_lines(&work, input);
  if (!status && work.npy) {
    status = att_cli_failed(cli, att_npy_commit(work.npy));
    work.npy = NULL;
  }
  if (!status && work.index) {
    status = att_cli_failed(cli, att_index_commit(work.index));
    work.index = NULL;
  }
  att_npy_discard(work.npy);
  att_index_discard(work.index);
  att_cli_input_close(input);
  att_model_close(work.model);
  return status;
}

const att_cli_verb att_cli_embed = {
    .name = "embed",
    .arguments = "MODEL [TEXT]",
    .summary = "lines of text to vectors",
    .about = "Writes a vector for TEXT, or for each line of --file or standard input: what the "
             "model's last layer makes of its tokens, pooled into one. A folder of sentence-transformers says what "
             "else is done (poolings, Dense, LayerNorm, Normalize, prompts, the longest text), and the vectors are "
             "those of sentence-transformers; of other folders they are the mean over all tokens, of decoders the "
             "last token's. Two texts are alike where the product of their vectors, scaled to length 1, is near 1. A "
             "line too long is truncated, with a warning.",
    .example = "attend embed all-MiniLM-L6-v2 --file sentences.txt --npy sentences.npy\n"
               "attend embed e5 --file questions.txt --prompt \"query: \"\n"
               "attend embed bert \"A dog runs.\" --pooling first --json\n"
               "attend embed all-MiniLM-L6-v2 --file notes.txt --index notes.index",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
