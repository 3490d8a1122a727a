/*
 * The settings of generating: what a folder says, what of it is wrong and who is told, and how it is written again; and
 * what each does, against generate() of Hugging Face Transformers (tests/data/generation.json,
 * tools/make_generation_fixtures.py): the tokens of greedy and beam search under each setting, the distribution that is
 * left to draw from.
 */
#include "scratch.h"

#include <math.h>

#include "base/random.h"
#include "decode/candidates.h"
#include "decode/decode.h"
#include "formats/json.h"
#include "models/model.h"

static void put(const char *name, const char *text) { write_bytes(in_folder(name), text, strlen(text)); }

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

static const att_config decoder = {.family = ATT_GPT2,
                                   .kind = ATT_DECODER,
                                   .vocab_size = 50,
                                   .bos = 1,
                                   .eos = 2,
                                   .decoder_start = -1,
                                   .pad = -1,
                                   .max_position_embeddings = 100};
static const att_config translator = {.family = ATT_M2M_100,
                                      .vocab_size = 50,
                                      .bos = 0,
                                      .eos = 2,
                                      .decoder_start = 2,
                                      .pad = 1,
                                      .max_position_embeddings = 100};

static att_generation read_of(const att_config *config, const char *text) {
  att_generation g;
  if (text) put("generation_config.json", text);
  if (att_generation_read(ctx, folder, config, &g) != ATT_OK) fail_msg("%s", att_message(ctx));
  return g;
}

static void same_tokens(const att_token_list *list, int64_t count, const int32_t *tokens) {
  assert_int_equal(list->count, count);
  for (int64_t i = 0; i < count; i++) assert_int_equal(list->tokens[i], tokens[i]);
}

static void each_setting_is_read(void **state) {
  (void)state;
  att_generation g = read_of(
      &translator,
      "{\"do_sample\": true, \"num_beams\": 3, \"num_return_sequences\": 2, \"max_length\": 40, \"max_new_tokens\": "
      "30, "
      "\"min_length\": 4, \"min_new_tokens\": 5, \"early_stopping\": \"never\", \"length_penalty\": 0.6, "
      "\"temperature\": 0.7, \"top_h\": 0.4, \"top_k\": 20, \"top_p\": 0.9, \"min_p\": 0.05, \"typical_p\": 0.8, "
      "\"epsilon_cutoff\": 0.01, \"eta_cutoff\": 0.02, \"repetition_penalty\": 2, \"encoder_repetition_penalty\": 0.5, "
      "\"no_repeat_ngram_size\": 3, \"encoder_no_repeat_ngram_size\": 4, \"remove_invalid_values\": true, "
      "\"renormalize_logits\": true, \"bos_token_id\": 7, \"decoder_start_token_id\": 8, \"eos_token_id\": [2, 9], "
      "\"forced_bos_token_id\": 10, \"forced_eos_token_id\": [2], \"suppress_tokens\": [-1, 11, 50], "
      "\"begin_suppress_tokens\": [12], \"bad_words_ids\": [[2], [], [2, 3], [9], [13]], "
      "\"sequence_bias\": [[[4, 5], 1], [[4], 2.5], [[4, 5], -3.5]], \"exponential_decay_length_penalty\": [6, 1.5], "
      "\"stop_strings\": [\"a\", \"\", \"b\"], \"pad_token_id\": -1, \"an unknown key\": {}}");
  assert_true(g.do_sample && g.num_beams == 3 && g.num_return_sequences == 2 && g.max_length == 40);
  assert_true(g.max_new_tokens == 30 && g.min_length == 4 && g.min_new_tokens == 5 && g.length_penalty == 0.6);
  assert_true(g.early_stopping == ATT_EARLY_STOPPING_NEVER && g.temperature == 0.7 && g.top_h == 0.4 && g.top_k == 20);
  assert_true(g.top_p == 0.9 && g.min_p == 0.05 && g.typical_p == 0.8 && g.epsilon_cutoff == 0.01);
  assert_true(g.eta_cutoff == 0.02 && g.repetition_penalty == 2 && g.encoder_repetition_penalty == 0.5);
  assert_true(g.no_repeat_ngram_size == 3 && g.encoder_no_repeat_ngram_size == 4 && g.remove_invalid_values);
  assert_true(g.renormalize_logits && g.bos == 7 && g.decoder_start == 8);
  same_tokens(&g.ends, 2, (const int32_t[]){2, 9});
  same_tokens(&g.forced_bos, 1, (const int32_t[]){10});
  same_tokens(&g.forced_eos, 1, (const int32_t[]){2});
  same_tokens(&g.suppress_tokens, 1, (const int32_t[]){11}); /* the others are no tokens */
  same_tokens(&g.begin_suppress_tokens, 1, (const int32_t[]){12});
  assert_int_equal(g.bad_words.count, 2); /* an end token alone cannot be ruled out, nor can nothing */
  for (int64_t i = 0; i < 2; i++) assert_true(isinf(g.bad_words.items[i].bias) && g.bad_words.items[i].bias < 0);
  assert_true(g.bad_words.items[0].count == 1 && g.bad_words.items[0].tokens[0] == 13);
  assert_true(g.bad_words.items[1].count == 2 && g.bad_words.items[1].tokens[1] == 3);
  assert_int_equal(g.sequence_bias.count, 2); /* of one sequence's the last counts */
  assert_true(g.sequence_bias.items[0].bias == 2.5 && g.sequence_bias.items[1].bias == -3.5);
  assert_true(g.decay_start == 6 && g.decay_factor == 1.5 && g.stop_string_count == 2);
  assert_string_equal(g.stop_strings[1], "b");
  assert_null(g.wrong);
  att_generation_free(ctx, &g);
}

