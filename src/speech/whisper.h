/*
 * Owns what steers Whisper: its special tokens, the languages that it tells apart, the heads that show where a word was
 * heard. Found in the tokenizer, and in generation_config.json where only that says it. Refuses models without them.
 */
#ifndef ATT_SPEECH_WHISPER_H
#define ATT_SPEECH_WHISPER_H

#include "models/model.h"

#define ATT_MOST_LANGUAGES       256
#define ATT_MOST_ALIGNMENT_HEADS 1024

typedef struct att_whisper {
  int32_t start, end, previous, no_timestamps; /* <|startoftranscript|> and so on */
  int32_t transcribe, translate, no_speech;    /* -1: the model has none */
  int32_t first_timestamp, timestamps;         /* <|0.00|>, and how many there are */
  int32_t last_initial;                        /* the latest that may come first, from 0; -1: any */
  double precision;                            /* seconds between two of them */
  bool multilingual;                           /* the prompt names language and task */
  int32_t languages[ATT_MOST_LANGUAGES];       /* [language_count] their tokens */
  int language_count;
  struct {
    int16_t layer, head;
  } heads[ATT_MOST_ALIGNMENT_HEADS]; /* [head_count] of cross-attention */
  int head_count;
} att_whisper;

/* ATT_UNSUPPORTED: no Whisper, or no tokenizer; ATT_FORMAT: a token is missing, or generation_config.json is wrong. */
att_status att_whisper_find(const att_model *model, att_whisper *out);
/* The token of "en", or of "<|en|>"; -1: it is none of the model's languages. */
int32_t att_whisper_language(const att_whisper *whisper, const att_model *model, const char *code);
/* The code of a language's token, into code. */
void att_whisper_code(const att_model *model, int32_t language, char code[16]);

#endif
