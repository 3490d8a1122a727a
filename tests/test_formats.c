/*
 * Files, lines and JSON: what goes out comes back, each kind of damage is named in one line, and no failure leaves
 * memory, a file aside or half a file behind.
 */
#include "scratch.h"

#include "formats/json.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <zlib.h>

/* ---- files ---------------------------------------------------------------------------------------------------- */

static void files_come_back(void **state) {
  (void)state;
  char data[70000];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 7 + i / 256);
  const char *path = in_folder("file");
  for (size_t size = 0; size <= sizeof data; size = size * 9 + 1) {
    assert_int_equal(att_write_file(ctx, path, data, size), ATT_OK);
    must_hold(path, data, size);
    att_buffer read = {0};
    assert_int_equal(att_file_read(ctx, path, sizeof data, &read), ATT_OK);
    assert_int_equal(read.size, size);
    if (size) assert_memory_equal(read.data, data, size);
    att_buffer_free(ctx, &read);
  }
  att_buffer read = {0};
  must_say(att_file_read(ctx, path, 10, &read), ATT_FORMAT, "larger than 10 bytes");
  att_buffer_free(ctx, &read);
  assert_int_equal(files_in_folder(), 1);
  mode_t mask = umask(027);
  assert_int_equal(att_write_file(ctx, path, "x", 1), ATT_OK);
  umask(mask);
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
}

static void wrong_paths_are_named(void **state) {
  (void)state;
  att_mapping mapping;
  att_buffer read = {0};
  bool empty;
  assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
  must_say(att_map(ctx, in_folder("pipe"), &mapping), ATT_IO, "pipe: is a device or pipe");
  must_say(att_file_read(ctx, "/dev/zero", 10, &read), ATT_IO, "/dev/zero: is a device or pipe");
  must_say(att_map(ctx, folder, &mapping), ATT_IO, "is a folder, not a regular file");
  must_say(att_map(ctx, in_folder("none"), &mapping), ATT_IO, "none: cannot be opened: No such file");
  must_say(att_write_file(ctx, "/dev/null", "x", 1), ATT_IO, "/dev/null: cannot be written: it is a device");
  must_say(att_write_file(ctx, folder, "x", 1), ATT_IO, "it is a folder");
  must_say(att_write_file(ctx, in_folder("none/file"), "x", 1), ATT_IO, "none/file: cannot be written: No such file");
  must_say(att_write_file(ctx, NULL, "x", 1), ATT_ARGUMENT, "NULL");
  must_say(att_folder_make(ctx, in_folder("pipe")), ATT_IO, "exists and is not a folder");
  must_say(att_folder_make(ctx, in_folder("none/more")), ATT_IO, "none/more: cannot be made");
  must_say(att_folder_is_empty(ctx, in_folder("pipe"), &empty), ATT_IO, "Not a directory");
  assert_false(att_file_exists(in_folder("none")));
  assert_true(att_file_exists(in_folder("pipe")));
  char control[300];
  snprintf(control, sizeof control, "%s/a\nb\033[31m", folder);
  must_say(att_map(ctx, control, &mapping), ATT_IO, "a?b?[31m");
}

static void folders_and_paths(void **state) {
  (void)state;
  bool empty = false;
  assert_int_equal(att_folder_is_empty(ctx, in_folder("new"), &empty), ATT_OK);
  assert_true(empty);
  assert_int_equal(att_folder_make(ctx, in_folder("new")), ATT_OK);
  assert_int_equal(att_folder_make(ctx, in_folder("new")), ATT_OK);
  assert_int_equal(att_folder_is_empty(ctx, in_folder("new"), &empty), ATT_OK);
  assert_true(empty);
  assert_int_equal(att_folder_is_empty(ctx, folder, &empty), ATT_OK);
  assert_false(empty);
  static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {".", "b", "./b"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *path = att_path(ctx, cases[i][0], cases[i][1]);
    assert_string_equal(path, cases[i][2]);
    att_free(ctx, path);
  }
}

