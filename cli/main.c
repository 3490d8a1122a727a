/* Owns the way from the first words to a verb: attend VERB ..., --help, --version, --man, --completion. */
#include "options.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
const att_cli_verb *const att_cli_verbs[] = {
    &att_cli_train_translation,
    &att_cli_train_summarization,
    &att_cli_train_lm,
    &att_cli_train_classifier,
    &att_cli_train_mlm,
    &att_cli_train_qa,
    &att_cli_train_forecast,
    &att_cli_train_music,
    &att_cli_train_speech,
    &att_cli_translate,
    &att_cli_summarize,
    &att_cli_generate,
    &att_cli_chat,
    &att_cli_score,
    &att_cli_bleu,
    &att_cli_rouge,
    &att_cli_squad,
    &att_cli_wer,
    &att_cli_classify,
    &att_cli_embed,
    &att_cli_rank,
    &att_cli_fill,
    &att_cli_forecast,
    &att_cli_compose,
    &att_cli_answer,
    &att_cli_transcribe,
    &att_cli_tokenize,
    &att_cli_look,
    &att_cli_info,
    &att_cli_bench,
    &att_cli_serve,
    &att_cli_compare,
    &att_cli_convert,
    &att_cli_quantize,
    NULL};
/* clang-format on */
enum { MOST_NAMES = 32 };

static char **given_words; /* of main, as they came */

/* A closed standard stream would let a model's file take its number; these fail as closed ones do. */
static void hold_standard_streams(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) _exit(ATT_CLI_FAILED);
}

/* Words that `name` ("train translation") takes at the start of argv, or 0 where it is not there. */
static int words_of(const char *name, int argc, char **argv) {
  int taken = 0;
  for (; *name; taken++) {
    size_t size = strcspn(name, " ");
    if (taken >= argc || strlen(argv[taken]) != size || memcmp(argv[taken], name, size) != 0) return 0;
    name += size + (name[size] == ' ');
  }
  return taken;
}

static bool asks(int argc, char **argv, const char *name, const char *letter) {
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], name) == 0 || strcmp(argv[i], letter) == 0) return true;
  return false;
}

static int print_version(att_cli *cli) {
  att_cli_print(cli, "attend %s\n", att_version());
  return att_cli_close_output(cli, ATT_CLI_DONE);
}

/* Threads that wait for work spin for about a tenth of a millisecond, and sleep then. By default they spin for many
 * (libgomp about 15, libomp 200), which nobody notices who is alone; but two runs on the same cores then wait for each
 * other's spinning threads, and each takes five times as long. OpenMP reads this from the environment as it is loaded,
 * and has no call for it, so that the command starts once more, as the same process; the library leaves its host's
 * environment alone. Who has said how threads wait is obeyed. */
