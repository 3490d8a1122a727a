/* Owns the stems of English words. (porter.c) */
#ifndef ATT_METRICS_PORTER_H
#define ATT_METRICS_PORTER_H

#include <stddef.h>

/* word: [size], of a-z and 0-9, becomes its stem in place; the stem's size, which is at most `size`. */
size_t att_porter_stem(char *word, size_t size);

#endif
