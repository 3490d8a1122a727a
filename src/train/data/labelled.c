/* Owns what labelled.h says. */
#include "train/data/labelled.h"

#include "formats/file.h"
#include "text/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More different numbers than this are quantities, not names. */
#define ATT_MOST_NUMBERED 100

static bool same_text(att_text a, att_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- columns -------------------------------------------------------------------------------------------------- */

/* Cuts a line at its last tab; returns how many columns it has. */
static size_t cut_line(att_text line, att_text *source, att_text *label) {
  size_t columns = 1, last = 0;
  for (size_t i = 0; i < line.size; i++) {
    if (line.data[i] != '\t') continue;
    columns++;
    last = i;
  }
  if (columns == 1) return 1;
  *source = (att_text){line.data, last};
  *label = att_trimmed((att_text){line.data + last + 1, line.size - last - 1});
  return columns;
}

bool att_labelled_texts(att_text source, att_text *first, att_text *second) {
  const char *tab = source.size ? memchr(source.data, '\t', source.size) : NULL;
  *first = source;
  if (!tab) return false;
  first->size = (size_t)(tab - source.data);
  *second = (att_text){tab + 1, source.size - first->size - 1};
  return true;
}

static bool is_one_of(att_text text, const char *const *words) {
  for (; *words; words++) {
    size_t i = 0, size = strlen(*words);
    if (size != text.size) continue;
    while (i < size && (text.data[i] | 0x20) == (*words)[i]) i++;
    if (i == size) return true;
  }
  return false;
}

/* Whether the first line names its columns; refuses one that says that the label comes first. */
static att_status find_header(att_context *ctx, const char *path, att_text source, att_text label, bool *header) {
  static const char *const texts[] = {"text",    "sentence",  "sentence1", "text1",   "review", "utterance",
                                      "premise", "question",  "question1", "comment", "tweet",  "content",
                                      "title",   "sentence2", "text2",     NULL};
  static const char *const labels[] = {"label",     "labels",   "class",  "category", "target",     "score",
                                       "sentiment", "value",    "rating", "emotion",  "similarity", "intent",
                                       "gold",      "polarity", "stars",  NULL};
  att_text first, second;
  att_labelled_texts(source, &first, &second);
  first = att_trimmed(first);
  *header = is_one_of(first, texts) && is_one_of(label, labels);
  if (!is_one_of(first, labels) || !is_one_of(label, texts)) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT,
                  "%s: line 1 says that the label stands before the text: a line must be text<TAB>label, or "
                  "text<TAB>text<TAB>label",
                  path);
}

static att_status wrong_columns(att_context *ctx, const char *path, size_t number, size_t columns, size_t expected) {
  if (columns == expected || (expected == 0 && columns >= 2 && columns <= 3)) return ATT_OK;
  if (columns == 1) {
    return att_fail(ctx, ATT_FORMAT, "%s: line %zu has no tab: a line is text<TAB>label, or text<TAB>text<TAB>label",
                    path, number);
  }
  return att_fail(ctx, ATT_FORMAT,
                  "%s: line %zu has %zu columns%s: a line is text<TAB>label, or text<TAB>text<TAB>label", path, number,
                  columns,
                  expected == 2 ? ", those before it 2"
                  : expected    ? ", those before it 3"
                                : "");
}

static att_status split_lines(att_context *ctx, const char *path, size_t raw_count, att_labelled *out) {
  size_t expected = 0;
  bool header = false;
  for (size_t i = 0; i < raw_count; i++) {
    att_text source, label;
    if (att_is_blank(out->raw[i]) && !memchr(out->raw[i].data, '\t', out->raw[i].size)) continue;
    size_t columns = cut_line(out->raw[i], &source, &label), at = out->lines.count;
    ATT_TRY(wrong_columns(ctx, path, i + 1, columns, expected));
    if (expected == 0) ATT_TRY(find_header(ctx, path, source, label, &header));
    expected = columns;
    if (header) att_log(ctx, ATT_LOG_NOTE, "%s: line %zu names the columns: left out", path, i + 1);
    if (header) {
      header = false;
      continue;
    }
    out->lines.source[at] = source;
    out->lines.target[at] = label;
    out->number[at] = i + 1;
    out->lines.count++;
  }
  out->pairs = expected == 3;
  if (out->lines.count > 0 && out->lines.count <= INT32_MAX) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: %s", path,
                  out->lines.count ? "it has too many lines" : "there is nothing in it");
}

att_status att_labelled_read(att_context *ctx, const char *path, att_labelled *out) {
  size_t count;
  *out = (att_labelled){0};
  ATT_TRY(att_read_lines(ctx, path, &out->raw, &count));
  out->lines.source = ATT_NEW(ctx, count, att_text);
  out->lines.target = ATT_NEW(ctx, count, att_text);
  out->number = ATT_NEW(ctx, count, size_t);
  bool room = out->lines.source && out->lines.target && out->number;
  att_status status = room ? split_lines(ctx, path, count, out) : ATT_MEMORY;
  if (status) att_labelled_free(ctx, out);
  return status;
}

