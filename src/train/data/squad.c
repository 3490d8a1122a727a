/* Owns what squad.h says. */
#include "train/data/squad.h"
#include "base/number.h"
#include "formats/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_SIZE = 24, COLUMNS = 4 };

void att_squad_file_free(att_context *ctx, att_squad_file *file) {
  json_decref(file->root);
  att_table_free(ctx, &file->table);
  att_free(ctx, file->items);
  att_free(ctx, file->ids);
  att_free(ctx, file->texts);
  att_free(ctx, file->numbers);
  *file = (att_squad_file){0};
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

/* Where the reading is: two passes, the first of which counts. */
typedef struct reader {
  att_context *ctx;
  const char *path;
  att_squad_file *file;
  size_t questions, answers; /* so far */
  bool counting;
} reader;

static att_status no_squad(const reader *r, const char *what) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: is no file of SQuAD: %s (question %zu)", r->path, what, r->questions + 1);
}

static bool read_string(const json_t *object, const char *key, att_text *out) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_string(value)) return false;
  *out = (att_text){json_string_value(value), json_string_length(value)};
  return true;
}

static att_status read_answer(reader *r, const json_t *answer) {
  att_text text;
  json_t *start = json_object_get(answer, "answer_start");
  if (!read_string(answer, "text", &text)) return no_squad(r, "an answer has no \"text\"");
  if (start && !json_is_integer(start)) return no_squad(r, "answer_start is no whole number");
  if (!r->counting) {
    r->file->texts[r->answers] = text;
    r->file->numbers[r->answers] = start ? json_integer_value(start) : -1;
    if (start && json_integer_value(start) < 0) r->file->numbers[r->answers] = INT64_MAX; /* nowhere */
  }
  r->answers++;
  return ATT_OK;
}

static att_status read_question(reader *r, att_text context, const json_t *given) {
  const json_t *answers = json_object_get(given, "answers"), *id = json_object_get(given, "id");
  const json_t *impossible = json_object_get(given, "is_impossible");
  att_squad_item item = {.context = context};
  if (!read_string(given, "question", &item.question)) return no_squad(r, "there is no \"question\"");
  if (id && !json_is_string(id)) return no_squad(r, "id is no text");
  if (answers && !json_is_array(answers)) return no_squad(r, "answers is no list");
  size_t first = r->answers;
  bool none = json_is_true(impossible);
  for (size_t i = 0; !none && i < json_array_size(answers); i++) ATT_TRY(read_answer(r, json_array_get(answers, i)));
  if (!r->counting) {
    char *own = r->file->ids + r->questions * ID_SIZE;
    snprintf(own, ID_SIZE, "%zu", r->questions + 1);
    item.id = id ? json_string_value(id) : own;
    item.answers = r->file->texts + first;
    item.starts = r->file->numbers + first;
    item.answer_count = r->answers - first;
    if (item.answer_count == 0) r->file->unanswerable = true;
    r->file->items[r->questions] = item;
  }
  r->questions++;
  return ATT_OK;
}

static att_status read_paragraph(reader *r, const json_t *paragraph) {
  att_text context;
  const json_t *questions = json_object_get(paragraph, "qas");
  if (!read_string(paragraph, "context", &context)) return no_squad(r, "a paragraph has no \"context\"");
  if (!json_is_array(questions)) return no_squad(r, "a paragraph has no list \"qas\"");
  for (size_t i = 0; i < json_array_size(questions); i++)
    ATT_TRY(read_question(r, context, json_array_get(questions, i)));
  return ATT_OK;
}

static att_status read_articles(reader *r, const json_t *data) {
  r->questions = r->answers = 0;
  for (size_t i = 0; i < json_array_size(data); i++) {
    const json_t *paragraphs = json_object_get(json_array_get(data, i), "paragraphs");
    if (!json_is_array(paragraphs)) return no_squad(r, "an article has no list \"paragraphs\"");
    for (size_t k = 0; k < json_array_size(paragraphs); k++) ATT_TRY(read_paragraph(r, json_array_get(paragraphs, k)));
  }
  return ATT_OK;
}

static att_status make_room(reader *r, size_t questions, size_t answers) {
  att_squad_file *f = r->file;
  f->items = ATT_NEW(r->ctx, questions, att_squad_item);
  f->ids = att_alloc(r->ctx, questions, ID_SIZE);
  f->texts = ATT_NEW(r->ctx, answers, att_text);
  f->numbers = ATT_NEW(r->ctx, answers, int64_t);
  return f->items && f->ids && f->texts && f->numbers ? ATT_OK : ATT_MEMORY;
}

static att_status read_json(reader *r) {
  ATT_TRY(att_json_open(r->ctx, r->path, &r->file->root));
  const json_t *data = json_object_get(r->file->root, "data");
  const char *version = json_string_value(json_object_get(r->file->root, "version"));
  if (!json_is_array(data))
    return att_fail(r->ctx, ATT_FORMAT, "%s: is no file of SQuAD: it has no list \"data\"", r->path);
  r->counting = true;
  ATT_TRY(read_articles(r, data));
  ATT_TRY(make_room(r, r->questions, r->answers));
  r->counting = false;
  ATT_TRY(read_articles(r, data));
  r->file->count = r->questions;
  if (version && strstr(version, "2.")) r->file->unanswerable = true;
  return ATT_OK;
}

