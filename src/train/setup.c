/*
 * Owns the beginning of a run: the folder, the data, the tokenizer, the plan and the model, made anew or read from a
 * checkpoint. Refuses a folder that is not this run's, and to resume with other data or options.
 */
#include "train/trainer.h"

#include "base/random.h"
#include "formats/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- saying --------------------------------------------------------------------------------------------------- */

double att_trainer_seconds(const att_trainer *t) { return t->state.seconds + att_now() - t->clock_start; }

const char *att_grouped(char *out, int64_t number) {
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%lld", (long long)number), at = 0;
  for (int i = 0; i < size; i++) {
    if (i && (size - i) % 3 == 0 && digits[i - 1] != '-') out[at++] = ',';
    out[at++] = digits[i];
  }
  out[at] = '\0';
  return out;
}

void att_trainer_say(att_trainer *t, att_progress_kind kind, const char *text) {
  if (!t->progress) return;
  const att_state *s = &t->state;
  att_progress progress = {.kind = kind,
                           .text = text,
                           .step = s->step,
                           .steps = s->plan.steps,
                           .seconds = att_trainer_seconds(t),
                           .tokens = s->tokens,
                           .bleu = -1};
  t->progress(t->user, &progress);
}

static int say_work(void *user, double done) {
  att_trainer *t = user;
  if (t->progress) {
    att_progress progress = {
        .kind = ATT_PROGRESS_WORK, .text = t->work, .done = done, .seconds = att_trainer_seconds(t), .bleu = -1};
    t->progress(t->user, &progress);
  }
  return t->ctx->interrupted != 0;
}

static void say_plan(att_trainer *t) {
  static const char *const schedules[] = {"cosine", "linear", "inverse-sqrt", "constant"};
  static const char *const activations[] = {"relu", "gelu", "silu"};
  const att_plan *p = &t->state.plan;
  char text[512], pairs[32], valid[32], parameters[32], vocabulary[32], bound[48], number[32];
  snprintf(text, sizeof text, "%s pairs to learn from, %s to validate with", att_grouped(pairs, t->corpus.count),
           att_grouped(valid, t->examiner.corpus.count));
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
  snprintf(
      text, sizeof text,
      "model: %lld + %lld layers, width %lld, %lld heads, feed-forward %lld, %s, norm %s, %s positions, vocabulary "
      "%s: %s parameters",
      (long long)p->encoder_layers, (long long)p->decoder_layers, (long long)p->width, (long long)p->heads,
      (long long)p->feedforward, activations[p->activation], p->norm_order == ATT_NORM_BEFORE ? "before" : "after",
      p->position == ATT_SINUSOIDAL ? "sinusoidal" : "learned", att_grouped(vocabulary, t->model->config.vocab_size),
      att_grouped(parameters, t->model->trained_total));
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
  snprintf(bound, sizeof bound, "%s %s", att_grouped(number, p->batch > 0 ? p->batch : p->batch_tokens),
           p->batch > 0 ? "pairs" : "tokens");
  snprintf(
      text, sizeof text,
      "learning: batches of %s, lr %.3g (%s), dropout %.2g, BPE-dropout %.2g, label smoothing %.2g, weight decay %.2g, "
      "clip %.3g, mean "
      "of %lld checkpoints, patience %lld",
      bound, p->lr, schedules[p->schedule], p->dropout, p->bpe_dropout, p->label_smoothing, p->weight_decay, p->clip,
      (long long)p->average, (long long)p->patience);
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
}

/* ---- the folder ----------------------------------------------------------------------------------------------- */

static att_status has(att_trainer *t, const char *name, bool *there) {
  char *path = att_path(t->ctx, t->options->out, name);
  if (!path) return ATT_MEMORY;
  *there = att_file_exists(path);
  att_free(t->ctx, path);
  return ATT_OK;
}

