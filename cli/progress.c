/* Owns the progress bar. See progress.h. */
#include "progress.h"

#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 24 };
static const double seconds_between_bars = 0.1, seconds_between_lines = 20;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void att_cli_progress_start(att_cli_progress *progress, att_cli *cli) {
  const char *terminal = getenv("TERM");
  memset(progress, 0, sizeof *progress);
  progress->cli = cli;
  progress->bar = isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0);
  progress->colour = att_cli_colour(STDERR_FILENO);
  progress->unicode = att_cli_unicode();
}

void att_cli_progress_clear(att_cli_progress *progress) {
  if (progress->cli->line_is_bar) fputs("\r\x1b[K", stderr);
  progress->cli->line_is_bar = false;
}

int att_cli_progress_end(att_cli_progress *progress, att_status done) {
  att_cli *cli = progress->cli;
  if (cli->line_is_bar) fputc('\n', stderr);
  cli->line_is_bar = false;
  return att_cli_refused(cli, done);
}

/* "1:02:03", "4:05"; empty where unknown. */
static void spell_time(double seconds, char text[24]) {
  text[0] = '\0';
  if (!(seconds >= 0 && seconds < 1e8)) return;
  long whole = (long)(seconds + 0.5);
  if (whole >= 3600)
    snprintf(text, 24, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    snprintf(text, 24, "%ld:%02ld", whole / 60, whole % 60);
}

static void draw_bar(att_cli_progress *progress, double done, const char *text) {
  int columns = att_cli_columns(STDERR_FILENO), cells = columns < 70 ? 10 : BAR_CELLS;
  done = done >= 0 && done <= 1 ? done : done > 1 ? 1 : 0;
  int full = (int)(done * cells + 0.5);
  fprintf(stderr, "\r\x1b[K%s", progress->colour ? "\x1b[32m" : "");
  for (int i = 0; i < full; i++) fputs(progress->unicode ? "━" : "=", stderr);
  if (progress->colour) fputs("\x1b[90m", stderr);
  for (int i = full; i < cells; i++) fputs(progress->unicode ? "─" : "-", stderr);
  int room = columns - cells - 7;
  fprintf(stderr, "%s %3.0f%% %.*s", progress->colour ? "\x1b[0m" : "", 100 * done, room > 0 ? room : 0, text);
  fflush(stderr);
  progress->cli->line_is_bar = true;
}

/* A comparison's lines begin with the network that they are about. */
static void say_network(const att_progress *event) {
  if (event->network) fprintf(stderr, "%s: ", event->network);
}

/* The first steps of a budget in minutes: how many there will be is not known yet. */
static void show_timing(att_cli_progress *progress, const att_progress *event, const char *who) {
  char text[200];
  snprintf(text, sizeof text, "%s%stiming the first steps  loss %.3f", who, *who ? ": " : "", event->loss);
  if (progress->bar)
    draw_bar(progress, event->network ? event->whole : 0, text);
  else
    fprintf(stderr, "%s\n", text);
}

static void show_step(att_cli_progress *progress, const att_progress *event) {
  const char *who = event->network ? event->network : "";
  double time = now(), pause = progress->bar ? seconds_between_bars : seconds_between_lines;
  if (progress->shown > 0 && time - progress->shown < pause && event->step != event->steps) return;
  progress->shown = time;
  char text[200], left[24];
  spell_time(event->seconds_left, left);
  if (event->steps == 0) {
    show_timing(progress, event, who);
    return;
  }
  if (progress->bar) {
    snprintf(text, sizeof text, "%s%s%lld/%lld  loss %.3f  %.0f tok/s%s%s%s", who, *who ? ": " : "",
             (long long)event->step, (long long)event->steps, event->loss, event->tokens_per_second, *left ? "  " : "",
             left, *left ? " left" : "");
    double part = event->steps > 0 ? (double)event->step / (double)event->steps : 0;
    draw_bar(progress, event->network ? event->whole : part, text);
    return;
  }
  say_network(event);
  fprintf(stderr, "step %lld/%lld  loss %.4f  lr %.3g  %.0f tokens/s%s%s%s\n", (long long)event->step,
          (long long)event->steps, event->loss, event->lr, event->tokens_per_second, *left ? "  " : "", left,
          *left ? " left" : "");
}

static void show_validation(att_cli_progress *progress, const att_progress *event) {
  att_cli_progress_clear(progress);
  const char *bold = progress->colour && event->best ? "\x1b[1m" : "", *plain = *bold ? "\x1b[0m" : "";
  say_network(event);
  fprintf(stderr, "%sstep %lld  validation loss %.4f", bold, (long long)event->step, event->valid_loss);
  if (event->perplexity > 0) fprintf(stderr, "  perplexity %.2f", event->perplexity);
  if (event->quality_name && event->quality >= 0)
    fprintf(stderr, "  %s %.*f", event->quality_name, event->quality > 1 ? 2 : 4, event->quality);
  fprintf(stderr, "%s%s\n", event->best ? "  (best so far)" : "", plain);
}

static void show_work(att_cli_progress *progress, const att_progress *event) {
  const char *text = event->text ? event->text : "";
  bool fresh = strncmp(progress->work, text, sizeof progress->work - 1) != 0;
  if (fresh) snprintf(progress->work, sizeof progress->work, "%s", text);
  double time = now();
  if (progress->bar && (fresh || time - progress->shown >= seconds_between_bars)) {
    progress->shown = time;
    draw_bar(progress, event->done, text);
  } else if (!progress->bar && fresh) {
    say_network(event);
    fprintf(stderr, "%s\n", text);
  }
}

static void show_text(att_cli_progress *progress, const att_progress *event) {
  att_cli_progress_clear(progress);
  say_network(event);
  fprintf(stderr, "%s\n", event->text ? event->text : "");
}

void att_cli_on_progress(void *user, const att_progress *event) {
  att_cli_progress *progress = user;
  if (progress->cli->common.quiet) return;
  switch (event->kind) {
  case ATT_PROGRESS_STEP: show_step(progress, event); break;
  case ATT_PROGRESS_VALID: show_validation(progress, event); break;
  case ATT_PROGRESS_WORK: show_work(progress, event); break;
  case ATT_PROGRESS_PLAN:
  case ATT_PROGRESS_DONE: show_text(progress, event); break;
  }
}
