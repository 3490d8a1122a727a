/*
 * Training of recognisers on a small task (tones with a name each): it is learned, with and without a decoder, by a
 * Transformer and an LSTM; a run that was stopped goes on to the same bits; what is no recording, missing, or too short
 * for its text is left out with one line. And the beam of CTC against all ways written out.
 */
#include "run_fixture.h"

#include "api/recognise.h"
#include "base/random.h"
#include "decode/recognise.h"
#include "train/data/sounds.h"
#include "train/options.h"

#include <math.h>
#include <stdlib.h>

enum { RATE = 8000, TONE = RATE / 5, TRAIN = 60, VALID = 12, MOST_TONES = 4 };

static const char *const names[] = {"la", "mi", "su"};
static const double pitches[] = {400, 1000, 2400};

static char train_path[512], valid_path[512];

/* ---- recordings ------------------------------------------------------------------------------------------------- */

static void put_number(unsigned char *at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static void write_wave(const char *path, const int16_t *samples, uint32_t count) {
  unsigned char head[44] = "RIFF....WAVEfmt ";
  put_number(head + 4, 36 + 2 * count, 4);
  put_number(head + 16, 16, 4);
  put_number(head + 20, 1, 2);
  put_number(head + 22, 1, 2);
  put_number(head + 24, RATE, 4);
  put_number(head + 28, 2 * RATE, 4);
  put_number(head + 32, 2, 2);
  put_number(head + 34, 16, 2);
  memcpy(head + 36, "data", 4);
  put_number(head + 40, 2 * count, 4);
  FILE *file = fopen(path, "wb");
  assert_true(file && fwrite(head, 1, sizeof head, file) == sizeof head);
  assert_true(fwrite(samples, 2, count, file) == count && fclose(file) == 0);
}

/* Recording i: one to three tones, each half as long again as the pause behind it; its text in `text`. */
static void write_tones(const char *path, uint64_t i, char *text) {
  int16_t samples[(MOST_TONES + 1) * TONE] = {0};
  int tones = 1 + (int)(att_uniform(i, 0) * 3), at = TONE / 4;
  text[0] = 0;
  for (int k = 0; k < tones; k++) {
    int which = (int)(att_uniform(i, 1 + (uint64_t)k) * 3);
    strcat(strcat(text, k ? " " : ""), names[which]);
    for (int s = 0; s < TONE * 3 / 5; s++, at++)
      samples[at] = (int16_t)(9000 * sin(2 * M_PI * pitches[which] * s / RATE) + 300 * att_uniform(i, (uint64_t)at));
    at += TONE * 2 / 5;
  }
  write_wave(path, samples, (uint32_t)at);
}

static void write_table(const char *path, int count, uint64_t seed) {
  FILE *table = fopen(path, "w");
  assert_non_null(table);
  fprintf(table, "file\ttext\n");
  for (int i = 0; i < count; i++) {
    char name[64], sound[600], text[64];
    snprintf(name, sizeof name, "sounds-%llu-%d.wav", (unsigned long long)seed, i);
    snprintf(sound, sizeof sound, "%s/%s", folder, name);
    write_tones(sound, att_key(seed, (uint64_t)i), text);
    fprintf(table, "%s\t%s\n", name, text);
  }
  assert_int_equal(fclose(table), 0);
}

static int begin_runs(void **state) {
  if (begin(state)) return 1;
  snprintf(train_path, sizeof train_path, "%s/train.tsv", folder);
  snprintf(valid_path, sizeof valid_path, "%s/valid.tsv", folder);
  write_table(train_path, TRAIN, 1);
  write_table(valid_path, VALID, 2);
  return 0;
}

static int end_runs(void **state) {
  (void)state;
  att_context_free(ctx);
  remove_all(folder);
  return 0;
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static att_train_options small_options(const char *out) {
  att_train_options o;
  att_options_begin(ctx, ATT_TASK_SPEECH, &o);
  o.data = train_path, o.valid = valid_path, o.out = out;
  o.plan.encoder_layers = 1;
  o.plan.width = 32, o.plan.heads = 2, o.plan.feedforward = 64;
  o.plan.batch = 10, o.plan.lr = 5e-3, o.plan.dropout = 0, o.plan.seed = 3;
  o.plan.ctc_weight = 1, o.plan.masking = o.plan.speed_perturbation = 0;
  o.plan.steps = 200, o.plan.valid_every = 100, o.plan.average = 1, o.plan.warmup = 10;
  return o;
}

static void must_train(const att_train_options *o) {
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
}

static att_status keep_text(void *user, const att_recognised *part) {
  strcat(strcat(user, *(char *)user ? "|" : ""), part->text.size ? part->text.data : "");
  return part->end > part->begin && fabs(part->length - part->end) < 0.01 ? ATT_OK : ATT_FORMAT;
}

/* The share of texts that a trained model hears right, in recordings that it did not learn from. */
static double hears(const char *path, int beam) {
  att_model *model;
  int right = 0;
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  assert_true(model->config.mel.rate == RATE && model->config.input_stride == 4 && att_is_recogniser(model));
  for (int i = 0; i < VALID; i++) {
    char sound[600], text[64], heard[256] = "";
    snprintf(sound, sizeof sound, "%s/again.wav", folder);
    write_tones(sound, att_key(2, (uint64_t)i), text);
    if (att_recognise_file(model, sound, beam, keep_text, heard)) fail_msg("%s", att_message(ctx));
    right += strcmp(heard, text) == 0;
  }
  att_model_close(model);
  return (double)right / VALID;
}

static void test_ctc(void **state) {
  (void)state;
  char out[600];
  snprintf(out, sizeof out, "%s/ctc", folder);
  att_train_options o = small_options(out);
  must_train(&o);
  double greedy = hears(out, 1), beam = hears(out, 8);
  print_message("CTC: %.2f of the texts right greedily, %.2f by a beam\n", greedy, beam);
  assert_true(greedy >= 0.75 && beam >= 0.75);
  assert_true(state_of(out).best.score.quality > 80);
}

static void test_decoder(void **state) {
  (void)state;
  char out[600];
  snprintf(out, sizeof out, "%s/joint", folder);
  att_train_options o = small_options(out);
  o.plan.ctc_weight = 0.5, o.plan.decoder_layers = 1;
  must_train(&o);
  double beam = hears(out, 8);
  print_message("CTC and a decoder: %.2f of the texts right\n", beam);
  assert_true(beam >= 0.6);
}

static void test_decoder_alone(void **state) {
  (void)state;
  char out[600];
  snprintf(out, sizeof out, "%s/alone", folder);
  att_train_options o = small_options(out);
  o.plan.ctc_weight = 0, o.plan.decoder_layers = 1, o.plan.steps = 20, o.plan.valid_every = 10;
  must_train(&o);
  assert_true(hears(out, 1) >= 0 && hears(out, 4) >= 0);
}

/* A recogniser that is there goes on; a model of text does not. */
static void test_from(void **state) {
  (void)state;
  char out[600], from[600];
  snprintf(from, sizeof from, "%s/ctc", folder);
  snprintf(out, sizeof out, "%s/further", folder);
  att_train_options o = small_options(out);
  o.from = from, o.plan.steps = 5, o.plan.valid_every = 5, o.plan.lr = 1e-4;
  o.plan.encoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = ATT_UNSET;
  must_train(&o);
  assert_true(state_of(out).best.score.quality > 60);
  o.from = ATT_TEST_DATA "/family_bert_classes";
  snprintf(out, sizeof out, "%s/refused", folder);
  o.out = out;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_UNSUPPORTED, "train speech needs a recogniser");
}

/* Whisper learns on: its own features, prompt and tokens; what is written opens as a Whisper, and transcribes. */
static att_train_options whisper_options(const char *out) {
  att_train_options o = small_options(out);
  o.from = ATT_TEST_DATA "/whisper";
  o.plan.steps = 150, o.plan.valid_every = 50, o.plan.lr = 1e-2;
  o.plan.ctc_weight = NAN;
  o.plan.encoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = ATT_UNSET;
  return o;
}

static int count_segments(void *user, const att_listened *heard) {
  *(int *)user += heard->segment != NULL;
  return 0;
}

static void test_whisper(void **state) {
  (void)state;
  char out[600], sound[600];
  snprintf(out, sizeof out, "%s/listens", folder);
  att_train_options o = whisper_options(out);
  must_train(&o);
  att_state s = state_of(out);
  print_message("Whisper: loss %.3f, %.0f of 100 words right\n", s.best.score.loss, s.best.score.quality);
  assert_true(s.best.step >= 50 && s.best.score.loss > 0.01 && s.best.score.loss < 3 && s.best.score.quality > 20);
  att_model *model;
  if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  assert_true(model->config.family == ATT_WHISPER && model->config.head == ATT_HEAD_TOKENS);
  assert_true(model->config.mel.scaling == ATT_MEL_WHISPER && model->config.mel.rate == 16000);
  att_transcribe_options how;
  int segments = 0;
  att_transcribe_options_default(&how);
  how.no_timestamps = true;
  snprintf(sound, sizeof sound, "%s/sounds-2-0.wav", folder);
  if (att_transcribe(model, sound, &how, count_segments, &segments)) fail_msg("%s", att_message(ctx));
  assert_int_equal(segments, 1);
  att_model_close(model);
}

static void test_whisper_refuses(void **state) {
  (void)state;
  char out[600];
  snprintf(out, sizeof out, "%s/not", folder);
  att_train_options o = whisper_options(out);
  strcpy(o.plan.language, "xx");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "language is \"xx\", which");
  o = whisper_options(out);
  o.plan.ctc_weight = 0.3;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "ctc-weight cannot be chosen: Whisper");
  o = whisper_options(out);
  o.plan.rate = RATE;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "give --rate 16000");
  o = small_options(out);
  strcpy(o.plan.language, "de");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "--from is missing: --language needs it");
}

