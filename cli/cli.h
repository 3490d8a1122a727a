/*
 * Owns what the verbs of the command share: one run of a verb, its errors, its standard output, the lines it reads, the
 * signals. Refuses to know any room of the library: <attend/attend.h> and libc are all it rests on.
 */
#ifndef ATT_CLI_H
#define ATT_CLI_H

#include <attend/attend.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#if defined(__GNUC__)
#define ATT_CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define ATT_CLI_PRINTF(text, first)
#endif

enum { ATT_CLI_DONE = 0, ATT_CLI_FAILED = 1, ATT_CLI_MISUSED = 2, ATT_CLI_INTERRUPTED = 130 };
enum { ATT_CLI_MOST_GIVEN = 64 };

struct att_cli_verb;

/* The options that every verb has; the first member of each verb's struct of options. */
typedef struct att_cli_common {
  int threads; /* 0: the cores that this process may use */
  uint64_t seed;
  bool quiet, help, version;
} att_cli_common;

/* An option of the library, as it was typed. */
typedef struct att_cli_setting {
  const char *name, *text;
} att_cli_setting;

/* One run of one verb. */
typedef struct att_cli {
  const struct att_cli_verb *verb;
  int argc; /* words after the verb */
  char **argv;
  const char **words; /* [word_count]: those that are no options */
  int word_count;
  const char *given[ATT_CLI_MOST_GIVEN]; /* names of the options that were given */
  int given_count;
  att_cli_setting *settings; /* [setting_count], in their order; room for argc */
  int setting_count;
  att_cli_common common;
  att_context *ctx;
  int write_error;  /* errno of the first failed write to standard output; 0: none */
  bool drops_log;   /* of the library: what it warns of may quote a text */
  bool line_is_bar; /* stderr's last line is a progress bar, to be cleared before anything else is said */
} att_cli;

/* ---- run.c: errors, signals, the context ---- */

/* One line on stderr: "attend VERB: ..."; control characters are shown as '?'. Returns `status`. */
int att_cli_fail(att_cli *cli, int status, const char *format, ...) ATT_CLI_PRINTF(3, 4);
void att_cli_warn(att_cli *cli, const char *format, ...) ATT_CLI_PRINTF(2, 3);
/* Says the library's message; the exit status that belongs to `status`. Silent where standard output broke: that is
 * said at the end. */
int att_cli_failed(att_cli *cli, att_status status);
/* Makes cli->ctx by cli->common. From here to the end a signal asks the library to stop (att_interrupt), and a second
 * one ends the program; before and after the first does. 0, or the exit status. */
int att_cli_start(att_cli *cli);
void att_cli_end(att_cli *cli);
/* Opens the model named by the first word. 0, or the exit status. */
int att_cli_open_model(att_cli *cli, att_model **model);
/* The same, and refuses one that does not have the verb, before any input is read. */
int att_cli_open_model_for(att_cli *cli, att_verb verb, att_model **model);
/* Bytes of a byte order mark that the text begins with: 3 or 0. It is no part of a text, whichever way that comes in.
 */
size_t att_cli_byte_order_mark(const char *data, size_t size);
void att_cli_catch_signals(void);
/* For a verb that goes on after a signal: while it rests the first one ends the program; when it goes on working the
 * next one is the first. */
void att_cli_rest(void);
void att_cli_work(att_cli *cli);
/* A signal calls this in place of att_interrupt: for a verb that ends by itself. NULL: as before. */
void att_cli_stop_by(void (*stop)(void *user), void *user);
/* Whether a signal came: for what waits without the library. */
bool att_cli_is_stopping(void);

/* ---- output.c: standard output, JSON, terminals ---- */

