/* Owns what table.h says. */
#include "formats/table.h"

#include "formats/file.h"

#include <string.h>

typedef struct table_reader {
  att_context *ctx;
  const char *path;
  char *at, *end; /* what is left of the bytes */
  size_t line;
  size_t capacity, room; /* cells and rows that there is memory for */
  att_table *table;
} table_reader;

/* ---- the delimiter -------------------------------------------------------------------------------------------- */

static bool is_called(const char *path, const char *end) {
  size_t size = strlen(path), length = strlen(end);
  if (size > 3 && strcmp(path + size - 3, ".gz") == 0) size -= 3;
  for (size_t i = 0; i < length; i++)
    if (size < length || (path[size - length + i] | 0x20) != (end[i] | 0x20)) return false;
  return true;
}

/* By the first row, what stands in quotes not counted. */
static char find_delimiter(const char *path, const char *text, const char *end) {
  size_t tabs = 0, commas = 0, semicolons = 0, bars = 0;
  bool quoted = false;
  while (text < end && (*text == '\n' || *text == '\r' || *text == ' ')) text++;
  for (; text < end && (quoted || *text != '\n'); text++) {
    if (*text == '"') quoted = !quoted;
    if (quoted) continue;
    tabs += *text == '\t';
    commas += *text == ',';
    semicolons += *text == ';';
    bars += *text == '|';
  }
  if (tabs && (!is_called(path, ".csv") || commas + semicolons == 0)) return '\t';
  if (bars && commas + semicolons + tabs == 0) return '|';
  return semicolons > commas ? ';' : ',';
}

/* ---- cells ---------------------------------------------------------------------------------------------------- */

/* Whether a cell may end at `at`: a delimiter, the end of a line or of all. */
static bool is_end(const table_reader *r, const char *at) {
  if (at < r->end && *at == '\r') at++;
  return at >= r->end || *at == '\n' || *at == r->table->delimiter;
}

/* The closing mark of the cell that opens at r->at, or NULL. */
static char *find_close(const table_reader *r) {
  bool tab = false, line = false, loose = r->table->delimiter == '\t';
  for (char *at = r->at + 1; at < r->end; at++) {
    if (*at == '"' && at + 1 < r->end && at[1] == '"')
      at++;
    else if (*at == '"')
      return at;
    tab = tab || *at == '\t';
    line = line || *at == '\n';
    if (loose && tab && line) return NULL;
  }
  return NULL;
}

/* The marks go, two of them are one, and the lines are counted. */
static att_text take_quoted(table_reader *r, char *close) {
  char *begin = r->at + 1, *to = begin;
  for (char *from = begin; from < close; from++) {
    r->line += *from == '\n';
    if (*from == '"') from++;
    *to++ = *from;
  }
  r->at = close + 1;
  if (r->at < r->end && *r->at == '\r') r->at++;
  return (att_text){begin, (size_t)(to - begin)};
}

static att_text take_plain(table_reader *r) {
  char *begin = r->at, delimiter = r->table->delimiter;
  while (r->at < r->end && *r->at != delimiter && *r->at != '\n') r->at++;
  size_t size = (size_t)(r->at - begin);
  bool last = r->at >= r->end || *r->at == '\n';
  if (last && size && begin[size - 1] == '\r') size--;
  return (att_text){begin, size};
}

/* Spaces before a mark go where what it opens ends with the cell: `a, "b, c"`. */
static void skip_spaces(table_reader *r) {
  char *begin = r->at;
  while (r->table->delimiter != '\t' && r->at < r->end && *r->at == ' ') r->at++;
  const char *close = r->at > begin && r->at < r->end && *r->at == '"' ? find_close(r) : NULL;
  if (!close || !is_end(r, close + 1)) r->at = begin;
}

