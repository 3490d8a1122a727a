/* Owns the languages of a multilingual model: tokens of its vocabulary that name one. (languages.c) */
#ifndef ATT_MODELS_LANGUAGES_H
#define ATT_MODELS_LANGUAGES_H

#include "models/model.h"

/* A special token that is none of those that every vocabulary has. */
bool att_is_language(const att_model *model, int32_t id);
/* The token of a language by its name in the vocabulary ("deu_Latn", "de_DE", "__de__"), or by what stands in it before
 * an underscore or between two ("deu", "de"), where that is of one language alone. ATT_ARGUMENT lists some that there
 * are. */
att_status att_language_find(const att_model *model, const char *name, int32_t *id);

#endif
