/*
 * Owns numbers as text: written and read as in the C locale, whatever locale the caller has set (a decimal comma). The
 * rest of the library formats and reads no fraction in any other way (tests/check_locale.sh).
 */
#ifndef ATT_BASE_NUMBER_H
#define ATT_BASE_NUMBER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define ATT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define ATT_PRINTF(text, first)
#endif

/* snprintf and vsnprintf. */
int att_format(char *text, size_t size, const char *format, ...) ATT_PRINTF(3, 4);
int att_format_list(char *text, size_t size, const char *format, va_list args) ATT_PRINTF(3, 0);

/* A decimal number of at most 63 characters that is all of the text: no spaces, no hexadecimal, no "inf" or "nan";
 * false on anything else, and beyond the range of double. */
bool att_read_number(const char *data, size_t size, double *number);

/* A whole number of one to six digits at *text, which then stands behind it; false, and *text as it was, where there is
 * none. */
bool att_read_digits(const char **text, int *number);

/* The fewest digits, 15 or more, that read back as this double; of a float 6 or more. Finite numbers only. Returns
 * text. */
const char *att_number_spell(double value, char text[32]);
const char *att_number_spell_float(float value, char text[32]);

#endif
