/* Owns what report.h says. The page is drawn in the browser from the JSON that stands in it. */
#include "view/report.h"

#include "formats/json.h"
#include "view/report_page.h"
#include "view/view.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static void put_key(att_writer *w, const char *key) { att_write_format(w, "\"%s\": ", key); }

static void put_text(att_writer *w, const char *data, size_t size) {
  if (!data)
    att_write(w, "null");
  else if (!w->status)
    w->status = att_json_put_string(w->ctx, w->out, data, size);
}

static void put_string(att_writer *w, const char *key, const char *text) {
  put_key(w, key);
  put_text(w, text, text ? strlen(text) : 0);
  att_write(w, ", ");
}

static void put_number(att_writer *w, double value) {
  if (!w->status) w->status = att_json_put_number(w->ctx, w->out, value);
}

static void put_numbers(att_writer *w, const char *key, const double *values, size_t count) {
  put_key(w, key);
  for (size_t i = 0; i < count; i++) {
    att_write(w, i ? ", " : "[");
    put_number(w, values[i]);
  }
  att_write(w, count ? "], " : "[], ");
}

static void put_spans(att_writer *w, const char *key, const att_span *spans, size_t count) {
  put_key(w, key);
  att_write(w, "[");
  for (size_t i = 0; i < count; i++) {
    att_write_format(w, "%s[%lld, ", i ? ", " : "", (long long)spans[i].first);
    if (spans[i].last < 0)
      att_write(w, "null]");
    else
      att_write_format(w, "%lld]", (long long)spans[i].last);
  }
  att_write(w, "],\n ");
}

static void put_curve(att_writer *w, const att_report_network *n) {
  put_key(w, "curve");
  att_write(w, "[");
  for (size_t i = 0; i < n->curve_count; i++) {
    const att_report_point *p = &n->curve[i];
    att_write_format(w, "%s{\"step\": %lld, \"seconds\": ", i ? ", " : "", (long long)p->step);
    put_number(w, p->seconds);
    att_write(w, ", \"valid_loss\": ");
    put_number(w, p->valid_loss);
    att_write(w, ", \"quality\": ");
    put_number(w, p->quality);
    att_write(w, "}");
  }
  att_write(w, "]");
}

static void put_network(att_writer *w, const att_report *report, const att_report_network *n) {
  att_write(w, "  {");
  put_string(w, "name", n->name);
  put_string(w, "title", n->title);
  put_string(w, "note", n->note);
  att_write_format(w, "\"parameters\": %lld, \"steps\": %lld, \"tokens\": %lld, ", (long long)n->parameters,
                   (long long)n->steps, (long long)n->tokens);
  put_key(w, "seconds");
  put_number(w, n->seconds);
  att_write(w, ", \"score\": ");
  put_number(w, n->score);
  att_write(w, ", \"valid_loss\": ");
  put_number(w, n->valid_loss);
  att_write(w, ",\n   ");
  put_numbers(w, "score_by_length", n->by_length, report->length_count);
  put_numbers(w, "gradient_by_distance", n->by_distance, report->distance_count);
  att_write(w, "\n   ");
  put_curve(w, n);
  att_write(w, "}");
}

enum { MOST_LINES = 8, MOST_BANDS = 20, MOST_POINTS = 160 }; /* of a series as it is drawn */

/* The mean of values [first, after) of lines [low, high), which are `lines` a row; NaN: there is none. */
static double mean_of(const att_report_example *e, size_t low, size_t high, size_t first, size_t after) {
  double sum = 0;
  size_t count = 0;
  for (size_t r = first; r < after; r++)
    for (size_t c = low; c < high; c++) {
      float value = e->values[r * e->channels + c];
      if (!isfinite(value)) continue;
      sum += (double)value;
      count++;
    }
  return count ? sum / (double)count : NAN;
}

/* Lines of means: of a channel each, or of neighbouring ones where there are many (bands). */
static void put_series(att_writer *w, const att_report_example *e) {
  bool bands = e->channels > MOST_LINES;
  size_t lines = bands && e->channels > MOST_BANDS ? MOST_BANDS : e->channels;
  size_t points = e->rows < MOST_POINTS ? e->rows : MOST_POINTS;
  att_write_format(w, "{\"bands\": %s, \"rows\": %zu, \"lines\": [", bands ? "true" : "false", e->rows);
  for (size_t l = 0; l < lines; l++) {
    att_write(w, l ? ", [" : "[");
    for (size_t p = 0; p < points; p++) {
      if (p) att_write(w, ", ");
      size_t low = l * e->channels / lines, high = (l + 1) * e->channels / lines;
      att_write_number(w, (float)mean_of(e, low, high, p * e->rows / points, (p + 1) * e->rows / points), 4);
    }
    att_write(w, "]");
  }
  att_write(w, "]}");
}

