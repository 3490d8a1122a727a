/*
 * Owns the stems of English words: Porter 1980, "An algorithm for suffix stripping", with the changes that NLTK's
 * PorterStemmer makes by default, so that ROUGE with stems is rouge-score's.
 */
#include "metrics/porter.h"

#include <stdbool.h>
#include <string.h>

typedef struct stem {
  char *text;
  size_t size;
} stem;

/* When a suffix may go, by what stands before it: `size` letters of the word. */
typedef bool condition_fn(const char *text, size_t size);

typedef struct rule {
  const char *suffix, *with;
  condition_fn *may; /* NULL: always */
} rule;

/* ---- consonants and vowels -------------------------------------------------------------------------------------- */

static bool is_vowel_letter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

/* y is a vowel after a consonant. before: whether the letter before is a consonant; at 0 it is none. */
static bool is_consonant_after(char c, bool first, bool before) {
  if (is_vowel_letter(c)) return false;
  return c != 'y' || first || !before;
}

static bool is_consonant(const char *text, size_t at) {
  bool consonant = false;
  size_t begin = at;
  while (begin > 0 && text[begin] == 'y') begin--;
  for (size_t i = begin; i <= at; i++) consonant = is_consonant_after(text[i], i == 0, consonant);
  return consonant;
}

/* How often a consonant follows a vowel. */
static size_t measure(const char *text, size_t size) {
  size_t count = 0;
  bool before = true;
  for (size_t i = 0; i < size; i++) {
    bool consonant = is_consonant_after(text[i], i == 0, before);
    count += i > 0 && consonant && !before;
    before = consonant;
  }
  return count;
}

static bool has_measure(const char *text, size_t size) { return measure(text, size) > 0; }
static bool has_two(const char *text, size_t size) { return measure(text, size) > 1; }

static bool has_vowel(const char *text, size_t size) {
  bool before = true;
  for (size_t i = 0; i < size; i++) {
    before = is_consonant_after(text[i], i == 0, before);
    if (!before) return true;
  }
  return false;
}

/* Consonant, vowel, consonant but w, x and y; of two letters vowel and consonant. */
static bool ends_short(const char *text, size_t size) {
  if (size == 2) return !is_consonant(text, 0) && is_consonant(text, 1);
  if (size < 3) return false;
  char last = text[size - 1];
  return is_consonant(text, size - 3) && !is_consonant(text, size - 2) && is_consonant(text, size - 1) && last != 'w' &&
         last != 'x' && last != 'y';
}

/* ---- suffixes --------------------------------------------------------------------------------------------------- */

static bool ends(const stem *s, const char *suffix) {
  size_t size = strlen(suffix);
  return s->size >= size && memcmp(s->text + s->size - size, suffix, size) == 0;
}

/* No suffix is replaced by a longer one but where the step before has made room. */
static void replace(stem *s, const char *suffix, const char *with) {
  s->size -= strlen(suffix);
  memcpy(s->text + s->size, with, strlen(with));
  s->size += strlen(with);
}

/* The first rule whose suffix is there decides. */
static void apply(stem *s, const rule *rules, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!ends(s, rules[i].suffix)) continue;
    bool may = !rules[i].may || rules[i].may(s->text, s->size - strlen(rules[i].suffix));
    if (may) replace(s, rules[i].suffix, rules[i].with);
    return;
  }
}
#define APPLY(s, rules) apply(s, rules, sizeof rules / sizeof *(rules))

/* ---- the steps -------------------------------------------------------------------------------------------------- */

static void plurals(stem *s) {
  static const rule rules[] = {{"sses", "ss", NULL}, {"ies", "i", NULL}, {"ss", "ss", NULL}, {"s", "", NULL}};
  if (s->size == 4 && ends(s, "ies")) {
    replace(s, "ies", "ie");
  } else {
    APPLY(s, rules);
  }
}

/* What is left of a word without its -ed or -ing gets an e where it lacks one. */
static void mend(stem *s) {
  static const rule rules[] = {{"at", "ate", NULL}, {"bl", "ble", NULL}, {"iz", "ize", NULL}};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (!ends(s, rules[i].suffix)) continue;
    replace(s, rules[i].suffix, rules[i].with);
    return;
  }
  char last = s->text[s->size - 1];
  if (s->size >= 2 && last == s->text[s->size - 2] && is_consonant(s->text, s->size - 1)) {
    if (last != 'l' && last != 's' && last != 'z') s->size--;
  } else if (measure(s->text, s->size) == 1 && ends_short(s->text, s->size)) {
    s->text[s->size++] = 'e';
  }
}

