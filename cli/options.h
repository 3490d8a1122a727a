/*
 * Owns the table of options that each verb has: parsing, the checks of values, --help and the man page all read it.
 * Refuses to know what an option means: a value is checked and stored in the verb's own struct.
 */
#ifndef ATT_CLI_OPTIONS_H
#define ATT_CLI_OPTIONS_H

#include "cli.h"

typedef enum att_cli_kind {
  ATT_CLI_FLAG,        /* bool */
  ATT_CLI_INT,         /* int */
  ATT_CLI_INT64,       /* int64_t */
  ATT_CLI_SEED,        /* uint64_t, below 2^63 so that a record can hold it */
  ATT_CLI_NUMBER,      /* double */
  ATT_CLI_TEXT,        /* const char *, into argv */
  ATT_CLI_TEXTS,       /* att_cli_texts: an option that may be given several times */
  ATT_CLI_CHOICE,      /* int: the place of the name in `value` */
  ATT_CLI_LIBRARY,     /* noted as it was typed, for the library to check */
  ATT_CLI_LIBRARY_FLAG /* the same: --NAME is "yes", --no-NAME "no" */
} att_cli_kind;

enum { ATT_CLI_MOST_TEXTS = 256 };

typedef struct att_cli_texts {
  const char *items[ATT_CLI_MOST_TEXTS]; /* [count], into argv */
  int count;
} att_cli_texts;

typedef struct att_cli_option {
  const char *name; /* without the dashes; NULL ends a table */
  char letter;      /* or 0 */
  att_cli_kind kind;
  const char *value;   /* what help calls it ("N", "FILE"); of a choice its names: "relu|gelu|silu" */
  double low, high;    /* of INT, INT64, NUMBER; both included */
  size_t offset;       /* into the verb's struct */
  const char *initial; /* the default, as help says it; NULL: nothing to say */
  const char *help;
  const char *group; /* heading in help; NULL: that of the option before */
} att_cli_option;

typedef struct att_cli_verb {
  const char *name;              /* "translate", "train translation" */
  const char *arguments;         /* "MODEL [FILE]" */
  const char *summary;           /* one line, no full stop */
  const char *about;             /* a paragraph */
  const char *example;           /* commands, each on a line */
  const att_cli_option *options; /* the verb's own, or */
  const char *library;           /* the task whose options the library lists */
  int least_words, most_words;   /* words that are no options */
  int (*run)(att_cli *cli);
} att_cli_verb;

extern const att_cli_option att_cli_common_options[];

/* The option of every verb that reads lines of text; offset: of the verb's const char *. */
#define ATT_CLI_FILE(place)                                                                                            \
  {                                                                                                                    \
    .group = "Input", .name = "file", .letter = 'f', .kind = ATT_CLI_TEXT, .value = "FILE", .offset = (place),         \
    .help = "read the lines of FILE, plain text or .gz", .initial = "TEXT, else standard input"                        \
  }

/* Reads cli->argv into `into` (the verb's struct, whose first member is att_cli_common), cli->words and cli->given. May
 * be called again, to lay the same words over other defaults. 0, or ATT_CLI_MISUSED after saying why. */
int att_cli_parse(att_cli *cli, void *into);
bool att_cli_given(const att_cli *cli, const char *name);
/* Whether the verb has an option of that name, which then stands in place of the common one. */
bool att_cli_has(const att_cli_verb *verb, const char *name);
/* How it is written: "lowercase", "[no-]lowercase" of a flag of the library. text: room for it. */
const char *att_cli_shown_name(const att_cli_option *option, char text[64]);

/* ---- library.c ---- */

/* att_cli_failed of a call that takes options: what it refuses of them is ATT_CLI_MISUSED. */
int att_cli_refused(att_cli *cli, att_status done);

/* The verb's table, whoever lists it. */
const att_cli_option *att_cli_options_of(const att_cli_verb *verb);
/* att_train or att_compare. */
typedef att_status att_cli_library_call(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                                        void *user);
/* Parses, and calls it with what was parsed. The exit status; *options: att_train_options_free. */
int att_cli_call_library(att_cli *cli, att_cli_library_call *call, att_train_options **options);

/* The one of names[0..count) that is a slip of the hand from `word`, or NULL. */
const char *att_cli_nearest(const char *word, const char *const *names, size_t count);

#endif
