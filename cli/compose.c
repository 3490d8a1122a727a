/* Owns `attend compose`: a tune from a model of tunes' words or of piano rolls, begun by it or by a file. */
#include "options.h"
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef struct compose_options {
  att_cli_common common;
  const char *out, *prompt;
  int bars, frames;
  double temperature, top_p, tempo, seconds;
} compose_options;

#define AT(member) offsetof(compose_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Output", .name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(out),
     .help = "the tune: .mid or .abc, of piano rolls .json too; there, it is written over"},

    {.group = "Tune", .name = "bars", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 10000, .offset = AT(bars),
     .help = "bars to write, beyond those of the prompt; fewer where the model ends the tune", .initial = "16"},
    {.name = "seconds", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0.1, .high = 36000, .offset = AT(seconds),
     .help = "instead of bars: seconds to write, and on to the end of the bar"},
    {.name = "prompt", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(prompt),
     .help = "a tune (.mid or .abc; for piano rolls .json, too) to go on from"},
    {.name = "temperature", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 100, .offset = AT(temperature),
     .help = "above 1 bolder, below 1 more as learned; 0: always the likeliest", .initial = "1"},
    {.name = "top-p", .kind = ATT_CLI_NUMBER, .value = "X", .low = 1e-9, .high = 1, .offset = AT(top_p),
     .help = "draw from the likeliest words that have this probability together; of a piano roll's key, whether it "
             "sounds or not, the likelier alone where it has it", .initial = "0.98"},

    {.group = "Piano rolls", .name = "frames", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 480,
     .offset = AT(frames), .help = "frames of a quarter note", .initial = "1"},
    {.name = "tempo", .kind = ATT_CLI_NUMBER, .value = "X", .low = 4, .high = 1000, .offset = AT(tempo),
     .help = "quarter notes a minute", .initial = "100"},
    {.name = NULL}};
/* clang-format on */

typedef struct compose_run {
  att_cli *cli;
  const compose_options *options;
  char *words;
  size_t size, capacity;
  int bars, begun;
  double until; /* seconds; 0: bars count */
  int words_of_bar;
  bool full, no_memory, endless;
} compose_run;

#define MOST_WORDS_OF_A_BAR 2000 /* about 500 notes: a model that repeats itself never ends one */

static bool keep(compose_run *run, const char *data, size_t size) {
  if (run->size + size + 1 > run->capacity) {
    size_t capacity = 2 * (run->size + size) + 4096;
    char *grown = realloc(run->words, capacity);
    if (!grown) return false;
    run->words = grown;
    run->capacity = capacity;
  }
  memcpy(run->words + run->size, data, size);
  run->size += size;
  run->words[run->size] = '\0';
  return true;
}

/* Bars that are begun in what has come. */
static int count_bars(const char *words) {
  int count = 0;
  for (const char *at = words; (at = strstr(at, "bar")); at += 3)
    count += (at == words || at[-1] == ' ') && (at[3] == ' ' || at[3] == '\0');
  return count;
}

static int on_piece(void *user, const att_piece_of_text *piece) {
  compose_run *run = user;
  if (piece->size && !keep(run, piece->text, piece->size)) {
    run->no_memory = true;
    return 1;
  }
  int begun = run->words ? count_bars(run->words) : 0;
  if (run->until > 0 && begun > run->begun) {
    double seconds;
    if (att_tune_last_bar(run->cli->ctx, run->words, run->size, &seconds) != ATT_OK) run->no_memory = true;
    run->full = run->no_memory || seconds >= run->until;
  } else if (run->until <= 0) {
    run->full = begun > run->bars;
  }
  run->words_of_bar = begun > run->begun ? 0 : run->words_of_bar + 1;
  run->begun = begun;
  run->endless = run->words_of_bar > MOST_WORDS_OF_A_BAR;
  return run->full || run->endless;
}

/* The bar that was begun last is not whole. */
static void drop_last_bar(compose_run *run) {
  char *last = NULL;
  for (char *at = run->words; (at = strstr(at, " bar")); at += 4) last = at;
  if (!last || !(run->full || run->endless)) return;
  *last = '\0';
  run->size = (size_t)(last - run->words);
}

static int write_tune(compose_run *run) {
  att_cli *cli = run->cli;
  if (run->no_memory) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  drop_last_bar(run);
  att_status done = att_tune_write(cli->ctx, run->words ? run->words : "", run->size, run->options->out);
  return att_cli_failed(cli, done);
}

