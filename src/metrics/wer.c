/*
 * Owns the public call for error rates of transcripts: lines to words and characters, the counts of edits, rates and
 * drawn alignments as jiwer has them. Refuses lines that are longer than 2^29 characters.
 */
#include "formats/json.h"
#include "metrics/edits.h"
#include "metrics/english.h"
#include "metrics/ngrams.h"
#include "metrics/sacrebleu.h"
#include "text/unicode.h"

#include <string.h>

typedef struct wer_counts {
  int64_t of[ATT_EDIT_INSERT + 1]; /* by att_edit */
} wer_counts;

typedef struct wer_task {
  att_context *ctx;
  const att_wer_options *options;
  const json_t *spellings;
  att_buffer normalized, drawn[3];
  att_runes reference, hypothesis; /* lines */
  att_ngrams words;
  unsigned char *edits;
  size_t room; /* of edits */
  wer_counts word, character;
} wer_task;

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static void strip(att_runes *line) {
  size_t begin = 0;
  while (line->count > 0 && att_rune_is_space(line->data[line->count - 1])) line->count--;
  while (begin < line->count && att_rune_is_space(line->data[begin])) begin++;
  line->count -= begin;
  memmove(line->data, line->data + begin, line->count * sizeof *line->data);
}

/* No character: one of white space that is part of a word. */
enum { NOT_A_SPACE = 0x200000 };

/* White space of several characters becomes one space. What is alone stays what it is, and parts words where it is a
 * space only. */
static void join_spaces(att_runes *line) {
  size_t to = 0;
  for (size_t i = 0; i < line->count;) {
    size_t end = i;
    while (end < line->count && att_rune_is_space(line->data[end])) end++;
    bool kept = end == i + 1 && line->data[i] != ' ';
    line->data[to++] = kept ? line->data[i] | NOT_A_SPACE : end > i ? ' ' : line->data[i];
    i = end > i ? end : i + 1;
  }
  line->count = to;
}

static att_status read_line(wer_task *t, att_text text, att_runes *line) {
  if (t->options->english) {
    t->normalized.size = 0;
    ATT_TRY(att_english_normalize(t->ctx, text, t->spellings, &t->normalized));
    text = (att_text){t->normalized.data ? t->normalized.data : "", t->normalized.size};
  }
  ATT_TRY(att_runes_read(t->ctx, text, false, line));
  strip(line);
  return ATT_OK;
}

/* ---- edits ------------------------------------------------------------------------------------------------------ */

static att_status find_edits(wer_task *t, const att_runes *reference, const att_runes *hypothesis, size_t *count) {
  size_t most = reference->count + hypothesis->count;
  if (most > t->room) {
    unsigned char *edits = att_resize(t->ctx, t->edits, most, 1);
    if (!edits) return ATT_MEMORY;
    t->edits = edits;
    t->room = most;
  }
  return att_edits_find(t->ctx, reference->data, reference->count, hypothesis->data, hypothesis->count, t->edits,
                        count);
}

static wer_counts count(const wer_task *t, size_t edits) {
  wer_counts counts = {{0}};
  for (size_t i = 0; i < edits; i++) counts.of[t->edits[i]]++;
  return counts;
}

static void add(wer_counts *all, const wer_counts *of) {
  for (int i = 0; i <= ATT_EDIT_INSERT; i++) all->of[i] += of->of[i];
}

/* ---- drawing ---------------------------------------------------------------------------------------------------- */

/* The next word of a line, or character, from *at. */
static att_runes next_item(const att_runes *line, bool characters, size_t *at) {
  size_t begin = *at;
  if (characters) return (att_runes){line->data + (*at)++, 1, 0};
  while (line->data[begin] == ' ') begin++;
  for (*at = begin; *at < line->count && line->data[*at] != ' ';) ++*at;
  return (att_runes){line->data + begin, *at - begin, 0};
}

