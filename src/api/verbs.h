/* Owns the name under which the library's rooms find att_check_verb, which stands in attend.h. */
#ifndef ATT_API_VERBS_H
#define ATT_API_VERBS_H

#include "models/model.h"

#endif