/* ---- tables --------------------------------------------------------------------------------------------------- */

static const char *const column_names[COLUMNS] = {"context", "question", "answer", "start"};

static bool is_name(att_text cell, const char *name) {
  return cell.size == strlen(name) && memcmp(cell.data, name, cell.size) == 0;
}

/* By the names in the first row, which then is no question; else in this order. */
static bool find_columns(const att_table *table, size_t columns[COLUMNS]) {
  size_t found = 0;
  for (size_t k = 0; k < COLUMNS; k++) {
    columns[k] = k < table->columns ? k : SIZE_MAX;
    for (size_t c = 0; table->rows && c < table->columns; c++)
      if (is_name(att_table_cell(table, 0, c), column_names[k])) {
        columns[k] = c;
        found++;
      }
  }
  return found >= 2;
}

static att_status read_start(const reader *r, size_t row, att_text cell, int64_t *start) {
  char text[32], *end;
  *start = -1;
  if (cell.size == 0) return ATT_OK;
  snprintf(text, sizeof text, "%.*s", (int)(cell.size < 31 ? cell.size : 31), cell.data);
  long long value = strtoll(text, &end, 10);
  if (*end || value < 0)
    return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu: start is \"%s\", not a number of characters", r->path,
                    r->file->table.line[row], text);
  *start = value;
  return ATT_OK;
}

static att_status read_row(reader *r, size_t row, const size_t columns[COLUMNS]) {
  att_squad_file *f = r->file;
  size_t i = r->questions++;
  char *id = f->ids + i * ID_SIZE;
  snprintf(id, ID_SIZE, "%zu", f->table.line[row]);
  att_squad_item *item = &f->items[i];
  *item = (att_squad_item){.id = id,
                           .context = att_table_cell(&f->table, row, columns[0]),
                           .question = att_table_cell(&f->table, row, columns[1]),
                           .answers = f->texts + i,
                           .starts = f->numbers + i};
  if (columns[2] != SIZE_MAX) f->texts[i] = att_table_cell(&f->table, row, columns[2]);
  f->numbers[i] = -1;
  if (columns[3] != SIZE_MAX) ATT_TRY(read_start(r, row, att_table_cell(&f->table, row, columns[3]), &f->numbers[i]));
  item->answer_count = f->texts[i].size > 0;
  if (!item->answer_count) f->unanswerable = true;
  return ATT_OK;
}

static att_status read_table(reader *r) {
  att_squad_file *f = r->file;
  size_t columns[COLUMNS];
  ATT_TRY(att_table_read(r->ctx, r->path, &f->table));
  if (f->table.columns < 3 || f->table.columns > COLUMNS)
    return att_fail(r->ctx, ATT_FORMAT,
                    "%s: has %zu columns, not context, question, answer and start (SQuAD's own files end in .json)",
                    r->path, f->table.columns);
  bool named = find_columns(&f->table, columns);
  ATT_TRY(make_room(r, f->table.rows, f->table.rows));
  for (size_t row = named; row < f->table.rows; row++) ATT_TRY(read_row(r, row, columns));
  f->count = r->questions;
  return ATT_OK;
}

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && strcmp(text + size - tail, end) == 0;
}

att_status att_squad_read(att_context *ctx, const char *path, att_squad_file *out) {
  *out = (att_squad_file){0};
  reader r = {.ctx = ctx, .path = path, .file = out};
  bool table =
      ends_with(path, ".tsv") || ends_with(path, ".csv") || ends_with(path, ".tsv.gz") || ends_with(path, ".csv.gz");
  att_status status = table ? read_table(&r) : read_json(&r);
  if (!status && out->count == 0) status = att_fail(ctx, ATT_FORMAT, "%s: has no question", path);
  if (status) att_squad_file_free(ctx, out);
  return status;
}

/* ---- answers -------------------------------------------------------------------------------------------------- */

/* Bytes before that many code points; SIZE_MAX: there are fewer. */
static size_t byte_of(att_text text, int64_t characters) {
  size_t at = 0;
  for (; at < text.size; at++) {
    if (((unsigned char)text.data[at] & 0xc0) == 0x80) continue;
    if (characters-- == 0) return at;
  }
  return characters == 0 ? at : SIZE_MAX;
}

static bool stands_at(att_text context, size_t at, att_text answer) {
  return at <= context.size && answer.size <= context.size - at &&
         memcmp(context.data + at, answer.data, answer.size) == 0;
}

bool att_squad_place(const att_squad_item *item, size_t answer, size_t *begin, size_t *end) {
  att_text text = item->answers[answer];
  int64_t start = item->starts[answer];
  size_t at = start >= 0 ? byte_of(item->context, start) : 0;
  if (text.size == 0 || at == SIZE_MAX) return false;
  while (start < 0 && at < item->context.size && !stands_at(item->context, at, text)) at++;
  if (!stands_at(item->context, at, text)) return false;
  *begin = at;
  *end = at + text.size;
  return true;
}
