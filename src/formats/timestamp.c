/* Owns what timestamp.h says. Days and dates: the proleptic Gregorian calendar. */
#include "formats/timestamp.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY           86400.0
#define MOST_DECIMALS 9

typedef struct calendar {
  int64_t year, month, day; /* month and day from 1 */
} calendar;

/* Days since 1970-01-01, and back (the year begins in March, so that the leap day is its last). */
static int64_t days_of(calendar c) {
  int64_t y = c.month <= 2 ? c.year - 1 : c.year, era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
  int64_t of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static calendar calendar_of(int64_t days) {
  int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
  calendar c = {year + era * 400, m < 10 ? m + 3 : m - 9, of_year - (153 * m + 2) / 5 + 1};
  if (c.month <= 2) c.year++;
  return c;
}

static int64_t days_in(int64_t year, int64_t month) {
  calendar next = {month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1};
  return days_of(next) - days_of((calendar){year, month, 1});
}

/* ---- decimals ------------------------------------------------------------------------------------------------- */

static double per_unit(int decimals) {
  double scale = 1;
  for (int i = 0; i < decimals; i++) scale *= 10;
  return scale;
}

static double round_to(double value, int decimals) {
  return floor(value * per_unit(decimals) + 0.5) / per_unit(decimals);
}

/* Of so many that are written those that a double of this size has; of more than nine those that count, for a program
 * may have written 0.30000000000000004. */
static int decimals_of(double time, int written) {
  int count = written < MOST_DECIMALS ? written : MOST_DECIMALS;
  while (count > 0 && 1 / per_unit(count) < 2 * DBL_EPSILON * fabs(time)) count--;
  while (count > 0 && written > MOST_DECIMALS && fabs(time - round_to(time, count - 1)) < 1e-9) count--;
  return count;
}

/* Of a number's text: 0.25 has two, 2.5e-3 four. */
static int decimals_in(att_text text) {
  int count = 0;
  double exponent = 0;
  const char *end = text.data + text.size, *at = memchr(text.data, '.', text.size), *e = text.data;
  while (e < end && *e != 'e' && *e != 'E') e++;
  for (at = at ? at + 1 : end; at < e && count < 60; at++) count++;
  if (e < end) att_read_number(e + 1, (size_t)(end - e) - 1, &exponent);
  double decimals = count - exponent;
  return decimals < 0 ? 0 : decimals > 60 ? 60 : (int)decimals;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

typedef struct cursor {
  const char *at, *end;
} cursor;

/* `least` to `most` digits. */
static bool read_digits(cursor *c, int least, int most, int64_t *value) {
  int count = 0;
  *value = 0;
  while (c->at < c->end && count < most && *c->at >= '0' && *c->at <= '9') {
    *value = *value * 10 + (*c->at++ - '0');
    count++;
  }
  return count >= least;
}

static bool take(cursor *c, char wanted) {
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool read_zone(cursor *c, char zone[8]) {
  size_t size = (size_t)(c->end - c->at);
  if (size >= 8 || (size && *c->at != 'Z' && *c->at != '+' && *c->at != '-')) return false;
  memcpy(zone, c->at, size);
  c->at = c->end;
  return true;
}

static bool read_clock(cursor *c, double *time, att_time_form *form) {
  int64_t hour, minute, second = 0;
  double fraction = 0;
  int written = 0;
  form->between = *c->at++;
  form->parts = 5;
  if (!read_digits(c, 1, 2, &hour) || !take(c, ':') || !read_digits(c, 2, 2, &minute)) return false;
  if (take(c, ':')) {
    form->parts = 6;
    if (!read_digits(c, 2, 2, &second)) return false;
    if (take(c, '.'))
      for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (written < 15) fraction = fraction * 10 + (*c->at - '0'), written++;
  }
  *time += (double)(hour * 3600 + minute * 60 + second) + fraction / per_unit(written);
  form->decimals = decimals_of(*time, written);
  return hour < 24 && minute < 60 && second < 61 && read_zone(c, form->zone);
}

/* The year last. What points part is day, month, year: 31.12.2023; between slashes either may be first. Returns the
 * form's date, or 0. */
static char read_year_last(cursor *c, bool month_first, calendar *day) {
  int64_t first, second;
  if (!read_digits(c, 1, 2, &first) || c->at == c->end || (*c->at != '.' && *c->at != '/')) return 0;
  char between = *c->at++;
  if (!read_digits(c, 1, 2, &second) || !take(c, between) || !read_digits(c, 4, 4, &day->year)) return 0;
  bool turned = between == '/' && month_first;
  day->month = turned ? first : second;
  day->day = turned ? second : first;
  if (day->month < 1 || day->month > 12 || day->day < 1 || day->day > days_in(day->year, day->month)) return 0;
  return between == '.' ? '.' : turned ? 'm' : 'd';
}

static bool end_date(cursor *c, calendar day, double *time, att_time_form *form) {
  *time = DAY * (double)days_of(day);
  if (c->at == c->end) return true;
  return form->parts == 3 && (*c->at == ' ' || *c->at == 'T') && read_clock(c, time, form) && c->at == c->end;
}

static bool read_date(cursor *c, bool month_first, double *time, att_time_form *form) {
  calendar day = {.day = 1};
  cursor begin = *c;
  form->date = read_year_last(&begin, month_first, &day);
  if (form->date) {
    *c = begin;
    form->parts = 3;
    return end_date(c, day, time, form);
  }
  day.day = 1;
  if (!read_digits(c, 4, 4, &day.year) || c->at == c->end || (*c->at != '-' && *c->at != '/')) return false;
  form->date = *c->at++;
  form->parts = 2;
  if (!read_digits(c, 1, 2, &day.month) || day.month < 1 || day.month > 12) return false;
  if (take(c, form->date)) {
    form->parts = 3;
    if (!read_digits(c, 1, 2, &day.day) || day.day < 1 || day.day > days_in(day.year, day.month)) return false;
  }
  return end_date(c, day, time, form);
}

bool att_time_read(att_text text, bool month_first, double *time, att_time_form *form) {
  cursor c = {text.data, text.data + text.size};
  *form = (att_time_form){.number = true};
  if (att_read_number(text.data, text.size, time)) {
    form->decimals = decimals_of(*time, decimals_in(text));
    return fabs(*time) <= 1e15;
  }
  form->number = false;
  return text.size > 0 && read_date(&c, month_first, time, form);
}

bool att_time_form_is(const att_time_form *a, const att_time_form *b) {
  return a->number == b->number && a->date == b->date && a->between == b->between && a->parts == b->parts &&
         strcmp(a->zone, b->zone) == 0;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

const char *att_time_spell(double time, const att_time_form *form, char text[48]) {
  if (form->number && form->decimals == 0) return att_number_spell(time, text);
  if (form->number) {
    att_format(text, 48, "%.*f", form->decimals, round_to(time, form->decimals) + 0.0); /* -0.00 becomes 0.00 */
    return text;
  }
  double days = floor(time / DAY), units = floor((time - days * DAY) * per_unit(form->decimals) + 0.5);
  if (units >= DAY * per_unit(form->decimals)) days++, units = 0; /* 23:59:59.9996 with three decimals */
  calendar c = calendar_of((int64_t)days);
  int64_t scale = (int64_t)per_unit(form->decimals), seconds = (int64_t)units / scale,
          fraction = (int64_t)units % scale;
  int parts = form->decimals ? 6 : form->parts < 6 && seconds % 60 ? 6 : form->parts < 5 && seconds ? 5 : form->parts;
  char between = form->between ? form->between : ' ';
  bool year_first = form->date == '-' || form->date == '/';
  char mark = form->date == '.' ? '.' : '/';
  int64_t first = form->date == 'm' ? c.month : c.day, second = form->date == 'm' ? c.day : c.month;
  int used = year_first ? snprintf(text, 48, "%04d%c%02d", (int)c.year, form->date, (int)c.month)
                        : snprintf(text, 48, "%02d%c%02d%c%04d", (int)first, mark, (int)second, mark, (int)c.year);
  if (parts > 2 && year_first) used += snprintf(text + used, 48 - (size_t)used, "%c%02d", form->date, (int)c.day);
  if (parts > 3) {
    used += snprintf(text + used, 48 - (size_t)used, "%c%02d:%02d", between, (int)(seconds / 3600 % 24),
                     (int)(seconds / 60 % 60));
  }
  if (parts > 5) used += snprintf(text + used, 48 - (size_t)used, ":%02d", (int)(seconds % 60));
  if (form->decimals) used += snprintf(text + used, 48 - (size_t)used, ".%0*lld", form->decimals, (long long)fraction);
  if (parts > 3) snprintf(text + used, 48 - (size_t)used, "%s", form->zone);
  return text;
}

const char *att_time_step_spell(att_time_step step, const att_time_form *form, char text[48]) {
  static const struct {
    double seconds;
    const char *name;
  } units[] = {{7 * DAY, "week"}, {DAY, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  if (step.months) {
    bool years = step.months % 12 == 0;
    int64_t count = years ? step.months / 12 : step.months;
    snprintf(text, 48, "%lld %s%s", (long long)count, years ? "year" : "month", count == 1 ? "" : "s");
    return text;
  }
  for (size_t i = 0; !form->number && i < sizeof units / sizeof *units; i++) {
    double count = step.seconds / units[i].seconds;
    if (count < 1 || count != floor(count)) continue;
    att_format(text, 48, "%.10g %s%s", count, units[i].name, count > 1 ? "s" : "");
    return text;
  }
  att_format(text, 48, "%.10g%s", step.seconds, form->number ? "" : " seconds");
  return text;
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

static int64_t month_number(double time) {
  calendar c = calendar_of((int64_t)floor(time / DAY));
  return c.year * 12 + c.month - 1;
}

/* Months go by a day of the month, or the last day of a shorter one. */
static double add_months(double time, int64_t months, int day) {
  double days = floor(time / DAY), rest = time - days * DAY;
  calendar c = calendar_of((int64_t)days);
  int64_t number = c.year * 12 + c.month - 1 + months;
  if (day) c.day = day;
  c.year = number >= 0 ? number / 12 : (number - 11) / 12;
  c.month = number - c.year * 12 + 1;
  int64_t most = days_in(c.year, c.month);
  if (c.day > most) c.day = most;
  return (double)days_of(c) * DAY + rest;
}

int att_time_find_day(const double *times, int64_t count) {
  int64_t counts[32] = {0};
  bool ends = true;
  int most = 1;
  for (int64_t i = 0; i < count; i++) {
    calendar c = calendar_of((int64_t)floor(times[i] / DAY));
    ends = ends && c.day == days_in(c.year, c.month);
    counts[c.day]++;
  }
  for (int day = 2; day < 32; day++)
    if (counts[day] >= counts[most]) most = day;
  return ends ? 31 : most;
}

double att_time_add(double time, att_time_step step, int64_t count) {
  return step.months ? add_months(time, step.months * count, step.day) : time + step.seconds * (double)count;
}

/* How far off the grid a time may be: what a double of its size cannot tell, and where the step is no whole number of
 * the units that times are written in (30 rows a second, as .033, .067, .100), such a unit. */
static double slack_of(double from, double to, double step, const att_time_form *form) {
  double unit = 1 / per_unit(form->decimals), units = step / unit;
  double slack = 1e-6 * step + 8 * DBL_EPSILON * fmax(fabs(from), fabs(to));
  if (fabs(units - floor(units + 0.5)) > 1e-6 * units) slack += unit;
  return fmin(slack, step / 3);
}

int64_t att_time_distance(double from, double to, att_time_step step, const att_time_form *form, bool *exact) {
  if (step.months) {
    int64_t months = month_number(to) - month_number(from);
    *exact = months % step.months == 0;
    return months / step.months;
  }
  double count = (to - from) / step.seconds, whole = floor(count + 0.5);
  *exact = fabs(whole) < 9e15 &&
           fabs(to - att_time_add(from, step, (int64_t)whole)) <= slack_of(from, to, step.seconds, form);
  return fabs(whole) < 9e15 ? (int64_t)whole : 0;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The value that comes most often; of several the least. */
static double find_mode(double *values, int64_t count) {
  double mode = values[0];
  int64_t most = 0;
  qsort(values, (size_t)count, sizeof *values, by_value);
  for (int64_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && values[end] - values[i] <= 1e-9 * fabs(values[i]); end++) {
    }
    if (end - i > most) mode = values[i];
    if (end - i > most) most = end - i;
  }
  return mode;
}

/* A whole number of rows a second (a unit), where gaps are not all of the step: each is rounded as it was written. */
static double find_rate(const double *times, int64_t count, double step, const att_time_form *form) {
  double places = 0, off = 0;
  for (int64_t i = 1; i < count; i++) {
    double gap = times[i] - times[i - 1], whole = floor(gap / step + 0.5);
    off = fmax(off, fabs(gap - whole * step));
    places += whole;
  }
  if (off * per_unit(form->decimals) < 0.5 || !(places > 0)) return step;
  double rate = floor(places / (times[count - 1] - times[0]) + 0.5);
  if (!(rate > 1)) return step;
  for (int64_t i = 1; i < count; i++) {
    bool exact;
    att_time_distance(times[0], times[i], (att_time_step){.seconds = 1 / rate}, form, &exact);
    if (!exact) return step;
  }
  return 1 / rate;
}

att_time_step att_time_find_step(att_context *ctx, const double *times, int64_t count, const att_time_form *form,
                                 att_status *status) {
  att_time_step step = {.seconds = 1};
  double *steps = ATT_NEW(ctx, count, double);
  *status = steps ? ATT_OK : ATT_MEMORY;
  if (!steps) return step;
  int64_t found = 0, by_month = 0;
  for (int64_t i = 1; i < count; i++) {
    double gap = times[i] - times[i - 1];
    if (!(gap > 0)) continue;
    double rounded = round_to(gap, form->decimals);
    steps[found++] = rounded > 0 ? rounded : gap;
    by_month += !form->number && gap >= 28 * DAY && fmod(gap, DAY) == 0;
  }
  if (found) step.seconds = find_mode(steps, found);
  if (found && by_month * 2 > found && step.seconds >= 28 * DAY) { /* months differ in their days */
    bool weeks = fmod(step.seconds, 7 * DAY) == 0 && step.seconds <= 32 * DAY;
    for (int64_t i = 0; i < found; i++) weeks = weeks && fmod(steps[i], step.seconds) == 0;
    found = 0;
    for (int64_t i = 1; i < count; i++) {
      int64_t months = month_number(times[i]) - month_number(times[i - 1]);
      if (months > 0) steps[found++] = (double)months;
    }
    if (!weeks) step.months = (int64_t)find_mode(steps, found);
  }
  att_free(ctx, steps);
  if (form->decimals && !step.months) step.seconds = find_rate(times, count, step.seconds, form);
  return step;
}
