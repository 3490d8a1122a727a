/* Owns the head that is none: hidden states are all that such a model gives. */
#include "models/head.h"

static const char *const endings[] = {"Model", NULL};

const att_head_calls att_no_head = {
    .name = "none",
    .endings = endings,
    .common = true,
    .kinds = {[ATT_DECODER] = {"a decoder without a head", 0}, [ATT_ENCODER] = {"an encoder without a head", 0}},
    .bare = true,
};