/* An item to the right of `width` characters; data NULL: so many of `fill`. */
static att_status draw_item(wer_task *t, int row, const att_runes *item, char fill, size_t width) {
  size_t blank = item->data ? width - item->count : width;
  for (size_t i = 0; i < blank; i++) ATT_TRY(att_buffer_append(t->ctx, &t->drawn[row], item->data ? " " : &fill, 1));
  for (size_t i = 0; item->data && i < item->count; i++) {
    char bytes[4];
    ATT_TRY(att_buffer_append(t->ctx, &t->drawn[row], bytes, att_utf8_put(item->data[i] & ~NOT_A_SPACE, bytes)));
  }
  return ATT_OK;
}

static att_status draw_edit(wer_task *t, att_edit edit, const att_runes *reference, const att_runes *hypothesis) {
  int32_t letter = " SDI"[edit];
  const att_runes mark = {&letter, 1, 0};
  size_t width = reference->count > hypothesis->count ? reference->count : hypothesis->count;
  ATT_TRY(draw_item(t, 0, reference, '*', width));
  ATT_TRY(draw_item(t, 1, hypothesis, '*', width));
  return draw_item(t, 2, &mark, ' ', width);
}

static att_status draw(wer_task *t, size_t edits) {
  static const char *const begins[] = {"REF: ", "HYP: ", "     "};
  bool characters = t->options->characters;
  size_t reference = 0, hypothesis = 0;
  for (int row = 0; row < 3; row++) {
    t->drawn[row].size = 0;
    ATT_TRY(att_buffer_append(t->ctx, &t->drawn[row], begins[row], 5));
  }
  for (size_t i = 0; i < edits; i++) {
    att_edit edit = (att_edit)t->edits[i];
    att_runes ref = {0}, hyp = {0};
    if (edit != ATT_EDIT_INSERT) ref = next_item(&t->reference, characters, &reference);
    if (edit != ATT_EDIT_DELETE) hyp = next_item(&t->hypothesis, characters, &hypothesis);
    ATT_TRY(draw_edit(t, edit, &ref, &hyp));
    for (int row = 0; row < 3 && !characters && i + 1 < edits; row++)
      ATT_TRY(att_buffer_append(t->ctx, &t->drawn[row], " ", 1));
  }
  for (int row = 1; row < 3; row++) {
    ATT_TRY(att_buffer_append(t->ctx, &t->drawn[0], "\n", 1));
    ATT_TRY(att_buffer_append(t->ctx, &t->drawn[0], t->drawn[row].data, t->drawn[row].size));
  }
  return ATT_OK;
}

static att_status give_pair(wer_task *t, size_t index, size_t edits, const wer_counts *counts) {
  ATT_TRY(draw(t, edits));
  const att_wer_pair pair = {.index = index,
                             .hits = counts->of[ATT_EDIT_EQUAL],
                             .substitutions = counts->of[ATT_EDIT_SUBSTITUTE],
                             .deletions = counts->of[ATT_EDIT_DELETE],
                             .insertions = counts->of[ATT_EDIT_INSERT],
                             .alignment = t->drawn[0].data};
  t->options->on_pair(t->options->user, &pair);
  return ATT_OK;
}

/* ---- pairs ------------------------------------------------------------------------------------------------------ */

static att_status measure_characters(wer_task *t, size_t index) {
  size_t edits;
  ATT_TRY(find_edits(t, &t->reference, &t->hypothesis, &edits));
  const wer_counts counts = count(t, edits);
  add(&t->character, &counts);
  return t->options->on_pair && t->options->characters ? give_pair(t, index, edits, &counts) : ATT_OK;
}

static att_status measure_words(wer_task *t, size_t index) {
  size_t edits, words;
  join_spaces(&t->reference);
  join_spaces(&t->hypothesis);
  ATT_TRY(att_ngrams_set_words(t->ctx, &t->words, &t->hypothesis));
  t->words.reference.count = 0;
  ATT_TRY(att_ngrams_add_words(t->ctx, &t->words, &t->reference, &words));
  ATT_TRY(find_edits(t, &t->words.reference, &t->words.hypothesis, &edits));
  const wer_counts counts = count(t, edits);
  add(&t->word, &counts);
  return t->options->on_pair && !t->options->characters ? give_pair(t, index, edits, &counts) : ATT_OK;
}

