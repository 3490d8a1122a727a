/*
 * Owns the picture of a run: loss.svg out of the text of train.jsonl.
 */
#ifndef ATT_TRAIN_LOSS_CURVE_H
#define ATT_TRAIN_LOSS_CURVE_H

#include "base/context.h"

/* One line of train.jsonl, as far as the picture and resuming need it. */
typedef struct att_point {
  int64_t step;
  bool validation;
  double loss;    /* of training, or valid_loss */
  double quality; /* negative: none */
} att_point;

#define ATT_MOST_KEY 32
/* The key of a quality in train.jsonl: its name in lower case. Returns key. */
const char *att_quality_key(const char *quality, char key[ATT_MOST_KEY]);

/* ATT_FORMAT where the line is none of ours. key: of the quality, or NULL. */
att_status att_point_read(att_context *ctx, const char *line, size_t size, const char *key, att_point *point);

/* text: the record's lines; lines that are none are skipped. quality: the name of what is measured beside the
 * loss, or NULL. Appends the SVG. */
att_status att_picture_draw(att_context *ctx, const char *text, const char *quality, att_buffer *svg);

#endif