static void what_is_not_said_is_neutral(void **state) {
  (void)state;
  att_generation g = read_of(&decoder, "{\"top_k\": null, \"temperature\": null, \"bad_words_ids\": null}"), neutral;
  att_generation_neutral(&neutral);
  assert_true(g.temperature == 1 && g.top_p == 1 && g.typical_p == 1 && g.repetition_penalty == 1 && g.num_beams == 1);
  assert_true(!g.do_sample && g.top_k == 0 && g.max_length == 0 && g.ends.count == 0 && g.bos == -1);
  att_processors p;
  att_processors_make(&g, 50, 1, 9, NULL, &p);
  assert_int_equal(p.count, 0);
  att_processors_make(&neutral, 50, 1, 9, NULL, &p);
  assert_int_equal(p.count, 0);
  att_generation_free(ctx, &g);
  g = read_of(&decoder, "{\"do_sample\": true}"); /* generate()'s own */
  assert_int_equal(g.top_k, 50);
  att_generation_free(ctx, &g);
}

/* A folder from before generation_config.json has the settings in config.json; so has one where it is no JSON. */
static void config_json_is_the_older_place(void **state) {
  (void)state;
  static const char older[] = "{\"model_type\": \"gpt2\", \"num_beams\": 4, \"eos_token_id\": 3, \"hidden_size\": 9, "
                              "\"bad_words_ids\": [[5]], \"length_penalty\": 2.0, \"do_sample\": null}";
  static const char written[] = "{\n  \"num_beams\": 4,\n  \"eos_token_id\": 3,\n  \"bad_words_ids\": [[5]],\n  "
                                "\"length_penalty\": 2.0\n}\n";
  put("config.json", older);
  for (int broken = 0; broken <= 1; broken++) {
    att_generation g = read_of(&translator, broken ? "{\"num_beams\": 2" : NULL);
    assert_true(g.num_beams == 4 && g.bad_words.count == 1 && g.length_penalty == 2);
    same_tokens(&g.ends, 1, (const int32_t[]){3});
    assert_null(g.wrong);
    if (broken) assert_non_null(strstr(g.warnings, "generation_config.json: is not valid JSON"));
    unlink(in_folder("generation_config.json"));
    assert_int_equal(att_generation_write(ctx, folder, &g), ATT_OK);
    must_hold(in_folder("generation_config.json"), written, strlen(written));
    unlink(in_folder("generation_config.json"));
    att_generation_free(ctx, &g);
  }
  att_generation g = read_of(&translator, "{\"eos_token_id\": 2}"); /* where it is there, config.json says nothing */
  assert_true(g.num_beams == 1 && g.bad_words.count == 0);
  att_generation_free(ctx, &g);
}

