/*
 * Owns the task of speech: recordings with what is said in them, log-mel features, encoders behind two convolutions
 * with a head of CTC, and a decoder beside it or none; batches of recordings of about one length, at three speeds and
 * behind masks; validation by words. A Whisper model that is there is trained as it was: on windows of 30 seconds, its
 * decoder behind its own prompt. Refuses texts that their recordings are too short for, naming the first.
 */
#include "decode/recognise.h"
#include "formats/gguf.h"
#include "speech/window.h"
#include "train/data/batches.h"
#include "train/data/sounds.h"
#include "train/trainer.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ATT_FEATURE_BYTES ((size_t)1 << 30) /* of recordings that are kept in memory, each of the two parts */
enum { FRAMES_A_SECOND = 100, MOST_ROWS = 750, MOST_PROMPT = 4 };

/* A part of the data: recordings, and their texts as ids. */
typedef struct speech_part {
  att_lines lines;
  att_sounds sounds;
  att_ids ids;    /* all texts' */
  int64_t *start; /* [sounds.count + 1] */
  int64_t *use;   /* [count]: which of the sounds have a text that fits */
  int64_t count, rows;
} speech_part;

typedef struct speech_data {
  att_sound_table table, valid_table;
  speech_part train, valid;
  int64_t *sorted; /* [train.count] by length */
  int64_t *first;  /* [batches + 1] in order */
  int32_t *order, *turn;
  int64_t batches;
  att_arena *arena; /* of a batch */
  att_mel_settings mel;
  int64_t window;              /* frames that a Whisper model hears at a time; 0: of no such model */
  int32_t prompt[MOST_PROMPT]; /* [prompt_count] that every text begins with, where a decoder reads it */
  int prompt_count;
  att_whisper whisper;
  att_listening how;
} speech_data;

static speech_data *data_of(const att_trainer *t) { return t->data; }
static bool has_decoder(const att_plan *p) { return p->ctc_weight < 1; }

