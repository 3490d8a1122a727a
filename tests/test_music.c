/*
 * Tunes and piano rolls: MIDI files against what mido reads in them (tests/data/music, made by
 * tools/make_music_fixtures.py), read, written and read again; hostile ones; ABC by hand; words there and back, in any
 * order; a composer, trained and asked; piano rolls: read, as tunes, learned by every network, composed and scored.
 */
#include "run_fixture.h"

#include "formats/tune.h"
#include "models/model.h"
#include "train/data/rolls.h"

#include <math.h>
#include <stdlib.h>

/* ---- MIDI ----------------------------------------------------------------------------------------------------- */

static void spell(const att_tune *t, att_buffer *out) {
  assert_int_equal(att_buffer_print(ctx, out, "quarter %lld\n", (long long)t->quarter), ATT_OK);
  for (size_t i = 0; i < t->note_count; i++) {
    const att_note *n = &t->notes[i];
    assert_int_equal(att_buffer_print(ctx, out, "note %lld %lld %d %d %d\n", (long long)n->start, (long long)n->length,
                                      n->program, n->key, n->velocity),
                     ATT_OK);
  }
  for (size_t i = 0; i < t->tempo_count; i++)
    assert_int_equal(
        att_buffer_print(ctx, out, "tempo %lld %lld\n", (long long)t->tempi[i].at, (long long)t->tempi[i].microseconds),
        ATT_OK);
  for (size_t i = 0; i < t->metre_count; i++)
    assert_int_equal(att_buffer_print(ctx, out, "metre %lld %d %d\n", (long long)t->metres[i].at,
                                      t->metres[i].numerator, t->metres[i].denominator),
                     ATT_OK);
}

static void must_be(const att_tune *t, const char *expected) {
  att_buffer found = {0};
  spell(t, &found);
  assert_string_equal(found.data, expected);
  att_buffer_free(ctx, &found);
}

static void midi_is_mido_s(void **state) {
  (void)state;
  for (int i = 0; i < 6; i++) {
    char path[1024];
    att_tune tune;
    att_buffer written = {0};
    snprintf(path, sizeof path, "%s/music/tune%d.mid", ATT_TEST_DATA, i);
    att_buffer bytes = read_whole(path);
    snprintf(path, sizeof path, "%s/music/tune%d.txt", ATT_TEST_DATA, i);
    att_buffer expected = read_whole(path);
    if (att_midi_read(ctx, path, (const unsigned char *)bytes.data, bytes.size, &tune))
      fail_msg("%s", att_message(ctx));
    assert_true(tune.note_count > 50);
    must_be(&tune, expected.data);
    assert_int_equal(att_midi_write(ctx, &tune, &written), ATT_OK);
    att_tune_free(ctx, &tune);
    if (att_midi_read(ctx, path, (const unsigned char *)written.data, written.size, &tune))
      fail_msg("%s", att_message(ctx));
    must_be(&tune, expected.data);
    att_tune_free(ctx, &tune);
    att_buffer_free(ctx, &bytes);
    att_buffer_free(ctx, &expected);
    att_buffer_free(ctx, &written);
  }
}

#define HEAD "MThd\0\0\0\6\0\0\0\1\0\x60"

static void what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    att_status status;
    const char *clue;
  } cases[] = {
      {"", 0, ATT_FORMAT, "is no MIDI file"},
      {"RIFF\0\0\0\0\0\0\0\0\0\0", 14, ATT_FORMAT, "is no MIDI file"},
      {HEAD, 14, ATT_FORMAT, "has no track"},
      {"MThd\0\0\0\6\0\2\0\1\0\x60", 14, ATT_UNSUPPORTED, "format 2"},
      {"MThd\0\0\0\6\0\1\0\1\xe7\x28", 14, ATT_UNSUPPORTED, "SMPTE"},
      {HEAD "MTrk\0\0\1\0\0\x90\x40\x40", 26, ATT_FORMAT, "track 1 is cut off"},
      {HEAD "MTrk\0\0\0\3\0\x90\x40", 25, ATT_FORMAT, "track 1 is cut off"},
      {HEAD "MTrk\0\0\0\3\0\x40\x40", 25, ATT_FORMAT, "data where an event must begin"},
      {HEAD "MTrk\0\0\0\5\xff\xff\xff\xff\x7f", 27, ATT_FORMAT, "more than four bytes"},
      {HEAD "MTrk\0\0\0\4\0\xff\x51\x7f", 26, ATT_FORMAT, "track 1 is cut off"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_tune tune;
    must_say(att_midi_read(ctx, "x.mid", (const unsigned char *)cases[i].bytes, cases[i].size, &tune), cases[i].status,
             cases[i].clue);
    assert_null(tune.notes);
  }
}

