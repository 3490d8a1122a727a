/*
 * Owns numbers in words, as digits: "twenty one" to 21, "two and a half million" to 2500000, "$5 million" to $5000000,
 * "nineteen eighties" to 1980s. The rules are those of Whisper's EnglishNumberNormalizer. A number is kept as its
 * decimal digits, so none is too large.
 */
#include "metrics/english.h"

#include <stdio.h>
#include <string.h>

typedef enum number_kind {
  NO_NUMBER,
  ZERO,
  ONES,
  ONES_ENDED, /* plural or ordinal */
  TENS,
  TENS_ENDED,
  POWER,
  POWER_ENDED,
  SIGN,     /* minus, plus: before a number */
  CURRENCY, /* after one */
  PER,      /* per, percent */
  SPECIAL   /* and, double, triple, point */
} number_kind;

typedef struct number_word {
  number_kind kind;
  int value;          /* of ones and tens; zeros of a power of ten; copies of double and triple */
  const char *suffix; /* of the ended ones; the sign of signs and currencies */
} number_word;

static const char *const ones[] = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                   "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                   "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
static const struct {
  const char *name;
  int zeros;
} powers[] = {{"hundred", 2},     {"thousand", 3},     {"million", 6},      {"billion", 9},
              {"trillion", 12},   {"quadrillion", 15}, {"quintillion", 18}, {"sextillion", 21},
              {"septillion", 24}, {"octillion", 27},   {"nonillion", 30},   {"decillion", 33}};
static const struct {
  const char *name;
  number_word word;
} others[] = {{"o", {ZERO, 0, ""}},
              {"oh", {ZERO, 0, ""}},
              {"zero", {ZERO, 0, ""}},
              {"zeroth", {ONES_ENDED, 0, "th"}},
              {"first", {ONES_ENDED, 1, "st"}},
              {"second", {ONES_ENDED, 2, "nd"}},
              {"third", {ONES_ENDED, 3, "rd"}},
              {"fifth", {ONES_ENDED, 5, "th"}},
              {"twelfth", {ONES_ENDED, 12, "th"}},
              {"sixes", {ONES_ENDED, 6, "s"}},
              {"minus", {SIGN, 0, "-"}},
              {"negative", {SIGN, 0, "-"}},
              {"plus", {SIGN, 0, "+"}},
              {"positive", {SIGN, 0, "+"}},
              {"pound", {CURRENCY, 0, "£"}},
              {"pounds", {CURRENCY, 0, "£"}},
              {"euro", {CURRENCY, 0, "€"}},
              {"euros", {CURRENCY, 0, "€"}},
              {"dollar", {CURRENCY, 0, "$"}},
              {"dollars", {CURRENCY, 0, "$"}},
              {"cent", {CURRENCY, 0, "¢"}},
              {"cents", {CURRENCY, 0, "¢"}},
              {"per", {PER, 0, ""}},
              {"percent", {PER, 1, "%"}},
              {"and", {SPECIAL, 0, ""}},
              {"double", {SPECIAL, 2, ""}},
              {"triple", {SPECIAL, 3, ""}},
              {"point", {SPECIAL, 1, ""}}};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- words ------------------------------------------------------------------------------------------------------ */

static bool is(att_text word, const char *name) {
  return word.size == strlen(name) && memcmp(word.data, name, word.size) == 0;
}

/* Whether word is name, less `cut` bytes of its end, and then the ending. */
static bool is_ended(att_text word, const char *name, size_t cut, const char *ending) {
  size_t stem = strlen(name) - cut, size = strlen(ending);
  return word.size == stem + size && memcmp(word.data, name, stem) == 0 && memcmp(word.data + stem, ending, size) == 0;
}

static number_word ended(number_kind kind, int value, const char *suffix) { return (number_word){kind, value, suffix}; }

