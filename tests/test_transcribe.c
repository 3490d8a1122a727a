/*
 * Transcribing with a small random Whisper (tools/make_whisper_fixtures.py): what is heard in a window is what
 * Transformers hears; segments and words of whole recordings; what has no sound, no room, or no such language.
 */
#include "scratch.h"

#include "audio/voice.h"
#include "models/pass.h"
#include "speech/words.h"

#include <jansson.h>
#include <math.h>

enum { RATE = 16000 };

/* As tools/make_whisper_fixtures.py makes it. */
static void fill_recording(int16_t *samples, int64_t count) {
  uint32_t state = 1;
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525U + 1013904223U;
    int loud = (i / 1600) % 3 == 0 ? 14 : (i / 1600) % 3 == 1 ? 9 : 4;
    samples[i] = (int16_t)((int)((state >> 16) % (1U << loud)) - (1 << (loud - 1)));
  }
}

static att_model *open_model(void) {
  att_model *model;
  if (att_model_open(ctx, ATT_TEST_DATA "/whisper", &model)) fail_msg("%s", att_message(ctx));
  return model;
}

static void require_ok(att_status status) {
  if (status) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
}

static const char *write_recording(const char *name, const int16_t *samples, int64_t count) {
  struct {
    char riff[4];
    uint32_t size;
    char kind[8];
    uint32_t head;
    uint16_t format, channels;
    uint32_t rate, bytes;
    uint16_t frame, bits;
    char data[4];
    uint32_t data_size;
  } head = {"RIFF", (uint32_t)(36 + 2 * count), "WAVEfmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16,
            "data", (uint32_t)(2 * count)};
  _Static_assert(sizeof head == 44, "no holes");
  char *file = malloc(44 + 2 * (size_t)count);
  memcpy(file, &head, 44);
  memcpy(file + 44, samples, 2 * (size_t)count);
  const char *path = in_folder(name);
  write_bytes(path, file, 44 + 2 * (size_t)count);
  free(file);
  return path;
}

static bool reads_recordings(void) {
#ifdef ATT_HAVE_SNDFILE
  return true;
#else
  print_message("skipped: a build without libsndfile\n");
  return false;
#endif
}

/* ---- a window ---- */

static att_memory encode_recording(att_model *model, att_arena *arena) {
  enum { FRAMES = 100 };
  static float rows[FRAMES * 80], samples[RATE];
  static const int64_t start[] = {0, FRAMES};
  static int16_t whole[RATE];
  att_run run = {.ctx = ctx, .arena = arena};
  att_mel *mel;
  att_memory memory;
  fill_recording(whole, RATE);
  for (int i = 0; i < RATE; i++) samples[i] = (float)whole[i] / 32768;
  require_ok(att_mel_new(ctx, &model->config.mel, &mel));
  require_ok(att_mel_features(mel, samples, RATE, RATE, rows));
  require_ok(att_model_encode(&run, model, &(att_input){.rows = rows, .sequences = {1, start}}, NULL, NULL, &memory));
  att_mel_free(mel);
  assert_int_equal(memory.rows.rows, 50);
  return memory;
}

static void must_be(const att_heard *heard, const json_t *ids) {
  assert_true(json_array_size(ids) > 20);
  assert_int_equal(heard->count, json_array_size(ids));
  for (int64_t i = 0; i < heard->count; i++)
    assert_int_equal(heard->tokens[i], json_integer_value(json_array_get(ids, (size_t)i)));
}

static void a_window_is_heard_as_transformers_hears_it(void **state) {
  (void)state;
  json_t *expected = json_load_file(ATT_TEST_DATA "/whisper/expected.json", 0, NULL);
  att_model *model = open_model();
  att_arena *arena;
  att_session *session;
  att_whisper whisper;
  att_heard heard;
  require_ok(att_arena_new(ctx, &arena));
  require_ok(att_session_new(model, 0, &session));
  require_ok(att_whisper_find(model, &whisper));
  assert_int_equal(whisper.language_count, 3);
  assert_int_equal(whisper.timestamps, 51);
  assert_int_equal(whisper.last_initial, 25);
  assert_int_equal(whisper.head_count, 2);
  att_memory memory = encode_recording(model, arena);
  att_listening how = {
      .beam = 1, .best_of = 1, .timestamps = true, .most_compression = 1e9, .least_logprob = -1e9, .most_no_speech = 1};
  double probability = 0;
  require_ok(att_window_language(session, arena, &whisper, &memory, &how.language, &probability));
  assert_int_equal(how.language, json_integer_value(json_object_get(expected, "language")));
  assert_true(probability > 1.0 / 3 && probability <= 1);
  require_ok(att_window_hear(session, arena, &whisper, &memory, &how, &heard));
  must_be(&heard, json_object_get(expected, "timestamps"));
  double silence = json_number_value(json_object_get(expected, "no_speech"));
  assert_true(silence > 0 && fabs(heard.no_speech - silence) < 1e-4 * silence);
  assert_true(heard.logprob < 0 && isfinite(heard.logprob));
  how.timestamps = false;
  require_ok(att_window_hear(session, arena, &whisper, &memory, &how, &heard));
  must_be(&heard, json_object_get(expected, "plain"));
  assert_int_equal(att_session_used(session).rows, 0); /* nothing is left of it */
  assert_int_equal(att_session_used(session).source_rows, 0);
  json_decref(expected);
  att_session_free(session);
  att_arena_free(arena);
  att_model_close(model);
}

