/* Owns what documents.h says, and att_parse_documents of attend.h. */
#include "train/data/documents.h"

#include "formats/file.h"
#include "formats/json.h"
#include "formats/table.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

static const char *const text_names[] = {"text", "document", "article", "source", "body", "dialogue", "abstract", NULL};
static const char *const summary_names[] = {"summary",  "target", "highlights", "subject", "subject_line",
                                            "headline", "title",  "tldr",       NULL};

/* ---- texts in one block -------------------------------------------------------------------------------------------
 */

typedef struct texts {
  att_context *ctx;
  att_buffer bytes;
  size_t *ends; /* [count] */
  size_t count, capacity;
} texts;

static att_status end_text(texts *t) {
  if (t->count == t->capacity) {
    size_t capacity = 2 * t->capacity + 64;
    size_t *ends = att_resize(t->ctx, t->ends, capacity, sizeof *ends);
    if (!ends) return ATT_MEMORY;
    t->ends = ends;
    t->capacity = capacity;
  }
  t->ends[t->count++] = t->bytes.size;
  return ATT_OK;
}

static att_status add_text(texts *t, const char *data, size_t size) {
  ATT_TRY(att_buffer_append(t->ctx, &t->bytes, data, size));
  return end_text(t);
}

static void free_texts(texts *t) {
  att_buffer_free(t->ctx, &t->bytes);
  att_free(t->ctx, t->ends);
}

/* *out: an array with the bytes behind it (att_release). */
static att_status give_texts(texts *t, att_text **out) {
  size_t array = (t->count + 1) * sizeof **out;
  char *block = att_alloc(t->ctx, array + t->bytes.size, 1);
  if (!block) return ATT_MEMORY;
  if (t->bytes.size) memcpy(block + array, t->bytes.data, t->bytes.size);
  *out = (att_text *)(void *)block;
  for (size_t i = 0; i < t->count; i++) {
    size_t begin = i ? t->ends[i - 1] : 0;
    (*out)[i] = (att_text){block + array + begin, t->ends[i] - begin};
  }
  return ATT_OK;
}

/* ---- objects -------------------------------------------------------------------------------------------------------
 */

static const json_t *find(const json_t *object, const char *const *names) {
  for (; *names; names++) {
    const json_t *value = json_object_get(object, *names);
    if (json_is_string(value) || json_is_array(value)) return value;
  }
  return NULL;
}

/* "a, b or c" of the names that are looked for. */
static void list_names(const char *const *names, char *out, size_t size) {
  size_t used = 0;
  for (size_t i = 0; names[i] && used < size; i++) {
    const char *before = i == 0 ? "" : names[i + 1] ? ", " : " or ";
    used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", before, names[i]);
  }
}

static att_status missing(const texts *t, const char *name, const char *const *names, const char *what) {
  char list[200];
  list_names(names, list, sizeof list);
  return att_fail(t->ctx, ATT_FORMAT, "%s: the object has no %s under %s", name, what, list);
}

static att_status add_sentences(texts *t, const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *sentence = json_array_get(list, i);
    if (!json_is_string(sentence)) continue;
    if (i) ATT_TRY(att_buffer_append(t->ctx, &t->bytes, "\n", 1));
    ATT_TRY(att_buffer_append(t->ctx, &t->bytes, json_string_value(sentence), json_string_length(sentence)));
  }
  return end_text(t);
}

/* name: the file and the line, for messages. */
static att_status add_value(texts *t, const char *name, const json_t *object, const char *const *names,
                            const char *what) {
  const json_t *value = find(object, names);
  if (!json_is_object(object)) return att_fail(t->ctx, ATT_FORMAT, "%s: is no JSON object", name);
  if (!value) return missing(t, name, names, what);
  if (json_is_array(value) && names == text_names) return add_sentences(t, value);
  if (json_is_array(value)) value = json_array_get(value, 0);
  if (!json_is_string(value)) return missing(t, name, names, what);
  return add_text(t, json_string_value(value), json_string_length(value));
}

/* ---- lines of JSON
 * --------------------------------------------------------------------------------------------------- */