/* Rows that the convolutions make of so many frames; Whisper's windows are all of one length. */
static int64_t rows_of(const att_trainer *t, int64_t frames) {
  const att_convolution c = {3, 2, 1};
  if (data_of(t)->window) return t->model->config.max_source_positions;
  return att_convolved_rows(&c, att_convolved_rows(&c, frames));
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

/* A quarter of a tenth of a second for a window; 80 bands, or 40 where half of them would hear nothing. */
static att_mel_settings settings_of(int rate) {
  int window = rate / 40 / 2 * 2;
  return (att_mel_settings){rate, window, rate / FRAMES_A_SECOND, window, rate >= 16000 ? 80 : 40, ATT_MEL_STANDARD};
}

static int64_t most_frames(const att_trainer *t, const att_plan *p) {
  if (data_of(t)->window) return data_of(t)->window;
  return (p->max_length == ATT_UNSET ? MOST_ROWS : p->max_length) * ATT_SOUND_STRIDE;
}

/* The features of the model that the run begins with; *found: there are such. */
static att_status adopt_features(att_trainer *t, bool *found) {
  att_config config;
  ATT_TRY(att_model_check_folder(t->ctx, t->options->from));
  ATT_TRY(att_config_read(t->ctx, t->options->from, &config));
  att_free(t->ctx, config.labels);
  data_of(t)->mel = config.mel;
  data_of(t)->window = config.mel.scaling == ATT_MEL_WHISPER ? att_config_most_read(&config, false) : 0;
  *found = config.mel.rate > 0;
  return ATT_OK;
}

/* Those of the model there is, or by the rate: the first recording's, where it is one of the two; what is wrong with it
 * is said with the others. */
static att_status choose_features(att_trainer *t, att_text first, const att_plan *p) {
  int rate = 0;
  bool found = false;
  if (t->options->from && !att_is_gguf_path(t->options->from)) ATT_TRY(adopt_features(t, &found));
  if (found && (p->rate == ATT_UNSET || p->rate == data_of(t)->mel.rate)) return ATT_OK;
  if (p->rate != ATT_UNSET) rate = (int)p->rate;
  if (!rate && att_sound_rate(t->ctx, &data_of(t)->table, first, &rate)) rate = 0;
  if (p->rate == ATT_UNSET && rate != 8000) rate = 16000;
  data_of(t)->window = 0;
  data_of(t)->mel = settings_of(rate);
  return ATT_OK;
}

static att_status read_part(att_trainer *t, const att_plan *p, const att_sound_table *table, const char *name,
                            speech_part *part) {
  t->work = "reading recordings";
  return att_sounds_read(t->ctx, table, &part->lines, name, &data_of(t)->mel, most_frames(t, p), ATT_FEATURE_BYTES,
                         att_trainer_work, t, &part->sounds);
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  speech_data *d = ATT_NEW(t->ctx, 1, speech_data);
  if (!d) return ATT_MEMORY;
  t->data = d;
  const att_plan *p = t->resumed ? &t->state.plan : &o->plan;
  ATT_TRY(att_sound_table_read(t->ctx, o->data, &d->table));
  d->train.lines = d->table.lines;
  d->table.lines = (att_lines){0};
  if (o->valid) {
    ATT_TRY(att_sound_table_read(t->ctx, o->valid, &d->valid_table));
    d->valid.lines = d->valid_table.lines;
    d->valid_table.lines = (att_lines){0};
  } else {
    ATT_TRY(att_lines_hold_out(t->ctx, &d->train.lines, 10, seed, &d->valid.lines));
  }
  *train_fingerprint = att_lines_fingerprint(&d->train.lines);
  *valid_fingerprint = att_lines_fingerprint(&d->valid.lines);
  ATT_TRY(choose_features(t, d->train.lines.source[0], p));
  ATT_TRY(read_part(t, p, &d->table, o->data, &d->train));
  return read_part(t, p, o->valid ? &d->valid_table : &d->table, o->valid ? o->valid : "the held-out part", &d->valid);
}

/* ---- the choice ------------------------------------------------------------------------------------------------- */

static const att_shapes shapes = {ATT_ENCODER_DECODER,
                                  {{4, 144, 4, 576}, {6, 256, 4, 1024}, {12, 384, 6, 1536}, {12, 512, 8, 2048}}};

static double hours_of(const att_sounds *s) {
  int64_t frames = 0;
  for (int64_t i = 0; i < s->count; i++) frames += s->items[i].frames[0];
  return (double)frames / FRAMES_A_SECOND / 3600;
}

/* As many words are new in the second hour; by the tenth the same are heard again. */
static double epochs_for(double hours) { return fmin(100, fmax(15, 120 / fmax(hours, 1))); }

/* A fortieth of the rate that Whisper of that width was trained at, as its authors advise: 3.75e-5 of tiny, 4e-6 of
 * large. Windows are long, and what it knows is easily lost. */
static void choose_whisper(att_plan *p) {
  p->ctc_weight = 0;
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, 4);
  att_choose_number(&p->lr, 3.75e-5 * pow(384 / (double)p->width, 1.8));
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = 3;
}

static void choose(const att_trainer *t, att_plan *p) {
  const speech_data *d = data_of(t);
  double hours = hours_of(&d->train.sounds);
  p->rate = d->mel.rate;
  if (d->window) choose_whisper(p);
  att_choose_number(&p->ctc_weight, 0.3);
  if (p->fine_tuned != 1) {
    int size = p->size != ATT_UNSET ? (int)p->size : hours < 10 ? ATT_TINY : hours < 200 ? ATT_SMALL : ATT_BASE;
    if (!has_decoder(p)) p->decoder_layers = 0;
    if (p->encoder_layers == ATT_UNSET) p->encoder_layers = shapes.sizes[size].layers;
    att_choose_whole(&p->decoder_layers, (p->encoder_layers + 1) / 2);
    att_plan_choose_size(p, &shapes, size);
    att_choose_whole(&p->vocab, p->tokenizer == ATT_BPE ? 1000 : 4000);
    att_choose_whole(&p->max_length, MOST_ROWS);
    att_choose_whole(&p->context, p->max_length);
  }
  att_choose_whole(&p->max_length, p->context < MOST_ROWS ? p->context : MOST_ROWS);
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, 8);
  att_choose_number(&p->lr, (p->network == ATT_TRANSFORMER ? 1.5e-3 * att_plan_width_scale(p) : 1e-3) *
                                (p->fine_tuned == 1 ? 0.2 : 1));
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = epochs_for(hours);
}

