/* Owns numbers as text, whatever the caller's locale. See number.h. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the calling thread alone. Where there is no memory for it, the caller's locale stays. */
static locale_t enter_c_locale(locale_t *before) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain) *before = uselocale(plain);
  return plain;
}

static void leave_c_locale(locale_t plain, locale_t before) {
  if (!plain) return;
  uselocale(before);
  freelocale(plain);
}

int att_format_list(char *text, size_t size, const char *format, va_list args) {
  locale_t before = (locale_t)0, plain = enter_c_locale(&before);
  int length = vsnprintf(text, size, format, args);
  leave_c_locale(plain, before);
  return length;
}

int att_format(char *text, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = att_format_list(text, size, format, args);
  va_end(args);
  return length;
}

bool att_read_number(const char *data, size_t size, double *number) {
  char text[64], *end;
  if (size == 0 || size >= sizeof text) return false;
  for (size_t i = 0; i < size; i++)
    if (!data[i] || !strchr("0123456789+-.eE", data[i])) return false;
  memcpy(text, data, size);
  text[size] = '\0';
  locale_t before = (locale_t)0, plain = enter_c_locale(&before);
  *number = strtod(text, &end);
  leave_c_locale(plain, before);
  return *end == '\0' && isfinite(*number);
}

/* The fewest digits, from least to most, that read back as the value: as a float where it is one. */
static const char *spell(double value, int least, int most, bool is_float, char text[32]) {
  double back;
  bool same;
  do {
    int size = att_format(text, 32, "%.*g", least, value);
    same = att_read_number(text, (size_t)size, &back) && (is_float ? (float)back == (float)value : back == value);
  } while (!same && least++ < most);
  return text;
}

const char *att_number_spell(double value, char text[32]) { return spell(value, 15, 17, false, text); }

const char *att_number_spell_float(float value, char text[32]) { return spell((double)value, 6, 9, true, text); }

bool att_read_digits(const char **text, int *number) {
  const char *at = *text;
  int value = 0;
  for (; *at >= '0' && *at <= '9'; at++) {
    if (at - *text == 6) return false;
    value = 10 * value + (*at - '0');
  }
  if (at == *text) return false;
  *text = at;
  *number = value;
  return true;
}