static number_word find_ones(att_text word) {
  for (int i = 1; i < (int)COUNT(ones); i++) {
    bool regular = i > 3 && i != 5 && i != 12, is_eight = ones[i][strlen(ones[i]) - 1] == 't';
    if (is(word, ones[i])) return ended(ONES, i, "");
    if (i != 6 && is_ended(word, ones[i], 0, "s")) return ended(ONES_ENDED, i, "s");
    if (regular && is_ended(word, ones[i], 0, is_eight ? "h" : "th")) return ended(ONES_ENDED, i, "th");
  }
  return ended(NO_NUMBER, 0, "");
}

static number_word find_number(att_text word) {
  for (size_t i = 0; i < COUNT(others); i++)
    if (is(word, others[i].name)) return others[i].word;
  number_word found = find_ones(word);
  for (int i = 0; i < (int)COUNT(tens) && !found.kind; i++) {
    if (is(word, tens[i])) found = ended(TENS, 10 * i + 20, "");
    if (is_ended(word, tens[i], 1, "ies")) found = ended(TENS_ENDED, 10 * i + 20, "s");
    if (is_ended(word, tens[i], 1, "ieth")) found = ended(TENS_ENDED, 10 * i + 20, "th");
  }
  for (size_t i = 0; i < COUNT(powers) && !found.kind; i++) {
    if (is(word, powers[i].name)) found = ended(POWER, powers[i].zeros, "");
    if (is_ended(word, powers[i].name, 0, "s")) found = ended(POWER_ENDED, powers[i].zeros, "s");
    if (is_ended(word, powers[i].name, 0, "th")) found = ended(POWER_ENDED, powers[i].zeros, "th");
  }
  return found;
}

