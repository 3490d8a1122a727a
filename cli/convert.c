/* Owns `attend convert`: a model folder written anew with another type of weights. */
#include "options.h"

#include <string.h>

typedef struct convert_options {
  att_cli_common common;
  const char *out;
  int type;
} convert_options;

#define AT(member) offsetof(convert_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Output", .name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "DIR", .offset = AT(out),
     .help = "the folder to write; absent or empty"},
    {.name = "type", .kind = ATT_CLI_CHOICE, .value = "f16|f32", .offset = AT(type),
     .help = "of the weights in the file: half a float's size, or whole", .initial = "f16"},
    {.name = NULL}};
/* clang-format on */

static int run(att_cli *cli) {
  convert_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status && !o.out) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--out is missing: the folder to write");
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = att_cli_failed(cli, att_model_save(model, o.out, o.type == 0));
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_convert = {
    .name = "convert",
    .arguments = "MODEL --out DIR",
    .summary = "a model folder with weights of another type",
    .about =
        "Writes MODEL's folder anew with its weights as float16, which halves the file, or as float32. The model is "
        "opened with its own checks, and what is written opens wherever MODEL did.",
    .example = "attend convert de-en --out de-en-half",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
