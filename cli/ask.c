/* Owns asking for lines one by one. See cli.h. Without libedit a person's lines are edited by the terminal alone. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef ATT_HAVE_LIBEDIT
#include <histedit.h>
#endif

enum { KEPT_LINES = 500 };

struct att_cli_asker {
  att_cli *cli;
  bool person;
  att_cli_input *input; /* where nothing is edited */
  const att_text *lines;
  size_t next, count;
#ifdef ATT_HAVE_LIBEDIT
  EditLine *editor; /* or NULL */
  History *history;
#endif
};

#ifdef ATT_HAVE_LIBEDIT
static char *prompt(EditLine *editor) {
  static char text[] = "> ";
  (void)editor;
  return text;
}

static bool open_editor(att_cli_asker *asker) {
  HistEvent event;
  asker->editor = el_init("attend", stdin, stderr, stderr);
  asker->history = history_init();
  if (!asker->editor || !asker->history) return false;
  history(asker->history, &event, H_SETSIZE, KEPT_LINES);
  history(asker->history, &event, H_SETUNIQUE, 1);
  el_set(asker->editor, EL_PROMPT, prompt);
  el_set(asker->editor, EL_EDITOR, "emacs");
  el_set(asker->editor, EL_HIST, history, asker->history);
  el_set(asker->editor, EL_SIGNAL, 1); /* the terminal is as it was when a signal ends the program */
  el_source(asker->editor, NULL);      /* the person's .editrc */
  return true;
}

static int ask_editor(att_cli_asker *asker, att_text *line, bool *end) {
  int size = 0;
  HistEvent event;
  const char *text = el_gets(asker->editor, &size);
  *end = !text || size <= 0;
  if (*end) {
    fputc('\n', stderr);
    return 0;
  }
  if (strspn(text, " \t\n") < (size_t)size) history(asker->history, &event, H_ENTER, text);
  *line = (att_text){text, (size_t)size - (text[size - 1] == '\n')};
  return 0;
}
#endif

int att_cli_asker_open(att_cli *cli, att_cli_asker **out) {
  att_cli_asker *asker = calloc(1, sizeof *asker);
  *out = asker;
  if (!asker) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  asker->cli = cli;
  asker->person = isatty(STDIN_FILENO);
#ifdef ATT_HAVE_LIBEDIT
  if (asker->person && isatty(STDERR_FILENO))
    return open_editor(asker) ? 0 : att_cli_fail(cli, ATT_CLI_FAILED, "no memory for editing lines");
#endif
  return att_cli_input_open(cli, NULL, &asker->input);
}

bool att_cli_asks_person(const att_cli_asker *asker) { return asker->person; }

int att_cli_ask(att_cli_asker *asker, att_text *line, bool *end) {
  size_t first;
#ifdef ATT_HAVE_LIBEDIT
  if (asker->editor) return ask_editor(asker, line, end);
#endif
  if (asker->person) fputs("> ", stderr);
  if (asker->next == asker->count) {
    int status = att_cli_input_next(asker->input, &asker->lines, &asker->count, &first);
    if (status) return status;
    asker->next = 0;
  }
  *end = asker->count == 0;
  if (!*end) *line = asker->lines[asker->next++];
  return 0;
}

void att_cli_asker_close(att_cli_asker *asker) {
  if (!asker) return;
#ifdef ATT_HAVE_LIBEDIT
  if (asker->editor) el_end(asker->editor);
  if (asker->history) history_end(asker->history);
#endif
  att_cli_input_close(asker->input);
  free(asker);
}