/* Bytes cut and changed anywhere: a message or a tune. */
static void any_bytes(void **state) {
  (void)state;
  att_buffer bytes = read_whole(ATT_TEST_DATA "/music/tune2.mid");
  for (size_t i = 0; i < 3 * bytes.size; i++) {
    att_tune tune;
    size_t at = i % bytes.size, size = i < bytes.size ? i : bytes.size;
    char was = bytes.data[at];
    if (i >= bytes.size) bytes.data[at] = (char)(i < 2 * bytes.size ? 0xff : was ^ 0x80);
    if (att_midi_read(ctx, "x.mid", (const unsigned char *)bytes.data, size, &tune) == ATT_OK)
      att_tune_free(ctx, &tune);
    bytes.data[at] = was;
  }
  att_buffer_free(ctx, &bytes);
}

/* ---- ABC ------------------------------------------------------------------------------------------------------ */

static att_status spell_one(void *user, const att_tune *tune) {
  spell(tune, user);
  return ATT_OK;
}

static void must_read(const char *abc, const char *expected) {
  att_buffer found = {0};
  char *text = strdup(abc);
  if (att_abc_read(ctx, "x.abc", text, strlen(text), spell_one, &found)) fail_msg("%s: %s", abc, att_message(ctx));
  free(text);
  if (strcmp(found.data, expected) != 0) fail_msg("%s:\n%s\nnot\n%s", abc, found.data, expected);
  att_buffer_free(ctx, &found);
}

