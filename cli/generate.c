/* Owns `attend generate`: a prompt and its continuation, as it comes. */
#include "generation.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct generate_options {
  att_cli_common common;
  att_generate_options generate;
  att_cli_texts stop;
  att_cli_grammar grammar;
  const char *file, *prompt_file, *system, *draft;
  bool chat, no_prompt, json;
} generate_options;

#define AT(member) offsetof(generate_options, member)
#define IN(member) offsetof(generate_options, generate.member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),
    {.name = "prompt-file", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(prompt_file),
     .help = "continue all of FILE (plain text or .gz), but for one line end at its end"},

    {.group = "Text", .name = "max-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 1 << 30,
     .offset = IN(max_tokens), .help = "the most new tokens, also beyond the model's context; 0: until that is full",
     .initial = "the model's, else 256"},
    {.name = "stop", .kind = ATT_CLI_TEXTS, .value = "TEXT", .offset = AT(stop),
     .help = "end before this text; may be given several times", .initial = "the model's"},
    {.name = "ignore-end", .kind = ATT_CLI_FLAG, .offset = IN(ignore_end), .help = "go on beyond the model's end token"},
    {.name = "chat", .kind = ATT_CLI_FLAG, .offset = AT(chat),
     .help = "the prompt is a message to a chat model, whose chat template makes of it what the model reads; the answer "
             "is printed alone"},
    {.name = "system", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = AT(system),
     .help = "with --chat: what the model is told before the message"},

    ATT_CLI_GRAMMAR(AT),
    ATT_CLI_REPETITION(IN),
    ATT_CLI_PENALTIES(IN),

    ATT_CLI_SAMPLING(IN),
    {.name = "samples", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(samples),
     .help = "continuations of each prompt; --- separates them"},

    {.group = "Speed and memory", .name = "draft", .kind = ATT_CLI_TEXT, .value = "lookup|none|MODEL",
     .offset = AT(draft),
     .help = "guess the next tokens by what followed the last ones before, not at all, or by a smaller MODEL with the "
             "same vocabulary; the output is the same", .initial = "lookup"},
    {.name = "draft-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 15, .offset = IN(draft_tokens),
     .help = "guesses at a time; 0: as many as pay", .initial = "0"},
    {.name = "cache-type", .kind = ATT_CLI_CHOICE, .value = "f32|f16|q8_0", .offset = IN(cache_type),
     .help = "how keys and values are kept: 4, 2 or about 1 byte each", .initial = "f16"},
    {.name = "save-cache", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(save_cache),
     .help = "keep what the model made of the prompt in FILE"},
    {.name = "load-cache", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(load_cache),
     .help = "do not read again what the prompt begins with like that of FILE"},

    {.group = "Output", .name = "no-prompt", .kind = ATT_CLI_FLAG, .offset = AT(no_prompt),
     .help = "print what is new alone"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a sample, as they end: line (of the prompt, from 1), sample (from 0), prompt, text, tokens, "
             "ids, finish (end, stop, length or context), logprob, prompt_tokens"},
    {.name = NULL}};
/* clang-format on */

/* What a sample has given so far. */
typedef struct sample_text {
  char *data;
  size_t size, capacity, written;
  bool ended;
} sample_text;

typedef struct generate_run {
  att_cli *cli;
  generate_options *options;
  att_model *model, *draft;
  att_cli_progress progress;
  att_text prompt;
  size_t line; /* of the prompt, from 0 */
  sample_text samples[64];
  int current;  /* the sample that is being written; those after it wait */
  bool between; /* something stands before the next block */
  bool open;    /* a block's line has not ended */
  bool no_memory;
  int full; /* samples that ended for want of positions */
  int64_t context;
} generate_run;

static bool keep_text(sample_text *s, const char *data, size_t size) {
  if (size > s->capacity - s->size) {
    size_t capacity = 2 * (s->size + size) + 256;
    char *grown = realloc(s->data, capacity);
    if (!grown) return false;
    s->data = grown;
    s->capacity = capacity;
  }
  if (size) memcpy(s->data + s->size, data, size);
  s->size += size;
  return true;
}

static void begin_block(generate_run *run) {
  if (run->between) att_cli_print(run->cli, "---\n");
  run->between = run->open = true;
  if (!run->options->no_prompt && !run->options->chat) att_cli_write(run->cli, run->prompt.data, run->prompt.size);
}

static void end_block(generate_run *run) {
  if (run->open) att_cli_print(run->cli, "\n");
  run->open = false;
}

