/* Owns what held_out.h says. */
#include "train/held_out.h"

#include "train/trainer.h"

struct att_held {
  att_trainer trainer; /* of a run that never begins: its data is read, and no more */
  uint64_t fingerprint;
};

/* As a run that goes on: its plan is there, and what was said of the data is not said again. */
static att_status read_data(att_held *h) {
  att_trainer *t = &h->trainer;
  uint64_t train;
  ATT_TRY(att_plan_wanted(t->ctx, t->task->shapes, t->options, &t->state.plan));
  int64_t seed = t->state.plan.seed == ATT_UNSET ? 1 : t->state.plan.seed;
  t->resumed = true;
  return t->task->read(t, (uint64_t)seed, &train, &h->fingerprint);
}

att_status att_held_read(att_context *ctx, const att_train_options *options, att_held **out) {
  const att_task *task = att_task_of(options);
  *out = NULL;
  if (!task || !task->held) {
    return att_fail(ctx, ATT_UNSUPPORTED, "models of train %s are not compared", att_task_names[options->task]);
  }
  att_held *held = ATT_NEW(ctx, 1, att_held);
  if (!held) return ATT_MEMORY;
  held->trainer = (att_trainer){.ctx = ctx, .task = task, .options = options, .things = task->things};
  att_status status = read_data(held);
  if (status)
    att_held_free(held);
  else
    *out = held;
  return status;
}

void att_held_free(att_held *held) {
  if (!held) return;
  att_context *ctx = held->trainer.ctx;
  held->trainer.task->free(&held->trainer);
  att_free(ctx, held);
}

bool att_held_at(const att_held *held, size_t index, att_held_item *item) {
  *item = (att_held_item){0};
  return held->trainer.task->held(&held->trainer, index, item);
}

const char *att_held_things(const att_held *held) { return held->trainer.things; }

const char *att_held_quality(const att_held *held) { return held->trainer.task->quality(&held->trainer); }

uint64_t att_held_fingerprint(const att_held *held) { return held->fingerprint; }
