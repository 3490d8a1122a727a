/*
 * Owns the beginning of a run: the folder, the data, the tokenizer, the plan and the model, made anew or read from a
 * checkpoint. Refuses a folder that is not this run's, and to resume with other data or options.
 */
#include "train/trainer.h"

#include "base/random.h"
#include "formats/file.h"
#include "models/head.h"
#include "train/freeze.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- saying --------------------------------------------------------------------------------------------------- */

/* All that could be trained, and what is. */
static void count_parameters(const att_model *model, int64_t *all, int64_t *trained) {
  *all = *trained = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    int64_t count = p->rows * p->cols;
    if (!p->fixed) *all += count;
    if (p->trained) *trained += count;
  }
}

static void say_model(att_trainer *t) {
  char text[512], shape[256], parameters[32], number[32], part[64] = "", vocabulary[32], kind[32] = "";
  const att_plan *p = &t->state.plan;
  if (!t->reads_rows && !t->options->from && p->tokenizer != ATT_UNSET)
    snprintf(kind, sizeof kind, " (%s)", att_plan_spell(p, "tokenizer", number));
  int64_t all, trained;
  count_parameters(t->model, &all, &trained);
  if (trained < all) snprintf(part, sizeof part, ", %s of them trained", att_grouped(number, trained));
  att_plan_describe(&t->state.plan, shape, sizeof shape);
  snprintf(text, sizeof text, "model: %s, %s %s%s: %s parameters%s", shape,
           t->reads_rows ? "numbers a token" : "vocabulary",
           att_grouped(vocabulary, t->reads_rows ? t->model->config.input_width : t->model->config.vocab_size), kind,
           att_grouped(parameters, all), part);
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
}

static void say_learning(att_trainer *t) {
  const att_plan *p = &t->state.plan;
  char text[512], bound[64], number[32], schedule[32], bpe[48] = "", smoothing[48] = "", passages[48] = "";
  snprintf(bound, sizeof bound, "%s %s", att_grouped(number, p->batch > 0 ? p->batch : p->batch_tokens),
           p->batch == 0   ? "tokens"
           : t->task->rows ? t->task->rows
                           : t->things);
  if (p->bpe_dropout > 0) att_format(bpe, sizeof bpe, "BPE-dropout %.2g, ", p->bpe_dropout);
  if (p->passages > 0) att_format(passages, sizeof passages, "passages in %.2g of the steps, ", p->passages);
  if (p->label_smoothing > 0) att_format(smoothing, sizeof smoothing, "label smoothing %.2g, ", p->label_smoothing);
  att_format(text, sizeof text,
             "learning: batches of %s, lr %.3g (%s), %s%s%sweight decay %.2g, clip %.3g, mean of %lld "
             "checkpoints, patience %lld",
             bound, p->lr, att_plan_spell(p, "schedule", schedule), passages, bpe, smoothing, p->weight_decay, p->clip,
             (long long)p->average, (long long)p->patience);
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
}

static void say_plan(att_trainer *t) {
  char text[256], train[32], valid[32];
  int64_t train_count, valid_count;
  t->task->counts(t, &train_count, &valid_count);
  snprintf(text, sizeof text, "%s %s to learn from, %s to validate with", att_grouped(train, train_count), t->things,
           att_grouped(valid, valid_count));
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
  say_model(t);
  say_learning(t);
}

/* Where a resumed run goes on. */
static void say_where(att_trainer *t) {
  char text[96], step[32], steps[32];
  const att_state *s = &t->state;
  if (s->plan.steps > 0)
    snprintf(text, sizeof text, "going on from step %s of %s", att_grouped(step, s->step),
             att_grouped(steps, s->plan.steps));
  else
    snprintf(text, sizeof text, "going on from step %s", att_grouped(step, s->step));
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
  bool record, model, quantized;
  ATT_TRY(has(t, "train.jsonl", &record));
  ATT_TRY(has(t, "model.safetensors", &model));
  ATT_TRY(has(t, "model.gguf", &quantized));
  if (record && !model && !quantized) return ATT_OK;
  return att_fail(t->ctx, ATT_IO, "%s: there is no checkpoint in it to resume from: train into another folder",
                  t->options->out);
}

