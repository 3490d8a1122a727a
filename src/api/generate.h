/*
 * Owns what asks a decoder to go on: the options, what is impossible in them, the prompt's tokens, and the search that
 * they make.
 */
#ifndef ATT_API_GENERATE_H
#define ATT_API_GENERATE_H

#include "decode/hypotheses.h"

#define ATT_MOST_SAMPLES 64

/* What is impossible in the options, in words, or NULL. */
const char *att_generate_options_wrong(const att_generate_options *options);
/* The tokens that a prompt begins with, one or more; replaces what `prompt` held. special: as
 * att_text_ids has it. */
att_status att_prompt_ids(att_model *model, att_text text, bool special, att_ids *prompt);
/* The search that options, in which nothing of that is impossible, ask for after so many tokens. settings: the plan's.
 * ATT_ARGUMENT where they leave no position free, or an option is out of its range. */
att_status att_generate_plan(att_model *model, const att_generate_options *options, size_t prompt_tokens,
                             att_generation *settings, att_search_plan *plan);

#endif
