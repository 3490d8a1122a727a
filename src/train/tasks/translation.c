/*
 * Owns the tasks of translation and of summarization: pairs of lines from two files, or of texts and summaries from
 * one, a joint vocabulary, encoder-decoders, batches of equal length, BPE-dropout, BLEU and ROUGE. Refuses sides of
 * different length and models that are no encoder-decoders.
 */
#include "models/head.h"
#include "train/data/documents.h"
#include "train/data/passages.h"
#include "train/tasks/validation.h"
#include "train/trainer.h"

#include "base/random.h"

#include <math.h>

typedef struct att_translation_data {
  att_lines lines, valid; /* lines: kept where there is BPE-dropout, which encodes them anew in each epoch */
  att_corpus corpus;
  att_corpus passages; /* of summarization: what it learns from first */
  att_batches batches;
  att_validation validation;
} att_translation_data;

static att_translation_data *data_of(const att_trainer *t) { return t->data; }

static bool sums_up(const att_trainer *t) { return t->options->task == ATT_TASK_SUMMARIZATION; }

/* What the training pairs, and those of validation, are called in messages. */
static const char *name_of(const att_train_options *o) { return o->data ? o->data : o->source; }
static const char *valid_name(const att_train_options *o) {
  return o->valid ? o->valid : o->valid_source ? o->valid_source : "the held-out part";
}

/* From one file or from two. */
static att_status read_pairs(att_trainer *t, const char *data, const char *source, const char *target,
                             att_lines *lines) {
  return data ? att_documents_read(t->ctx, data, lines) : att_lines_read(t->ctx, source, target, lines);
}

static att_status check_files(att_trainer *t) {
  const att_train_options *o = t->options;
  if (!sums_up(t) || !o->data == !!o->source) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT,
                  o->data ? "give one of --data and --source: both have the texts"
                          : "--data is missing: texts with their summaries; or --source and --target");
}

static att_status read_lines(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  ATT_TRY(check_files(t));
  att_translation_data *d = ATT_NEW(t->ctx, 1, att_translation_data);
  if (!d) return ATT_MEMORY;
  t->data = d;
  ATT_TRY(read_pairs(t, o->data, o->source, o->target, &d->lines));
  if (o->valid || o->valid_source) {
    ATT_TRY(read_pairs(t, o->valid, o->valid_source, o->valid_target, &d->valid));
  } else {
    ATT_TRY(att_lines_hold_out(t->ctx, &d->lines, 100, seed, &d->valid));
  }
  *train_fingerprint = att_lines_fingerprint(&d->lines);
  *valid_fingerprint = att_lines_fingerprint(&d->valid);
  return ATT_OK;
}

