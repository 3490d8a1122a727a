/*
 * Files of labelled texts: columns, headers, kinds of labels chosen and found, hostile files, the data in ../shared.
 */
#include "scratch.h"

#include "comma_locale.h"
#include "train/data/labelled.h"

static const char *write_text(const char *text) {
  const char *path = in_folder("data.tsv");
  write_bytes(path, text, strlen(text));
  return path;
}

static void must_read(const char *text, att_labelled *labelled) {
  if (att_labelled_read(ctx, write_text(text), NULL, labelled)) fail_msg("%s", att_message(ctx));
}

static void same(att_text text, const char *expected) {
  assert_int_equal(text.size, strlen(expected));
  assert_memory_equal(text.data, expected, text.size);
}

static void columns_are_read(void **state) {
  (void)state;
  att_labelled l;
  att_text first, second;
  must_read("a b\tx\r\n\n  \nc\t y \nd \"q\"\tz'\"", &l);
  assert_int_equal(l.lines.count, 3);
  assert_false(l.pairs);
  same(l.lines.source[0], "a b");
  same(l.lines.target[0], "x");
  same(l.lines.target[1], "y");
  same(l.lines.target[2], "z'\"");
  assert_int_equal(l.number[1], 4);
  assert_false(att_labelled_texts(l.lines.source[0], &first, &second));
  att_labelled_free(ctx, &l);

  must_read("one\ttwo\t1.5\n\t\t2\n", &l);
  assert_true(l.pairs);
  assert_int_equal(l.lines.count, 2);
  assert_true(att_labelled_texts(l.lines.source[0], &first, &second));
  same(first, "one");
  same(second, "two");
  assert_true(att_labelled_texts(l.lines.source[1], &first, &second));
  same(second, "");
  att_labelled_free(ctx, &l);

  must_read("sentence1\tsentence2\tScore\na\tb\t1\n", &l);
  assert_int_equal(l.lines.count, 1);
  assert_int_equal(l.number[0], 2);
  att_labelled_free(ctx, &l);
  must_read("text\tpositive\nlabel\tnegative\n", &l); /* no header: "positive" is no name of a column */
  assert_int_equal(l.lines.count, 2);
  att_labelled_free(ctx, &l);
}

static void wrong_columns_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *clue;
  } cases[] = {
      {"", "it has no rows"},
      {"\n \n", "it has no rows"},
      {"text\tlabel\n", "it has no rows"},
      {"a b\n", "line 1 has one column"},
      {"a\tx\nb\n", "line 2 has 1 column, those before it 2 (separated by tabs)"},
      {"a\tx\n\nb\tc\ty\n", "line 3 has 3 columns, those before it 2"},
      {"a\tb\tx\nc\ty\n", "line 2 has 2 columns, those before it 3"},
      {"a\tb\tc\td\n", "more than two of its columns may be the text (of series"},
      {"id,text,label,body,title\n", "the first row has 1 \"id\", 2 \"text\", 3 \"label\", 4 \"body\", 5 \"title\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_labelled l;
    must_say(att_labelled_read(ctx, write_text(cases[i].text), NULL, &l), ATT_FORMAT, cases[i].clue);
    assert_null(l.text);
  }
  att_labelled l;
  must_say(att_labelled_read(ctx, in_folder("nowhere.tsv"), NULL, &l), ATT_IO, "nowhere.tsv");
}

/* The set of the text's labels. */
static att_label_set set_of(const char *text, int head) {
  att_labelled l;
  att_label_set set;
  must_read(text, &l);
  if (att_label_set_find(ctx, "data.tsv", &l, head, &set)) fail_msg("%s", att_message(ctx));
  att_labelled_free(ctx, &l);
  return set;
}

