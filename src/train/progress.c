/* Owns what the parts of a run say while they work, and what they know of its time. See trainer.h. */
#include "train/trainer.h"

#include <stdio.h>

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

const char *att_spell_seconds(char *out, double seconds) {
  double value = seconds < 90 ? seconds : seconds < 5400 ? seconds / 60 : seconds / 3600;
  att_format(out, 32, "%.1f %s", value, seconds < 90 ? "s" : seconds < 5400 ? "minutes" : "hours");
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
                           .quality = -1};
  t->progress(t->user, &progress);
}

int att_trainer_work(void *trainer, double done) {
  att_trainer *t = trainer;
  if (t->progress) {
    att_progress progress = {
        .kind = ATT_PROGRESS_WORK, .text = t->work, .done = done, .seconds = att_trainer_seconds(t), .quality = -1};
    t->progress(t->user, &progress);
  }
  return att_is_interrupted(t->ctx);
}

double att_trainer_step_tokens(const att_trainer *t) {
  return t->task->epoch_tokens(t) / (double)t->task->batch_count(t);
}