static att_status prepare_folder(att_trainer *t) {
  const char *out = t->options->out;
  bool empty, existed = att_file_exists(out);
  ATT_TRY(att_folder_make(t->ctx, out));
  t->made_folder = !existed;
  ATT_TRY(att_folder_lock(t->ctx, out, &t->lock));
  ATT_TRY(att_folder_is_empty(t->ctx, out, &empty));
  if (!empty && t->options->resume != 1) {
    return att_fail(t->ctx, ATT_IO, "%s: the folder exists and is not empty: name another, or resume its run", out);
  }
  if (!empty) ATT_TRY(att_checkpoint_find(t->ctx, out, &t->resumed));
  return empty || t->resumed ? ATT_OK : check_unfinished(t);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static att_status choose(att_trainer *t) {
  ATT_TRY(att_plan_begin(t->ctx, &t->state.plan, t->options->task));
  t->task->choose(t, &t->state.plan);
  return att_plan_choose(t->ctx, &t->state.plan, t->task->shapes);
}

/* Widths that are tried for a number of parameters. */
enum { WIDTH_STEP = 16, MOST_WIDTHS = 512 };

static att_status count_at(att_trainer *t, const att_plan *wanted, const att_tokenizer *tokenizer, int64_t width,
                           int64_t *count) {
  att_config config;
  t->state.plan = *wanted;
  t->state.plan.width = width;
  ATT_TRY(choose(t));
  t->task->configure(t, tokenizer, &config);
  return att_model_count(t->ctx, &config, count);
}

/* The widest plan that has no more parameters than were asked for, or the narrowest there is. */
static att_status fit_width(att_trainer *t, const att_plan *wanted, const att_tokenizer *tokenizer) {
  int64_t low = 1, high = MOST_WIDTHS, count;
  while (low + 1 < high) {
    int64_t middle = (low + high) / 2;
    ATT_TRY(count_at(t, wanted, tokenizer, middle * WIDTH_STEP, &count));
    if (count <= wanted->parameters)
      low = middle;
    else
      high = middle;
  }
  return count_at(t, wanted, tokenizer, low * WIDTH_STEP, &count);
}

static att_status make_model(att_trainer *t, const att_plan *wanted) {
  att_config config;
  att_tokenizer *tokenizer;
  ATT_TRY(choose(t));
  ATT_TRY(t->task->train_tokenizer(t, &tokenizer));
  att_status status = ATT_OK;
  if (wanted->parameters != ATT_UNSET && wanted->width == ATT_UNSET) status = fit_width(t, wanted, tokenizer);
  if (status) {
    att_tokenizer_free(tokenizer);
    return status;
  }
  t->task->configure(t, tokenizer, &config);
  if (config.labels) {
    config.labels = att_labels_copy(t->ctx, (const char *const *)config.labels, config.label_count);
    if (!config.labels) status = ATT_MEMORY;
  }
  if (!status) status = att_model_new(t->ctx, &config, tokenizer, (uint64_t)t->state.plan.seed, &t->model);
  if (!status) return ATT_OK;
  att_tokenizer_free(tokenizer);
  att_free(t->ctx, config.labels);
  return status;
}

/* Of the values, whatever their type. */
static att_status weights_fingerprint(const att_model *model, uint64_t *key) {
  *key = 1;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    float *row = ATT_NEW(model->ctx, p->cols, float);
    if (!row) return ATT_MEMORY;
    for (int64_t r = 0; !p->fixed && r < p->rows; r++) {
      att_matrix_row(row, p->data, p->type, p->cols, r);
      for (int64_t j = 0; j < p->cols; j++) {
        uint32_t bits;
        memcpy(&bits, &row[j], sizeof bits);
        *key = att_key(*key, bits);
      }
    }
    att_free(model->ctx, row);
  }
  return ATT_OK;
}

att_status att_trainer_wrong_model(const att_trainer *t, const char *folder, const char *needs) {
  static const char *const kinds[ATT_KIND_COUNT] = {"an encoder-decoder", "a decoder", "an encoder"};
  static const char *const takers[ATT_KIND_COUNT] = {"translation", "lm", "mlm"};
  att_kind kind = t->model->config.kind;
  const char *task = att_task_names[t->options->task], *taker = t->model->head->output ? takers[kind] : "classifier";
  bool other = strcmp(task, taker) != 0;
  return att_fail(t->ctx, ATT_UNSUPPORTED, "%s is %s with %s%s; train %s needs %s%s%s", folder, kinds[kind],
                  t->model->config.head == ATT_HEAD_NONE ? "no head" : "a head of ",
                  t->model->config.head == ATT_HEAD_NONE ? "" : t->model->head->name, task, needs,
                  other ? "; for this folder use train " : "", other ? taker : "");
}

static att_status open_model(att_trainer *t) {
  ATT_TRY(att_model_open(t->ctx, t->options->from, &t->model));
  if (!t->reads_rows && !t->task->hears) ATT_TRY(att_model_check_text(t->model));
  ATT_TRY(weights_fingerprint(t->model, &t->state.from_fingerprint));
  t->model->config.storage = ATT_F32;
  ATT_TRY(t->task->fits(t, t->options->from));
  if (t->task->adopt) ATT_TRY(t->task->adopt(t));
  ATT_TRY(att_plan_adopt(t->ctx, &t->state.plan, &t->model->config));
  return choose(t);
}

