/* Owns whole numbers as a grammar. See whole_numbers.h. */
#include "decode/whole_numbers.h"

#include <stdio.h>
#include <string.h>

#define PUT(...) ATT_TRY(att_buffer_print(n->ctx, n->out, __VA_ARGS__))

static int64_t power_of_ten(int digits) {
  int64_t power = 1;
  while (digits-- > 0) power *= 10;
  return power;
}

/* What `digits` digits must be, so that with what stands before them there is a multiple. */
static att_status put_call(att_whole_numbers *n, int64_t rest, int digits) {
  rest %= n->multiple;
  if ((n->multiple - rest) % n->multiple >= power_of_ten(digits)) return att_buffer_print(n->ctx, n->out, " []");
  if (digits == 0) return ATT_OK;
  int i = 0;
  while (i < n->count && (n->called[i].rest != rest || n->called[i].digits != digits)) i++;
  if (i == ATT_MOST_REMAINDERS)
    return att_fail(n->ctx, ATT_ARGUMENT, "the JSON schema: multipleOf %lld is more than attend follows here",
                    (long long)n->multiple);
  if (i == n->count) {
    n->called[n->count].rest = rest;
    n->called[n->count++].digits = digits;
  }
  PUT(" %s-%d", n->name, i);
  return ATT_OK;
}

/* The digits `first` to `last`, and any behind them. */
static att_status put_free(att_whole_numbers *n, char first, char last, int64_t rest, int digits) {
  if (n->multiple == 1) {
    PUT("[%c-%c] [0-9]{%d}", first, last, digits);
    return ATT_OK;
  }
  for (char c = first; c <= last; c++) {
    PUT("%s\"%c\"", c > first ? " | " : "", c);
    ATT_TRY(put_call(n, rest + (c - '0') * (power_of_ten(digits) % n->multiple), digits));
  }
  return ATT_OK;
}

/* Numbers of just so many digits as low and high have, which are text of the same length. */
static att_status put_digits(att_whole_numbers *n, const char *low, const char *high, int64_t rest) {
  size_t size = strlen(low);
  if (size == 0) return put_call(n, rest, 0);
  int64_t place = power_of_ten((int)size - 1) % n->multiple;
  if (low[0] == high[0]) {
    PUT(" \"%c\"", low[0]);
    return put_digits(n, low + 1, high + 1, (rest + (low[0] - '0') * place) % n->multiple);
  }
  char zeros[24], nines[24];
  memset(zeros, '0', size);
  memset(nines, '9', size);
  zeros[size - 1] = nines[size - 1] = '\0';
  bool from_zeros = strcmp(low + 1, zeros) == 0, to_nines = strcmp(high + 1, nines) == 0;
  char first = (char)(low[0] + !from_zeros), last = (char)(high[0] - !to_nines); /* what any digits may follow */
  const char *between = "";
  PUT(" (");
  if (!from_zeros) {
    PUT("\"%c\"", low[0]);
    ATT_TRY(put_digits(n, low + 1, nines, (rest + (low[0] - '0') * place) % n->multiple));
    between = " | ";
  }
  if (first <= last) {
    PUT("%s", between);
    ATT_TRY(put_free(n, first, last, rest, (int)size - 1));
    between = " | ";
  }
  if (!to_nines) {
    PUT("%s\"%c\"", between, high[0]);
    ATT_TRY(put_digits(n, zeros, high + 1, (rest + (high[0] - '0') * place) % n->multiple));
  }
  PUT(")");
  return ATT_OK;
}

att_status att_whole_numbers_put(att_whole_numbers *n, int64_t low, int64_t high) {
  for (int64_t from = low, to; from <= high; from = to + 1) {
    char first[24], last[24];
    int64_t ten = 10;
    while (ten <= from) ten *= 10;
    to = ten - 1 < high ? ten - 1 : high;
    snprintf(first, sizeof first, "%lld", (long long)from);
    snprintf(last, sizeof last, "%lld", (long long)to);
    if (from > low) PUT(" |");
    ATT_TRY(put_digits(n, first, last, 0));
  }
  return ATT_OK;
}

att_status att_whole_numbers_rules(att_whole_numbers *n) {
  for (int i = 0; i < n->count; i++) {
    PUT("%s-%d ::= ", n->name, i);
    ATT_TRY(put_free(n, '0', '9', n->called[i].rest, n->called[i].digits - 1));
    PUT("\n");
  }
  return ATT_OK;
}
