/*
 * Owns when each word of a window was heard: where its tokens looked in the sound, made one path by dynamic time
 * warping (openai/whisper, timing.py).
 */
#ifndef ATT_SPEECH_WORDS_H
#define ATT_SPEECH_WORDS_H

#include "speech/window.h"

typedef struct att_word_time {
  int64_t first, end; /* of the window's text tokens */
  double from, to;    /* seconds from the window's beginning */
  double probability; /* mean of the tokens' */
} att_word_time;

/* words: of tokens[count], text alone; on the arena, in order. seconds: of the window that are sound. */
att_status att_window_words(att_model *model, att_arena *arena, const att_whisper *whisper, const att_memory *memory,
                            const att_listening *how, const int32_t *tokens, int64_t count, double seconds,
                            att_word_time **words, int64_t *word_count);

/* One pass of the decoder over what was heard, with where its tokens looked. */
typedef struct att_second_hearing {
  int32_t *ids;      /* [rows]: the prompt, the tokens, the end; on the arena, as the rest */
  int64_t rows;      /* */
  int64_t prompt;    /* of them; the last one predicts the first token */
  int64_t keys;      /* of the memory */
  float **maps;      /* [layers] of cross-attention, [heads, rows, keys]; NULL: not asked for */
  att_tensor hidden; /* [rows, ..] */
} att_second_hearing;
/* every: all layers; else those that have alignment heads. ATT_ARGUMENT: more tokens than there are positions. */
att_status att_hear_again(att_model *model, att_arena *arena, const att_whisper *whisper, const att_memory *memory,
                          const att_listening *how, const int32_t *tokens, int64_t count, bool every,
                          att_second_hearing *out);

/* path[rows]: where each row begins on the cheapest monotone path through cost[rows, cols], rows and cols above 0. */
att_status att_warp(att_context *ctx, const float *cost, int64_t rows, int64_t cols, int64_t *path);

#endif
