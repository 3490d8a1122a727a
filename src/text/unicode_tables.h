/*
 * Owns the declarations of unicode_tables.c: where Unicode as Hugging Face `tokenizers` has it differs from utf8proc's.
 * All tables are in the order of code points. For unicode.c alone.
 */
#ifndef ATT_TEXT_UNICODE_TABLES_H
#define ATT_TEXT_UNICODE_TABLES_H

#include "text/unicode.h"

typedef struct att_code_category {
  int32_t first, last;
  att_category category;
} att_code_category;

typedef struct att_code_lower {
  int32_t upper, lower;
} att_code_lower;

/* What utf8proc knows nothing of, and Oniguruma does (Unicode 16). */
extern const att_code_category att_newer_categories[];
extern const size_t att_newer_category_count;
/* Lower case of Unicode 17. */
extern const att_code_lower att_newer_lower[];
extern const size_t att_newer_lower_count;
/* Marks and characters with a decomposition that came after Unicode 9: normal forms leave them as they are, and they
 * are no accents. */
extern const att_code_range att_formless[];
extern const size_t att_formless_count;

typedef struct att_code_script {
  int32_t first;  /* of a run of code points of one script */
  int32_t script; /* a number; of ATT_SCRIPT_COMMON and so on the same */
} att_code_script;
/* Scripts of Unicode 14. */
extern const att_code_script att_scripts[];
extern const size_t att_script_count;

/* Scripts that patterns name. */
typedef struct att_named_script {
  const char *name; /* in lower case */
  const att_code_range *ranges;
  size_t count;
} att_named_script;
extern const att_named_script att_named_scripts[];
extern const size_t att_named_script_count;

#endif