static void bound_spinning(void) {
  static const char *const said[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"};
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (getenv(said[i])) return;
  if (setenv("GOMP_SPINCOUNT", "2000", 1) != 0 || setenv("KMP_BLOCKTIME", "1", 1) != 0) return;
  execv("/proc/self/exe", given_words); /* where it cannot, threads wait as OpenMP has it */
}

static int run_verb(att_cli *cli, int argc, char **argv) {
  cli->argc = argc;
  cli->argv = argv;
  if (asks(argc, argv, "--help", "-h")) {
    att_cli_print_help(cli);
    return att_cli_close_output(cli, ATT_CLI_DONE);
  }
  if (asks(argc, argv, "--version", "-v")) return print_version(cli);
  bound_spinning();
  cli->words = calloc((size_t)argc + 1, sizeof *cli->words);
  cli->settings = calloc((size_t)argc + 1, sizeof *cli->settings);
  int status = cli->words && cli->settings ? cli->verb->run(cli) : att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  status = att_cli_close_output(cli, status);
  att_cli_end(cli);
  free(cli->words);
  free(cli->settings);
  return status;
}

/* The DIR of `attend train --resume DIR`, or NULL. */
static const char *resumed_folder(int argc, char **argv) {
  if (argc > 0 && strncmp(argv[0], "--resume=", 9) == 0) return argv[0] + 9;
  return argc > 1 && strcmp(argv[0], "--resume") == 0 && argv[1][0] != '-' ? argv[1] : NULL;
}

/* The run in the folder says which kind of training it is. */
static int find_run(att_cli *cli, const char *folder) {
  att_context *ctx;
  att_train_options *options = NULL;
  if (att_context_new(NULL, &ctx) != ATT_OK) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  int status = 0;
  if (att_train_options_resume(ctx, folder, &options) != ATT_OK)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s", att_message(ctx));
  for (const att_cli_verb *const *verb = att_cli_verbs; !status && *verb; verb++)
    if ((*verb)->library && strcmp((*verb)->library, att_train_options_task(options)) == 0) cli->verb = *verb;
  att_train_options_free(options);
  att_context_free(ctx);
  return status;
}

static int resume(att_cli *cli, const char *folder, int argc, char **argv) {
  static char flag[] = "--resume", out[] = "--out";
  int status = find_run(cli, folder), taken = argv[0][8] == '=' ? 1 : 2;
  char **words = calloc((size_t)argc + 4, sizeof *words), *name = strdup(folder);
  if (!status && (!words || !name)) status = att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  if (!status) {
    words[0] = flag, words[1] = out, words[2] = name;
    memcpy(words + 3, argv + taken, (size_t)(argc - taken) * sizeof *words);
    status = run_verb(cli, 3 + argc - taken, words);
  }
  free(words);
  free(name);
  return status;
}

/* `attend train` with nothing, or nothing known, after it. */
static int run_train(att_cli *cli, int argc, char **argv) {
  if (asks(argc, argv, "--help", "-h")) {
    att_cli_print(cli, "Usage: attend train WHAT [options]\n       attend train --resume DIR [options]\n\n");
    for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++)
      if (strncmp((*verb)->name, "train ", 6) == 0) att_cli_print(cli, "  %-20s %s\n", (*verb)->name, (*verb)->summary);
    return att_cli_close_output(cli, ATT_CLI_DONE);
  }
  const char *names[MOST_NAMES];
  char list[400] = "";
  size_t count = 0, used = 0;
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb && count < MOST_NAMES; verb++)
    if (strncmp((*verb)->name, "train ", 6) == 0) names[count++] = (*verb)->name + 6;
  for (size_t i = 0; i < count && used < sizeof list; i++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                             i == 0          ? ""
                             : i + 1 < count ? ", "
                                             : " or ",
                             names[i]);
  const char *folder = resumed_folder(argc, argv);
  if (folder) return resume(cli, folder, argc, argv);
  if (argc == 0 || argv[0][0] == '-')
    return att_cli_fail(cli, ATT_CLI_MISUSED, "say what to train: %s; or --resume DIR", list);
  const char *nearest = att_cli_nearest(argv[0], names, count);
  if (!nearest) return att_cli_fail(cli, ATT_CLI_MISUSED, "cannot train '%s': say %s", argv[0], list);
  return att_cli_fail(cli, ATT_CLI_MISUSED, "cannot train '%s'; did you mean attend train %s?", argv[0], nearest);
}

static int unknown_verb(att_cli *cli, const char *word) {
  const char *names[MOST_NAMES];
  size_t count = 0;
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb && count + 1 < MOST_NAMES; verb++)
    names[count++] = (*verb)->name;
  const char *nearest = att_cli_nearest(word, names, count);
  if (nearest) return att_cli_fail(cli, ATT_CLI_MISUSED, "unknown verb '%s'; did you mean %s?", word, nearest);
  return att_cli_fail(cli, ATT_CLI_MISUSED, "unknown verb '%s'; 'attend --help' lists them", word);
}

static int dispatch(att_cli *cli, int argc, char **argv) {
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) {
    int taken = words_of((*verb)->name, argc, argv);
    if (taken == 0) continue;
    cli->verb = *verb;
    return run_verb(cli, argc - taken, argv + taken);
  }
  if (strcmp(argv[0], "train") == 0) return run_train(cli, argc - 1, argv + 1);
  return unknown_verb(cli, argv[0]);
}

int main(int argc, char **argv) {
  given_words = argv;
  hold_standard_streams();
  att_cli_catch_signals();
  setlocale(LC_CTYPE, "");
  att_cli cli = {0};
  if (argc < 2) {
    fputs("Usage: attend VERB MODEL [arguments] [options]; 'attend --help' lists the verbs\n", stderr);
    return ATT_CLI_MISUSED;
  }
  const char *word = argv[1];
  if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0) return print_version(&cli);
  if (strcmp(word, "--completion") == 0) {
    if (argc == 3 && att_cli_print_completion(&cli, argv[2])) return att_cli_close_output(&cli, ATT_CLI_DONE);
    return att_cli_fail(&cli, ATT_CLI_MISUSED, "--completion: say for which shell: bash, zsh or fish");
  }
  if (strcmp(word, "--man") == 0) {
    att_cli_print_man(&cli);
    return att_cli_close_output(&cli, ATT_CLI_DONE);
  }
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
    char *help = "--help";
    if (argc == 2) {
      att_cli_print_overview(&cli);
      return att_cli_close_output(&cli, ATT_CLI_DONE);
    }
    for (int i = 1; i + 1 < argc; i++) argv[i] = argv[i + 1]; /* help VERB: VERB --help */
    argv[argc - 1] = help;
  }
  return dispatch(&cli, argc - 1, argv + 1);
}