static void abc_by_hand(void **state) {
  (void)state;
  /* D major: F and C are sharp; accidentals hold for the bar */
  must_read(
      "X:1\nT:x\nM:4/4\nL:1/8\nK:D\nD2 F=F F|F,c/2 z2 [Ac]3-[Ac]|\n",
      "quarter 480\nnote 0 480 0 62 80\nnote 480 240 0 66 80\nnote 720 240 0 65 80\nnote 960 240 0 65 80\n"
      "note 1200 240 0 54 80\nnote 1440 120 0 73 80\nnote 2040 960 0 69 80\nnote 2040 960 0 73 80\nmetre 0 4 4\n");
  /* triplets, broken rhythm, a tempo, a metre within, no L: eighths in 3/4 */
  must_read("X:1\nM:3/4\nQ:1/4=90\nK:Gm\n(3BBB A>G [M:2/4] e,,\n",
            "quarter 480\nnote 0 160 0 70 80\nnote 160 160 0 70 80\nnote 320 160 0 70 80\nnote 480 360 0 69 80\n"
            "note 840 120 0 67 80\nnote 960 240 0 51 80\ntempo 0 666666\nmetre 0 3 4\nmetre 960 2 4\n");
  /* two tunes in a file; decorations, chords' names, grace notes and words are passed over */
  must_read("X:1\nK:C\n\"Am\"!p!{d}C\nw:la\n\nX:2\nK:C\n^c'\n",
            "quarter 480\nnote 0 240 0 60 80\nquarter 480\nnote 0 240 0 85 80\n");
  char none[] = "hello\n";
  must_say(att_abc_read(ctx, "x.abc", none, 6, spell_one, NULL), ATT_FORMAT, "there is no tune in it");
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

static att_status words_of(void *user, const att_tune *tune) { return att_tune_to_words(ctx, "abc", tune, user); }

static void words_there_and_back(void **state) {
  (void)state;
  att_tune tune;
  att_buffer words = {0}, again = {0};
  const char *given =
      "bar metre_5/8 tempo_90 pos_0 program_12 vel_80 key_60 len_24 key_64 len_12 pos_36 drums vel_120 key_38 "
      "len_6 bar metre_3/4 pos_24 program_12 key_62 len_48 bar bar pos_0 key_60 len_1";
  assert_int_equal(att_tune_from_words(ctx, given, strlen(given), &tune), ATT_OK);
  must_be(&tune, "quarter 24\nnote 0 24 12 60 80\nnote 0 12 12 64 80\nnote 36 6 128 38 120\nnote 84 48 12 62 120\n"
                 "note 204 1 12 60 120\ntempo 0 666666\nmetre 0 5 8\nmetre 60 3 4\n");
  assert_int_equal(att_tune_to_words(ctx, "a tune", &tune, &words), ATT_OK);
  assert_string_equal(words.data, given);
  double seconds; /* 60 + 72 + 72 ticks at 90 quarters of 24 a minute */
  assert_int_equal(att_tune_last_bar(ctx, given, strlen(given), &seconds), ATT_OK);
  assert_true(fabs(seconds - 204 / 24.0 * 0.666666) < 1e-6);
  const char *faster = "bar pos_0 key_60 len_1 bar tempo_60 bar tempo_240 pos_48 tempo_120 bar";
  assert_int_equal(att_tune_last_bar(ctx, faster, strlen(faster), &seconds), ATT_OK);
  assert_true(fabs(seconds - (4 * 0.5 + 4 * 1 + 2 * 0.25 + 2 * 0.5)) < 1e-6);
  assert_int_equal(att_tune_last_bar(ctx, "", 0, &seconds), ATT_OK);
  assert_true(seconds >= 0 && seconds <= 0);
  att_tune_free(ctx, &tune);
  /* through ABC: one voice, tied over bars, with metres and tempi where they change */
  const char *voice =
      "bar metre_5/8 tempo_90 pos_0 program_0 vel_80 key_60 len_24 pos_24 key_64 len_48 bar metre_3/4 tempo_144 pos_12 "
      "key_62 len_12 key_65 len_12 pos_48 key_59 len_60 bar tempo_60 pos_36 key_61 len_36 bar metre_2/4 pos_0 key_72 "
      "len_6";
  att_buffer abc = {0};
  assert_int_equal(att_tune_from_words(ctx, voice, strlen(voice), &tune), ATT_OK);
  assert_int_equal(att_abc_write(ctx, &tune, &abc), ATT_OK);
  att_tune_free(ctx, &tune);
  assert_int_equal(att_abc_read(ctx, "abc", abc.data, abc.size, words_of, &again), ATT_OK);
  assert_string_equal(again.data, voice);
  att_buffer_free(ctx, &abc);
  /* a rest of a hundred million bars, as a MIDI file of some bytes may have it */
  att_tune far = {.quarter = 1};
  assert_int_equal(att_tune_add_note(ctx, &far, (att_note){.start = 400000000, .length = 1, .key = 60, .velocity = 80}),
                   ATT_OK);
  must_say(att_abc_write(ctx, &far, &abc), ATT_UNSUPPORTED, "more than 100000 bars");
  att_buffer_free(ctx, &abc);
  att_tune_free(ctx, &far);
  /* what makes no sense is passed over */
  const char *odd = "len_5 key_300 key_60 key_61 len_0 len_7 pos_x metre_0/4 metre_3/5 <unk> bar bar tempo_0 key_";
  assert_int_equal(att_tune_from_words(ctx, odd, strlen(odd), &tune), ATT_OK);
  must_be(&tune, "quarter 24\nnote 0 7 0 61 80\n");
  att_tune_free(ctx, &tune);
  att_buffer_free(ctx, &words);
  att_buffer_free(ctx, &again);
}

static att_status there_and_back(att_context *own, void *arg) {
  (void)arg;
  att_tune tune;
  att_buffer out = {0};
  const char *given = "bar pos_0 program_12 key_60 len_24 bar tempo_80 metre_3/4 pos_2 key_5 len_3";
  ATT_TRY(att_tune_from_words(own, given, strlen(given), &tune));
  att_status status = att_midi_write(own, &tune, &out);
  att_tune_free(own, &tune);
  if (!status) status = att_midi_read(own, "x", (const unsigned char *)out.data, out.size, &tune);
  if (!status) {
    status = att_abc_write(own, &tune, &out);
    att_tune_free(own, &tune);
  }
  att_buffer_free(own, &out);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(there_and_back, NULL) > 6);
}

