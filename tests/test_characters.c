/*
 * What characters are to patterns and normal forms, where systems differ: values are those of `tokenizers` 0.23
 * (pre_tokenizers.Split with Regex, normalizers.NFKC).
 */
#include "scratch.h"

#include "text/normal_forms.h"
#include "text/regex.h"
#include "text/unicode.h"

static void must_match(const char *pattern, const char *text, size_t start, size_t end) {
  att_regex *regex;
  att_regex_walk walk = {0};
  bool found;
  size_t from, to;
  assert_int_equal(att_regex_compile(ctx, pattern, &regex), ATT_OK);
  if (!regex) fail_msg("%s is refused", pattern);
  assert_int_equal(att_regex_find(regex, ctx, &walk, (att_text){text, strlen(text)}, 0, &found, &from, &to), ATT_OK);
  if (found != (end > 0) || (found && (from != start || to != end)))
    fail_msg("%s in %s: %d, %zu to %zu", pattern, text, found, from, to);
  att_regex_free(ctx, regex);
}

/* The numbers of Latin-1 (², ³, ¹, ¼, ½, ¾) are letters of a word outside of brackets, and not within. */
static void numbers_of_latin_1_are_letters_of_words_outside_of_brackets(void **state) {
  (void)state;
  must_match("\\w+", "`\xc2\xb2n", 1, 4);
  must_match("[\\w]+", "`\xc2\xb2n", 3, 4);
  must_match("[^\\w\\s]+", "`\xc2\xb2n", 0, 3);
  must_match("\\W+", "\xc2\xbe`a", 2, 3);
  must_match("[\\W]+", "\xc2\xbe`a", 0, 3);
  must_match("\\W", "\xc2\xb9", 0, 0);
  must_match("\\W", "ab_ \xe2\x82\x81", 3, 4);
}

static void must_become(att_form form, const char *text, const char *wanted) {
  att_buffer out = {0};
  assert_int_equal(att_normal_form(ctx, form, (att_text){text, strlen(text)}, &out), ATT_OK);
  assert_string_equal(out.data, wanted);
  att_buffer_free(ctx, &out);
}

/* U+1E030 of Unicode 15 becomes а there; to `tokenizers` it is unknown. */
static void newer_characters_have_no_other_form(void **state) {
  (void)state;
  must_become(ATT_NFKC, "\xf0\x9e\x80\xb0", "\xf0\x9e\x80\xb0");
  must_become(ATT_NFKD, "a\xf0\x9e\x81\xad", "a\xf0\x9e\x81\xad");
  must_become(ATT_NFKC, "\xef\xac\x81", "fi");
}

static void scripts_are_unicodes(void **state) {
  (void)state;
  const int latin = att_script_of('a'), han = att_script_of(0x6f22);
  assert_true(latin > ATT_SCRIPT_INHERITED && han > ATT_SCRIPT_INHERITED && latin != han);
  assert_int_equal(att_script_of(0xe9), latin);
  assert_int_equal(att_script_of(0x1e9e), latin);
  assert_int_equal(att_script_of(0x3042), han); /* Hiragana */
  assert_int_equal(att_script_of(0x30fc), han);
  assert_int_equal(att_script_of(0x2a6d6), han);
  assert_int_equal(att_script_of(0x301), ATT_SCRIPT_INHERITED);
  for (int32_t code = 0; code < 'A'; code++) assert_int_equal(att_script_of(code), ATT_SCRIPT_COMMON);
  assert_true(att_script_of(0x10ffff) >= 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_of_latin_1_are_letters_of_words_outside_of_brackets),
      cmocka_unit_test(newer_characters_have_no_other_form),
      cmocka_unit_test(scripts_are_unicodes),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