static int compose(compose_run *run, att_model *model) {
  att_cli *cli = run->cli;
  const compose_options *o = run->options;
  att_generate_options g;
  char *prompt = NULL;
  size_t size = 0;
  int status = o->prompt ? att_cli_failed(cli, att_tune_read(cli->ctx, o->prompt, &prompt, &size)) : 0;
  if (status) return status;
  att_generate_options_default(model, &g);
  g.max_tokens = 1 << 20;
  g.slide = true;
  g.no_lookup = true;
  g.temperature = o->temperature;
  g.top_p = o->top_p;
  g.top_k = 0;
  g.seed = o->common.seed;
  run->bars = o->bars;
  run->until = o->seconds;
  if (size && o->seconds > 0) {
    double given = 0;
    status = att_cli_failed(cli, att_tune_last_bar(cli->ctx, prompt, size, &given));
    run->until += given;
  }
  if (size) {
    run->bars += count_bars(prompt);
    if (!keep(run, prompt, size) || !keep(run, " ", 1)) run->no_memory = true;
  }
  att_status done = status ? ATT_OK : att_generate(model, (att_text){prompt ? prompt : "", size}, &g, on_piece, run);
  att_release(cli->ctx, prompt);
  if (status) return status;
  if (run->endless)
    att_cli_warn(
        cli,
        "the model does not come to the end of bar %d: what stands before it is written; a higher --temperature, "
        "or more training, helps",
        run->begun > 0 ? run->begun : 1);
  if (done != ATT_OK && !(run->full || run->no_memory || run->endless)) return att_cli_failed(cli, done);
  return write_tune(run);
}

/* Said before the work, not after it: what --out names can be a tune, in a folder that takes it. */
static int check_out(att_cli *cli, const char *out) {
  static const char *const ends[] = {".mid", ".midi", ".abc", ".json"};
  const char *end = out ? strrchr(out, '.') : NULL, *slash = out ? strrchr(out, '/') : NULL;
  bool known = false;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) known |= end && strcasecmp(end, ends[i]) == 0;
  if (!out) return att_cli_fail(cli, ATT_CLI_MISUSED, "--out is missing: the tune's file, .mid, .abc or .json");
  if (!known) return att_cli_fail(cli, ATT_CLI_MISUSED, "--out: '%s': a tune is written as .mid, .abc or .json", out);
  char *folder = slash ? strndup(out, (size_t)(slash - out) + 1) : strdup("./");
  int status = folder ? 0 : att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  if (folder && access(folder, W_OK) != 0)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "--out: %s: %s", out, strerror(errno));
  free(folder);
  return status;
}

/* A bar is four quarters. */
static int compose_roll(att_cli *cli, const compose_options *o, att_model *model) {
  att_roll_options r;
  att_roll_options_default(&r);
  if (o->frames) r.frames_per_quarter = o->frames;
  if (o->tempo > 0) r.tempo = o->tempo;
  double quarters = o->seconds > 0 ? o->seconds / 60 * r.tempo : 4.0 * o->bars;
  r.frames = (int64_t)ceil(quarters * (double)r.frames_per_quarter);
  r.prompt = o->prompt;
  r.temperature = o->temperature;
  r.top_p = o->top_p;
  r.seed = (uint64_t)o->common.seed;
  return att_cli_failed(cli, att_compose_roll(model, &r, o->out));
}

static int compose_any(compose_run *run, att_model *model) {
  const compose_options *o = run->options;
  if (att_check_verb(model, ATT_VERB_COMPOSE) == ATT_OK) return compose_roll(run->cli, o, model);
  if (o->frames || o->tempo > 0) {
    return att_cli_fail(run->cli, ATT_CLI_FAILED, "--%s is for a model of piano rolls, and this is none",
                        o->frames ? "frames" : "tempo");
  }
  int status = att_cli_failed(run->cli, att_check_verb(model, ATT_VERB_GENERATE));
  if (!status && strcasecmp(strrchr(o->out, '.'), ".json") == 0)
    status = att_cli_fail(run->cli, ATT_CLI_MISUSED,
                          "--out: '%s': .json is of piano rolls, and this model writes .mid or .abc", o->out);
  return status ? status : compose(run, model);
}

static int run(att_cli *cli) {
  compose_options o;
  memset(&o, 0, sizeof o);
  o.bars = 16;
  o.temperature = 1;
  o.top_p = 0.98;
  compose_run run = {.cli = cli, .options = &o};
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status) status = check_out(cli, o.out);
  if (!status && o.seconds > 0 && att_cli_given(cli, "bars"))
    status = att_cli_fail(cli, ATT_CLI_MISUSED, "give one of --bars and --seconds");
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = compose_any(&run, model);
  free(run.words);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_compose = {
    .name = "compose",
    .arguments = "MODEL --out FILE",
    .summary = "write a tune",
    .about = "Writes a tune with a model of `train music`, as a MIDI file or in ABC notation, with metre, tempo, "
             "instruments and velocities as the model says them; of piano rolls in 4/4, with a piano. With --prompt it "
             "goes on from a tune. The same --seed gives the same tune.",
    .example = "attend compose tunes -o tune.mid --bars 16 --seed 7\n"
               "attend compose tunes -o tune.abc --prompt beginning.mid",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
