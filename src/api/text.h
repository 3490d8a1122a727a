/*
 * Owns what the calls that take lines of text share: a line becomes the ids that a model gets, or an error that names
 * the line.
 */
#ifndef ATT_API_TEXT_H
#define ATT_API_TEXT_H

#include "models/pass.h"
#include "train/data/examples.h"

/* Tokens of a text that the model reads: as many as it has positions, or the fewer of tokenizer_config.json, which are
 * all that t5 says. */
int64_t att_source_limit(const att_model *model);

/* The ids of a line with the special tokens of the model's tokenizer; replaces what `ids` held. *truncated: there were
 * more than the model has positions; the first ones stay, and the end token. end_token: added where the tokenizer has
 * not. number, from 0, and what ("line", "target"...) are for warnings: of a cut, and of invalid UTF-8. */
att_status att_line_ids(att_model *model, att_text line, size_t number, const char *what, bool end_token, att_ids *ids,
                        bool *truncated);

/* The same of a line by another tokenizer of the model's vocabulary, and to fewer tokens than there are positions.
 * whole: one that is longer is refused. */
att_status att_line_ids_within(att_model *model, const att_tokenizer *tokenizer, int64_t most, bool whole,
                               att_text line, const char *what, size_t number, att_ids *ids, bool *truncated);

/* The ids that a decoder gets for a text to go on from or to score, however long; replaces what `ids` held. special:
 * with the tokenizer's special tokens, but no end token at the end that the text itself does not have; else only those
 * that the text spells. what: for the warning of invalid UTF-8. */
att_status att_text_ids(att_model *model, att_text text, bool special, const char *what, att_ids *ids);

/* Appends a line, or where other is not NULL a pair of texts, to what a head of labels reads. Warns as above, and with
 * *truncated of a text too long for `most` tokens (0: the model's positions). known: the line has been warned of. */
att_status att_line_example(const att_model *model, att_text line, const att_text *other, int64_t most, size_t number,
                            bool known, att_examples *examples, bool *truncated);

/* Warns of the characters of a text that the tokenizer has no token for; ids: of the text. what: "line", "the prompt";
 * number, from 0, or -1: there is one alone. */
att_status att_warn_unknown(const att_model *model, att_text text, const char *what, int64_t number, const int32_t *ids,
                            size_t count);
/* The same, of a text that has not been read alone. */
att_status att_warn_unknown_of(const att_model *model, att_text text, const char *what, size_t number);

#endif