void att_labelled_free(att_context *ctx, att_labelled *labelled) {
  att_lines_free(ctx, &labelled->lines);
  att_release(ctx, labelled->raw);
  att_free(ctx, labelled->number);
  *labelled = (att_labelled){0};
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static bool read_number(att_text text, double *value) {
  return att_read_number(text.data, text.size, value) && fabs(*value) <= 1e30;
}

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
  if (list->count) qsort(list->items, list->count, sizeof *list->items, by_name);
  for (size_t i = 0; i < list->count; i++)
    if (kept == 0 || !same_text(list->items[kept - 1], list->items[i])) list->items[kept++] = list->items[i];
  list->count = kept;
}

static att_status push_label(att_context *ctx, label_list *list, att_text label) {
  if (list->count == list->capacity) squeeze(list);
  if (2 * list->count >= list->capacity) {
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
    if (!att_is_clean(field)) {
      return att_fail(ctx, ATT_FORMAT, "%s: line %zu: its label is not valid UTF-8", path, in->number[i]);
    }
    if (!many && field.size == 0) return att_fail(ctx, ATT_FORMAT, "%s: line %zu has no label", path, in->number[i]);
    if (!many) ATT_TRY(push_label(ctx, list, field));
    for (size_t at = 0; many && next_piece(field, &at, &piece);) {
      if (piece.size == 0) return att_fail(ctx, ATT_FORMAT, "%s: line %zu: a label is empty", path, in->number[i]);
      ATT_TRY(push_label(ctx, list, piece));
    }
  }
  squeeze(list);
  return ATT_OK;
}

static att_status check_list(att_context *ctx, const char *path, att_head head, const label_list *list) {
  size_t least = att_head_get(head)->form == ATT_SEVERAL_LABELS ? 1 : 2;
  if (list->count < least) {
    const char *only = list->count ? list->items[0].data : "";
    return att_fail(ctx, ATT_FORMAT, "%s: every line has the label \"%.*s\": there is nothing to tell apart", path,
                    list->count ? (int)(list->items[0].size < 80 ? list->items[0].size : 80) : 0, only);
  }
  if (list->count > (size_t)ATT_MOST_LABELS || (list->used >= 20 && 2 * list->count > list->used)) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: %zu different labels in %zu: is the last column the label? (a line is text<TAB>label, or "
                    "text<TAB>text<TAB>label, and nothing else)",
                    path, list->count, list->used);
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

/* What the labels look like. list: their different fields, whole. */
static att_head guess_head(const label_list *list) {
  bool numbers = true, whole = true;
  for (size_t i = 0; i < list->count; i++) {
    double value = 0;
    if (list->items[i].size && memchr(list->items[i].data, ',', list->items[i].size)) return ATT_HEAD_LABELS;
    numbers = numbers && read_number(list->items[i], &value);
    whole = whole && value == floor(value);
  }
  return numbers && (!whole || list->count > ATT_MOST_NUMBERED) ? ATT_HEAD_VALUES : ATT_HEAD_CLASSES;
}

static att_status guess(att_context *ctx, const att_labelled *in, att_head *head) {
  label_list list = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < in->lines.count && !status; i++) status = push_label(ctx, &list, in->lines.target[i]);
  squeeze(&list);
  *head = guess_head(&list);
  att_free(ctx, list.items);
  return status;
}

static att_status check_numbers(att_context *ctx, const char *path, const att_labelled *in) {
  double first = 0, value;
  bool differ = false;
  for (size_t i = 0; i < in->lines.count; i++) {
    ATT_TRY(read_value(ctx, path, in->number[i], in->lines.target[i], &value));
    if (i == 0) first = value;
    differ = differ || value < first || value > first;
  }
  if (differ) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: every line has the number %g: there is nothing to learn", path, first);
}

att_status att_label_set_find(att_context *ctx, const char *path, const att_labelled *in, int head,
                              att_label_set *set) {
  *set = (att_label_set){.head = (att_head)head};
  if (head < 0) ATT_TRY(guess(ctx, in, &set->head));
  att_label_form form = att_head_get(set->head)->form;
  if (form == ATT_NUMBER) {
    ATT_TRY(check_numbers(ctx, path, in));
    return keep_names(ctx, &(att_text){"value", 5}, 1, set);
  }
  label_list list = {0};
  att_status status = list_labels(ctx, path, in, form == ATT_SEVERAL_LABELS, &list);
  if (!status) status = check_list(ctx, path, set->head, &list);
  if (!status) status = keep_names(ctx, list.items, list.count, set);
  att_free(ctx, list.items);
  return status;
}

void att_label_set_free(att_context *ctx, att_label_set *set) {
  att_free(ctx, set->names);
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
  return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu: the label \"%.*s\" is none of the %lld that there are", r->path,
                  r->number, (int)(name.size < 80 ? name.size : 80), name.data, (long long)r->count);
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