/* Writes fail as on a full disk: the kernel takes a part, then refuses. */
static att_status write_beyond(size_t limit, const char *path, size_t size) {
  struct rlimit before, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = (struct rlimit){limit, before.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  char *data = calloc(size, 1);
  assert_non_null(data);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  att_status status = att_write_file(ctx, path, data, size);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  free(data);
  return status;
}

static void a_failed_write_leaves_the_old_file(void **state) {
  (void)state;
  const char *path = in_folder("kept");
  assert_int_equal(att_write_file(ctx, path, "the old file", 12), ATT_OK);
  must_say(write_beyond(1000, path, 5000), ATT_IO, "kept: cannot be written: File too large");
  must_hold(path, "the old file", 12);
  assert_int_equal(files_in_folder(), 1);
  att_writer *writer;
  assert_int_equal(att_writer_open(ctx, path, &writer), ATT_OK);
  assert_int_equal(att_writer_put(writer, "new", 3), ATT_OK);
  assert_int_equal(files_in_folder(), 2);
  att_writer_discard(writer);
  att_writer_discard(NULL);
  must_hold(path, "the old file", 12);
  assert_int_equal(files_in_folder(), 1);
}

static void a_failed_commit_leaves_nothing_aside(void **state) {
  (void)state;
  att_writer *writer;
  const char *path = in_folder("taken");
  assert_int_equal(att_writer_open(ctx, path, &writer), ATT_OK);
  assert_int_equal(att_writer_put(writer, "new", 3), ATT_OK);
  assert_int_equal(mkdir(path, 0700), 0); /* meanwhile */
  must_say(att_writer_commit(writer), ATT_IO, "taken: cannot be written: Is a directory");
  assert_int_equal(files_in_folder(), 1);
}

/* After a failed write everything fails, and the first reason has been given. */
static void a_writer_stays_failed(void **state) {
  (void)state;
  att_writer *writer;
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(att_writer_open(ctx, in_folder("file"), &writer), ATT_OK);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){2, before.rlim_max}), 0);
  must_say(att_writer_put(writer, "four", 4), ATT_IO, "file: cannot be written: File too large");
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  must_say(att_writer_put(writer, "four", 4), ATT_IO, "an earlier write failed");
  must_say(att_writer_commit(writer), ATT_IO, "an earlier write failed");
  assert_int_equal(files_in_folder(), 0);
}

static void two_writers_do_not_meet(void **state) {
  (void)state;
  att_writer *first, *second;
  const char *path = in_folder("both");
  assert_int_equal(att_writer_open(ctx, path, &first), ATT_OK);
  assert_int_equal(att_writer_open(ctx, path, &second), ATT_OK);
  assert_int_equal(att_writer_put(first, "first", 5), ATT_OK);
  assert_int_equal(att_writer_put(second, "second", 6), ATT_OK);
  assert_int_equal(att_writer_commit(second), ATT_OK);
  must_hold(path, "second", 6);
  assert_int_equal(att_writer_commit(first), ATT_OK);
  must_hold(path, "first", 5);
  assert_int_equal(files_in_folder(), 1);
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

#define LINE(text)                                                                                                     \
  { text, sizeof(text) - 1 }

static void must_read(const char *path, const att_text *expected, size_t count) {
  att_text *lines;
  size_t got;
  att_status status = att_read_lines(ctx, path, &lines, &got);
  if (status != ATT_OK) fail_msg("%s", att_message(ctx));
  assert_int_equal(got, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(lines[i].size, expected[i].size);
    assert_memory_equal(lines[i].data, expected[i].data, expected[i].size);
  }
  att_release(ctx, lines);
}

static void write_gzip(const char *path, const char *mode, const void *data, size_t size) {
  gzFile file = gzopen(path, mode);
  assert_non_null(file);
  assert_int_equal(gzwrite(file, data, (unsigned)size), size);
  assert_int_equal(gzclose(file), Z_OK);
}

static const struct {
  const char *text;
  size_t size, count;
  att_text lines[5];
} texts[] = {
    {"", 0, 0, {{0}}},
    {"\n", 1, 1, {LINE("")}},
    {"\r\n", 2, 1, {LINE("")}},
    {"a", 1, 1, {LINE("a")}},
    {"a\n", 2, 1, {LINE("a")}},
    {"a\nb", 3, 2, {LINE("a"), LINE("b")}},
    {"a\r\n\r\nb\r\n", 8, 3, {LINE("a"), LINE(""), LINE("b")}},
    {"a\rb\r", 4, 1, {LINE("a\rb\r")}},
    {"\n\n\n", 3, 3, {LINE(""), LINE(""), LINE("")}},
    {"a\0b\n\0\n", 6, 2, {LINE("a\0b"), LINE("\0")}},
    {"\xef\xbb\xbf", 3, 0, {{0}}},
    {"\xef\xbb\xbf"
     "a\n\xef\xbb\xbf",
     8,
     2,
     {LINE("a"), LINE("\xef\xbb\xbf")}},
    {"\xef\xbb", 2, 1, {LINE("\xef\xbb")}},
    {"\x1f", 1, 1, {LINE("\x1f")}},
};

static void lines_plain_and_gzip(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    write_bytes(in_folder("text"), texts[i].text, texts[i].size);
    must_read(in_folder("text"), texts[i].lines, texts[i].count);
    write_gzip(in_folder("text.gz"), "wb", texts[i].text, texts[i].size);
    must_read(in_folder("text.gz"), texts[i].lines, texts[i].count);
  }
}