/* ---- the model -------------------------------------------------------------------------------------------------- */

static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  static const char *const specials[] = {"<s>", "<pad>", "</s>", "<unk>"};
  const att_plan *p = &t->state.plan;
  const att_lines *lines = &data_of(t)->train.lines;
  const att_tokenizer_plan plan = {.kind = (att_tokenizer_kind)p->tokenizer,
                                   .vocab = (int)p->vocab,
                                   .lowercase = p->lowercase == 1,
                                   .plain = true,
                                   .first_specials = specials,
                                   .first_count = sizeof specials / sizeof *specials,
                                   .end_token = "</s>"};
  const att_text *const texts[] = {lines->target};
  t->work = "learning the vocabulary";
  return att_tokenizer_train(t->ctx, texts, &lines->count, 1, &plan, att_trainer_work, t, tokenizer);
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  const att_plan *p = &t->state.plan;
  bool decoder = has_decoder(p);
  att_plan_config(p, decoder ? ATT_ENCODER_DECODER : ATT_ENCODER, tokenizer, c);
  c->head = decoder ? ATT_HEAD_CTC_ATTENTION : ATT_HEAD_CTC;
  c->ctc_weight = decoder ? (float)p->ctc_weight : 0;
  c->mel = data_of(t)->mel;
  c->input_width = c->mel.bands;
  c->input_stride = ATT_SOUND_STRIDE;
  c->tie_word_embeddings = c->tie_word_embeddings && decoder;
  c->pad = att_tokenizer_id(tokenizer, "<pad>");
  c->bos = att_tokenizer_id(tokenizer, "<s>");
  c->eos = att_tokenizer_id(tokenizer, "</s>");
  c->unk = att_tokenizer_id(tokenizer, "<unk>");
  c->decoder_start = decoder ? c->eos : -1;
}

/* What a Whisper model hears and writes, and how its texts begin. */
static att_status fit_whisper(att_trainer *t, const char *folder) {
  speech_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  const char *language = p->language[0] ? p->language : "en";
  if (!t->resumed && (p->max_length != ATT_UNSET || !isnan(p->ctc_weight))) {
    return att_fail(t->ctx, ATT_ARGUMENT, "%s cannot be chosen: Whisper's windows have one length, and it has no CTC",
                    p->max_length != ATT_UNSET ? "--max-length" : "--ctc-weight");
  }
  ATT_TRY(att_whisper_find(t->model, &d->whisper));
  d->how = (att_listening){.language = -1,
                           .beam = 1,
                           .best_of = 1,
                           .most_compression = INFINITY,
                           .least_logprob = -INFINITY,
                           .most_no_speech = INFINITY};
  if (d->whisper.multilingual) d->how.language = att_whisper_language(&d->whisper, t->model, language);
  if (d->how.language < 0 && (d->whisper.multilingual || strcmp(language, "en") != 0))
    return att_fail(t->ctx, ATT_ARGUMENT, "--language is \"%.20s\", which %s does not know", language, folder);
  d->prompt_count = att_window_prompt(&d->whisper, &d->how, d->prompt);
  return ATT_OK;
}