static void a_folder_is_written_again_as_it_was(void **state) {
  (void)state;
  static const char text[] =
      "{ \"eos_token_id\":2,\n\"length_penalty\": 0.60000000000000009, \"x\": [1, {\"y\": 1e30}],"
      "\"num_beams\": \"wrong\", \"guidance_scale\": 1.5 }";
  att_generation g = read_of(&translator, text);
  put("generation_config.json", "{}");
  assert_int_equal(att_generation_write(ctx, folder, &g), ATT_OK);
  must_hold(in_folder("generation_config.json"), text, strlen(text));
  att_generation_free(ctx, &g);
}

/* ---- what is wrong -------------------------------------------------------------------------------------------------
 */

static const struct {
  const char *text, *clue;
} wrongs[] = {
    {"{\"num_beams\": 0}", "generation_config.json: num_beams is 0, not a whole number from 1 to 1000"},
    {"{\"num_beams\": 1001}", "num_beams is 1001"},
    {"{\"early_stopping\": \"ever\"}", "early_stopping is \"ever\", not true or false"},
    {"{\"length_penalty\": 1e300}", "length_penalty is 1e+300"},
    {"{\"max_length\": 0}", "max_length is 0"},
    {"{\"max_new_tokens\": -1}", "max_new_tokens is -1"},
    {"{\"temperature\": -1}", "temperature is -1, not from 0"},
    {"{\"temperature\": \"hot\"}", "temperature is \"hot\", not a number"},
    {"{\"top_p\": 1.5}", "top_p is 1.5"},
    {"{\"top_k\": -2}", "top_k is -2"},
    {"{\"do_sample\": 1}", "do_sample is 1, not true or false"},
    {"{\"repetition_penalty\": 0}", "repetition_penalty is 0"},
    {"{\"suppress_tokens\": [\"a\"]}", "suppress_tokens is not a token, nor a list of tokens"},
    {"{\"eos_token_id\": {}}", "eos_token_id is not a token"},
    {"{\"bad_words_ids\": [5]}", "bad_words_ids is not a list of lists of tokens"},
    {"{\"bad_words_ids\": 5}", "bad_words_ids is not a list"},
    {"{\"bad_words_ids\": [[50]]}", "bad_words_ids lists what is not one of the model's tokens"},
    {"{\"bad_words_ids\": [[-1]]}", "bad_words_ids lists what is not one"},
    {"{\"sequence_bias\": {\"(3, 4)\": 2.0}}", "sequence_bias is not a list"},
    {"{\"sequence_bias\": [[[3]]]}", "sequence_bias lists what is not a pair"},
    {"{\"exponential_decay_length_penalty\": [1]}", "exponential_decay_length_penalty is not a list of"},
    {"{\"exponential_decay_length_penalty\": [1, 0]}", "exponential_decay_length_penalty is not a list of"},
    {"{\"stop_strings\": 5}", "stop_strings is not a text, nor a list of texts"},
    {"[1]", "generation_config.json: the file is not a JSON object"},
};

static void what_is_wrong_stops_those_who_generate(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    att_generation g = read_of(&translator, wrongs[i].text);
    must_say(att_generation_use(ctx, &g), ATT_FORMAT, wrongs[i].clue);
    att_generation_free(ctx, &g);
  }
}

typedef struct heard {
  char text[2000];
  int count;
} heard;

static void hear(void *user, att_log_level level, const char *text) {
  heard *h = user;
  assert_int_equal(level, ATT_LOG_WARNING);
  snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "%s\n", text);
  h->count++;
}

