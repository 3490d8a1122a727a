/*
 * Owns a locale that writes a comma where a number has a point, made where the machine's files allow.
 */
#ifndef ATT_TESTS_COMMA_LOCALE_H
#define ATT_TESTS_COMMA_LOCALE_H

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sets it, or says that there is none. place: a folder to make one in. setlocale(LC_ALL, "C") sets it back. */
static inline bool set_comma_locale(const char *place) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "comma"};
  char command[1024];
  snprintf(command, sizeof command, "mkdir -p %s/l && localedef -i de_DE -f UTF-8 %s/l/comma >%s/l/log 2>&1", place,
           place, place);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(names[i], "comma") == 0) {
      if (system(command) < 0) break;
      snprintf(command, sizeof command, "%s/l", place);
      setenv("LOCPATH", command, 1);
    }
    if (setlocale(LC_ALL, names[i]) && strcmp(nl_langinfo(RADIXCHAR), ",") == 0) break;
    setlocale(LC_ALL, "C");
  }
  snprintf(command, sizeof command, "rm -rf %s/l", place);
  bool found = strcmp(nl_langinfo(RADIXCHAR), ",") == 0;
  if (system(command) < 0 || !found) printf("skipped: this machine has no locale with a decimal comma\n");
  return found;
}

#endif
