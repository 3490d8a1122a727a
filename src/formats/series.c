/* Owns what series.h says. */
#include "formats/series.h"

#include "formats/file.h"

#include <string.h>
#include <strings.h>

/* ---- series --------------------------------------------------------------------------------------------------- */

void att_series_free(att_context *ctx, att_series *s) {
  att_free(ctx, s->start);
  att_free(ctx, s->values);
  att_free(ctx, s->times);
  att_free(ctx, s->row_line);
  att_free(ctx, s->offset);
  att_free(ctx, s->channel_names);
  att_free(ctx, s->labels);
  att_free(ctx, s->names);
  att_free(ctx, s->line);
  att_free(ctx, s->bytes);
  *s = (att_series){0};
}

static att_status make_room(att_context *ctx, att_series *s) {
  if (s->count < s->capacity) return ATT_OK;
  int64_t capacity = s->capacity ? 2 * s->capacity : 64;
  int64_t *start = att_resize(ctx, s->start, (size_t)capacity + 1, sizeof *start);
  if (!start) return ATT_MEMORY;
  if (!s->start) start[0] = 0;
  s->start = start;
  att_text *labels = att_resize(ctx, s->labels, (size_t)capacity, sizeof *labels);
  if (!labels) return ATT_MEMORY;
  s->labels = labels;
  att_text *names = att_resize(ctx, s->names, (size_t)capacity, sizeof *names);
  if (!names) return ATT_MEMORY;
  s->names = names;
  size_t *line = att_resize(ctx, s->line, (size_t)capacity, sizeof *line);
  if (!line) return ATT_MEMORY;
  s->line = line;
  double *offset = att_resize(ctx, s->offset, (size_t)capacity, (size_t)s->channels * sizeof *offset);
  if (!offset) return ATT_MEMORY;
  s->offset = offset;
  s->capacity = capacity;
  return ATT_OK;
}

att_status att_series_begin(att_context *ctx, att_series *s, att_text name, att_text label, size_t line) {
  ATT_TRY(make_room(ctx, s));
  s->labels[s->count] = label;
  s->names[s->count] = name;
  s->line[s->count] = line;
  for (int64_t c = 0; c < s->channels; c++) s->offset[s->count * s->channels + c] = 0;
  s->start[s->count + 1] = s->start[s->count];
  s->count++;
  return ATT_OK;
}

float *att_series_add_rows(att_context *ctx, att_series *s, int64_t rows) {
  int64_t first = s->start[s->count], end = first + rows;
  if (end > s->room) {
    int64_t room = end > 2 * s->room ? end : 2 * s->room;
    float *values = att_resize(ctx, s->values, (size_t)room, (size_t)s->channels * sizeof *values);
    if (!values) return NULL;
    s->values = values;
    if (s->timed) {
      double *times = att_resize(ctx, s->times, (size_t)room, sizeof *times);
      if (!times) return NULL;
      s->times = times;
    }
    s->room = room;
  }
  s->start[s->count] = end;
  for (int64_t i = first * s->channels; i < end * s->channels; i++) s->values[i] = NAN;
  return s->values + first * s->channels;
}

static bool is_missing(const att_series *s, int64_t index, int64_t channel) {
  for (int64_t row = s->start[index]; row < s->start[index + 1]; row++)
    if (!isnan(s->values[row * s->channels + channel])) return false;
  return true;
}

void att_series_say_missing(att_context *ctx, const char *path, const att_series *s) {
  if (s->missing == 0) return;
  att_log(ctx, ATT_LOG_WARNING,
          "%s: %lld of %lld values are missing: each is taken from the straight line between its neighbours", path,
          (long long)s->missing, (long long)(s->start[s->count] * s->channels));
  for (int64_t c = 0; c < s->channels; c++) {
    int64_t count = 0;
    att_text name = s->channel_names ? s->channel_names[c] : (att_text){"", 0};
    for (int64_t i = 0; i < s->count; i++) count += is_missing(s, i, c);
    if (count == 0) continue;
    att_log(ctx, ATT_LOG_WARNING,
            "%s: channel %lld%s%.*s has no value in %lld of %lld series: its mean in training is taken", path,
            (long long)c + 1, name.size ? " " : "", (int)(name.size < 40 ? name.size : 40), name.size ? name.data : "",
            (long long)count, (long long)s->count);
  }
}

