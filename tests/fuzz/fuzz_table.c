/*
 * Any bytes as a table: the first says whether it is called .csv or .tsv. What is accepted must lie inside the file's
 * bytes, row for row.
 * Built by cmake/tests.cmake: with ATTEND_FUZZ by clang's -fsanitize=fuzzer; else with runner.c, as a test over
 * tests/data/fuzz/fuzz_table (made by tools/make_fuzz_seeds.py).
 */
#include "formats/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const att_table *table, size_t size) {
  static volatile char last;
  size_t bytes = 0;
  for (size_t row = 0; row < table->rows; row++) {
    if (table->line[row] < 1 || (row && table->line[row] <= table->line[row - 1])) abort();
    for (size_t column = 0; column < table->columns; column++) {
      att_text cell = att_table_cell(table, row, column);
      for (size_t i = 0; i < cell.size; i++) last = cell.data[i];
      bytes += cell.size;
    }
  }
  if (bytes > size) abort();
  (void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[] = "/tmp/attend-fuzz-XXXXXX.csv";
  if (size == 0) return 0;
  if (*data % 2) path[sizeof path - 4] = 't'; /* .tsv */
  int file = mkstemps(path, 4);
  if (file < 0 || write(file, data + 1, size - 1) != (ssize_t)(size - 1) || close(file) != 0) abort();
  att_context *ctx;
  att_table table = {0};
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  if (att_table_read(ctx, path, &table) == ATT_OK) touch(&table, size - 1);
  att_table_free(ctx, &table);
  att_context_free(ctx);
  unlink(path);
  return 0;
}