/* A folder without a checkpoint may be begun afresh only where a run of ours has written nothing of worth yet. */
static att_status check_unfinished(att_trainer *t) {
  bool record, model;
  ATT_TRY(has(t, "train.jsonl", &record));
  ATT_TRY(has(t, "model.safetensors", &model));
  if (record && !model) return ATT_OK;
  return att_fail(t->ctx, ATT_IO, "%s: there is no checkpoint in it to resume from: train into another folder",
                  t->options->out);
}

static att_status prepare_folder(att_trainer *t) {
  const char *out = t->options->out;
  bool empty;
  ATT_TRY(att_folder_is_empty(t->ctx, out, &empty));
  if (!empty && !t->options->resume) {
    return att_fail(t->ctx, ATT_IO, "%s: the folder is there and not empty: name another, or resume its run", out);
  }
  if (!empty) ATT_TRY(att_checkpoint_find(t->ctx, out, &t->resumed));
  if (!empty && !t->resumed) ATT_TRY(check_unfinished(t));
  bool existed = att_file_exists(out);
  ATT_TRY(att_folder_make(t->ctx, out));
  t->made_folder = !existed;
  if (access(out, W_OK) == 0) return ATT_OK;
  return att_fail(t->ctx, ATT_IO, "%s: there is no permission to write into it", out);
}

/* ---- data ----------------------------------------------------------------------------------------------------- */

/* Beside the training lines, which the trainer keeps. */
typedef struct att_inputs {
  att_lines valid;
  uint64_t train_fingerprint, valid_fingerprint;
} att_inputs;

static att_status read_inputs(att_trainer *t, int64_t seed, att_inputs *in) {
  const att_train_options *o = t->options;
  ATT_TRY(att_lines_read(t->ctx, o->source, o->target, &t->lines));
  if (o->valid_source) {
    ATT_TRY(att_lines_read(t->ctx, o->valid_source, o->valid_target, &in->valid));
  } else {
    ATT_TRY(att_lines_hold_out(t->ctx, &t->lines, (uint64_t)seed, &in->valid));
  }
  in->train_fingerprint = att_lines_fingerprint(&t->lines);
  in->valid_fingerprint = att_lines_fingerprint(&in->valid);
  return ATT_OK;
}

att_status att_trainer_begin_epoch(att_trainer *t) {
  const att_plan *p = &t->state.plan;
  uint64_t seed = (uint64_t)p->seed, key = att_key(att_key(seed, 0x627065), (uint64_t)t->state.epoch);
  if (p->bpe_dropout > 0) {
    ATT_TRY(att_corpus_redraw(t->ctx, t->model->tokenizer, &t->lines, p->max_length, t->model->config.eos,
                              p->bpe_dropout, key, &t->corpus));
    att_batches_free(t->ctx, &t->batches);
  }
  if (!t->batches.corpus) ATT_TRY(att_batches_new(t->ctx, &t->corpus, p->batch_tokens, p->batch, &t->batches));
  att_batches_shuffle(&t->batches, seed, t->state.epoch);
  return ATT_OK;
}

static att_status encode_inputs(att_trainer *t, att_inputs *in) {
  const att_train_options *o = t->options;
  const att_tokenizer *tokenizer = t->model->tokenizer;
  const att_plan *p = &t->state.plan;
  att_corpus valid;
  t->work = "encoding";
  ATT_TRY(att_corpus_encode(t->ctx, tokenizer, &t->lines, o->source, p->max_length, t->model->config.eos, say_work, t,
                            &t->corpus));
  ATT_TRY(att_corpus_encode(t->ctx, tokenizer, &in->valid, o->valid_source ? o->valid_source : "the held-out part",
                            p->max_length, t->model->config.eos, say_work, t, &valid));
  att_status status = att_examiner_new(t->ctx, &valid, &in->valid, p, &t->examiner);
  att_corpus_free(t->ctx, &valid);
  return status ? status : att_trainer_begin_epoch(t);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  static const char *const before[] = {"<s>", "<pad>", "</s>", "<unk>"}, *const after[] = {"</s>", "<unk>"};
  const att_plan *p = &t->state.plan;
  bool is_before = p->norm_order == ATT_NORM_BEFORE;
  const att_tokenizer_plan plan = {.vocab = (int)p->vocab,
                                   .lowercase = p->lowercase == 1,
                                   .first_specials = is_before ? before : after,
                                   .first_count = is_before ? 4 : 2,
                                   .last_special = is_before ? NULL : "<pad>",
                                   .end_mark = "</s>"};
  const att_text *const texts[] = {t->lines.source, t->lines.target};
  const size_t counts[] = {t->lines.count, t->lines.count};
  t->work = "learning the vocabulary";
  return att_tokenizer_train(t->ctx, texts, counts, 2, &plan, say_work, t, tokenizer);
}

