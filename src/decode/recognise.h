/*
 * Owns what a recogniser (a model with a head of CTC) writes of one sound's features: by CTC alone, or with the decoder
 * beside it. Refuses to know of files and samples.
 */
#ifndef ATT_DECODE_RECOGNISE_H
#define ATT_DECODE_RECOGNISE_H

#include "decode/ctc.h"
#include "models/head.h"

/* Of features rows[frames, input_width]. CTC alone: the likeliest token of each row, or with a beam above 1 the best
 * text of its. With a decoder: the texts of CTC's beam and those of the decoder's, the best by both log-probabilities
 * and their parts of the loss (Watanabe et al. 2017, section IV-B). Where CTC has no part in the loss, the decoder
 * alone writes. *text: on the run's arena. */
att_status att_recognise(att_run *run, att_model *model, const float *rows, int64_t frames, int64_t beam,
                         att_ctc_text *text);
/* The same of a model with a decoder, from what its encoder made of one sound, and CTC of that. */
att_status att_recognise_heard(att_run *run, att_model *model, const att_memory *memory, const att_tensor *logits,
                               int64_t beam, att_ctc_text *text);
/* The logits of CTC over what the encoder makes of some sounds. */
att_status att_ctc_encode(att_run *run, att_model *model, const att_input *input, att_memory *memory,
                          att_tensor *logits);
/* The likeliest texts that the decoder alone writes of one sound, best first: texts[beam], *count of them. */
att_status att_write_heard(att_run *run, att_model *model, const att_memory *memory, int64_t beam, att_ctc_text *texts,
                           int64_t *count);

#endif
