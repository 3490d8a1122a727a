/* Owns writing a run's checkpoint. See trainer.h. */
#include "train/trainer.h"

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
  t->ctx->held++; /* an interrupt comes to this, and may not stop it */
  att_status status = att_checkpoint_save(&t->optimizer, t->options->out, &t->state);
  t->ctx->held--;
  t->state.seconds = seconds;
  t->saved_step = t->state.step;
  t->saved_at = att_now();
  t->save_cost = t->saved_at - begin;
  return status;
}
