/*
 * Owns the number of steps: from steps, from epochs, or from minutes by timing the first steps. It is fixed once and
 * kept with the checkpoint. Refuses to shrink a budget when a run is resumed.
 */
#include "train/trainer.h"

#include <math.h>

#define ATT_VALIDATIONS      24   /* of a run, where the budget bears them */
#define ATT_UNTIMED_STEPS    5    /* first ones, in which memory and kernels settle */
#define ATT_LEAST_TIMED      20   /* steps */
#define ATT_FEWEST_TIMED     8    /* where the budget is too short for that */
#define ATT_VALIDATION_SHARE 0.04 /* of the time of a budget in minutes, at most */
#define ATT_EVALUATED_SHARE  0.2  /* of the work of a budget in steps, where validation is reading alone */
#define ATT_MARGIN           0.98 /* of what the timing promises: an hour is at most an hour */

static void say_steps(att_trainer *t) {
  const att_plan *p = &t->state.plan;
  int64_t count = t->task->batch_count(t);
  char text[256], steps[32], every[32];
  att_format(text, sizeof text,
             "%s steps (%.1f epochs of %lld batches), dropout %.2g, warm-up %lld, validation every %s",
             att_grouped(steps, p->steps), (double)p->steps / (double)count, (long long)count, p->dropout,
             (long long)p->warmup, att_grouped(every, p->valid_every));
  att_trainer_say(t, ATT_PROGRESS_PLAN, text);
}

static int64_t steps_of_epochs(const att_trainer *t, double epochs) {
  double steps = ceil(epochs * (double)t->task->batch_count(t) - 1e-9);
  return steps < 1e15 ? (int64_t)steps : (int64_t)1e15;
}

/* Forward alone is a third of a step. */
static int64_t most_validations(const att_trainer *t, int64_t steps) {
  if (!t->task->evaluated_tokens) return ATT_VALIDATIONS;
  double work = 3 * (double)steps * att_trainer_step_tokens(t) * ATT_EVALUATED_SHARE;
  double count = work / fmax(1, t->task->evaluated_tokens(t));
  return count > ATT_VALIDATIONS ? ATT_VALIDATIONS : count < 4 ? 4 : (int64_t)count;
}

/* Passes over the data decide the dropout: what is read but a few times cannot be learned by heart. */
static void fix_steps(att_trainer *t, int64_t steps, int64_t validations) {
  att_plan *p = &t->state.plan;
  att_plan_fix_steps(p, steps, t->task->warmup_part, validations);
  double epochs = (double)p->steps / (double)t->task->batch_count(t);
  att_choose_number(&p->dropout, t->task->dropout ? t->task->dropout(t, epochs) : 0.1);
  t->model->config.dropout = att_plan_dropout(p);
  say_steps(t);
}

void att_budget_begin(att_trainer *t) {
  att_plan *p = &t->state.plan;
  int64_t steps = p->steps > 0 ? p->steps : p->epochs > 0 ? steps_of_epochs(t, p->epochs) : 0;
  if (steps == 0) return; /* minutes: after the first steps */
  fix_steps(t, steps, most_validations(t, steps));
}

/* ---- a larger budget ------------------------------------------------------------------------------------------ */

/* The steps that the minutes wanted stand for, at the pace so far. */
static int64_t steps_of_minutes(const att_trainer *t, double minutes) {
  const att_state *s = &t->state;
  if (s->plan.minutes > 0) return (int64_t)((double)s->plan.steps * (minutes / s->plan.minutes));
  if (s->step == 0) return s->plan.steps;
  return (int64_t)(ATT_MARGIN * minutes * 60 / (s->seconds / (double)s->step));
}

