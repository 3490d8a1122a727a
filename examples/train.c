/* Trains a translator from two files, one sentence a line: train SOURCE TARGET FOLDER [STEPS] */
#include <attend/attend.h>
#include <stdio.h>
#include <stdlib.h>

static void show(void *user, const att_progress *progress) {
  (void)user;
  switch (progress->kind) {
  case ATT_PROGRESS_PLAN:
  case ATT_PROGRESS_DONE: printf("%s\n", progress->text); break;
  case ATT_PROGRESS_STEP:
    if (progress->step % 100 == 0)
      printf("step %lld of %lld: loss %.3f, %.0f tokens a second\n", (long long)progress->step,
             (long long)progress->steps, progress->loss, progress->tokens_per_second);
    break;
  case ATT_PROGRESS_VALID: printf("validation loss %.3f, BLEU %.1f\n", progress->valid_loss, progress->bleu); break;
  case ATT_PROGRESS_WORK: break;
  }
}

int main(int count, char **arguments) {
  if (count < 4 || count > 5) {
    fprintf(stderr, "usage: train SOURCE TARGET FOLDER [STEPS]\n");
    return 2;
  }
  att_context *ctx;
  if (att_context_new(NULL, &ctx) != ATT_OK) return 1;
  att_train_options options; /* what is not said is chosen from the data and the budget */
  att_train_options_default(&options);
  options.source = arguments[1];
  options.target = arguments[2];
  options.out = arguments[3];
  if (count == 5) options.steps = atoll(arguments[4]);
  att_status status = att_train_translation(ctx, &options, show, NULL);
  if (status != ATT_OK) fprintf(stderr, "train: %s\n", att_message(ctx));
  att_context_free(ctx);
  return status == ATT_OK ? 0 : 1;
}
