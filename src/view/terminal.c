/*
 * Owns attention in a terminal: rows are the tokens that look, columns those looked at, cells are shaded by weight, and
 * beside each row stand in words the tokens that it looks at most. Column labels climb like stairs, so that each can be
 * read in full whatever the width of its column. Maps wider than the terminal come in bands, one below the other.
 */
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum {
  LEAST_COLUMNS = 24,
  MOST_COLUMNS = 1000,
  LONGEST_LABEL = 16,
  SIDE = 22,
  WIDEST_CELL = 5,
  MOST_CELLS = MOST_COLUMNS / 2, /* with labels */
  MOST_TOLD = 3,
  NUMBER = 9 /* columns of a number of three digits */
};

/* From near nothing to most, in the 256 colours of xterm: night blue, teal, green, pale yellow. */
static const unsigned char RAMP[] = {235, 17, 18, 24, 25, 31, 37, 36, 72, 78, 114, 150, 186, 222, 229};
enum { RAMP_SIZE = sizeof RAMP, FIRST_LIGHT = 6 };

static const char MEAN[] = "mean"; /* the label of the row above rows of times */
static const char *const SHADES[] = {"\u00b7", "\u2591", "\u2592", "\u2593", "\u2588"};
static const char *const ASCII_SHADES[] = {".", ":", "-", "=", "+", "*", "#", "%", "@"};

typedef struct screen {
  att_writer *writer;
  const att_grid *grid;
  bool colour, unicode;
  int columns, label, cell; /* widths: of all, of the row labels, of a cell with its gap */
  size_t per_band;          /* keys beside each other */
  bool side;                /* the words stand beside the rows, else below the map */
} screen;

static void pad(screen *s, int count) {
  while (count-- > 0) att_write(s->writer, " ");
}

static void style(screen *s, const char *codes) {
  if (s->colour) att_write_format(s->writer, "\033[%sm", codes);
}

/* Ends a line without spaces at its end. */
static void end_line(screen *s) {
  att_buffer *out = s->writer->out;
  if (s->writer->status) return;
  while (out->size > 0 && out->data[out->size - 1] == ' ') out->size--;
  att_write(s->writer, "\n");
}