/* summaries NULL: none is asked for. */
static att_status add_object(texts *sources, texts *summaries, const char *name, const json_t *object) {
  ATT_TRY(add_value(sources, name, object, text_names, "text"));
  return summaries ? add_value(summaries, name, object, summary_names, "summary") : ATT_OK;
}

static att_status add_line(texts *sources, texts *summaries, const char *path, size_t number, att_text line) {
  char name[600];
  json_t *root = NULL;
  snprintf(name, sizeof name, "%.500s%sline %zu", path, *path ? ": " : "", number + 1);
  att_status status = att_json_parse(sources->ctx, name, line.data, line.size, &root);
  if (!status) status = add_object(sources, summaries, name, root);
  json_decref(root);
  return status;
}

static att_status add_lines(texts *sources, texts *summaries, const char *path, size_t first, const att_text *lines,
                            size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (att_is_interrupted(sources->ctx)) return att_fail(sources->ctx, ATT_INTERRUPTED, "interrupted while reading");
    if (att_is_blank(lines[i]) && summaries) continue;
    if (att_is_blank(lines[i])) {
      ATT_TRY(add_text(sources, "", 0));
    } else {
      ATT_TRY(add_line(sources, summaries, path, first + i, lines[i]));
    }
  }
  return ATT_OK;
}

static att_status add_list(texts *sources, texts *summaries, const char *path, att_text text) {
  json_t *root = NULL;
  att_status status = att_json_parse(sources->ctx, path, text.data, text.size, &root);
  for (size_t i = 0; i < json_array_size(root) && !status; i++) {
    char name[600];
    snprintf(name, sizeof name, "%.500s: item %zu", path, i + 1);
    status = add_object(sources, summaries, name, json_array_get(root, i));
  }
  json_decref(root);
  return status;
}

static att_status read_json(texts *sources, texts *summaries, const char *path, att_text text) {
  if (text.data[0] == '[') return add_list(sources, summaries, path, text);
  size_t number = 0;
  for (const char *at = text.data, *end = text.data + text.size; at < end; number++) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    att_text line = {at, (size_t)((stop ? stop : end) - at)};
    ATT_TRY(add_lines(sources, summaries, path, number, &line, 1));
    at += line.size + 1;
  }
  return ATT_OK;
}

/* ---- tables
 * ---------------------------------------------------------------------------------------------------------- */

static bool is_name(att_text cell, const char *const *names) {
  cell = att_trimmed(cell);
  for (; *names; names++) {
    size_t i = 0, size = strlen(*names);
    while (i < size && i < cell.size && (cell.data[i] | 0x20) == ((*names)[i] | 0x20)) i++;
    if (i == size && size == cell.size) return true;
  }
  return false;
}

static bool find_column(const att_table *table, const char *const *names, size_t *column) {
  for (size_t c = 0; c < table->columns; c++) {
    if (!is_name(att_table_cell(table, 0, c), names)) continue;
    *column = c;
    return true;
  }
  return false;
}

static att_status unknown_columns(att_context *ctx, const char *path, const att_table *table) {
  char list[300] = "", of_texts[160], of_summaries[160];
  size_t used = 0;
  for (size_t c = 0; table->rows && c < table->columns && used + 60 < sizeof list; c++) {
    att_text name = att_trimmed(att_table_cell(table, 0, c));
    used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%.*s\"", c ? ", " : "",
                             (int)(name.size < 40 ? name.size : 40), name.size ? name.data : "");
  }
  list_names(text_names, of_texts, sizeof of_texts);
  list_names(summary_names, of_summaries, sizeof of_summaries);
  return att_fail(
      ctx, ATT_FORMAT,
      "%s: which of its %zu columns are the text and the summary? Call them %s, and %s; the first row has %s", path,
      table->columns, of_texts, of_summaries, list);
}

static void say_columns(att_context *ctx, const char *path, const att_table *table, bool named, size_t text,
                        size_t summary) {
  if (!named) {
    att_log(ctx, ATT_LOG_NOTE, "%s: no known names of columns: column 1 is the text, column 2 its summary", path);
    return;
  }
  att_text names[] = {att_trimmed(att_table_cell(table, 0, text)), att_trimmed(att_table_cell(table, 0, summary))};
  att_log(ctx, ATT_LOG_NOTE, "%s: line 1 names the columns: \"%.*s\" is the text, \"%.*s\" its summary", path,
          (int)names[0].size, names[0].data, (int)names[1].size, names[1].data);
}

