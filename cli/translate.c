/* Owns `attend translate`: lines in, lines out, each as soon as it is ready. */
#include "generation.h"

#include <stdio.h>
#include <string.h>

typedef struct translate_options {
  att_cli_common common;
  att_decode_options decode;
  att_cli_texts stop;
  const char *file;
  int max_tokens, samples;
  bool json;
} translate_options;

#define AT(member) offsetof(translate_options, member)
#define IN(member) offsetof(translate_options, decode.member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),

    {.name = "source-language", .kind = ATT_CLI_TEXT, .value = "NAME", .offset = IN(source_language),
     .help = "of a multilingual model, as its vocabulary calls it: deu_Latn, de_DE, de", .initial = "the model's"},
    {.name = "target-language", .kind = ATT_CLI_TEXT, .value = "NAME", .offset = IN(target_language),
     .help = "the language to translate into", .initial = "the model's"},

    {.group = "Searching", .name = "beam", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(beam),
     .help = "hypotheses kept at each step; 1 is greedy", .initial = "the model's"},
    {.name = "length-penalty", .kind = ATT_CLI_NUMBER, .value = "X", .low = -100, .high = 100,
     .offset = IN(length_penalty), .help = "a hypothesis' score is its log-probability / tokens^X",
     .initial = "the model's"},
    {.name = "max-length", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(max_length),
     .help = "the most tokens of a translation, end token included", .initial = "the model's"},
    {.name = "max-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = AT(max_tokens),
     .help = "the most new tokens; the smaller of the two counts"},
    {.name = "batch-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e9, .offset = IN(batch_tokens),
     .help = "bound of a batch: lines times the longest"},
    {.name = "stop", .kind = ATT_CLI_TEXTS, .value = "TEXT", .offset = AT(stop),
     .help = "end before this text; may be given several times", .initial = "the model's"},
    ATT_CLI_REPETITION(IN),

    ATT_CLI_SAMPLING(IN),
    {.name = "samples", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = AT(samples),
     .help = "translations drawn of each line"},

    {.group = "Output", .name = "nbest", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(nbest),
     .help = "the N best, as Moses' lines: index ||| text ||| score (the index from 0)"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a line: line (from 1), text, score, logprob, tokens, ids, source_tokens, alignment (for each "
             "token the place in source_tokens it looked at most, from 0), truncated; with --nbest or --samples the "
             "translations are in hypotheses"},
    {.name = NULL}};
/* clang-format on */

typedef struct translate_run {
  att_cli *cli;
  translate_options *options;
  att_model *model;
  size_t first; /* index of the window's first line */
  bool lists;   /* n-best or samples */
} translate_run;

/* ---- JSON ---- */

static void write_key(att_cli *cli, const char *key) { att_cli_print(cli, "\"%s\": ", key); }

static void write_number(att_cli *cli, const char *key, double number) {
  char text[32];
  att_cli_print(cli, "\"%s\": %s", key, att_cli_number(number, text));
}

static void write_tokens(att_cli *cli, att_model *model, const char *key, const int32_t *tokens, size_t count) {
  write_key(cli, key);
  att_cli_write_tokens(cli, model, tokens, count);
}

static void write_integers(att_cli *cli, const char *key, const int32_t *numbers, size_t count) {
  write_key(cli, key);
  att_cli_write_integers(cli, numbers, count);
}

static void write_hypothesis(att_cli *cli, att_model *model, const att_hypothesis *one) {
  write_key(cli, "text");
  att_cli_write_json(cli, one->text, one->text_size);
  att_cli_print(cli, ", ");
  write_number(cli, "score", one->score);
  att_cli_print(cli, ", ");
  write_number(cli, "logprob", one->logprob);
  att_cli_print(cli, ", ");
  write_tokens(cli, model, "tokens", one->tokens, one->token_count);
  att_cli_print(cli, ", ");
  write_integers(cli, "ids", one->tokens, one->token_count);
  if (one->alignment || one->token_count == 0) {
    att_cli_print(cli, ", ");
    write_integers(cli, "alignment", one->alignment, one->token_count);
  }
}

static void write_json(translate_run *run, const att_translation *given) {
  static const att_hypothesis nothing = {.text = ""};
  att_cli *cli = run->cli;
  att_cli_print(cli, "{\"line\": %zu, ", run->first + given->line + 1);
  if (run->lists) {
    write_key(cli, "hypotheses");
    att_cli_print(cli, "[");
    for (size_t i = 0; i < given->count; i++) {
      att_cli_print(cli, i ? ", {" : "{");
      write_hypothesis(cli, run->model, given->hypotheses[i]);
      att_cli_print(cli, "}");
    }
    att_cli_print(cli, "]");
  } else {
    write_hypothesis(cli, run->model, given->count ? given->hypotheses[0] : &nothing);
  }
  att_cli_print(cli, ", ");
  write_tokens(cli, run->model, "source_tokens", given->source_tokens, given->source_count);
  att_cli_print(cli, ", \"truncated\": %s}\n", given->truncated ? "true" : "false");
}

