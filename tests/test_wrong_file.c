/*
 * What stands where a file should: pointers of git-lfs, web pages, archives, text that is not UTF-8. Each is named with
 * what to do, wherever it is read; text of any language, and odd bytes in it, are none of them.
 */
#include "scratch.h"

#include <stdlib.h>
#include <zlib.h>

#include "formats/json.h"
#include "formats/safetensors.h"

#define BYTES(text) text, sizeof(text) - 1

static const char pointer[] = "version https://git-lfs.github.com/spec/v1\n"
                              "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
                              "size 548105171\n";

/* ---- texts ---- */

typedef struct wrong_text {
  const char *bytes;
  size_t size;
  const char *clue;
} wrong_text;

static const wrong_text wrong[] = {
    {BYTES("\xff\xfe"
           "a\0 \0b\0\n\0"),
     "is UTF-16, not UTF-8: convert it first (iconv -f UTF-16 -t UTF-8)"},
    {BYTES("\xfe\xff\0a\0\n"), "is UTF-16, not"},
    {BYTES("\xff\xfe\0\0a\0\0\0"), "is UTF-32, not"},
    {BYTES("\0\0\xfe\xff\0\0\0a"), "is UTF-32, not"},
    {BYTES("\xff\xfe"), "is UTF-16, not"},
    {BYTES("E\0i\0n\0 \0H\0u\0n\0d\0\n\0"), "is UTF-16LE, not UTF-8: convert it first (iconv -f UTF-16LE -t UTF-8)"},
    {BYTES("\0E\0i\0n\0 \0H\0\xe4\0\n"), "is UTF-16BE, not"},
    /* "你好 再见\n你\n", without a mark */
    {BYTES("\x60\x4f\x7d\x59\x20\0\x8d\x51\xc1\x89\x0a\0\x60\x4f\x0a\0"), "is UTF-16LE, not"},
    {BYTES("\x4f\x60\x59\x7d\0\x20\x51\x8d\x89\xc1\0\x0a\x4f\x60\0\x0a"), "is UTF-16BE, not"},
    {pointer, sizeof pointer - 1, "is a git-lfs pointer that stands for the file, which has 548105171 bytes: run 'git"},
    {BYTES("version https://git-lfs.github.com/spec/v1\n"), "is a git-lfs pointer that stands for the file: run"},
    {BYTES("PK\3\4\24\0\6\0"), "a zip archive, as .docx"},
    {BYTES("%PDF-1.7\n"), "is no plain text but a PDF"},
    {BYTES("{\\rtf1\\ansi"), "rich text"},
    {BYTES("PAR1\x15\4\x15\x10"), "a Parquet table"},
    {BYTES("ARROW1\0\0"), "an Arrow table"},
    {BYTES("\xfd"
           "7zXZ\0\0\4"),
     "compressed with xz"},
    {BYTES("BZh91AY&SY"), "compressed with bzip2"},
    {BYTES("\x28\xb5\x2f\xfd\4\0"), "compressed with zstd"},
    {BYTES("7z\xbc\xaf\x27\x1c"), "a 7z archive"},
    {BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Office file"},
};

static void texts_that_are_none(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const wrong_text *w = &wrong[i];
    att_text *lines;
    size_t count;
    char *text;
    must_say(att_check_text(ctx, "standard input", (att_text){w->bytes, w->size}), ATT_FORMAT, w->clue);
    assert_memory_equal(att_message(ctx), "standard input: ", 16);
    write_bytes(in_folder("text"), w->bytes, w->size);
    must_say(att_read_lines(ctx, in_folder("text"), &lines, &count), ATT_FORMAT, w->clue);
    assert_null(lines);
    must_say(att_read_text(ctx, in_folder("text"), &text, &count), ATT_FORMAT, w->clue);
    assert_null(text);
    gzFile packed = gzopen(in_folder("text.gz"), "wb");
    assert_int_equal(gzwrite(packed, w->bytes, (unsigned)w->size), w->size);
    gzclose(packed);
    must_say(att_read_lines(ctx, in_folder("text.gz"), &lines, &count), ATT_FORMAT, w->clue);
  }
}

