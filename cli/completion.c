/* Owns what a shell completes: the tables of verbs and options as scripts of bash, zsh and fish. */
#include "options.h"

#include <string.h>

static bool has_value(const att_cli_option *option) {
  return option->kind != ATT_CLI_FLAG && option->kind != ATT_CLI_LIBRARY_FLAG;
}

/* "one|two|three": the names of a choice. */
static bool is_choice(const att_cli_option *option) { return has_value(option) && strchr(option->value, '|'); }

/* The names of a choice with blanks between. */
static void print_choices(att_cli *cli, const char *names) {
  for (; *names; names++) att_cli_write(cli, *names == '|' ? " " : names, 1);
}

/* Text within single quotes, where any of `special` gets a backslash. */
static void print_quoted(att_cli *cli, const char *text, const char *special) {
  for (; *text; text++) {
    if (*text == '\'')
      att_cli_print(cli, "%s", strchr(special, '\'') ? "\\'" : "'\\''");
    else
      att_cli_print(cli, "%s%c", strchr(special, *text) ? "\\" : "", *text);
  }
}

/* "translation" of "train translation", or NULL. */
static const char *trained(const att_cli_verb *verb) {
  return strncmp(verb->name, "train ", 6) == 0 ? verb->name + 6 : NULL;
}

static void print_verbs(att_cli *cli, bool of_train) {
  const char *before = of_train ? "" : "train ";
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) {
    if (of_train != (trained(*verb) != NULL)) continue;
    att_cli_print(cli, "%s%s", before, of_train ? trained(*verb) : (*verb)->name);
    before = " ";
  }
}

/* Calls `print` for the options of a verb, and for those of every verb that it does not have itself. */
typedef void option_fn(att_cli *cli, const att_cli_verb *verb, const att_cli_option *option);
static void each_option(att_cli *cli, const att_cli_verb *verb, option_fn *print) {
  for (const att_cli_option *option = att_cli_options_of(verb); option->name; option++) print(cli, verb, option);
  for (const att_cli_option *option = att_cli_common_options; option->name; option++)
    if (!att_cli_has(verb, option->name)) print(cli, verb, option);
}

/* ---- bash ---- */

static void bash_name(att_cli *cli, const att_cli_verb *verb, const att_cli_option *option) {
  (void)verb;
  att_cli_print(cli, " --%s", option->name);
  if (option->kind == ATT_CLI_LIBRARY_FLAG) att_cli_print(cli, " --no-%s", option->name);
}

static void bash_choice(att_cli *cli, const att_cli_verb *verb, const att_cli_option *option) {
  if (!is_choice(option)) return;
  att_cli_print(cli, "    '%s --%s') words='", verb->name, option->name);
  print_choices(cli, option->value);
  att_cli_print(cli, "' ;;\n");
}

static void print_bash(att_cli *cli) {
  att_cli_print(cli, "_attend() {\n"
                     "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "  local verb=${COMP_WORDS[1]} words=\n"
                     "  [ \"$verb\" = train ] && [ \"$COMP_CWORD\" -gt 2 ] && verb=\"train ${COMP_WORDS[2]}\"\n"
                     "  case $word in -*) case $verb in\n");
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) {
    att_cli_print(cli, "    '%s') words='", (*verb)->name);
    each_option(cli, *verb, bash_name);
    att_cli_print(cli, "' ;;\n");
  }
  att_cli_print(cli, "    train) words=--resume ;;\n  esac ;; esac\n  case \"$verb $before\" in\n");
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) each_option(cli, *verb, bash_choice);
  att_cli_print(cli, "    'train train') words='");
  print_verbs(cli, true);
  att_cli_print(cli, " --resume' ;;\n  esac\n  [ \"$COMP_CWORD\" = 1 ] && words='");
  print_verbs(cli, false);
  att_cli_print(cli, " help --help --version'\n"
                     "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                     "}\ncomplete -o default -F _attend attend\n");
}

/* ---- zsh ---- */