static void what_is_not_applied_is_said_once(void **state) {
  (void)state;
  static const struct {
    const att_config *config;
    const char *text, *clue;
  } cases[] = {
      {&translator, "{\"eos_token_id\": 2, \"num_beam_groups\": 2}", "num_beam_groups is not applied"},
      {&translator, "{\"eos_token_id\": 2, \"guidance_scale\": 1.5}", "guidance_scale is not applied"},
      {&translator, "{\"eos_token_id\": 2, \"constraints\": [1]}", "constraints is not applied"},
      {&translator, "{\"eos_token_id\": 2, \"watermarking_config\": {}}", "watermarking_config is not"},
      {&translator, "{\"eos_token_id\": 2, \"do_sample\": true, \"num_beams\": 2}", "do_sample is not applied"},
      {&decoder, "{\"eos_token_id\": 2, \"penalty_alpha\": 0.6}", "penalty_alpha is not applied"},
      {&decoder, "{\"eos_token_id\": 2, \"num_beams\": 2}", "num_beams is not applied"},
      {&decoder, "{\"eos_token_id\": 2, \"min_new_tokens\": 5, \"max_new_tokens\": 4}",
       "min_new_tokens is above max_new"},
      {&decoder, "{\"eos_token_id\": 2, \"min_new_tokens\": 5, \"max_length\": 5}",
       "min_new_tokens is above max_length"},
      {&decoder, "{\"eos_token_id\": 2, \"min_length\": 6, \"max_length\": 5}", "min_length is above max_length"},
      {&translator, "{\"eos_token_id\": 2, \"min_length\": 6, \"max_new_tokens\": 4}", "min_length is above max_new"},
      {&decoder, "{\"eos_token_id\": 2, \"min_length\": 6, \"max_new_tokens\": 4}", NULL},
      {&translator, "{\"eos_token_id\": 2, \"min_length\": 5, \"max_new_tokens\": 4, \"max_length\": 2}", NULL},
      {&decoder, "{\"eos_token_id\": 2, \"min_new_tokens\": 4, \"max_length\": 5, \"min_length\": 9}", NULL},
      {&decoder, "{\"eos_token_id\": 2, \"min_length\": 9, \"min_new_tokens\": 300}", NULL},
      {&decoder, "{}", "eos_token_id is missing"},
      {&decoder, "{\"eos_token_id\": -1}", "eos_token_id is missing"},
      {&decoder,
       "{\"eos_token_id\": [2, 3], \"num_beam_groups\": 1, \"diversity_penalty\": 0.0, \"guidance_scale\": "
       "null, \"token_healing\": false, \"unknown\": 3, \"do_sample\": true, \"num_beams\": 1}",
       NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    heard said = {0};
    att_context *speaking;
    att_generation g;
    assert_int_equal(
        att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = hear, .log_user = &said},
                        &speaking),
        ATT_OK);
    put("generation_config.json", cases[i].text);
    assert_int_equal(att_generation_read(speaking, folder, cases[i].config, &g), ATT_OK);
    assert_int_equal(said.count, 0); /* other verbs need none of it */
    for (int time = 0; time < 2; time++) assert_int_equal(att_generation_use(speaking, &g), ATT_OK);
    assert_int_equal(said.count, cases[i].clue != NULL);
    if (cases[i].clue && !strstr(said.text, cases[i].clue)) fail_msg("%s: %s", cases[i].text, said.text);
    att_generation_free(speaking, &g);
    att_context_free(speaking);
  }
}

/* ---- options -------------------------------------------------------------------------------------------------------
 */