static void texts_that_are_some(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
  } right[] = {
      {BYTES("")},
      {BYTES("a")},
      {BYTES("\n")},
      {BYTES("\0")},
      {BYTES("a\0")},
      {BYTES("\xef\xbb\xbf"
             "a\n")},
      {BYTES("a\0b and more text with a NUL\n")},
      {BYTES("\xe4\xbd\xa0\xe5\xa5\xbd\n")},                             /* Chinese */
      {BYTES("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \0.\n")}, /* Russian, and a NUL */
      {BYTES("H\xfcndin l\xe4uft\nS\xf6hne\n")},                         /* Latin-1 */
      {BYTES("H\xfcndin\0l\xe4uft\nS\xf6hne\n")},                        /* and a NUL */
      {BYTES("\x93\xfa\x96\x7b\x8c\xea\n")},                             /* Shift JIS */
      {BYTES("\xff\xff\xff\n")},
      {BYTES("BZhang went home\n")},
      {BYTES("PARIS\n")},
      {BYTES("PAR1 is a name\n")},
      {BYTES("<!DOCTYPE html><p>a web page is a text</p>\n")},
      {BYTES("version https://git-lfs.github.com/ is where git-lfs lives\n")},
      {BYTES("1AY&SY\n")},
      {BYTES("\0\0\0\0\0\0\0\0")},
  };
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    if (att_check_text(ctx, "x", (att_text){right[i].bytes, right[i].size})) fail_msg("%zu: %s", i, att_message(ctx));
  }
  char *whole = malloc(4096); /* a text about git-lfs */
  assert_non_null(whole);
  memset(whole, 'x', 4096);
  memcpy(whole, pointer, sizeof pointer - 1);
  assert_int_equal(att_check_text(ctx, "x", (att_text){whole, 4096}), ATT_OK);
  free(whole);
}

/* No text of any bytes is read beyond its end, and none is refused without a reason. */
static void any_bytes(void **state) {
  (void)state;
  unsigned seed = 1;
  int refused = 0;
  for (int round = 0; round < 20000; round++) {
    size_t size = (seed >> 16) % 24;
    char *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
      static const char alphabet[] = "ab\0\0\xff\xfe\xe4 \n";
      bytes[i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet - 1)];
    }
    att_status status = att_check_text(ctx, "x", (att_text){bytes, size});
    if (status) must_say(status, ATT_FORMAT, "UTF-");
    refused += status != ATT_OK;
    free(bytes);
    seed = seed * 1664525u + 1013904223u;
  }
  assert_true(refused > 100 && refused < 10000);
}

/* ---- files of a model ---- */

static void downloads_that_went_wrong(void **state) {
  (void)state;
  static const wrong_text cases[] = {
      {"", 0, "is empty"},
      {pointer, sizeof pointer - 1, "git-lfs pointer"},
      {BYTES("<!DOCTYPE html>\n<html>"), "is a web page"},
      {BYTES("\n <!doctype HTML>"), "is a web page"},
      {BYTES("<html><body>404"), "is a web page"},
      {BYTES("<?xml version=\"1.0\"?><Error>AccessDenied</Error>"), "is a web page"},
      {BYTES("PK\3\4\0\0\0\0\0\0\0\0"), "is a zip archive"},
      {BYTES("\x1f\x8b\x08\0\0\0\0\0\0\0\0\0"), "gunzip"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *root;
    att_tensor_file *file;
    write_bytes(in_folder("file"), cases[i].bytes, cases[i].size);
    must_say(att_json_open(ctx, in_folder("file"), &root), ATT_FORMAT, cases[i].clue);
    assert_null(root);
    must_say(att_safetensors_open(ctx, in_folder("file"), &file), ATT_FORMAT, cases[i].clue);
    assert_null(file);
  }
}

static void marks_on_json(void **state) {
  (void)state;
  json_t *root;
  write_bytes(in_folder("file"), BYTES("\xef\xbb\xbf{\"a\": 1}"));
  assert_int_equal(att_json_open(ctx, in_folder("file"), &root), ATT_OK);
  assert_int_equal(json_integer_value(json_object_get(root, "a")), 1);
  json_decref(root);
  write_bytes(in_folder("file"), BYTES("\xff\xfe{\0}\0"));
  must_say(att_json_open(ctx, in_folder("file"), &root), ATT_FORMAT, "is UTF-16, not UTF-8");
  write_bytes(in_folder("file"), BYTES("{\0\"\0a\0\"\0:\0001\0}\0"));
  must_say(att_json_open(ctx, in_folder("file"), &root), ATT_FORMAT, "is UTF-16LE, not UTF-8");
  write_bytes(in_folder("file"), BYTES("\xef\xbb\xbf"));
  must_say(att_json_open(ctx, in_folder("file"), &root), ATT_FORMAT, "is not valid JSON");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(texts_that_are_none, empty_folder),
      cmocka_unit_test(texts_that_are_some),
      cmocka_unit_test(any_bytes),
      cmocka_unit_test_teardown(downloads_that_went_wrong, empty_folder),
      cmocka_unit_test_teardown(marks_on_json, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
