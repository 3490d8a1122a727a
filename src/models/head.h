/*
 * Owns what a head is: a table of calls each, as family.h has one a family. A head stands on a body: it has parameters
 * of its own or reads the family's output projection, makes logits of the body's hidden states, and knows their loss,
 * what they say, how well they say it, and which verbs answer with them. A head is a file of heads/, a name in att_head
 * (attend.h), a line in head_list.c, and the verb that shows it.
 */
#ifndef ATT_MODELS_HEAD_H
#define ATT_MODELS_HEAD_H

#include "metrics/classes.h"
#include "models/family.h"

#include <string.h>

/* How a file of texts writes what is true of each: one name, names with commas between, a number. */
typedef enum att_label_form { ATT_NO_LABEL, ATT_ONE_LABEL, ATT_SEVERAL_LABELS, ATT_NUMBER } att_label_form;

#define ATT_HEAD_MEASURES 3 /* of a head, at most */

#define ATT_CAN(verb) (1u << ATT_VERB_##verb)

struct att_head_calls {
  const char *name; /* attend_head in config.json, and info's */
  /* How the classes of Hugging Face with this head end: "ForTokenClassification"; NULL-ended. common: each family's
   * class is its stem and the first of them; else only those that a family names in its forms. Several heads of one
   * ending are told apart by config.json's problem_type; one_label: the head that a single label means without it. */
  const char *const *endings;
  bool common;
  const char *problem_type;
  att_head one_label;
  /* What a model of each kind with it is, in messages, and the verbs that it answers, a bit an att_verb (those of every
   * model left out); what NULL: there is none. */
  struct {
    const char *what;
    unsigned verbs;
  } kinds[ATT_KIND_COUNT];
  bool bare;       /* the body alone: its parameters have no prefix in files */
  bool vocabulary; /* its logits are of the vocabulary's tokens */
  bool output;     /* it reads the family's output projection (family.h), which may be tied to the embedding */
  bool texts;      /* a row of logits a text, of what the family's `pool` makes of it; else a row a hidden row */

  /* Its keys of config.json, read once its family, kind and sizes are known, and checked with the whole. NULL: it has
   * none, and label_count is 0. */
  att_status (*read)(const att_settings *in, att_config *config);
  void (*write)(att_object *out, const att_config *config);
  att_status (*check)(att_context *ctx, const char *name, const att_config *config);

  /* Its parameters, after the body's: makes model->head_layers (att_free), which only the head knows. NULL: none.
   * projection: its name for the last of them, where the family's forms have no other. */
  att_status (*plan)(att_model *model);
  const char *projection;
  /* What it keeps of an encoder's memory for the decoder's steps, in the cache's cross[layers], rows as
   * att_model_cross; or NULL. */
  att_status (*keep)(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows, void *const *cross);
  /* NULL: hidden states are all that there is. */
  att_status (*logits)(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits);
  /* What att_model_loss divides by, as a rule; the loss as there. */
  int64_t (*targets)(const att_model *model, const att_batch *batch);
  att_status (*loss)(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch, float smoothing,
                     double divisor, att_loss *loss);

  /* A row of logits as what it says: probabilities, values. NULL with `logits`: other calls read them. */
  void (*scores)(const float *logits, int64_t count, double *scores);
  /* The gradient of what a row says most by its logits (of a probability, of its logarithm); returns which output that
   * is. For pictures of gradients; NULL: there are none. */
  int64_t (*push)(const float *logits, int64_t count, float *gradient);

  /* What is true of a text in a file of labelled texts, and measures of scores [count, outputs] against it: values in
   * the order of `measures`, NaN where undefined. quality: the one that validations go by; higher is better. */
  att_label_form form;
  struct {
    const char *name, *key; /* as a person reads it; in JSON */
  } measures[ATT_HEAD_MEASURES];
  int quality;
  att_status (*measure)(att_context *ctx, const double *scores, const att_truth *truth, size_t count, size_t outputs,
                        double *values);
};

