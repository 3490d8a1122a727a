/*
 * Owns the two-way table of ids and spellings. Sizes are fixed when it is made; ids may have holes. Refuses to add
 * spellings with NUL in them (its callers never do).
 */
#ifndef ATT_TEXT_VOCABULARY_H
#define ATT_TEXT_VOCABULARY_H

#include "base/context.h"

#define ATT_MOST_IDS 10000000

typedef struct att_vocabulary {
  att_buffer spellings; /* each ends in NUL */
  uint32_t *starts;     /* [size]: of an id's spelling, or UINT32_MAX */
  int32_t size;         /* largest id + 1 */
  int32_t *slots;       /* hash table of ids, -1 empty */
  size_t mask;          /* slots - 1 */
  bool *outside;        /* [size]: an added token that the model knows nothing of */
  size_t count;         /* ids with a spelling */
  size_t longest;       /* bytes of the longest spelling */
} att_vocabulary;

/* For ids [0, size), at most `count` of them used. */
att_status att_vocabulary_make(att_context *ctx, att_vocabulary *vocabulary, int32_t size, size_t count);
void att_vocabulary_free(att_context *ctx, att_vocabulary *vocabulary);
/* The id must be free and the spelling new; an id not in range or taken, or a spelling there already: ATT_FORMAT,
 * `name` in the message. */
att_status att_vocabulary_add(att_context *ctx, att_vocabulary *vocabulary, const char *name, int32_t id,
                              const char *spelling, size_t size);
int32_t att_vocabulary_find(const att_vocabulary *vocabulary, const char *spelling, size_t size); /* or -1 */
/* The same, of the model's own tokens. */
int32_t att_vocabulary_find_inside(const att_vocabulary *vocabulary, const char *spelling, size_t size);
/* The ids of <0x00> .. <0xFF>, or -1. */
void att_vocabulary_find_bytes(const att_vocabulary *vocabulary, int32_t ids[256]);

/* The model's tokens, spelled with the prefix before them, that start the text (valid UTF-8). */
typedef struct att_vocabulary_walk {
  att_text prefix, text;
  size_t size; /* how much of the text the one that was found takes; 0 at the beginning */
  uint64_t hash;
} att_vocabulary_walk;

/* The next longer one, or -1. Time of them all is in proportion to the longest token. */
int32_t att_vocabulary_longer(const att_vocabulary *vocabulary, att_vocabulary_walk *walk);
/* The longest of them all, or -1; *size: how much of the text it takes, 1 byte at least. */
int32_t att_vocabulary_longest(const att_vocabulary *vocabulary, const char *prefix, att_text text, size_t *size);
const char *att_vocabulary_spelling(const att_vocabulary *vocabulary, int32_t id); /* or NULL */

#endif
