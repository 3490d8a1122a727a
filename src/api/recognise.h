/*
 * Owns writing what is said in a recording with a recogniser that attend has trained (a head of CTC, with a decoder
 * beside it or none). Longer recordings than the model has positions for are read window by window, parted where it is
 * quietest, so that memory is bounded. Refuses models of text, and Whisper's: transcribing with those is another way.
 */
#ifndef ATT_API_RECOGNISE_H
#define ATT_API_RECOGNISE_H

#include "audio/audio.h"
#include "models/model.h"

/* Whether the model is such a recogniser. */
bool att_is_recogniser(const att_model *model);

/* What is said from one time to another, in seconds. */
typedef struct att_recognised {
  att_text text; /* valid until the callback returns; may be empty */
  double begin, end;
  double length; /* of the recording; negative: not known */
} att_recognised;
typedef att_status att_recognised_fn(void *user, const att_recognised *part);

/* A recording as it is being heard. */
typedef struct att_recogniser att_recogniser;
/* audio: at the model's rate; it becomes the recogniser's, also where this fails. beam 1: greedy; else prefix beam
 * search, with the decoder's judgement where there is one; 0: of 8. */
att_status att_recogniser_new(att_model *model, att_audio *audio, int beam, att_recogniser **recogniser);
/* Hears a window. *more: there is another. A failure of `give` stops it and is returned. */
att_status att_recogniser_step(att_recogniser *recogniser, att_recognised_fn *give, void *user, bool *more);
void att_recogniser_free(att_recogniser *recogniser); /* NULL is fine */

/* All of a file. path "-": standard input. */
att_status att_recognise_file(att_model *model, const char *path, int beam, att_recognised_fn *give, void *user);

#endif
