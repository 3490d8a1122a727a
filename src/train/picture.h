/*
 * Owns the picture of a run: loss.svg out of the text of train.jsonl.
 */
#ifndef ATT_TRAIN_PICTURE_H
#define ATT_TRAIN_PICTURE_H

#include "base/context.h"

/* One line of train.jsonl, as far as the picture and resuming need it. */
typedef struct att_point {
  int64_t step;
  bool validation;
  double loss; /* of training, or valid_loss */
  double bleu; /* negative: none */
} att_point;

/* ATT_FORMAT where the line is none of ours. */
att_status att_point_read(att_context *ctx, const char *line, size_t size, att_point *point);

/* text: the record's lines; lines that are none are skipped. Appends the SVG. */
att_status att_picture_draw(att_context *ctx, const char *text, att_buffer *svg);

#endif
