/* Owns the list of tasks: which of them att_train runs. */
#include "train/data/rolls.h"
#include "train/task.h"

/* By the numbers of options.h. */
static const att_task *const tasks[ATT_TASK_COUNT] = {
    [ATT_TASK_TRANSLATION] = &att_translation_task,
    [ATT_TASK_LM] = &att_language_task,
    [ATT_TASK_CLASSIFIER] = &att_classifier_task,
    [ATT_TASK_MLM] = &att_masked_task,
    [ATT_TASK_SUMMARIZATION] = &att_summarization_task,
    [ATT_TASK_QA] = &att_questions_task,
    [ATT_TASK_FORECAST] = &att_forecast_task,
    [ATT_TASK_MUSIC] = &att_language_task,
    [ATT_TASK_SPEECH] = &att_speech_task,
};

/* Piano rolls are another task than tunes as words, and picking sentences another than writing. */
const att_task *att_task_of(const att_train_options *o) {
  const att_task *task = tasks[o->task];
  if (o->task == ATT_TASK_MUSIC && o->texts.count && att_is_roll_file(o->texts.names[0])) return &att_frames_task;
  return task == &att_summarization_task && o->plan.extract == 1 ? &att_extraction_task : task;
}

att_status att_train(att_context *ctx, const att_train_options *options, att_progress_fn *progress, void *user) {
  if (!options) return att_fail(ctx, ATT_ARGUMENT, "att_train: options is NULL");
  const att_task *task = att_task_of(options);
  if (task) return att_trainer_run(ctx, task, options, progress, user);
  return att_fail(ctx, ATT_ARGUMENT, "att_train: the options are those of %s, which is no task",
                  att_task_names[options->task]);
}