/* Controls and formats move the cursor, turn the writing round or worse; the joiners of emoji do not. */
static bool steers(int32_t rune) {
  utf8proc_category_t category = utf8proc_category(rune);
  if (category == UTF8PROC_CATEGORY_CF) return rune != 0x200c && rune != 0x200d;
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

/* A character as this terminal shows it; *width: its columns. */
static const char *show(const screen *s, int32_t rune, char bytes[5], int *width) {
  memset(bytes, 0, 5);
  *width = 1;
  if (steers(rune)) rune = ' ';
  if (s->unicode) {
    *width = utf8proc_charwidth(rune);
    utf8proc_encode_char(rune, (utf8proc_uint8_t *)bytes);
  } else if (rune < 0x80)
    bytes[0] = (char)rune;
  else
    bytes[0] = rune == 0xb7 ? '+' : rune == 0x2423 ? '_' : '?';
  return bytes;
}

static int width_of(const screen *s, const char *label) {
  int width = 0, one;
  char bytes[5];
  for (int32_t rune; (rune = att_label_next(&label)); width += one) show(s, rune, bytes, &one);
  return width;
}

/* Writes a label in at most `most` columns, what is too long with an ellipsis; gives the columns written. */
static int put_label(screen *s, const char *label, int most) {
  bool cut = width_of(s, label) > most;
  int width = 0, one;
  char bytes[5];
  for (int32_t rune; (rune = att_label_next(&label)); width += one) {
    show(s, rune, bytes, &one);
    if (cut && width + one > most - 1) break;
    att_write(s->writer, bytes);
  }
  if (!cut || most < 1) return width;
  att_write(s->writer, s->unicode ? "\u2026" : "~");
  return width + 1;
}

static int least(int a, int b) { return a < b ? a : b; }

static int widest_label(const screen *s, const char *const *labels, size_t count) {
  int widest = 1;
  for (size_t i = 0; i < count; i++) {
    int width = width_of(s, labels[i]);
    if (width > widest) widest = width;
  }
  return widest;
}

static void plan(screen *s, const att_look_options *options) {
  const att_grid *grid = s->grid;
  s->colour = options->colour;
  s->unicode = options->unicode;
  s->columns = options->columns < LEAST_COLUMNS ? LEAST_COLUMNS : least(options->columns, MOST_COLUMNS);
  s->label = least(widest_label(s, grid->query_labels, grid->queries), least(LONGEST_LABEL, s->columns / 3));
  if (grid->mean && s->label < (int)strlen(MEAN)) s->label = (int)strlen(MEAN);
  int room = s->columns - s->label - 1, keys = (int)grid->keys;
  int cell = (room - SIDE - 2) / keys, bands = 1, narrowest = grid->mean ? 1 : 2; /* a time has no label of its own */
  s->side = cell >= 2 && !grid->mean;
  if (!s->side) {
    bands = ((int)grid->keys + room / narrowest - 1) / (room / narrowest);
    keys = ((int)grid->keys + bands - 1) / bands;
    cell = room / keys;
  }
  s->cell = least(cell, WIDEST_CELL);
  s->per_band = (size_t)keys;
}

/* ---- the stairs of column labels ---- */

/* heights[i]: the line, from the bottom, where label i stands: above every later label that it would run into. */
static int climb(const screen *s, const char *const *labels, size_t count, int *heights) {
  int highest = 0;
  for (size_t i = count; i-- > 0;) {
    int end = (int)i * s->cell + least(width_of(s, labels[i]), LONGEST_LABEL) + 1;
    heights[i] = 0;
    for (size_t j = i + 1; j < count && (int)j * s->cell < end; j++)
      if (heights[j] >= heights[i]) heights[i] = heights[j] + 1;
    if (heights[i] > highest) highest = heights[i];
  }
  return highest;
}

static void put_column_labels(screen *s, size_t first, size_t count) {
  const char *const *labels = s->grid->key_labels + first;
  int heights[MOST_CELLS], left = s->label + 1;
  for (int line = climb(s, labels, count, heights); line >= 0; line--) {
    int at = 0;
    for (size_t i = 0; i < count; i++) {
      int x = left + (int)i * s->cell;
      if (heights[i] < line) continue;
      pad(s, x - at);
      at = x;
      if (heights[i] == line)
        at += put_label(s, labels[i], least(LONGEST_LABEL, s->columns - x));
      else {
        style(s, "2");
        att_write(s->writer, s->unicode ? "\u2502" : "|");
        style(s, "0");
        at++;
      }
    }
    end_line(s);
  }
}

/* ---- the cells ---- */

static int level_of(const screen *s, float weight, int levels) {
  if (!(weight > 0)) return -1; /* nothing: what the mask hides */
  if (!(weight < s->grid->largest)) return levels - 1;
  return least((int)(weight / s->grid->largest * (float)levels), levels - 1);
}

/* Of a weight that is a number; what no weight can be is cut. */
static int percent(float weight) { return (int)lround(100.0 * fmax(0, fmin((double)weight, 9.99))); }

/* The number in a cell: percent, nothing below 1. */
static void number_of(float weight, char text[16]) {
  text[0] = '\0';
  if (!isfinite(weight))
    snprintf(text, 16, "?");
  else if (percent(weight) >= 1)
    snprintf(text, 16, "%d", percent(weight));
}

static void put_colour_cell(screen *s, float weight, int width) {
  int level = level_of(s, weight, RAMP_SIZE);
  char number[16] = "";
  if (width > 2 || !isfinite(weight)) number_of(weight, number);
  if (level >= 0)
    att_write_format(s->writer, "\033[48;5;%d;38;5;%dm", RAMP[level],
                     level >= FIRST_LIGHT ? 16
                     : level > 1          ? 253
                                          : 244);
  int used = (int)strlen(number), right = width > used + 1;
  pad(s, width - used - right);
  att_write(s->writer, number);
  pad(s, right);
  if (level >= 0) att_write(s->writer, "\033[0m");
}

static void put_plain_cell(screen *s, float weight, int width) {
  int levels = s->unicode ? 5 : 9, level = level_of(s, weight, levels);
  const char *shade = !isfinite(weight) ? "?" : level < 0 ? " " : s->unicode ? SHADES[level] : ASCII_SHADES[level];
  char number[16] = "";
  int shaded = width;
  if (width >= 4) { /* room for the number too */
    if (isfinite(weight)) number_of(weight, number);
    shaded = least(2, width - (int)strlen(number));
  }
  for (int i = 0; i < shaded; i++) att_write(s->writer, shade);
  att_write_format(s->writer, "%-*s", width - shaded, number);
}

static void put_cells(screen *s, const float *row, size_t count) {
  int gap = s->cell > 2 && !s->colour;
  for (size_t i = 0; i < count; i++) {
    if (s->colour)
      put_colour_cell(s, row[i], s->cell - gap);
    else
      put_plain_cell(s, row[i], s->cell - gap);
    if (i + 1 < count) pad(s, gap);
  }
}

/* ---- the words ---- */

/* The key with the largest weight below `below` (ties: the first after `after`); keys where there is none. */
static size_t next_largest(const float *row, size_t keys, float below, size_t after) {
  size_t best = keys;
  for (size_t k = 0; k < keys; k++) {
    bool left = row[k] < below || (row[k] == below && k > after);
    if (left && isfinite(row[k]) && (best == keys || row[k] > row[best])) best = k;
  }
  return best;
}

/* "Hund 81%  Ein 7%": what a row looks at most, in at most `most` columns. */
static void put_words(screen *s, size_t query, int most) {
  const att_grid *grid = s->grid;
  const float *row = grid->weights + query * grid->keys;
  float below = INFINITY;
  size_t key = 0;
  for (int told = 0; told < MOST_TOLD; told++) {
    key = next_largest(row, grid->keys, below, key);
    if (key == grid->keys || percent(row[key]) < 1) return;
    below = row[key];
    char number[16];
    snprintf(number, sizeof number, " %d%%", percent(below));
    int gap = told ? 2 : 0, taken = gap + (int)strlen(number);
    int width = least(width_of(s, grid->key_labels[key]), LONGEST_LABEL);
    if (told && taken + width > most) return;
    pad(s, gap);
    if (!told) style(s, "1");
    most -= taken + put_label(s, grid->key_labels[key], least(width, most - taken));
    style(s, told ? "2" : "0;2");
    att_write(s->writer, number);
    style(s, "0");
  }
}

static void put_row_label(screen *s, const char *label) {
  pad(s, s->label - least(width_of(s, label), s->label));
  put_label(s, label, s->label);
  att_write(s->writer, " ");
}

/* ---- recordings and series ---- */

/* Lines of a picture, and of a piano roll of all keys in braille; columns from one time to the next. */
enum { LINES = 8, MOST_LINES = 22, TICK = 10 };

/* The mean level of a key's columns in lines [low, high). */
static float level_at(const att_grid *grid, size_t key, size_t low, size_t high) {
  const att_signal *signal = grid->signal;
  size_t each = signal->columns / grid->keys;
  float sum = 0;
  for (size_t b = low; b < high; b++)
    for (size_t c = key * each; c < (key + 1) * each; c++) sum += signal->levels[b * signal->columns + c];
  return sum / (float)((high - low) * each);
}

/* Shades alone: brightness is loudness, whatever the largest weight is. */
static void put_level(screen *s, float level) {
  int levels = s->colour ? RAMP_SIZE : s->unicode ? 5 : 9, at = least((int)(level * (float)levels), levels - 1);
  if (s->colour) att_write_format(s->writer, "\033[48;5;%dm", RAMP[at < 0 ? 0 : at]);
  for (int i = 0; i < s->cell; i++)
    att_write(s->writer, s->colour ? " " : s->unicode ? SHADES[at < 0 ? 0 : at] : ASCII_SHADES[at < 0 ? 0 : at]);
  if (s->colour) att_write(s->writer, "\033[0m");
}

/* Low at the bottom. */
static void put_spectrogram(screen *s, size_t first, size_t count) {
  const att_grid *grid = s->grid;
  for (size_t line = LINES; line-- > 0;) {
    size_t low = line * grid->signal->lines / LINES, high = (line + 1) * grid->signal->lines / LINES;
    pad(s, s->label + 1);
    for (size_t k = first; k < first + count; k++) put_level(s, level_at(grid, k, low, high > low ? high : low + 1));
    end_line(s);
  }
}

/* Dots of a character: two across and four down where the terminal has braille, else one. */
typedef struct canvas {
  unsigned char dots[MOST_LINES][MOST_COLUMNS], line[MOST_LINES][MOST_COLUMNS]; /* line: the last curve there */
  int across, down, width, height;                                              /* width and height in dots */
} canvas;

/* Braille's dots by column and row (Unicode's chapter on symbols). */
static void set_dot(canvas *c, int x, int y, size_t line) {
  static const unsigned char bits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
  c->dots[y / c->down][x / c->across] |= bits[x % c->across][y % c->down];
  c->line[y / c->down][x / c->across] = (unsigned char)line;
}

static void draw_curve(canvas *c, const screen *s, size_t line, size_t first, size_t count) {
  const att_signal *signal = s->grid->signal;
  size_t each = signal->columns / s->grid->keys;
  int before = -1;
  for (int x = 0; x < c->width; x++) {
    size_t column = first * each + (size_t)x * count * each / (size_t)c->width;
    float level = fminf(fmaxf(signal->levels[line * signal->columns + column], 0), 1);
    int y = (int)lroundf((1 - level) * (float)(c->height - 1)), from = before < 0 ? y : before;
    for (int dot = from; dot != y; dot += dot < y ? 1 : -1) set_dot(c, x, dot, line);
    set_dot(c, x, y, line);
    before = y;
  }
}

/* The dot that a key of a roll stands at, from the top. */
static int dot_of(const canvas *c, size_t line, size_t lines) {
  int height = (int)lines < c->height ? (int)lines : c->height;
  return height - 1 - (int)(line * (size_t)height / lines);
}

static void draw_key(canvas *c, const screen *s, size_t line, size_t first, size_t count) {
  const att_signal *signal = s->grid->signal;
  size_t each = signal->columns / s->grid->keys;
  for (int x = 0; x < c->width; x++) {
    size_t column = first * each + (size_t)x * count * each / (size_t)c->width;
    if (signal->levels[line * signal->columns + column] > 0) set_dot(c, x, dot_of(c, line, signal->lines), 0);
  }
}

static void put_line_of(screen *s, const canvas *c, int y) {
  static const unsigned char colours[] = {75, 209, 114, 179, 141, 80};
  for (int x = 0; x < c->width / c->across; x++) {
    char bytes[5] = "*";
    if (s->unicode) bytes[utf8proc_encode_char(0x2800 + c->dots[y][x], (utf8proc_uint8_t *)bytes)] = '\0';
    if (c->dots[y][x] && s->colour)
      att_write_format(s->writer, "\033[38;5;%dm", colours[c->line[y][x] % sizeof colours]);
    att_write(s->writer, c->dots[y][x] ? bytes : " ");
    if (c->dots[y][x]) style(s, "0");
  }
  end_line(s);
}

static void put_curves(screen *s, size_t first, size_t count) {
  canvas c = {.across = s->unicode ? 2 : 1, .down = s->unicode ? 4 : 1};
  c.width = (int)count * s->cell * c.across;
  c.height = LINES * c.down;
  for (size_t i = 0; i < s->grid->signal->lines; i++) draw_curve(&c, s, i, first, count);
  for (int y = 0; y < LINES; y++) {
    pad(s, s->label + 1);
    put_line_of(s, &c, y);
  }
}

/* A dot a key, low at the bottom, with the names of the Cs beside them. */
static void put_roll(screen *s, size_t first, size_t count) {
  const att_signal *signal = s->grid->signal;
  canvas c = {.across = s->unicode ? 2 : 1, .down = s->unicode ? 4 : 1};
  int lines = least(MOST_LINES, ((int)signal->lines + c.down - 1) / c.down);
  c.width = (int)count * s->cell * c.across;
  c.height = lines * c.down;
  for (size_t i = 0; i < signal->lines; i++) draw_key(&c, s, i, first, count);
  for (int y = 0; y < lines; y++) {
    char name[16] = "";
    for (size_t i = 0; i < signal->lines; i++) {
      int key = signal->lowest + (int)i;
      if (key % 12 == 0 && dot_of(&c, i, signal->lines) / c.down == y) snprintf(name, sizeof name, "C%d", key / 12 - 1);
    }
    put_row_label(s, name);
    put_line_of(s, &c, y);
  }
}

static void put_row_of(screen *s, const char *label, const float *row, size_t count) {
  put_row_label(s, label);
  put_cells(s, row, count);
}

/* What stands above the rows: the signal, times below it, and what all rows together look at. */
static void put_signal(screen *s, size_t first, size_t count) {
  const att_grid *grid = s->grid;
  (grid->signal->kind == ATT_SIGNAL_SOUND  ? put_spectrogram
   : grid->signal->kind == ATT_SIGNAL_ROLL ? put_roll
                                           : put_curves)(s, first, count);
  pad(s, s->label + 1);
  for (int at = 0; at + TICK <= (int)count * s->cell; at += TICK) {
    char text[32];
    double key = (double)first + (double)at / s->cell;
    att_format(text, sizeof text, grid->signal->kind == ATT_SIGNAL_SOUND ? "|%.1f s" : "|%.0f",
               grid->signal->first + key * grid->signal->length / (double)grid->keys);
    att_write_format(s->writer, "%-*s", TICK, text);
  }
  end_line(s);
  if (!grid->mean || grid->queries < 2) return;
  put_row_of(s, MEAN, grid->mean + first, count);
  end_line(s);
}

static void put_band(screen *s, size_t first, size_t count) {
  if (s->grid->signal)
    put_signal(s, first, count);
  else
    put_column_labels(s, first, count);
  for (size_t query = 0; query < s->grid->queries; query++) {
    put_row_of(s, s->grid->query_labels[query], s->grid->weights + query * s->grid->keys + first, count);
    if (s->side) {
      att_write(s->writer, "  ");
      put_words(s, query, s->columns - s->label - 3 - (int)count * s->cell);
    }
    end_line(s);
  }
}

static void put_words_below(screen *s) {
  att_write(s->writer, "\n");
  for (size_t query = 0; query < s->grid->queries; query++) {
    put_row_label(s, s->grid->query_labels[query]);
    style(s, "2");
    att_write(s->writer, s->unicode ? "\u2190 " : "<- ");
    style(s, "0");
    put_words(s, query, s->columns - s->label - 4);
    end_line(s);
  }
}

/* ---- head and foot ---- */

static void put_line(screen *s, const char *codes, const char *text) {
  style(s, codes);
  put_label(s, text, s->columns);
  style(s, "0");
  end_line(s);
}

/* The scale under the cells; where that is too narrow, at the margin and in fewer words. */
static void put_legend(screen *s) {
  const char *words = s->grid->gradient ? " of the largest: " : " of a row's attention";
  int levels = s->colour ? RAMP_SIZE : s->unicode ? 5 : 9, width = levels + (int)strlen("0%  100%");
  bool roomy = s->label + 1 + width + (int)strlen(words) + NUMBER * s->grid->gradient <= s->columns;
  if (roomy) pad(s, s->label + 1);
  att_write(s->writer, "0% ");
  for (int level = 0; level < levels; level++) {
    if (s->colour)
      att_write_format(s->writer, "\033[48;5;%dm \033[0m", RAMP[level]);
    else
      att_write(s->writer, s->unicode ? SHADES[level] : ASCII_SHADES[level]);
  }
  att_write_format(s->writer, " %d%%%s", percent(s->grid->largest), roomy ? words : "");
  if (roomy && s->grid->gradient) att_write_number(s->writer, s->grid->unit, 3);
  end_line(s);
}

void att_view_terminal(att_writer *writer, const att_grid *grid, const att_look_options *options) {
  screen s = {.writer = writer, .grid = grid};
  plan(&s, options);
  put_line(&s, "0", grid->source);
  if (grid->target) put_line(&s, "0", grid->target);
  att_write(writer, "\n");
  put_line(&s, "1", grid->title);
  put_line(&s, "2", grid->meaning);
  for (size_t first = 0; first < grid->keys; first += s.per_band) {
    size_t left = grid->keys - first;
    att_write(writer, "\n");
    put_band(&s, first, left < s.per_band ? left : s.per_band);
  }
  if (!s.side && !grid->mean) put_words_below(&s); /* times are seen, not read */
  att_write(writer, "\n");
  put_legend(&s);
}
