/*
 * Owns the tables of what requests may say: names, kinds and ranges, read into a struct of the route's own and told by
 * /openapi.json. Refuses to know what a value means.
 */
#ifndef ATT_SERVER_PARAMS_H
#define ATT_SERVER_PARAMS_H

#include <attend/attend.h>
#include <jansson.h>

typedef enum att_param_kind {
  ATT_PARAM_FLAG,   /* bool */
  ATT_PARAM_INT,    /* int */
  ATT_PARAM_SEED,   /* uint64_t, from a whole number of any sign */
  ATT_PARAM_NUMBER, /* double */
  ATT_PARAM_TEXT,   /* att_text, into the request */
  ATT_PARAM_JSON,   /* json_t *, the request's: of several kinds; of a form a list of what came by that name */
  ATT_PARAM_FILE,   /* of a form: the task's `file` */
  ATT_PARAM_NONE    /* is taken and changes no result */
} att_param_kind;

typedef struct att_param {
  const char *name; /* NULL ends a table */
  att_param_kind kind;
  double low, high; /* of INT and NUMBER, both included */
  size_t offset;    /* into the route's struct */
  const char *help;
  bool required;
} att_param;

/* What is wrong with a request. */
typedef struct att_wrong {
  const char *param; /* valid as long as the table and the request are; or NULL */
  char text[240];
} att_wrong;

/* Reads the members of an object that are there and not null; the others stay as they are. False: *wrong says why. */
bool att_params_read(const att_param *table, json_t *object, void *into, att_wrong *wrong);
/* Says it, and returns false. */
__attribute__((format(printf, 3, 4))) bool att_wrong_say(att_wrong *wrong, const char *param, const char *format, ...);
/* The table as a JSON schema. NULL: no memory. */
json_t *att_params_schema(const att_param *table);

/* A text of JSON; what is not UTF-8 becomes '?'. NULL: no memory. */
json_t *att_text_json(const char *data, size_t size);
/* A number; null where there is none. */
json_t *att_number_json(double number);

#endif