static att_status make_model(att_trainer *t) {
  att_config config;
  att_tokenizer *tokenizer;
  ATT_TRY(att_plan_choose(t->ctx, &t->state.plan, (int64_t)t->lines.count));
  ATT_TRY(train_tokenizer(t, &tokenizer));
  att_plan_config(&t->state.plan, tokenizer, &config);
  att_status status = att_model_new(t->ctx, &config, tokenizer, (uint64_t)t->state.plan.seed, &t->model);
  if (status) att_tokenizer_free(tokenizer);
  return status;
}

static uint64_t weights_fingerprint(const att_model *model) {
  uint64_t key = 1;
  for (int64_t i = 0; i < model->trained_total; i++) {
    uint32_t bits;
    memcpy(&bits, &model->values[i], sizeof bits);
    key = att_key(key, bits);
  }
  return key;
}

static att_status open_model(att_trainer *t) {
  ATT_TRY(att_model_open(t->ctx, t->options->from, &t->model));
  t->state.from_fingerprint = weights_fingerprint(t->model);
  if (!t->model->tokenizer) return att_fail(t->ctx, ATT_FORMAT, "%s: it has no tokenizer", t->options->from);
  t->model->config.storage = ATT_F32;
  ATT_TRY(att_plan_adopt(t->ctx, &t->state.plan, &t->model->config));
  return att_plan_choose(t->ctx, &t->state.plan, (int64_t)t->lines.count);
}

static att_status begin_state(att_trainer *t, const att_plan *wanted, const att_inputs *in) {
  att_state_begin(&t->state);
  t->state.plan = *wanted;
  t->state.train_fingerprint = in->train_fingerprint;
  t->state.valid_fingerprint = in->valid_fingerprint;
  return t->options->from ? open_model(t) : make_model(t);
}

static att_status check_same_data(att_trainer *t, const att_inputs *in) {
  bool train = in->train_fingerprint == t->state.train_fingerprint;
  if (train && in->valid_fingerprint == t->state.valid_fingerprint) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT,
                  "the %s data is not what the run in %s began with: give the same files, or train "
                  "into another folder",
                  train ? "validation" : "training", t->options->out);
}

/* The same --from must still be the same model. */
static att_status check_same_model(att_trainer *t) {
  att_model *model;
  if (!t->options->from) return ATT_OK;
  ATT_TRY(att_model_open(t->ctx, t->options->from, &model));
  bool same = weights_fingerprint(model) == t->state.from_fingerprint;
  att_model_close(model);
  if (same) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT,
                  "%s is not the model that the run in %s began with: give the same, or train into another folder",
                  t->options->from, t->options->out);
}

/* ---- putting it together -------------------------------------------------------------------------------------- */

static att_status begin_writing(att_trainer *t) {
  ATT_TRY(att_record_begin(t->ctx, t->options->out, &t->record));
  t->made_folder = false; /* something is in it now */
  ATT_TRY(att_checkpoint_clean(t->ctx, t->options->out));
  ATT_TRY(att_model_save_settings(t->model, t->options->out));
  return att_trainer_save(t);
}

/* What a run leaves behind that was killed between its end and the sweeping up. */
static att_status tidy(att_trainer *t) {
  ATT_TRY(att_checkpoint_clean(t->ctx, t->options->out));
  return att_snapshots_prune(t->ctx, t->options->out, &t->state);
}