/* Timestamps are tokens from 100 on, 0.02 seconds apart. */
static void timestamps_divide_a_window(void **state) {
  (void)state;
  const att_whisper whisper = {.first_timestamp = 100, .end = 50, .precision = 0.02};
  static const struct {
    int32_t tokens[10];
    int count, spans;
    double from, to, used; /* of the last span; of one second */
  } cases[] = {{{100, 1, 2, 125}, 4, 1, 0, 0.5, 1},
               {{100, 1, 125, 125, 2, 140}, 6, 2, 0.5, 0.8, 1},
               {{100, 1, 125, 130, 2}, 5, 1, 0, 0.5, 0.5},
               {{100, 1, 125, 130, 2, 140, 140}, 7, 2, 0.6, 0.8, 0.8},
               {{1, 2}, 2, 1, 0, 1, 1},
               {{100, 1, 2}, 3, 1, 0, 1, 1},
               {{0}, 0, 0, 0, 0, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_span spans[11] = {0};
    double used = 0;
    int64_t count = att_window_spans(&whisper, cases[i].tokens, cases[i].count, 1, spans, &used);
    assert_int_equal(count, cases[i].spans);
    assert_true(fabs(used - cases[i].used) < 1e-9);
    if (count == 0) continue;
    assert_true(fabs(spans[count - 1].from - cases[i].from) < 1e-9);
    assert_true(fabs(spans[count - 1].to - cases[i].to) < 1e-9);
  }
}

static void the_cheapest_path_is_found(void **state) {
  (void)state;
  static const float cost[3 * 5] = {0, 0, 9, 9, 9, 9, 9, 0, 9, 9, 9, 9, 9, 0, 0};
  int64_t path[3] = {-1, -1, -1};
  require_ok(att_warp(ctx, cost, 3, 5, path));
  assert_int_equal(path[0], 0);
  assert_int_equal(path[1], 2);
  assert_int_equal(path[2], 3);
}

/* ---- recordings ---- */

typedef struct told {
  size_t segments, words, calls;
  double last, seconds, length;
  bool stop;
} told;

static int take(void *user, const att_listened *listened) {
  told *t = user;
  const att_segment *s = listened->segment;
  t->calls++;
  t->seconds = listened->seconds;
  t->length = listened->length;
  if (!s) return 0;
  t->segments++;
  assert_true(s->start >= 0 && s->start < s->end && s->end <= listened->length + 1e-9);
  assert_true(s->text.size > 0 && s->token_count > 0 && strlen(s->language) >= 2);
  for (size_t i = 0; i < s->word_count; i++) {
    assert_true(s->words[i]->start <= s->words[i]->end && s->words[i]->probability > 0);
    assert_true(s->words[i]->text.size > 0);
  }
  t->words += s->word_count;
  t->last = s->end;
  return t->stop;
}

static void silence_gives_nothing(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  static const int16_t samples[7 * RATE];
  const char *path = write_recording("silence.wav", samples, 7 * RATE);
  att_model *model = open_model();
  told t = {0};
  require_ok(att_transcribe(model, path, NULL, take, &t));
  assert_int_equal(t.segments, 0);
  assert_true(t.calls > 0 && fabs(t.seconds - 7) < 0.02 && t.length == 7);
  att_model_close(model);
}

/* Two seconds of it between silences. */
static const char *write_noise(void) {
  static int16_t samples[6 * RATE];
  memset(samples, 0, sizeof samples);
  fill_recording(samples + 2 * RATE, 2 * RATE);
  return write_recording("noise.wav", samples, 6 * RATE);
}

static void recordings_are_heard_window_by_window(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  const char *path = write_noise();
  att_model *model = open_model();
  for (int beam = 1; beam <= 3; beam += 2) {
    att_transcribe_options options;
    told t = {0};
    att_transcribe_options_default(&options);
    options.beam = beam;
    options.words = true;
    options.temperature_step = beam == 1 ? 0 : 0.5;
    options.logprob = beam == 1 ? -1e9 : -1;
    options.prompt = beam == 1 ? NULL : "a b";
    options.voice = beam == 3;
    require_ok(att_transcribe(model, path, &options, take, &t));
    if (beam == 1) assert_true(t.segments > 0 && t.words > 0 && t.last > 2 && t.last <= 4.2);
    assert_true(t.seconds > 5.8);
  }
  att_model_close(model);
}

typedef struct written {
  char text[4096];
  double seconds;
} written;

static int write_down(void *user, const att_listened *listened) {
  written *w = user;
  const att_segment *s = listened->segment;
  w->seconds = listened->seconds;
  if (!s) return 0;
  size_t size = strlen(w->text);
  snprintf(w->text + size, sizeof w->text - size, "%.3f %.3f %.*s\n", s->start, s->end, (int)s->text.size,
           s->text.data);
  return 0;
}

/* Returns the windows. */
static int hear(att_model *model, const void *data, size_t size, const att_transcribe_options *options, written *w) {
  att_transcription *t;
  int windows = 0;
  bool more = true;
  require_ok(att_transcription_new(model, data, size, options, write_down, w, &t));
  for (; more; windows++) require_ok(att_transcription_step(t, &more));
  att_transcription_free(t);
  return windows;
}

static void memory_is_heard_as_a_file_is(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  const char *path = write_noise();
  att_model *model = open_model();
  att_transcribe_options options;
  att_transcription *t;
  att_mapping bytes;
  written file = {.seconds = 0}, memory = {.seconds = 0};
  att_transcribe_options_default(&options);
  options.logprob = -1e9;
  require_ok(att_transcribe(model, path, &options, write_down, &file));
  require_ok(att_map(ctx, path, &bytes));
  assert_true(hear(model, bytes.data, bytes.size, &options, &memory) > 2);
  assert_true(strlen(file.text) > 20 && file.seconds > 5.8);
  assert_string_equal(file.text, memory.text);
  assert_true(file.seconds == memory.seconds);
  must_say(att_transcription_new(model, NULL, 0, NULL, NULL, NULL, &t), ATT_FORMAT, "the recording: no audio");
  must_say(att_transcription_new(model, "RIFFRIFFRIFF", 12, NULL, NULL, NULL, &t), ATT_FORMAT, "no audio");
  for (size_t size = 1; size < 60; size++) { /* a head that is cut off, or promises more than there is */
    att_status status = att_transcription_new(model, bytes.data, size, NULL, NULL, NULL, &t);
    bool more = true;
    while (!status && more) status = att_transcription_step(t, &more);
    assert_true(size >= 46 || status == ATT_FORMAT);
    att_transcription_free(t);
  }
  att_transcription_free(NULL);
  att_unmap(&bytes);
  att_model_close(model);
}

static void callers_may_stop(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  const char *path = write_noise();
  att_model *model = open_model();
  att_transcribe_options options;
  told t = {.stop = true};
  att_transcribe_options_default(&options);
  options.logprob = -1e9;
  must_say(att_transcribe(model, path, &options, take, &t), ATT_INTERRUPTED, "stopped");
  assert_int_equal(t.segments, 1);
  att_model_close(model);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  att_model *model = open_model(), *other;
  att_transcribe_options options;
  att_transcribe_options_default(&options);
  options.language = "xx";
  must_say(att_transcribe(model, "x.wav", &options, NULL, NULL), ATT_ARGUMENT, "language \"xx\" is none");
  options.language = "de";
  must_say(att_transcribe(model, NULL, &options, NULL, NULL), ATT_ARGUMENT, "no path");
  options.beam = -1;
  must_say(att_transcribe(model, "x.wav", &options, NULL, NULL), ATT_ARGUMENT, "beam must be 0 to 64");
  options.beam = 1;
  options.temperature = NAN;
  must_say(att_transcribe(model, "x.wav", &options, NULL, NULL), ATT_ARGUMENT, "temperature must be");
  options.temperature = 0;
  must_say(att_check_verb(model, ATT_VERB_TRANSLATE), ATT_UNSUPPORTED, "it can transcribe and look");
  require_ok(att_model_open(ctx, ATT_TEST_DATA "/model_marian_relu", &other));
  must_say(att_transcribe(other, "x.wav", NULL, NULL, NULL), ATT_UNSUPPORTED, "cannot transcribe");
  att_model_close(other);
  att_model_close(model);
}

/* ---- looking ---- */

static void words_look_at_the_sound(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  static int16_t samples[RATE];
  fill_recording(samples, RATE * 9 / 10);
  const char *path = write_recording("look.wav", samples, RATE);
  att_model *model = open_model();
  att_attention *attention;
  const att_attention_map *map;
  require_ok(att_look_recording(model, path, (att_text){"a b", 3}, &attention));
  require_ok(att_attention_get(attention, ATT_LOOK_CROSS, &map));
  assert_int_equal(map->layers, 2);
  assert_int_equal(map->heads, 2);
  assert_int_equal(map->queries, 2);
  assert_int_equal(map->keys, 10); /* tenths of a second */
  assert_string_equal(map->key_labels[9], "0.9 s");
  for (size_t row = 0; row < 2 * 2 * 2; row++) {
    double sum = 0;
    for (size_t k = 0; k < map->keys; k++) sum += (double)map->weights[row * map->keys + k];
    assert_true(fabs(sum - 1) < 1e-5);
  }
  static const char *const clues[] = {"mean of the 2 heads that align", "<polyline", "<polyline",
                                      "\"sound\":{\"seconds\":1,"};
  for (int format = ATT_LOOK_TERMINAL; format <= ATT_LOOK_JSON; format++) {
    char *text;
    size_t size;
    require_ok(att_attention_render(attention, (att_look_format)format, NULL, &text, &size));
    assert_non_null(strstr(text, clues[format]));
    att_release(ctx, text);
  }
  att_attention_free(attention);
  memset(samples, 0, sizeof samples);
  must_say(att_look_recording(model, in_folder("absent.wav"), (att_text){NULL, 0}, &attention), ATT_IO, "No such file");
  assert_null(attention);
  att_model_close(model);
}

static att_status open_and_look(att_context *counted, void *arg) {
  att_model *model;
  att_attention *attention;
  ATT_TRY(att_model_open(counted, ATT_TEST_DATA "/whisper", &model));
  att_status status = att_look_recording(model, arg, (att_text){NULL, 0}, &attention);
  if (!status) att_attention_free(attention);
  att_model_close(model);
  return status;
}

static att_status open_and_transcribe(att_context *counted, void *arg) {
  att_model *model;
  att_transcribe_options options;
  att_transcribe_options_default(&options);
  options.words = options.voice = true;
  options.temperature_step = 0;
  options.prompt = "a";
  ATT_TRY(att_model_open(counted, ATT_TEST_DATA "/whisper", &model));
  att_status status = att_transcribe(model, arg, &options, NULL, NULL);
  att_model_close(model);
  return status;
}

static att_status open_and_hear_memory(att_context *counted, void *arg) {
  const att_mapping *bytes = arg;
  att_model *model;
  att_transcription *t;
  ATT_TRY(att_model_open(counted, ATT_TEST_DATA "/whisper", &model));
  att_status status = att_transcription_new(model, bytes->data, bytes->size, NULL, NULL, NULL, &t);
  bool more = !status;
  while (!status && more) status = att_transcription_step(t, &more);
  att_transcription_free(t);
  att_model_close(model);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  if (!reads_recordings()) return;
  static int16_t samples[RATE / 4];
  att_mapping bytes;
  fill_recording(samples, RATE / 4);
  const char *path = write_recording("short.wav", samples, RATE / 4);
  assert_true(fail_each_allocation(open_and_transcribe, (void *)path) > 100);
  assert_true(fail_each_allocation(open_and_look, (void *)path) > 100);
  require_ok(att_map(ctx, path, &bytes));
  assert_true(fail_each_allocation(open_and_hear_memory, &bytes) > 100);
  att_unmap(&bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_window_is_heard_as_transformers_hears_it),
      cmocka_unit_test(timestamps_divide_a_window),
      cmocka_unit_test(the_cheapest_path_is_found),
      cmocka_unit_test_teardown(silence_gives_nothing, empty_folder),
      cmocka_unit_test_teardown(recordings_are_heard_window_by_window, empty_folder),
      cmocka_unit_test_teardown(memory_is_heard_as_a_file_is, empty_folder),
      cmocka_unit_test_teardown(callers_may_stop, empty_folder),
      cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test_teardown(words_look_at_the_sound, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
