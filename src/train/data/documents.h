/*
 * Owns documents and their summaries as files have them: lines of JSON, a JSON list of objects, tables
 * (formats/table.h). Refuses, with the line's number, an object without a text, or without a summary where one is asked
 * for.
 */
#ifndef ATT_TRAIN_DATA_DOCUMENTS_H
#define ATT_TRAIN_DATA_DOCUMENTS_H

#include "train/data/pairs.h"

/* lines: the text as source, its summary as target. What a key or column may be called is in documents.c; a table
 * without such names has the text first and its summary last. A list of sentences is a text with a line each; of a list
 * of summaries the first is taken. Where a file ends in "]", it may be a JSON list. */
att_status att_documents_read(att_context *ctx, const char *path, att_lines *lines);

#endif