static att_status take_cell(table_reader *r, att_text *cell) {
  skip_spaces(r);
  bool opens = r->at < r->end && *r->at == '"';
  char *close = opens ? find_close(r) : NULL;
  if (close && is_end(r, close + 1)) {
    *cell = take_quoted(r, close);
    return ATT_OK;
  }
  if (opens && r->table->delimiter != '\t') {
    return att_fail(r->ctx, ATT_FORMAT,
                    close ? "%s: line %zu: more text follows a closing quotation mark: within quotes, write it twice"
                          : "%s: line %zu: a quotation mark opens here and is never closed",
                    r->path, r->line);
  }
  *cell = take_plain(r);
  return ATT_OK;
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

static att_status make_room(table_reader *r, size_t cells) {
  att_table *t = r->table;
  if (cells >= r->capacity) {
    size_t capacity = r->capacity ? 2 * r->capacity : 1024;
    att_text *grown = att_resize(r->ctx, t->cells, capacity, sizeof *grown);
    if (!grown) return ATT_MEMORY;
    t->cells = grown;
    r->capacity = capacity;
  }
  if (t->rows >= r->room) {
    size_t room = r->room ? 2 * r->room : 256;
    size_t *grown = att_resize(r->ctx, t->line, room, sizeof *grown);
    if (!grown) return ATT_MEMORY;
    t->line = grown;
    r->room = room;
  }
  return ATT_OK;
}

static const char *spell_delimiter(char delimiter) {
  return delimiter == '\t' ? "tabs" : delimiter == ',' ? "commas" : delimiter == '|' ? "bars" : "semicolons";
}

static att_status wrong_width(const table_reader *r, size_t line, size_t width) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: line %zu has %zu column%s, those before it %zu (separated by %s%s)", r->path,
                  line, width, width == 1 ? "" : "s", r->table->columns, spell_delimiter(r->table->delimiter),
                  r->table->delimiter == '\t' ? "" : "; a text with these needs quotation marks around it");
}

static att_status take_row(table_reader *r) {
  att_table *t = r->table;
  size_t first = t->rows * t->columns, width = 0, line = r->line;
  bool more = true;
  while (more) {
    ATT_TRY(make_room(r, first + width));
    ATT_TRY(take_cell(r, &t->cells[first + width]));
    width++;
    more = r->at < r->end && *r->at == t->delimiter;
    if (more) r->at++;
    if (more && t->rows > 0 && width >= t->columns + 64) break; /* too many already */
  }
  while (r->at < r->end && *r->at != '\n') r->at++;
  if (r->at < r->end) r->at++;
  r->line++;
  if (width == 1 && att_trimmed(t->cells[first]).size == 0) return ATT_OK;
  if (t->rows == 0) t->columns = width;
  if (width != t->columns) return wrong_width(r, line, width);
  t->line[t->rows++] = line;
  return ATT_OK;
}

static att_status take_rows(table_reader *r) {
  for (size_t count = 0; r->at < r->end; count++) {
    if (count % 1024 == 0 && att_is_interrupted(r->ctx))
      return att_fail(r->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", r->path);
    ATT_TRY(take_row(r));
  }
  return ATT_OK;
}

att_status att_table_read(att_context *ctx, const char *path, att_table *table) {
  size_t size;
  *table = (att_table){0};
  ATT_TRY(att_read_text(ctx, path, &table->bytes, &size));
  char *end = table->bytes + size, *nul = size ? memchr(table->bytes, '\0', size) : NULL;
  if (nul) {
    size_t line = 1;
    for (const char *at = table->bytes; at < nul; at++) line += *at == '\n';
    att_table_free(ctx, table);
    return att_fail(ctx, ATT_FORMAT, "%s: line %zu has a NUL byte: it is no table of text", path, line);
  }
  table->delimiter = find_delimiter(path, table->bytes, end);
  table_reader reader = {.ctx = ctx, .path = path, .at = table->bytes, .end = end, .line = 1, .table = table};
  att_status status = take_rows(&reader);
  if (status) att_table_free(ctx, table);
  return status;
}

void att_table_free(att_context *ctx, att_table *table) {
  att_free(ctx, table->cells);
  att_free(ctx, table->line);
  att_free(ctx, table->bytes);
  *table = (att_table){0};
}

att_text att_table_cell(const att_table *table, size_t row, size_t column) {
  return table->cells[row * table->columns + column];
}
