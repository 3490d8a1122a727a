/* Owns a run's errors, its context and the signals. See cli.h. */
#include "options.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- errors ---- */

static void say(att_cli *cli, const char *mark, const char *format, va_list args) {
  char text[1400];
  vsnprintf(text, sizeof text, format, args);
  for (char *at = text; *at; at++)
    if ((unsigned char)*at < ' ' || *at == 127) *at = '?';
  if (cli->line_is_bar) fputs("\r\x1b[K", stderr);
  cli->line_is_bar = false;
  fprintf(stderr, "attend%s%s: %s%s\n", cli->verb ? " " : "", cli->verb ? cli->verb->name : "", mark, text);
  fflush(stderr);
}

int att_cli_fail(att_cli *cli, int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(cli, "", format, args);
  va_end(args);
  return status;
}

void att_cli_warn(att_cli *cli, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(cli, "warning: ", format, args);
  va_end(args);
}

int att_cli_failed(att_cli *cli, att_status status) {
  if (status == ATT_OK || cli->write_error) return status == ATT_OK ? ATT_CLI_DONE : ATT_CLI_FAILED;
  const char *message = att_message(cli->ctx);
  return att_cli_fail(cli, status == ATT_INTERRUPTED ? ATT_CLI_INTERRUPTED : ATT_CLI_FAILED, "%s",
                      *message ? message : att_status_name(status));
}

/* ---- signals ---- */

static att_context *_Atomic working; /* a handler can reach nothing else */
static atomic_int asked;             /* to stop: how often, closed terminals not counted */
static atomic_bool stopping;
static void (*_Atomic stop_by)(void *); /* what a signal calls in place of att_interrupt */
static void *_Atomic stop_user;

/* A terminal that closes tells so more than once, and SIGTERM may come with it: neither may cut off what is saved. */
static void on_signal(int number) {
  att_context *ctx = atomic_load(&working);
  if (!ctx || (number != SIGHUP && atomic_fetch_add(&asked, 1) > 0)) _exit(ATT_CLI_INTERRUPTED);
  atomic_store(&stopping, true);
  void (*stop)(void *) = atomic_load(&stop_by);
  if (stop) {
    stop(atomic_load(&stop_user));
  } else {
    att_interrupt(ctx);
  }
}

void att_cli_stop_by(void (*stop)(void *), void *user) {
  if (!stop) atomic_store(&stop_by, NULL);
  atomic_store(&stop_user, user);
  atomic_store(&stop_by, stop);
}

void att_cli_rest(void) { atomic_store(&working, NULL); }

void att_cli_work(att_cli *cli) {
  atomic_store(&asked, 0);
  atomic_store(&stopping, false);
  atomic_store(&working, cli->ctx);
}

bool att_cli_is_stopping(void) { return atomic_load(&stopping); }

/* SIGPIPE and SIGXFSZ are ignored: a reader that went away, or a file grown to its limit, is a failed write. Handlers
 * have a stack of their own: oneDNN's generated code keeps data below the stack's end, where a signal's frame would be
 * written over them, and the heap is spoilt with what it then takes for addresses. */
void att_cli_catch_signals(void) {
  static _Alignas(64) char stack[1 << 16];
  const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action;
  sigaltstack(&own, NULL);
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, NULL);
  sigaction(SIGXFSZ, &action, NULL);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  struct sigaction closed; /* nohup ignores it, and what is started so goes on */
  if (sigaction(SIGHUP, NULL, &closed) == 0 && closed.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

/* ---- the context ---- */

static void on_log(void *user, att_log_level level, const char *text) {
  att_cli *cli = user;
  if (cli->drops_log) return;
  if (level == ATT_LOG_WARNING)
    att_cli_warn(cli, "%s", text);
  else if (!cli->common.quiet)
    att_cli_fail(cli, 0, "%s", text);
}

int att_cli_start(att_cli *cli) {
  att_context_options options;
  att_context_options_default(&options);
  options.threads = cli->common.threads;
  options.log = on_log;
  options.log_user = cli;
  att_status status = att_context_new(&options, &cli->ctx);
  if (status != ATT_OK)
    return att_cli_fail(cli, ATT_CLI_FAILED, "cannot start: %s; try fewer --threads", att_status_name(status));
  atomic_store(&working, cli->ctx);
  return 0;
}

void att_cli_end(att_cli *cli) {
  atomic_store(&working, NULL);
  att_context_free(cli->ctx);
}

int att_cli_open_model(att_cli *cli, att_model **model) {
  return att_cli_failed(cli, att_model_open(cli->ctx, cli->words[0], model));
}

int att_cli_open_model_for(att_cli *cli, att_verb verb, att_model **model) {
  int status = att_cli_open_model(cli, model);
  return status ? status : att_cli_failed(cli, att_check_verb(*model, verb));
}
