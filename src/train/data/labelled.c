/* Owns what labelled.h says. */
#include "train/data/labelled.h"

#include "formats/file.h"
#include "text/unicode.h"
#include "train/data/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(att_text a, att_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Looked at for each line of what may be many. */
static att_status go_on(att_context *ctx, const char *path) {
  return att_is_interrupted(ctx) ? att_fail(ctx, ATT_INTERRUPTED, "%s: interrupted while reading", path) : ATT_OK;
}

/* ---- columns -------------------------------------------------------------------------------------------------- */

bool att_labelled_texts(att_text source, att_text *first, att_text *second) {
  const char *tab = source.size ? memchr(source.data, '\t', source.size) : NULL;
  *first = source;
  if (!tab) return false;
  first->size = (size_t)(tab - source.data);
  *second = (att_text){tab + 1, source.size - first->size - 1};
  return true;
}

static bool read_number(att_text text, double *value) {
  return att_read_number(text.data, text.size, value) && fabs(*value) <= 1e30;
}

/* What a row takes of the block: two texts with a tab between them, the label. */
static size_t size_of_row(const att_table *t, const att_layout *layout, size_t row) {
  size_t size = att_table_cell(t, row, layout->text).size + att_table_cell(t, row, layout->label).size;
  return layout->text_pair < 0 ? size : size + 1 + att_table_cell(t, row, (size_t)layout->text_pair).size;
}

/* A text is a line. */
static char *put_text(char *at, att_text text) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    at[i] = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
  }
  return at + text.size;
}

static void take_row(const att_table *t, const att_layout *layout, size_t row, char **at, att_labelled *out) {
  size_t line = out->lines.count++;
  char *begin = *at;
  *at = put_text(*at, att_table_cell(t, row, layout->text));
  if (layout->text_pair >= 0) {
    *(*at)++ = '\t';
    *at = put_text(*at, att_table_cell(t, row, (size_t)layout->text_pair));
  }
  out->lines.source[line] = (att_text){begin, (size_t)(*at - begin)};
  begin = *at;
  *at = put_text(*at, att_table_cell(t, row, layout->label));
  out->lines.target[line] = att_trimmed((att_text){begin, (size_t)(*at - begin)});
  out->number[line] = t->line[row];
}

static void warn_of_empty(att_context *ctx, const char *path, const att_labelled *out) {
  size_t empty = 0, first = 0;
  for (size_t i = out->lines.count; i-- > 0;) {
    if (att_trimmed(out->lines.source[i]).size) continue;
    empty++;
    first = out->number[i];
  }
  if (empty)
    att_log(ctx, ATT_LOG_WARNING, "%s: %zu of the texts %s empty, the first on line %zu", path, empty,
            empty == 1 ? "is" : "are", first);
}

static att_status take_rows(att_context *ctx, const char *path, const att_table *t, const att_layout *layout,
                            att_labelled *out) {
  size_t first = layout->header, count = t->rows - first, size = 1;
  if (count == 0) return att_fail(ctx, ATT_FORMAT, "%s: it has no rows", path);
  if (count > INT32_MAX) return att_fail(ctx, ATT_UNSUPPORTED, "%s: %zu rows are more than %d", path, count, INT32_MAX);
  for (size_t row = first; row < t->rows; row++) size += size_of_row(t, layout, row);
  out->text = att_alloc(ctx, size, 1);
  out->lines.source = ATT_NEW(ctx, count, att_text);
  out->lines.target = ATT_NEW(ctx, count, att_text);
  out->number = ATT_NEW(ctx, count, size_t);
  if (!out->text || !out->lines.source || !out->lines.target || !out->number) return ATT_MEMORY;
  char *at = out->text;
  for (size_t row = first; row < t->rows; row++) {
    ATT_TRY(go_on(ctx, path));
    take_row(t, layout, row, &at, out);
  }
  out->pairs = layout->text_pair >= 0;
  warn_of_empty(ctx, path, out);
  return ATT_OK;
}