static att_status fits(att_trainer *t, const char *folder) {
  speech_data *d = data_of(t);
  const att_config *c = &t->model->config;
  bool speech = c->head == ATT_HEAD_CTC || c->head == ATT_HEAD_CTC_ATTENTION;
  bool whisper = c->family == ATT_WHISPER && c->head == ATT_HEAD_TOKENS && c->mel.scaling == ATT_MEL_WHISPER;
  if ((!speech && !whisper) || !t->model->tokenizer)
    return att_trainer_wrong_model(t, folder, "a recogniser that train speech has made, or a Whisper model");
  if (c->mel.rate != d->mel.rate || c->mel.bands != d->mel.bands) {
    return att_fail(t->ctx, ATT_ARGUMENT, "%s hears sound at %d hertz: give --rate %d", folder, c->mel.rate,
                    c->mel.rate);
  }
  if (whisper) return fit_whisper(t, folder);
  if (!t->state.plan.language[0]) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT, "--language cannot be chosen: %s knows none", folder);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* Rows that CTC needs: one a token, and one between two equal ones. */
static int64_t rows_needed(const int32_t *ids, int64_t count) {
  int64_t rows = count;
  for (int64_t i = 1; i < count; i++) rows += ids[i] == ids[i - 1];
  return rows;
}

static bool fits_sound(const att_trainer *t, const speech_part *part, int64_t i) {
  const att_plan *p = &t->state.plan;
  int64_t count = part->start[i + 1] - part->start[i];
  double fastest = p->speed_perturbation == 1 ? 1.1 : 1;
  int64_t rows = rows_of(t, (int64_t)((double)part->sounds.items[i].frames[0] / fastest));
  if (count + data_of(t)->prompt_count > t->model->config.max_position_embeddings) return false;
  return p->ctc_weight <= 0 || rows_needed(part->ids.data + part->start[i], count) <= rows;
}

/* Whisper's texts begin with a space. */
static att_status encode_text(att_trainer *t, att_text text, att_ids *ids) {
  const att_tokenizer *tokenizer = t->model->tokenizer;
  att_buffer spaced = {0};
  if (!data_of(t)->window) return att_tokenizer_encode(tokenizer, t->ctx, text, false, ids);
  att_status status = att_buffer_append(t->ctx, &spaced, " ", 1);
  if (!status) status = att_buffer_append(t->ctx, &spaced, text.data, text.size);
  if (!status) status = att_tokenizer_encode(tokenizer, t->ctx, (att_text){spaced.data, spaced.size}, false, ids);
  att_buffer_free(t->ctx, &spaced);
  return status;
}

/* What is left out and what is not known is said once, with the first of its kind. */
static att_status encode_part(att_trainer *t, const char *name, speech_part *part) {
  int64_t count = part->sounds.count, unknown = 0, unfit = 0, first_unknown = 0, first_unfit = 0;
  part->start = ATT_NEW(t->ctx, count + 1, int64_t);
  part->use = ATT_NEW(t->ctx, count, int64_t);
  if (!part->start || !part->use) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    ATT_TRY(encode_text(t, part->lines.target[part->sounds.items[i].line], &part->ids));
    part->start[i + 1] = (int64_t)part->ids.count;
    bool known = true, fitting = fits_sound(t, part, i);
    for (int64_t k = part->start[i]; k < part->start[i + 1]; k++)
      known = known && part->ids.data[k] != t->model->config.unk;
    if (!known && unknown++ == 0) first_unknown = i;
    if (!fitting && unfit++ == 0) first_unfit = i;
    if (!fitting) continue;
    part->use[part->count++] = i;
    part->rows += rows_of(t, part->sounds.items[i].frames[0]);
  }
  if (unknown)
    att_log(t->ctx, ATT_LOG_WARNING,
            "%s: %lld texts have characters that the vocabulary lacks; the first is that of %s", name,
            (long long)unknown, part->sounds.items[first_unknown].path);
  if (unfit)
    att_log(t->ctx, ATT_LOG_WARNING,
            "%s: %lld texts are longer than their recordings allow, and are left out; the first is that of %s", name,
            (long long)unfit, part->sounds.items[first_unfit].path);
  if (part->count > 0) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s: no recording is as long as its text needs", name);
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