static void test_lstm(void **state) {
  (void)state;
  char out[600];
  snprintf(out, sizeof out, "%s/lstm", folder);
  att_train_options o = small_options(out);
  o.plan.network = ATT_LSTM, o.plan.embedding = 32;
  o.plan.heads = o.plan.feedforward = ATT_UNSET;
  must_train(&o);
  double greedy = hears(out, 1);
  print_message("LSTM: %.2f of the texts right\n", greedy);
  assert_true(greedy >= 0.6);
  /* several layers of each side, and a decoder that looks at more rows than it writes */
  snprintf(out, sizeof out, "%s/lstms", folder);
  o.plan.encoder_layers = 3, o.plan.decoder_layers = 2, o.plan.ctc_weight = 0.3, o.plan.dropout = 0.1;
  o.plan.steps = 4, o.plan.valid_every = 2, o.plan.masking = o.plan.speed_perturbation = 1;
  must_train(&o);
}

static void test_resumed(void **state) {
  (void)state;
  char whole[600], parts[600];
  int64_t stop = 7;
  snprintf(whole, sizeof whole, "%s/whole", folder);
  snprintf(parts, sizeof parts, "%s/parts", folder);
  att_train_options o = small_options(whole);
  o.plan.steps = 14, o.plan.valid_every = 7, o.plan.dropout = 0.1;
  o.plan.masking = o.plan.speed_perturbation = 1;
  o.plan.ctc_weight = 0.3, o.plan.decoder_layers = 1;
  must_train(&o);
  o.out = parts;
  assert_int_equal(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED);
  o.resume = 1;
  must_train(&o);
  same_runs(whole, parts);
}

