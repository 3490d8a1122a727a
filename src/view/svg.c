/*
 * Owns attention as SVG: one heat map with its labels, a title, a legend and a tooltip for each cell, in a file of its
 * own that scales and prints on white. All numbers are whole, so that no locale matters.
 */
#include "view/view.h"

#include <math.h>
#include <string.h>
#include <utf8proc.h>

enum {
  MARGIN = 24,
  HEAD = 88,  /* of title and texts */
  FOOT = 64,  /* of the legend */
  LETTER = 8, /* the width of a letter of 14 px, generously */
  LONGEST_LABEL = 24,
  LONGEST_LINE = 110,
  DETAILED = 4096, /* cells; a larger map has no tooltips and no numbers */
  LEAST_WIDTH = 560,
  SIGNAL = 160 /* height of a spectrogram, of curves, of a piano roll */
};

typedef struct layout {
  int cell, left, top, width, height;
  bool detailed;
} layout;

static int columns_of(const char *text, int most) {
  int width = att_label_width(text);
  return width < most ? width : most;
}

static int widest(const char *const *labels, size_t count) {
  int columns = 1;
  for (size_t i = 0; i < count; i++)
    if (columns_of(labels[i], LONGEST_LABEL) > columns) columns = columns_of(labels[i], LONGEST_LABEL);
  return columns * LETTER;
}

/* XML's own marks as entities, characters that XML has not as U+FFFD, what is beyond `most` columns as an ellipsis. */
static void put_text(att_writer *writer, const char *text, int most) {
  bool cut = att_label_width(text) > most;
  int width = 0;
  for (int32_t rune; (rune = att_label_next(&text));) {
    width += utf8proc_charwidth(rune);
    if (cut && width > most - 1) break;
    char bytes[5] = {0};
    if ((rune < ' ' && rune != '\t') || rune == 0xfffe || rune == 0xffff) rune = 0xfffd;
    utf8proc_encode_char(rune, (utf8proc_uint8_t *)bytes);
    const char *entity = rune == '&'   ? "&amp;"
                         : rune == '<' ? "&lt;"
                         : rune == '>' ? "&gt;"
                         : rune == '"' ? "&quot;"
                                       : bytes;
    att_write(writer, entity);
  }
  if (cut) att_write(writer, "\u2026");
}

/* White, then blues, to a blue that is nearly black. share: 0 to 1. */
static void put_fill(att_writer *writer, float share) {
  static const int stops[4][3] = {{247, 250, 253}, {158, 202, 225}, {33, 113, 181}, {8, 37, 84}};
  float at = fminf(fmaxf(share, 0), 1) * 3;
  int below = at >= 3 ? 2 : (int)at, colour[3];
  for (int c = 0; c < 3; c++)
    colour[c] =
        (int)lroundf((float)stops[below][c] + (at - (float)below) * (float)(stops[below + 1][c] - stops[below][c]));
  att_write_format(writer, "fill=\"#%02x%02x%02x\"", colour[0], colour[1], colour[2]);
}

static layout lay_out(const att_grid *grid) {
  size_t most = grid->keys > grid->queries ? grid->keys : grid->queries;
  layout l = {.cell = most <= 24 ? 34 : most <= 64 ? 22 : 16, .detailed = grid->queries * grid->keys <= DETAILED};
  int labels = grid->signal ? 0 : widest(grid->key_labels, grid->keys);
  l.left = MARGIN + widest(grid->query_labels, grid->queries) + 10;
  l.top = HEAD + labels * 7 / 10 + 24; /* slanted by 45 degrees */
  if (grid->signal) l.top = HEAD + SIGNAL + 32;
  l.width = l.left + (int)grid->keys * l.cell + labels * 7 / 10 + MARGIN;
  if (l.width < LEAST_WIDTH) l.width = LEAST_WIDTH;
  l.height = l.top + (int)grid->queries * l.cell + FOOT;
  return l;
}

static void put_line(att_writer *writer, const char *class, int y, const char *text, const layout *l) {
  int most = (l->width - 2 * MARGIN) / LETTER;
  att_write_format(writer, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, MARGIN, y);
  put_text(writer, text, most < LONGEST_LINE ? most : LONGEST_LINE);
  att_write(writer, "</text>\n");
}

