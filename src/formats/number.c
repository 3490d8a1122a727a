/* Owns what number.h says. */
#include "formats/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "0123456789+-eE";

/* What stands between "0" and "5": the locale's point, which may be several bytes. */
static size_t find_point(char point[16]) {
  char half[24];
  int size = snprintf(half, sizeof half, "%.1f", 0.5);
  size_t length = size > 2 && size < 16 ? (size_t)size - 2 : 0;
  memcpy(point, half + 1, length);
  return length;
}

bool att_number_read(att_text text, double *value) {
  char local[96], point[16], *end;
  size_t size = 0, point_size = find_point(point);
  bool digit = false;
  if (text.size == 0 || text.size > 64) return false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '.') {
      if (size + point_size + 1 >= sizeof local) return false;
      memcpy(local + size, point, point_size);
      size += point_size;
      continue;
    }
    if (!c || !strchr(letters, c) || size + 1 >= sizeof local) return false;
    digit |= c >= '0' && c <= '9';
    local[size++] = c;
  }
  local[size] = '\0';
  *value = strtod(local, &end);
  return digit && *end == '\0' && isfinite(*value);
}

/* The locale's point becomes one. */
static const char *with_point(const char *local, char text[32]) {
  size_t size = 0;
  for (; *local && size < 31; local++) {
    if (strchr(letters, *local))
      text[size++] = *local;
    else if (size == 0 || text[size - 1] != '.')
      text[size++] = '.';
  }
  text[size] = '\0';
  return text;
}

const char *att_number_spell(double value, char text[32]) {
  char local[48];
  int digits = 15;
  do {
    snprintf(local, sizeof local, "%.*g", digits, value);
  } while (digits++ < 17 && strtod(local, NULL) != value);
  return with_point(local, text);
}

const char *att_number_spell_float(float value, char text[32]) {
  char local[48];
  int digits = 6;
  do {
    snprintf(local, sizeof local, "%.*g", digits, (double)value);
  } while (digits++ < 9 && strtof(local, NULL) != value);
  return with_point(local, text);
}