/* ---- a composer ----------------------------------------------------------------------------------------------- */

static int keep_words(void *user, const att_piece_of_text *piece) {
  return att_buffer_append(ctx, user, piece->text, piece->size);
}

static void a_scale_is_learned(void **state) {
  (void)state;
  char abc[4096] = "X:1\nM:4/4\nL:1/8\nK:C\n", out[600];
  for (int i = 0; i < 80; i++) strcat(abc, "CDEF GABc|\n");
  write_bytes(in_folder("scale.abc"), abc, strlen(abc));
  snprintf(out, sizeof out, "%s", in_folder("model"));
  att_train_options *o;
  const char *const pairs[][2] = {{"data", in_folder("scale.abc")},
                                  {"out", out},
                                  {"steps", "300"},
                                  {"width", "32"},
                                  {"layers", "1"},
                                  {"context", "64"},
                                  {"lr", "0.01"},
                                  {"batch", "4"},
                                  {"dropout", "0"}};
  assert_int_equal(att_train_options_new(ctx, "music", &o), ATT_OK);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (att_train_options_set(o, pairs[i][0], pairs[i][1])) fail_msg("%s", att_message(ctx));
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  att_model *model;
  char *prompt;
  size_t size;
  att_buffer words = {0};
  att_generate_options g;
  if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  if (att_tune_read(ctx, in_folder("scale.abc"), &prompt, &size)) fail_msg("%s", att_message(ctx));
  assert_non_null(strstr(prompt, "bar metre_4/4 tempo_120 pos_0 program_0 vel_80 key_60 len_12 pos_12 key_62"));
  att_generate_options_default(model, &g);
  g.max_tokens = 40;
  const att_text begin_text = {prompt, (size_t)(strstr(prompt, " pos_36") - prompt)};
  if (att_generate(model, begin_text, &g, keep_words, &words)) fail_msg("%s", att_message(ctx));
  if (!strstr(words.data, "pos_36 key_65 len_12 pos_48 key_67 len_12 pos_60 key_69")) fail_msg("%s", words.data);
  assert_int_equal(att_tune_write(ctx, words.data, words.size, in_folder("t.mid")), ATT_OK);
  assert_int_equal(att_tune_write(ctx, words.data, words.size, in_folder("t.abc")), ATT_OK);
  must_say(att_tune_write(ctx, words.data, words.size, in_folder("t.txt")), ATT_ARGUMENT, "as .mid or .abc");
  att_release(ctx, prompt);
  if (att_tune_read(ctx, in_folder("t.mid"), &prompt, &size)) fail_msg("%s", att_message(ctx));
  assert_non_null(strstr(prompt, "key_65 len_12"));
  att_release(ctx, prompt);
  att_buffer_free(ctx, &words);
  att_model_close(model);
}

/* ---- piano rolls ---------------------------------------------------------------------------------------------- */

static void rolls_read(const char *json, att_status status, const char *clue) {
  att_rolls parts[ATT_ROLL_PARTS];
  write_bytes(in_folder("r.json"), json, strlen(json));
  must_say(att_rolls_read(ctx, in_folder("r.json"), parts), status, clue);
  for (int i = 0; i < ATT_ROLL_PARTS; i++) assert_true(!parts[i].frames && !parts[i].start && !parts[i].count);
}