float *att_series_gather(att_context *ctx, const att_series *s, const int64_t *rows, int64_t *count) {
  int64_t channels = s->channels;
  float *all = att_alloc(ctx, (size_t)s->start[s->count], (size_t)channels * sizeof *all);
  *count = 0;
  for (int64_t i = 0; all && i < s->count; i++) {
    int64_t taken = rows ? rows[i] : s->start[i + 1] - s->start[i];
    const float *from = s->values + s->start[i] * channels;
    float *to = all + *count * channels;
    for (int64_t k = 0; k < taken * channels; k++)
      to[k] = (float)((double)from[k] + (s->offset[i * channels + k % channels] - s->offset[k % channels]));
    *count += taken;
  }
  return all;
}

bool att_series_value(att_text cell, double *value) {
  static const char *const missing[] = {"", "?", "nan", "na", "n/a", "null", "none", "-"};
  *value = NAN;
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
    if (strlen(missing[i]) == cell.size && (cell.size == 0 || strncasecmp(missing[i], cell.data, cell.size) == 0))
      return true;
  return att_read_number(cell.data, cell.size, value) && fabs(*value) <= 1e30;
}

/* ---- .ts ------------------------------------------------------------------------------------------------------ */

bool att_series_is_ts(const char *path) {
  size_t size = strlen(path);
  if (size > 3 && strcasecmp(path + size - 3, ".gz") == 0) size -= 3;
  return size > 3 && strncasecmp(path + size - 3, ".ts", 3) == 0;
}

typedef struct ts_reader {
  att_context *ctx;
  const char *path;
  size_t number;     /* of the line, from 1 */
  bool labelled;     /* the header says so */
  bool data;         /* behind @data */
  int64_t has_label; /* -1: not known yet */
  att_series *out;
} ts_reader;

static att_status fail(const ts_reader *r, const char *what, att_text text) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu: %s \"%.*s\"", r->path, r->number, what,
                  (int)(text.size < 60 ? text.size : 60), text.data);
}

/* The next of the parts between `by`, which parentheses hide; false at the end. */
static bool next_part(att_text text, char by, size_t *at, att_text *part) {
  if (*at > text.size) return false;
  size_t begin = *at, end = begin;
  for (int depth = 0; end < text.size && (depth > 0 || text.data[end] != by); end++)
    depth += (text.data[end] == '(') - (text.data[end] == ')');
  *part = att_trimmed((att_text){text.data + begin, end - begin});
  *at = end + 1;
  return true;
}

static bool has(att_text text, char c) { return text.size && memchr(text.data, c, text.size); }

static int64_t count_parts(att_text text, char by) {
  int64_t count = 0;
  att_text part;
  for (size_t at = 0; next_part(text, by, &at, &part);) count++;
  return count;
}

/* "(time,value)": the value; times must rise. */
static att_status read_stamped(const ts_reader *r, att_text part, double *last, att_time_form *form, att_text *value) {
  att_text inner = {part.data + 1, part.size - 2}, time;
  size_t at = 0;
  double now;
  att_time_form now_form;
  if (part.size < 2 || part.data[part.size - 1] != ')' || !next_part(inner, ',', &at, &time) ||
      !next_part(inner, ',', &at, value)) {
    return fail(r, "not a time and a value in parentheses:", part);
  }
  if (!att_time_read(time, false, &now, &now_form)) return fail(r, "not a time:", time);
  if (now < *last) return fail(r, "the times go back at", time);
  if (now <= *last) return fail(r, "a time stands twice:", time);
  *last = now;
  *form = now_form;
  return ATT_OK;
}

static att_status read_channel(const ts_reader *r, att_text text, int64_t channel, float *rows) {
  const att_series *s = r->out;
  double last = -INFINITY;
  att_time_form form;
  att_text part;
  int64_t row = 0;
  if (text.size == 0) return ATT_OK;
  for (size_t at = 0; next_part(text, ',', &at, &part); row++) {
    double value;
    if (part.size && part.data[0] == '(') ATT_TRY(read_stamped(r, part, &last, &form, &part));
    if (!att_series_value(part, &value)) return fail(r, "not a finite number:", part);
    rows[row * s->channels + channel] = (float)value;
  }
  return ATT_OK;
}

