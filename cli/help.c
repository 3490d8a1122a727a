/* Owns --help: the tables of options as pages of 80 columns. */
#include "options.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 80, HELP_COLUMN = 26 };

/* Words of `text` from column `at` on, later lines indented by `indent`; ends the line. */
static void print_wrapped(att_cli *cli, const char *text, int at, int indent) {
  bool first = true;
  while (*text) {
    size_t size = strcspn(text, " ");
    if (!first && at + 1 + (int)size > COLUMNS) {
      att_cli_print(cli, "\n%*s", indent, "");
      at = indent;
      first = true;
    }
    att_cli_print(cli, "%s%.*s", first ? "" : " ", (int)size, text);
    at += (int)size + !first;
    first = false;
    text += size;
    text += strspn(text, " ");
  }
  att_cli_print(cli, "\n");
}

static void print_option(att_cli *cli, const att_cli_option *option) {
  char left[200], help[400], name[64];
  char letter[8] = "";
  if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
  int width = snprintf(left, sizeof left, "  %s--%s%s%s", letter, att_cli_shown_name(option, name),
                       option->value ? " " : "", option->value ? option->value : "");
  snprintf(help, sizeof help, "%s%s%s%s", option->help, option->initial ? " [" : "",
           option->initial ? option->initial : "", option->initial ? "]" : "");
  if (width > HELP_COLUMN - 2)
    att_cli_print(cli, "%s\n%*s", left, HELP_COLUMN, "");
  else
    att_cli_print(cli, "%-*s", HELP_COLUMN, left);
  print_wrapped(cli, help, HELP_COLUMN, HELP_COLUMN);
}

/* common: those that the verb has itself are left out. */
static void print_options(att_cli *cli, const att_cli_option *table, bool common) {
  const char *group = "";
  for (; table->name; table++) {
    if (table->group && strcmp(table->group, group) != 0) att_cli_print(cli, "\n%s:\n", group = table->group);
    if (!common || !att_cli_has(cli->verb, table->name)) print_option(cli, table);
  }
}

static void print_example(att_cli *cli, const char *example) {
  att_cli_print(cli, "\nExample:\n");
  while (*example) {
    size_t size = strcspn(example, "\n");
    att_cli_print(cli, "  %.*s\n", (int)size, example);
    example += size + (example[size] == '\n');
  }
}

void att_cli_print_help(att_cli *cli) {
  const att_cli_verb *verb = cli->verb;
  att_cli_print(cli, "attend %s: %s\n\nUsage: attend %s %s [options]\n\n", verb->name, verb->summary, verb->name,
                verb->arguments);
  print_wrapped(cli, verb->about, 0, 0);
  print_options(cli, att_cli_options_of(verb), false);
  print_options(cli, att_cli_common_options, true);
  print_example(cli, verb->example);
}

void att_cli_print_overview(att_cli *cli) {
  att_cli_print(cli, "attend %s: trains Transformers, runs them and lets you look inside them\n\n", att_version());
  att_cli_print(cli, "Usage: attend VERB MODEL [arguments] [options]\n\nVerbs:\n");
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++)
    att_cli_print(cli, "  %-20s %s\n", (*verb)->name, (*verb)->summary);
  att_cli_print(cli, "\n");
  print_wrapped(
      cli,
      "MODEL is a folder that Hugging Face tools read too, or a .gguf. A text after it, or the lines of --file or "
      "standard "
      "input, goes in, and a line for a line comes out on standard output. 'attend VERB --help' says more about a "
      "verb, 'man attend' all of "
      "it.",
      0, 0);
  print_example(cli, "attend train translation --source train.de --target train.en -o de-en\n"
                     "attend translate de-en \"Ein Hund läuft durch den Schnee.\"\n"
                     "attend look de-en \"Ein Hund läuft durch den Schnee.\"");
}
