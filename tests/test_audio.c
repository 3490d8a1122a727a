/*
 * Recordings and their features. Features: what Transformers and PyTorch compute (tools/make_mel_fixtures.py), within
 * 1e-4. Recordings: .wav files made here, good ones and hostile ones.
 */
#include "scratch.h"

#include "audio/audio.h"
#include "audio/mel.h"

#include <jansson.h>
#include <math.h>

/* As tools/make_mel_fixtures.py makes it. */
static float *make_recording(int64_t count) {
  float *samples = calloc((size_t)count, sizeof *samples);
  assert_non_null(samples);
  uint32_t state = 1;
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525U + 1013904223U;
    int loud = (i / 1600) % 3 == 0 ? 14 : (i / 1600) % 3 == 1 ? 9 : 4;
    samples[i] = (float)((int)((state >> 16) % (1U << loud)) - (1 << (loud - 1))) / 32768;
  }
  return samples;
}

static int member(json_t *value, const char *name) { return (int)json_integer_value(json_object_get(value, name)); }

static void check_features(json_t *entry) {
  bool whisper = strcmp(json_string_value(json_object_get(entry, "scaling")), "whisper") == 0;
  att_mel_settings settings = {member(entry, "rate"),  member(entry, "window"),
                               member(entry, "hop"),   member(entry, "n_fft"),
                               member(entry, "bands"), whisper ? ATT_MEL_WHISPER : ATT_MEL_STANDARD};
  int64_t count = member(entry, "samples"), length = member(entry, "length");
  int64_t frames = att_mel_frames(&settings, length);
  float *samples = make_recording(count);
  float *rows = malloc((size_t)(frames * settings.bands) * sizeof *rows);
  att_mel *mel;
  assert_int_equal(frames, member(entry, "frames"));
  assert_int_equal(att_mel_new(ctx, &settings, &mel), ATT_OK);
  assert_int_equal(att_mel_features(mel, samples, count, length, rows), ATT_OK);
  json_t *truth = json_object_get(entry, "every7th");
  assert_int_equal(json_array_size(truth), (frames + 6) / 7);
  double worst = 0;
  for (int64_t i = 0; i < frames; i += 7) {
    for (int b = 0; b < settings.bands; b++) {
      double expected = json_number_value(json_array_get(json_array_get(truth, (size_t)i / 7), (size_t)b));
      double error = fabs((double)rows[i * settings.bands + b] - expected);
      assert_true(error < 1e-4); /* and no NaN */
      worst = fmax(worst, error);
    }
  }
  print_message("%d bands: the largest difference is %.1e\n", settings.bands, worst);
  att_mel_free(mel);
  free(rows);
  free(samples);
}

static void features_are_those_of_transformers(void **state) {
  (void)state;
  json_t *cases = json_load_file(ATT_TEST_DATA "/mel.json", 0, NULL);
  assert_int_equal(json_array_size(cases), 4);
  for (size_t i = 0; i < 4; i++) check_features(json_array_get(cases, i));
  json_decref(cases);
}

/* Silence behind a recording costs nothing and changes nothing. */
static void silence_behind_is_as_if_it_were_there(void **state) {
  (void)state;
  att_mel_settings settings = {16000, 400, 160, 400, 80, ATT_MEL_WHISPER};
  enum { COUNT = 5000, LENGTH = 48000, SIZE = LENGTH / 160 * 80 };
  float *samples = make_recording(LENGTH), *rows = malloc(2 * SIZE * sizeof *rows);
  memset(samples + COUNT, 0, (LENGTH - COUNT) * sizeof *samples);
  att_mel *mel;
  assert_int_equal(att_mel_new(ctx, &settings, &mel), ATT_OK);
  assert_int_equal(att_mel_features(mel, samples, COUNT, LENGTH, rows), ATT_OK);
  assert_int_equal(att_mel_features(mel, samples, LENGTH, LENGTH, rows + SIZE), ATT_OK);
  assert_memory_equal(rows, rows + SIZE, SIZE * sizeof *rows);
  assert_true(rows[0] > rows[SIZE - 1]);
  for (int64_t count = 0; count < 4; count++) { /* shorter than what is reflected */
    assert_int_equal(att_mel_features(mel, samples, count, 160, rows), ATT_OK);
    for (int b = 0; b < 80; b++) assert_true(isfinite(rows[b]));
  }
  att_mel_free(mel);
  free(samples);
  free(rows);
}

static void impossible_settings_are_refused(void **state) {
  (void)state;
  att_mel_settings wrong[] = {{0, 400, 160, 400, 80, 0},    {16000, 401, 160, 400, 80, 0},
                              {16000, 400, 0, 400, 80, 0},  {16000, 400, 160, 401, 80, 0},
                              {16000, 400, 160, 400, 0, 0}, {16000, 1, 160, 1 << 20, 80, 0}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    att_mel *mel;
    must_say(att_mel_new(ctx, &wrong[i], &mel), ATT_ARGUMENT, "cannot be");
    assert_null(mel);
  }
}

/* ---- files: a RIFF WAVE head, 44 bytes, and samples ---- */
typedef struct wave {
  int format, channels, rate, bits; /* format 1: whole numbers; 3: floats */
} wave;

static void put(unsigned char **at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) *(*at)++ = (unsigned char)(value >> (8 * i));
}