static void kinds_are_chosen(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int head, expected;
    const char *names[4];
  } cases[] = {
      {"a\tyes\nb\tno\nc\tyes\n", -1, ATT_HEAD_CLASSES, {"no", "yes"}},
      {"a\t10\nb\t9\nc\t-1\n", -1, ATT_HEAD_CLASSES, {"-1", "9", "10"}},
      {"a\t1.0\nb\t0.0\n", -1, ATT_HEAD_CLASSES, {"0.0", "1.0"}},
      {"a\t1.5\nb\t2\n", -1, ATT_HEAD_VALUES, {"value"}},
      {"a\t1.5\nb\t2\n", ATT_HEAD_CLASSES, ATT_HEAD_CLASSES, {"1.5", "2"}},
      {"a\t1\nb\t2\n", ATT_HEAD_VALUES, ATT_HEAD_VALUES, {"value"}},
      {"a\tred, blue\nb\tred\nc\t\n", -1, ATT_HEAD_LABELS, {"blue", "red"}},
      {"a\tred, blue\nb\tred\n", ATT_HEAD_CLASSES, ATT_HEAD_CLASSES, {"red", "red, blue"}},
      {"a\tred\nb\tblue\n", ATT_HEAD_LABELS, ATT_HEAD_LABELS, {"blue", "red"}},
      {"a\tnan\nb\t0x10\n", -1, ATT_HEAD_CLASSES, {"0x10", "nan"}},
      {"a\t1\nb\t2\nc\t3\nd\t1\n", -1, ATT_HEAD_CLASSES, {"1", "2", "3"}},
      {"a\t1e30\nb\t1\n", -1, ATT_HEAD_CLASSES, {"1", "1e30"}},
      {"a\t0.0\nb\t1.5\nc\t0.0\n", -1, ATT_HEAD_VALUES, {"value"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_label_set set = set_of(cases[i].text, cases[i].head);
    assert_int_equal(set.head, cases[i].expected);
    int64_t count = 0;
    while (count < 4 && cases[i].names[count]) count++;
    assert_int_equal(set.count, count);
    for (int64_t k = 0; k < count; k++) assert_string_equal(set.names[k], cases[i].names[k]);
    att_label_set_free(ctx, &set);
  }
}

/* count lines with whole numbers for labels, of which there are so many different ones, from -3 on. */
static char *numbered_lines(const char *first, int count, int different) {
  char *text = malloc((size_t)count * 40 + 100), *at = text;
  assert_non_null(text);
  at += sprintf(at, "%s", first);
  for (int i = 0; i < count; i++) at += sprintf(at, "text %d\t%d\n", i, i * 7 % different - 3);
  return text;
}

/* Classes may be numbered, however many there are; numbers that hardly come again are quantities. */
static void whole_numbers(void **state) {
  (void)state;
  static const struct {
    int count, different, head;
    att_head expected;
  } cases[] = {
      {606, 101, -1, ATT_HEAD_CLASSES},
      {400, 200, -1, ATT_HEAD_CLASSES},
      {400, 201, -1, ATT_HEAD_VALUES},
      {60, 59, -1, ATT_HEAD_VALUES},
      {12, 11, -1, ATT_HEAD_CLASSES},
      {606, 101, ATT_HEAD_VALUES, ATT_HEAD_VALUES},
      {60, 5, -1, ATT_HEAD_CLASSES},
      {60, 2, -1, ATT_HEAD_CLASSES},
      {60, 5, ATT_HEAD_VALUES, ATT_HEAD_VALUES},
      {20000, 3000, -1, ATT_HEAD_CLASSES},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = numbered_lines("", cases[i].count, cases[i].different);
    att_label_set set = set_of(text, cases[i].head);
    assert_int_equal(set.head, cases[i].expected);
    assert_true(set.whole && set.least <= -3 && set.least >= -3);
    assert_true(set.most >= cases[i].different - 4 && set.most <= cases[i].different - 4);
    if (set.head == ATT_HEAD_CLASSES) assert_int_equal(set.count, cases[i].different);
    if (set.head == ATT_HEAD_CLASSES) assert_string_equal(set.names[1], "-2");
    att_label_set_free(ctx, &set);
    free(text);
  }
}

/* Names of columns that nobody could know, over numbers. */
static void a_header_over_numbers(void **state) {
  (void)state;
  att_labelled l;
  char *text = numbered_lines("utterance\tintent_id\n", 60, 6);
  must_read(text, &l);
  assert_int_equal(l.lines.count, 60);
  assert_int_equal(l.number[0], 2);
  same(l.lines.source[0], "text 0");
  att_labelled_free(ctx, &l);
  att_label_set set = set_of(text, -1);
  assert_int_equal(set.count, 6);
  att_label_set_free(ctx, &set);
  free(text);
  must_read("a\tx\nb\t1\nc\t2\nd\ty\n", &l); /* names and numbers */
  assert_int_equal(l.lines.count, 4);
  att_labelled_free(ctx, &l);
  must_read("a\tx\nb\t1\n", &l); /* too few to tell */
  assert_int_equal(l.lines.count, 2);
  att_labelled_free(ctx, &l);
}

/* Rows of reviews; every third of another label. */
static char *reviews(const char *first, const char *row, int count) {
  char *text = malloc((size_t)count * 100 + 200), *at = text;
  assert_non_null(text);
  at += sprintf(at, "%s", first);
  for (int i = 0; i < count; i++) { /* a row that begins with its number has it twice */
    const char *label = i % 3 ? "good" : "bad";
    at += *row == '%' ? sprintf(at, row, i, i, label) : sprintf(at, row, i, label);
  }
  return text;
}

static void must_read_review(const char *first, const char *row, size_t expected) {
  char *text = reviews(first, row, 30);
  att_labelled l;
  must_read(text, &l);
  assert_int_equal(l.lines.count, expected);
  assert_false(l.pairs);
  same(l.lines.source[expected - 1], "a film, number 29");
  same(l.lines.target[expected - 1], "good");
  att_labelled_free(ctx, &l);
  free(text);
}

/* Whatever tells that the first row names the columns, and wherever text and label stand. */
static void headers_are_found(void **state) {
  (void)state;
  must_read_review("id,text,label\n", "%d,\"a film, number %d\",%s\n", 30);
  must_read_review("id\ttext\tlabel\n", "%d\ta film, number %d\t%s\n", 30);
  must_read_review("nr\tsatz\tart\n", "%d\ta film, number %d\t%s\n", 30);
  must_read_review(",text,label\n", "%d,\"a film, number %d\",%s\n", 30);
  must_read_review("Satz\tArt\n", "a film, number %d\t%s\n", 30); /* single words over texts */
  must_read_review("", "%d\ta film, number %d\t%s\n", 30);        /* a column that counts the rows */
  must_read_review("a first film\tneutral\n", "a film, number %d\t%s\n", 31);
  must_read_review("id;text;label\n", "%d;\"a film, number %d\";%s\n", 30);
  att_labelled l;
  must_read("Sentiment\tText\nPositive\tI like it\n", &l);
  same(l.lines.source[0], "I like it");
  same(l.lines.target[0], "Positive");
  att_labelled_free(ctx, &l);
  must_read_review("satz,quelle,art\n", "\"a film, number %d\",x,%s\n", 30); /* what does not vary is nothing */
  must_read_review("satz|art\n", "a film, number %d|%s\n", 30);
  must_read_review("satz, art\n", "\"a film, number %d\", \"%s\"\n", 30);
  must_read_review("", "a film, number %d\t%s\tx\n", 30);
  char keys[40 * 30] = "", *at = keys; /* the label first, then a text, then a key */
  for (int i = 0; i < 30; i++) at += sprintf(at, "%s\ta film, number %d\tk%dx\n", i % 3 ? "good" : "bad", i, i * 7919);
  must_read(keys, &l);
  assert_int_equal(l.lines.count, 30);
  assert_false(l.pairs);
  same(l.lines.source[1], "a film, number 1");
  same(l.lines.target[1], "good");
  att_labelled_free(ctx, &l);
}

static void columns_are_named(void **state) {
  (void)state;
  const char *text = "id,title,body,stars,lang\n1,A,one text,5,en\n2,B,two,4,de\n";
  att_labelled l;
  att_columns columns = {.text = "body", .label = "stars"};
  assert_int_equal(att_labelled_read(ctx, write_text(text), &columns, &l), ATT_OK);
  assert_int_equal(l.lines.count, 2);
  same(l.lines.source[0], "one text");
  same(l.lines.target[1], "4");
  att_labelled_free(ctx, &l);
  columns = (att_columns){.text = "title", .text_pair = "body", .label = "5"}; /* by its number */
  assert_int_equal(att_labelled_read(ctx, write_text(text), &columns, &l), ATT_OK);
  assert_true(l.pairs);
  same(l.lines.source[1], "B\ttwo");
  same(l.lines.target[1], "de");
  att_labelled_free(ctx, &l);
  columns = (att_columns){.label = "mood"};
  must_say(att_labelled_read(ctx, write_text(text), &columns, &l), ATT_FORMAT,
           "it has no column \"mood\" (--label-column); the first row has 1 \"id\", 2 \"title\"");
  columns = (att_columns){.text = "body", .label = "3"};
  must_say(att_labelled_read(ctx, write_text(text), &columns, &l), ATT_FORMAT,
           "--label-column is \"3\", the column of another option");
  columns = (att_columns){.text = "body", .label = "lang"};
  must_say(att_labelled_read(ctx, write_text("body,body,lang\na,b,c\n"), &columns, &l), ATT_FORMAT,
           "2 columns are called \"body\" (--text-column): give the number of one");
  must_say(att_labelled_read(ctx, write_text("text,text,label\na,b,c\n"), NULL, &l), ATT_FORMAT,
           "two of its columns have one name");
  columns = (att_columns){.text = "6"};
  must_say(att_labelled_read(ctx, write_text(text), &columns, &l), ATT_FORMAT, "it has no column \"6\"");
}

/* The log's warnings are kept. */
static char warned[2000];
static void keep_warning(void *user, att_log_level level, const char *text) {
  (void)user;
  if (level == ATT_LOG_WARNING) snprintf(warned, sizeof warned, "%s", text);
}

static void labels_are_counted(void **state) {
  (void)state;
  char *text = reviews("a first film of all\tneutral\n", "a film, number %d\t%s\n", 30);
  att_context_options options;
  att_context *loud;
  att_context_options_default(&options);
  options.log = keep_warning;
  assert_int_equal(att_context_new(&options, &loud), ATT_OK);
  att_labelled l;
  att_label_set set;
  assert_int_equal(att_labelled_read(loud, write_text(text), NULL, &l), ATT_OK);
  assert_int_equal(att_label_set_find(loud, "d", &l, -1, &set), ATT_OK);
  assert_int_equal(set.count, 3);
  assert_true(set.uses[0] == 10 && set.uses[1] == 20 && set.uses[2] == 1);
  assert_non_null(strstr(warned, "the label \"neutral\" is on line 1 alone"));
  att_label_set_free(loud, &set);
  att_labelled_free(loud, &l);
  att_context_free(loud);
  free(text);
}

/* The caller's locale may write 0,5; a file does not. */
static void a_decimal_comma_changes_nothing(void **state) {
  (void)state;
  make_comma_locale();
  if (set_comma_locale()) {
    att_label_set set = set_of("a\t0.5\nb\t1.25\nc\t-3\n", -1);
    assert_int_equal(set.head, ATT_HEAD_VALUES);
    assert_true(set.least >= -3 && set.most >= 1.25 && set.most <= 1.25);
    att_label_set_free(ctx, &set);
  }
  setlocale(LC_NUMERIC, "C");
  remove_comma_locale();
}

static void must_not_find(const char *text, int head, const char *clue) {
  att_labelled l;
  att_label_set set;
  must_read(text, &l);
  must_say(att_label_set_find(ctx, "data.tsv", &l, head, &set), ATT_FORMAT, clue);
  assert_null(set.names);
  att_labelled_free(ctx, &l);
}

/* count lines, each with a label of its own. */
static char *lines_apart(int count, const char *between) {
  char *text = malloc((size_t)count * 40 + 1), *at = text;
  assert_non_null(text);
  for (int i = 0; i < count; i++) at += sprintf(at, "text%sid%d\n", between, i);
  return text;
}

static void labels_that_teach_nothing_are_refused(void **state) {
  (void)state;
  must_not_find("a\tx\nb\tx\n", -1, "every line has the label \"x\"");
  must_not_find("a\t1\nb\t1\nc\t1\n", -1, "every line has the label \"1\"");
  must_not_find("a\t1\nb\t1\nc\t1\n", ATT_HEAD_VALUES, "every line has the number 1");
  must_not_find("a\t0.5\nb\t0.5\n", -1, "every line has the number 0.5");
  must_not_find("a\t\nb\tx\n", -1, "line 1 has no label");
  must_not_find("a\tx\n\nb\t \n", -1, "line 3 has no label");
  must_not_find("a\tx,,y\nb\tx\n", -1, "line 1: a label is empty");
  must_not_find("a\t1\nb\ty\n", ATT_HEAD_VALUES, "line 2: the label \"y\" is not a number");
  must_not_find("a\t\xff\nb\ty\n", -1, "line 1: its label is not valid UTF-8");
  must_not_find("a\t1\nb\t1.0\n", ATT_HEAD_VALUES, "every line has the number 1");
  char *text = lines_apart(40, "\tmark\t");
  must_not_find(text, -1, "40 different labels in 40 rows: is that column the label?");
  free(text);
  text = lines_apart(70000, "\t");
  char *twice = malloc(4 * strlen(text) + 1);
  sprintf(twice, "%s%s%s", text, text, text);
  must_not_find(twice, -1, "70000 different labels in 210000 rows");
  free(twice);
  free(text);
}

static void truth_is_read(void **state) {
  (void)state;
  char *names[] = {"red", "blue", "green"}; /* a model's own order */
  att_labelled l;
  att_truth truth;
  must_read("a\tblue\nb\tgreen\n", &l);
  assert_int_equal(att_truth_read(ctx, "d", &l.lines, l.number, ATT_HEAD_CLASSES, names, 3, &truth), ATT_OK);
  assert_true(truth.labels[0] == 1 && truth.labels[1] == 2);
  att_truth_free(ctx, &truth);
  must_say(att_truth_read(ctx, "d", &l.lines, l.number, ATT_HEAD_CLASSES, names, 2, &truth), ATT_FORMAT,
           "d: line 2: unknown label \"green\"; there are: blue, red");
  must_say(att_truth_read(ctx, "d", &l.lines, l.number, ATT_HEAD_VALUES, names, 1, &truth), ATT_FORMAT,
           "d: line 1: the label \"blue\" is not a number");
  must_say(att_truth_read(ctx, "d", &l.lines, l.number, ATT_HEAD_VALUES, names, 2, &truth), ATT_UNSUPPORTED,
           "2 numbers a text");
  att_labelled_free(ctx, &l);

  must_read("a\tblue, red\nb\t\nc\tgreen\n", &l);
  assert_int_equal(att_truth_read(ctx, "d", &l.lines, l.number, ATT_HEAD_LABELS, names, 3, &truth), ATT_OK);
  const float expected[] = {1, 1, 0, 0, 0, 0, 0, 0, 1};
  assert_memory_equal(truth.values, expected, sizeof expected);
  att_truth_free(ctx, &truth);
  att_labelled_free(ctx, &l);

  must_read("a\t-1.5e1\nb\t+3\n", &l);
  assert_int_equal(att_truth_read(ctx, "d", &l.lines, l.number, ATT_HEAD_VALUES, names, 1, &truth), ATT_OK);
  assert_true(truth.values[0] <= -15 && truth.values[0] >= -15 && truth.values[1] >= 3);
  att_truth_free(ctx, &truth);
  att_labelled_free(ctx, &l);
}

/* Any bytes are read or refused. */
static void odd_bytes_harm_nothing(void **state) {
  (void)state;
  unsigned seed = 1;
  for (int round = 0; round < 300; round++) {
    static const char alphabet[] = "ab,\t\t\n\n\r\0 1.5-\"\";\xc3\xa4\xff";
    char text[200];
    for (size_t i = 0; i < sizeof text; i++)
      text[i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet - 1)];
    write_bytes(in_folder("data.tsv"), text, sizeof text);
    att_labelled l;
    att_label_set set;
    att_truth truth;
    if (att_labelled_read(ctx, in_folder("data.tsv"), NULL, &l)) continue;
    if (att_label_set_find(ctx, "d", &l, -1, &set) == ATT_OK) {
      assert_int_equal(att_truth_read(ctx, "d", &l.lines, l.number, set.head, set.names, set.count, &truth), ATT_OK);
      att_truth_free(ctx, &truth);
      att_label_set_free(ctx, &set);
    }
    att_labelled_free(ctx, &l);
  }
}