static void defaults_are_the_folders(void **state) {
  (void)state;
  att_model model = {.ctx = ctx, .config = translator};
  att_decode_options d;
  model.generation =
      read_of(&translator, "{\"do_sample\": true, \"temperature\": 0.7, \"max_length\": 40, \"min_length\": 4, "
                           "\"num_return_sequences\": 3, \"no_repeat_ngram_size\": 3, \"top_p\": 0.9}");
  att_decode_options_default(&model, &d);
  assert_true(d.beam == 1 && d.temperature == 0.7 && d.max_length == 39 && d.min_tokens == 3 && d.nbest == 3);
  assert_true(d.no_repeat_ngram_size == 3 && d.top_p == 0.9 && d.top_k == 50 && d.repetition_penalty == 1);
  att_generation_free(ctx, &model.generation);
  model.generation =
      read_of(&translator, "{\"do_sample\": true, \"num_beams\": 200, \"max_new_tokens\": 12, "
                           "\"num_return_sequences\": 90, \"early_stopping\": true, \"min_new_tokens\": 2}");
  att_decode_options_default(&model, &d);
  assert_true(d.beam == 64 && d.temperature == 0 && d.max_length == 12 && d.min_tokens == 2 && d.nbest == 64);
  assert_int_equal(d.early_stopping, ATT_EARLY_STOPPING_ON);
  att_generation_free(ctx, &model.generation);
  model.generation = read_of(&translator, "{\"max_length\": 5000}");
  att_decode_options_default(&model, &d);
  assert_true(d.max_length == 100 && d.nbest == 1 && d.stop_count == 0 && d.min_tokens == 0);
  att_generation_free(ctx, &model.generation);

  model.config = decoder;
  att_generate_options o;
  model.generation = read_of(&decoder, "{\"max_length\": 40, \"min_length\": 9, \"temperature\": 0.5, \"top_k\": 7, "
                                       "\"num_return_sequences\": 3, \"stop_strings\": \"ab\"}");
  att_generate_options_default(&model, &o);
  assert_true(o.max_tokens == 0 && o.max_length == 40 && o.min_length == 9 && o.min_tokens == 0 && o.samples == 1);
  assert_true(o.temperature == 0 && o.top_k == 7 && o.stop_count == 1 && strcmp(o.stop[0], "ab") == 0);
  att_generation_free(ctx, &model.generation);
  model.generation = read_of(&decoder, "{\"max_length\": 100, \"do_sample\": true, \"num_return_sequences\": 3}");
  att_generate_options_default(&model, &o);
  assert_true(o.max_tokens == 256 && o.max_length == 0 && o.samples == 3 && o.temperature == 1 && o.top_k == 50);
  att_generation_free(ctx, &model.generation);
  model.generation = read_of(&decoder, "{\"max_length\": 40, \"max_new_tokens\": 6, \"min_new_tokens\": 2}");
  att_generate_options_default(&model, &o);
  assert_true(o.max_tokens == 6 && o.max_length == 0 && o.min_tokens == 2);
  att_generation_free(ctx, &model.generation);
}

/* ---- against generate() --------------------------------------------------------------------------------------------
 */

static json_t *fixture(const char *path) {
  char whole_path[2100];
  json_t *root;
  snprintf(whole_path, sizeof whole_path, "%s/%s", ATT_TEST_DATA, path);
  if (att_json_open(ctx, whole_path, &root) != ATT_OK) fail_msg("%s", att_message(ctx));
  return root;
}

/* The model with these settings in the place of its folder's. */
static void set_settings(att_model *model, const json_t *settings) {
  char *text = json_dumps(settings, 0);
  assert_non_null(text);
  att_generation_free(ctx, &model->generation);
  model->generation = read_of(&model->config, text);
  if (att_generation_use(ctx, &model->generation)) fail_msg("%s: %s", text, att_message(ctx));
  free(text);
}

static void same_run(const json_t *entry, size_t at, const int32_t *tokens, int64_t count, double score) {
  const json_t *run = json_array_get(json_object_get(entry, "outputs"), at), *want = json_object_get(run, "tokens");
  const json_t *scored = json_object_get(run, "score");
  bool same = (size_t)count == json_array_size(want);
  for (int64_t i = 0; same && i < count; i++) same = tokens[i] == json_integer_value(json_array_get(want, (size_t)i));
  char *settings = json_dumps(json_object_get(entry, "settings"), 0), *expected = json_dumps(want, 0);
  if (!same) fail_msg("%s input %zu: %lld tokens, not %s", settings, at, (long long)count, expected);
  if (json_is_real(scored) && !(fabs(score - json_real_value(scored)) < 2e-4))
    fail_msg("%s input %zu: score %.7f, not %.7f", settings, at, score, json_real_value(scored));
  free(settings);
  free(expected);
}

