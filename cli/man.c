/* Owns the man page: the tables of options as roff (man(7)). */
#include "options.h"

#include <string.h>

/* Text in which roff sees no requests and no hyphens. */
static void print_text(att_cli *cli, const char *text) {
  if (*text == '.' || *text == '\'') att_cli_print(cli, "\\&");
  for (; *text; text++) {
    if (*text == '-')
      att_cli_print(cli, "\\-");
    else if (*text == '\\')
      att_cli_print(cli, "\\e");
    else if (*text == '\n' && (text[1] == '.' || text[1] == '\''))
      att_cli_print(cli, "\n\\&");
    else
      att_cli_write(cli, text, 1);
  }
}

static void print_parts(att_cli *cli, const char *const *parts) {
  for (; *parts; parts++) print_text(cli, *parts);
  att_cli_print(cli, "\n");
}

static void print_option(att_cli *cli, const att_cli_option *option) {
  const char letter[] = {'-', option->letter, '\0'};
  char name[64];
  att_cli_print(cli, ".TP\n");
  if (option->letter) {
    att_cli_print(cli, "\\fB");
    print_text(cli, letter);
    att_cli_print(cli, "\\fR, ");
  }
  att_cli_print(cli, "\\fB");
  print_text(cli, "--");
  print_text(cli, att_cli_shown_name(option, name));
  att_cli_print(cli, "\\fR");
  if (option->value) {
    att_cli_print(cli, " \\fI");
    print_text(cli, option->value);
    att_cli_print(cli, "\\fR");
  }
  att_cli_print(cli, "\n");
  const char *const help[] = {option->help, option->initial ? " [" : "", option->initial ? option->initial : "",
                              option->initial ? "]" : "", NULL};
  print_parts(cli, help);
}

static void print_options(att_cli *cli, const att_cli_option *table) {
  for (; table->name; table++) print_option(cli, table);
}

static void print_verb(att_cli *cli, const att_cli_verb *verb) {
  att_cli_print(cli, ".SS attend ");
  const char *const heading[] = {verb->name, " ", verb->arguments, NULL};
  print_parts(cli, heading);
  const char *const about[] = {verb->about, NULL};
  print_parts(cli, about);
  print_options(cli, att_cli_options_of(verb));
  att_cli_print(cli, ".PP\nExample:\n.PP\n.nf\n");
  const char *const example[] = {verb->example, NULL};
  print_parts(cli, example);
  att_cli_print(cli, ".fi\n");
}

void att_cli_print_man(att_cli *cli) {
  att_cli_print(
      cli,
      ".TH ATTEND 1 \"\" \"attend %s\" \"User Commands\"\n"
      ".SH NAME\nattend \\- trains Transformers, runs them and lets you look inside them\n"
      ".SH SYNOPSIS\n\\fBattend\\fR \\fIVERB\\fR \\fIMODEL\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]\n"
      ".SH DESCRIPTION\n"
      "A \\fIMODEL\\fR is a folder that Hugging Face tools read too, or a .gguf. A text after it, or the lines of "
      "\\-\\-file or standard input, goes in, and a line for a line comes out on standard output; everything "
      "else goes to standard error.\n.SH VERBS\n",
      att_version());
  for (const att_cli_verb *const *verb = att_cli_verbs; *verb; verb++) print_verb(cli, *verb);
  att_cli_print(cli, ".SH OPTIONS OF EVERY VERB\n");
  print_options(cli, att_cli_common_options);
  att_cli_print(cli,
                ".SH COMPLETION\n\\fBattend \\-\\-completion\\fR bash, zsh or fish writes what that shell completes; "
                "cmake \\-\\-install puts it where shells look.\n");
  att_cli_print(
      cli,
      ".SH EXIT STATUS\n"
      ".TP\n\\fB0\\fR\nDone; also where the reader of standard output went away.\n"
      ".TP\n\\fB1\\fR\nIt could not be done: a file, a model, memory.\n"
      ".TP\n\\fB2\\fR\nThe command line is wrong.\n"
      ".TP\n\\fB130\\fR\nInterrupted, after what was made is saved.\n"
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBNO_COLOR\\fR\nIf not empty, nothing is coloured.\n"
      ".TP\n\\fBLC_ALL\\fR, \\fBLC_CTYPE\\fR, \\fBLANG\\fR\n"
      "Whether the terminal shows UTF\\-8; where none is set, it does.\n"
      ".TP\n\\fBOMP_WAIT_POLICY\\fR, \\fBGOMP_SPINCOUNT\\fR, \\fBKMP_BLOCKTIME\\fR\n"
      "How threads wait for work. Where none is set, they spin for about a tenth of a millisecond and then sleep, so "
      "that two runs on the same cores hardly hinder each other.\n"
      ".TP\n\\fBATTEND_ISA\\fR\n"
      "The kernels to use: portable, avx2 or avx512; otherwise the best that the processor has.\n"
      ".TP\n\\fBATTEND_GEMM\\fR\n"
      "Matrix products of training: own, onednn or cblas, of those that were built in.\n");
}
