/*
 * Owns what a run leaves for people and programs: train.jsonl, a line a record, and loss.svg, drawn from it.
 * Each line is one write, so that a killed run leaves whole lines (or one last piece of a line, which resuming cuts
 * off).
 */
#ifndef ATT_TRAIN_RECORD_H
#define ATT_TRAIN_RECORD_H

#include "base/context.h"

typedef struct att_record {
  att_context *ctx;
  char *path, *picture; /* train.jsonl, loss.svg */
  int fd;               /* -1: closed */
  att_buffer line;      /* kept, so that a record allocates nothing once it is large enough */
} att_record;

/* Empties DIR/train.jsonl, or makes it. */
att_status att_record_begin(att_context *ctx, const char *folder, att_record *record);
/* Goes on with it: what stands beyond the checkpoint is cut off: training steps above `step`, validations above
 * `validated`. */
att_status att_record_resume(att_context *ctx, const char *folder, int64_t step, int64_t validated, att_record *record);
void att_record_close(att_record *record); /* zeroed is fine */

att_status att_record_step(att_record *record, int64_t step, double seconds, int64_t tokens, double loss, double lr,
                           double tokens_per_second);
/* perplexity: left out where it is 0. quality: its name, written in lower case, or NULL. */
att_status att_record_valid(att_record *record, int64_t step, double seconds, double loss, double perplexity,
                            const char *quality, double value);
/* So that a checkpoint never knows more than the record. */
att_status att_record_sync(att_record *record);
/* Draws loss.svg anew from the record; quality: as above. */
att_status att_record_draw(att_record *record, const char *quality);

#endif