static void translate_each(att_model *model, const json_t *entry, const json_t *inputs) {
  att_decode_options options;
  att_arena *arena;
  att_decode_options_default(model, &options);
  options.nbest = 1;
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  for (int together = 0; together <= 1; together++) {
    int32_t ids[1000];
    int64_t start[33] = {0};
    att_outputs got[32];
    size_t count = json_array_size(inputs);
    assert_in_range(count, 5, 32);
    for (size_t i = 0; i < count; i++) {
      const json_t *input = json_array_get(inputs, i);
      start[i + 1] = start[i];
      for (size_t j = 0; j < json_array_size(input); j++)
        ids[start[i + 1]++] = (int32_t)json_integer_value(json_array_get(input, j));
    }
    for (size_t i = 0; i < count; i += together ? count : 1) {
      const int64_t one[] = {0, start[i + 1] - start[i]};
      att_sequences sources = together ? (att_sequences){(int64_t)count, start} : (att_sequences){1, one};
      att_arena_reset(arena);
      if (att_decode_batch(model, arena, ids + start[i], sources, NULL, &options, got + i))
        fail_msg("%s", att_message(ctx));
      for (size_t j = i; j < (together ? count : i + 1); j++) {
        assert_true(got[j].count >= 1);
        same_run(entry, j, got[j].best->tokens, got[j].best->count, got[j].best->score);
      }
    }
  }
  att_arena_free(arena);
}

typedef struct generated {
  int32_t tokens[300];
  int64_t count;
} generated;

static int keep(void *user, const att_piece_of_text *piece) {
  generated *g = user;
  if (piece->finish == ATT_RUNNING) return 0;
  assert_in_range(piece->token_count, 1, 300);
  memcpy(g->tokens, piece->tokens, piece->token_count * sizeof *g->tokens);
  g->count = (int64_t)piece->token_count;
  return 0;
}

static void generate_each(att_model *model, const json_t *entry, const json_t *prompts) {
  size_t count = json_array_size(json_object_get(entry, "outputs"));
  assert_true(count >= 5);
  for (size_t i = 0; i < count; i++) {
    const json_t *prompt = json_object_get(json_array_get(prompts, i), "prompt");
    att_text text = {json_string_value(prompt), json_string_length(prompt)};
    generated g = {.count = 0};
    att_generate_options options;
    att_generate_options_default(model, &options);
    options.cache_type = ATT_CACHE_F32; /* as generate()'s */
    if (att_generate(model, text, &options, keep, &g)) fail_msg("%s", att_message(ctx));
    same_run(entry, i, g.tokens, g.count, 0);
  }
}

static void each_setting_does_what_generate_does(void **state) {
  (void)state;
  json_t *root = fixture("generation.json");
  const char *name;
  json_t *one;
  size_t folders = 0;
  json_object_foreach(json_object_get(root, "folders"), name, one) {
    const json_t *entries = json_object_get(one, "entries");
    char path[1024];
    att_model *model;
    snprintf(path, sizeof path, "%s/expected.json", name);
    json_t *expected = fixture(path);
    snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
    if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
    assert_true(json_array_size(entries) >= 20);
    for (size_t i = 0; i < json_array_size(entries); i++) {
      const json_t *entry = json_array_get(entries, i);
      set_settings(model, json_object_get(entry, "settings"));
      if (model->config.kind == ATT_DECODER)
        generate_each(model, entry, json_object_get(expected, "greedy"));
      else
        translate_each(model, entry, json_object_get(one, "inputs"));
    }
    att_model_close(model);
    json_decref(expected);
    folders++;
  }
  assert_int_equal(folders, 4);
  json_decref(root);
}