static att_status measure_pair(wer_task *t, att_text hypothesis, att_text reference, size_t index) {
  ATT_TRY(att_measure_goes_on(t->ctx));
  ATT_TRY(read_line(t, reference, &t->reference));
  ATT_TRY(read_line(t, hypothesis, &t->hypothesis));
  ATT_TRY(measure_characters(t, index));
  return measure_words(t, index);
}

/* ---- rates ------------------------------------------------------------------------------------------------------ */

static double error_rate(const wer_counts *c) {
  int64_t s = c->of[ATT_EDIT_SUBSTITUTE], d = c->of[ATT_EDIT_DELETE], i = c->of[ATT_EDIT_INSERT];
  int64_t all = c->of[ATT_EDIT_EQUAL] + s + d;
  return all == 0 ? (double)i : (double)(s + d + i) / (double)all;
}

static void fill_result(const wer_counts *words, const wer_counts *characters, att_wer_result *out) {
  int64_t h = words->of[ATT_EDIT_EQUAL], s = words->of[ATT_EDIT_SUBSTITUTE], d = words->of[ATT_EDIT_DELETE];
  int64_t i = words->of[ATT_EDIT_INSERT], references = h + s + d, hypotheses = h + s + i;
  *out = (att_wer_result){.wer = error_rate(words),
                          .cer = error_rate(characters),
                          .hits = h,
                          .substitutions = s,
                          .deletions = d,
                          .insertions = i,
                          .character_hits = characters->of[ATT_EDIT_EQUAL],
                          .character_substitutions = characters->of[ATT_EDIT_SUBSTITUTE],
                          .character_deletions = characters->of[ATT_EDIT_DELETE],
                          .character_insertions = characters->of[ATT_EDIT_INSERT]};
  out->mer = h + s + d + i ? (double)(s + d + i) / (double)(h + s + d + i) : 0;
  if (references == 0 && hypotheses == 0)
    out->wip = 1;
  else if (references > 0 && hypotheses > 0)
    out->wip = (double)h / (double)references * ((double)h / (double)hypotheses);
  out->wil = 1 - out->wip;
}

void att_wer_options_init(att_wer_options *options, size_t size) {
  const att_wer_options own = {.size = size};
  att_give_struct(&own, sizeof own, options, size);
}

static att_status measure(wer_task *t, const att_text *hypotheses, const att_text *references, size_t count) {
  json_t *spellings = NULL;
  const att_wer_options *o = t->options;
  if (count == 0) return att_fail(t->ctx, ATT_ARGUMENT, "there are no lines to compare");
  if (o->spellings && !o->english)
    return att_fail(t->ctx, ATT_ARGUMENT, "spellings are for text that is made alike as English");
  if (o->spellings) ATT_TRY(att_json_open(t->ctx, o->spellings, &spellings));
  att_status status = ATT_OK;
  if (spellings && !json_is_object(spellings))
    status = att_fail(t->ctx, ATT_FORMAT, "%s: is no JSON object of words", o->spellings);
  t->spellings = spellings;
  for (size_t i = 0; i < count && !status; i++) status = measure_pair(t, hypotheses[i], references[i], i);
  json_decref(spellings);
  return status;
}

att_status att_wer_sized(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                         const att_wer_options *given, att_wer_result *result, size_t size) {
  att_wer_options options;
  att_wer_result own = {0};
  att_wer_options_default(&options);
  wer_task task = {.ctx = ctx, .options = &options};
  att_status status = att_take_options(ctx, "att_wer", given, &options, sizeof options);
  if (!status) status = measure(&task, hypotheses, references, count);
  if (!status) fill_result(&task.word, &task.character, &own);
  att_give_struct(&own, sizeof own, result, size);
  att_free(ctx, task.reference.data);
  att_free(ctx, task.hypothesis.data);
  att_free(ctx, task.edits);
  att_ngrams_free(ctx, &task.words);
  att_buffer_free(ctx, &task.normalized);
  for (int row = 0; row < 3; row++) att_buffer_free(ctx, &task.drawn[row]);
  return status;
}