att_status att_budget_extend(att_trainer *t, const att_plan *wanted) {
  att_plan *p = &t->state.plan;
  bool same_minutes = p->minutes > 0 && !(wanted->minutes < p->minutes) && !(wanted->minutes > p->minutes);
  bool asks = wanted->steps > 0 || wanted->epochs > 0 || wanted->minutes > 0;
  if (!asks || same_minutes) return ATT_OK;
  int64_t steps = wanted->steps > 0    ? wanted->steps
                  : wanted->epochs > 0 ? steps_of_epochs(t, wanted->epochs)
                                       : steps_of_minutes(t, wanted->minutes);
  if (steps < p->steps) {
    return att_fail(t->ctx, ATT_ARGUMENT,
                    "%s would end the run at step %lld, before its %lld: a budget counts from the run's beginning and "
                    "may only grow",
                    wanted->steps > 0    ? "--steps"
                    : wanted->epochs > 0 ? "--epochs"
                                         : "--minutes",
                    (long long)steps, (long long)p->steps);
  }
  bool grows = steps > p->steps;
  p->epochs = wanted->epochs;
  p->minutes = wanted->minutes;
  if (p->steps == 0 && wanted->minutes > 0) return ATT_OK; /* not fixed yet: it will be */
  if (p->steps == 0 || grows) {
    fix_steps(t, steps, most_validations(t, steps));
    t->state.complete = false;
    t->state.stale = 0;
  }
  return ATT_OK;
}

/* ---- minutes -------------------------------------------------------------------------------------------------- */

/* What a checkpoint costs, spread over the seconds between two of them (trainer.c saves by time). */
static double save_share(const att_trainer *t) {
  return t->state.plan.save_every > 0 ? t->save_cost / ((double)t->state.plan.save_every * t->step_seconds + 1e-9)
                                      : t->save_cost / fmax(60, 50 * t->save_cost);
}

/* The steps that fit into what is left beside validations, each with its snapshot, and the end of the run: averaging,
 * one more validation, saving. */
static att_status fix_from_timing(att_trainer *t) {
  att_state *s = &t->state;
  att_score_of_model ignored;
  double begin = att_now();
  ATT_TRY(t->task->evaluate(t, &ignored));
  t->evaluation_cost = att_now() - begin;
  double validation = 1.2 * t->evaluation_cost + t->save_cost;
  double left = 60 * s->plan.minutes * ATT_MARGIN - 0.2 - att_trainer_seconds(t);
  double step = t->timed_seconds / (double)t->timed_tokens * att_trainer_step_tokens(t);
  double count = floor(fmin(ATT_VALIDATIONS, fmax(2, ATT_VALIDATION_SHARE * left / validation)));
  double end = validation + 2 * t->save_cost;
  double steps = (left - count * validation - end) / (step * (1 + save_share(t)));
  if (t->task->most_epochs) {
    steps = fmin(steps, t->task->most_epochs(t) * (double)t->task->batch_count(t) - (double)s->step);
  }
  fix_steps(t, s->step + (steps > 1 ? (int64_t)steps : 1), (int64_t)count);
  ATT_TRY(att_model_save_settings(t->model, t->options->out));
  return att_trainer_save(t);
}

att_status att_budget_time_step(att_trainer *t, int64_t tokens) {
  double budget = 60 * t->state.plan.minutes;
  t->timed_steps++;
  if (t->timed_steps <= ATT_UNTIMED_STEPS && att_trainer_seconds(t) < 0.1 * budget) return ATT_OK;
  t->timed_tokens += tokens;
  t->timed_seconds += t->step_seconds;
  bool enough = t->timed_steps >= ATT_UNTIMED_STEPS + ATT_LEAST_TIMED && t->timed_seconds >= 0.01 * budget;
  bool late = t->timed_seconds >= 0.1 * budget || att_trainer_seconds(t) >= 0.4 * budget;
  if (late && t->timed_steps < ATT_FEWEST_TIMED && att_trainer_seconds(t) < 0.8 * budget) return ATT_OK;
  return enough || late ? fix_from_timing(t) : ATT_OK;
}

/* The time that the end of the run wants stays free: a validation and its model, the checkpoint, the average, its
 * validation and model. */
bool att_budget_is_spent(const att_trainer *t) {
  double budget = 60 * t->state.plan.minutes, end = 3 * t->save_cost + 2 * 1.2 * t->evaluation_cost;
  return t->state.plan.minutes > 0 && att_trainer_seconds(t) + end >= budget;
}