att_status att_labelled_read(att_context *ctx, const char *path, const att_columns *given, att_labelled *out) {
  att_table table;
  att_layout layout;
  *out = (att_labelled){0};
  ATT_TRY(att_table_read(ctx, path, &table));
  att_status status = att_columns_find(ctx, path, &table, given, &layout);
  if (!status) status = take_rows(ctx, path, &table, &layout, out);
  att_table_free(ctx, &table);
  if (status) att_labelled_free(ctx, out);
  return status;
}

static att_status take_series(att_context *ctx, att_labelled *out) {
  const att_series *s = &out->series;
  size_t count = (size_t)s->count;
  out->lines.source = ATT_NEW(ctx, count, att_text);
  out->lines.target = ATT_NEW(ctx, count, att_text);
  out->number = ATT_NEW(ctx, count, size_t);
  if (!out->lines.source || !out->lines.target || !out->number) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    size_t row = (size_t)s->channels * sizeof *s->values;
    out->lines.source[i] =
        (att_text){(const char *)s->values + (size_t)s->start[i] * row, (size_t)(s->start[i + 1] - s->start[i]) * row};
    out->lines.target[i] = s->labels[i];
    out->number[i] = s->line[i];
  }
  out->lines.count = count;
  return ATT_OK;
}

att_status att_labelled_read_series(att_context *ctx, const char *path, const att_series_columns *given,
                                    att_labelled *out) {
  *out = (att_labelled){0};
  ATT_TRY(att_series_read_labelled(ctx, path, given, true, &out->series));
  att_status status = take_series(ctx, out);
  if (status) att_labelled_free(ctx, out);
  return status;
}

att_status att_labelled_read_sounds(att_context *ctx, const char *path, const att_mel_settings *settings,
                                    att_labelled *out) {
  *out = (att_labelled){0};
  ATT_TRY(att_sound_series_read(ctx, path, settings, &out->series));
  att_status status = take_series(ctx, out);
  if (status) att_labelled_free(ctx, out);
  return status;
}

