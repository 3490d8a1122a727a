/* Owns whole numbers between bounds, and the multiples among them, as a grammar. */
#ifndef ATT_DECODE_WHOLE_NUMBERS_H
#define ATT_DECODE_WHOLE_NUMBERS_H

#include "base/context.h"

#define ATT_MOST_REMAINDERS 1000

/* What it takes to write them: begin with ctx, out, multiple and name. */
typedef struct att_whole_numbers {
  att_context *ctx;
  att_buffer *out;
  int64_t multiple; /* above 0: only multiples of it */
  const char *name; /* of rules: NAME-0, NAME-1, ... */
  struct {
    int64_t rest;                /* of what stands before, in its place, divided by `multiple` */
    int digits;                  /* that follow */
  } called[ATT_MOST_REMAINDERS]; /* [count] */
  int count;
} att_whole_numbers;

/* Appends those from low to high, neither below 0, as alternatives of GBNF. */
att_status att_whole_numbers_put(att_whole_numbers *numbers, int64_t low, int64_t high);
/* The rules that these call, to numbers->out. ATT_ARGUMENT: there would be too many. */
att_status att_whole_numbers_rules(att_whole_numbers *numbers);

#endif
