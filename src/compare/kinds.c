/* Owns the kinds of data that networks are compared on, a row each. */
#include "compare/compare.h"

#include "train/data/rolls.h"

#include <string.h>

#define SPANS(list) .spans = list, .span_count = sizeof list / sizeof *list

static const att_span words[] = {{1, 4},   {5, 8},   {9, 12},  {13, 16},  {17, 24},
                                 {25, 32}, {33, 48}, {49, 96}, {97, 192}, {193, -1}};
static const att_span doubling[] = {{1, 1},   {2, 2},   {3, 4},    {5, 8},     {9, 16},
                                    {17, 32}, {33, 64}, {65, 128}, {129, 256}, {257, -1}};
static const att_span many_words[] = {{1, 50},    {51, 100},  {101, 150}, {151, 200},
                                      {201, 300}, {301, 500}, {501, 800}, {801, -1}};
static const att_span rows[] = {{1, 16},    {17, 24},   {25, 32},   {33, 48},   {49, 64},   {65, 96},    {97, 128},
                                {129, 192}, {193, 256}, {257, 384}, {385, 512}, {513, 768}, {769, 1024}, {1025, -1}};
static const att_span steps[] = {{1, 1},   {2, 4},    {5, 8},     {9, 16},    {17, 32},   {33, 48}, {49, 72},
                                 {73, 96}, {97, 144}, {145, 192}, {193, 336}, {337, 720}, {721, -1}};

static const att_span frames[] = {{0, 0},   {1, 1},   {2, 2},    {3, 4},     {5, 8},     {9, 16},
                                  {17, 32}, {33, 64}, {65, 128}, {129, 256}, {257, 512}, {513, -1}};

#define OF_TOKENS "in nats a predicted token; lower is better"
#define OF_LABELS "in nats a predicted label; lower is better"