/* ---- lines ---- */

static void write_lists(translate_run *run, const att_translation *given) {
  for (size_t i = 0; i < given->count; i++) {
    const att_hypothesis *one = given->hypotheses[i];
    char number[32];
    att_cli_print(run->cli, "%zu ||| ", run->first + given->line);
    att_cli_write_line_text(run->cli, one->text, one->text_size);
    att_cli_print(run->cli, " ||| %s\n", att_cli_number(one->score, number));
  }
}

static int on_translation(void *user, const att_translation *given) {
  translate_run *run = user;
  if (run->options->json) {
    write_json(run, given);
  } else if (run->lists) {
    write_lists(run, given);
  } else {
    if (given->count) att_cli_write_line_text(run->cli, given->hypotheses[0]->text, given->hypotheses[0]->text_size);
    att_cli_write(run->cli, "\n", 1);
  }
  return !att_cli_flush(run->cli);
}

static int translate_lines(translate_run *run, att_cli_input *input) {
  const att_text *lines;
  size_t count;
  for (;;) {
    int status = att_cli_input_next(input, &lines, &count, &run->first);
    if (status || count == 0) return status;
    run->options->decode.first_line = run->first;
    att_status done = att_translate(run->model, lines, count, &run->options->decode, on_translation, run);
    if (done != ATT_OK) return att_cli_failed(run->cli, done);
  }
}

/* ---- the options over the model's defaults ---- */

static int check_sampling(att_cli *cli, translate_options *o) {
  att_decode_options *decode = &o->decode;
  const char *given = att_cli_sampling_given(cli);
  if (decode->beam > 1 && att_cli_given(cli, "beam") && !att_cli_given(cli, "temperature")) decode->temperature = 0;
  if (given && decode->temperature <= 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for sampling: give --temperature above 0 too", given);
  if (decode->temperature <= 0) return 0;
  if (att_cli_given(cli, "beam") && decode->beam > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--temperature is for sampling, which takes --beam 1");
  if (att_cli_given(cli, "nbest"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--nbest is for beam search; sampling takes --samples");
  decode->beam = 1;
  decode->nbest = o->samples ? o->samples : 1;
  return 0;
}

static int settle(att_cli *cli, att_model *model, translate_options *o) {
  att_decode_options_default(model, &o->decode);
  o->decode.nbest = 1; /* a line for a line, whatever num_return_sequences the folder has */
  int status = att_cli_parse(cli, o);
  if (status) return status;
  att_decode_options *decode = &o->decode;
  if (o->max_tokens && o->max_tokens < decode->max_length) decode->max_length = o->max_tokens;
  status = att_cli_check_lengths(cli, decode->min_tokens, decode->max_length);
  if (status) return status;
  if (att_cli_given(cli, "seed")) decode->seed = o->common.seed;
  decode->alignment = o->json;
  if (o->stop.count) {
    decode->stop = o->stop.items;
    decode->stop_count = (size_t)o->stop.count;
  }
  status = check_sampling(cli, o);
  if (status || decode->nbest <= decode->beam || decode->temperature > 0) return status;
  if (att_cli_given(cli, "beam"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--nbest %d needs --beam %d or more", decode->nbest, decode->nbest);
  decode->beam = decode->nbest;
  return 0;
}

static int run(att_cli *cli) {
  translate_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  att_cli_input *input = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_TRANSLATE, &model);
  if (!status) status = settle(cli, model, &o);
  if (!status) status = att_cli_input_open(cli, o.file, &input);
  if (!status) {
    translate_run work = {.cli = cli,
                          .options = &o,
                          .model = model,
                          .lists = att_cli_given(cli, "nbest") || att_cli_given(cli, "samples")};
    status = translate_lines(&work, input);
  }
  att_cli_input_close(input);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_translate = {
    .name = "translate",
    .arguments = "MODEL [TEXT]",
    .summary = "translate lines of text",
    .about =
        "Translates TEXT, or the lines of --file or standard input, a line for a line. What a pipe or a person types "
        "is answered line by line. A line too long for the model is truncated, with a warning.",
    .example = "attend translate de-en \"Ein Hund läuft durch den Schnee.\"\n"
               "attend translate de-en < in.de > out.en\n"
               "attend translate de-en --file in.de --beam 8 --nbest 3",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