/* The chat template's prompt of one message, or the prompt as it is; to be released where it is the former. */
static att_status make_prompt(generate_run *run, att_text message, att_text *prompt, char **made) {
  const generate_options *o = run->options;
  att_chat_message messages[2];
  size_t count = 0;
  *made = NULL;
  *prompt = message;
  if (!o->chat) return ATT_OK;
  if (o->system) messages[count++] = (att_chat_message){{"system", 6}, {o->system, strlen(o->system)}};
  messages[count++] = (att_chat_message){{"user", 4}, message};
  att_status status = att_chat_prompt(run->model, messages, count, (att_text){NULL, 0}, made, &prompt->size);
  prompt->data = *made;
  return status;
}

/* Writes what is there of the current sample, and goes on to the next where it has ended. */
static void write_samples(generate_run *run) {
  while (run->current < run->options->generate.samples) {
    sample_text *s = &run->samples[run->current];
    if (!run->open) begin_block(run);
    att_cli_write(run->cli, s->data ? s->data + s->written : "", s->size - s->written);
    s->written = s->size;
    if (!s->ended) return;
    end_block(run);
    run->current++;
  }
}

static void write_json(generate_run *run, const att_piece_of_text *piece, const sample_text *s) {
  static const char *const finishes[] = {"", "end", "stop", "length", "context"};
  att_cli *cli = run->cli;
  char number[32];
  att_cli_print(cli, "{\"line\": %zu, \"sample\": %d, ", run->line + 1, piece->sample);
  if (!run->options->no_prompt) {
    att_cli_print(cli, "\"prompt\": ");
    att_cli_write_json(cli, run->prompt.data, run->prompt.size);
    att_cli_print(cli, ", ");
  }
  att_cli_print(cli, "\"text\": ");
  att_cli_write_json(cli, s->data ? s->data : "", s->size);
  att_cli_print(cli, ", \"tokens\": ");
  att_cli_write_tokens(cli, run->model, piece->tokens, piece->token_count);
  att_cli_print(cli, ", \"ids\": ");
  att_cli_write_integers(cli, piece->tokens, piece->token_count);
  att_cli_print(cli, ", \"finish\": \"%s\", \"logprob\": %s, \"prompt_tokens\": %zu}\n", finishes[piece->finish],
                att_cli_number(piece->logprob, number), piece->prompt_tokens);
}

static int on_piece(void *user, const att_piece_of_text *piece) {
  generate_run *run = user;
  sample_text *s = &run->samples[piece->sample];
  run->no_memory = !keep_text(s, piece->text, piece->size);
  if (run->no_memory) return 1;
  s->ended = piece->finish != ATT_RUNNING;
  run->full += piece->finish == ATT_FINISH_CONTEXT;
  if (!run->options->json) write_samples(run);
  if (run->options->json && s->ended) write_json(run, piece, s);
  return !att_cli_flush(run->cli);
}

/* Long prompts have a bar, where there is a terminal. */
static void on_prompt(void *user, size_t read, size_t tokens) {
  generate_run *run = user;
  bool over = read + 1 >= tokens;
  if (!run->progress.bar || tokens < 1024) return;
  const att_progress event = {
      .kind = ATT_PROGRESS_WORK, .text = "reading the prompt", .done = (double)read / (double)tokens};
  if (over) att_cli_progress_clear(&run->progress);
  if (!over) att_cli_on_progress(&run->progress, &event);
}

static int go_on(generate_run *run, att_text given, size_t line) {
  att_cli *cli = run->cli;
  att_text prompt;
  char *made;
  run->prompt = given;
  run->line = run->options->generate.prompt_number = line;
  run->current = run->full = 0;
  for (int i = 0; i < run->options->generate.samples; i++) {
    run->samples[i].size = run->samples[i].written = 0;
    run->samples[i].ended = false;
  }
  att_status done = make_prompt(run, given, &prompt, &made);
  if (!done) done = att_generate(run->model, prompt, &run->options->generate, on_piece, run);
  att_release(cli->ctx, made);
  end_block(run);
  att_cli_flush(cli);
  if (run->full && !cli->common.quiet && !run->options->json)
    att_cli_fail(cli, 0, "stopped: the context of %lld tokens is full", (long long)run->context);
  if (run->no_memory) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory for the text");
  return att_cli_failed(cli, done);
}

/* ---- where prompts come from ---- */

