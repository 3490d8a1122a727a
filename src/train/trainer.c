/*
 * Owns the run itself: steps, validations, checkpoints, the end. When a checkpoint
 * is written changes nothing in the results: whatever decides them is in att_state, the parameters and the moments.
 */
#include "train/trainer.h"

#include "base/random.h"
#include "formats/file.h"
#include "train/resume.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_RECORD_EVERY 10   /* steps between two lines of train.jsonl */
#define ATT_LOSS_MEMORY  0.95 /* of the smoothed loss: about 20 steps */

/* ---- a step --------------------------------------------------------------------------------------------------- */

static att_status not_finite(att_trainer *t, const char *what) {
  return att_fail(t->ctx, ATT_NUMERIC,
                  "step %lld: the %s is not a finite number: train again with a lower lr (it was %g); "
                  "the last good checkpoint is kept in %s",
                  (long long)t->state.step + 1, what, t->state.plan.lr, t->options->out);
}

/* Forward, backward and update on one batch. *tokens: real ones, padding not. */
static att_status learn(att_trainer *t, double lr, att_loss *loss, int64_t *tokens) {
  const att_state *s = &t->state;
  uint64_t key = att_key(att_key((uint64_t)s->plan.seed, 0x64726f70), (uint64_t)s->step);
  att_run run = {.ctx = t->ctx, .arena = t->arena, .dropout = att_plan_dropout(&s->plan), .dropout_key = key};
  run.learning = true;
  att_batch batch;
  ATT_TRY(t->task->batch(t, &batch, tokens));
  double divisor = (double)att_batch_targets(t->model, &batch);
  att_arena_reset(t->arena);
  *loss = (att_loss){0};
  ATT_TRY(att_tape_new(t->arena, &run.tape));
  ATT_TRY(att_model_loss(&run, t->model, &batch, (float)s->plan.label_smoothing, divisor, loss));
  if (!isfinite(loss->loss)) return not_finite(t, "loss");
  ATT_TRY(att_backward(&run));
  double norm = att_optimizer_norm(&t->optimizer);
  if (!isfinite(norm)) return not_finite(t, "gradient");
  att_optimizer_step(&t->optimizer, &s->plan, s->step + 1, lr, norm);
  return ATT_OK;
}

static att_status advance(att_trainer *t, const att_loss *loss, int64_t tokens) {
  att_state *s = &t->state;
  s->step++;
  s->tokens += tokens;
  s->loss_sum = ATT_LOSS_MEMORY * s->loss_sum + loss->nll;
  s->loss_weight = ATT_LOSS_MEMORY * s->loss_weight + (double)loss->count;
  t->rate_tokens = ATT_LOSS_MEMORY * t->rate_tokens + (double)tokens;
  t->rate_seconds = ATT_LOSS_MEMORY * t->rate_seconds + t->step_seconds;
  if (++s->index < t->task->batch_count(t)) return ATT_OK;
  s->index = 0;
  s->epoch++;
  return t->task->begin_epoch(t);
}

static bool is_last(const att_state *s) { return s->plan.steps > 0 && s->step >= s->plan.steps; }

static double seconds_left(const att_trainer *t) {
  const att_state *s = &t->state;
  if (s->plan.steps == 0) return fmax(0, 60 * s->plan.minutes - att_trainer_seconds(t));
  return (double)(s->plan.steps - s->step) * att_trainer_step_tokens(t) * t->rate_seconds / t->rate_tokens;
}

static att_status report_step(att_trainer *t, double lr) {
  const att_state *s = &t->state;
  double loss = s->loss_sum / s->loss_weight, rate = t->rate_tokens / fmax(t->rate_seconds, 1e-9);
  att_progress progress = {.kind = ATT_PROGRESS_STEP,
                           .step = s->step,
                           .steps = s->plan.steps,
                           .seconds = att_trainer_seconds(t),
                           .seconds_left = seconds_left(t),
                           .tokens = s->tokens,
                           .loss = loss,
                           .lr = lr,
                           .tokens_per_second = rate,
                           .quality = -1};
  if (t->progress) t->progress(t->user, &progress);
  if (s->step % ATT_RECORD_EVERY != 0 && s->step != 1 && !is_last(s)) return ATT_OK;
  return att_record_step(&t->record, s->step, progress.seconds, s->tokens, loss, lr, rate);
}

