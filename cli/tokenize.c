/* Owns `attend tokenize`: text to pieces or ids, and ids to text. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct tokenize_options {
  att_cli_common common;
  const char *file;
  bool ids, decode, special, json;
} tokenize_options;

#define AT(member) offsetof(tokenize_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),

    {.group = "Output", .name = "ids", .kind = ATT_CLI_FLAG, .offset = AT(ids), .help = "token ids in place of "
                                                                                        "pieces"},
    {.name = "decode", .kind = ATT_CLI_FLAG, .offset = AT(decode),
     .help = "the way back: lines of ids to text, special tokens left out"},
    {.name = "special", .kind = ATT_CLI_FLAG, .offset = AT(special),
     .help = "with the special tokens that the model expects around a text"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json), .help = "one object a line: line (from 1), tokens, "
                                                                       "ids"},
    {.name = NULL}};
/* clang-format on */

static void write_pieces(att_cli *cli, att_model *model, bool as_ids, const int32_t *ids, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *piece = as_ids ? NULL : att_token(model, ids[i]);
    if (i) att_cli_write(cli, " ", 1);
    if (piece)
      att_cli_write_line_text(cli, piece, strlen(piece));
    else
      att_cli_print(cli, "%d", (int)ids[i]);
  }
  att_cli_print(cli, "\n");
}

static void write_json(att_cli *cli, att_model *model, size_t line, const int32_t *ids, size_t count) {
  att_cli_print(cli, "{\"line\": %zu, \"tokens\": [", line);
  for (size_t i = 0; i < count; i++) {
    const char *piece = att_token(model, ids[i]);
    if (i) att_cli_write(cli, ", ", 2);
    att_cli_write_json(cli, piece ? piece : "", piece ? strlen(piece) : 0);
  }
  att_cli_print(cli, "], \"ids\": [");
  for (size_t i = 0; i < count; i++) att_cli_print(cli, "%s%d", i ? ", " : "", (int)ids[i]);
  att_cli_print(cli, "]}\n");
}

static int encode_line(att_cli *cli, att_model *model, const tokenize_options *o, att_text text, size_t line) {
  int32_t *ids;
  size_t count;
  att_status status = att_tokenize(model, text, o->special, &ids, &count);
  if (status != ATT_OK) return att_cli_failed(cli, status);
  if (o->json)
    write_json(cli, model, line, ids, count);
  else
    write_pieces(cli, model, o->ids, ids, count);
  att_release(cli->ctx, ids);
  return 0;
}

/* Numbers with white space between; 0, or the exit status. ids: [text.size / 2 + 1]. */
static int read_ids(att_cli *cli, att_text text, size_t line, int32_t *ids, size_t *count) {
  const char *at = text.data, *end = text.data + text.size;
  for (*count = 0;; (*count)++) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
    if (at == end) return 0;
    const char *start = at;
    long long id = 0;
    for (; at < end && *at >= '0' && *at <= '9' && id <= INT32_MAX; at++) id = 10 * id + (*at - '0');
    if (at == start || id > INT32_MAX || (at < end && *at != ' ' && *at != '\t' && *at != '\r')) {
      int size = 0;
      while (start + size < end && start[size] != ' ' && size < 20) size++;
      return att_cli_fail(cli, ATT_CLI_FAILED, "line %zu: '%.*s' is not a token id", line, size, start);
    }
    ids[*count] = (int32_t)id;
  }
}

static int decode_line(att_cli *cli, att_model *model, att_text text, size_t line) {
  char *decoded;
  size_t count, size;
  int32_t *ids = malloc((text.size / 2 + 1) * sizeof *ids);
  if (!ids) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  int status = read_ids(cli, text, line, ids, &count);
  for (size_t i = 0; i < count && !status; i++)
    if (!att_token(model, ids[i]))
      status = att_cli_fail(cli, ATT_CLI_FAILED, "line %zu: the vocabulary has no token %d", line, (int)ids[i]);
  if (!status) status = att_cli_failed(cli, att_detokenize(model, ids, count, &decoded, &size));
  free(ids);
  if (status) return status;
  att_cli_write_line_text(cli, decoded, size);
  att_cli_print(cli, "\n");
  att_release(cli->ctx, decoded);
  return 0;
}

static int tokenize_lines(att_cli *cli, att_model *model, const tokenize_options *o, att_cli_input *input) {
  const att_text *lines;
  size_t count, first;
  for (;;) {
    int status = att_cli_input_next(input, &lines, &count, &first);
    if (status || count == 0) return status;
    for (size_t i = 0; i < count; i++) {
      status = o->decode ? decode_line(cli, model, lines[i], first + i + 1)
                         : encode_line(cli, model, o, lines[i], first + i + 1);
      if (status) return status;
    }
    if (!att_cli_flush(cli)) return ATT_CLI_FAILED;
  }
}

static int run(att_cli *cli) {
  tokenize_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  att_cli_input *input = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status && o.decode && (o.ids || o.special || o.json))
    status = att_cli_fail(cli, ATT_CLI_MISUSED, "--decode gives text: --ids, --special and --json do not go with it");
  if (!status && o.ids && o.json) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--json holds the ids: leave out --ids");
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = att_cli_input_open(cli, o.file, &input);
  if (!status) status = tokenize_lines(cli, model, &o, input);
  att_cli_input_close(input);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_tokenize = {
    .name = "tokenize",
    .arguments = "MODEL [TEXT]",
    .summary = "text to a model's pieces or ids, and back",
    .about = "Writes for TEXT, or each line of --file or standard input, the pieces that the model sees, with "
             "spaces between.",
    .example = "attend tokenize de-en \"Ein Hund.\"\n"
               "attend tokenize de-en --ids < in.de | attend tokenize de-en --decode",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
