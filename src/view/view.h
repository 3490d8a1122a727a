/*
 * Owns pictures of attention: terminal, SVG, HTML, JSON, from maps that are already there. Knows labels and weights, no
 * model.
 *
 * A label is a token as a person reads it. Byte-level spellings become text, and the space before a word is left out.
 * "·" leads a piece that goes on with the word before it ("läu", "·ft"); a piece that is nothing but spaces is "␣".
 * Where every token is a character no "·" is needed. Bytes of a character that was split over pieces are \xNN, controls
 * \n, \t or \xNN, invisible characters \u200B.
 */
#ifndef ATT_VIEW_VIEW_H
#define ATT_VIEW_VIEW_H

#include "text/tokenizer.h"

/* A line is: a band of a recording's spectrogram, the lowest first; a channel's curve; a key of a piano roll. */
typedef enum att_signal_kind { ATT_SIGNAL_SOUND, ATT_SIGNAL_CURVES, ATT_SIGNAL_ROLL } att_signal_kind;

/* What the keys stand for in time. Its columns stand above those of the keys. */
typedef struct att_signal {
  float *levels;         /* [lines, columns] 0 to 1; owned. NULL: the source is text */
  size_t lines, columns; /* columns: so many for each key */
  att_signal_kind kind;
  int lowest;           /* of a piano roll: the MIDI number of its first line, a semitone below the next */
  double first, length; /* where they begin, and how much they cover: seconds of a recording, rows of a series */
} att_signal;

/* Behind the public handle: three maps that own their memory. */
struct att_attention {
  att_context *ctx;
  att_attention_map maps[ATT_LOOK_PART_COUNT]; /* labels (each list one block) and weights are in memory of ctx */
  char *source, *target;                       /* the texts, for titles; target NULL: there is one text */
  bool gradient;                               /* the weights are norms of gradients, whose rows sum to anything */
  att_signal signal;    /* behind the keys; not of a decoder beside cross-attention: its tokens */
  float *aligned;       /* [queries, keys] of cross-attention: the mean over the heads that align, or NULL; owned */
  size_t aligned_heads; /* how many these are */
};

/* "encoder", "decoder", "cross": the parts in files. */
extern const char *const att_look_part_names[ATT_LOOK_PART_COUNT];

/* ---- labels ---- */

/* The labels of a sequence of tokens as the vocabulary spells them ("Ġdog", "▁dog", "##ing"; NULL: none); special:
 * special tokens, whose spelling stays. *labels: one block, att_free. */
att_status att_labels_make(att_context *ctx, att_token_spelling how, const char *const *spellings, const bool *special,
                           size_t count, const char *const **labels);
/* The next character of a text that ends in NUL, U+FFFD for a byte that is none; 0 at its end. */
int32_t att_label_next(const char **text);
/* Columns of a terminal that a text takes: 2 for wide characters, 0 for combining ones. */
int att_label_width(const char *text);

/* ---- what the pictures share ---- */

/* One layer and head of one part. */
typedef struct att_grid {
  att_look_part part;
  size_t queries, keys;
  const char *const *query_labels, *const *key_labels;
  float *weights; /* [queries, keys], or NULL; owned. Of gradients: divided by the largest norm */
  float largest;  /* of the weights that are numbers; 0 where there is none above */
  bool gradient;
  float unit;                  /* what a weight of 1 is: 1, or the largest norm */
  const char *source, *target; /* target: NULL where it is not part of the picture */
  const att_signal *signal;    /* behind the keys, or NULL */
  float *mean;                 /* [keys]: of all rows, where these are times too; or NULL; owned */
  char title[128];             /* "cross-attention, layer 3 of 3, mean of 4 heads" */
  const char *meaning;         /* of a row, in one line */
} att_grid;

/* Picks what options name; ATT_ARGUMENT where there is no such layer or head. */
att_status att_grid_make(const att_attention *attention, const att_look_options *options, att_grid *grid);
void att_grid_free(att_context *ctx, att_grid *grid);

/* Writes into a buffer; after a failure it does nothing, and status tells at the end. */
typedef struct att_writer {
  att_context *ctx;
  att_buffer *out;
  att_status status;
} att_writer;

void att_write(att_writer *writer, const char *text);
void att_write_bytes(att_writer *writer, const char *data, size_t size);
/* No numbers with a point: they would follow the host's locale. */
void att_write_format(att_writer *writer, const char *format, ...) ATT_PRINTF(2, 3);
/* With so many significant digits (9 read back exactly), always with a point. Not finite: null. */
void att_write_number(att_writer *writer, float value, int digits);

/* Lines of a page, each with its end. (html.c) */
void att_write_lines(att_writer *writer, const char *const *lines, size_t count);
/* JSON for a script element: no "<" that could end it. */
void att_write_page_data(att_writer *writer, const att_buffer *json);

/* ---- the pictures ---- */

void att_view_terminal(att_writer *writer, const att_grid *grid, const att_look_options *options);
void att_view_svg(att_writer *writer, const att_grid *grid);
/* Of a grid over a signal the upper part alone: the signal and what looks at it. */
void att_view_signal(att_writer *writer, const att_grid *grid);
/* digits: of each weight, as in att_write_number. */
void att_view_json(att_writer *writer, const att_attention *attention, int digits);
/* Opens on what options name. */
void att_view_html(att_writer *writer, const att_attention *attention, const att_look_options *options);

#endif