/* False once standard output has failed. */
bool att_cli_write(att_cli *cli, const void *data, size_t size);
bool att_cli_print(att_cli *cli, const char *format, ...) ATT_CLI_PRINTF(2, 3);
bool att_cli_flush(att_cli *cli);
/* Flushes and closes standard output; the exit status, which a failed write makes 1 and a reader gone away 0. */
int att_cli_close_output(att_cli *cli, int status);
/* Text on one line: line ends and tabs become spaces. */
bool att_cli_write_line_text(att_cli *cli, const char *data, size_t size);
/* A JSON string, with its quotes; bytes that are not UTF-8 become U+FFFD. */
bool att_cli_write_json(att_cli *cli, const char *data, size_t size);
bool att_cli_put_json(FILE *out, const char *data, size_t size);
/* What an object of --json has of tokens: an array of their spellings, of their ids. */
bool att_cli_write_tokens(att_cli *cli, att_model *model, const int32_t *tokens, size_t count);
bool att_cli_write_integers(att_cli *cli, const int32_t *numbers, size_t count);
/* `text` gets a decimal that reads back as `number`; "null" where there is none. Returns text. */
const char *att_cli_number(double number, char text[32]);
int att_cli_columns(int fd); /* of the terminal; 80 where there is none */
bool att_cli_colour(int fd); /* a terminal with colours, and no NO_COLOR */
bool att_cli_unicode(void);  /* by the locale; yes where none is set */

/* ---- input.c: lines ---- */

/* Whether a file is a tune by its name: .mid, .midi or .abc. */
bool att_cli_is_tune(const char *path);

typedef struct att_cli_input att_cli_input;

/* Where a verb's texts come from, the same for all: the words after MODEL are one text (word_count above 1); else the
 * lines of a file (plain or .gz; of the option --file), or where path is NULL or "-" of standard input. A single word
 * that names a file is refused, with what to type. 0, or the exit status. */
int att_cli_input_open(att_cli *cli, const char *path, att_cli_input **input);
/* Some thousand lines at most: from a pipe or a person those that have arrived, so that each is answered at once.
 * *count 0: the end. *lines is valid until the next call. *first: the index of lines[0]. 0, or the exit status. */
int att_cli_input_next(att_cli_input *input, const att_text **lines, size_t *count, size_t *first);
/* In place of that: all lines at once, valid until the input is closed. 0, or the exit status. */
int att_cli_input_all(att_cli_input *input, const att_text **lines, size_t *count);
void att_cli_input_close(att_cli_input *input);
/* Whether the texts are the words. */
bool att_cli_input_is_words(const att_cli_input *input);
/* Where standard input is a terminal: says that `what` is waited for. */
void att_cli_say_waiting(att_cli *cli, const char *what);

/* ---- ask.c: one line at a time, from a person or a pipe ---- */

typedef struct att_cli_asker att_cli_asker;

/* 0, or the exit status. */
int att_cli_asker_open(att_cli *cli, att_cli_asker **asker);
/* Whether a person types the lines. */
bool att_cli_asks_person(const att_cli_asker *asker);
/* The next line without its end, valid until the next call; *end: there is none. A person gets a prompt on standard
 * error, and edits and history where libedit was there at the build. 0, or the exit status. */
int att_cli_ask(att_cli_asker *asker, att_text *line, bool *end);
void att_cli_asker_close(att_cli_asker *asker);

/* ---- help.c, man.c, completion.c ---- */

void att_cli_print_overview(att_cli *cli);
void att_cli_print_help(att_cli *cli);
void att_cli_print_man(att_cli *cli);
/* For "bash", "zsh" or "fish"; false for another. */
bool att_cli_print_completion(att_cli *cli, const char *shell);

/* ---- the verbs, one file each ---- */

/* clang-format off */
extern const struct att_cli_verb
    att_cli_train_translation,
    att_cli_train_summarization,
    att_cli_train_lm,
    att_cli_train_classifier,
    att_cli_train_mlm,
    att_cli_train_qa,
    att_cli_train_forecast,
    att_cli_train_music,
    att_cli_train_speech,
    att_cli_compare,
    att_cli_translate,
    att_cli_summarize,
    att_cli_generate,
    att_cli_chat,
    att_cli_score,
    att_cli_bleu,
    att_cli_rouge,
    att_cli_squad,
    att_cli_wer,
    att_cli_classify,
    att_cli_embed,
    att_cli_rank,
    att_cli_fill,
    att_cli_forecast,
    att_cli_compose,
    att_cli_answer,
    att_cli_transcribe,
    att_cli_tokenize,
    att_cli_look,
    att_cli_info,
    att_cli_bench,
    att_cli_serve,
    att_cli_convert, att_cli_quantize;
/* clang-format on */
/* In the order of the help; ends in NULL. verbs.c */
extern const struct att_cli_verb *const att_cli_verbs[];

#endif