/* ---- single sounds ---------------------------------------------------------------------------------------------- */

static void write_single(const char *name, int which, uint64_t seed) {
  int16_t samples[3 * TONE] = {0};
  char path[600];
  int length = TONE + (int)(att_uniform(seed, 0) * TONE);
  for (int s = 0; s < length; s++)
    samples[TONE / 3 + s] =
        (int16_t)(8000 * sin(2 * M_PI * pitches[which] * s / RATE) + 300 * att_uniform(seed, (uint64_t)s));
  snprintf(path, sizeof path, "%s/%s", folder, name);
  write_wave(path, samples, (uint32_t)(length + TONE / 2));
}

static int keep_best(void *user, const att_classification *c) {
  *(size_t *)user = c->best;
  return 0;
}

static void test_sounds(void **state) {
  (void)state;
  char table[600], out[600], name[64];
  snprintf(table, sizeof table, "%s/single.tsv", folder);
  snprintf(out, sizeof out, "%s/single", folder);
  FILE *file = fopen(table, "w");
  assert_non_null(file);
  for (int i = 0; i < 45; i++) {
    snprintf(name, sizeof name, "single-%d.wav", i);
    write_single(name, i % 3, (uint64_t)i + 1);
    fprintf(file, "%s\t%s\n", name, names[i % 3]);
  }
  assert_int_equal(fclose(file), 0);
  att_train_options o;
  att_options_begin(ctx, ATT_TASK_CLASSIFIER, &o);
  o.data = table, o.out = out;
  o.plan.encoder_layers = 1, o.plan.width = 32, o.plan.heads = 2, o.plan.feedforward = 32;
  o.plan.batch = 10, o.plan.lr = 5e-3, o.plan.seed = 1, o.plan.steps = 200, o.plan.valid_every = 50, o.plan.average = 1;
  o.plan.warmup = 10, o.plan.token_dropout = 0, o.plan.dropout = 0;
  must_train(&o);
  att_model *model;
  int right = 0;
  const char *const *labels;
  size_t count;
  if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  assert_true(model->config.mel.rate == RATE && model->config.input_width == 40);
  assert_int_equal(att_model_labels(model, &labels, &count), ATT_OK);
  assert_int_equal(count, 3);
  for (int i = 0; i < 9; i++) {
    size_t best = 9;
    char path[600];
    write_single("new.wav", i % 3, (uint64_t)i + 100);
    snprintf(path, sizeof path, "%s/new.wav", folder);
    if (att_classify_series(model, path, keep_best, &best)) fail_msg("%s", att_message(ctx));
    assert_true(best < 3);
    right += strcmp(labels[best], names[i % 3]) == 0;
  }
  print_message("sounds: %d of 9 right\n", right);
  assert_true(right >= 7);
  must_say(att_classify_series(model, "absent.wav", keep_best, &count), ATT_IO, "absent.wav: ");
  att_model_close(model);
}

