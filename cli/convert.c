/* Owns `attend convert` and `attend quantize`: a model written anew, in another type or as another kind of file. */
#include "options.h"

#include <string.h>

typedef struct convert_options {
  att_cli_common common;
  const char *out, *type;
} convert_options;

#define AT(member) offsetof(convert_options, member)

/* clang-format off */
static const att_cli_option convert_list[] = {
    {.group = "Output", .name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "PATH", .offset = AT(out),
     .help = "the folder to write, absent or empty; or a new file whose name ends in .gguf"},
    {.name = "type", .kind = ATT_CLI_TEXT, .value = "float32|float16|bfloat16|...", .offset = AT(type),
     .help = "of the weights in the file; also the types of attend quantize",
     .initial = "half-precision weights as they came, else float16; of a .gguf as they came"},
    {.name = NULL}};
static const att_cli_option quantize_list[] = {
    {.group = "Output", .name = "type", .kind = ATT_CLI_TEXT, .value = "TYPE", .offset = AT(type),
     .help = "q8_0, q6_k, q5_k_m, q5_k_s, q4_k_m, q4_k_s, q3_k_l, q3_k_m, q3_k_s, q2_k, q2_k_s, q5_0, q5_1, q4_0, "
             "q4_1 or iq4_nl; or float32, float16, bfloat16",
     .initial = "q8_0"},
    {.name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "PATH", .offset = AT(out),
     .help = "the folder to write, absent or empty; or a new file whose name ends in .gguf"},
    {.name = NULL}};
/* clang-format on */

/* Half of what takes four bytes a number, where nothing else was said; a folder is for other programs too, which know
 * no quantized types in it. */
static const char *type_of(att_model *model, const convert_options *o) {
  const att_model_info *info;
  size_t size = strlen(o->out);
  if (o->type) return o->type;
  if (size > 5 && strcmp(o->out + size - 5, ".gguf") == 0) return NULL;
  if (att_model_describe(model, &info) != ATT_OK) return NULL;
  return strcmp(info->storage, "float16") == 0 || strcmp(info->storage, "bfloat16") == 0 ? NULL : "float16";
}

static int run(att_cli *cli) {
  convert_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  bool quantize = strcmp(cli->verb->name, "quantize") == 0;
  if (!status && !o.out) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--out is missing: the folder or file to write");
  if (quantize && !o.type) o.type = "q8_0";
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = att_cli_failed(cli, att_model_save(model, o.out, type_of(model, &o)));
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_convert = {
    .name = "convert",
    .arguments = "MODEL --out PATH",
    .summary = "a model as another kind of file, or with weights of another type",
    .about =
        "Writes MODEL, a folder or a .gguf, anew: as a folder of Hugging Face's, or as a .gguf, which llama.cpp and "
        "others "
        "read (of llama, qwen2, qwen3, gpt2 and bert models); with its weights in another type: float16 halves the "
        "file of a float32 "
        "model. The model is opened with its own checks, and what is written opens wherever MODEL did.",
    .example = "attend convert de-en --out de-en-half",
    .options = convert_list,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};

const att_cli_verb att_cli_quantize = {
    .name = "quantize",
    .arguments = "MODEL --out PATH",
    .summary = "a model with weights of 2 to 8 bits",
    .about = "Writes MODEL, a folder or a .gguf, with its matrices in blocks of 2 to 8 bits a number: a .gguf of "
             "llama, gpt2 "
             "and bert models, or, of every model, a folder with a model.gguf that attend alone opens. Types that end "
             "in _s, _m "
             "or _l are llama.cpp's mixtures, in which what matters most is finer; q4_k is q4_k_m. Rows that no block "
             "of the "
             "type fits get another type of about its size.",
    .example = "attend quantize story --type q4_k_m --out story.gguf",
    .options = quantize_list,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