/* Where nothing may come, beams end in a message as greedy search does. */
static void nothing_to_go_on_with_is_said(void **state) {
  (void)state;
  att_model *model;
  att_arena *arena;
  att_outputs got;
  att_decode_options options;
  const int32_t ids[] = {36, 2};
  const int64_t start[] = {0, 2};
  if (att_model_open(ctx, ATT_TEST_DATA "/decode_m2m_100", &model)) fail_msg("%s", att_message(ctx));
  int32_t *all = malloc((size_t)model->config.vocab_size * sizeof *all);
  assert_non_null(all);
  for (int32_t i = 0; i < model->config.vocab_size; i++) all[i] = i;
  model->generation.suppress_tokens = (att_token_list){all, model->config.vocab_size};
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  for (int beam = 1; beam <= 4; beam += 3) {
    att_decode_options_default(model, &options);
    options.beam = beam;
    must_say(att_decode_batch(model, arena, ids, (att_sequences){1, start}, NULL, &options, &got), ATT_ARGUMENT,
             "no token may come next");
    att_arena_reset(arena);
  }
  att_arena_free(arena);
  att_model_close(model);
  free(all);
}

/* Of a prompt of two tokens and five written ones, of which the window may have left the first behind: logits less
 * frequency x count less presence, where the count is above 0, as OpenAI's interface has it. */
static void penalties_are_of_what_was_written(void **state) {
  (void)state;
  static const int32_t tokens[] = {1, 2, 3, 3, 4, 1, 3};
  static const float off[2][6] = {{0, 0.75f, 0, 1.75f, 0.75f, 0}, {0, 0.75f, 0, 1.75f, 0.75f, 0}};
  att_generation settings;
  att_generation_neutral(&settings);
  settings.frequency_penalty = 0.5;
  settings.presence_penalty = 0.25;
  att_processors p;
  att_processors_make(&settings, 6, 2, 20, NULL, &p);
  assert_int_equal(p.count, 2);
  for (int gone = 0; gone < 2; gone++) {
    float scores[6] = {1, 2, 3, 4, 5, 6}, scratch[8];
    const att_sequence s = {.tokens = tokens + gone, .count = 7 - gone, .gone = gone};
    att_process(&p, &s, scores, scratch);
    for (int i = 0; i < 6; i++) assert_true(scores[i] == (float)(i + 1) - off[gone][i]);
  }
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

enum { DRAWN = 40, DRAWS = 60000 };

static void draw_many(const att_generation *settings, const float *logits, const att_sequence *sequence,
                      int64_t *counts) {
  att_arena *arena;
  att_processors p;
  att_processors_make(settings, DRAWN, 2, 9, NULL, &p);
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  for (int i = 0; i < DRAWS; i++) {
    float row[DRAWN];
    double uniform = att_uniform(5, (uint64_t)i);
    att_choice choice;
    int32_t count;
    att_arena_reset(arena);
    memcpy(row, logits, sizeof row);
    assert_int_equal(att_choose(ctx, arena, row, 1, 1, &p, sequence, &uniform, &choice, &count), ATT_OK);
    counts[choice.token]++;
  }
  att_arena_free(arena);
}

static void draws_follow_what_generate_leaves(void **state) {
  (void)state;
  json_t *root = fixture("generation.json");
  const json_t *draws = json_object_get(root, "draws"), *rows = json_object_get(draws, "rows");
  float logits[DRAWN];
  int32_t tokens[4];
  const att_config config = {.kind = ATT_DECODER, .vocab_size = DRAWN, .eos = -1};
  for (size_t i = 0; i < DRAWN; i++)
    logits[i] = (float)json_number_value(json_array_get(json_object_get(draws, "logits"), i));
  for (size_t i = 0; i < 4; i++)
    tokens[i] = (int32_t)json_integer_value(json_array_get(json_object_get(draws, "tokens"), i));
  const att_sequence sequence = {.tokens = tokens, .count = 4, .source = tokens, .source_count = 2};
  assert_true(json_array_size(rows) >= 15);
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i), *p = json_object_get(row, "p");
    att_model model = {.ctx = ctx, .config = config};
    int64_t counts[DRAWN] = {0};
    int possible = 0;
    double chi = 0;
    set_settings(&model, json_object_get(row, "settings"));
    draw_many(&model.generation, logits, &sequence, counts);
    for (size_t t = 0; t < DRAWN; t++) {
      double expected = json_number_value(json_array_get(p, t)) * DRAWS, difference = (double)counts[t] - expected;
      if (expected == 0 && counts[t]) fail_msg("row %zu: token %zu was drawn", i, t);
      if (expected > 20 && !counts[t]) fail_msg("row %zu: token %zu was never drawn", i, t);
      if (expected <= 20) continue;
      possible++;
      chi += difference * difference / expected;
    }
    double bound = possible - 1 + 5 * sqrt(2.0 * possible) + 1;
    assert_true(possible >= 1);
    if (!(chi < bound)) fail_msg("row %zu: chi-square %.1f of %d tokens, above %.1f", i, chi, possible, bound);
    att_generation_free(ctx, &model.generation);
  }
  json_decref(root);
}