/* ---- what is not as it should be -------------------------------------------------------------------------------- */

static char said[4096];

static void keep_log(void *user, att_log_level level, const char *message) {
  (void)user;
  if (level != ATT_LOG_WARNING) return;
  strncat(said, message, sizeof said - strlen(said) - 2);
  strcat(said, "\n");
}

static void write_text(const char *path, const char *text) { write_bytes(path, text, strlen(text)); }

static void test_left_out(void **state) {
  (void)state;
  char table[600], out[600], no_audio[600], rows[2048] = "";
  snprintf(table, sizeof table, "%s/odd.tsv", folder);
  snprintf(out, sizeof out, "%s/odd", folder);
  snprintf(no_audio, sizeof no_audio, "%s/words.wav", folder);
  write_text(no_audio, "these are words, not sounds");
  for (int i = 0; i < 12; i++) snprintf(rows + strlen(rows), 64, "sounds-1-%d.wav\tla\n", i);
  strcat(rows, "words.wav\tla\nmissing.wav\tla\nsounds-1-12.wav\t");
  for (int i = 0; i < 80; i++) strcat(rows, "la ");
  strcat(rows, "\nsounds-1-13.wav\t \n");
  write_text(table, rows);
  att_context *quiet = ctx;
  said[0] = 0;
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = keep_log}, &ctx),
                   ATT_OK);
  att_train_options o = small_options(out);
  o.data = table, o.plan.steps = 1;
  must_train(&o);
  att_context_free(ctx);
  ctx = quiet;
  assert_non_null(strstr(said, "odd.tsv: 2 of 15 recordings are left out; the first: "));
  assert_non_null(strstr(said, "words.wav: no audio"));
  assert_non_null(strstr(said, "odd.tsv: 1 texts are longer than their recordings allow, and are left out; the first"));
  assert_non_null(strstr(said, "1 rows without a file or a text are left out"));
}