/* Whether it is an encoder-decoder of which both sides read the text that is labelled or asked, as BART does. */
static inline bool att_model_reads_twice(const att_model *model) {
  return model->config.kind == ATT_ENCODER_DECODER && !model->head->vocabulary;
}

/* What a family's classes say of a head; NULL: nothing. */
static inline const att_head_form *att_head_form_of(const att_head_calls *head, const att_family_calls *family) {
  for (const att_head_form *form = family->forms; form && form->ending; form++) {
    for (const char *const *ending = head->endings; ending && *ending; ending++) {
      if (strcmp(form->ending, *ending) == 0) return form;
    }
  }
  return NULL;
}

/* ---- head_list.c ---- */

/* The calls of a head; NULL: none that there is. */
const att_head_calls *att_head_get(att_head head);
/* The head that a key of config.json names; *head stays where the key is absent. */
att_status att_head_find(const att_settings *in, const char *key, att_head *head);
/* That of a class of Hugging Face: the first one with the longest ending that fits; none, of a class whose head the
 * family leaves out. */
att_status att_head_find_class(const att_settings *in, const char *name, const att_family_calls *family,
                               att_head *head);
/* Which of the heads of one class it is, by config.json's problem_type and the number of labels. */
att_status att_head_find_problem(const att_settings *in, int64_t labels, att_head *head);
/* How the class of Hugging Face ends that reads such a config; NULL: none does, and its model_type is "attend". */
const char *att_head_class(const att_config *config, const att_family_calls *family);

/* ---- what heads share (head.c) ---- */

/* model->head_layers becomes a linear layer of so many outputs over the hidden rows, or the texts' vectors. */
att_status att_head_plan_projection(att_model *model, int64_t outputs);
/* Of config.label_count outputs. */
att_status att_head_plan_labels(att_model *model);
/* That layer over a vector a text, from the family's `pool`; refuses a text without a row. */
att_status att_head_text_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits);
/* That layer over given vectors. */
att_status att_head_project(att_run *run, const att_model *model, const att_tensor *x, att_tensor *logits);
/* That layer over each row. */
att_status att_head_row_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits);
/* The hidden rows that the batch's labels belong to, as rows of no particular text. Refuses labels outside [0, end) and
 * rows that there are none of. */
att_status att_head_pick(att_run *run, const att_hidden *hidden, const att_batch *batch, int64_t end,
                         att_hidden *picked);
att_status att_check_range(att_context *ctx, const char *what, const int32_t *ids, int64_t count, int64_t end);

/* targets: a text each; a label each. */
int64_t att_text_targets(const att_model *model, const att_batch *batch);
int64_t att_label_targets(const att_model *model, const att_batch *batch);

/* Of a head of tokens (heads/tokens.c). */
att_status att_head_token_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits);
att_status att_head_token_loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                               float smoothing, double divisor, att_loss *loss);
/* Logits over the rows that an encoder has made, [rows, vocab_size], of a head of CTC; its blank is the padding token
 * (heads/ctc.c). */
att_status att_head_ctc_logits(att_run *run, att_model *model, const att_tensor *rows, att_tensor *logits);

/* scores and push of a softmax. */
void att_softmax(const float *logits, int64_t count, double *probabilities);
int64_t att_push_likeliest(const float *logits, int64_t count, float *gradient);

static inline att_status att_head_plan(att_model *model) {
  return model->head->plan ? model->head->plan(model) : ATT_OK;
}

/* ---- names of outputs: read, write and check of a head that has them (labels.c) ---- */

#define ATT_MOST_LABELS ((int64_t)1 << 16)

/* id2label, or num_labels (2 where there is neither) of them by Hugging Face's names, into labels and label_count. */
att_status att_labels_read(const att_settings *in, att_config *config);
void att_labels_write(att_object *out, const att_config *config);
att_status att_labels_check(att_context *ctx, const char *name, const att_config *config);

#endif