static void past_and_present(stem *s) {
  static const char *const suffixes[] = {"ed", "ing"};
  if (ends(s, "ied")) {
    replace(s, "ied", s->size == 4 ? "ie" : "i");
    return;
  }
  if (ends(s, "eed")) {
    if (has_measure(s->text, s->size - 3)) s->size--;
    return;
  }
  for (int i = 0; i < 2; i++) {
    size_t size = strlen(suffixes[i]);
    if (!ends(s, suffixes[i]) || !has_vowel(s->text, s->size - size)) continue;
    s->size -= size;
    mend(s);
    return;
  }
}

static bool is_long_and_ends_in_consonant(const char *text, size_t size) {
  return size > 1 && is_consonant(text, size - 1);
}

static void last_y(stem *s) {
  static const rule rules[] = {{"y", "i", is_long_and_ends_in_consonant}};
  APPLY(s, rules);
}

/* Of -logi the l is counted with what stands before it. */
static bool has_measure_with_l(const char *text, size_t size) { return has_measure(text, size + 1); }

static void double_suffixes(stem *s) {
  static const rule rules[] = {
      {"ational", "ate", has_measure},    {"tional", "tion", has_measure}, {"enci", "ence", has_measure},
      {"anci", "ance", has_measure},      {"izer", "ize", has_measure},    {"bli", "ble", has_measure},
      {"alli", "al", has_measure},        {"entli", "ent", has_measure},   {"eli", "e", has_measure},
      {"ousli", "ous", has_measure},      {"ization", "ize", has_measure}, {"ation", "ate", has_measure},
      {"ator", "ate", has_measure},       {"alism", "al", has_measure},    {"iveness", "ive", has_measure},
      {"fulness", "ful", has_measure},    {"ousness", "ous", has_measure}, {"aliti", "al", has_measure},
      {"iviti", "ive", has_measure},      {"biliti", "ble", has_measure},  {"fulli", "ful", has_measure},
      {"logi", "log", has_measure_with_l}};
  while (ends(s, "alli") && has_measure(s->text, s->size - 4)) replace(s, "alli", "al");
  APPLY(s, rules);
}

static void single_suffixes(stem *s) {
  static const rule rules[] = {{"icate", "ic", has_measure}, {"ative", "", has_measure},  {"alize", "al", has_measure},
                               {"iciti", "ic", has_measure}, {"ical", "ic", has_measure}, {"ful", "", has_measure},
                               {"ness", "", has_measure}};
  APPLY(s, rules);
}

static bool has_two_and_ends_in_s_or_t(const char *text, size_t size) {
  return has_two(text, size) && (text[size - 1] == 's' || text[size - 1] == 't');
}

static void endings(stem *s) {
  static const rule rules[] = {
      {"al", "", has_two},    {"ance", "", has_two}, {"ence", "", has_two}, {"er", "", has_two},
      {"ic", "", has_two},    {"able", "", has_two}, {"ible", "", has_two}, {"ant", "", has_two},
      {"ement", "", has_two}, {"ment", "", has_two}, {"ent", "", has_two},  {"ion", "", has_two_and_ends_in_s_or_t},
      {"ou", "", has_two},    {"ism", "", has_two},  {"ate", "", has_two},  {"iti", "", has_two},
      {"ous", "", has_two},   {"ive", "", has_two},  {"ize", "", has_two}};
  APPLY(s, rules);
}

static void last_e_and_ll(stem *s) {
  if (ends(s, "e")) {
    size_t count = measure(s->text, s->size - 1);
    if (count > 1 || (count == 1 && !ends_short(s->text, s->size - 1))) s->size--;
  }
  if (ends(s, "ll") && has_two(s->text, s->size - 1)) s->size--;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static const char *irregular(const char *word, size_t size) {
  static const char *const forms[][2] = {
      {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
      {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
      {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (strlen(forms[i][0]) == size && memcmp(forms[i][0], word, size) == 0) return forms[i][1];
  }
  return NULL;
}

size_t att_porter_stem(char *word, size_t size) {
  stem s = {word, size};
  const char *known = irregular(word, size);
  if (size <= 2) return size;
  if (known) {
    memcpy(word, known, strlen(known));
    return strlen(known);
  }
  plurals(&s);
  past_and_present(&s);
  last_y(&s);
  double_suffixes(&s);
  single_suffixes(&s);
  endings(&s);
  last_e_and_ll(&s);
  return s.size;
}