static void gzip_members_follow_each_other(void **state) {
  (void)state;
  const char *path = in_folder("members.gz");
  write_gzip(path, "wb", "a\nb", 3);
  write_gzip(path, "ab", "", 0);
  write_gzip(path, "ab", "c\nd\n", 4);
  const att_text expected[] = {LINE("a"), LINE("bc"), LINE("d")};
  must_read(path, expected, 3);
  FILE *file = fopen(path, "ab");
  assert_non_null(file);
  static const char zeros[600];
  assert_int_equal(fwrite(zeros, 1, sizeof zeros, file), sizeof zeros);
  fclose(file);
  must_read(path, expected, 3);
}

/* Longer than any part that is read or unpacked at once, so that lines cross the parts. */
static void long_lines(void **state) {
  (void)state;
  enum { LONG = 3000000 };
  char *text = malloc(LONG + 100);
  assert_non_null(text);
  size_t size = (size_t)snprintf(text, 100, "first\n");
  for (int i = 0; i < LONG; i++) text[size++] = (char)('a' + i % 23);
  size += (size_t)snprintf(text + size, 50, "\r\nlast\n");
  const att_text expected[] = {LINE("first"), {text + 6, LONG}, LINE("last")};
  write_bytes(in_folder("long"), text, size);
  must_read(in_folder("long"), expected, 3);
  write_gzip(in_folder("long.gz"), "wb", text, size);
  must_read(in_folder("long.gz"), expected, 3);
  free(text);
}

static void lines_of_standard_input(void **state) {
  (void)state;
  int ends[2], kept = dup(STDIN_FILENO);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "one\ntwo", 7), 7);
  close(ends[1]);
  assert_return_code(dup2(ends[0], STDIN_FILENO), 0);
  close(ends[0]);
  must_read("-", (const att_text[]){LINE("one"), LINE("two")}, 2);
  if (kept >= 0) {
    assert_return_code(dup2(kept, STDIN_FILENO), 0);
    close(kept);
  }
}

static void interrupt(int number) {
  (void)number;
  att_interrupt(ctx);
}

/* Waiting for a person's lines, where Ctrl-C must be heard. */
static void waiting_can_be_interrupted(void **state) {
  (void)state;
  int ends[2], kept = dup(STDIN_FILENO);
  att_text *lines;
  size_t count;
  struct sigaction before, action = {.sa_handler = interrupt}; /* no SA_RESTART */
  assert_int_equal(pipe(ends), 0);
  assert_return_code(dup2(ends[0], STDIN_FILENO), 0);
  assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 20000}, {0, 20000}}, NULL);
  must_say(att_read_lines(ctx, "-", &lines, &count), ATT_INTERRUPTED, "standard input: interrupted");
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
  ctx->interrupted = 0;
  close(ends[0]);
  close(ends[1]);
  close(STDIN_FILENO);
  if (kept >= 0) {
    assert_return_code(dup2(kept, STDIN_FILENO), 0);
    close(kept);
  }
}