typedef struct sound_length {
  int64_t item, rows;
} sound_length;

static int by_length(const void *a, const void *b) {
  const sound_length *x = a, *y = b;
  return x->rows != y->rows ? (x->rows < y->rows ? -1 : 1) : x->item < y->item ? -1 : x->item > y->item;
}

/* Recordings of about one length together: as many as the rows, or the number, allow. */
static att_status cut_batches(att_trainer *t) {
  speech_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  int64_t count = d->train.count, begin = 0, rows = 0;
  sound_length *lengths = ATT_NEW(t->ctx, count, sound_length);
  d->sorted = ATT_NEW(t->ctx, count, int64_t);
  d->first = ATT_NEW(t->ctx, count + 1, int64_t);
  d->order = ATT_NEW(t->ctx, count, int32_t);
  d->turn = ATT_NEW(t->ctx, count, int32_t);
  if (!lengths || !d->sorted || !d->first || !d->order || !d->turn) {
    att_free(t->ctx, lengths);
    return ATT_MEMORY;
  }
  for (int64_t i = 0; i < count; i++)
    lengths[i] = (sound_length){d->train.use[i], rows_of(t, d->train.sounds.items[d->train.use[i]].frames[0])};
  qsort(lengths, (size_t)count, sizeof *lengths, by_length);
  for (int64_t i = 0; i < count; i++) {
    bool full = p->batch > 0 ? i - begin == p->batch : rows + lengths[i].rows > p->batch_tokens;
    if (i > begin && full) d->first[++d->batches] = begin = i, rows = 0;
    d->sorted[i] = lengths[i].item;
    rows += lengths[i].rows;
  }
  d->first[++d->batches] = count;
  att_free(t->ctx, lengths);
  return att_arena_new(t->ctx, &d->arena);
}

static att_status encode(att_trainer *t) {
  speech_data *d = data_of(t);
  if (!d->window && t->model->config.kind == ATT_ENCODER_DECODER)
    d->prompt[d->prompt_count++] = t->model->config.decoder_start;
  ATT_TRY(encode_part(t, t->options->data, &d->train));
  ATT_TRY(encode_part(t, t->options->valid ? t->options->valid : "the held-out part", &d->valid));
  return cut_batches(t);
}

/* Batches in another order each time; which recordings of like length come together changes a little. */
static att_status begin_epoch(att_trainer *t) {
  enum { NEIGHBOURS = 64 };
  speech_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x737065656368), (uint64_t)t->state.epoch);
  for (int64_t i = 0; i < d->train.count; i++) d->order[i] = (int32_t)d->sorted[i];
  for (int64_t i = 0; i < d->train.count; i += NEIGHBOURS) {
    int64_t rest = d->train.count - i;
    att_shuffle(d->order + i, rest < NEIGHBOURS ? rest : NEIGHBOURS, att_key(key, (uint64_t)i));
  }
  for (int64_t i = 0; i < d->batches; i++) d->turn[i] = (int32_t)i;
  att_shuffle(d->turn, d->batches, key);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) { return data_of(t)->batches; }
static double epoch_tokens(const att_trainer *t) { return (double)data_of(t)->train.rows; }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->train.count;
  *valid = data_of(t)->valid.count;
}