static void test_refused(void **state) {
  (void)state;
  char table[600], out[600];
  snprintf(table, sizeof table, "%s/bad.tsv", folder);
  snprintf(out, sizeof out, "%s/bad", folder);
  att_train_options o = small_options(out);
  o.data = table;
  write_text(table, "missing.wav\tla\nmissing too.wav\tla\nwords.wav\tmi\n");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "none of its 3 recordings can be read; the first: ");
  write_text(table, "sounds-1-1.wav\n");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "a row needs a file, a tab, and what is heard in it");
  write_text(table, "file\ttext\n");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "no row has a file and a text");
  assert_int_not_equal(access(out, F_OK), 0);
}

/* ---- features --------------------------------------------------------------------------------------------------- */

/* Those that are not kept are the same; a faster recording is shorter. */
static void test_features(void **state) {
  (void)state;
  att_sound_table table = {0};
  att_sounds kept, made;
  att_arena *arena;
  const att_mel_settings settings = {RATE, 200, 80, 200, 40, ATT_MEL_STANDARD};
  assert_int_equal(att_sound_table_read(ctx, valid_path, &table), ATT_OK);
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  assert_int_equal(att_sounds_read(ctx, &table, &table.lines, "it", &settings, 3000, SIZE_MAX, NULL, NULL, &kept),
                   ATT_OK);
  assert_int_equal(att_sounds_read(ctx, &table, &table.lines, "it", &settings, 3000, 0, NULL, NULL, &made), ATT_OK);
  assert_true(kept.count == VALID && made.count == VALID && kept.kept > 1000 && made.kept == 0);
  int64_t lengths[ATT_SPEEDS];
  for (int speed = 0; speed < ATT_SPEEDS; speed++) {
    const float *a, *b;
    int64_t frames;
    assert_int_equal(att_sounds_get(ctx, &kept, 3, speed, arena, &a, &frames), ATT_OK);
    assert_int_equal(att_sounds_get(ctx, &made, 3, speed, arena, &b, &lengths[speed]), ATT_OK);
    assert_true(frames == lengths[speed] && frames > 10);
    assert_memory_equal(a, b, (size_t)(frames * 40) * sizeof *a);
  }
  assert_true(lengths[1] > lengths[0] && lengths[0] > lengths[2]);
  assert_true(labs((long)(lengths[1] * 9 - lengths[0] * 10)) < 12);
  att_sounds_free(ctx, &kept);
  att_sounds_free(ctx, &made);
  att_sound_table_free(ctx, &table);
  att_arena_free(arena);
}

static void test_masks(void **state) {
  (void)state;
  enum { FRAMES = 200, BANDS = 40 };
  static float rows[FRAMES * BANDS];
  int64_t least = FRAMES * BANDS, most = 0;
  for (uint64_t key = 1; key <= 50; key++) {
    int64_t zeros = 0;
    for (int i = 0; i < FRAMES * BANDS; i++) rows[i] = 1;
    att_sound_mask(rows, FRAMES, BANDS, 0, key);
    for (int i = 0; i < FRAMES * BANDS; i++) assert_true(rows[i] > 0);
    att_sound_mask(rows, FRAMES, BANDS, 1, key);
    for (int i = 0; i < FRAMES * BANDS; i++) zeros += rows[i] == 0;
    least = zeros < least ? zeros : least;
    most = zeros > most ? zeros : most;
  }
  assert_true(most > FRAMES * BANDS / 5 && least < FRAMES * BANDS / 5 && most < FRAMES * BANDS * 4 / 5);
}

