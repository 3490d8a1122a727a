/*
 * Tables of text: RFC 4180's rules one by one, TSV with and without quotes, hostile files, allocations that fail. What
 * Python's csv module makes of the same bytes is the truth of `truth` (tests/data/tables,
 * tools/make_table_fixtures.py).
 */
#include "scratch.h"

#include "formats/table.h"

#include <stdlib.h>

static const char *write_text(const char *name, const char *text) {
  const char *path = in_folder(name);
  write_bytes(path, text, strlen(text));
  return path;
}

/* expected: cells with | between, rows with / between. */
static void must_be(const char *name, const char *text, const char *expected) {
  att_table t;
  char found[1000] = "";
  if (att_table_read(ctx, write_text(name, text), &t)) fail_msg("%s: %s", text, att_message(ctx));
  for (size_t r = 0; r < t.rows; r++)
    for (size_t c = 0; c < t.columns; c++) {
      att_text cell = att_table_cell(&t, r, c);
      snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s",
               c   ? "|"
               : r ? "/"
                   : "",
               (int)cell.size, cell.data);
    }
  assert_string_equal(found, expected);
  att_table_free(ctx, &t);
}

static void the_rules_of_csv(void **state) {
  (void)state;
  must_be("t.csv", "aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "aaa|bbb|ccc/zzz|yyy|xxx");
  must_be("t.csv", "aaa,bbb\nzzz,yyy", "aaa|bbb/zzz|yyy");
  must_be("t.csv", "\"aaa\",\"b\r\nb\"\r\nzzz,yyy\r\n", "aaa|b\r\nb/zzz|yyy");
  must_be("t.csv", "\"a,a\",b\n\"c\"\"c\",\"\"\"d\"\"\"\n", "a,a|b/c\"c|\"d\"");
  must_be("t.csv", "\"\",\n,\"\"\n", "|/|");
  must_be("t.csv", "a, b \nc\"c,d\n", "a| b /c\"c|d");
  must_be("t.csv", "\xef\xbb\xbf\"a\",b\n\n  \nc,d\n", "a|b/c|d");
  must_be("t.csv", "a;b\n\"c;c\";1,5\n", "a|b/c;c|1,5");
  must_be("t.csv", "a\tb\nc\td\n", "a|b/c|d");
  must_be("t.txt", "a,b\nc,d\n", "a|b/c|d");
  must_be("t.csv", "", "");
}

static void tabs(void **state) {
  (void)state;
  must_be("t.tsv", "a\tb\nc, d\te\n", "a|b/c, d|e");
  must_be("t.tsv", "\"a\tb\"\tc\n\"d\"\"e\"\tf\n", "a\tb|c/d\"e|f");
  must_be("t.tsv", "\"two\nlines\"\tc\n", "two\nlines|c");
  /* texts that only begin with a quotation mark */
  must_be("t.tsv", "\"Good\", he said\tx\n\"open\ty\nends\"\tz\n", "\"Good\", he said|x/\"open|y/ends\"|z");
  must_be("t.tsv", "\"\tx\n\"\ty\n", "\"|x/\"|y");
  must_be("t.tsv", "a\t\"b\n", "a|\"b");
}

static void lines_are_numbered(void **state) {
  (void)state;
  att_table t;
  assert_int_equal(att_table_read(ctx, write_text("t.csv", "\n\"a\nb\nc\",d\n\ne,f\n"), &t), ATT_OK);
  assert_int_equal(t.rows, 2);
  assert_true(t.line[0] == 2 && t.line[1] == 6);
  assert_int_equal(t.delimiter, ',');
  att_table_free(ctx, &t);
}

static void what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *clue;
  } cases[] = {
      {"a,b\n\"c,d\ne,f\n", "line 2: a quotation mark opens here and is never closed"},
      {"a,b\n\"c\"d,e\n", "line 2: more text follows a closing quotation mark"},
      {"a,b\nc\n", "line 2 has 1 column, those before it 2 (separated by commas; a text with these needs quotation "
                   "marks around it)"},
      {"a,b\n\nc,d,e\n", "line 3 has 3 columns, those before it 2"},
  };
  att_table t;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    must_say(att_table_read(ctx, write_text("t.csv", cases[i].text), &t), ATT_FORMAT, cases[i].clue);
    assert_null(t.bytes);
  }
  must_say(att_table_read(ctx, in_folder("nowhere.csv"), &t), ATT_IO, "nowhere.csv");
}

