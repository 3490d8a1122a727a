/* Trains a translator from two files, one sentence a line: train SOURCE TARGET FOLDER [STEPS] */
#include <attend/attend.h>
#include <stdio.h>

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
  case ATT_PROGRESS_VALID:
    printf("validation loss %.3f, %s %.1f\n", progress->valid_loss, progress->quality_name, progress->quality);
    break;
  case ATT_PROGRESS_WORK: break;
  }
}

static att_status train(att_context *ctx, char **arguments, const char *steps) {
  att_train_options *options; /* what is not said is chosen from the data and the budget */
  att_status status = att_train_options_new(ctx, "translation", &options);
  if (status == ATT_OK) status = att_train_options_set(options, "source", arguments[1]);
  if (status == ATT_OK) status = att_train_options_set(options, "target", arguments[2]);
  if (status == ATT_OK) status = att_train_options_set(options, "out", arguments[3]);
  if (status == ATT_OK) status = att_train_options_set(options, "steps", steps);
  if (status == ATT_OK) status = att_train(ctx, options, show, NULL);
  att_train_options_free(options);
  return status;
}

int main(int count, char **arguments) {
  if (count < 4 || count > 5) {
    fprintf(stderr, "usage: train SOURCE TARGET FOLDER [STEPS]\n");
    return 2;
  }
  att_context *ctx;
  if (att_context_new(NULL, &ctx) != ATT_OK) return 1;
  att_status status = train(ctx, arguments, count == 5 ? arguments[4] : NULL);
  if (status != ATT_OK) fprintf(stderr, "train: %s\n", att_message(ctx));
  att_context_free(ctx);
  return status == ATT_OK ? 0 : 1;
}