bool att_english_is_number(att_text word) {
  number_kind kind = find_number(word).kind;
  return kind == ZERO || kind == ONES || kind == TENS || kind == POWER;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Digits, and a point with digits after it perhaps. */
static bool is_numeric(att_text word) {
  size_t i = 0;
  while (i < word.size && is_digit(word.data[i])) i++;
  if (i == 0 || i == word.size) return i > 0;
  size_t point = i++;
  while (i < word.size && is_digit(word.data[i])) i++;
  return word.data[point] == '.' && i == word.size && i > point + 1;
}

/* Bytes of the currency or sign that a word begins with, or 0. */
static size_t prefix_of(att_text word) {
  static const char *const prefixes[] = {"-", "+", "£", "€", "$", "¢"};
  for (size_t i = 0; i < COUNT(prefixes); i++) {
    size_t size = strlen(prefixes[i]);
    if (word.size >= size && memcmp(word.data, prefixes[i], size) == 0) return size;
  }
  return 0;
}

/* ---- the number that is being read ------------------------------------------------------------------------------ */

/* A whole number without leading zeros, or digits as they were said ("007", "2."). */
typedef enum value_form { NO_VALUE, WHOLE, SPELLED } value_form;

typedef struct numbers_task {
  att_context *ctx;
  att_buffer *out;
  size_t began; /* out's size before */
  value_form form;
  att_buffer value;            /* its digits */
  char prefix[8];              /* what goes before it; "": nothing */
  att_text before, now, after; /* words; data NULL: none */
  number_word word, last, next;
  bool skip; /* the next word has been read */
} numbers_task;

static att_status write_word(numbers_task *t, att_text word, const char *suffix) {
  if (t->out->size > t->began) ATT_TRY(att_buffer_append(t->ctx, t->out, " ", 1));
  ATT_TRY(att_buffer_append(t->ctx, t->out, t->prefix, strlen(t->prefix)));
  ATT_TRY(att_buffer_append(t->ctx, t->out, word.data, word.size));
  ATT_TRY(att_buffer_append(t->ctx, t->out, suffix, strlen(suffix)));
  t->prefix[0] = 0;
  t->form = NO_VALUE;
  return ATT_OK;
}

static att_status write_value(numbers_task *t, const char *suffix) {
  return write_word(t, (att_text){t->value.data, t->value.size}, suffix);
}

static att_status flush(numbers_task *t) { return t->form == NO_VALUE ? ATT_OK : write_value(t, ""); }

static att_status flush_and_write(numbers_task *t) {
  ATT_TRY(flush(t));
  return write_word(t, t->now, "");
}

static att_status set_value(numbers_task *t, value_form form, const char *data, size_t size) {
  t->value.size = 0;
  t->form = form;
  return att_buffer_append(t->ctx, &t->value, data, size);
}

static att_status set_number(numbers_task *t, int number) {
  char text[16];
  return set_value(t, WHOLE, text, (size_t)snprintf(text, sizeof text, "%d", number));
}

/* 1 and so many zeros */
static att_status set_power(numbers_task *t, int zeros) {
  ATT_TRY(set_value(t, WHOLE, "1", 1));
  for (int i = 0; i < zeros; i++) ATT_TRY(att_buffer_append(t->ctx, &t->value, "0", 1));
  return ATT_OK;
}

/* As Python's str(value or "") + text: a whole 0 is nothing. */
static att_status spell_on(numbers_task *t, const char *text) {
  bool nothing = t->form == NO_VALUE || (t->form == WHOLE && t->value.size == 1 && t->value.data[0] == '0');
  if (nothing) t->value.size = 0;
  t->form = SPELLED;
  return att_buffer_append(t->ctx, &t->value, text, strlen(text));
}

/* A whole value's last `digits` are zeros: what is smaller can be added by writing over them. */
static bool ends_in_zeros(const numbers_task *t, size_t digits) {
  size_t size = t->value.size;
  for (size_t i = 0; i < digits && i < size; i++)
    if (t->value.data[size - 1 - i] != '0') return false;
  return true;
}

/* value += number, of at most two digits, where the last of the value are zeros. */
static att_status add_small(numbers_task *t, int number) {
  char text[16];
  size_t size = (size_t)snprintf(text, sizeof text, "%d", number);
  if (t->value.size <= size) return set_value(t, WHOLE, text, size);
  memcpy(t->value.data + t->value.size - size, text, size);
  return ATT_OK;
}

/* a + b of decimal digits, into a */
static att_status add_digits(att_context *ctx, att_buffer *a, const char *b, size_t size) {
  while (a->size <= size) { /* room for one more */
    ATT_TRY(att_buffer_append(ctx, a, "0", 1));
    memmove(a->data + 1, a->data, a->size - 1);
    a->data[0] = '0';
  }
  int carry = 0;
  for (size_t i = 0; i < a->size; i++) {
    char *digit = a->data + a->size - 1 - i;
    int sum = *digit - '0' + (i < size ? b[size - 1 - i] - '0' : 0) + carry;
    *digit = (char)('0' + sum % 10);
    carry = sum / 10;
  }
  return ATT_OK;
}

static void drop_leading_zeros(att_buffer *digits) {
  size_t zeros = 0;
  while (zeros + 1 < digits->size && digits->data[zeros] == '0') zeros++;
  memmove(digits->data, digits->data + zeros, digits->size - zeros);
  digits->size -= zeros;
}

/* A whole value's last three digits times a power of ten, the thousands as they are. */
static att_status multiply_whole(numbers_task *t, int zeros) {
  char rest[64];
  size_t kept = t->value.size < 3 ? t->value.size : 3, head = t->value.size - kept;
  memcpy(rest, t->value.data + head, kept);
  memset(rest + kept, '0', (size_t)zeros);
  memset(t->value.data + head, '0', kept);
  ATT_TRY(add_digits(t->ctx, &t->value, rest, kept + (size_t)zeros));
  drop_leading_zeros(&t->value);
  return ATT_OK;
}

/* A spelled value times a power of ten, where it is a number and the product whole. */
static att_status multiply_spelled(numbers_task *t, int zeros, bool *done) {
  size_t size = t->value.size, whole = 0, end = size;
  const char *data = t->value.data;
  while (whole < size && is_digit(data[whole])) whole++;
  bool point = whole < size && data[whole] == '.';
  for (size_t i = whole + point; i < size; i++)
    if (!is_digit(data[i])) whole = SIZE_MAX;
  *done = whole != SIZE_MAX && whole + point <= size && (point || whole == size) && size > point;
  while (*done && point && end > whole + 1 && data[end - 1] == '0') end--;
  size_t fraction = point && *done ? end - whole - 1 : 0;
  if (!*done || fraction > (size_t)zeros) {
    *done = false;
    return ATT_OK;
  }
  if (point) memmove(t->value.data + whole, t->value.data + whole + 1, fraction);
  t->value.size = whole + fraction;
  for (size_t i = fraction; i < (size_t)zeros; i++) ATT_TRY(att_buffer_append(t->ctx, &t->value, "0", 1));
  drop_leading_zeros(&t->value);
  t->form = WHOLE;
  return ATT_OK;
}

/* ---- a word ----------------------------------------------------------------------------------------------------- */

static att_status read_digits(numbers_task *t, size_t prefix) {
  att_text digits = {t->now.data + prefix, t->now.size - prefix};
  bool open = t->form == SPELLED && t->value.size > 0 && t->value.data[t->value.size - 1] == '.';
  if (open) return att_buffer_append(t->ctx, &t->value, t->now.data, t->now.size);
  ATT_TRY(flush(t));
  if (prefix) snprintf(t->prefix, sizeof t->prefix, "%.*s", (int)prefix, t->now.data);
  const char *point = memchr(digits.data, '.', digits.size);
  size_t whole = point ? (size_t)(point - digits.data) : digits.size, end = digits.size;
  while (point && digits.data[end - 1] == '0') end--;
  if (point && end > whole + 1) return set_value(t, SPELLED, digits.data, digits.size);
  ATT_TRY(set_value(t, WHOLE, digits.data, whole));
  drop_leading_zeros(&t->value);
  return ATT_OK;
}

/* Ones after what is there: added where it ends in zeros, else written behind it. */
static att_status read_ones(numbers_task *t) {
  int number = t->word.value;
  char text[16];
  snprintf(text, sizeof text, "%d", number);
  if (t->form == NO_VALUE) return set_number(t, number);
  if (t->form == SPELLED || t->last.kind == ONES) {
    if (t->last.kind == TENS && number < 10) t->value.size--; /* the zero of the tens */
  } else if (ends_in_zeros(t, number < 10 ? 1 : 2)) {
    return add_small(t, number);
  }
  t->form = SPELLED;
  return att_buffer_append(t->ctx, &t->value, text, strlen(text));
}

static att_status read_tens(numbers_task *t) {
  char text[16];
  snprintf(text, sizeof text, "%d", t->word.value);
  if (t->form == NO_VALUE) return set_number(t, t->word.value);
  if (t->form == WHOLE && ends_in_zeros(t, 2)) return add_small(t, t->word.value);
  t->form = SPELLED;
  return att_buffer_append(t->ctx, &t->value, text, strlen(text));
}

static att_status read_power(numbers_task *t) {
  bool done = true;
  int zeros = t->word.value;
  if (t->form == NO_VALUE) return set_power(t, zeros);
  if (t->form == WHOLE) return multiply_whole(t, zeros);
  ATT_TRY(multiply_spelled(t, zeros, &done));
  if (done) return ATT_OK;
  ATT_TRY(flush(t));
  return set_power(t, zeros);
}

static att_status read_sign(numbers_task *t, bool next_numeric) {
  ATT_TRY(flush(t));
  if (!next_numeric && !t->next.kind) return write_word(t, t->now, "");
  snprintf(t->prefix, sizeof t->prefix, "%s", t->word.suffix);
  return ATT_OK;
}

static att_status read_currency(numbers_task *t) {
  if (t->form == NO_VALUE) return write_word(t, t->now, "");
  snprintf(t->prefix, sizeof t->prefix, "%s", t->word.suffix);
  return write_value(t, "");
}

static att_status read_per(numbers_task *t) {
  if (t->form == NO_VALUE) return write_word(t, t->now, "");
  if (t->word.value == 1) return write_value(t, "%");
  t->skip = t->after.data && is(t->after, "cent");
  return t->skip ? write_value(t, "%") : flush_and_write(t);
}

static att_status read_repeated(numbers_task *t) {
  char text[8];
  if (t->next.kind != ZERO && t->next.kind != ONES) return flush_and_write(t);
  for (int i = 0; i < t->word.value; i++) {
    snprintf(text, sizeof text, "%d", t->next.kind == ONES ? t->next.value : 0);
    ATT_TRY(i ? att_buffer_append(t->ctx, &t->value, text, strlen(text)) : spell_on(t, text));
  }
  t->skip = true;
  return ATT_OK;
}

static att_status read_special(numbers_task *t, bool next_numeric) {
  if (!t->next.kind && !next_numeric) return flush_and_write(t);
  if (is(t->now, "and")) return t->last.kind == POWER ? ATT_OK : flush_and_write(t);
  if (!is(t->now, "point")) return read_repeated(t);
  bool decimal = t->next.kind == ONES || t->next.kind == TENS || t->next.kind == ZERO;
  return decimal || next_numeric ? spell_on(t, ".") : ATT_OK;
}

static att_status read_word(numbers_task *t) {
  bool next_numeric = t->after.data && is_numeric(t->after);
  size_t prefix = prefix_of(t->now);
  if (is_numeric((att_text){t->now.data + prefix, t->now.size - prefix})) return read_digits(t, prefix);
  switch (t->word.kind) {
  case ZERO: return spell_on(t, "0");
  case ONES: return read_ones(t);
  case ONES_ENDED: ATT_TRY(read_ones(t)); return write_value(t, t->word.suffix);
  case TENS: return read_tens(t);
  case TENS_ENDED: ATT_TRY(read_tens(t)); return write_value(t, t->word.suffix);
  case POWER: return read_power(t);
  case POWER_ENDED: ATT_TRY(read_power(t)); return write_value(t, t->word.suffix);
  case SIGN: return read_sign(t, next_numeric);
  case CURRENCY: return read_currency(t);
  case PER: return read_per(t);
  case SPECIAL: return read_special(t, next_numeric);
  case NO_NUMBER: break;
  }
  return flush_and_write(t);
}

static att_text next_word(att_text text, size_t *at) {
  while (*at < text.size && text.data[*at] == ' ') ++*at;
  size_t begin = *at;
  while (*at < text.size && text.data[*at] != ' ') ++*at;
  return begin < *at ? (att_text){text.data + begin, *at - begin} : (att_text){NULL, 0};
}

static att_status read_words(numbers_task *t, att_text text) {
  size_t at = 0;
  t->after = next_word(text, &at);
  while (t->after.data) {
    t->before = t->now, t->now = t->after, t->after = next_word(text, &at);
    t->last = t->before.data ? find_number(t->before) : (number_word){NO_NUMBER, 0, ""};
    t->word = find_number(t->now);
    t->next = t->after.data ? find_number(t->after) : (number_word){NO_NUMBER, 0, ""};
    bool skip = t->skip;
    t->skip = false;
    if (!skip) ATT_TRY(read_word(t));
  }
  return flush(t);
}

att_status att_english_numbers(att_context *ctx, att_text text, att_buffer *out) {
  numbers_task task = {.ctx = ctx, .out = out, .began = out->size};
  att_status status = read_words(&task, text);
  att_buffer_free(ctx, &task.value);
  return status;
}
