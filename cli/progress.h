/*
 * Owns how a training run is shown on stderr (a bar on a terminal, a plain line now and then elsewhere, nothing where
 * --quiet was given) and how it ends.
 */
#ifndef ATT_CLI_PROGRESS_H
#define ATT_CLI_PROGRESS_H

#include "cli.h"

typedef struct att_cli_progress {
  att_cli *cli;
  bool bar, colour, unicode;
  double shown;  /* the clock when a step was last shown; 0: never */
  char work[64]; /* the long work that was last named */
} att_cli_progress;

void att_cli_progress_start(att_cli_progress *progress, att_cli *cli);
/* An att_progress_fn; user: an att_cli_progress. */
void att_cli_on_progress(void *user, const att_progress *event);
/* Takes the bar away. */
void att_cli_progress_clear(att_cli_progress *progress);
/* Leaves the cursor on a fresh line and says what failed. done: what the run came to. Returns the exit status: an
 * option that the library refuses is the user's. */
int att_cli_progress_end(att_cli_progress *progress, att_status done);

#endif
