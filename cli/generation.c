/* Owns what generation.h says. */
#include "generation.h"

const char *att_cli_sampling_given(const att_cli *cli) {
  static const char *const names[] = {"top-k", "top-p", "min-p", "typical-p", "samples"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (att_cli_given(cli, names[i])) return names[i];
  return NULL;
}
