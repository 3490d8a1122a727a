/* Owns numbers as text, with a point whatever the program's locale writes. */
#ifndef ATT_FORMATS_NUMBER_H
#define ATT_FORMATS_NUMBER_H

#include "base/context.h"

/* Plain decimal numbers ("0.5", "-3", "1e-4"): no spaces, no hexadecimal, no "inf" or "nan"; false for anything else,
 * and for what is too large for a double. */
bool att_number_read(att_text text, double *value);

/* The fewest digits, 15 or more, that read back as this double; of a float 6 or more. Finite numbers only. Returns
 * text. */
const char *att_number_spell(double value, char text[32]);
const char *att_number_spell_float(float value, char text[32]);

#endif