static att_status read_table(texts *sources, texts *summaries, const char *path) {
  att_table table = {0};
  size_t text = 0, summary = 0;
  ATT_TRY(att_table_read(sources->ctx, path, &table));
  att_status status = ATT_OK;
  if (table.columns < 2)
    status = att_fail(sources->ctx, ATT_FORMAT,
                      "%s: has one column; a text and its summary are wanted: two columns, or lines of JSON", path);
  bool named = !status && table.rows > 0 && find_column(&table, text_names, &text) &&
               find_column(&table, summary_names, &summary) && text != summary;
  if (!named) text = 0, summary = 1;
  if (!named && !status && table.columns > 2)
    status = unknown_columns(sources->ctx, path, &table);
  else if (!status)
    say_columns(sources->ctx, path, &table, named, text, summary);
  for (size_t row = named; row < table.rows && !status; row++) {
    att_text cells[] = {att_table_cell(&table, row, text), att_table_cell(&table, row, summary)};
    status = add_text(sources, cells[0].data, cells[0].size);
    if (!status) status = add_text(summaries, cells[1].data, cells[1].size);
  }
  att_table_free(sources->ctx, &table);
  return status;
}

/* ---- files
 * ----------------------------------------------------------------------------------------------------------- */

static bool is_json(att_text text) { return text.size > 0 && (text.data[0] == '{' || text.data[0] == '['); }

static bool ends_in(const char *path, const char *end) {
  size_t size = strlen(path), tail = strlen(end);
  return size >= tail && strcmp(path + size - tail, end) == 0;
}

/* By name, else by how it begins. */
static att_status read_any(texts *sources, texts *summaries, const char *path, att_text text) {
  bool named =
      ends_in(path, ".jsonl") || ends_in(path, ".jsonl.gz") || ends_in(path, ".json") || ends_in(path, ".json.gz");
  while (text.size && (unsigned char)text.data[0] <= ' ') text.data++, text.size--;
  if (is_json(text)) return read_json(sources, summaries, path, text);
  if (text.size == 0) return att_fail(sources->ctx, ATT_FORMAT, "%s: it has no texts", path);
  if (!named) return read_table(sources, summaries, path);
  return att_fail(sources->ctx, ATT_FORMAT,
                  "%s: line 1: is no JSON object, as {\"text\": \"...\", \"summary\": \"...\"}", path);
}

static att_status give_lines(texts *sources, texts *summaries, const char *path, att_lines *lines) {
  if (sources->count == 0) return att_fail(sources->ctx, ATT_FORMAT, "%s: it has no texts", path);
  ATT_TRY(give_texts(sources, &lines->source));
  ATT_TRY(give_texts(summaries, &lines->target));
  lines->count = sources->count;
  return ATT_OK;
}

att_status att_documents_read(att_context *ctx, const char *path, att_lines *lines) {
  texts sources = {.ctx = ctx}, summaries = {.ctx = ctx};
  char *text = NULL;
  size_t size = 0;
  *lines = (att_lines){0};
  att_status status = att_read_text(ctx, path, &text, &size);
  if (!status) status = read_any(&sources, &summaries, path, (att_text){text, size});
  att_release(ctx, text);
  if (!status) status = give_lines(&sources, &summaries, path, lines);
  if (status) att_lines_free(ctx, lines);
  free_texts(&sources);
  free_texts(&summaries);
  return status;
}

att_status att_parse_documents(att_context *ctx, const att_text *lines, size_t count, size_t first_line,
                               att_text **out) {
  texts sources = {.ctx = ctx};
  *out = NULL;
  if (count && !lines) return att_fail(ctx, ATT_ARGUMENT, "att_parse_documents: lines is NULL");
  att_status status = add_lines(&sources, NULL, "", first_line, lines, count);
  if (!status) status = give_texts(&sources, out);
  free_texts(&sources);
  return status;
}
