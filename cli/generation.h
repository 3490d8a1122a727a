/*
 * Owns the options that every verb has that writes text, for the tables of the verbs. IN(member): where the verb's
 * struct has that member of the library's options.
 */
#ifndef ATT_CLI_GENERATION_H
#define ATT_CLI_GENERATION_H

#include "options.h"

/* clang-format off */
#define ATT_CLI_REPETITION(IN)                                                                                         \
    {.name = "min-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 1 << 30, .offset = IN(min_tokens),     \
     .help = "the fewest new tokens before an end token", .initial = "the model's"},                                   \
    {.name = "repetition-penalty", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0.01, .high = 100,                     \
     .offset = IN(repetition_penalty), .help = "above 1: what is in the prompt or was written becomes less likely",    \
     .initial = "the model's"},                                                                                        \
    {.name = "no-repeat-ngram", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 1 << 30,                          \
     .offset = IN(no_repeat_ngram_size), .help = "N tokens in a row never come again; 0: they may",                    \
     .initial = "the model's"}

/* Of what a decoder writes. */
#define ATT_CLI_PENALTIES(IN)                                                                                          \
    {.name = "frequency-penalty", .kind = ATT_CLI_NUMBER, .value = "X", .low = -100, .high = 100,                      \
     .offset = IN(frequency_penalty), .help = "above 0: less likely for each time that it was written",                \
     .initial = "0"},                                                                                                  \
    {.name = "presence-penalty", .kind = ATT_CLI_NUMBER, .value = "X", .low = -100, .high = 100,                       \
     .offset = IN(presence_penalty), .help = "above 0: less likely where it was written at all", .initial = "0"}

#define ATT_CLI_SAMPLING(IN)                                                                                           \
    {.group = "Sampling", .name = "temperature", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1000,         \
     .offset = IN(temperature), .help = "draw tokens at random: below 1 the likelier gain, above 1 the others; 0: "    \
                                        "do not draw", .initial = "the model's, else 0"},                              \
    {.name = "top-k", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 1e9, .offset = IN(top_k),                   \
     .help = "only from the N likeliest; 0: all", .initial = "the model's"},                                           \
    {.name = "top-p", .kind = ATT_CLI_NUMBER, .value = "X", .low = 1e-9, .high = 1, .offset = IN(top_p),               \
     .help = "only from the likeliest that together have this probability", .initial = "the model's"},                 \
    {.name = "min-p", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1, .offset = IN(min_p),                  \
     .help = "only from those at least X times as likely as the likeliest", .initial = "the model's"},                 \
    {.name = "typical-p", .kind = ATT_CLI_NUMBER, .value = "X", .low = 1e-9, .high = 1, .offset = IN(typical_p),       \
     .help = "only from those of nearly the surprise that is expected, until they together have this probability",     \
     .initial = "the model's"}

/* AT(member): where the verb's struct has an att_cli_grammar. */
#define ATT_CLI_GRAMMAR(AT)                                                                                            \
    {.name = "grammar", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(grammar.grammar),                          \
     .help = "write only what this grammar allows: GBNF, as llama.cpp has it"},                                        \
    {.name = "json-schema", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(grammar.schema),                       \
     .help = "write JSON that fits this schema"}
/* clang-format on */

typedef struct att_cli_grammar {
  const char *grammar, *schema; /* files, or NULL */
  char *text;                   /* of the one that was given: att_release */
} att_cli_grammar;

/* Reads what was given into the options. 0, or the exit status. */
int att_cli_read_grammar(att_cli *cli, att_cli_grammar *grammar, att_generate_options *generate);

/* The first option that was given and is for sampling alone, or NULL. */
const char *att_cli_sampling_given(const att_cli *cli);

/* What was given of the fewest and the most new tokens: refuses --min-tokens above the most, which are the model's
 * where
 * --max-tokens was not given (0: no bound), and warns of --max-tokens below the model's fewest. 0, or the exit status.
 */
int att_cli_check_lengths(att_cli *cli, int fewest, int most);

#endif