static void rolls_are_checked(void **state) {
  (void)state;
  rolls_read("[[[200]]]", ATT_FORMAT, "whole numbers from 21 to 108");
  rolls_read("[[[60], [20]]]", ATT_FORMAT, "tune 1: a frame must be");
  rolls_read("[[[60.5]]]", ATT_FORMAT, "whole numbers");
  rolls_read("[[[60]], [60]]", ATT_FORMAT, "tune 2: a frame must be");
  rolls_read("[[[60]], []]", ATT_FORMAT, "tune 2 has no frames");
  rolls_read("[[[60]], 5]", ATT_FORMAT, "tune 2 has no frames");
  rolls_read("{\"x\": 1}", ATT_FORMAT, "no piano rolls in it");
  rolls_read("[]", ATT_FORMAT, "no piano rolls in it");
  rolls_read("{\"train\": [[[60]]], \"test\": [[[1e400]]]}", ATT_FORMAT, "");
  rolls_read("[[[60]", ATT_FORMAT, "r.json");
}

static bool are_rolls(const char *json) {
  bool are = true;
  write_bytes(in_folder("q.json"), json, strlen(json));
  assert_int_equal(att_rolls_are_in(ctx, in_folder("q.json"), &are), ATT_OK);
  return are;
}

/* By lists three deep before any object but the outermost, whatever strings hold. */
static void rolls_are_told_from_questions(void **state) {
  (void)state;
  bool are;
  assert_true(are_rolls("{\"train\": [[[60]]]}"));
  assert_true(are_rolls("{\"test\": [], \"valid\": [ [\n[]]]}"));
  assert_true(are_rolls("[[[60]"));
  assert_false(are_rolls("{\"data\": [{\"paragraphs\": [[[60]]]}]}"));
  assert_false(are_rolls("{\"version\": \"[[[\", \"data\": [{}]}"));
  assert_false(are_rolls("{\"version\": \"\\\"[[[\", \"data\": [{}]}"));
  assert_false(are_rolls("[[60], [62], [64]]"));
  assert_false(are_rolls("]]]"));
  assert_false(are_rolls("\"[[["));
  assert_false(are_rolls("\"\\"));
  must_say(att_rolls_are_in(ctx, in_folder("nowhere.json"), &are), ATT_IO, "nowhere.json");
  assert_false(are);
}

/* A roll, its notes, and the roll again; its rows for a model. */
static void a_roll_is_a_tune(void **state) {
  (void)state;
  static const char json[] = "{\"valid\": [[[60, 64], [60], [], [60, 21], [108]]]}";
  att_rolls roll, again;
  att_tune tune;
  att_buffer out = {0};
  write_bytes(in_folder("r.json"), json, strlen(json));
  if (att_roll_read_tune(ctx, in_folder("r.json"), 2, &roll)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_roll_to_tune(ctx, roll.frames, 5, 2, 90, &tune), ATT_OK);
  must_be(&tune, "quarter 480\nnote 0 480 0 60 80\nnote 0 240 0 64 80\nnote 720 240 0 21 80\nnote 720 240 0 60 80\n"
                 "note 960 240 0 108 80\ntempo 0 666667\nmetre 0 4 4\n");
  assert_int_equal(att_midi_write(ctx, &tune, &out), ATT_OK);
  write_bytes(in_folder("r.mid"), out.data, out.size);
  if (att_roll_read_tune(ctx, in_folder("r.mid"), 2, &again)) fail_msg("%s", att_message(ctx));
  assert_true(again.count == 1 && again.start[1] == 5);
  assert_memory_equal(again.frames, roll.frames, 5 * ATT_ROLL_KEYS);
  out.size = 0;
  assert_int_equal(att_roll_to_json(ctx, roll.frames, 5, &out), ATT_OK);
  assert_string_equal(out.data, "[[[60, 64], [60], [], [21, 60], [108]]]\n");
  att_arena *arena;
  att_batch batch;
  const int32_t shift = 2;
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  assert_int_equal(att_rolls_take(&roll, NULL, &shift, 0, 1, 3, arena, &batch), ATT_OK);
  assert_true(batch.target.sequences.count == 2 && batch.target.sequences.start[1] == 3);
  for (int f = 0; f < 5; f++)
    for (int k = 0; k < ATT_ROLL_KEYS; k++) {
      float is = k >= 2 ? roll.frames[f * ATT_ROLL_KEYS + k - 2] : 0; /* 108 left the piano */
      assert_true(batch.values[f * ATT_ROLL_KEYS + k] == is);
      assert_true(batch.target.rows[f * ATT_ROLL_KEYS + k] == (f ? batch.values[(f - 1) * ATT_ROLL_KEYS + k] : 0));
    }
  att_arena_free(arena);
  att_tune_free(ctx, &tune);
  att_rolls_free(ctx, &roll);
  att_rolls_free(ctx, &again);
  att_buffer_free(ctx, &out);
}