/* Texts of some sounds: as CTC has them, or as a decoder reads and writes them, behind the prompt. */
static att_status lay_out_texts(const att_trainer *t, const speech_part *part, const int32_t *which, int64_t count,
                                att_arena *arena, att_batch *batch) {
  const speech_data *d = data_of(t);
  int64_t *start = ATT_ARENA_NEW(arena, count + 1, int64_t), all = 0, extra = d->prompt_count;
  int32_t end = d->window ? d->whisper.end : t->model->config.eos;
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < count; i++) start[i + 1] = all += part->start[which[i] + 1] - part->start[which[i]] + extra;
  int32_t *inputs = ATT_ARENA_NEW(arena, all + 1, int32_t), *labels = ATT_ARENA_NEW(arena, all + 1, int32_t);
  if (!inputs || !labels) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    const int32_t *ids = part->ids.data + part->start[which[i]];
    size_t size = (size_t)(start[i + 1] - start[i] - extra) * sizeof *ids;
    memcpy(inputs + start[i], d->prompt, (size_t)extra * sizeof *ids);
    memcpy(inputs + start[i] + extra, ids, size);
    memcpy(labels + start[i], inputs + start[i] + (extra > 0), (size_t)(start[i + 1] - start[i]) * sizeof *ids);
    if (extra) labels[start[i + 1] - 1] = end;
  }
  batch->labels = labels;
  if (extra)
    batch->target = (att_input){.ids = inputs, .sequences = {count, start}};
  else
    batch->label_start = start;
  return ATT_OK;
}

/* Masks grow over the first part of a run: a model that cannot tell one sound from another learns nothing from what is
 * left of them. */
static double mask_strength(const att_trainer *t) {
  const double grown = 0.4;
  const att_state *s = &t->state;
  return s->plan.steps > 0 ? fmin(1, (double)s->step / (grown * (double)s->plan.steps)) : 0;
}

/* speeds: of each sound, or NULL: as recorded. masks: the key of those that are drawn, or 0: none. */
static att_status lay_out_sounds(att_trainer *t, speech_part *part, const int32_t *which, int64_t count,
                                 const int *speeds, uint64_t masks, att_arena *arena, att_batch *batch) {
  int bands = part->sounds.settings.bands;
  int64_t window = data_of(t)->window;
  int64_t *start = ATT_ARENA_NEW(arena, count + 1, int64_t), *frames = ATT_ARENA_NEW(arena, count, int64_t);
  const float **rows = ATT_ARENA_NEW(arena, count, const float *);
  if (!start || !frames || !rows) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < count; i++) {
    ATT_TRY(att_sounds_get(t->ctx, &part->sounds, which[i], speeds ? speeds[i] : 0, arena, &rows[i], &frames[i]));
    if (window && frames[i] > window) frames[i] = window; /* a slower one */
    start[i + 1] = start[i] + (window ? window : frames[i]);
  }
  float *all = ATT_ARENA_NEW(arena, start[count] * bands, float);
  if (!all) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    float *to = all + start[i] * bands;
    memcpy(to, rows[i], (size_t)(frames[i] * bands) * sizeof *to);
    if (masks) att_sound_mask(to, frames[i], bands, mask_strength(t), att_key(masks, (uint64_t)i));
    for (int64_t j = frames[i]; j < start[i + 1] - start[i]; j++) /* its last frame is silence */
      memcpy(to + j * bands, rows[i] + (frames[i] - 1) * bands, (size_t)bands * sizeof *to);
  }
  batch->source = (att_input){.rows = all, .sequences = {count, start}};
  return ATT_OK;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  speech_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  int64_t b = d->turn[t->state.index], begin = d->first[b], count = d->first[b + 1] - begin;
  const int32_t *which = d->order + begin;
  uint64_t key = att_key(att_key((uint64_t)p->seed, 0x6d61736b), (uint64_t)t->state.step);
  att_arena_reset(d->arena);
  int *speeds = ATT_ARENA_NEW(d->arena, count, int);
  if (!speeds) return ATT_MEMORY;
  *batch = (att_batch){0};
  for (int64_t i = 0; i < count; i++) {
    speeds[i] = p->speed_perturbation == 1 ? (int)(att_uniform(att_key(key, 1), (uint64_t)i) * ATT_SPEEDS) : 0;
  }
  ATT_TRY(
      lay_out_sounds(t, &d->train, which, count, speeds, p->masking == 1 ? att_key(key, 2) | 1 : 0, d->arena, batch));
  *tokens = 0;
  for (int64_t i = 0; i < count; i++) {
    *tokens += rows_of(t, batch->source.sequences.start[i + 1] - batch->source.sequences.start[i]);
  }
  return lay_out_texts(t, &d->train, which, count, d->arena, batch);
}