/* Whether the last part of a line is a label, by what is in it. */
static bool is_label(const ts_reader *r, att_text line, int64_t parts) {
  att_text part = {NULL, 0};
  bool lists = false;
  size_t at = 0;
  for (int64_t i = 0; i < parts; i++) {
    if (i) lists = lists || has(part, ',');
    next_part(line, ':', &at, &part);
  }
  return parts > 1 && !has(part, ',') && !has(part, '(') && (lists || r->labelled);
}

static att_status read_line(ts_reader *r, att_text line) {
  att_series *s = r->out;
  att_text part, label = {"", 0};
  int64_t parts = count_parts(line, ':'), longest = 0;
  if (r->has_label < 0) r->has_label = is_label(r, line, parts);
  int64_t channels = parts - r->has_label;
  if (s->count == 0) s->channels = channels;
  if (channels != s->channels || channels < 1 || channels > ATT_MOST_CHANNELS) {
    return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu has %lld channels, the first series has %lld", r->path, r->number,
                    (long long)channels, (long long)s->channels);
  }
  size_t at = 0;
  for (int64_t i = 0; i < channels && next_part(line, ':', &at, &part); i++) {
    int64_t count = part.size ? count_parts(part, ',') : 0;
    if (count > longest) longest = count;
  }
  if (r->has_label) next_part(line, ':', &at, &label);
  if (longest == 0) return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu has no values", r->path, r->number);
  if (longest * channels > 16 * (int64_t)line.size + 4096) { /* or a small file could fill any memory */
    return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu: its channels differ too much in their lengths", r->path,
                    r->number);
  }
  ATT_TRY(att_series_begin(r->ctx, s, (att_text){"", 0}, label, r->number));
  float *rows = att_series_add_rows(r->ctx, s, longest);
  if (!rows) return ATT_MEMORY;
  at = 0;
  for (int64_t i = 0; i < channels && next_part(line, ':', &at, &part); i++) ATT_TRY(read_channel(r, part, i, rows));
  for (int64_t i = 0; i < longest * channels; i++) s->missing += isnan(rows[i]);
  return ATT_OK;
}

static bool begins(att_text line, const char *word) {
  size_t size = strlen(word);
  return line.size >= size && strncasecmp(line.data, word, size) == 0;
}

/* Of the header only whether a label follows is of use, and the data may say otherwise. */
static att_status read_any(ts_reader *r, att_text line) {
  if (line.size == 0 || line.data[0] == '#' || line.data[0] == '%') return ATT_OK;
  if (begins(line, "@data")) r->data = true;
  if (begins(line, "@classlabel true") || begins(line, "@targetlabel true")) r->labelled = true;
  if (line.data[0] == '@') return ATT_OK;
  if (!r->data) return fail(r, "before @data stands neither a setting (@...) nor a comment (#...):", line);
  return read_line(r, line);
}

static att_status read_lines(ts_reader *r, char *bytes, size_t size) {
  for (size_t at = 0; at < size;) {
    const char *end = memchr(bytes + at, '\n', size - at);
    size_t length = end ? (size_t)(end - bytes) - at : size - at;
    r->number++;
    if (att_is_interrupted(r->ctx)) return att_fail(r->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", r->path);
    ATT_TRY(read_any(r, att_trimmed((att_text){bytes + at, length})));
    at += length + 1;
  }
  if (r->out->count) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: it has no series%s", r->path, r->data ? "" : ": there is no line @data");
}

att_status att_series_read_ts(att_context *ctx, const char *path, att_series *out) {
  size_t size;
  ts_reader r = {.ctx = ctx, .path = path, .has_label = -1, .out = out};
  *out = (att_series){0};
  ATT_TRY(att_read_text(ctx, path, &out->bytes, &size));
  att_status status = read_lines(&r, out->bytes, size);
  if (status) att_series_free(ctx, out);
  return status;
}
