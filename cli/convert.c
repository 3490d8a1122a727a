/* Owns `attend convert`: a model folder written anew with another type of weights. */
#include "options.h"

#include <string.h>

typedef struct convert_options {
  att_cli_common common;
  const char *out;
  int type; /* -1: as it came */
} convert_options;

#define AT(member) offsetof(convert_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Output", .name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "DIR", .offset = AT(out),
     .help = "the folder to write; absent or empty"},
    {.name = "type", .kind = ATT_CLI_CHOICE, .value = "float32|float16|bfloat16", .offset = AT(type),
     .help = "of the weights in the file", .initial = "float16 in place of float32, else as they came"},
    {.name = NULL}};
/* clang-format on */

/* Half of what takes four bytes a number, where nothing else was said. */
static const char *type_of(att_model *model, int type) {
  static const char *const types[] = {"float32", "float16", "bfloat16"};
  const att_model_info *info;
  if (type >= 0) return types[type];
  return att_model_describe(model, &info) == ATT_OK && strcmp(info->storage, types[0]) == 0 ? types[1] : NULL;
}

static int run(att_cli *cli) {
  convert_options o;
  memset(&o, 0, sizeof o);
  o.type = -1;
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status && !o.out) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--out is missing: the folder to write");
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = att_cli_failed(cli, att_model_save(model, o.out, type_of(model, o.type)));
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_convert = {
    .name = "convert",
    .arguments = "MODEL --out DIR",
    .summary = "a model folder with weights of another type",
    .about =
        "Writes MODEL's folder anew, with its weights in another type: float16 halves the file of a float32 model. The "
        "model is opened with its own checks, and what is written opens wherever MODEL did.",
    .example = "attend convert de-en --out de-en-half",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