/* ---- validation ------------------------------------------------------------------------------------------------- */

typedef struct heard {
  att_buffer text; /* of all recordings, one after another */
  size_t *end;     /* [count] */
} heard;

/* What Whisper hears in one window, without its timestamps. */
static att_status hear_window(att_trainer *t, const att_memory *memory, att_ctc_text *text) {
  const speech_data *d = data_of(t);
  att_session *session;
  att_heard window;
  ATT_TRY(att_session_new(t->model, 0, &session));
  att_status status = att_window_hear(session, t->arena, &d->whisper, memory, &d->how, &window);
  att_session_free(session);
  if (!status) *text = (att_ctc_text){.ids = (int32_t *)(uintptr_t)window.tokens, .count = window.count};
  return status;
}

/* What is written of one of the sounds: greedily, as transcribing does. logits: those of CTC, where there is one. */
static att_status hear_one(att_trainer *t, const att_memory *memory, const att_tensor *logits, int64_t i,
                           att_ctc_text *text) {
  att_run run = {.ctx = t->ctx, .arena = t->arena};
  const int64_t first = memory->sequences.start[i], rows = memory->sequences.start[i + 1] - first;
  const att_config *c = &t->model->config;
  int64_t *alone = ATT_ARENA_NEW(t->arena, 2, int64_t);
  int32_t *ids = ATT_ARENA_NEW(t->arena, rows + 1, int32_t);
  if (!alone || !ids) return ATT_MEMORY;
  *text = (att_ctc_text){.ids = ids};
  if (c->kind != ATT_ENCODER_DECODER) {
    att_ctc_greedy(logits, first, rows, c->pad, ids, &text->count);
    return ATT_OK;
  }
  alone[0] = 0, alone[1] = rows;
  att_memory one = {.rows = memory->rows, .state = memory->state, .sequences = {1, alone}};
  one.rows.rows = rows;
  one.rows.data += first * one.rows.stride;
  if (one.state.data) one.state.data += i * one.state.stride, one.state.rows = 1;
  if (data_of(t)->window) return hear_window(t, &one, text);
  att_tensor of_one = *logits;
  of_one.rows = rows;
  of_one.data += first * of_one.stride;
  return att_recognise_heard(&run, t->model, &one, &of_one, 1, text);
}

static att_status hear(att_trainer *t, const att_memory *memory, const att_tensor *logits, int64_t begin, heard *out) {
  for (int64_t i = 0; i < memory->sequences.count; i++) {
    att_ctc_text text;
    ATT_TRY(hear_one(t, memory, logits, i, &text));
    ATT_TRY(att_tokenizer_decode(t->model->tokenizer, t->ctx, text.ids, (size_t)text.count, true, &out->text));
    out->end[begin + i] = out->text.size;
  }
  return ATT_OK;
}

static att_status evaluate_batch(att_trainer *t, int64_t begin, int64_t count, const int32_t *which, att_loss *loss,
                                 heard *out) {
  speech_data *d = data_of(t);
  att_run run = {.ctx = t->ctx, .arena = t->arena};
  att_batch batch = {0};
  att_memory memory;
  att_tensor logits;
  ATT_TRY(lay_out_sounds(t, &d->valid, which, count, NULL, 0, d->arena, &batch));
  ATT_TRY(lay_out_texts(t, &d->valid, which, count, d->arena, &batch));
  if (d->window)
    ATT_TRY(att_model_encode(&run, t->model, &batch.source, NULL, NULL, &memory));
  else
    ATT_TRY(att_ctc_encode(&run, t->model, &batch.source, &memory, &logits));
  ATT_TRY(hear(t, &memory, &logits, begin, out));
  return att_model_loss(&run, t->model, &batch, 0, 1, loss);
}

