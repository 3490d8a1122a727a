/*
 * Owns what routes share whose models write: prompts or sources handed to a service as there is room, their samples
 * gathered or passed on as they come. Refuses to know what an answer looks like.
 */
#ifndef ATT_SERVER_WRITING_H
#define ATT_SERVER_WRITING_H

#include "hosted.h"
#include "task.h"

typedef struct att_writing att_writing;

/* One output of a prompt: of a beam one of the n best. */
typedef struct att_sample {
  att_out text, tokens, logprobs, alignment; /* int32_t, double, int32_t */
  att_out top;                               /* att_token_logprob: generate.top_logprobs for each token */
  size_t count;                              /* of tokens */
  bool aligned;
  att_finish finish;
  double score, logprob;
  bool begun; /* something was passed on of it */
} att_sample;

/* One prompt or source. */
typedef struct att_part {
  att_writing *writing;
  size_t number;
  att_text text;       /* in the request, or */
  char *prompt;        /* what a chat template made, or where `text` lies: att_release; or */
  int32_t *tokens;     /* [token_count] malloc's */
  size_t token_count;  /* of them */
  uint64_t id;         /* the service's; 0: not handed over */
  bool over;           /* nothing more comes */
  att_sample *samples; /* [writing->width] */
  size_t sample_count; /* of them, those that there is something of */
  size_t prompt_tokens, shared_tokens;
  bool truncated;
} att_part;

struct att_writing {
  att_task *task;
  att_hosts *hosts;
  att_hosted *host;
  att_generate_options generate; /* of a decoder, */
  att_decode_options decode;     /* or of an encoder-decoder */
  const char **stop;             /* [generate.stop_count] malloc's, or NULL */
  char *schema;                  /* malloc's, or NULL */
  att_token_bias *biases;        /* malloc's, or NULL */
  int width;                     /* samples or hypotheses of a part: slots */
  att_part *parts;               /* [count] */
  size_t count, next, left;      /* parts; the next to hand over; not over */
  void *detail;                  /* the route's, malloc's */
  /* A piece has come, gathered already (its text too, where `gathers`). NULL: nobody wants pieces. */
  void (*on_piece)(att_writing *, att_part *, att_sample *, const att_piece_of_text *);
  void (*on_end)(att_writing *); /* all is there */
  bool gathers;
};

/* Makes it the task's work: `count` empty parts. Where it fails the task has its answer: NULL. */
att_writing *att_writing_new(att_task *task, att_hosts *hosts, att_hosted *host, size_t count);
/* Once all is filled in: begins. */
void att_writing_begin(att_writing *writing);

/* {"object": "list", "data": data, "model", "usage"}, as the whole answer; takes data. */
void att_writing_reply(att_writing *writing, json_t *data);

/* For who gives none. */
uint64_t att_new_seed(void);
/* Stop texts: a string or up to 16. */
bool att_take_stops(att_writing *writing, json_t *value);

/* {"17": -100, ...} */
bool att_take_biases(att_writing *writing, json_t *value);
/* GBNF, or OpenAI's format of what is written, which stands in the parameter that is named. */
bool att_take_grammar(att_writing *writing, att_text grammar, const char *param, json_t *format);

#endif