void att_labelled_free(att_context *ctx, att_labelled *labelled) {
  att_lines_free(ctx, &labelled->lines);
  att_free(ctx, labelled->text);
  att_free(ctx, labelled->number);
  att_series_free(ctx, &labelled->series);
  *labelled = (att_labelled){0};
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static att_status read_value(att_context *ctx, const char *path, size_t line, att_text field, double *value) {
  if (read_number(field, value)) return ATT_OK;
  if (field.size == 0) return att_fail(ctx, ATT_FORMAT, "%s: line %zu has no label", path, line);
  return att_fail(ctx, ATT_FORMAT, "%s: line %zu: the label \"%.*s\" is not a number", path, line,
                  (int)(field.size < 80 ? field.size : 80), field.data);
}

/* ---- which labels there are ----------------------------------------------------------------------------------- */

/* The next of the labels of a field that commas part; false at the end. */
static bool next_piece(att_text field, size_t *at, att_text *piece) {
  if (*at > field.size || field.size == 0) return false;
  const char *comma = memchr(field.data + *at, ',', field.size - *at);
  size_t end = comma ? (size_t)(comma - field.data) : field.size;
  *piece = att_trimmed((att_text){field.data + *at, end - *at});
  *at = end + 1;
  return true;
}

/* Whole numbers by value, before everything else by its bytes. */
static int compare_names(att_text a, att_text b) {
  double x, y;
  bool x_is = read_number(a, &x), y_is = read_number(b, &y);
  if (x_is != y_is) return x_is ? -1 : 1;
  if (x_is && (x < y || x > y)) return x < y ? -1 : 1;
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_name(const void *a, const void *b) { return compare_names(*(const att_text *)a, *(const att_text *)b); }

/* The labels of all lines, each once, in order. */
typedef struct label_list {
  att_text *items;
  size_t count, capacity, used; /* used: with repeats */
} label_list;

/* Sorting now and then keeps what is held near the number of different labels. */
static void squeeze(label_list *list) {
  size_t kept = 0;
  if (list->count) qsort(list->items, list->count, sizeof *list->items, att_text_by_bytes);
  for (size_t i = 0; i < list->count; i++)
    if (kept == 0 || !same_text(list->items[kept - 1], list->items[i])) list->items[kept++] = list->items[i];
  list->count = kept;
}

static att_status push_label(att_context *ctx, label_list *list, att_text label) {
  bool full = list->count == list->capacity;
  if (full) squeeze(list);
  if (full && 2 * list->count >= list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 256;
    att_text *items = att_resize(ctx, list->items, capacity, sizeof *items);
    if (!items) return ATT_MEMORY;
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = label;
  list->used++;
  return ATT_OK;
}

static att_status list_labels(att_context *ctx, const char *path, const att_labelled *in, bool many, label_list *list) {
  for (size_t i = 0; i < in->lines.count; i++) {
    att_text field = in->lines.target[i], piece = field;
    ATT_TRY(go_on(ctx, path));
    if (!att_is_clean(field)) {
      return att_fail(ctx, ATT_FORMAT, "%s: line %zu: its label is not valid UTF-8, or has a NUL in it", path,
                      in->number[i]);
    }
    if (!many && field.size == 0) return att_fail(ctx, ATT_FORMAT, "%s: line %zu has no label", path, in->number[i]);
    if (!many) ATT_TRY(push_label(ctx, list, field));
    for (size_t at = 0; many && next_piece(field, &at, &piece);) {
      if (piece.size == 0) return att_fail(ctx, ATT_FORMAT, "%s: line %zu: a label is empty", path, in->number[i]);
      ATT_TRY(push_label(ctx, list, piece));
    }
  }
  squeeze(list);
  if (list->count) qsort(list->items, list->count, sizeof *list->items, by_name);
  return ATT_OK;
}

/* Labels of which hardly any comes twice are no names. */
static bool are_apart(const label_list *list) { return list->used >= 20 && 2 * list->count > list->used; }

static att_status check_list(att_context *ctx, const char *path, att_head head, const label_list *list, size_t rows) {
  size_t least = att_head_get(head)->form == ATT_SEVERAL_LABELS ? 1 : 2;
  if (list->count < least) {
    const char *only = list->count ? list->items[0].data : "";
    return att_fail(ctx, ATT_FORMAT, "%s: every line has the label \"%.*s\": there is nothing to tell apart", path,
                    list->count ? (int)(list->items[0].size < 80 ? list->items[0].size : 80) : 0, only);
  }
  if (list->count > (size_t)ATT_MOST_LABELS || are_apart(list)) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: %zu different labels in %zu rows: is that column the label? --label-column names another",
                    path, list->count, rows);
  }
  return ATT_OK;
}

/* Names as one block: pointers, then the texts. */
static att_status keep_names(att_context *ctx, const att_text *names, size_t count, att_label_set *set) {
  size_t bytes = count * sizeof(char *);
  for (size_t i = 0; i < count; i++) bytes += names[i].size + 1;
  char **block = att_alloc(ctx, bytes, 1);
  if (!block) return ATT_MEMORY;
  char *at = (char *)(block + count);
  for (size_t i = 0; i < count; i++) {
    block[i] = at;
    memcpy(at, names[i].data, names[i].size);
    at += names[i].size + 1;
  }
  set->names = block;
  set->count = (int64_t)count;
  return ATT_OK;
}

/* What the labels look like. list: their different fields, whole. Numbers are quantities where some are not whole, or
 * hardly any comes twice; whole ones that come again are names, as of a data set whose classes are numbered. */
static att_head guess_head(const label_list *list) {
  bool numbers = true, whole = true;
  for (size_t i = 0; i < list->count; i++) {
    double value = 0;
    if (list->items[i].size && memchr(list->items[i].data, ',', list->items[i].size)) return ATT_HEAD_LABELS;
    numbers = numbers && read_number(list->items[i], &value);
    whole = whole && value == floor(value);
  }
  return numbers && (!whole || are_apart(list)) ? ATT_HEAD_VALUES : ATT_HEAD_CLASSES;
}

static att_status guess(att_context *ctx, const char *path, const att_labelled *in, att_head *head) {
  label_list list = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < in->lines.count && !status; i++) {
    status = go_on(ctx, path);
    if (!status) status = push_label(ctx, &list, in->lines.target[i]);
  }
  squeeze(&list);
  *head = guess_head(&list);
  att_free(ctx, list.items);
  return status;
}