static void damaged_gzip_is_named(void **state) {
  (void)state;
  char text[4000];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i % 25);
  write_gzip(in_folder("whole.gz"), "wb", text, sizeof text);
  att_buffer whole = {0};
  att_text *lines;
  size_t count;
  assert_int_equal(att_file_read(ctx, in_folder("whole.gz"), 1 << 20, &whole), ATT_OK);
  const char *path = in_folder("cut.gz");
  for (size_t size = 2; size < whole.size; size++) {
    write_bytes(path, whole.data, size);
    must_say(att_read_lines(ctx, path, &lines, &count), ATT_FORMAT, "cut.gz: its gzip data is cut off");
    assert_null(lines);
  }
  whole.data[whole.size - 6] ^= 1; /* the check sum */
  write_bytes(path, whole.data, whole.size);
  must_say(att_read_lines(ctx, path, &lines, &count), ATT_FORMAT, "cut.gz: its gzip data is corrupt");
  whole.data[whole.size - 6] ^= 1;
  assert_int_equal(att_buffer_append(ctx, &whole, "trailing", 8), ATT_OK);
  write_bytes(path, whole.data, whole.size);
  must_say(att_read_lines(ctx, path, &lines, &count), ATT_FORMAT, "cut.gz: its gzip data is corrupt");
  att_buffer_free(ctx, &whole);
  must_say(att_read_lines(ctx, folder, &lines, &count), ATT_IO, "Is a directory");
  must_say(att_read_lines(ctx, in_folder("none"), &lines, &count), ATT_IO, "No such file");
  must_say(att_read_lines(ctx, NULL, &lines, &count), ATT_ARGUMENT, "NULL");
}