static att_status read_sounds(att_context *with, void *arg) {
  att_sound_table table = {0};
  att_sounds sounds = {0};
  const att_mel_settings settings = {RATE, 200, 80, 200, 40, ATT_MEL_STANDARD};
  att_status status = att_sound_table_read(with, arg, &table);
  if (!status)
    status = att_sounds_read(with, &table, &table.lines, "it", &settings, 3000, SIZE_MAX, NULL, NULL, &sounds);
  att_sounds_free(with, &sounds);
  att_sound_table_free(with, &table);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  char table[600];
  snprintf(table, sizeof table, "%s/two.tsv", folder);
  write_text(table, "sounds-1-0.wav\tla\nsounds-1-1.wav\tmi\n");
  assert_true(fail_each_allocation(read_sounds, table) > 10);
}

/* ---- the beam --------------------------------------------------------------------------------------------------- */

/* A beam that drops nothing has each text's whole probability: that of the loss. */
static void test_beam(void **state) {
  (void)state;
  enum { ROWS = 5, COLS = 4, BEAM = 400 };
  static att_ctc_text texts[BEAM];
  float data[ROWS * COLS];
  int64_t count;
  att_arena *arena;
  double sum = 0;
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  for (int i = 0; i < ROWS * COLS; i++) data[i] = (float)(4 * att_uniform(7, (uint64_t)i));
  const att_tensor logits = {.data = data, .rows = ROWS, .cols = COLS, .stride = COLS};
  assert_int_equal(att_ctc_beam(arena, &logits, 0, ROWS, 1, BEAM, texts, &count), ATT_OK);
  assert_true(count > 100);
  for (int64_t i = 0; i < count; i++) {
    const int64_t start[] = {0, ROWS}, label_start[] = {0, texts[i].count};
    att_run run = {.ctx = ctx, .arena = arena};
    att_loss loss = {0};
    int64_t impossible;
    assert_int_equal(
        att_op_ctc_loss(&run, &logits, (att_sequences){1, start}, texts[i].ids, label_start, 1, 1, &loss, &impossible),
        ATT_OK);
    assert_true(impossible == 0 && fabs(loss.loss + texts[i].logprob) < 1e-4);
    assert_true(i == 0 || texts[i].logprob <= texts[i - 1].logprob);
    sum += exp(texts[i].logprob);
  }
  assert_true(fabs(sum - 1) < 1e-4); /* all texts that there are */
  assert_int_equal(att_ctc_beam(arena, &logits, 0, ROWS, 1, 3, texts, &count), ATT_OK);
  assert_true(count == 3 && texts[0].logprob < 0);
  att_arena_free(arena);
}

#if !defined ATT_HAVE_SNDFILE || !defined ATT_HAVE_SOXR
#define SKIPPED 1
#else
#define SKIPPED 0
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_beam),    cmocka_unit_test(test_masks),         cmocka_unit_test(test_features),
      cmocka_unit_test(test_memory),  cmocka_unit_test(test_ctc),           cmocka_unit_test(test_from),
      cmocka_unit_test(test_decoder), cmocka_unit_test(test_decoder_alone), cmocka_unit_test(test_lstm),
      cmocka_unit_test(test_resumed), cmocka_unit_test(test_sounds),        cmocka_unit_test(test_left_out),
      cmocka_unit_test(test_refused), cmocka_unit_test(test_whisper),       cmocka_unit_test(test_whisper_refuses),
  };
  if (SKIPPED) print_message("skipped: this build reads no recordings, or changes no rates\n");
  return SKIPPED ? 0 : cmocka_run_group_tests_name("recognisers", tests, begin_runs, end_runs);
}
