/* Owns reading the command line by a table. See options.h. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(att_cli_common, member)

/* clang-format off */
const att_cli_option att_cli_common_options[] = {
    {.group = "Everywhere", .name = "threads", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256,
     .offset = AT(threads), .help = "threads to work with, 1 to 256", .initial = "the cores this process may use"},
    {.name = "seed", .kind = ATT_CLI_SEED, .value = "N", .offset = AT(seed),
     .help = "seed of everything random; the same seed gives the same result"},
    {.name = "quiet", .letter = 'q', .kind = ATT_CLI_FLAG, .offset = AT(quiet),
     .help = "no progress and no notes; warnings and errors stay"},
    {.name = "help", .letter = 'h', .kind = ATT_CLI_FLAG, .offset = AT(help), .help = "show this help"},
    {.name = "version", .letter = 'v', .kind = ATT_CLI_FLAG, .offset = AT(version), .help = "show the version"},
    {.name = NULL}};
/* clang-format on */

/* ---- the nearest name ---- */

enum { MOST_LETTERS = 40 };

static int least(int a, int b) { return a < b ? a : b; }

/* Edit distance in which a swap of neighbours is one step (Damerau 1964, optimal string alignment). */
static int edit_distance(const char *a, const char *b) {
  int n = (int)strlen(a), m = (int)strlen(b);
  if (n > MOST_LETTERS || m > MOST_LETTERS) return MOST_LETTERS;
  int d[MOST_LETTERS + 1][MOST_LETTERS + 1];
  for (int i = 0; i <= n; i++) d[i][0] = i;
  for (int j = 0; j <= m; j++) d[0][j] = j;
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= m; j++) {
      int best = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) best = least(best, d[i - 2][j - 2] + 1);
      d[i][j] = best;
    }
  return d[n][m];
}

const char *att_cli_nearest(const char *word, const char *const *names, size_t count) {
  const char *nearest = NULL;
  int length = (int)strlen(word), best = length < 4 ? 2 : length < 9 ? 3 : 4; /* must be below */
  for (size_t i = 0; i < count; i++) {
    int distance = edit_distance(word, names[i]);
    if (length >= 2 && strncmp(word, names[i], strlen(word)) == 0) distance = least(distance, 1);
    if (distance >= best) continue;
    best = distance;
    nearest = names[i];
  }
  return nearest;
}

/* ---- names ---- */

/* The place of `word` in "one|two|three", or -1. */
static int place_in(const char *names, const char *word) {
  size_t size = strlen(word);
  int place = 0;
  for (const char *name = names; name; place++) {
    const char *bar = strchr(name, '|');
    size_t length = bar ? (size_t)(bar - name) : strlen(name);
    if (length == size && memcmp(name, word, size) == 0) return place;
    name = bar ? bar + 1 : NULL;
  }
  return -1;
}

static const att_cli_option *find_in(const att_cli_option *table, const char *name, size_t size) {
  for (; table->name; table++)
    if (strlen(table->name) == size && memcmp(table->name, name, size) == 0) return table;
  return NULL;
}

/* The verb's option, or the common one. */
static const att_cli_option *find(const att_cli_verb *verb, const char *name, size_t size) {
  const att_cli_option *option = find_in(att_cli_options_of(verb), name, size);
  return option ? option : find_in(att_cli_common_options, name, size);
}

bool att_cli_has(const att_cli_verb *verb, const char *name) {
  return find_in(att_cli_options_of(verb), name, strlen(name)) != NULL;
}

const char *att_cli_shown_name(const att_cli_option *option, char text[64]) {
  snprintf(text, 64, "%s%s", option->kind == ATT_CLI_LIBRARY_FLAG ? "[no-]" : "", option->name);
  return text;
}

static const att_cli_option *find_letter(const att_cli_option *table, char letter) {
  for (; table->name; table++)
    if (table->letter == letter) return table;
  return NULL;
}

static size_t collect_names(const att_cli_option *table, const char **names, size_t count, size_t room) {
  for (; table->name && count < room; table++) names[count++] = table->name;
  return count;
}