static att_status check_numbers(att_context *ctx, const char *path, const att_labelled *in, att_label_set *set) {
  double value;
  set->whole = true;
  for (size_t i = 0; i < in->lines.count; i++) {
    ATT_TRY(go_on(ctx, path));
    ATT_TRY(read_value(ctx, path, in->number[i], in->lines.target[i], &value));
    set->least = i ? fmin(set->least, value) : value;
    set->most = i ? fmax(set->most, value) : value;
    set->whole = set->whole && value == floor(value);
  }
  if (set->least < set->most) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: every line has the number %g: there is nothing to learn", path, set->least);
}

/* Whether all names are whole numbers; they are in order. */
static void look_at_names(att_label_set *set) {
  set->whole = true;
  for (int64_t i = 0; i < set->count && set->whole; i++) {
    double value = 0;
    set->whole = read_number((att_text){set->names[i], strlen(set->names[i])}, &value) && value == floor(value);
    set->least = i ? set->least : value;
    set->most = value;
  }
}

/* A label that is on the first line alone may be the name of its column. */
static void warn_of_names(att_context *ctx, const char *path, const att_labelled *in, const att_label_set *set) {
  att_text label = in->lines.target[0];
  if (set->count < 3 || in->lines.count < 10 || in->number[0] != 1) return;
  for (int64_t k = 0; k < set->count; k++) {
    bool same = strlen(set->names[k]) == label.size && memcmp(set->names[k], label.data, label.size) == 0;
    if (!same || set->uses[k] != 1) continue;
    att_log(
        ctx, ATT_LOG_WARNING,
        "%s: the label \"%.*s\" is on line 1 alone: where that line names the columns, give --label-column that name",
        path, (int)(label.size < 80 ? label.size : 80), label.data);
  }
}

/* names: of the set, in order. */
static att_status count_uses(att_context *ctx, const att_labelled *in, const label_list *list, bool many,
                             att_label_set *set) {
  set->uses = ATT_NEW(ctx, set->count, int64_t);
  if (!set->uses) return ATT_MEMORY;
  for (size_t i = 0; i < in->lines.count; i++) {
    att_text field = in->lines.target[i], piece = field;
    bool more = !many;
    for (size_t at = 0; more || (many && next_piece(field, &at, &piece)); more = false) {
      const att_text *found = bsearch(&piece, list->items, list->count, sizeof *list->items, by_name);
      if (found) set->uses[found - list->items]++;
    }
  }
  return ATT_OK;
}

att_status att_label_set_find(att_context *ctx, const char *path, const att_labelled *in, int head,
                              att_label_set *set) {
  *set = (att_label_set){.head = (att_head)head};
  if (head < 0) ATT_TRY(guess(ctx, path, in, &set->head));
  att_label_form form = att_head_get(set->head)->form;
  if (form == ATT_NUMBER) {
    ATT_TRY(check_numbers(ctx, path, in, set));
    return keep_names(ctx, &(att_text){"value", 5}, 1, set);
  }
  label_list list = {0};
  att_status status = list_labels(ctx, path, in, form == ATT_SEVERAL_LABELS, &list);
  if (!status) status = check_list(ctx, path, set->head, &list, in->lines.count);
  if (!status) status = keep_names(ctx, list.items, list.count, set);
  if (!status) look_at_names(set);
  if (!status) status = count_uses(ctx, in, &list, form == ATT_SEVERAL_LABELS, set);
  if (!status) warn_of_names(ctx, path, in, set);
  att_free(ctx, list.items);
  if (status) att_label_set_free(ctx, set);
  return status;
}

void att_label_set_free(att_context *ctx, att_label_set *set) {
  att_free(ctx, set->names);
  att_free(ctx, set->uses);
  *set = (att_label_set){0};
}

bool att_label_set_is(const att_label_set *set, char *const *names, int64_t count) {
  bool same = set->count == count;
  for (int64_t i = 0; i < count && same; i++) same = strcmp(set->names[i], names[i]) == 0;
  return same;
}

