/* Owns `attend summarize`: texts in, summaries out, each as soon as it is ready. */
#include "generation.h"

#include <stdio.h>
#include <string.h>

typedef struct summarize_options {
  att_cli_common common;
  att_decode_options decode;
  att_cli_texts stop;
  const char *file, *prefix;
  int max_tokens, extract;
  bool parts, objects, json;
} summarize_options;

#define AT(member) offsetof(summarize_options, member)
#define IN(member) offsetof(summarize_options, decode.member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),
    {.name = "objects", .kind = ATT_CLI_FLAG, .offset = AT(objects),
     .help = "lines are JSON objects with a \"text\" (or document, article, source, body, dialogue, abstract)"},
    {.name = "long", .kind = ATT_CLI_FLAG, .offset = AT(parts),
     .help = "a text too long for the model is summed up part by part, and the summaries are joined",
     .initial = "it is truncated, with a warning"},
    {.name = "prefix", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = AT(prefix),
     .help = "put before each text, as T5 wants \"summarize: \"", .initial = "the model's, else none"},
    {.name = "extract", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 10000, .offset = AT(extract),
     .help = "give the N sentences of each text that say most of it: MODEL is an encoder then, one that has learnt to "
             "pick (train summarization --extract) or any other"},

    {.group = "Searching", .name = "beam", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(beam),
     .help = "hypotheses kept at each step; 1 is greedy", .initial = "the model's"},
    {.name = "length-penalty", .kind = ATT_CLI_NUMBER, .value = "X", .low = -100, .high = 100,
     .offset = IN(length_penalty), .help = "a hypothesis' score is its log-probability / tokens^X",
     .initial = "the model's"},
    {.name = "max-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = AT(max_tokens),
     .help = "the most tokens of a summary, end token included", .initial = "the model's, else 128"},
    ATT_CLI_REPETITION(IN),
    {.name = "stop", .kind = ATT_CLI_TEXTS, .value = "TEXT", .offset = AT(stop),
     .help = "end before this text; may be given several times", .initial = "the model's"},
    {.name = "batch-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e9, .offset = IN(batch_tokens),
     .help = "bound of a batch: texts times the longest"},
    ATT_CLI_SAMPLING(IN),

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a text: line (from 1), summary, parts, truncated"},
    {.name = NULL}};
/* clang-format on */

typedef struct summarize_run {
  att_cli *cli;
  const summarize_options *options;
  size_t first; /* index of the window's first line */
} summarize_run;

static int on_summary(void *user, const att_summary *given) {
  summarize_run *run = user;
  att_cli *cli = run->cli;
  if (run->options->json) {
    att_cli_print(cli, "{\"line\": %zu, \"summary\": ", run->first + given->text + 1);
    att_cli_write_json(cli, given->summary, given->size);
    att_cli_print(cli, ", \"parts\": %zu, \"truncated\": %s}\n", given->parts, given->truncated ? "true" : "false");
  } else {
    att_cli_write_line_text(cli, given->summary, given->size);
    att_cli_write(cli, "\n", 1);
  }
  return !att_cli_flush(cli);
}

/* ---- lines ---- */

static att_status summarize_window(summarize_run *run, att_model *model, const att_text *lines, size_t count) {
  const summarize_options *o = run->options;
  att_decode_options decode = o->decode;
  att_summary_options how;
  att_text *texts = NULL;
  att_summary_options_default(&how);
  decode.first_line = run->first;
  how.decode = &decode;
  how.prefix = o->prefix;
  how.parts = o->parts;
  att_status status = ATT_OK;
  if (o->objects) status = att_parse_documents(run->cli->ctx, lines, count, run->first, &texts);
  if (!status && o->extract)
    status = att_extract(model, texts ? texts : lines, count, (size_t)o->extract, on_summary, run);
  else if (!status)
    status = att_summarize(model, texts ? texts : lines, count, &how, on_summary, run);
  att_release(run->cli->ctx, texts);
  return status;
}

static int summarize_lines(summarize_run *run, att_model *model, att_cli_input *input) {
  const att_text *lines;
  size_t count;
  for (;;) {
    int status = att_cli_input_next(input, &lines, &count, &run->first);
    if (status || count == 0) return status;
    att_status done = summarize_window(run, model, lines, count);
    if (done != ATT_OK) return att_cli_failed(run->cli, done);
  }
}

/* ---- the options over the model's defaults ---- */

/* What is for writing is refused where sentences are taken as they are. */
static int check_extract(att_cli *cli) {
  static const char *const others[] = {"file", "objects", "extract", "json", "threads", "seed", "quiet"};
  for (int i = 0; i < cli->given_count; i++) {
    bool fine = false;
    for (size_t j = 0; j < sizeof others / sizeof *others; j++) fine |= strcmp(cli->given[i], others[j]) == 0;
    if (!fine)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for summaries that are written: leave out --extract",
                          cli->given[i]);
  }
  return 0;
}

static int settle(att_cli *cli, att_model *model, summarize_options *o) {
  att_summary_decode_default(model, &o->decode);
  int status = att_cli_parse(cli, o);
  if (status) return status;
  att_decode_options *decode = &o->decode;
  const char *given = att_cli_sampling_given(cli);
  if (o->max_tokens) decode->max_length = o->max_tokens;
  status = att_cli_check_lengths(cli, decode->min_tokens, decode->max_length);
  if (status) return status;
  if (att_cli_given(cli, "seed")) decode->seed = o->common.seed;
  if (o->stop.count) {
    decode->stop = o->stop.items;
    decode->stop_count = (size_t)o->stop.count;
  }
  if (decode->beam > 1 && att_cli_given(cli, "beam") && !att_cli_given(cli, "temperature")) decode->temperature = 0;
  if (given && decode->temperature <= 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for sampling: give --temperature above 0 too", given);
  if (decode->temperature <= 0) return 0;
  if (att_cli_given(cli, "beam") && decode->beam > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--temperature is for sampling, which takes --beam 1");
  decode->beam = 1;
  return 0;
}

static int run(att_cli *cli) {
  summarize_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  att_cli_input *input = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status && o.extract) status = check_extract(cli);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, o.extract ? ATT_VERB_EMBED : ATT_VERB_SUMMARIZE, &model);
  if (!status && !o.extract) status = settle(cli, model, &o);
  if (!status) status = att_cli_input_open(cli, o.file, &input);
  if (!status) {
    summarize_run work = {.cli = cli, .options = &o};
    status = summarize_lines(&work, model, input);
  }
  att_cli_input_close(input);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_summarize = {
    .name = "summarize",
    .arguments = "MODEL [TEXT]",
    .summary = "sum up texts",
    .about =
        "Sums up TEXT, or each line of --file or standard input, a line for a line, with an encoder-decoder that has "
        "learnt to. A text too long for the model is truncated, with a warning; with --long it is split between "
        "sentences, and the parts' summaries are joined.",
    .example = "attend summarize my-model \"Hi Phillip, this is to confirm ...\"\n"
               "attend summarize bart-large-cnn --long < articles.txt > summaries.txt\n"
               "attend summarize all-MiniLM-L6-v2 --extract 2 < papers.txt\n"
               "attend summarize t5-small --prefix \"summarize: \" < in.txt",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