static int unknown_option(att_cli *cli, const char *word, const char *name, size_t size) {
  const char *names[2 * ATT_CLI_MOST_GIVEN];
  size_t count = collect_names(att_cli_options_of(cli->verb), names, 0, 2 * ATT_CLI_MOST_GIVEN);
  count = collect_names(att_cli_common_options, names, count, 2 * ATT_CLI_MOST_GIVEN);
  char bare[MOST_LETTERS + 1] = "";
  if (size <= MOST_LETTERS) memcpy(bare, name, size);
  const char *nearest = att_cli_nearest(bare, names, count);
  if (nearest) return att_cli_fail(cli, ATT_CLI_MISUSED, "unknown option %s; did you mean --%s?", word, nearest);
  return att_cli_fail(cli, ATT_CLI_MISUSED, "unknown option %s; 'attend %s --help' lists them", word, cli->verb->name);
}

/* ---- values ---- */

/* Decimal digits alone, as strtoll and strtod would also take spaces, hexadecimal, "inf" and "nan". */
static bool spelled_with(const char *text, const char *letters) {
  return *text && text[strspn(text, letters)] == '\0' && strpbrk(text, "0123456789");
}

static int wrong_number(att_cli *cli, const att_cli_option *option, const char *text, const char *what) {
  return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s: '%s' is not a %s from %.15g to %.15g", option->name, text, what,
                      option->low, option->high);
}

static int store_whole(att_cli *cli, const att_cli_option *option, const char *text, void *at) {
  char *end = NULL;
  errno = 0;
  long long number = spelled_with(text, "+-0123456789") ? strtoll(text, &end, 10) : 0;
  if (!end || *end || errno || (double)number < option->low || (double)number > option->high)
    return wrong_number(cli, option, text, "whole number");
  if (option->kind == ATT_CLI_INT)
    *(int *)at = (int)number;
  else
    *(int64_t *)at = number;
  return 0;
}

static int store_number(att_cli *cli, const att_cli_option *option, const char *text, void *at) {
  char *end = NULL;
  double number = spelled_with(text, "+-.0123456789eE") ? strtod(text, &end) : 0;
  if (!end || *end || !(number >= option->low && number <= option->high))
    return wrong_number(cli, option, text, "number");
  *(double *)at = number;
  return 0;
}

static int store_seed(att_cli *cli, const att_cli_option *option, const char *text, void *at) {
  char *end = NULL;
  errno = 0;
  unsigned long long number = spelled_with(text, "0123456789") ? strtoull(text, &end, 10) : 0;
  if (!end || *end || errno || number > INT64_MAX)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s: '%s' is not a whole number from 0 to %lld", option->name, text,
                        (long long)INT64_MAX);
  *(uint64_t *)at = number;
  return 0;
}

