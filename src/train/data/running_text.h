/*
 * Owns running text: files read as they stand, line ends kept, cut at places where no tokenizer would join what is
 * before and behind. Refuses files without text.
 */
#ifndef ATT_TRAIN_DATA_RUNNING_TEXT_H
#define ATT_TRAIN_DATA_RUNNING_TEXT_H

#include "text/tokenizer.h"

/* Zero-initialised is empty. */
typedef struct att_running {
  char **texts; /* [text_count]: a file each, in their order; att_release */
  size_t text_count;
  att_text *pieces; /* [count]: of some ten thousand bytes each, in the texts' order */
  bool *opens;      /* [count]: the piece begins a file */
  size_t count;
  uint64_t bytes;
} att_running;

/* names: [count], plain or .gz. */
att_status att_running_read(att_context *ctx, const char *const *names, size_t count, att_running *running);
void att_running_free(att_context *ctx, att_running *running);
/* Moves the last `share` of the bytes into held: cut at a character, within a piece where need be. The text itself
 * stays in memory of `running`, which is to be freed last. */
att_status att_running_hold_out(att_context *ctx, att_running *running, double share, att_running *held);
/* A number that other text would not have. */
uint64_t att_running_fingerprint(const att_running *running);
/* Code points; a byte that is no UTF-8 counts as one. */
uint64_t att_running_characters(const att_running *running);
/* Appends the ids of all pieces, `special` (where it is not negative) before each that begins a file. Says in the
 * log what is not clean UTF-8; name: of the text, for that. */
att_status att_running_encode(att_context *ctx, const att_running *running, const att_tokenizer *tokenizer,
                              const char *name, int32_t special, int (*work)(void *user, double done), void *user,
                              att_ids *ids);

#endif