static att_status go_on_writing(att_trainer *t) {
  const att_state *s = &t->state;
  ATT_TRY(att_checkpoint_load_moments(t->ctx, t->options->out, &t->optimizer));
  ATT_TRY(att_record_resume(t->ctx, t->options->out, s->step, s->validated, &t->record));
  ATT_TRY(tidy(t));
  t->saved_step = s->step;
  t->saved_at = att_now();
  return ATT_OK;
}

static att_status make_the_rest(att_trainer *t, att_inputs *in, const att_plan *wanted) {
  ATT_TRY(att_arena_new(t->ctx, &t->arena));
  ATT_TRY(encode_inputs(t, in));
  ATT_TRY(att_model_add_gradients(t->model));
  ATT_TRY(att_optimizer_new(t->model, &t->optimizer));
  say_plan(t);
  if (!t->resumed) {
    att_budget_begin(t);
    ATT_TRY(begin_writing(t));
  } else {
    t->clock_start =
        att_now(); /* what the killed run had done beyond the checkpoint, and this start, are not its time */
    ATT_TRY(att_budget_extend(t, wanted));
    ATT_TRY(go_on_writing(t));
  }
  return ATT_OK;
}

static bool asks_for_more(const att_plan *begun, const att_plan *wanted) {
  return wanted->steps > begun->steps || wanted->epochs > begun->epochs || wanted->minutes > begun->minutes;
}

static att_status set_up(att_trainer *t, const att_plan *wanted, att_inputs *in) {
  int64_t seed = wanted->seed == ATT_UNSET ? 1 : wanted->seed;
  if (t->resumed) {
    ATT_TRY(att_checkpoint_load_state(t->ctx, t->options->out, &t->state));
    ATT_TRY(att_plan_compare(t->ctx, &t->state.plan, wanted));
    seed = t->state.plan.seed;
  }
  t->work = "reading";
  say_work(t, 0);
  ATT_TRY(read_inputs(t, seed, in));
  if (!t->resumed) {
    ATT_TRY(begin_state(t, wanted, in));
  } else {
    ATT_TRY(check_same_data(t, in));
    ATT_TRY(check_same_model(t));
    if (t->state.complete && !asks_for_more(&t->state.plan, wanted)) return tidy(t);
    ATT_TRY(att_checkpoint_load_model(t->ctx, t->options->out, &t->model));
  }
  return make_the_rest(t, in, wanted);
}

att_status att_trainer_setup(att_trainer *t) {
  att_plan wanted;
  att_inputs in = {0};
  att_state_begin(&t->state);
  t->saved_step = -1;
  ATT_TRY(att_plan_wanted(t->ctx, t->options, &wanted));
  ATT_TRY(prepare_folder(t));
  att_status status = set_up(t, &wanted, &in);
  att_lines_free(t->ctx, &in.valid);
  if (!(t->state.plan.bpe_dropout > 0)) att_lines_free(t->ctx, &t->lines); /* the ids are enough */
  return status;
}

att_status att_trainer_save(att_trainer *t) {
  double begin = att_now(), seconds = t->state.seconds;
  if (!att_optimizer_is_finite(&t->optimizer)) {
    return att_fail(t->ctx, ATT_NUMERIC,
                    "step %lld: a parameter is not a finite number: train again with a lower lr "
                    "(it was %g)",
                    (long long)t->state.step, t->state.plan.lr);
  }
  ATT_TRY(att_record_sync(&t->record));
  t->state.seconds = att_trainer_seconds(t);
  att_status status = att_checkpoint_save(&t->optimizer, t->options->out, &t->state);
  t->state.seconds = seconds;
  t->saved_step = t->state.step;
  t->saved_at = att_now();
  t->save_cost = t->saved_at - begin;
  return status;
}

void att_trainer_free(att_trainer *t) {
  att_record_close(&t->record);
  att_examiner_free(&t->examiner);
  att_batches_free(t->ctx, &t->batches);
  att_corpus_free(t->ctx, &t->corpus);
  att_lines_free(t->ctx, &t->lines);
  att_optimizer_free(&t->optimizer);
  att_model_close(t->model);
  att_arena_free(t->arena);
  if (t->made_folder) rmdir(t->options->out);
}