static bool read_shared(const char *name, att_labelled *labelled) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_SHARED_DATA, name);
  if (!att_file_exists(path)) {
    print_message("skipped: %s is not here\n", name);
    return false;
  }
  if (att_labelled_read(ctx, path, NULL, labelled)) fail_msg("%s", att_message(ctx));
  return true;
}

static void real_files_are_understood(void **state) {
  (void)state;
  att_labelled l;
  att_label_set set;
  if (!read_shared("sst2/train.tsv", &l)) return;
  assert_int_equal(l.lines.count, 6920);
  assert_int_equal(att_label_set_find(ctx, "d", &l, -1, &set), ATT_OK);
  assert_true(set.head == ATT_HEAD_CLASSES && set.count == 2);
  att_label_set_free(ctx, &set);
  att_labelled_free(ctx, &l);
  if (!read_shared("goemotions/dev.tsv", &l)) return; /* it has a third column of names of texts */
  assert_false(l.pairs);
  assert_int_equal(att_label_set_find(ctx, "d", &l, -1, &set), ATT_OK);
  assert_true(set.head == ATT_HEAD_LABELS && set.count == 28);
  assert_string_equal(set.names[27], "27");
  att_label_set_free(ctx, &set);
  att_labelled_free(ctx, &l);
  if (!read_shared("imdb/orig_dev.tsv", &l)) return; /* the label stands before the text, and the header says so */
  assert_int_equal(att_label_set_find(ctx, "d", &l, -1, &set), ATT_OK);
  assert_int_equal(set.count, 2);
  att_label_set_free(ctx, &set);
  att_labelled_free(ctx, &l);
}

