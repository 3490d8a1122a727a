/* Owns the parameters of all routes whose models write. IN(member): where the route's struct has it. */
#ifndef ATT_SERVER_SAMPLING_H
#define ATT_SERVER_SAMPLING_H

#include "params.h"

/* clang-format off */
/* Of att_generate_options and att_decode_options alike. */
#define ATT_SAMPLING_PARAMS(IN)                                                                                        \
  {"temperature", ATT_PARAM_NUMBER, 0, 1000, IN(temperature), "0: the likeliest token; without it: the model's", 0},   \
  {"top_p", ATT_PARAM_NUMBER, 1e-9, 1, IN(top_p), "only the likeliest that have this probability together", 0},       \
  {"top_k", ATT_PARAM_INT, 0, 1e9, IN(top_k), "only so many of the likeliest; 0: all", 0},                             \
  {"min_p", ATT_PARAM_NUMBER, 0, 1, IN(min_p), "only those so likely, beside the likeliest", 0},                      \
  {"typical_p", ATT_PARAM_NUMBER, 1e-9, 1, IN(typical_p), "only those of nearly the expected surprise", 0},           \
  {"repetition_penalty", ATT_PARAM_NUMBER, 0.01, 100, IN(repetition_penalty), "above 1: fewer repetitions", 0},       \
  {"no_repeat_ngram_size", ATT_PARAM_INT, 0, 1e9, IN(no_repeat_ngram_size), "so many tokens never come again", 0},     \
  {"min_tokens", ATT_PARAM_INT, 0, 1e9, IN(min_tokens), "before an end token", 0},                                     \
  {"seed", ATT_PARAM_SEED, 0, 0, IN(seed), "the same draws for the same seed; without it: a new one each time", 0}
/* clang-format on */

#endif