static const att_compare_kind kinds[] = {
    {.task = ATT_TASK_TRANSLATION,
     .title = "Translation",
     .score = "BLEU",
     .higher_is_better = true,
     .input = "source",
     .probes = "texts",
     .length_unit = "words of the source",
     .length_meaning = "how the score changes as texts get longer",
     .loss_meaning = OF_TOKENS,
     .part = ATT_LOOK_CROSS,
     .most = 400,
     SPANS(words),
     .measure = att_compare_translations},
    {.task = ATT_TASK_SUMMARIZATION,
     .endings = ".jsonl .jsonl.gz",
     .title = "Summarization",
     .score = "ROUGE-L",
     .higher_is_better = true,
     .input = "text",
     .probes = "texts",
     .length_unit = "words of the text",
     .length_meaning = "how the score changes as texts get longer",
     .loss_meaning = OF_TOKENS,
     .part = ATT_LOOK_CROSS,
     .most = 200,
     SPANS(many_words),
     .measure = att_compare_summaries},
    {.task = ATT_TASK_LM,
     .title = "Language modelling",
     .score = "Bits per byte",
     .input = "text",
     .probes = "texts",
     .length_unit = "words of context",
     .length_meaning = "of the eight words that follow so many words of context; lower is better",
     .loss_meaning = OF_TOKENS,
     .part = ATT_LOOK_DECODER,
     SPANS(doubling),
     .choose = att_choose_pieces,
     .measure = att_compare_language},
    {.task = ATT_TASK_MUSIC,
     .things = "tunes",
     .endings = ".json .json.gz",
     .is_in = att_rolls_are_in,
     .without = 1U << ATT_FFN,
     .title = "Piano rolls",
     .score = "Nats per frame",
     .input = "tune",
     .probes = "tunes",
     .length_unit = "frames before",
     .length_meaning = "of frames that so many others of the tune stand before; lower is better",
     .loss_meaning = "in nats a frame; lower is better",
     .part = ATT_LOOK_DECODER,
     SPANS(frames),
     .choose = att_choose_tunes,
     .measure = att_compare_rolls},
    {.task = ATT_TASK_MUSIC,
     .things = "tokens",
     .endings = ".mid .midi .abc",
     .title = "Music",
     .score = "Nats per word",
     .input = "tune",
     .probes = "pieces of tunes",
     .length_unit = "words of context",
     .length_meaning = "of the eight words of the tune that follow so many words of context; lower is better",
     .loss_meaning = "in nats a word of the tune; lower is better",
     .part = ATT_LOOK_DECODER,
     SPANS(doubling),
     .choose = att_choose_pieces,
     .measure = att_compare_music},
    {.task = ATT_TASK_CLASSIFIER,
     .things = "texts",
     .title = "Classification",
     .higher_is_better = true,
     .input = "text",
     .probes = "texts",
     .length_unit = "words of the text",
     .length_meaning = "how the score changes as texts get longer",
     .loss_meaning = OF_LABELS,
     .part = ATT_LOOK_ENCODER,
     SPANS(words),
     .measure = att_compare_classes},
    {.task = ATT_TASK_CLASSIFIER,
     .things = "series",
     .endings = ".ts .ts.gz",
     .title = "Classification of series",
     .higher_is_better = true,
     .input = "series",
     .probes = "series",
     .length_unit = "rows of the series",
     .length_meaning = "how the score changes as series get longer",
     .loss_meaning = OF_LABELS,
     .part = ATT_LOOK_ENCODER,
     SPANS(rows),
     .choose = att_choose_rows,
     .measure = att_compare_classes},
    {.task = ATT_TASK_CLASSIFIER,
     .things = "recordings",
     .title = "Classification of sounds",
     .higher_is_better = true,
     .input = "recording",
     .probes = "recordings",
     .length_unit = "rows of the recording, 100 a second",
     .length_meaning = "how the score changes as recordings get longer",
     .loss_meaning = OF_LABELS,
     .part = ATT_LOOK_ENCODER,
     SPANS(rows),
     .choose = att_choose_rows,
     .measure = att_compare_classes},
    {.task = ATT_TASK_QA,
     .endings = ".json .json.gz",
     .title = "Answering questions",
     .score = "F1",
     .higher_is_better = true,
     .input = "question",
     .probes = "questions",
     .length_unit = "words of the context",
     .length_meaning = "how the score changes as contexts get longer",
     .loss_meaning = "in nats an end of an answer; lower is better",
     .part = ATT_LOOK_ENCODER,
     .most = 400,
     SPANS(many_words),
     .measure = att_compare_answers},
    {.task = ATT_TASK_FORECAST,
     .title = "Forecasts",
     .score = "Squared error",
     .input = "window",
     .probes = "windows",
     .length_unit = "steps ahead",
     .length_meaning = "of scaled values so many steps ahead; lower is better",
     .loss_meaning = "squared error of scaled values, all steps together; lower is better",
     .part = ATT_LOOK_ENCODER,
     .most = 400,
     SPANS(steps),
     .choose = att_choose_steps,
     .measure = att_compare_forecasts},
};

#define COUNT (sizeof kinds / sizeof *kinds)

const att_compare_kind *att_kind_find(int task, const char *things) {
  for (size_t i = 0; i < COUNT; i++)
    if (kinds[i].task == task && (!kinds[i].things || strcmp(kinds[i].things, things) == 0)) return &kinds[i];
  return NULL;
}

static bool ends_as(const char *name, const char *endings) {
  size_t size = strlen(name);
  for (const char *at = endings; at && *at;) {
    size_t length = strcspn(at, " ");
    if (size > length && strncmp(name + size - length, at, length) == 0) return true;
    at += length + (at[length] == ' ');
  }
  return false;
}

att_status att_kind_of_file(att_context *ctx, const char *name, int *task) {
  for (size_t i = 0; i < COUNT; i++) {
    bool is_in = ends_as(name, kinds[i].endings);
    if (is_in && kinds[i].is_in) ATT_TRY(kinds[i].is_in(ctx, name, &is_in));
    *task = kinds[i].task;
    if (is_in) return ATT_OK;
  }
  *task = ATT_TASK_CLASSIFIER;
  return ATT_OK;
}