static att_status begin_state(att_trainer *t, const att_plan *wanted, uint64_t train, uint64_t valid) {
  att_state_begin(&t->state, att_task_names[t->options->task]);
  t->state.plan = *wanted;
  t->state.options = t->options;
  t->state.train_fingerprint = train;
  t->state.valid_fingerprint = valid;
  return t->options->from ? open_model(t) : make_model(t, wanted);
}

/* Validation's files, or those that it is held out of. */
static att_status check_same_data(att_trainer *t, uint64_t train_fingerprint, uint64_t valid_fingerprint) {
  char names[400];
  bool train = train_fingerprint == t->state.train_fingerprint;
  if (train && valid_fingerprint == t->state.valid_fingerprint) return ATT_OK;
  if (!train || !att_options_list_files(t->options, true, names, sizeof names))
    att_options_list_files(t->options, false, names, sizeof names);
  return att_fail(t->ctx, ATT_FORMAT,
                  "%s: the %s data is not what the run in %s began with: give the same files, or train into another "
                  "folder",
                  names, train ? "validation" : "training", t->options->out);
}

/* The same --from must still be the same model. */
static att_status check_same_model(att_trainer *t) {
  att_model *model;
  if (!t->options->from) return ATT_OK;
  ATT_TRY(att_model_open(t->ctx, t->options->from, &model));
  uint64_t key = 0;
  att_status status = weights_fingerprint(model, &key);
  att_model_close(model);
  if (status) return status;
  if (key == t->state.from_fingerprint) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT,
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
  ATT_TRY(att_model_save_settings(t->model, t->options->out)); /* a larger budget may have settled the dropout */
  ATT_TRY(att_record_resume(t->ctx, t->options->out, s->step, s->validated, &t->record));
  ATT_TRY(tidy(t));
  t->saved_step = s->step;
  t->saved_at = att_now();
  return ATT_OK;
}

/* The state must be one of these data, or the next batch would be none of theirs. */
static att_status begin_epoch(att_trainer *t) {
  ATT_TRY(t->task->begin_epoch(t));
  int64_t index = t->state.index, count = t->task->batch_count(t);
  if (index < count) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT,
                  "%s: its checkpoint goes on with batch %lld, but an epoch has %lld: it is damaged", t->options->out,
                  (long long)index, (long long)count);
}

static att_status make_the_rest(att_trainer *t, const att_plan *wanted) {
  ATT_TRY(att_arena_new(t->ctx, &t->arena));
  ATT_TRY(t->task->encode(t));
  ATT_TRY(begin_epoch(t));
  ATT_TRY(att_freeze(t->model, t->state.plan.freeze));
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
    say_where(t);
  }
  return ATT_OK;
}

static bool asks_for_more(const att_plan *begun, const att_plan *wanted) {
  return wanted->steps > begun->steps || wanted->epochs > begun->epochs || wanted->minutes > begun->minutes;
}

static att_status set_up(att_trainer *t, const att_plan *wanted) {
  int64_t seed = wanted->seed == ATT_UNSET ? 1 : wanted->seed;
  uint64_t train, valid;
  if (t->resumed) {
    ATT_TRY(att_checkpoint_load_state(t->ctx, t->options->out, &t->state));
    t->state.options = t->options;
    ATT_TRY(att_plan_compare(t->ctx, &t->state.plan, wanted));
    seed = t->state.plan.seed;
  }
  t->work = "reading";
  att_trainer_work(t, 0);
  ATT_TRY(t->task->read(t, (uint64_t)seed, &train, &valid));
  if (!t->resumed) {
    ATT_TRY(begin_state(t, wanted, train, valid));
  } else {
    ATT_TRY(check_same_data(t, train, valid));
    ATT_TRY(check_same_model(t));
    if (t->state.complete && !asks_for_more(&t->state.plan, wanted)) return tidy(t);
    ATT_TRY(att_checkpoint_load_model(t->ctx, t->options->out, &t->model));
    ATT_TRY(t->task->fits(t, t->options->out));
  }
  return make_the_rest(t, wanted);
}

att_status att_trainer_setup(att_trainer *t) {
  att_plan wanted;
  att_state_begin(&t->state, att_task_names[t->options->task]);
  t->saved_step = -1;
  ATT_TRY(att_plan_wanted(t->ctx, t->task->shapes, t->options, &wanted));
  ATT_TRY(prepare_folder(t));
  return set_up(t, &wanted);
}

void att_trainer_free(att_trainer *t) {
  att_record_close(&t->record);
  t->task->free(t);
  att_optimizer_free(&t->optimizer);
  att_model_close(t->model);
  att_arena_free(t->arena);
  att_folder_unlock(t->lock);
  if (t->made_folder) rmdir(t->options->out);
}