/* ---- what is to be learned ------------------------------------------------------------------------------------ */

/* Names in order, with their places: a model's own may stand in any. */
typedef struct name_place {
  att_text name;
  int64_t place;
} name_place;

static int by_place_name(const void *a, const void *b) {
  return compare_names(((const name_place *)a)->name, ((const name_place *)b)->name);
}

typedef struct truth_reader {
  att_context *ctx;
  const char *path;
  const name_place *names;
  int64_t count;
  size_t number; /* of the line */
} truth_reader;

static att_status find_name(const truth_reader *r, att_text name, int64_t *place) {
  const name_place *found =
      bsearch(&(name_place){name, 0}, r->names, (size_t)r->count, sizeof *r->names, by_place_name);
  if (found) *place = found->place;
  if (found) return ATT_OK;
  char known[240];
  size_t used = (size_t)snprintf(known, sizeof known, "there are: ");
  for (int64_t i = 0; i < r->count && used < sizeof known - 48; i++) {
    int size = (int)(r->names[i].name.size < 40 ? r->names[i].name.size : 40);
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%.*s", i ? ", " : "", size, r->names[i].name.data);
    if (i + 1 < r->count && used >= sizeof known - 48) snprintf(known + used, sizeof known - used, " ...");
  }
  return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu: unknown label \"%.*s\"; %s", r->path, r->number,
                  (int)(name.size < 80 ? name.size : 80), name.data, known);
}

static att_status read_labels(const truth_reader *r, att_text field, float *values) {
  att_text piece;
  int64_t place;
  for (size_t at = 0; next_piece(field, &at, &piece);) {
    ATT_TRY(find_name(r, piece, &place));
    values[place] = 1;
  }
  return ATT_OK;
}

static att_status read_truth(truth_reader *r, const att_lines *lines, const size_t *numbers, att_label_form form,
                             att_truth *truth) {
  for (size_t i = 0; i < lines->count; i++) {
    att_text field = lines->target[i];
    int64_t place = 0;
    double value = 0;
    ATT_TRY(go_on(r->ctx, r->path));
    r->number = numbers ? numbers[i] : i + 1;
    switch (form) {
    case ATT_SEVERAL_LABELS: ATT_TRY(read_labels(r, field, truth->values + (int64_t)i * r->count)); break;
    case ATT_NUMBER:
      ATT_TRY(read_value(r->ctx, r->path, r->number, field, &value));
      truth->values[i] = (float)value;
      break;
    default:
      if (field.size == 0) return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu has no label", r->path, r->number);
      ATT_TRY(find_name(r, field, &place));
      truth->labels[i] = (int32_t)place;
    }
  }
  return ATT_OK;
}

att_status att_truth_read(att_context *ctx, const char *path, const att_lines *lines, const size_t *numbers,
                          att_head head, char *const *names, int64_t count, att_truth *truth) {
  att_label_form form = att_head_get(head)->form;
  *truth = (att_truth){0};
  if (form == ATT_NUMBER && count != 1) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: the model has %lld numbers a text, the data one", path,
                    (long long)count);
  }
  size_t columns = form == ATT_ONE_LABEL ? 0 : (size_t)count;
  truth->labels = ATT_NEW(ctx, form == ATT_ONE_LABEL ? lines->count : 0, int32_t);
  truth->values = att_alloc(ctx, lines->count, columns * sizeof *truth->values);
  name_place *places = ATT_NEW(ctx, count, name_place);
  att_status status = truth->labels && truth->values && places ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; i < count && !status; i++) places[i] = (name_place){{names[i], strlen(names[i])}, i};
  if (!status) qsort(places, (size_t)count, sizeof *places, by_place_name);
  truth_reader reader = {ctx, path, places, count, 0};
  if (!status) status = read_truth(&reader, lines, numbers, form, truth);
  att_free(ctx, places);
  if (status) att_truth_free(ctx, truth);
  return status;
}

void att_truth_free(att_context *ctx, att_truth *truth) {
  att_free(ctx, truth->labels);
  att_free(ctx, truth->values);
  *truth = (att_truth){0};
}