static att_status read_all(att_context *small, void *path) {
  att_labelled l;
  att_label_set set = {0};
  att_truth truth;
  ATT_TRY(att_labelled_read(small, path, NULL, &l));
  att_status status = att_label_set_find(small, "d", &l, -1, &set);
  if (!status) {
    status = att_truth_read(small, "d", &l.lines, l.number, set.head, set.names, set.count, &truth);
    if (!status) att_truth_free(small, &truth);
    att_label_set_free(small, &set);
  }
  att_labelled_free(small, &l);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", write_text("a\tx,y\nb\tz\n"));
  assert_true(fail_each_allocation(read_all, path) > 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(columns_are_read, empty_folder),
      cmocka_unit_test_teardown(wrong_columns_are_refused, empty_folder),
      cmocka_unit_test_teardown(kinds_are_chosen, empty_folder),
      cmocka_unit_test_teardown(whole_numbers, empty_folder),
      cmocka_unit_test_teardown(a_header_over_numbers, empty_folder),
      cmocka_unit_test_teardown(headers_are_found, empty_folder),
      cmocka_unit_test_teardown(columns_are_named, empty_folder),
      cmocka_unit_test_teardown(labels_are_counted, empty_folder),
      cmocka_unit_test_teardown(a_decimal_comma_changes_nothing, empty_folder),
      cmocka_unit_test_teardown(labels_that_teach_nothing_are_refused, empty_folder),
      cmocka_unit_test_teardown(truth_is_read, empty_folder),
      cmocka_unit_test_teardown(odd_bytes_harm_nothing, empty_folder),
      cmocka_unit_test_teardown(real_files_are_understood, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