static att_status reads_rolls(att_context *own, void *arg) {
  att_rolls roll;
  ATT_TRY(att_roll_read_tune(own, arg, 2, &roll));
  att_rolls_free(own, &roll);
  return ATT_OK;
}

/* Chords in turn, of 10 frames and more. */
static void write_chords(const char *path) {
  att_buffer json = {0};
  for (int part = 0; part < 2; part++) {
    assert_int_equal(att_buffer_print(ctx, &json, "%s\"%s\": [", part ? "], " : "{", part ? "valid" : "train"), ATT_OK);
    for (int tune = 0; tune < (part ? 2 : 8); tune++) {
      assert_int_equal(att_buffer_print(ctx, &json, "%s[", tune ? ", " : ""), ATT_OK);
      for (int f = 0; f < 10 + tune; f++)
        assert_int_equal(att_buffer_print(ctx, &json, "%s%s", f ? ", " : "", f % 2 ? "[60, 64, 100]" : "[30, 67]"),
                         ATT_OK);
      assert_int_equal(att_buffer_print(ctx, &json, "]"), ATT_OK);
    }
  }
  assert_int_equal(att_buffer_print(ctx, &json, "]}"), ATT_OK);
  write_bytes(path, json.data, json.size);
  att_buffer_free(ctx, &json);
}

static int keep_score(void *user, const att_roll_score *score) {
  att_roll_score *scores = user;
  scores[strcmp(score->part, "valid") == 0] = *score;
  return 0;
}

/* The sum over frames and keys of the logarithms of what the head says, by hand. */
static double logprob_of(att_model *model, const char *path) {
  att_rolls parts[ATT_ROLL_PARTS];
  att_arena *arena;
  double sum = 0;
  assert_int_equal(att_rolls_read(ctx, path, parts), ATT_OK);
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  for (int64_t tune = 0; tune < parts[1].count; tune++) {
    att_run run = {.ctx = ctx, .arena = arena};
    att_batch batch;
    att_hidden hidden;
    att_tensor logits;
    assert_int_equal(att_rolls_take(&parts[1], NULL, NULL, tune, 1, 1000, arena, &batch), ATT_OK);
    assert_int_equal(att_model_hidden(&run, model, &batch.target, NULL, NULL, &hidden), ATT_OK);
    assert_int_equal(att_head_logits(&run, model, &hidden, &logits), ATT_OK);
    for (int64_t i = 0; i < logits.rows * ATT_ROLL_KEYS; i++) {
      double p = 1 / (1 + exp(-(double)logits.data[i / ATT_ROLL_KEYS * logits.stride + i % ATT_ROLL_KEYS]));
      sum += log(batch.values[i] > 0 ? p : 1 - p);
    }
  }
  att_arena_free(arena);
  for (int i = 0; i < ATT_ROLL_PARTS; i++) att_rolls_free(ctx, &parts[i]);
  return sum;
}