/* ---- harm -------------------------------------------------------------------------------------------------------- */

static const char whole[] =
    "{\"eos_token_id\": [2, 9], \"bad_words_ids\": [[2], [2, 3]], \"sequence_bias\": [[[4], 2.5]], "
    "\"stop_strings\": [\"a\"], \"num_beams\": 4, \"exponential_decay_length_penalty\": [6, 1.5], "
    "\"suppress_tokens\": [1], \"guidance_scale\": 2, \"top_k\": -1}";

static void cuts_and_changed_bytes_do_no_harm(void **state) {
  (void)state;
  char text[sizeof whole];
  put("config.json", "{}");
  for (size_t i = 0; i < 600; i++) {
    size_t size = sizeof whole - 1, at = att_random64(1, i) % size;
    memcpy(text, whole, sizeof whole);
    if (i % 2) text[at] = (char)att_random64(2, i);
    if (i % 2 == 0) size = at;
    write_bytes(in_folder("generation_config.json"), text, size);
    att_generation g = read_of(&translator, NULL);
    att_generation_use(ctx, &g);
    att_generation_free(ctx, &g);
  }
}

static att_status read_it(att_context *c, void *arg) {
  att_generation g;
  ATT_TRY(att_generation_read(c, folder, arg, &g));
  att_generation_free(c, &g);
  return ATT_OK;
}

static att_status make_it(att_context *c, void *arg) {
  att_generation g;
  ATT_TRY(att_generation_new(c, arg, &g));
  att_generation_free(c, &g);
  return ATT_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  att_config config = translator;
  put("generation_config.json", whole);
  assert_true(fail_each_allocation(read_it, &config) >= 6);
  put("config.json", whole);
  unlink(in_folder("generation_config.json"));
  assert_true(fail_each_allocation(read_it, &config) >= 6);
  assert_true(fail_each_allocation(make_it, &config) >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(each_setting_is_read, empty_folder),
      cmocka_unit_test_teardown(what_is_not_said_is_neutral, empty_folder),
      cmocka_unit_test(penalties_are_of_what_was_written),
      cmocka_unit_test_teardown(config_json_is_the_older_place, empty_folder),
      cmocka_unit_test_teardown(a_folder_is_written_again_as_it_was, empty_folder),
      cmocka_unit_test_teardown(what_is_wrong_stops_those_who_generate, empty_folder),
      cmocka_unit_test_teardown(what_is_not_applied_is_said_once, empty_folder),
      cmocka_unit_test_teardown(defaults_are_the_folders, empty_folder),
      cmocka_unit_test_teardown(each_setting_does_what_generate_does, empty_folder),
      cmocka_unit_test_teardown(nothing_to_go_on_with_is_said, empty_folder),
      cmocka_unit_test_teardown(draws_follow_what_generate_leaves, empty_folder),
      cmocka_unit_test_teardown(cuts_and_changed_bytes_do_no_harm, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
