/*
 * Owns what the measures of translations read of a line: its code points, split into words as sacreBLEU splits them
 * (Post 2018). Refuses to count anything.
 */
#ifndef ATT_METRICS_LINE_TOKENIZERS_H
#define ATT_METRICS_LINE_TOKENIZERS_H

#include "base/context.h"

/* A line as code points. Zero-initialised is empty; only grows; free data with att_free. */
typedef struct att_runes {
  int32_t *data;
  size_t count, capacity;
} att_runes;

/* Room for count code points. More than 2^29 are refused (ATT_ARGUMENT): counts are int32_t. */
att_status att_runes_reserve(att_context *ctx, att_runes *runes, size_t count);
/* UTF-8 to code points, U+FFFD for each byte that is none; lowercase as Python's str.lower(), final sigma included. */
att_status att_runes_read(att_context *ctx, att_text text, bool lowercase, att_runes *out);
/* What Python's str.split() splits at. */
bool att_rune_is_space(int32_t rune);

/* Both rewrite line so that its words are what stands between spaces. scratch: any runes.
 * att_bleu_tokenize: 13a, none, char, intl or zh. att_ter_tokenize: Tercom's, with the ter_ options. */
att_status att_bleu_tokenize(att_context *ctx, att_bleu_tokenizer tokenizer, att_runes *line, att_runes *scratch);
att_status att_ter_tokenize(att_context *ctx, const att_bleu_options *options, att_runes *line, att_runes *scratch);

#endif
