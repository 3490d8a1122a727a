/*
 * Owns the verbs whose options the library lists (training, comparing): these as a table of the command, what was typed
 * given to the library, which checks it, and the run. Refuses to know what any of them means.
 */
#include "options.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

enum { MOST_TASKS = 16, MOST_OPTIONS = 96, MOST_LETTERS = 120 };

typedef struct listed {
  const char *task;
  att_cli_option options[MOST_OPTIONS + 1]; /* the last has no name */
  char values[MOST_OPTIONS][MOST_LETTERS];
} listed;

static void put_choices(const att_train_option *of, char text[MOST_LETTERS]) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < of->choice_count && used < MOST_LETTERS; i++)
    used += (size_t)snprintf(text + used, MOST_LETTERS - used, "%s%s", i ? "|" : "", of->choices[i]);
}

static void fill(listed *list) {
  att_train_option of;
  for (size_t i = 0; i < MOST_OPTIONS && att_train_option_at(list->task, i, &of); i++) {
    put_choices(&of, list->values[i]);
    list->options[i] = (att_cli_option){.name = of.name,
                                        .letter = of.letter,
                                        .kind = of.kind == ATT_OPTION_FLAG ? ATT_CLI_LIBRARY_FLAG : ATT_CLI_LIBRARY,
                                        .value = of.choice_count ? list->values[i] : of.value,
                                        .initial = of.initial ? of.initial : of.chosen,
                                        .help = of.help,
                                        .group = of.group};
  }
}

int att_cli_refused(att_cli *cli, att_status done) {
  int status = att_cli_failed(cli, done);
  return done == ATT_ARGUMENT ? ATT_CLI_MISUSED : status;
}

const att_cli_option *att_cli_options_of(const att_cli_verb *verb) {
  static listed lists[MOST_TASKS];
  if (!verb->library) return verb->options;
  listed *list = lists;
  while (list->task && strcmp(list->task, verb->library) != 0) list++;
  if (!list->task) {
    list->task = verb->library;
    fill(list);
  }
  return list->options;
}

/* The option that was given and takes several files, or NULL. */
static const char *takes_files(att_cli *cli) {
  static const char *const names[] = {"text", "data"};
  att_train_option of;
  for (size_t i = 0; att_train_option_at(cli->verb->library, i, &of); i++)
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
      if (of.kind == ATT_OPTION_FILES && strcmp(of.name, names[k]) == 0 && att_cli_given(cli, names[k]))
        return names[k];
  return NULL;
}

/* The DIR of --resume DIR, where --out names none, or NULL. */
static const char *resumed_folder(const att_cli *cli) {
  const char *after = NULL;
  for (int i = 0; i + 1 < cli->argc && !att_cli_given(cli, "out"); i++)
    if (strcmp(cli->argv[i], "--resume") == 0) after = cli->argv[i + 1];
  return after && after[0] != '-' ? after : NULL;
}

/* Files that follow a `--text`, as a shell makes them of *.txt, or a `--data` of tunes, belong to it; a folder after
 * --resume is the run's. */
static int set_words(att_cli *cli, att_train_options *options) {
  const char *folder = resumed_folder(cli), *files = takes_files(cli);
  for (int i = 0; i < cli->word_count; i++) {
    if (cli->words[i] == folder) {
      int failed = att_cli_failed(cli, att_train_options_set(options, "out", folder));
      if (failed) return failed;
      continue;
    }
    if (!files)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "unexpected '%s'; usage: attend %s %s", cli->words[i], cli->verb->name,
                          cli->verb->arguments);
    if (att_train_options_set(options, files, cli->words[i]) != ATT_OK)
      return att_cli_fail(cli, ATT_CLI_FAILED, "%s", att_message(cli->ctx));
  }
  return 0;
}

static bool takes_several(const att_cli *cli, const char *name) {
  att_train_option of;
  for (size_t i = 0; att_train_option_at(cli->verb->library, i, &of); i++)
    if (strcmp(of.name, name) == 0) return of.kind == ATT_OPTION_FILES;
  return false;
}

/* The last of two counts, as everywhere; a list that is given in two is half lost. */
static void warn_of_another(att_cli *cli, int index) {
  const att_cli_setting *s = &cli->settings[index];
  for (int i = 0; i < index; i++)
    if (strcmp(cli->settings[i].name, s->name) == 0 && !takes_several(cli, s->name)) {
      att_cli_warn(cli, "--%s is given more than once: '%s' counts", s->name, s->text);
      return;
    }
}

static int take_settings(att_cli *cli, att_train_options **out) {
  int status = att_cli_failed(cli, att_train_options_new(cli->ctx, cli->verb->library, out));
  for (int i = 0; i < cli->setting_count && !status; i++) {
    const att_cli_setting *s = &cli->settings[i];
    warn_of_another(cli, i);
    att_status done = att_train_options_set(*out, s->name, s->text);
    status = att_cli_refused(cli, done);
  }
  return status ? status : set_words(cli, *out);
}

int att_cli_call_library(att_cli *cli, att_cli_library_call *call, att_train_options **options) {
  att_cli_common common = {0};
  *options = NULL;
  int status = att_cli_parse(cli, &common);
  if (!status) status = att_cli_start(cli);
  if (!status) status = take_settings(cli, options);
  if (status) return status;
  att_cli_progress progress;
  att_cli_progress_start(&progress, cli);
  return att_cli_progress_end(&progress, call(cli->ctx, *options, att_cli_on_progress, &progress));
}
