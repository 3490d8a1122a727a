/*
 * Files of labelled texts: columns, headers, kinds of labels chosen and found, hostile files, the data in ../shared.
 */
#include "scratch.h"

#include "train/data/labelled.h"

static const char *write_text(const char *text) {
  const char *path = in_folder("data.tsv");
  write_bytes(path, text, strlen(text));
  return path;
}

static void must_read(const char *text, att_labelled *labelled) {
  if (att_labelled_read(ctx, write_text(text), labelled)) fail_msg("%s", att_message(ctx));
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
      {"", "there is nothing in it"},
      {"\n \n", "there is nothing in it"},
      {"text\tlabel\n", "there is nothing in it"},
      {"a,b\n", "line 1 has no tab"},
      {"a\tx\nb\n", "line 2 has no tab"},
      {"a\tx\n\nb\tc\ty\n", "line 3 has 3 columns, those before it 2"},
      {"a\tb\tx\nc\ty\n", "line 2 has 2 columns, those before it 3"},
      {"a\tb\tc\td\n", "line 1 has 4 columns:"},
      {"Sentiment\tText\nPositive\tI like it\n", "line 1 says that the label stands before the text"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_labelled l;
    must_say(att_labelled_read(ctx, write_text(cases[i].text), &l), ATT_FORMAT, cases[i].clue);
    assert_null(l.raw);
  }
  att_labelled l;
  must_say(att_labelled_read(ctx, in_folder("nowhere.tsv"), &l), ATT_IO, "nowhere.tsv");
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
  must_not_find("a\t\nb\tx\n", -1, "line 1 has no label");
  must_not_find("a\tx\n\nb\t \n", -1, "line 3 has no label");
  must_not_find("a\tx,,y\nb\tx\n", -1, "line 1: a label is empty");
  must_not_find("a\t1\nb\ty\n", ATT_HEAD_VALUES, "line 2: the label \"y\" is not a number");
  must_not_find("a\t\xff\nb\ty\n", -1, "line 1: its label is not valid UTF-8");
  must_not_find("a\t1\nb\t1.0\n", ATT_HEAD_VALUES, "every line has the number 1");
  char *text = lines_apart(40, "\tlabel\t");
  must_not_find(text, -1, "40 different labels in 40: is the last column the label?");
  free(text);
  text = lines_apart(70000, "\t");
  char *twice = malloc(4 * strlen(text) + 1);
  sprintf(twice, "%s%s%s", text, text, text);
  must_not_find(twice, -1, "70000 different labels in 210000");
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
           "d: line 2: the label \"green\" is none of the 2 that there are");
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
    static const char alphabet[] = "ab,\t\t\n\n\r\0 1.5-\xc3\xa4\xff";
    char text[200];
    for (size_t i = 0; i < sizeof text; i++)
      text[i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet - 1)];
    write_bytes(in_folder("data.tsv"), text, sizeof text);
    att_labelled l;
    att_label_set set;
    att_truth truth;
    if (att_labelled_read(ctx, in_folder("data.tsv"), &l)) continue;
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
  if (att_labelled_read(ctx, path, labelled)) fail_msg("%s", att_message(ctx));
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
  must_say(att_label_set_find(ctx, "d", &l, -1, &set), ATT_FORMAT, "is the last column the label?");
  for (size_t i = 0; i < l.lines.count; i++) {
    att_text first, second;
    assert_true(att_labelled_texts(l.lines.source[i], &first, &second));
    l.lines.source[i] = first, l.lines.target[i] = second;
  }
  assert_int_equal(att_label_set_find(ctx, "d", &l, -1, &set), ATT_OK);
  assert_true(set.head == ATT_HEAD_LABELS && set.count == 28);
  assert_string_equal(set.names[27], "27");
  att_label_set_free(ctx, &set);
  att_labelled_free(ctx, &l);
  char path[1024];
  snprintf(path, sizeof path, "%s/imdb/orig_dev.tsv", ATT_SHARED_DATA);
  if (att_file_exists(path)) must_say(att_labelled_read(ctx, path, &l), ATT_FORMAT, "the label stands before the text");
}

static att_status read_all(att_context *small, void *path) {
  att_labelled l;
  att_label_set set = {0};
  att_truth truth;
  ATT_TRY(att_labelled_read(small, path, &l));
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
      cmocka_unit_test_teardown(labels_that_teach_nothing_are_refused, empty_folder),
      cmocka_unit_test_teardown(truth_is_read, empty_folder),
      cmocka_unit_test_teardown(odd_bytes_harm_nothing, empty_folder),
      cmocka_unit_test_teardown(real_files_are_understood, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