static void must_go_on(att_model *model) {
  static const char prompt[] = "[[[60, 64, 100], [30, 67], [60, 64, 100]]]";
  att_roll_options o;
  att_rolls roll;
  write_bytes(in_folder("p.json"), prompt, strlen(prompt));
  att_roll_options_default(&o);
  o.prompt = in_folder("p.json");
  o.temperature = 0;
  o.frames = 4;
  if (att_compose_roll(model, &o, in_folder("o.json"))) fail_msg("%s", att_message(ctx));
  must_hold(in_folder("o.json"),
            "[[[60, 64, 100], [30, 67], [60, 64, 100], [30, 67], [60, 64, 100], [30, 67], [60, 64, 100]]]\n", 93);
  o.temperature = 1;
  o.frames = 40; /* more than the model has positions for */
  if (att_compose_roll(model, &o, in_folder("o.mid"))) fail_msg("%s", att_message(ctx));
  if (att_roll_read_tune(ctx, in_folder("o.mid"), 1, &roll)) fail_msg("%s", att_message(ctx));
  assert_true(roll.start[1] >= 40);
  att_rolls_free(ctx, &roll);
  must_say(att_compose_roll(model, &o, in_folder("o.wav")), ATT_ARGUMENT, "as .mid or .abc");
  o.frames = 0;
  must_say(att_compose_roll(model, &o, in_folder("o.mid")), ATT_ARGUMENT, "frames is out of its range");
}

/* By every network: less than a nat or two a frame is left of 88 keys. */
static void rolls_are_learned(void **state) {
  (void)state;
  static const char *const networks[] = {"transformer", "gru", "lstm", "rnn"};
  char data[600], out[600];
  snprintf(data, sizeof data, "%s", in_folder("rolls.json"));
  write_chords(data);
  assert_true(fail_each_allocation(reads_rolls, data) > 3);
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    att_train_options *o;
    att_model *model;
    att_roll_score scores[2] = {{0}};
    snprintf(out, sizeof out, "%s", in_folder(networks[i]));
    const char *const pairs[][2] = {{"data", data},    {"out", out},   {"family", networks[i]}, {"steps", "150"},
                                    {"width", "32"},   {"lr", "0.02"}, {"dropout", "0"},        {"transpose", "0"},
                                    {"context", "32"}, {"batch", "8"}, {"average", "1"}};
    assert_int_equal(att_train_options_new(ctx, "music", &o), ATT_OK);
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
      if (att_train_options_set(o, pairs[k][0], pairs[k][1])) fail_msg("%s", att_message(ctx));
    if (att_train(ctx, o, NULL, NULL)) fail_msg("%s: %s", networks[i], att_message(ctx));
    att_train_options_free(o);
    if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
    assert_int_equal(model->config.label_count, 88);
    if (att_score_rolls(model, data, keep_score, scores)) fail_msg("%s", att_message(ctx));
    assert_true(scores[0].tunes == 8 && scores[0].frames == 108 && scores[1].tunes == 2 && scores[1].frames == 21);
    double nats = -scores[1].logprob / 21;
    if (!(nats > 0 && nats < 2)) fail_msg("%s: %g nats", networks[i], nats);
    assert_true(fabs(logprob_of(model, data) - scores[1].logprob) < 1e-3);
    assert_true(fabs(state_of(out).best.score.loss - nats) < 1e-3);
    must_say(att_check_verb(model, ATT_VERB_GENERATE), ATT_UNSUPPORTED, "a decoder of piano rolls: it can compose");
    must_go_on(model);
    att_model_close(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(midi_is_mido_s),
      cmocka_unit_test(what_is_refused),
      cmocka_unit_test(any_bytes),
      cmocka_unit_test(abc_by_hand),
      cmocka_unit_test(words_there_and_back),
      cmocka_unit_test(each_allocation_may_fail),
      cmocka_unit_test_teardown(a_scale_is_learned, empty_folder),
      cmocka_unit_test_teardown(rolls_are_checked, empty_folder),
      cmocka_unit_test_teardown(rolls_are_told_from_questions, empty_folder),
      cmocka_unit_test_teardown(a_roll_is_a_tune, empty_folder),
      cmocka_unit_test_teardown(rolls_are_learned, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
