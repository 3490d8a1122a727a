/*
 * Owns what is heard in one window: the prompt that steers the decoder, the search with its fallbacks, the language,
 * and the segments that the timestamps divide the tokens into. Refuses to know of files: a window is the encoder's
 * memory.
 */
#ifndef ATT_SPEECH_WINDOW_H
#define ATT_SPEECH_WINDOW_H

#include "decode/session.h"
#include "speech/whisper.h"

/* How windows are listened to. */
typedef struct att_listening {
  int32_t language;         /* token; -1: none is named, of English models */
  bool translate;           /* into English */
  bool timestamps;          /* else <|notimestamps|> stands in the prompt */
  int beam, best_of;        /* hypotheses where nothing is drawn; samples where something is */
  double temperature, step; /* the first one, and how much is added while the result is doubtful, up to 1 */
  double most_compression;  /* bytes of text by those that zlib makes of it: above it, repetition */
  double least_logprob;     /* mean over the tokens: below it, doubtful */
  double most_no_speech;    /* above it, and with a logprob below the least one: silence */
  const int32_t *before;    /* [before_count] text that comes before, behind <|startofprev|> */
  int64_t before_count;     /* the last ones, no more than half of the positions, are read */
  uint64_t seed;            /* of what is drawn */
} att_listening;

typedef struct att_heard {
  const int32_t *tokens; /* [count] without prompt and end; on the arena */
  int64_t count;
  double logprob;     /* mean */
  double no_speech;   /* probability */
  double compression; /* as above */
  double temperature; /* of the last try */
  bool silent;        /* nothing is said: the tokens are none */
} att_heard;

/* The likeliest language of a window. probability may be NULL. */
att_status att_window_language(att_session *session, att_arena *arena, const att_whisper *whisper,
                               const att_memory *memory, int32_t *language, double *probability);
att_status att_window_hear(att_session *session, att_arena *arena, const att_whisper *whisper, const att_memory *memory,
                           const att_listening *how, att_heard *heard);
/* The tokens that begin every window's prompt, behind those that come before: out[4] at most. Returns how many. */
int att_window_prompt(const att_whisper *whisper, const att_listening *how, int32_t out[4]);

/* A run of tokens with its times, in seconds from the window's beginning. */
typedef struct att_span {
  int64_t first, end; /* tokens, timestamps in */
  double from, to;
} att_span;
/* spans[count + 1]; returns how many. seconds: how long the window is. *used: how much of it they cover; what is behind
 * begins the next window (openai/whisper, transcribe.py). */
int64_t att_window_spans(const att_whisper *whisper, const int32_t *tokens, int64_t count, double seconds,
                         att_span *spans, double *used);

/* Appends the text of tokens, without timestamps and special tokens. */
att_status att_window_text(const att_model *model, const att_whisper *whisper, const int32_t *tokens, int64_t count,
                           att_buffer *text);

#endif
