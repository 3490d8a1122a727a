/*
 * Owns tables of text: CSV (RFC 4180) and TSV, plain or gzip, as rows of cells. Refuses rows of different width, and in
 * CSV quotes that do not close or that are followed by more than a delimiter. Refuses to know what a column means.
 *
 * The delimiter: in a file called .csv a comma, or a semicolon where its first row has more of those; in any other a
 * tab where the first row has one; where there is none of these, a bar. A cell that begins with a quotation mark, in
 * CSV after spaces too, is quoted: it may have delimiters and line ends, and two marks are one. As many TSV files have
 * texts that simply begin with a mark, one that is not closed before a delimiter, or on a later line and after a tab,
 * is such a text there, and stays as it is.
 */
#ifndef ATT_FORMATS_TABLE_H
#define ATT_FORMATS_TABLE_H

#include "base/context.h"

/* Zero-initialised is empty. */
typedef struct att_table {
  att_text *cells; /* [rows, columns], into bytes */
  size_t *line;    /* [rows]: of the file, from 1, where each begins */
  size_t rows, columns;
  char delimiter;
  char *bytes;
} att_table;

/* Blank lines are left out. A table may have no rows. */
att_status att_table_read(att_context *ctx, const char *path, att_table *table);
void att_table_free(att_context *ctx, att_table *table);
/* Cell `column` of row `row`. */
att_text att_table_cell(const att_table *table, size_t row, size_t column);

#endif