static att_status evaluate_all(att_trainer *t, att_loss *loss, heard *out) {
  enum { TOGETHER = 16, WINDOWS_TOGETHER = 4 };
  speech_data *d = data_of(t);
  int64_t most = d->window ? WINDOWS_TOGETHER : TOGETHER;
  for (int64_t begin = 0, count; begin < d->valid.count; begin += count) {
    int32_t which[TOGETHER];
    count = d->valid.count - begin < most ? d->valid.count - begin : most;
    for (int64_t i = 0; i < count; i++) which[i] = (int32_t)d->valid.use[begin + i];
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
    att_arena_reset(t->arena);
    att_arena_reset(d->arena);
    ATT_TRY(evaluate_batch(t, begin, count, which, loss, out));
  }
  return ATT_OK;
}

/* Of 100 words, those that are right, less those put in: what is left of the word error rate. */
static att_status measure(att_trainer *t, const heard *out, double *quality) {
  const speech_part *part = &data_of(t)->valid;
  att_text *references = ATT_NEW(t->ctx, part->count, att_text), *hypotheses = ATT_NEW(t->ctx, part->count, att_text);
  att_wer_result result;
  att_status status = references && hypotheses ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; i < part->count && !status; i++) {
    size_t begin = i ? out->end[i - 1] : 0;
    references[i] = part->lines.target[part->sounds.items[part->use[i]].line];
    hypotheses[i] = (att_text){out->text.data ? out->text.data + begin : "", out->end[i] - begin};
  }
  if (!status) status = att_wer(t->ctx, hypotheses, references, (size_t)part->count, NULL, &result);
  att_free(t->ctx, references);
  att_free(t->ctx, hypotheses);
  if (!status) *quality = fmax(0, 100 * (1 - result.wer));
  return status;
}

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  att_loss loss = {0};
  heard out = {.end = ATT_NEW(t->ctx, data_of(t)->valid.count, size_t)};
  att_status status = out.end ? evaluate_all(t, &loss, &out) : ATT_MEMORY;
  *score = (att_score_of_model){loss.loss / (double)(loss.count ? loss.count : 1), -1, {0}};
  if (!status && isfinite(score->loss)) status = measure(t, &out, &score->quality);
  att_buffer_free(t->ctx, &out.text);
  att_free(t->ctx, out.end);
  return status;
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return "word accuracy";
}

static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  (void)t;
  att_format(text, size, "word error rate %.2f %%, loss %.4f", 100 - s.quality, s.loss);
}

static double dropout_for(const att_trainer *t, double epochs) {
  (void)epochs;
  if (data_of(t)->window) return 0;
  return hours_of(&data_of(t)->train.sounds) < 100 ? 0.1 : 0.05;
}

static void free_part(att_trainer *t, speech_part *part) {
  att_sounds_free(t->ctx, &part->sounds);
  att_lines_free(t->ctx, &part->lines);
  att_free(t->ctx, part->ids.data);
  att_free(t->ctx, part->start);
  att_free(t->ctx, part->use);
}

static void free_data(att_trainer *t) {
  speech_data *d = t->data;
  if (!d) return;
  free_part(t, &d->train);
  free_part(t, &d->valid);
  att_sound_table_free(t->ctx, &d->table);
  att_sound_table_free(t->ctx, &d->valid_table);
  att_arena_free(d->arena);
  void *const owned[] = {d->sorted, d->first, d->order, d->turn, d};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(t->ctx, owned[i]);
}

const att_task att_speech_task = {
    .things = "recordings",
    .shapes = &shapes,
    .telling = 5,
    .hears = true,
    .read = read_data,
    .choose = choose,
    .train_tokenizer = train_tokenizer,
    .configure = configure,
    .fits = fits,
    .encode = encode,
    .begin_epoch = begin_epoch,
    .batch_count = batch_count,
    .epoch_tokens = epoch_tokens,
    .counts = counts,
    .batch = get_batch,
    .evaluate = evaluate,
    .quality = quality,
    .dropout = dropout_for,
    .describe = describe,
    .free = free_data,
};