static int store_choice(att_cli *cli, const att_cli_option *option, const char *text, void *at) {
  int place = place_in(option->value, text);
  if (place < 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s: '%s' is not one of %s", option->name, text, option->value);
  *(int *)at = place;
  return 0;
}

static int store_another(att_cli *cli, const att_cli_option *option, const char *text, att_cli_texts *at) {
  if (at->count == ATT_CLI_MOST_TEXTS)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is given more than %d times", option->name, ATT_CLI_MOST_TEXTS);
  at->items[at->count++] = text;
  return 0;
}

static int note_setting(att_cli *cli, const att_cli_option *option, const char *text) {
  cli->settings[cli->setting_count++] = (att_cli_setting){option->name, text};
  return 0;
}

static int store(att_cli *cli, const att_cli_option *option, const char *text, void *into) {
  void *at = (char *)into + option->offset;
  switch (option->kind) {
  case ATT_CLI_FLAG: *(bool *)at = true; return 0;
  case ATT_CLI_INT:
  case ATT_CLI_INT64: return store_whole(cli, option, text, at);
  case ATT_CLI_SEED: return store_seed(cli, option, text, at);
  case ATT_CLI_NUMBER: return store_number(cli, option, text, at);
  case ATT_CLI_CHOICE: return store_choice(cli, option, text, at);
  case ATT_CLI_TEXT: *(const char **)at = text; return 0;
  case ATT_CLI_TEXTS: return store_another(cli, option, text, at);
  case ATT_CLI_LIBRARY:
  case ATT_CLI_LIBRARY_FLAG: break;
  }
  return note_setting(cli, option, text ? text : "yes");
}

/* ---- the walk over the words ---- */

bool att_cli_given(const att_cli *cli, const char *name) {
  for (int i = 0; i < cli->given_count; i++)
    if (strcmp(cli->given[i], name) == 0) return true;
  return false;
}

static void note_given(att_cli *cli, const att_cli_option *option) {
  if (!att_cli_given(cli, option->name) && cli->given_count < ATT_CLI_MOST_GIVEN)
    cli->given[cli->given_count++] = option->name;
}

static bool takes_value(const att_cli_option *option) {
  return option->kind != ATT_CLI_FLAG && option->kind != ATT_CLI_LIBRARY_FLAG;
}

/* Of the verbs whose options the library lists, another that has it: "train translation"; or NULL. */
static const att_cli_verb *owner_of(const att_cli *cli, const char *name, size_t size) {
  for (const att_cli_verb *const *verb = att_cli_verbs; cli->verb->library && *verb; verb++)
    if ((*verb)->library && find_in(att_cli_options_of(*verb), name, size)) return *verb;
  return NULL;
}

/* "no-tie" of the flag "tie". */
static const att_cli_option *find_denied(const att_cli_verb *verb, const char *name, size_t size) {
  bool denies = size > 3 && memcmp(name, "no-", 3) == 0;
  const att_cli_option *option = denies ? find(verb, name + 3, size - 3) : NULL;
  return option && option->kind == ATT_CLI_LIBRARY_FLAG ? option : NULL;
}

/* The option that argv[*at] names, with its value, which may be the next word. */
static int parse_option(att_cli *cli, int *at, void *into) {
  const char *word = cli->argv[*at], *text = NULL;
  const att_cli_option *option, *denied = NULL;
  if (word[1] == '-') {
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    option = find(cli->verb, name, size);
    if (!option) option = denied = find_denied(cli->verb, name, size);
    const att_cli_verb *owner = option ? NULL : owner_of(cli, name, size);
    if (owner)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--%.*s is an option of '%s', not of '%s'", (int)size, name,
                          owner->name, cli->verb->name);
    if (!option) return unknown_option(cli, word, name, size);
    text = equals ? equals + 1 : NULL;
  } else {
    option = find_letter(att_cli_options_of(cli->verb), word[1]);
    if (!option) option = find_letter(att_cli_common_options, word[1]);
    if (!option) return unknown_option(cli, word, "", 0);
    text = word[2] ? word + 2 : NULL;
  }
  if (!takes_value(option) && text)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s takes no value, but got '%s'%s%s", option->name, text,
                        option->kind == ATT_CLI_LIBRARY_FLAG ? "; its opposite is --no-" : "",
                        option->kind == ATT_CLI_LIBRARY_FLAG ? option->name : "");
  if (takes_value(option) && !text) {
    text = *at + 1 < cli->argc ? cli->argv[*at + 1] : NULL;
    if (!text || strncmp(text, "--", 2) == 0)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s needs a value: --%s %s", option->name, option->name,
                          option->value);
    (*at)++;
  }
  if (takes_value(option) && !*text)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s: the value is empty", option->name);
  note_given(cli, option);
  return store(cli, option, denied ? "no" : text, into);
}

/* Names the first argument that is not there. */
static int missing_word(att_cli *cli) {
  const char *name = cli->verb->arguments;
  for (int i = 0; i < cli->word_count && *name; i++) {
    name += strcspn(name, " ");
    name += strspn(name, " ");
  }
  return att_cli_fail(cli, ATT_CLI_MISUSED, "%.*s is missing; usage: attend %s %s", (int)strcspn(name, " "), name,
                      cli->verb->name, cli->verb->arguments);
}

int att_cli_parse(att_cli *cli, void *into) {
  bool words_only = false;
  cli->word_count = cli->given_count = cli->setting_count = 0;
  for (const att_cli_option *option = att_cli_options_of(cli->verb); option->name; option++)
    if (option->kind == ATT_CLI_TEXTS) ((att_cli_texts *)(void *)((char *)into + option->offset))->count = 0;
  for (int i = 0; i < cli->argc; i++) {
    const char *word = cli->argv[i];
    if (!words_only && strcmp(word, "--") == 0) {
      words_only = true;
    } else if (words_only || word[0] != '-' || !word[1]) {
      cli->words[cli->word_count++] = word;
    } else {
      int status = parse_option(cli, &i, into);
      if (status) return status;
    }
  }
  const att_cli_verb *verb = cli->verb;
  cli->common = *(const att_cli_common *)into;
  if (cli->word_count > verb->most_words)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "'%s' is one word too many; usage: attend %s %s",
                        cli->words[verb->most_words], verb->name, verb->arguments);
  if (cli->word_count < verb->least_words) return missing_word(cli);
  return 0;
}