static void a_bomb_is_bounded(void **state) {
  (void)state;
  enum { SIZE = 1 << 20 };
  char *zeros = calloc(SIZE, 1);
  assert_non_null(zeros);
  const char *path = in_folder("bomb.gz");
  write_gzip(path, "wb9", zeros, SIZE);
  free(zeros);
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  assert_true(info.st_size < 2000);
  att_text *lines;
  size_t count;
  must_say(att_read_lines_within(ctx, path, SIZE - 1, &lines, &count), ATT_UNSUPPORTED, "bomb.gz: holds more than");
  assert_int_equal(att_read_lines_within(ctx, path, SIZE, &lines, &count), ATT_OK);
  assert_int_equal(count, 1);
  assert_int_equal(lines[0].size, SIZE);
  att_release(ctx, lines);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

static json_t *parsed(const char *text) {
  json_t *root;
  if (att_json_parse(ctx, "x.json", text, strlen(text), &root) != ATT_OK) fail_msg("%s", att_message(ctx));
  return root;
}

static void bad_json_is_named(void **state) {
  (void)state;
  static const char *const texts_and_clues[][2] = {
      {"", "x.json: is not valid JSON: line 1"},
      {"{", "line 1, column 1"},
      {"{\"a\": 1,}", "column 9"},
      {"{\"a\": 1, \"a\": 2}", "duplicate"},
      {"{\"a\": 1} x", "end of file expected"},
      {"{\"a\": \"\xff\"}", "unable to decode byte 0xff"},
      {"{\"a\": NaN}", "x.json"},
      {"{\"a\": 99999999999999999999}", "too big integer"},
      {"{\"a\": \"\n\"}", "unexpected newline"},
  };
  json_t *root;
  for (size_t i = 0; i < sizeof texts_and_clues / sizeof *texts_and_clues; i++) {
    const char *text = texts_and_clues[i][0];
    must_say(att_json_parse(ctx, "x.json", text, strlen(text), &root), ATT_FORMAT, texts_and_clues[i][1]);
    assert_null(root);
  }
  char *deep = malloc(100000);
  memset(deep, '[', 100000);
  must_say(att_json_parse(ctx, "x.json", deep, 100000, &root), ATT_FORMAT, "depth");
  free(deep);
  must_say(att_json_open(ctx, in_folder("none"), &root), ATT_IO, "No such file");
}

static void members_are_typed(void **state) {
  (void)state;
  json_t *o = parsed("{\"i\": 5, \"r\": 1.5, \"b\": true, \"s\": \"text\", \"n\": null, \"l\": [], \"o\": {}}");
  int64_t i = -7;
  double r = -7;
  bool b = false;
  const char *s = NULL;
  assert_int_equal(att_json_int(ctx, "x", o, "i", true, 5, 5, &i), ATT_OK);
  assert_int_equal(att_json_number(ctx, "x", o, "r", true, &r), ATT_OK);
  assert_int_equal(att_json_bool(ctx, "x", o, "b", true, &b), ATT_OK);
  assert_int_equal(att_json_string(ctx, "x", o, "s", true, &s), ATT_OK);
  assert_true(i == 5 && r == 1.5 && b);
  assert_string_equal(s, "text");
  assert_int_equal(att_json_number(ctx, "x", o, "i", true, &r), ATT_OK);
  assert_true(r == 5);
  assert_int_equal(att_json_int(ctx, "x", o, "n", false, 0, 9, &i), ATT_OK);
  assert_int_equal(att_json_int(ctx, "x", o, "absent", false, 0, 9, &i), ATT_OK);
  assert_int_equal(i, 5);
  must_say(att_json_int(ctx, "x", o, "absent", true, 0, 9, &i), ATT_FORMAT, "x: absent is missing");
  must_say(att_json_bool(ctx, "x", o, "n", true, &b), ATT_FORMAT, "x: n is missing");
  must_say(att_json_int(ctx, "x", o, "i", true, 6, 9, &i), ATT_FORMAT, "i is 5, not a whole number from 6 to 9");
  must_say(att_json_int(ctx, "x", o, "i", true, 0, 4, &i), ATT_FORMAT, "i is 5, not");
  must_say(att_json_int(ctx, "x", o, "r", true, 0, 9, &i), ATT_FORMAT, "r is 1.5, not a whole number");
  must_say(att_json_number(ctx, "x", o, "s", true, &r), ATT_FORMAT, "s is \"text\", not a number");
  must_say(att_json_bool(ctx, "x", o, "l", true, &b), ATT_FORMAT, "l is a list, not true or false");
  must_say(att_json_string(ctx, "x", o, "o", true, &s), ATT_FORMAT, "o is an object, not a string");
  must_say(att_json_string(ctx, "x", o, "b", true, &s), ATT_FORMAT, "b is true, not a string");
  assert_true(i == 5 && r == 5 && b);
  json_decref(o);
}

static void strings_come_back(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t size;
    const char *json;
  } cases[] = {
      {"", 0, "\"\""},
      {"a\"\\b\n\r\t\x01\x7f", 9, "\"a\\\"\\\\b\\n\\r\\t\\u0001\x7f\""},
      {"a\0b", 3, "\"a\\u0000b\""},
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
      {"\xff"
       "a\xc3",
       3,
       "\"\xef\xbf\xbd"
       "a\xef\xbf\xbd\""},
      {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* a surrogate */
      {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* overlong */
      {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* above U+10FFFF */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_buffer out = {0};
    assert_int_equal(att_json_put_string(ctx, &out, cases[i].text, cases[i].size), ATT_OK);
    assert_string_equal(out.data, cases[i].json);
    json_error_t error;
    json_t *back = json_loads(out.data, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    assert_non_null(back);
    json_decref(back);
    att_buffer_free(ctx, &out);
  }
}

static void numbers_come_back(void **state) {
  (void)state;
  static const double values[] = {0,
                                  1,
                                  -1,
                                  0.1,
                                  1.0 / 3,
                                  5e-324,
                                  1.7976931348623157e308,
                                  2048,
                                  1e15,
                                  1e22,
                                  9007199254740993.0,
                                  -0.0,
                                  3.141592653589793};
  static const float floats[] = {0.1f, 1.0f / 3, 1e-45f, 3.4028235e38f, -2.5f, 16777216.0f, 1e-5f, 0.3f};
  att_buffer out = {0};
  assert_int_equal(att_buffer_append(ctx, &out, "[", 1), ATT_OK);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    assert_int_equal(att_json_put_number(ctx, &out, values[i]), ATT_OK);
    assert_int_equal(att_buffer_append(ctx, &out, ",", 1), ATT_OK);
  }
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
    assert_int_equal(att_json_put_float(ctx, &out, floats[i]), ATT_OK);
    assert_int_equal(att_buffer_append(ctx, &out, ",", 1), ATT_OK);
  }
  assert_int_equal(att_json_put_number(ctx, &out, NAN), ATT_OK);
  assert_int_equal(att_buffer_append(ctx, &out, ",", 1), ATT_OK);
  assert_int_equal(att_json_put_float(ctx, &out, -INFINITY), ATT_OK);
  assert_int_equal(att_buffer_append(ctx, &out, "]", 1), ATT_OK);
  json_t *back = parsed(out.data);
  size_t at = 0;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    assert_true(json_number_value(json_array_get(back, at++)) == values[i]);
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
    assert_true((float)json_number_value(json_array_get(back, at++)) == floats[i]);
  assert_true(json_is_null(json_array_get(back, at)) && json_is_null(json_array_get(back, at + 1)));
  assert_non_null(strstr(out.data, "[0,1,-1,0.1,0.333333333333333"));
  assert_non_null(strstr(out.data, ",0.1,0.333333"));
  json_decref(back);
  att_buffer_free(ctx, &out);
}

/* ---- no memory ------------------------------------------------------------------------------------------------ */

static att_status read_them(att_context *c, void *path) {
  att_text *lines;
  size_t count;
  att_status status = att_read_lines(c, path, &lines, &count);
  if (status == ATT_OK) att_release(c, lines);
  if ((lines == NULL) != (status != ATT_OK)) fail_msg("lines and status disagree");
  return status;
}

static att_status write_it(att_context *c, void *path) { return att_write_file(c, path, "new", 3); }

static att_status parse_it(att_context *c, void *path) {
  json_t *root;
  ATT_TRY(att_json_open(c, path, &root));
  json_decref(root);
  return ATT_OK;
}

static att_status put_them(att_context *c, void *arg) {
  (void)arg;
  att_buffer out = {0};
  char text[500];
  memset(text, '\x01', sizeof text);
  att_status status = att_json_put_string(c, &out, text, sizeof text);
  for (int i = 0; i < 100 && status == ATT_OK; i++) status = att_json_put_number(c, &out, 1.0 / 3 + i);
  att_buffer_free(c, &out);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char text[100000];
  memset(text, 'x', sizeof text);
  write_gzip(in_folder("text.gz"), "wb", text, sizeof text);
  assert_true(fail_each_allocation(read_them, (void *)in_folder("text.gz")) >= 5);
  write_bytes(in_folder("text"), text, sizeof text);
  assert_true(fail_each_allocation(read_them, (void *)in_folder("text")) >= 3);
  assert_int_equal(att_write_file(ctx, in_folder("file"), "old", 3), ATT_OK);
  assert_true(fail_each_allocation(write_it, (void *)in_folder("file")) >= 3);
  must_hold(in_folder("file"), "new", 3);
  assert_int_equal(files_in_folder(), 3);
  write_bytes(in_folder("x.json"), "{\"a\": 1}", 8);
  assert_true(fail_each_allocation(parse_it, (void *)in_folder("x.json")) >= 1);
  assert_true(fail_each_allocation(put_them, NULL) >= 3);
}

static long jansson_calls, jansson_fails_at;

static void *jansson_malloc(size_t size) { return ++jansson_calls == jansson_fails_at ? NULL : malloc(size); }

/* jansson has its own malloc, which may fail as well; it cannot always tell that from bad JSON. */
static void each_allocation_of_jansson_may_fail(void **state) {
  (void)state;
  static const char text[] = "{\"a\": [1, 2.5, \"\\u00e9 text\"], \"b\": {\"c\": null, \"d\": true}}";
  json_malloc_t kept_malloc;
  json_free_t kept_free;
  json_get_alloc_funcs(&kept_malloc, &kept_free);
  json_set_alloc_funcs(jansson_malloc, free);
  json_t *root = NULL;
  for (jansson_fails_at = 1; !root; jansson_fails_at++) {
    jansson_calls = 0;
    att_status status = att_json_parse(ctx, "x.json", text, sizeof text - 1, &root);
    if (!root) must_say(status, status == ATT_MEMORY ? ATT_MEMORY : ATT_FORMAT, "x.json: ");
  }
  json_decref(root);
  json_set_alloc_funcs(kept_malloc, kept_free);
  assert_true(jansson_fails_at > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(files_come_back, empty_folder),
      cmocka_unit_test_teardown(wrong_paths_are_named, empty_folder),
      cmocka_unit_test_teardown(folders_and_paths, empty_folder),
      cmocka_unit_test_teardown(a_failed_write_leaves_the_old_file, empty_folder),
      cmocka_unit_test_teardown(a_failed_commit_leaves_nothing_aside, empty_folder),
      cmocka_unit_test_teardown(a_writer_stays_failed, empty_folder),
      cmocka_unit_test_teardown(two_writers_do_not_meet, empty_folder),
      cmocka_unit_test_teardown(lines_plain_and_gzip, empty_folder),
      cmocka_unit_test_teardown(gzip_members_follow_each_other, empty_folder),
      cmocka_unit_test_teardown(long_lines, empty_folder),
      cmocka_unit_test(lines_of_standard_input),
      cmocka_unit_test(waiting_can_be_interrupted),
      cmocka_unit_test_teardown(damaged_gzip_is_named, empty_folder),
      cmocka_unit_test_teardown(a_bomb_is_bounded, empty_folder),
      cmocka_unit_test(bad_json_is_named),
      cmocka_unit_test(members_are_typed),
      cmocka_unit_test(strings_come_back),
      cmocka_unit_test(numbers_come_back),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
      cmocka_unit_test(each_allocation_of_jansson_may_fail),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