static int go_on_from_file(generate_run *run) {
  char *text;
  size_t size;
  att_cli *cli = run->cli;
  int status = att_cli_failed(cli, att_read_text(cli->ctx, run->options->prompt_file, &text, &size));
  if (status) return status;
  if (size > 0 && text[size - 1] == '\n') size--;
  if (size > 0 && text[size - 1] == '\r') size--;
  status = go_on(run, (att_text){text, size}, 0);
  att_release(cli->ctx, text);
  return status;
}

static int go_on_from_lines(generate_run *run) {
  att_cli_input *input = NULL;
  const att_text *lines;
  size_t count = 1, first;
  int status = att_cli_input_open(run->cli, run->options->file, &input);
  while (!status && count) {
    status = att_cli_input_next(input, &lines, &count, &first);
    for (size_t i = 0; i < count && !status; i++) status = go_on(run, lines[i], first + i);
  }
  att_cli_input_close(input);
  return status;
}

/* ---- the options over the model's defaults ---- */

static int open_draft(generate_run *run) {
  generate_options *o = run->options;
  bool lookup = !o->draft || strcmp(o->draft, "lookup") == 0, none = o->draft && strcmp(o->draft, "none") == 0;
  o->generate.no_lookup = none;
  if (lookup || none) return 0;
  int status = att_cli_failed(run->cli, att_model_open(run->cli->ctx, o->draft, &run->draft));
  o->generate.draft = run->draft;
  return status;
}

static int settle(att_cli *cli, att_model *model, generate_options *o) {
  att_generate_options *generate = &o->generate;
  att_generate_options_default(model, generate);
  int status = att_cli_parse(cli, o);
  if (status) return status;
  if (o->stop.count) {
    generate->stop = o->stop.items;
    generate->stop_count = (size_t)o->stop.count;
  }
  if (att_cli_given(cli, "max-tokens")) generate->max_length = 0; /* the folder's: of prompt and output together */
  if (att_cli_given(cli, "min-tokens")) generate->min_length = 0;
  int most = generate->max_tokens ? generate->max_tokens : generate->max_length - 1; /* of which the prompt has one */
  status = att_cli_check_lengths(cli, generate->min_tokens, most);
  if (status) return status;
  if (att_cli_given(cli, "seed")) generate->seed = o->common.seed;
  const char *given = att_cli_sampling_given(cli);
  if (given && generate->temperature <= 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for sampling: give --temperature above 0 too", given);
  generate->no_special_tokens = o->chat; /* the template writes them */
  if (o->system && !o->chat) return att_cli_fail(cli, ATT_CLI_MISUSED, "--system is for --chat");
  if (generate->save_cache && !o->prompt_file && cli->word_count == 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED,
                        "--save-cache is for one prompt: give it after the model or --prompt-file");
  generate->slide = true;
  status = att_cli_read_grammar(cli, &o->grammar, generate);
  if (status) return status;
  if (o->prompt_file && (cli->word_count > 1 || o->file))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--prompt-file and %s exclude each other",
                        o->file ? "--file" : "a prompt after the model");
  return 0;
}

static int run(att_cli *cli) {
  generate_options *o = calloc(1, sizeof *o);
  generate_run *work = calloc(1, sizeof *work);
  att_model *model = NULL;
  const att_model_info *info;
  int status = o && work ? att_cli_parse(cli, o) : att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_GENERATE, &model);
  if (!status) status = settle(cli, model, o);
  if (!status) status = att_cli_failed(cli, att_model_describe(model, &info));
  if (!status) {
    work->cli = cli;
    work->options = o;
    work->model = model;
    work->context = info->context;
    o->generate.on_prompt = on_prompt;
    o->generate.on_prompt_user = work;
    att_cli_progress_start(&work->progress, cli);
    status = open_draft(work);
  }
  if (!status) status = (o->prompt_file ? go_on_from_file : go_on_from_lines)(work);
  if (work) att_model_close(work->draft);
  for (int i = 0; work && i < 64; i++) free(work->samples[i].data);
  free(work);
  if (o) att_release(cli->ctx, o->grammar.text);
  free(o);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_generate = {
    .name = "generate",
    .arguments = "MODEL [PROMPT]",
    .summary = "continue a prompt",
    .about =
        "Writes PROMPT and how the model continues it, as it comes; without PROMPT, of the lines of --file or "
        "standard input each is continued separately; --- separates them. Where the model's context is full, it "
        "goes on with the last half of it, which is said once. An empty prompt begins with the model's start token. "
        "The same seed gives the same text.",
    .example = "attend generate model \"Once upon a time\"\n"
               "attend generate model \"ROMEO:\" --temperature 0.8 --samples 3 --stop \"JULIET:\"\n"
               "attend generate model --chat \"What is the capital of France?\"",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