/* The keys [low, high) that sound in it somewhere; both 0: none does. */
static void find_keys(const att_report_example *e, size_t *low, size_t *high) {
  *low = *high = 0;
  for (size_t k = 0; k < e->channels; k++) {
    bool sounds = false;
    for (size_t r = 0; r < e->rows; r++) sounds |= e->roll[r * e->channels + k] != 0;
    if (sounds && *high == 0) *low = k;
    if (sounds) *high = k + 1;
  }
}

/* [keys][frames] of what sounds, or where `likely` is given of how likely that was found, in hundredths. */
static void put_keys(att_writer *w, const att_report_example *e, const float *likely) {
  size_t low, high;
  find_keys(e, &low, &high);
  att_write(w, "[");
  for (size_t k = low; k < high; k++) {
    att_write(w, k > low ? ", [" : "[");
    for (size_t r = 0; r < e->rows; r++) {
      size_t at = r * e->channels + k;
      if (r) att_write(w, ", ");
      att_write_number(w, likely ? roundf(100 * likely[at]) / 100 : (float)e->roll[at], 3);
    }
    att_write(w, "]");
  }
  att_write(w, "]");
}

static void put_roll(att_writer *w, const att_report *report, const att_report_example *e) {
  size_t low, high;
  find_keys(e, &low, &high);
  att_write_format(w, "{\"lowest\": %zu, \"rows\": %zu, \"lines\": ", (size_t)e->lowest + low, e->rows);
  put_keys(w, e, NULL);
  att_write(w, ",\n   \"likely\": [");
  for (size_t i = 0; i < report->network_count; i++) {
    if (i) att_write(w, ",\n    ");
    if (e->likely && e->likely[i])
      put_keys(w, e, e->likely[i]);
    else
      att_write(w, "null");
  }
  att_write(w, "]}");
}

static void put_example(att_writer *w, const att_report *report, const att_report_example *e) {
  att_write(w, "  {\"input\": ");
  put_text(w, e->input.data, e->input.size);
  att_write(w, ", \"series\": ");
  if (e->values)
    put_series(w, e);
  else
    att_write(w, "null");
  att_write(w, ", \"roll\": ");
  if (e->roll)
    put_roll(w, report, e);
  else
    att_write(w, "null");
  att_write(w, ", \"reference\": ");
  put_text(w, e->reference.data, e->reference.size);
  att_write(w, ", \"outputs\": [");
  for (size_t i = 0; i < report->network_count; i++) {
    if (i) att_write(w, ", ");
    put_text(w, e->outputs[i].data, e->outputs[i].size);
  }
  att_write(w, "]}");
}

static void put_report(att_writer *w, const att_report *r) {
  att_write(w, "{");
  put_string(w, "task", r->task);
  put_string(w, "title", r->title);
  put_string(w, "subtitle", r->subtitle);
  put_string(w, "score_name", r->score_name);
  att_write_format(w, "\"higher_is_better\": %s, ", r->higher_is_better ? "true" : "false");
  put_string(w, "quality", r->quality);
  put_string(w, "input_name", r->input_name);
  put_string(w, "length_unit", r->length_unit);
  put_string(w, "length_meaning", r->length_meaning);
  put_string(w, "distance_meaning", r->distance_meaning);
  put_string(w, "loss_meaning", r->loss_meaning);
  att_write(w, "\n ");
  put_spans(w, "lengths", r->lengths, r->length_count);
  put_key(w, "length_texts");
  for (size_t i = 0; i < r->length_count; i++)
    att_write_format(w, "%s%lld", i ? ", " : "[", (long long)r->length_texts[i]);
  att_write(w, r->length_count ? "],\n " : "[],\n ");
  put_spans(w, "distances", r->distances, r->distance_count);
  att_write(w, "\"networks\": [\n");
  for (size_t i = 0; i < r->network_count; i++) {
    if (i) att_write(w, ",\n");
    put_network(w, r, &r->networks[i]);
  }
  att_write(w, "],\n \"examples\": [\n");
  for (size_t i = 0; i < r->example_count; i++) {
    if (i) att_write(w, ",\n");
    put_example(w, r, &r->examples[i]);
  }
  att_write(w, "]}\n");
}

att_status att_report_json(att_context *ctx, const att_report *report, att_buffer *out) {
  att_writer writer = {ctx, out, ATT_OK};
  put_report(&writer, report);
  return writer.status;
}

/* ---- the page --------------------------------------------------------------------------------------------------- */

att_status att_report_html(att_context *ctx, const att_report *report, att_buffer *out) {
  att_buffer json = {0};
  att_writer writer = {ctx, out, att_report_json(ctx, report, &json)};
  att_write_lines(&writer, REPORT_BEFORE, COUNT(REPORT_BEFORE));
  if (!writer.status) att_write_page_data(&writer, &json);
  att_write_lines(&writer, REPORT_AFTER, COUNT(REPORT_AFTER));
  att_buffer_free(ctx, &json);
  return writer.status;
}