static bool held(const att_trainer *t, size_t index, att_held_item *item) {
  const att_lines *lines = &data_of(t)->valid;
  if (index >= lines->count) return false;
  *item = (att_held_item){.input = lines->source[index], .reference = lines->target[index]};
  return true;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

static const att_shapes shapes = {ATT_ENCODER_DECODER,
                                  {{2, 128, 4, 512}, {3, 256, 4, 1024}, {6, 512, 8, 2048}, {6, 1024, 16, 4096}}};

/* A large model wants millions of pairs, and half a day. */
static int size_for(const att_plan *plan, int64_t pairs) {
  bool long_enough = plan->minutes <= 0 || plan->minutes >= 600;
  return pairs < 5000 ? ATT_TINY : pairs < 500000 || !long_enough ? ATT_SMALL : ATT_BASE;
}

static int64_t vocab_for(int64_t pairs) {
  return pairs < 5000 ? 2000 : pairs < 20000 ? 4000 : pairs < 200000 ? 8000 : pairs < 1000000 ? 16000 : 32000;
}

static int64_t batch_for(int64_t pairs) {
  return pairs < 50000 ? 1024 : pairs < 200000 ? 2048 : pairs < 2000000 ? 4096 : 8192;
}

/* The rate of width 256 that trains well with norm before; norm after bears less. Recurrent networks are used at the
 * rate that Adam began with. A model that is trained already wants a fraction. */
static double lr_for(const att_plan *p) {
  double lr = p->network == ATT_TRANSFORMER ? 2e-3 * att_plan_width_scale(p) : 1e-3;
  if (p->network == ATT_TRANSFORMER && p->norm_order == ATT_NORM_AFTER) lr *= 0.5;
  return p->fine_tuned == 1 ? lr * 0.2 : lr;
}

/* The less data, the more; but what is read a few times only is not learned by heart. */
static double dropout_for(const att_trainer *t, double epochs) {
  int64_t pairs = data_of(t)->corpus.count;
  double of_data = pairs < 100000 ? 0.3 : pairs < 500000 ? 0.2 : 0.1;
  return fmin(of_data, epochs <= 8 ? 0.1 : epochs <= 20 ? 0.2 : 0.3);
}

void att_plan_choose_translation(att_plan *p, int64_t pairs) {
  if (p->network == ATT_FFN && p->fine_tuned != 1) { /* its weights grow with the positions */
    att_choose_whole(&p->context, 64);
    att_choose_whole(&p->max_length, p->context);
  }
  if (p->fine_tuned != 1) {
    att_plan_choose_size(p, &shapes, size_for(p, pairs));
    att_choose_whole(&p->vocab, vocab_for(pairs));
  }
  att_choose_whole(&p->batch, 0);
  att_choose_whole(&p->batch_tokens, p->batch > 0 ? 0 : batch_for(pairs));
  att_choose_number(&p->lr, lr_for(p));
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = pairs < 100000 ? 30 : pairs < 1000000 ? 20 : 10;
}

static void choose(const att_trainer *t, att_plan *plan) {
  att_plan_choose_translation(plan, (int64_t)data_of(t)->lines.count);
}

/* What is written from scratch about few texts is copied more than told. To copy is to find what stood behind the token
 * written last, and so to know what stands beside what: positions that are relative. */
static void choose_copying(att_plan *p, int64_t pairs) {
  att_choose_whole(&p->copy, p->network == ATT_TRANSFORMER && pairs < 100000);
  if (p->copy == 1) att_choose_whole(&p->position, ATT_ROTARY);
  att_choose_number(&p->passages, p->copy == 1 ? 0.9 : 0);
}

/* Texts are long: of what stands behind 512 tokens summaries hardly speak. A pair has ten times the tokens of a
 * sentence's, so fewer of them are plenty for pieces and batches, but not for large models: what is learned is the few
 * tokens of the summaries. */
static void choose_of_documents(const att_trainer *t, att_plan *p) {
  int64_t pairs = (int64_t)data_of(t)->lines.count, tokens = pairs < 50000 ? 2048 : 4096;
  if (p->fine_tuned != 1) {
    att_choose_whole(&p->context, p->max_length == ATT_UNSET || p->max_length <= 512 ? 512 : p->max_length);
    att_choose_whole(&p->vocab, pairs < 2000 ? 4000 : pairs < 20000 ? 8000 : 16000);
    choose_copying(p, pairs);
    if (pairs < 50000) att_plan_choose_size(p, &shapes, ATT_TINY);
  }
  att_choose_number(&p->passages, 0);
  att_choose_whole(&p->position, ATT_SINUSOIDAL);
  att_choose_whole(&p->max_length, p->context < 512 ? p->context : 512);
  att_choose_whole(&p->batch, 0);
  att_choose_whole(&p->batch_tokens, p->batch > 0 ? 0 : p->max_length > tokens ? p->max_length : tokens);
  att_plan_choose_translation(p, pairs);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static bool specials_before(const att_plan *p) {
  return p->network != ATT_TRANSFORMER || p->norm_order == ATT_NORM_BEFORE;
}

static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  static const char *const before[] = {"<s>", "<pad>", "</s>", "<unk>"}, *const after[] = {"</s>", "<unk>"};
  const att_plan *p = &t->state.plan;
  const att_lines *lines = &data_of(t)->lines;
  bool is_before = specials_before(p);
  const att_tokenizer_plan plan = {.vocab = (int)p->vocab,
                                   .lowercase = p->lowercase == 1,
                                   .first_specials = is_before ? before : after,
                                   .first_count = is_before ? 4 : 2,
                                   .last_special = is_before ? NULL : "<pad>",
                                   .end_token = "</s>"};
  const att_text *const texts[] = {lines->source, lines->target};
  const size_t counts[] = {lines->count, lines->count};
  t->work = "learning the vocabulary";
  return att_tokenizer_train(t->ctx, texts, counts, 2, &plan, att_trainer_work, t, tokenizer);
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  bool before = specials_before(&t->state.plan);
  att_plan_config(&t->state.plan, ATT_ENCODER_DECODER, tokenizer, c);
  c->pad = att_tokenizer_id(tokenizer, "<pad>");
  c->eos = att_tokenizer_id(tokenizer, "</s>");
  c->unk = att_tokenizer_id(tokenizer, "<unk>");
  c->bos = before ? att_tokenizer_id(tokenizer, "<s>") : -1;
  if (t->state.plan.copy == 1) c->head = ATT_HEAD_COPYING;
  c->decoder_start = before ? c->eos : c->pad;
}

static att_status fits(att_trainer *t, const char *folder) {
  const att_config *c = &t->model->config;
  if (c->kind != ATT_ENCODER_DECODER || !t->model->head->output)
    return att_trainer_wrong_model(t, folder, "an encoder-decoder, such as marian or m2m_100");
  if (t->state.plan.bpe_dropout > 0 && !att_tokenizer_has_merges(t->model->tokenizer))
    return att_fail(t->ctx, ATT_ARGUMENT, "--bpe-dropout: the tokenizer of %s has no merges to leave out", folder);
  return att_config_check_pairs(t->ctx, folder, c);
}

/* Of summaries: a head that copies, where it is asked for or there. */
static att_status adopt(att_trainer *t) {
  int64_t *copy = &t->state.plan.copy, seed = t->state.plan.seed;
  bool copies = t->model->config.head == ATT_HEAD_COPYING;
  att_model *model;
  if (*copy == 0 && copies)
    return att_fail(t->ctx, ATT_ARGUMENT,
                    "--copy is no, but the model given with --from copies: leave that option out");
  if (*copy == ATT_UNSET || copies) *copy = copies;
  if (*copy == copies) return ATT_OK;
  ATT_TRY(att_model_new_head(t->model, ATT_HEAD_COPYING, NULL, 0, seed == ATT_UNSET ? 1 : (uint64_t)seed, &model));
  att_model_close(t->model);
  t->model = model;
  return ATT_OK;
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

/* How a new model writes summaries: no longer than those of its data, and no three tokens twice. */
static att_status set_generation(att_trainer *t) {
  att_model *model = t->model;
  int64_t longest = data_of(t)->validation.longest, most = model->config.max_position_embeddings;
  int64_t length = longest + longest / 4 + 2;
  att_status status =
      att_generation_set(t->ctx, &model->config, "max_length", length < most ? length : most, &model->generation);
  return status ? status : att_generation_set(t->ctx, &model->config, "no_repeat_ngram_size", 3, &model->generation);
}

static att_status encode(att_trainer *t) {
  const att_train_options *o = t->options;
  const att_tokenizer *tokenizer = t->model->tokenizer;
  const att_plan *p = &t->state.plan;
  att_translation_data *d = data_of(t);
  att_corpus valid;
  t->work = "encoding";
  att_too_long too_long = sums_up(t) ? ATT_TRUNCATE : ATT_LEAVE_OUT;
  int32_t end = t->model->config.eos;
  ATT_TRY(att_corpus_encode(t->ctx, tokenizer, &d->lines, name_of(o), p->max_length, too_long, end, att_trainer_work, t,
                            &d->corpus));
  ATT_TRY(att_corpus_encode(t->ctx, tokenizer, &d->valid, valid_name(o), p->max_length, too_long, end, att_trainer_work,
                            t, &valid));
  att_status status = att_validation_new(t->ctx, &valid, &d->valid, p, sums_up(t), &d->validation);
  if (!status && sums_up(t) && p->fine_tuned != 1) status = set_generation(t);
  att_corpus_free(t->ctx, &valid);
  att_lines_free(t->ctx, &d->valid);
  if (!(p->bpe_dropout > 0)) att_lines_free(t->ctx, &d->lines); /* the ids are enough */
  return status;
}

static att_status begin_epoch(att_trainer *t) {
  const att_plan *p = &t->state.plan;
  att_translation_data *d = data_of(t);
  uint64_t seed = (uint64_t)p->seed, key = att_key(att_key(seed, 0x627065), (uint64_t)t->state.epoch);
  if (p->bpe_dropout > 0) {
    ATT_TRY(att_corpus_redraw(t->ctx, t->model->tokenizer, &d->lines, p->max_length, t->model->config.eos,
                              p->bpe_dropout, key, &d->corpus));
    att_batches_free(t->ctx, &d->batches);
  }
  if (p->passages > 0 && !d->passages.target_start)
    ATT_TRY(att_passages_find(t->ctx, t->model->tokenizer, &d->corpus, t->model->config.eos, &d->passages));
  if (!d->batches.corpus) ATT_TRY(att_batches_new(t->ctx, &d->corpus, p->batch_tokens, p->batch, &d->batches));
  d->batches.corpus = &d->corpus; /* its lengths are shuffled among themselves */
  att_batches_shuffle(&d->batches, seed, t->state.epoch);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) { return data_of(t)->batches.count; }

static double epoch_tokens(const att_trainer *t) {
  const att_corpus *c = &data_of(t)->corpus;
  return (double)(c->source.count + c->target.count);
}

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->corpus.count;
  *valid = data_of(t)->validation.corpus.count;
}

/* The first steps; where minutes have not become steps yet, these are among them. */
static bool learns_passages(const att_trainer *t) {
  const att_plan *p = &t->state.plan;
  return p->passages > 0 && (p->steps == 0 || (double)t->state.step < p->passages * (double)p->steps);
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  att_translation_data *d = data_of(t);
  bool passages = learns_passages(t);
  d->batches.corpus = passages ? &d->passages : &d->corpus;
  if (passages) t->state.stale = 0; /* what validation says of summaries is of no account yet */
  *batch = att_batches_get(&data_of(t)->batches, t->state.index, t->model->config.decoder_start);
  const att_sequences *source = &batch->source.sequences, *target = &batch->target.sequences;
  *tokens = source->start[source->count] + target->start[target->count];
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  return att_validation_run(&data_of(t)->validation, t->model, t->arena, score);
}

static const char *quality(const att_trainer *t) { return sums_up(t) ? "ROUGE-L" : "BLEU"; }

static void free_data(att_trainer *t) {
  att_translation_data *d = t->data;
  if (!d) return;
  att_validation_free(&d->validation);
  att_batches_free(t->ctx, &d->batches);
  att_passages_free(t->ctx, &d->passages);
  att_corpus_free(t->ctx, &d->corpus);
  att_lines_free(t->ctx, &d->valid); /* its text may be memory of lines */
  att_lines_free(t->ctx, &d->lines);
  att_free(t->ctx, d);
}

#define SHARED                                                                                                         \
  .predicts_tokens = true, .read = read_lines, .held = held, .train_tokenizer = train_tokenizer,                       \
  .configure = configure, .fits = fits, .encode = encode, .begin_epoch = begin_epoch, .batch_count = batch_count,      \
  .dropout = dropout_for, .epoch_tokens = epoch_tokens, .counts = counts, .batch = get_batch, .evaluate = evaluate,    \
  .quality = quality, .free = free_data

const att_task att_translation_task = {
    .things = "pairs",
    .shapes = &shapes,
    .telling = 5,
    SHARED,
    .choose = choose,
};

const att_task att_summarization_task = {
    .things = "pairs",
    .shapes = &shapes,
    .telling = 5,
    SHARED,
    .adopt = adopt,
    .choose = choose_of_documents,
};
