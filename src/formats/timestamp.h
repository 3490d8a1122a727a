/*
 * Owns times as text: plain numbers, dates (2016-07-01, 2016/07/01, 01.07.2016, 07/01/2016, 2016-07), dates with hours,
 * minutes, seconds and their fractions, read and written again in the form that they had. Refuses to know time zones: a
 * Z or an offset is kept as it is.
 */
#ifndef ATT_FORMATS_TIMESTAMP_H
#define ATT_FORMATS_TIMESTAMP_H

#include "base/context.h"

#include <math.h>

/* How a time is written. Equal forms are equal in all members but decimals: those of a table are the most of its times,
 * for some programs leave the fraction off where it is 0. */
typedef struct att_time_form {
  bool number;  /* a plain number, and nothing below */
  char date;    /* '-' or '/'; '.': the day stands first; 'd', 'm': between slashes the day or the month stands first */
  char between; /* ' ' or 'T', before the hours */
  int decimals; /* behind a number's or the seconds' point; at most 9, and what a double of the size has */
  int parts;    /* 2: year and month; 3: a date; 5: with minutes; 6: with seconds */
  char zone[8]; /* "Z", "+02:00", or empty */
} att_time_form;

/* A step from one time to the next: so many months, or seconds (units, of plain numbers) where months is 0. */
typedef struct att_time_step {
  int64_t months;
  double seconds;
  int day; /* of months: the day of the month that times go by, the last of a shorter month; 0: the first time's */
} att_time_step;

/* *time: seconds since 1970 as the text has them, or the number. false: it is no time. month_first: what 07/01/2016 is;
 * a table's times tell (train/data/series_table.c). */
bool att_time_read(att_text text, bool month_first, double *time, att_time_form *form);
bool att_time_form_is(const att_time_form *a, const att_time_form *b);
/* Seconds are added to a form that lacks them where the time has some. Returns text. */
const char *att_time_spell(double time, const att_time_form *form, char text[48]);
/* The time `count` steps later (earlier, where it is negative). */
double att_time_add(double time, att_time_step step, int64_t count);
/* How many steps lie between two times, rounded; *exact: it is a whole number of them, within the rounding of times
 * that are written in this form. */
int64_t att_time_distance(double from, double to, att_time_step step, const att_time_form *form, bool *exact);
/* The day of the month that times go by: 31 where all are the last of their month, else the one that most have. */
int att_time_find_day(const double *times, int64_t count);
/* The step that most neighbours of sorted times [count >= 2] have; months where dates go by them. */
att_time_step att_time_find_step(att_context *ctx, const double *times, int64_t count, const att_time_form *form,
                                 att_status *status);
/* "1 hour", "2 days", "1 month", "0.5" into text; returns it. */
const char *att_time_step_spell(att_time_step step, const att_time_form *form, char text[48]);

#endif