static att_status take_step(att_trainer *t) {
  double begin = att_now(), lr = att_plan_lr(&t->state.plan, t->state.step + 1);
  att_loss loss;
  int64_t tokens;
  ATT_TRY(learn(t, lr, &loss, &tokens));
  t->step_seconds = att_now() - begin;
  ATT_TRY(advance(t, &loss, tokens));
  ATT_TRY(report_step(t, lr));
  return t->state.plan.steps > 0 ? ATT_OK : att_budget_time_step(t, tokens);
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

/* By quality, once one of them has one that tells, and where that is equal or less by loss. Where a few are held out,
 * their measure is luck: the later is the better. */
static bool is_better(const att_trainer *t, att_score_of_model a, att_score_of_model b) {
  if (t->few_held) return true;
  if (fmax(a.quality, b.quality) < t->task->telling) return a.loss < b.loss;
  if (a.quality < b.quality || a.quality > b.quality) return a.quality > b.quality;
  return a.loss < b.loss;
}

/* Within a thirtieth of the best, by the same measure: what an average is made of. */
static bool is_good(const att_trainer *t, att_score_of_model score, att_score_of_model best) {
  if (t->few_held) return true;
  if (best.quality < t->task->telling) return score.loss <= 1.03 * best.loss;
  return score.quality >= 0.97 * best.quality;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

static att_status save_model(att_trainer *t) {
  return att_model_save_weights(t->model, t->options->out, "model", NULL);
}

static att_status keep_snapshot(att_trainer *t, att_score_of_model score) {
  att_state *s = &t->state;
  if (s->plan.average < 2 || !is_good(t, score, s->best.score)) return ATT_OK;
  ATT_TRY(att_snapshot_save(t->model, t->options->out, s->step));
  if (s->snapshot_count == s->plan.average) {
    s->snapshot_count--;
    memmove(s->snapshots, s->snapshots + 1, (size_t)s->snapshot_count * sizeof *s->snapshots);
  }
  s->snapshots[s->snapshot_count++] = (att_snapshot){s->step, score};
  return ATT_OK;
}

static double perplexity_of(const att_trainer *t, att_score_of_model score) {
  return t->task->predicts_tokens ? exp(score.loss) : 0;
}

static void say_validation(att_trainer *t, att_score_of_model score, bool best) {
  const att_state *s = &t->state;
  att_progress progress = {.kind = ATT_PROGRESS_VALID,
                           .step = s->step,
                           .steps = s->plan.steps,
                           .seconds = att_trainer_seconds(t),
                           .seconds_left = t->rate_tokens > 0 ? seconds_left(t) : 0,
                           .tokens = s->tokens,
                           .loss = s->loss_weight > 0 ? s->loss_sum / s->loss_weight : 0,
                           .valid_loss = score.loss,
                           .perplexity = perplexity_of(t, score),
                           .quality = score.quality,
                           .quality_name = t->task->quality(t),
                           .best = best};
  if (t->progress) t->progress(t->user, &progress);
}

/* Patience counts validations in which neither the loss nor the quality was the best so far. */
static void count_stale(att_state *s, att_score_of_model score) {
  s->stale++;
  if (score.loss < s->lowest.loss) {
    s->lowest.loss = score.loss;
    s->stale = 0;
  }
  if (score.quality > s->lowest.quality) {
    s->lowest.quality = score.quality;
    s->stale = 0;
  }
}

static att_status validate(att_trainer *t) {
  att_state *s = &t->state;
  att_score_of_model score;
  double begin = att_now();
  ATT_TRY(t->task->evaluate(t, &score));
  t->evaluation_cost = att_now() - begin;
  if (!isfinite(score.loss)) {
    return att_fail(t->ctx, ATT_NUMERIC,
                    "step %lld: the validation loss is not a finite number: train again with a lower "
                    "lr (it was %g); the last good checkpoint is kept in %s",
                    (long long)s->step, s->plan.lr, t->options->out);
  }
  bool best = s->best.step < 0 || is_better(t, score, s->best.score);
  if (best) {
    ATT_TRY(save_model(t));
    s->best = (att_snapshot){s->step, score};
  }
  ATT_TRY(keep_snapshot(t, score));
  if (!t->few_held) count_stale(s, score);
  s->validated = s->step;
  ATT_TRY(att_record_valid(&t->record, s->step, att_trainer_seconds(t), score.loss, perplexity_of(t, score),
                           t->task->quality(t), score.quality));
  say_validation(t, score, best && !t->few_held);
  return att_record_draw(&t->record, t->task->quality(t));
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

static int64_t good_snapshots(const att_trainer *t, att_snapshot *good) {
  const att_state *s = &t->state;
  int64_t count = 0;
  for (int64_t i = 0; i < s->snapshot_count; i++)
    if (is_good(t, s->snapshots[i].score, s->best.score)) good[count++] = s->snapshots[i];
  return count;
}

/* The best of many measurements is in part luck, so an average with the lower loss may be a little below its
 * quality. */
static bool average_wins(const att_trainer *t, att_score_of_model average, att_score_of_model best) {
  if (!isfinite(average.loss) || t->few_held) return isfinite(average.loss);
  if (average.loss < best.loss) return average.quality >= best.quality - 0.01 * fabs(best.quality);
  return is_better(t, average, best);
}

/* Measures the mean of the good snapshots; where it is better, it becomes the model. *used: how many, or 0. */
static att_status try_average(att_trainer *t, int64_t *used) {
  att_state *s = &t->state;
  att_snapshot good[ATT_MOST_AVERAGE];
  att_score_of_model score;
  int64_t count = good_snapshots(t, good);
  *used = 0;
  if (count < 2) return ATT_OK;
  ATT_TRY(att_snapshots_average(t->model, t->options->out, good, count));
  ATT_TRY(t->task->evaluate(t, &score));
  if (!average_wins(t, score, s->best.score)) return ATT_OK;
  ATT_TRY(save_model(t));
  s->best = (att_snapshot){s->step, score};
  *used = count;
  return ATT_OK;
}

static void describe(const att_trainer *t, att_score_of_model score, char *text, size_t size) {
  const char *name = t->task->quality(t);
  char quality[64] = "";
  if (t->task->describe) {
    t->task->describe(t, score, text, size);
    return;
  }
  if (name && score.quality >= 0) att_format(quality, sizeof quality, "%s %.4g, ", name, score.quality);
  att_format(text, size, "%s%s %.*f", quality, t->task->predicts_tokens ? "perplexity" : "loss",
             t->task->predicts_tokens ? 2 : 4, t->task->predicts_tokens ? exp(score.loss) : score.loss);
}

static void say_done(att_trainer *t, int64_t averaged) {
  const att_state *s = &t->state;
  char text[1024], kind[96], score[160], time[32];
  describe(t, s->best.score, score, sizeof score);
  if (averaged > 0)
    snprintf(kind, sizeof kind, "the mean of the last %lld good checkpoints", (long long)averaged);
  else
    snprintf(kind, sizeof kind, "of step %lld", (long long)s->best.step);
  att_format(text, sizeof text, "done: %lld steps in %s; validation %s; the model, %s, is in %s", (long long)s->step,
             att_spell_seconds(time, att_trainer_seconds(t)), score, kind, t->options->out);
  att_trainer_say(t, ATT_PROGRESS_DONE, text);
}

/* Killed anywhere in here, the checkpoint of the last step leads to the same end. */
static att_status finish(att_trainer *t) {
  att_state *s = &t->state;
  int64_t averaged;
  ATT_TRY(att_trainer_save(t));
  t->finishing = true;
  ATT_TRY(try_average(t, &averaged));
  s->complete = true;
  s->snapshot_count = 0;
  double seconds = s->seconds;
  s->seconds = att_trainer_seconds(t);
  ATT_TRY(att_checkpoint_save_state(t->ctx, t->options->out, s));
  s->seconds = seconds;
  ATT_TRY(att_snapshots_prune(t->ctx, t->options->out, s));
  say_done(t, averaged);
  return ATT_OK;
}

/* ---- the run -------------------------------------------------------------------------------------------------- */

static bool is_over(const att_trainer *t) {
  const att_state *s = &t->state;
  bool stale = s->plan.patience > 0 && s->stale >= s->plan.patience;
  return is_last(s) || stale || (s->plan.steps > 0 && att_budget_is_spent(t));
}

static bool must_validate(const att_trainer *t) {
  const att_state *s = &t->state;
  if (s->validated == s->step || s->step == 0 || s->plan.steps == 0) return false;
  return s->step % s->plan.valid_every == 0 || is_over(t);
}

static bool must_save(const att_trainer *t) {
  const att_state *s = &t->state;
  if (s->plan.steps == 0 || s->step == t->saved_step) return false;
  if (s->plan.save_every > 0) return s->step % s->plan.save_every == 0;
  return att_now() - t->saved_at >= fmax(60, 50 * t->save_cost);
}

static att_status run(att_trainer *t) {
  for (;;) {
    if (must_validate(t)) ATT_TRY(validate(t));
    if (is_over(t)) return finish(t);
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted between two steps");
    if (must_save(t)) ATT_TRY(att_trainer_save(t));
    ATT_TRY(take_step(t));
  }
}

static att_status leave(att_trainer *t) {
  if (!t->finishing) ATT_TRY(att_trainer_save(t));
  if (t->state.step == 0) {
    return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted before the first step: attend train --resume %s goes on",
                    t->options->out);
  }
  return att_fail(t->ctx, ATT_INTERRUPTED,
                  "interrupted at step %lld; what was learned is saved: attend train --resume %s goes on",
                  (long long)t->state.step, t->options->out);
}

att_status att_trainer_run(att_context *ctx, const att_task *task, const att_train_options *options,
                           att_progress_fn *progress, void *user) {
  double begin = att_now();
  att_train_options *whole;
  ATT_TRY(att_train_options_recall(ctx, options, &whole));
  att_trainer *t = ATT_NEW(ctx, 1, att_trainer);
  if (!t) {
    att_train_options_free(whole);
    return ATT_MEMORY;
  }
  *t = (att_trainer){.ctx = ctx,
                     .task = task,
                     .options = whole,
                     .progress = progress,
                     .user = user,
                     .things = task->things,
                     .clock_start = begin};
  att_status status = att_trainer_setup(t);
  if (status == ATT_OK && t->state.complete) {
    att_trainer_say(t, ATT_PROGRESS_DONE,
                    "the run is complete: nothing to do; more --steps, --epochs or --minutes go on with it");
  } else if (status == ATT_OK) {
    status = run(t);
    if (status == ATT_INTERRUPTED) status = leave(t);
  }
  att_trainer_free(t);
  att_free(ctx, t);
  att_train_options_free(whole);
  return status;
}