/* Any bytes are read or refused, and the cells lie within the file's. */
static void odd_bytes_harm_nothing(void **state) {
  (void)state;
  unsigned seed = 7;
  int read = 0;
  for (int round = 0; round < 2000; round++) {
    static const char alphabet[] = "a\"\"\",\t\n\r;\xc3\xa4\xff ";
    char text[60];
    size_t size = (size_t)round % sizeof text;
    for (size_t i = 0; i < size; i++)
      text[i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet - 1)];
    const char *path = in_folder(round % 2 ? "t.csv" : "t.tsv");
    write_bytes(path, text, size);
    att_table t;
    if (att_table_read(ctx, path, &t)) continue;
    read += t.rows > 0;
    for (size_t i = 0; i < t.rows * t.columns; i++)
      assert_true(t.cells[i].data >= t.bytes && t.cells[i].data + t.cells[i].size <= t.bytes + size);
    att_table_free(ctx, &t);
  }
  assert_true(read > 20);
}

static att_status read_one(att_context *small, void *path) {
  att_table t;
  ATT_TRY(att_table_read(small, path, &t));
  att_table_free(small, &t);
  return ATT_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", write_text("t.csv", "a,\"b\"\nc,d\n"));
  assert_true(fail_each_allocation(read_one, path) > 3);
}

/* The cells of every file as Python's csv module has them: tests/data/tables/NAME and NAME.cells, where each cell is a
 * line with its length before it, and each row ends with an empty line. */
static void truth(void **state) {
  (void)state;
  static const char *const names[] = {"quotes.csv", "lines.csv", "excel.csv", "plain.tsv"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[1024], expected[1040];
    att_table t;
    att_buffer found = {0}, wanted = {0};
    snprintf(path, sizeof path, "%s/tables/%s", ATT_TEST_DATA, names[i]);
    snprintf(expected, sizeof expected, "%s.cells", path);
    if (att_table_read(ctx, path, &t)) fail_msg("%s", att_message(ctx));
    for (size_t r = 0; r < t.rows; r++) {
      for (size_t c = 0; c < t.columns; c++) {
        att_text cell = att_table_cell(&t, r, c);
        assert_int_equal(att_buffer_print(ctx, &found, "%zu ", cell.size), ATT_OK);
        assert_int_equal(att_buffer_append(ctx, &found, cell.data, cell.size), ATT_OK);
        assert_int_equal(att_buffer_append(ctx, &found, "\n", 1), ATT_OK);
      }
      assert_int_equal(att_buffer_append(ctx, &found, "\n", 1), ATT_OK);
    }
    assert_true(t.rows > 2);
    assert_int_equal(att_file_read(ctx, expected, 1 << 20, &wanted), ATT_OK);
    assert_int_equal(found.size, wanted.size);
    assert_memory_equal(found.data, wanted.data, found.size);
    att_buffer_free(ctx, &found);
    att_buffer_free(ctx, &wanted);
    att_table_free(ctx, &t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(the_rules_of_csv, empty_folder),
      cmocka_unit_test_teardown(tabs, empty_folder),
      cmocka_unit_test_teardown(lines_are_numbered, empty_folder),
      cmocka_unit_test_teardown(what_is_refused, empty_folder),
      cmocka_unit_test_teardown(odd_bytes_harm_nothing, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
      cmocka_unit_test(truth),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
