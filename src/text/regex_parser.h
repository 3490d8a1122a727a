/*
 * Owns what a pattern is once it is read: for regex.c and regex_parser.c alone.
 */
#ifndef ATT_TEXT_REGEX_PARSER_H
#define ATT_TEXT_REGEX_PARSER_H

#include "text/regex.h"

typedef struct att_char_range {
  int32_t first, last;
} att_char_range;

#define ATT_SET_SPACE    1u
#define ATT_SET_NO_SPACE 2u
#define ATT_SET_WORD     4u
#define ATT_SET_NO_WORD  8u

typedef struct att_char_set {
  uint64_t ascii[2];   /* those below U+0080, the negation done */
  uint32_t categories; /* of the others: bits */
  uint32_t kinds;      /* ATT_SET_...: the same */
  int32_t first_range, range_count;
  int32_t with; /* set `with` - 1 has the others too (&&); 0: that is all */
  bool negated; /* of the others, as this set alone has them */
} att_char_set;

typedef enum att_regex_item_kind {
  ATT_ITEM_SET,        /* least to most characters of the set */
  ATT_ITEM_GROUP,      /* one of the alternatives; least 0: or nothing */
  ATT_ITEM_AHEAD,      /* what follows is one of the alternatives, or (negated) none */
  ATT_ITEM_BEHIND,     /* the character before is of the set, or is not */
  ATT_ITEM_TEXT_START, /* \A */
  ATT_ITEM_TEXT_END,   /* \z */
  ATT_ITEM_LINE_START, /* ^ */
  ATT_ITEM_LINE_END,   /* $ */
  ATT_ITEM_LAST_END,   /* \Z */
  ATT_ITEM_WORD_END,   /* \b: between a character of a word and none */
  ATT_ITEM_IN_WORD     /* \B: not there */
} att_regex_item_kind;

typedef struct att_regex_item {
  att_regex_item_kind kind;
  int32_t set, least, most; /* most INT32_MAX: any */
  int32_t first_alternative, alternative_count;
  bool possessive, negated;
} att_regex_item;

typedef struct att_regex_alternative {
  int32_t first_item, item_count;
  uint64_t ascii[2]; /* characters that it may begin with; */
  bool others;       /* ... from U+0080 on; */
  bool anything;     /* it may be empty */
  bool runs;         /* it begins with a run of any length */
} att_regex_alternative;

struct att_regex {
  att_char_set *sets;
  att_char_range *ranges;
  att_regex_item *items;
  att_regex_alternative *alternatives; /* those of a group lie side by side */
  int32_t set_count, range_count, item_count, alternative_count;
  int32_t set_capacity, range_capacity, item_capacity, alternative_capacity;
  int32_t first_root, root_count; /* the pattern's own */
};

bool att_char_set_has(const att_regex *regex, const att_char_set *set, int32_t code);

#endif
