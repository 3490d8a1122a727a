/* Owns `attend convert` and `attend quantize`: a model written anew, in another type or as another kind of file. */
#include "options.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct convert_options {
  att_cli_common common;
  const char *out, *type, *calibrate;
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
    {.name = "calibrate", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(calibrate),
     .help = "of a decoder: heed what this text, plain or .gz, multiplies the weights with; its last tenth says what that "
             "gains in perplexity"},
    {.name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "PATH", .offset = AT(out),
     .help = "the folder to write, absent or empty; or a new file whose name ends in .gguf"},
    {.name = NULL}};
/* clang-format on */

static bool is_file(const char *out) {
  size_t size = strlen(out);
  return size > 5 && strcmp(out + size - 5, ".gguf") == 0;
}

/* Half of what takes four bytes a number, where nothing else was said; a folder is for other programs too, which know
 * no quantized types in it. */
static const char *type_of(att_model *model, const convert_options *o) {
  const att_model_info *info;
  if (o->type) return o->type;
  if (is_file(o->out)) return NULL;
  if (att_model_describe(model, &info) != ATT_OK) return NULL;
  return strcmp(info->storage, "float16") == 0 || strcmp(info->storage, "bfloat16") == 0 ? NULL : "float16";
}

/* ---- calibrating ---- */

typedef struct calibration {
  att_cli *cli;
  att_model *model;
  const convert_options *options;
  att_text learned, held_out; /* the text but for its last tenth, and that */
  double perplexity[3];       /* of the last: the model's own, quantized, calibrated and quantized */
} calibration;

static int measure(const calibration *c, att_model *model, double *perplexity) {
  att_text_score score;
  int status = att_cli_failed(c->cli, att_score_text(model, c->held_out, 0, &score));
  if (!status) *perplexity = score.tokens ? exp(-score.logprob / (double)score.tokens) : 1;
  return status;
}

static int save_and_measure(const calibration *c, const char *path, double *perplexity) {
  att_model *saved = NULL;
  int status = att_cli_failed(c->cli, att_model_save(c->model, path, c->options->type));
  if (!status) status = att_cli_failed(c->cli, att_model_open(c->cli->ctx, path, &saved));
  if (!status) status = measure(c, saved, perplexity);
  att_model_close(saved);
  return status;
}

/* What save_and_measure wrote: a file, or a folder of files. */
static void remove_written(const char *path) {
  char name[4096];
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlink(name);
  }
  if (folder) closedir(folder);
  remove(path);
}

/* As the model would be quantized without the text: beside it, for as long as it is measured. */
static int measure_without(calibration *c) {
  const char *out = c->options->out;
  size_t size = strlen(out);
  char *path = malloc(size + 64);
  if (!path) return att_cli_fail(c->cli, ATT_CLI_FAILED, "no memory");
  while (size > 1 && out[size - 1] == '/') size--;
  snprintf(path, size + 64, "%.*s.uncalibrated-%ld%s", (int)size, out, (long)getpid(), is_file(out) ? ".gguf" : "");
  int status = save_and_measure(c, path, &c->perplexity[1]);
  remove_written(path);
  free(path);
  return status;
}

static int calibrate_all(calibration *c) {
  int status = measure(c, c->model, &c->perplexity[0]);
  if (!status) status = measure_without(c);
  if (!status) status = att_cli_failed(c->cli, att_model_calibrate(c->model, c->learned));
  if (!status) status = save_and_measure(c, c->options->out, &c->perplexity[2]);
  if (!status && !c->cli->common.quiet)
    fprintf(stderr, "perplexity of the last tenth of %s: %.4f before, %.4f quantized, %.4f calibrated\n",
            c->options->calibrate, c->perplexity[0], c->perplexity[1], c->perplexity[2]);
  return status;
}

static int quantize_calibrated(att_cli *cli, att_model *model, const convert_options *o) {
  calibration c = {.cli = cli, .model = model, .options = o};
  char *text;
  size_t size;
  int status = att_cli_failed(cli, att_check_verb(model, ATT_VERB_SCORE_TEXT));
  if (!status && is_file(o->out) && access(o->out, F_OK) == 0)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s: is there; name another file", o->out);
  if (status) return status;
  status = att_cli_failed(cli, att_read_text(cli->ctx, o->calibrate, &text, &size));
  if (status) return status;
  size_t cut = size - size / 10;
  while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) cut--; /* not within a character */
  c.learned = (att_text){text, cut};
  c.held_out = (att_text){text + cut, size - cut};
  if (size < 1000)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s: has %zu bytes, too few to calibrate by", o->calibrate, size);
  if (!status) status = calibrate_all(&c);
  att_release(cli->ctx, text);
  return status;
}

/* ---- the verbs ---- */

static int run(att_cli *cli) {
  convert_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  bool quantize = strcmp(cli->verb->name, "quantize") == 0;
  if (!status && !o.out) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--out is missing: the folder or file to write");
  if (quantize && !o.type) o.type = "q8_0";
  if (!status) status = att_cli_start(cli);
  bool tune = !status && !quantize && att_cli_is_tune(cli->words[0]);
  if (tune && o.type)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--type is for models, and %s is a tune", cli->words[0]);
  if (tune) return att_cli_failed(cli, att_tune_convert(cli->ctx, cli->words[0], o.out));
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status && o.calibrate)
    status = quantize_calibrated(cli, model, &o);
  else if (!status)
    status = att_cli_failed(cli, att_model_save(model, o.out, type_of(model, &o)));
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_convert = {
    .name = "convert",
    .arguments = "MODEL|TUNE --out PATH",
    .summary = "a model, or a tune, as another kind of file",
    .about =
        "Writes MODEL, a folder or a .gguf, anew: as a folder of Hugging Face's, or as a .gguf, which llama.cpp and "
        "others read (of Llama, Mistral, Qwen, Gemma, Phi-3, GPT-2 and BERT); with its weights in another type: "
        "float16 halves the file of a float32 model. The model is opened with its own checks, and what is written "
        "opens wherever MODEL did. TUNE, a .mid or an .abc, becomes a .mid or an .abc.",
    .example = "attend convert de-en --out de-en-half\n"
               "attend convert tune.abc --out tune.mid",
    .options = convert_list,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};

const att_cli_verb att_cli_quantize = {
    .name = "quantize",
    .arguments = "MODEL --out PATH",
    .summary = "a model with weights of 2 to 8 bits",
    .about = "Writes MODEL, a folder or a .gguf, with its matrices in blocks of 2 to 8 bits a number: a .gguf, as "
             "convert does, or, of every model, a folder with a model.gguf that attend alone opens. Types that end in "
             "_s, _m or _l are llama.cpp's mixtures, in which what matters most is finer; q4_k is q4_k_m. Rows that no "
             "block of the type fits get another type of about its size.",
    .example = "attend quantize story --type q4_k_m --out story.gguf\n"
               "attend quantize story --type q3_k_m --calibrate stories.txt --out small.gguf",
    .options = quantize_list,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