static void put_head(att_writer *writer, const att_grid *grid, const layout *l) {
  att_write_format(writer,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                   "role=\"img\">\n<title>",
                   l->width, l->height, l->width, l->height);
  put_text(writer, grid->title, LONGEST_LINE);
  att_write(writer,
            "</title>\n<style>text{font:14px system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif;"
            "fill:#1c2733}.h{font-size:17px;font-weight:600}.s{fill:#5b6b7a;font-size:13px}.q{text-anchor:end}"
            ".n{text-anchor:middle;font-size:11px}.l{fill:#fff}</style>\n");
  att_write_format(writer, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", l->width, l->height);
  put_line(writer, "h", MARGIN + 10, grid->title, l);
  put_line(writer, "s", MARGIN + 32, grid->source, l);
  if (grid->target) put_line(writer, "s", MARGIN + 52, grid->target, l);
}

/* ---- recordings and series ---- */

/* A colour of its own for each of a few lines, one after another round the circle. */
static int hue_of(size_t line) { return (int)(line * 137 % 360); }

static float share_of(float weight, float largest) {
  return isfinite(weight) && largest > 0 ? fminf(fmaxf(weight / largest, 0), 1) : 0;
}

/* A row [keys] as a line over the spectrogram, with its label where it is highest. */
static void put_line_over(att_writer *writer, const att_grid *grid, const layout *l, const float *row, float largest,
                          const char *label, int hue) {
  int bottom = l->top - 32;
  size_t highest = 0;
  att_write_format(writer, "<polyline fill=\"none\" stroke=\"hsl(%d,90%%,60%%)\" stroke-width=\"2\" points=\"", hue);
  for (size_t k = 0; k < grid->keys; k++) {
    if (row[k] > row[highest]) highest = k;
    att_write_format(writer, "%d,%d ", l->left + (int)k * l->cell + l->cell / 2,
                     bottom - (int)(share_of(row[k], largest) * (SIGNAL - 24)));
  }
  att_write(writer, "\"/>\n");
  att_write_format(writer, "<text class=\"n\" style=\"fill:hsl(%d,90%%,75%%)\" x=\"%d\" y=\"%d\">", hue,
                   l->left + (int)highest * l->cell + l->cell / 2,
                   bottom - (int)(share_of(row[highest], largest) * (SIGNAL - 24)) - 4);
  put_text(writer, label, LONGEST_LABEL);
  att_write(writer, "</text>\n");
}

/* Dark where it is quiet, with what listens to it as lines. */
static void put_spectrogram(att_writer *writer, const att_grid *grid, const layout *l) {
  const att_signal *signal = grid->signal;
  int width = (int)grid->keys * l->cell, top = l->top - 32 - SIGNAL;
  for (size_t b = 0; b < signal->lines; b++) {
    int low = (int)(b * SIGNAL / signal->lines), high = (int)((b + 1) * SIGNAL / signal->lines);
    for (size_t c = 0; c < signal->columns; c++) {
      int x = (int)(c * (size_t)width / signal->columns), next = (int)((c + 1) * (size_t)width / signal->columns);
      int grey = 16 + (int)(fminf(fmaxf(signal->levels[b * signal->columns + c], 0), 1) * 150);
      att_write_format(writer, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%02x%02x%02x\"/>\n",
                       l->left + x, top + SIGNAL - high, next - x, high - low, grey, grey, grey + 24);
    }
  }
  for (size_t q = 0; q < grid->queries && !grid->mean; q++)
    put_line_over(writer, grid, l, grid->weights + q * grid->keys, grid->largest, grid->query_labels[q], hue_of(q));
}

/* Bars as high as what all rows together look at, over the line below. */
static void put_bars(att_writer *writer, const att_grid *grid, const layout *l, float largest) {
  int bottom = l->top - 32;
  for (size_t k = 0; k < grid->keys && grid->mean; k++) {
    int height = (int)lroundf(share_of(grid->mean[k], largest) * (SIGNAL - 8));
    att_write_format(writer, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#b9d3ee\"/>\n",
                     l->left + (int)k * l->cell, bottom - height, l->cell - 1, height);
  }
  att_write_format(writer, "<path d=\"M%d %dh%d\" stroke=\"#5b6b7a\"/>\n", l->left, bottom, (int)grid->keys * l->cell);
}

/* A bar for each note, and the names of the Cs beside them. */
static void put_roll(att_writer *writer, const att_grid *grid, const layout *l) {
  const att_signal *signal = grid->signal;
  size_t width = grid->keys * (size_t)l->cell, lines = signal->lines;
  int top = l->top - 32 - SIGNAL;
  for (size_t i = 0; i < lines; i++) {
    int low = (int)(i * SIGNAL / lines), high = (int)((i + 1) * SIGNAL / lines), key = signal->lowest + (int)i;
    const float *row = signal->levels + i * signal->columns;
    for (size_t c = 0, end; c < signal->columns; c = end) {
      for (end = c + 1; end < signal->columns && row[end] == row[c]; end++) {
      }
      int x = (int)(c * width / signal->columns), next = (int)(end * width / signal->columns);
      if (row[c] > 0)
        att_write_format(writer, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#1c4f8c\"/>\n", l->left + x,
                         top + SIGNAL - high, next - x, high - low > 2 ? high - low - 1 : high - low);
    }
    if (key % 12 == 0)
      att_write_format(writer, "<text class=\"s q\" x=\"%d\" y=\"%d\">C%d</text>\n", l->left - 10,
                       top + SIGNAL - (low + high) / 2 + 4, key / 12 - 1);
  }
}

/* Each channel's curve. */
static void put_curves(att_writer *writer, const att_grid *grid, const layout *l) {
  const att_signal *signal = grid->signal;
  int width = (int)grid->keys * l->cell, bottom = l->top - 32;
  for (size_t i = 0; i < signal->lines; i++) {
    att_write_format(writer, "<polyline fill=\"none\" stroke=\"hsl(%d,65%%,42%%)\" stroke-width=\"2\" points=\"",
                     (hue_of(i) + 20) % 360);
    for (size_t c = 0; c < signal->columns; c++)
      att_write_format(writer, "%d,%d ", l->left + (int)((2 * c + 1) * (size_t)width / (2 * signal->columns)),
                       bottom - 4 - (int)lroundf(signal->levels[i * signal->columns + c] * (SIGNAL - 8)));
    att_write(writer, "\"/>\n");
  }
}

/* What the keys stand for, with what looks at it, and times below. */
static void put_signal(att_writer *writer, const att_grid *grid, const layout *l) {
  const att_signal *signal = grid->signal;
  float largest = 0;
  for (size_t k = 0; k < grid->keys && grid->mean; k++) largest = fmaxf(largest, grid->mean[k]);
  bool sound = signal->kind == ATT_SIGNAL_SOUND;
  if (!sound) put_bars(writer, grid, l, largest);
  (sound ? put_spectrogram : signal->kind == ATT_SIGNAL_ROLL ? put_roll : put_curves)(writer, grid, l);
  if (grid->mean && sound) put_line_over(writer, grid, l, grid->mean, largest, "mean", hue_of(1));
  double each = signal->length / (double)grid->keys;
  size_t apart = l->cell * 5 < 60 ? (size_t)(60 / l->cell + 1) : 5;
  for (size_t k = 0; k < grid->keys; k += apart) {
    char text[32];
    att_format(text, sizeof text, sound ? "%.1f s" : "%.0f", signal->first + (double)k * each);
    att_write_format(writer, "<text class=\"s\" x=\"%d\" y=\"%d\">%s</text>\n", l->left + (int)k * l->cell, l->top - 10,
                     text);
  }
}

static void put_labels(att_writer *writer, const att_grid *grid, const layout *l) {
  for (size_t k = 0; k < grid->keys && !grid->signal; k++) {
    int x = l->left + (int)k * l->cell + l->cell / 2 + 3, y = l->top - 8;
    att_write_format(writer, "<text x=\"%d\" y=\"%d\" transform=\"rotate(-45 %d %d)\">", x, y, x, y);
    put_text(writer, grid->key_labels[k], LONGEST_LABEL);
    att_write(writer, "</text>\n");
  }
  for (size_t q = 0; q < grid->queries; q++) {
    int y = l->top + (int)q * l->cell + l->cell / 2 + 5;
    att_write_format(writer, "<text class=\"q\" x=\"%d\" y=\"%d\">", l->left - 10, y);
    put_text(writer, grid->query_labels[q], LONGEST_LABEL);
    att_write(writer, "</text>\n");
  }
}

static void put_tooltip(att_writer *writer, const att_grid *grid, size_t q, size_t k, float weight) {
  att_write(writer, "<title>");
  put_text(writer, grid->query_labels[q], LONGEST_LABEL);
  att_write(writer, " \u2190 ");
  put_text(writer, grid->key_labels[k], LONGEST_LABEL);
  att_write(writer, " ");
  if (isfinite(weight))
    att_write_number(writer, weight * grid->unit, 3);
  else
    att_write(writer, "not a number");
  att_write(writer, "</title>");
}

static void put_cell(att_writer *writer, const att_grid *grid, const layout *l, size_t q, size_t k) {
  float weight = grid->weights[q * grid->keys + k];
  if (weight == 0) return; /* what the mask hides stays white */
  float share = grid->largest > 0 ? weight / grid->largest : 0;
  int x = l->left + (int)k * l->cell, y = l->top + (int)q * l->cell;
  att_write_format(writer, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" ", x, y, l->cell - 1, l->cell - 1);
  if (isfinite(weight))
    put_fill(writer, share);
  else
    att_write(writer, "fill=\"#e8a0a0\"");
  if (!l->detailed) {
    att_write(writer, "/>\n");
    return;
  }
  att_write(writer, ">");
  put_tooltip(writer, grid, q, k, weight);
  att_write(writer, "</rect>\n");
  int percent = isfinite(weight) ? (int)lround(100 * fmin((double)weight, 9.99)) : 0;
  if (l->cell < 30 || percent < 5) return;
  att_write_format(writer, "<text class=\"n%s\" x=\"%d\" y=\"%d\">%d</text>\n", share > 0.5f ? " l" : "",
                   x + l->cell / 2, y + l->cell / 2 + 4, percent);
}

static void put_legend(att_writer *writer, const att_grid *grid, const layout *l) {
  enum { STEPS = 24, STEP = 6 };
  int y = l->height - FOOT + 26, x = l->left;
  att_write_format(writer, "<text class=\"s q\" x=\"%d\" y=\"%d\">0%%</text>\n", x - 10, y + 11);
  for (int i = 0; i < STEPS; i++) {
    att_write_format(writer, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"14\" ", x + i * STEP, y, STEP);
    put_fill(writer, (float)i / (STEPS - 1));
    att_write(writer, "/>\n");
  }
  int percent = (int)lround(100 * fmin((double)grid->largest, 9.99));
  att_write_format(writer, "<text class=\"s\" x=\"%d\" y=\"%d\">%d%% of ", x + STEPS * STEP + 8, y + 11, percent);
  att_write(writer, grid->gradient ? "the largest norm, " : "a row\u2019s attention");
  if (grid->gradient) att_write_number(writer, grid->unit, 3);
  att_write(writer, "</text>\n");
}

void att_view_signal(att_writer *writer, const att_grid *grid) {
  layout l = lay_out(grid);
  while (l.cell > 8 && l.left + (int)grid->keys * l.cell > 1000) l.cell--;
  l.width = l.left + (int)grid->keys * l.cell + MARGIN;
  if (l.width < LEAST_WIDTH) l.width = LEAST_WIDTH;
  l.height = l.top;
  put_head(writer, grid, &l);
  put_signal(writer, grid, &l);
  att_write(writer, "</svg>\n");
}

void att_view_svg(att_writer *writer, const att_grid *grid) {
  layout l = lay_out(grid);
  put_head(writer, grid, &l);
  if (grid->signal) put_signal(writer, grid, &l);
  put_labels(writer, grid, &l);
  for (size_t q = 0; q < grid->queries; q++)
    for (size_t k = 0; k < grid->keys; k++) put_cell(writer, grid, &l, q, k);
  put_legend(writer, grid, &l);
  att_write(writer, "</svg>\n");
}