static const char *write_wave(const char *name, wave w, const void *data, size_t size) {
  unsigned char *file = malloc(44 + size), *at = file;
  uint32_t frame = (uint32_t)(w.channels * w.bits / 8);
  memcpy(at, "RIFF", 4), at += 4;
  put(&at, (uint32_t)(36 + size), 4);
  memcpy(at, "WAVEfmt ", 8), at += 8;
  put(&at, 16, 4), put(&at, (uint32_t)w.format, 2), put(&at, (uint32_t)w.channels, 2), put(&at, (uint32_t)w.rate, 4);
  put(&at, (uint32_t)w.rate * frame, 4), put(&at, frame, 2), put(&at, (uint32_t)w.bits, 2);
  memcpy(at, "data", 4), at += 4;
  put(&at, (uint32_t)size, 4);
  if (size) memcpy(at, data, size);
  const char *path = in_folder(name);
  write_bytes(path, file, 44 + size);
  free(file);
  return path;
}

static bool reads_recordings(void) {
#if defined(ATT_HAVE_SNDFILE) && defined(ATT_HAVE_SOXR)
  return true;
#else
  print_message("skipped: a build without libsndfile or soxr\n");
  return false;
#endif
}

/* A tone, left twice as loud as it should be and right silent. */
static const char *write_tone(void) {
  static int16_t tone[2 * 8000];
  for (int i = 0; i < 8000; i++) tone[2 * i] = (int16_t)lrint(20000 * sin(2 * M_PI * 440 * i / 8000));
  return write_wave("tone.wav", (wave){1, 2, 8000, 16}, tone, sizeof tone);
}

static void stereo_at_another_rate(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  float *samples;
  int64_t count;
  assert_int_equal(att_audio_read_whole(ctx, write_tone(), 16000, 10, &samples, &count), ATT_OK);
  assert_int_equal(count, 16000);
  for (int i = 400; i < 15600; i++) { /* the ends of a filter aside */
    double expected = 10000.0 / 32768 * sin(2 * M_PI * 440 * i / 16000);
    assert_true(fabs((double)samples[i] - expected) < 1e-3);
  }
  att_free(ctx, samples);
}

static void pieces_are_the_whole(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  const char *path = write_tone();
  float *whole, pieces[16100];
  int64_t count, got = 0, given = 1;
  att_audio *audio;
  assert_int_equal(att_audio_read_whole(ctx, path, 16000, 10, &whole, &count), ATT_OK);
  assert_int_equal(att_audio_open(ctx, path, 16000, &audio), ATT_OK);
  assert_true(fabs(att_audio_seconds(audio) - 1) < 1e-9);
  while (given) {
    assert_int_equal(att_audio_read(audio, pieces + got, 37, &given), ATT_OK);
    got += given;
  }
  assert_int_equal(got, count);
  assert_memory_equal(pieces, whole, (size_t)count * sizeof *whole);
  att_audio_close(audio);
  att_free(ctx, whole);
}

static void must_refuse(const char *path, att_status expected, const char *clue) {
  float *samples;
  int64_t count;
  must_say(att_audio_read_whole(ctx, path, 16000, 10, &samples, &count), expected, clue);
  must_say(expected, expected, strrchr(path, '/'));
  assert_null(samples);
  assert_int_equal(count, 0);
}

static void hostile_files_get_one_line(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  float numbers[3000] = {0};
  wave floats = {3, 1, 16000, 32};
  numbers[1600] = NAN;
  must_refuse(write_wave("nan.wav", floats, numbers, sizeof numbers), ATT_NUMERIC, "0.1000 seconds is not a number");
  numbers[1600] = INFINITY;
  must_refuse(write_wave("inf.wav", floats, numbers, sizeof numbers), ATT_NUMERIC, "is not a number");
  numbers[1600] = 0;
  must_refuse(write_wave("none.wav", floats, NULL, 0), ATT_FORMAT, "without a sample");
  must_refuse(write_wave("many.wav", (wave){1, 0, 16000, 16}, numbers, 64), ATT_FORMAT, "no audio");
  write_bytes(in_folder("empty.wav"), "", 0);
  must_refuse(in_folder("empty.wav"), ATT_FORMAT, "an empty file");
  write_bytes(in_folder("text.wav"), "And so my fellow Americans\n", 27);
  must_refuse(in_folder("text.wav"), ATT_FORMAT, "no audio");
  must_refuse(in_folder("absent.wav"), ATT_IO, "No such file");
  must_refuse(in_folder(""), ATT_IO, "a folder");
  int16_t *hour = calloc(3600, 2);
  must_refuse(write_wave("hour.wav", (wave){1, 1, 100, 16}, hour, 7200), ATT_UNSUPPORTED, "36.0 seconds long");
  free(hour);
}

static att_status read_and_transform(att_context *counted, void *arg) {
  float *samples, rows[98 * 80];
  int64_t count;
  att_mel *mel;
  ATT_TRY(att_audio_read_whole(counted, arg, 16000, 10, &samples, &count));
  att_status status = att_mel_new(counted, &(att_mel_settings){16000, 400, 160, 400, 80, ATT_MEL_WHISPER}, &mel);
  if (!status) {
    status = att_mel_features(mel, samples, count, 98 * 160, rows);
    att_mel_free(mel);
  }
  att_free(counted, samples);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  int16_t silence[12000] = {0};
  const char *path = write_wave("silence.wav", (wave){1, 1, 16000, 16}, silence, sizeof silence);
  assert_true(fail_each_allocation(read_and_transform, (void *)path) > 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(features_are_those_of_transformers),
      cmocka_unit_test(silence_behind_is_as_if_it_were_there),
      cmocka_unit_test(impossible_settings_are_refused),
      cmocka_unit_test_teardown(stereo_at_another_rate, empty_folder),
      cmocka_unit_test_teardown(pieces_are_the_whole, empty_folder),
      cmocka_unit_test_teardown(hostile_files_get_one_line, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
