/* Owns `attend fill`: the likeliest words behind the masks of a text. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fill_options {
  att_cli_common common;
  const char *file;
  int top;
  bool json;
} fill_options;

#define AT(member) offsetof(fill_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),

    {.group = "Output", .name = "top", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1000, .offset = AT(top),
     .help = "words for each mask", .initial = "5"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a text: line (from 1), masks: a list for each, of token, id, probability, text"},
    {.name = NULL}};
/* clang-format on */

static void write_rows(att_cli *cli, const att_filling **fillings, size_t count) {
  char number[32];
  for (size_t i = 0; i < count; i++) {
    att_cli_write_line_text(cli, fillings[i]->token, fillings[i]->token_size);
    att_cli_print(cli, "\t%s\t", att_cli_number(fillings[i]->probability, number));
    att_cli_write_line_text(cli, fillings[i]->line, fillings[i]->line_size);
    att_cli_print(cli, "\n");
  }
}

static void write_json(att_cli *cli, size_t line, const att_filling **fillings, size_t masks, size_t per_mask) {
  char number[32];
  att_cli_print(cli, "{\"line\": %zu, \"masks\": [", line);
  for (size_t i = 0; i < masks * per_mask; i++) {
    const att_filling *one = fillings[i];
    att_cli_print(cli, "%s{\"token\": ", i % per_mask ? ", " : i ? "], [" : "[");
    att_cli_write_json(cli, one->token, one->token_size);
    att_cli_print(cli, ", \"id\": %d, \"probability\": %s, \"text\": ", (int)one->id,
                  att_cli_number(one->probability, number));
    att_cli_write_json(cli, one->line, one->line_size);
    att_cli_print(cli, "}");
  }
  att_cli_print(cli, "]]}\n");
}

/* line: from 1. only: there is no other. */
static int fill(att_cli *cli, att_model *model, const fill_options *o, att_text text, size_t line, bool only) {
  const att_filling **fillings;
  size_t masks, per_mask;
  att_status done = att_fill(model, text, (size_t)o->top, &fillings, &masks, &per_mask);
  if (done == ATT_ARGUMENT && !only)
    return att_cli_fail(cli, ATT_CLI_FAILED, "line %zu: %s", line, att_message(cli->ctx));
  if (done != ATT_OK) return att_cli_failed(cli, done);
  if (o->json)
    write_json(cli, line, fillings, masks, per_mask);
  else
    write_rows(cli, fillings, masks * per_mask);
  att_release(cli->ctx, fillings);
  return att_cli_flush(cli) ? 0 : ATT_CLI_FAILED;
}

static int fill_lines(att_cli *cli, att_model *model, const fill_options *o) {
  att_cli_input *input = NULL;
  const att_text *lines;
  size_t count = 1, first;
  int status = att_cli_input_open(cli, o->file, &input);
  while (!status && count) {
    status = att_cli_input_next(input, &lines, &count, &first);
    for (size_t i = 0; !status && i < count; i++)
      status = fill(cli, model, o, lines[i], first + i + 1, att_cli_input_is_words(input));
  }
  att_cli_input_close(input);
  return status;
}

static int run(att_cli *cli) {
  fill_options o;
  memset(&o, 0, sizeof o);
  o.top = 5;
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_FILL, &model);
  if (!status) status = fill_lines(cli, model, &o);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_fill = {
    .name = "fill",
    .arguments = "MODEL [TEXT]",
    .summary = "the likeliest words behind a mask",
    .about = "Reads TEXT, or the lines of --file or standard input, with the model's mask token in it ([MASK], of some "
             "<mask>), and "
             "writes the likeliest tokens in its place, best first: the token, its probability over the whole "
             "vocabulary and the text with it, tabs between. Of several masks each is filled alone, in their order.",
    .example = "attend fill bert \"The man [MASK] the ball.\"",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