static void zsh_option(att_cli *cli, const att_cli_verb *verb, const att_cli_option *option) {
  (void)verb;
  att_cli_print(cli, " \\\n        '--%s%s[", option->name, has_value(option) ? "=" : "");
  print_quoted(cli, option->help, "[]\\:");
  att_cli_print(cli, "]");
  if (is_choice(option)) {
    att_cli_print(cli, ":value:(");
    print_choices(cli, option->value);
    att_cli_print(cli, ")");
  } else if (has_value(option)) {
    att_cli_print(cli, ":value:_files");
  }
  att_cli_print(cli, "'");
  if (option->kind == ATT_CLI_LIBRARY_FLAG) att_cli_print(cli, " '--no-%s'", option->name);
}

static void print_zsh(att_cli *cli) {
  att_cli_print(cli, "#compdef attend\n_attend() {\n  local verb=$words[2]\n"
                     "  [[ $verb == train ]] && (( CURRENT > 3 )) && verb=\"train $words[3]\"\n"
                     "  if (( CURRENT == 2 )); then compadd -- ");
  print_verbs(cli, false);
  att_cli_print(cli, " help --help --version; return; fi\n"
                     "  if [[ $verb == train ]]; then compadd -- ");
  print_verbs(cli, true);
  att_cli_print(cli, " --resume; return; fi\n  case $verb in\n");
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) {
    att_cli_print(cli, "    '%s') _arguments", (*verb)->name);
    each_option(cli, *verb, zsh_option);
    att_cli_print(cli, " \\\n        '*:file:_files' ;;\n");
  }
  att_cli_print(
      cli, "  esac\n}\nif [ \"$funcstack[1]\" = _attend ]; then _attend \"$@\"; else compdef _attend attend; fi\n");
}

/* ---- fish ---- */

static void fish_begin(att_cli *cli, const att_cli_verb *verb, const char *no, const char *name) {
  const char *what = trained(verb);
  att_cli_print(cli, "complete -c attend -n '__fish_seen_subcommand_from %s%s%s' -l %s%s", what ? "train" : verb->name,
                what ? "; and __fish_seen_subcommand_from " : "", what ? what : "", no, name);
}

static void fish_option(att_cli *cli, const att_cli_verb *verb, const att_cli_option *option) {
  fish_begin(cli, verb, "", option->name);
  if (option->letter) att_cli_print(cli, " -s %c", option->letter);
  if (is_choice(option)) {
    att_cli_print(cli, " -x -a '");
    print_choices(cli, option->value);
    att_cli_print(cli, "'");
  } else if (has_value(option)) {
    att_cli_print(cli, " -r");
  }
  att_cli_print(cli, " -d '");
  print_quoted(cli, option->help, "'\\");
  att_cli_print(cli, "'\n");
  if (option->kind != ATT_CLI_LIBRARY_FLAG) return;
  fish_begin(cli, verb, "no-", option->name);
  att_cli_print(cli, "\n");
}

static void fish_verb(att_cli *cli, const att_cli_verb *verb) {
  const char *what = trained(verb);
  att_cli_print(cli, "complete -c attend -n '%s' -f -a %s -d '",
                what ? "__fish_seen_subcommand_from train" : "__fish_use_subcommand", what ? what : verb->name);
  print_quoted(cli, verb->summary, "'\\");
  att_cli_print(cli, "'\n");
  each_option(cli, verb, fish_option);
}

static void print_fish(att_cli *cli) {
  att_cli_print(cli, "complete -c attend -n __fish_use_subcommand -f -a train -d 'train a model'\n");
  att_cli_print(cli, "complete -c attend -n '__fish_seen_subcommand_from train; and not __fish_seen_subcommand_from ");
  print_verbs(cli, true);
  att_cli_print(cli, "' -l resume -r -d 'go on with the run in a folder'\n");
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) fish_verb(cli, *verb);
}

bool att_cli_print_completion(att_cli *cli, const char *shell) {
  if (strcmp(shell, "bash") == 0)
    print_bash(cli);
  else if (strcmp(shell, "zsh") == 0)
    print_zsh(cli);
  else if (strcmp(shell, "fish") == 0)
    print_fish(cli);
  else
    return false;
  return true;
}
