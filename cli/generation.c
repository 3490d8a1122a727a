/* Owns what generation.h says. */
#include "generation.h"

#include <string.h>

const char *att_cli_sampling_given(const att_cli *cli) {
  static const char *const names[] = {"top-k", "top-p", "min-p", "typical-p", "samples"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (att_cli_given(cli, names[i])) return names[i];
  return NULL;
}

int att_cli_read_grammar(att_cli *cli, att_cli_grammar *grammar, att_generate_options *generate) {
  size_t size;
  const char *path = grammar->grammar ? grammar->grammar : grammar->schema;
  if (!path) return 0;
  if (grammar->grammar && grammar->schema)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--grammar and --json-schema exclude each other");
  int status = att_cli_failed(cli, att_read_text(cli->ctx, path, &grammar->text, &size));
  if (!status && strlen(grammar->text) != size) status = att_cli_fail(cli, ATT_CLI_FAILED, "%s has a NUL in it", path);
  if (grammar->grammar) generate->grammar = grammar->text;
  if (grammar->schema) generate->json_schema = grammar->text;
  return status;
}

int att_cli_check_lengths(att_cli *cli, int fewest, int most) {
  if (most <= 0 || fewest <= most) return 0;
  if (att_cli_given(cli, "min-tokens"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--min-tokens %d is above --max-tokens, which is %d", fewest, most);
  if (att_cli_given(cli, "max-tokens"))
    att_cli_warn(cli, "--max-tokens %d is below the %d tokens that the model asks for at least", most, fewest);
  return 0;
}
