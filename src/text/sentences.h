/* Owns the sentences of a text: where each begins and ends. Refuses to know tokens. (sentences.c) */
#ifndef ATT_TEXT_SENTENCES_H
#define ATT_TEXT_SENTENCES_H

#include "base/context.h"

/* The next sentence at or behind *at, without the white space around it; *at moves behind it. False: there is none. A
 * sentence ends at a line end, and at a full stop, question or exclamation mark (of any script) with what closes behind
 * it, where white space and no small letter follow (none of this behind those of Chinese and Japanese). An English
 * abbreviation or an initial ends none. */
bool att_sentence_next(att_text text, size_t *at, att_text *sentence);

#endif
