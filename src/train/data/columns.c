/* Owns what columns.h says. */
#include "train/data/columns.h"

#include "base/number.h"
#include "formats/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_MOST_COLUMNS  256
#define ATT_FEW_ROWS      4  /* below, numbers tell nothing of the first row */
#define ATT_ENOUGH_ROWS   10 /* below, labels tell nothing of it */
#define ATT_MOST_LISTED   400
#define ATT_LONGEST_NAMED 40 /* bytes of a name, in a list of them */

typedef struct column_finder {
  att_context *ctx;
  const char *path;
  const att_table *table;
  att_layout *out;
  bool taken[ATT_MOST_COLUMNS];       /* known to be something */
  size_t different[ATT_MOST_COLUMNS]; /* cells */
} column_finder;

static att_text name_at(const column_finder *f, size_t column) {
  return att_trimmed(att_table_cell(f->table, 0, column));
}

static bool is_number(att_text cell) {
  double value;
  cell = att_trimmed(cell);
  return att_read_number(cell.data, cell.size, &value);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static bool is_word(att_text text, const char *word) {
  size_t i = 0, size = strlen(word);
  if (size != text.size) return false;
  while (i < size && (text.data[i] | 0x20) == (word[i] | 0x20)) i++;
  return i == size;
}

static bool is_one_of(att_text text, const char *const *words) {
  for (; *words; words++)
    if (is_word(text, *words)) return true;
  return false;
}

static bool names_text(att_text name) {
  static const char *const names[] = {"text",     "sentence",  "sentence1",  "sentence2",  "text1",   "text2",
                                      "texts",    "review",    "utterance",  "premise",    "comment", "hypothesis",
                                      "question", "question1", "question2",  "tweet",      "content", "title",
                                      "body",     "message",   "text_a",     "text_b",     "query",   "passage",
                                      "document", "answer",    "sentence_a", "sentence_b", NULL};
  return is_one_of(name, names);
}

static bool names_label(att_text name) {
  static const char *const names[] = {"label",
                                      "labels",
                                      "class",
                                      "category",
                                      "target",
                                      "score",
                                      "sentiment",
                                      "value",
                                      "rating",
                                      "emotion",
                                      "similarity",
                                      "intent",
                                      "gold",
                                      "polarity",
                                      "stars",
                                      "gold_label",
                                      "topic",
                                      "is_duplicate",
                                      "relatedness_score",
                                      NULL};
  return is_one_of(name, names);
}

/* Of what numbers the rows. */
static bool names_number(att_text name) {
  static const char *const names[] = {"id", "idx", "index", "nr", "no", "number", "#", "unnamed: 0", "", NULL};
  return is_one_of(name, names);
}

static bool same_name(const column_finder *f, size_t a, size_t b) {
  att_text x = name_at(f, a), y = name_at(f, b);
  return x.size == y.size && (x.size == 0 || memcmp(x.data, y.data, x.size) == 0);
}

/* "1 id, 2 text, 3 label" */
static void list_columns(const column_finder *f, char list[ATT_MOST_LISTED]) {
  size_t used = 0;
  list[0] = '\0';
  for (size_t c = 0; c < f->table->columns && used + ATT_LONGEST_NAMED + 16 < ATT_MOST_LISTED; c++) {
    att_text name = name_at(f, c);
    int size = (int)(name.size < ATT_LONGEST_NAMED ? name.size : ATT_LONGEST_NAMED);
    used += (size_t)snprintf(list + used, ATT_MOST_LISTED - used, "%s%zu \"%.*s\"", c ? ", " : "", c + 1, size,
                             size ? name.data : "");
  }
}

static att_status unknown_columns(const column_finder *f, const char *what) {
  char list[ATT_MOST_LISTED];
  list_columns(f, list);
  return att_fail(
      f->ctx, ATT_FORMAT,
      "%s: %s: name them with --text-column, --text-pair-column and --label-column, by name or number; the first "
      "row has %s",
      f->path, what, list);
}

/* Takes a column for one thing. */
static att_status take(column_finder *f, const char *option, const char *given, size_t column, int64_t *found) {
  if (f->taken[column])
    return att_fail(f->ctx, ATT_FORMAT, "%s: %s is \"%s\", the column of another option: each needs its own", f->path,
                    option, given);
  f->taken[column] = true;
  *found = (int64_t)column;
  return ATT_OK;
}

/* By its name in the first row, else by its number; *found: the column. */
static att_status find_given(column_finder *f, const char *option, const char *given, int64_t *found) {
  size_t size = strlen(given), count = 0, column = 0;
  char *end, list[ATT_MOST_LISTED];
  for (size_t c = f->table->columns; c-- > 0;) {
    att_text name = name_at(f, c);
    if (name.size != size || memcmp(name.data, given, size) != 0) continue;
    column = c;
    count++;
  }
  f->out->header = f->out->header || count > 0;
  if (count > 1)
    return att_fail(f->ctx, ATT_FORMAT, "%s: %zu columns are called \"%s\" (%s): give the number of one", f->path,
                    count, given, option);
  if (count == 1) return take(f, option, given, column, found);
  long number = strtol(given, &end, 10);
  if (*end == '\0' && number >= 1 && (unsigned long)number <= f->table->columns)
    return take(f, option, given, (size_t)number - 1, found);
  list_columns(f, list);
  return att_fail(f->ctx, ATT_FORMAT, "%s: it has no column \"%s\" (%s); the first row has %s", f->path, given, option,
                  list);
}

/* ---- cells ------------------------------------------------------------------------------------------------------ */

static bool is_single(att_text cell) {
  cell = att_trimmed(cell);
  return cell.size <= ATT_LONGEST_NAMED && !(cell.size && memchr(cell.data, ' ', cell.size));
}

int att_text_by_bytes(const void *a, const void *b) {
  const att_text *x = a, *y = b;
  size_t shared = x->size < y->size ? x->size : y->size;
  int order = shared ? memcmp(x->data, y->data, shared) : 0;
  return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* The different cells of each column, the first row left out, which may have names. */
static att_status count_different(column_finder *f) {
  const att_table *t = f->table;
  att_text *cells = ATT_NEW(f->ctx, t->rows, att_text);
  if (!cells) return ATT_MEMORY;
  for (size_t c = 0; c < t->columns; c++) {
    for (size_t r = 1; r < t->rows; r++) cells[r] = att_trimmed(att_table_cell(t, r, c));
    if (t->rows > 1) qsort(cells + 1, t->rows - 1, sizeof *cells, att_text_by_bytes);
    for (size_t r = 1; r < t->rows; r++) f->different[c] += r == 1 || att_text_by_bytes(&cells[r - 1], &cells[r]) != 0;
  }
  att_free(f->ctx, cells);
  return ATT_OK;
}

/* Hardly any cell comes twice, and they are no numbers: none is a label. */
static bool has_only_texts(const column_finder *f, size_t column) {
  if (f->table->rows < ATT_ENOUGH_ROWS || 2 * f->different[column] < f->table->rows) return false;
  for (size_t r = 1; r < f->table->rows; r++)
    if (!is_number(att_table_cell(f->table, r, column))) return true;
  return false;
}

static bool is_constant(const column_finder *f, size_t column) {
  return f->table->rows >= ATT_FEW_ROWS && f->different[column] == 1;
}

/* ---- the first row -------------------------------------------------------------------------------------------- */

static bool has_known_names(const column_finder *f) {
  bool text = false, label = false;
  for (size_t c = 0; c < f->table->columns; c++) {
    text = text || names_text(name_at(f, c));
    label = label || names_label(name_at(f, c));
  }
  return text && label;
}

/* Whether the first cell alone is no number. */
static bool stands_over_numbers(const column_finder *f, size_t column) {
  if (f->table->rows < ATT_FEW_ROWS || is_number(name_at(f, column))) return false;
  for (size_t r = 1; r < f->table->rows; r++)
    if (!is_number(att_table_cell(f->table, r, column))) return false;
  return true;
}

/* Single words over texts, and a label that never comes again. */
static bool looks_like_names(const column_finder *f, size_t label) {
  const att_table *t = f->table;
  size_t single = 0, texts = 0;
  att_text name = name_at(f, label);
  if (t->rows < ATT_ENOUGH_ROWS) return false;
  for (size_t c = 0; c < t->columns; c++)
    if (!is_single(name_at(f, c)) || name_at(f, c).size == 0) return false;
  for (size_t r = 1; r < t->rows; r++) {
    att_text other = att_trimmed(att_table_cell(t, r, label));
    if (other.size == name.size && memcmp(other.data, name.data, name.size) == 0) return false;
    for (size_t c = 0; c < t->columns; c++) {
      if (c == label || is_constant(f, c) || is_number(att_table_cell(t, r, c))) continue;
      texts++;
      single += is_single(att_table_cell(t, r, c));
    }
  }
  return texts > 0 && 5 * single < texts;
}

static void find_header(column_finder *f, size_t label) {
  att_layout *out = f->out;
  out->header = out->header || has_known_names(f);
  for (size_t c = 0; c < f->table->columns && !out->header; c++) out->header = out->guessed = stands_over_numbers(f, c);
  if (!out->header) out->header = out->guessed = looks_like_names(f, label);
}

/* ---- which is which ------------------------------------------------------------------------------------------- */

/* Single words of which none comes twice, as of keys. */
static bool has_keys(const column_finder *f, size_t column) {
  bool apart = f->table->rows >= ATT_ENOUGH_ROWS && f->different[column] == f->table->rows - 1;
  for (size_t r = 1; r < f->table->rows && apart; r++) apart = is_single(att_table_cell(f->table, r, column));
  return apart;
}

/* Whole numbers that only rise, keys, or a column of that name. */
static bool numbers_rows(const column_finder *f, size_t column) {
  const att_table *t = f->table;
  double before = -INFINITY, value;
  if (f->out->header && names_number(name_at(f, column))) return true;
  if (has_keys(f, column)) return true;
  if (t->rows < ATT_FEW_ROWS) return false;
  for (size_t r = f->out->header; r < t->rows; r++) {
    att_text cell = att_trimmed(att_table_cell(t, r, column));
    if (!att_read_number(cell.data, cell.size, &value) || value != floor(value) || value <= before) return false;
    before = value;
  }
  return true;
}

/* A known name; else the last column, or, where that has texts or one value, the last that may be a label. */
static size_t find_label(const column_finder *f) {
  for (size_t c = 0; c < f->table->columns; c++)
    if (!f->taken[c] && names_label(name_at(f, c)) && has_known_names(f)) return c;
  size_t last = f->table->columns - 1;
  while (last > 0 && f->taken[last]) last--;
  bool wrong = has_only_texts(f, last) || (f->table->columns > 2 && is_constant(f, last));
  for (size_t c = last + 1; wrong && c-- > 0;)
    if (!f->taken[c] && !has_only_texts(f, c) && !is_constant(f, c) && !numbers_rows(f, c)) return c;
  return last;
}

/* The columns that may be texts: of known names where there are any, else all that vary and do not number the rows. */
static size_t list_texts(const column_finder *f, size_t columns[ATT_MOST_COLUMNS]) {
  size_t count = 0;
  for (size_t c = 0; c < f->table->columns; c++)
    if (!f->taken[c] && f->out->header && names_text(name_at(f, c))) columns[count++] = c;
  bool named = count > 0;
  for (size_t c = 0; !named && c < f->table->columns; c++)
    if (!f->taken[c] && !numbers_rows(f, c) && !is_constant(f, c)) columns[count++] = c;
  bool left = count > 0;
  for (size_t c = 0; !left && c < f->table->columns; c++)
    if (!f->taken[c]) columns[count++] = c;
  return count;
}

static att_status find_texts(column_finder *f, int64_t text, int64_t text_pair) {
  size_t columns[ATT_MOST_COLUMNS];
  att_layout *out = f->out;
  out->text_pair = text_pair;
  if (text >= 0) {
    out->text = (size_t)text;
    return ATT_OK;
  }
  size_t count = list_texts(f, columns), most = text_pair >= 0 ? 1 : 2;
  if (count == 0) return unknown_columns(f, "no column is left for the text");
  if (count > most)
    return unknown_columns(f,
                           "more than two of its columns may be the text (of series a table has numbers alone beside "
                           "their id, time and label)");
  if (count == 2 && f->out->header && same_name(f, columns[0], columns[1]))
    return unknown_columns(f, "two of its columns have one name");
  out->text = columns[0];
  if (count == 2) out->text_pair = (int64_t)columns[1];
  return ATT_OK;
}

static void say_columns(const column_finder *f) {
  const att_layout *o = f->out;
  char pair[ATT_LONGEST_NAMED + 32] = " is the text";
  att_text text = name_at(f, o->text), label = name_at(f, o->label);
#define SHOWN(name)                                                                                                    \
  (int)((name).size < ATT_LONGEST_NAMED ? (name).size : ATT_LONGEST_NAMED), (name).size ? (name).data : ""
  if (o->text_pair >= 0) {
    att_text second = name_at(f, (size_t)o->text_pair);
    snprintf(pair, sizeof pair, " and \"%.*s\" are the texts", SHOWN(second));
  }
  att_log(f->ctx, o->guessed ? ATT_LOG_WARNING : ATT_LOG_NOTE,
          "%s: line %zu %s the columns: \"%.*s\"%s, \"%.*s\" the label", f->path, f->table->line[0],
          o->guessed ? "is taken for the names of" : "names", SHOWN(text), pair, SHOWN(label));
#undef SHOWN
}

/* Of a table without names. */
static void say_places(const column_finder *f) {
  const att_layout *o = f->out;
  char pair[48] = " is the text";
  if (o->text_pair >= 0) snprintf(pair, sizeof pair, " and column %lld are the texts", (long long)o->text_pair + 1);
  att_log(f->ctx, ATT_LOG_NOTE, "%s: no names of columns: column %zu%s, column %zu the label", f->path, o->text + 1,
          pair, o->label + 1);
}

static att_status find_columns(column_finder *f, const att_columns *given) {
  int64_t text = -1, text_pair = -1, label = -1;
  ATT_TRY(count_different(f));
  if (given->text) ATT_TRY(find_given(f, "--text-column", given->text, &text));
  if (given->text_pair) ATT_TRY(find_given(f, "--text-pair-column", given->text_pair, &text_pair));
  if (given->label) ATT_TRY(find_given(f, "--label-column", given->label, &label));
  f->out->label = label >= 0 ? (size_t)label : find_label(f);
  find_header(f, f->out->label);
  f->taken[f->out->label] = true;
  ATT_TRY(find_texts(f, text, text_pair));
  if (f->out->header)
    say_columns(f);
  else
    say_places(f);
  return ATT_OK;
}

att_status att_columns_find(att_context *ctx, const char *path, const att_table *table, const att_columns *given,
                            att_layout *layout) {
  const att_columns none = {0};
  *layout = (att_layout){.text_pair = -1};
  column_finder finder = {.ctx = ctx, .path = path, .table = table, .out = layout};
  if (table->rows == 0) return att_fail(ctx, ATT_FORMAT, "%s: it has no rows", path);
  if (table->columns < 2) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: line %zu has one column: a row is a text and its label, or two texts and a label, separated "
                    "by tabs or commas",
                    path, table->line[0]);
  }
  if (table->columns > ATT_MOST_COLUMNS)
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: %zu columns are more than %d", path, table->columns, ATT_MOST_COLUMNS);
  return find_columns(&finder, given ? given : &none);
}
