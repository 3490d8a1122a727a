/*
 * What att_look and att_look_gradient give, against Hugging Face Transformers and PyTorch's autograd
 * (tools/make_look_fixtures.py) and against differences; texts at the edge, models that have no such thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "counting.h"
#include "models/pass.h"
#include "view/view.h"

static att_context *ctx;
static json_t *fixture;

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/view_look.json", 0, &error);
  return !fixture || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  att_context_free(ctx);
  return 0;
}

static att_status open_model(att_context *where, const char *name, att_model **model) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  return att_model_open(where, path, model);
}

/* NULL: no text. */
static att_text text_of(const char *text) { return (att_text){text, text ? strlen(text) : 0}; }

typedef att_status look_fn(att_model *model, att_text text, att_text target, att_attention **attention);

/* The texts of the fixture through a model. */
static att_attention *look_at(const char *name, const json_t *theirs, look_fn *look) {
  att_model *model;
  att_attention *attention;
  if (open_model(ctx, name, &model)) fail_msg("%s", att_message(ctx));
  att_text text = text_of(json_string_value(json_object_get(theirs, "text")));
  att_text target = text_of(json_string_value(json_object_get(theirs, "target")));
  if (look(model, text, target, &attention)) fail_msg("%s: %s", name, att_message(ctx));
  att_model_close(model);
  return attention;
}

static const char *const part_names[] = {"encoder", "decoder", "cross"};

/* ---- attention ---- */

static void check_weights(const char *name, const att_attention_map *map, const json_t *theirs, bool causal) {
  const float *weight = map->weights;
  assert_int_equal(json_array_size(theirs), map->layers);
  for (size_t l = 0; l < map->layers; l++)
    for (size_t h = 0; h < map->heads; h++)
      for (size_t q = 0; q < map->queries; q++) {
        const json_t *array = json_array_get(json_array_get(json_array_get(json_array_get(theirs, l), h), q), 0);
        array = json_array_get(json_array_get(json_array_get(theirs, l), h), q);
        assert_int_equal(json_array_size(array), map->keys);
        double sum = 0;
        for (size_t k = 0; k < map->keys; k++, weight++) {
          double difference = fabs((double)*weight - json_number_value(json_array_get(array, k)));
          if (!(difference <= 2e-5)) fail_msg("%s: layer %zu head %zu row %zu: off by %g", name, l, h, q, difference);
          if (causal && k > q) assert_true(*weight == 0);
          sum += (double)*weight;
        }
        assert_true(fabs(sum - 1) < 1e-5);
      }
}

static void test_weights_are_transformers(void **state) {
  (void)state;
  const char *name;
  json_t *theirs;
  int maps = 0;
  json_object_foreach(fixture, name, theirs) {
    att_attention *attention = look_at(name, theirs, att_look);
    for (int part = 0; part < ATT_LOOK_PART_COUNT; part++) {
      const att_attention_map *map;
      json_t *weights = json_object_get(theirs, part_names[part]);
      assert_int_equal(att_attention_get(attention, (att_look_part)part, &map), ATT_OK);
      if (weights)
        check_weights(name, map, weights, part == ATT_LOOK_DECODER);
      else
        assert_int_equal(map->layers, 0);
      maps += map->layers > 0;
    }
    att_attention_free(attention);
  }
  assert_int_equal(maps, 9);
}

static void check_labels(const char *const *labels, const char *const *wanted, size_t count) {
  for (size_t i = 0; i < count; i++) assert_string_equal(labels[i], wanted[i]);
}

static void test_labels(void **state) {
  (void)state;
  const att_attention_map *map;
  att_attention *attention = look_at("model_m2m_100_relu", json_object_get(fixture, "model_m2m_100_relu"), att_look);
  assert_int_equal(att_attention_get(attention, ATT_LOOK_DECODER, &map), ATT_OK);
  assert_string_equal(map->key_labels[0], "<start>");
  assert_string_equal(map->query_labels[map->queries - 1], "</s>");
  for (size_t k = 1; k < map->keys; k++) assert_string_equal(map->key_labels[k], map->query_labels[k - 1]);
  att_attention_free(attention);
  attention = look_at("look_labels", json_object_get(fixture, "look_labels"), att_look);
  static const char *const pair[] = {"[CLS]", "the", "man", "throws", "[SEP]", "a", "ball", ",", "walk", "·ing"};
  assert_int_equal(att_attention_get(attention, ATT_LOOK_ENCODER, &map), ATT_OK);
  assert_int_equal(map->keys, 12);
  check_labels(map->key_labels, pair, 10);
  assert_string_equal(attention->target, "a ball, walking!");
  att_attention_free(attention);
  attention = look_at("look_gpt2", json_object_get(fixture, "look_gpt2"), att_look);
  static const char *const letters[] = {"T", "o", "␣", "b", "e", ",", "\\n", "o", "r"};
  assert_int_equal(att_attention_get(attention, ATT_LOOK_DECODER, &map), ATT_OK);
  check_labels(map->key_labels, letters, 9);
  check_labels(map->query_labels, letters + 1, 8); /* each named by the token that is predicted there */
  assert_null(attention->target);
  att_attention_free(attention);
}

/* ---- gradients ---- */

static void check_gradient(const char *name, const att_attention_map *map, const json_t *rows) {
  const float *norm = map->weights;
  assert_int_equal(json_array_size(rows), map->queries);
  assert_true(map->layers == 1 && map->heads == 1);
  for (size_t q = 0; q < map->queries; q++) {
    const json_t *row = json_array_get(rows, q);
    double most = 0;
    assert_int_equal(json_array_size(row), map->keys);
    for (size_t k = 0; k < map->keys; k++) most = fmax(most, json_number_value(json_array_get(row, k)));
    for (size_t k = 0; k < map->keys; k++, norm++) {
      double wanted = json_number_value(json_array_get(row, k));
      if (!(fabs((double)*norm - wanted) <= 2e-5 * most))
        fail_msg("%s: row %zu column %zu is %.7g, not %.7g", name, q, k, (double)*norm, wanted);
    }
  }
}

static void test_gradients_are_pytorchs(void **state) {
  (void)state;
  const char *name;
  json_t *theirs;
  int looked_at = 0;
  json_object_foreach(fixture, name, theirs) {
    const json_t *rows = json_object_get(theirs, "gradient");
    if (!rows) continue;
    att_attention *attention = look_at(name, theirs, att_look_gradient);
    assert_true(attention->gradient);
    for (int part = 0; part < ATT_LOOK_PART_COUNT; part++)
      if (attention->maps[part].layers) check_gradient(name, &attention->maps[part], rows), looked_at++;
    if (strcmp(name, "look_labels") == 0)
      assert_string_equal(attention->maps[ATT_LOOK_ENCODER].query_labels[0],
                          json_string_value(json_object_get(theirs, "label")));
    att_attention_free(attention);
  }
  assert_int_equal(looked_at, 4);
}

/* Nothing that comes later moves a token, everything before it does. */
static void test_a_decoder_looks_back(void **state) {
  (void)state;
  att_attention *attention = look_at("look_gpt2", json_object_get(fixture, "look_gpt2"), att_look_gradient);
  const att_attention_map *map = &attention->maps[ATT_LOOK_DECODER];
  for (size_t q = 0; q < map->queries; q++)
    for (size_t k = 0; k < map->keys; k++) assert_true((map->weights[q * map->keys + k] > 0) == (k <= q));
  att_attention_free(attention);
}

static float *find_row(att_model *model, const char *name, int64_t row, int64_t *cols) {
  if (!model->values)
    assert_int_equal(att_model_train(model, NULL, NULL), ATT_OK); /* a mapped file cannot be changed */
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (strcmp(p->name, name) != 0) continue;
    *cols = p->cols;
    return model->values + p->offset + row * p->cols;
  }
  fail_msg("no %s", name);
  return NULL;
}

/* log p of a label. */
static double log_label(att_model *model, const att_input *input, int64_t label) {
  att_arena *arena;
  att_hidden hidden;
  att_tensor logits;
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  att_run run = {.ctx = ctx, .arena = arena};
  assert_int_equal(att_model_hidden(&run, model, input, NULL, NULL, &hidden), ATT_OK);
  assert_int_equal(att_head_logits(&run, model, &hidden, &logits), ATT_OK);
  double sum = 0;
  for (int64_t i = 0; i < logits.cols; i++) sum += exp((double)logits.data[i]);
  double result = (double)logits.data[label] - log(sum);
  att_arena_free(arena);
  return result;
}

/* A token that comes once: its row of the embedding table is its position's embedding. */
static void test_gradients_are_differences(void **state) {
  (void)state;
  att_model *model;
  att_attention *attention;
  int32_t *ids;
  size_t count;
  att_text text = text_of("the man throws a ball");
  if (open_model(ctx, "look_labels", &model)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_look_gradient(model, text, text_of(NULL), &attention), ATT_OK);
  assert_int_equal(att_tokenize(model, text, true, &ids, &count), ATT_OK);
  const att_attention_map *map = &attention->maps[ATT_LOOK_ENCODER];
  assert_int_equal(map->keys, count);
  int64_t start[] = {0, (int64_t)count}, label = -1;
  for (int64_t i = 0; i < model->config.label_count; i++)
    if (strcmp(model->config.labels[i], map->query_labels[0]) == 0) label = i;
  att_input input = {.ids = ids, .sequences = {1, start}};
  for (size_t k = 0; k < count; k++) {
    int64_t cols;
    float *row = find_row(model, "bert.embeddings.word_embeddings.weight", ids[k], &cols);
    double square = 0;
    const float step = 0x1p-8f;
    for (int64_t c = 0; c < cols; c++) {
      float kept = row[c];
      row[c] = kept + step;
      double above = log_label(model, &input, label);
      row[c] = kept - step;
      double slope = (above - log_label(model, &input, label)) / (2 * (double)step);
      row[c] = kept;
      square += slope * slope;
    }
    double norm = (double)map->weights[k];
    if (!(fabs(norm - sqrt(square)) <= 0.01 * norm + 1e-4))
      fail_msg("%s: %g, not %g", map->key_labels[k], norm, sqrt(square));
  }
  att_release(ctx, ids);
  att_attention_free(attention);
  att_model_close(model);
}

/* ---- networks that are no Transformers ---- */

/* Untrained, over the characters of look_gpt2. */
static att_model *make_network(att_family family, att_kind kind, att_network network, att_scoring scoring) {
  att_tokenizer *tokenizer;
  att_model *model;
  static const char name[] = ATT_TEST_DATA "/look_gpt2/tokenizer.json";
  assert_int_equal(att_tokenizer_open(ctx, name, &tokenizer), ATT_OK);
  att_config config = {.family = family,
                       .kind = kind,
                       .position = ATT_NO_POSITION,
                       .network = network,
                       .scoring = scoring,
                       .bidirectional = family == ATT_RECURRENT && kind != ATT_DECODER,
                       .activation = ATT_TANH,
                       .d_model = 6,
                       .embedding_size = 5,
                       .vocab_size = att_tokenizer_size(tokenizer),
                       .max_position_embeddings = 24,
                       .encoder_layers = kind != ATT_DECODER,
                       .decoder_layers = kind != ATT_ENCODER,
                       .pad = -1,
                       .bos = -1,
                       .eos = 1,
                       .decoder_start = kind == ATT_ENCODER_DECODER ? 0 : -1,
                       .mask = -1,
                       .unk = -1,
                       .layer_norm_epsilon = 1e-5f};
  if (kind == ATT_ENCODER) {
    config.head = ATT_HEAD_VALUES;
    config.label_count = 2;
    const char *const names[] = {"calm", "loud"}, *const * labels; /* one block, the model's then */
    assert_int_equal(att_labels_make(ctx, (att_token_spelling){0}, names, (const bool[]){true, true}, 2, &labels), 0);
    config.labels = (char **)(uintptr_t)labels;
  }
  if (att_model_new(ctx, &config, tokenizer, 3, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

static void must_look(att_model *model, look_fn *look, const char *target, att_look_part part, bool attention) {
  att_attention *looked;
  if (look(model, text_of("to be"), text_of(target), &looked)) fail_msg("%s", att_message(ctx));
  const att_attention_map *map = &looked->maps[part];
  assert_true(map->layers == 1 && map->heads == 1 && map->queries > 0 && map->keys > 3);
  for (size_t q = 0; q < map->queries; q++) {
    double sum = 0;
    for (size_t k = 0; k < map->keys; k++) {
      sum += (double)map->weights[q * map->keys + k];
      assert_true((map->weights[q * map->keys + k] > 0) == (part != ATT_LOOK_DECODER || k <= q));
    }
    assert_true(!attention || fabs(sum - 1) < 1e-5);
  }
  att_attention_free(looked);
}

static void test_other_networks(void **state) {
  (void)state;
  static const att_scoring scorings[] = {ATT_SCORING_ADDITIVE, ATT_SCORING_MULTIPLICATIVE};
  static const att_kind kinds[] = {ATT_ENCODER_DECODER, ATT_DECODER, ATT_ENCODER};
  static const att_look_part parts[] = {ATT_LOOK_CROSS, ATT_LOOK_DECODER, ATT_LOOK_ENCODER};
  for (int i = 0; i < 2; i++) {
    att_model *model = make_network(ATT_RECURRENT, ATT_ENCODER_DECODER, ATT_GRU, scorings[i]);
    must_look(model, att_look, NULL, ATT_LOOK_CROSS, true);
    must_look(model, att_look, "or not", ATT_LOOK_CROSS, true);
    must_look(model, att_look_gradient, "or not", ATT_LOOK_CROSS, false);
    att_model_close(model);
  }
  for (int i = 0; i < 6; i++) {
    att_family family = i % 2 ? ATT_PADDED : ATT_RECURRENT;
    att_kind kind = kinds[i / 2];
    att_model *model = make_network(family, kind, i % 2 ? ATT_FFN : ATT_LSTM, ATT_SCORING_NONE);
    att_attention *attention;
    assert_int_equal(att_look(model, text_of("to be"), text_of(NULL), &attention), ATT_UNSUPPORTED);
    assert_non_null(strstr(att_message(ctx), "no attention to look at"));
    must_look(model, att_look_gradient, kind == ATT_ENCODER_DECODER ? "or not" : NULL, parts[i / 2], false);
    float vectors[2 * 12];
    const att_text lines[] = {text_of("a man"), text_of("")};
    size_t width = kind != ATT_DECODER && family == ATT_RECURRENT ? 12 : 6;
    assert_int_equal(att_embedding_width(model, NULL), width);
    if (att_embed(model, lines, 2, NULL, vectors)) fail_msg("%s", att_message(ctx));
    att_model_close(model);
  }
}

/* ---- a new BERT ---- */

static att_model *new_bert(int64_t width, int64_t heads) {
  static const char name[] = ATT_TEST_DATA "/look_gpt2/tokenizer.json";
  att_tokenizer *tokenizer;
  att_model *model;
  assert_int_equal(att_tokenizer_open(ctx, name, &tokenizer), ATT_OK);
  att_config config = {.family = ATT_BERT,
                       .kind = ATT_ENCODER,
                       .head = ATT_HEAD_TOKENS,
                       .position = ATT_LEARNED,
                       .activation = ATT_GELU,
                       .tie_word_embeddings = true,
                       .d_model = width,
                       .vocab_size = att_tokenizer_size(tokenizer),
                       .type_vocab_size = 2,
                       .max_position_embeddings = 256,
                       .encoder_layers = 2,
                       .encoder_attention_heads = heads,
                       .encoder_ffn_dim = 8,
                       .pad = -1,
                       .bos = -1,
                       .eos = -1,
                       .decoder_start = -1,
                       .mask = -1,
                       .unk = -1,
                       .layer_norm_epsilon = 1e-12f};
  if (att_model_new(ctx, &config, tokenizer, 3, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

/* Mean weight of a head between positions `away` apart. */
static double weight_away(const att_attention_map *map, size_t layer, size_t head, int away) {
  double sum = 0;
  int count = 0;
  for (int q = 0; q < (int)map->queries; q++) {
    int k = q + away;
    if (k < 0 || k >= (int)map->keys) continue;
    sum += (double)map->weights[((layer * map->heads + head) * map->queries + (size_t)q) * map->keys + (size_t)k];
    count++;
  }
  return sum / count;
}

/* Heads of the first layer begin by looking at neighbours, one, two, ... to the left and right, far into a text too. */
static void test_new_bert(void **state) {
  (void)state;
  static const struct { int64_t width, heads; } shapes[] = {{256, 4}, {96, 4}, {128, 2}};
  char text[201] = "";
  for (int i = 0; i < 200; i++) text[i] = (char)(i % 7 ? 'a' + i * i % 23 : ' ');
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    att_model *model = new_bert(shapes[i].width, shapes[i].heads);
    att_attention *looked;
    if (att_look(model, text_of(text), text_of(NULL), &looked)) fail_msg("%s", att_message(ctx));
    const att_attention_map *map = &looked->maps[ATT_LOOK_ENCODER];
    assert_true(map->keys > 150);
    for (size_t h = 0; h < map->heads; h++)
      for (int away = -4; away <= 4; away++) {
        int wanted = (1 + (int)h / 2) * (h % 2 ? 1 : -1);
        double weight = weight_away(map, 0, h, away);
        if (away == wanted ? !(weight > 0.2) : !(weight < 0.02))
          fail_msg("width %d, head %d, %d away: %g", (int)shapes[i].width, (int)h, away, weight);
        assert_true(weight_away(map, 1, h, away) < 0.02); /* the second layer is as noise has it */
      }
    att_attention_free(looked);
    att_model_close(model);
  }
  att_model_close(new_bert(21, 3)); /* heads of odd size: pairs that no head has whole */
}

/* ---- texts ---- */

static int keep_text(void *user, const att_translation *translation) {
  snprintf(user, 256, "%s", translation->hypotheses[0]->text);
  return 0;
}

static const char *const translators[] = {"decode_m2m_100", "decode_marian"};

/* Without a target, the model's own translation is looked at: as if it had been given. */
static void test_own_translation(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    att_model *model;
    att_attention *own, *given;
    char translation[256] = "";
    att_text text = text_of("abc de fgh b");
    assert_int_equal(open_model(ctx, translators[i], &model), ATT_OK);
    assert_int_equal(att_translate(model, &text, 1, NULL, keep_text, translation), ATT_OK);
    assert_int_equal(att_look(model, text, text_of(NULL), &own), ATT_OK);
    assert_string_equal(own->target, translation);
    assert_true(strlen(translation) > 3);
    assert_int_equal(att_look(model, text, text_of(translation), &given), ATT_OK);
    const att_attention_map *a = &own->maps[ATT_LOOK_CROSS], *b = &given->maps[ATT_LOOK_CROSS];
    assert_int_equal(a->queries, b->queries);
    assert_memory_equal(a->weights, b->weights, a->layers * a->heads * a->queries * a->keys * sizeof(float));
    att_attention_free(own);
    att_attention_free(given);
    att_model_close(model);
  }
}

static void must_refuse(const char *name, look_fn *look, const char *text, const char *target, att_status wanted,
                        const char *clue) {
  att_model *model;
  att_attention *attention = NULL;
  if (open_model(ctx, name, &model)) fail_msg("%s", att_message(ctx));
  att_status status = look(model, text_of(text), text_of(target), &attention);
  if (status != wanted || !strstr(att_message(ctx), clue) || attention)
    fail_msg("%s: %s: %s", name, att_status_name(status), att_message(ctx));
  att_model_close(model);
}

static void test_refusals(void **state) {
  (void)state;
  must_refuse("decode_m2m_100", att_look, " \n", NULL, ATT_ARGUMENT, "empty");
  must_refuse("look_bert", att_look_gradient, "", NULL, ATT_ARGUMENT, "empty");
  must_refuse("look_bert", att_look_gradient, "a man", NULL, ATT_UNSUPPORTED, "needs a head of labels");
  must_refuse("look_gpt2", att_look, "a", NULL, ATT_ARGUMENT, "predicts no token");
  must_refuse("look_gpt2", att_look, "ab", "c", ATT_ARGUMENT, "there is no target");
}

/* Too long for the model: cut. The most that it takes: whole. */
static void test_long_texts(void **state) {
  (void)state;
  static const char *const names[] = {"decode_m2m_100", "look_bert", "look_gpt2"};
  char longer[10001] = "";
  for (int i = 0; i < 10000; i++) longer[i] = i % 5 ? (char)('a' + i % 7) : ' ';
  for (int i = 0; i < 3; i++) {
    att_model *model;
    att_attention *attention;
    assert_int_equal(open_model(ctx, names[i], &model), ATT_OK);
    if (att_look(model, text_of(longer), text_of(i ? NULL : longer), &attention)) fail_msg("%s", att_message(ctx));
    const att_attention_map *map = &attention->maps[i == 1 ? ATT_LOOK_ENCODER : ATT_LOOK_DECODER];
    assert_int_equal(map->keys, model->config.max_position_embeddings - (i == 2));
    att_attention_free(attention);
    att_model_close(model);
  }
  att_model *model;
  att_attention *attention;
  assert_int_equal(open_model(ctx, names[0], &model), ATT_OK);
  assert_int_equal(att_look(model, text_of("a"), text_of(""), &attention), ATT_OK);
  assert_int_equal(attention->maps[ATT_LOOK_CROSS].queries, 1);
  att_attention_free(attention);
  att_model_close(model);
}

/* ---- no memory ---- */

typedef struct looked_at {
  const char *model, *text, *target;
  look_fn *look;
} looked_at;

static att_status look_and_render(att_context *small, void *arg) {
  const looked_at *what = arg;
  att_model *model;
  att_attention *attention = NULL;
  att_status status = open_model(small, what->model, &model);
  if (status) return status;
  status = what->look(model, text_of(what->text), text_of(what->target), &attention);
  att_look_options options;
  att_look_options_default(&options);
  while (!status && attention->maps[options.part].layers == 0) options.part = (att_look_part)(options.part - 1);
  for (int format = ATT_LOOK_TERMINAL; format <= ATT_LOOK_JSON && !status; format++) {
    char *text;
    size_t size;
    status = att_attention_render(attention, (att_look_format)format, &options, &text, &size);
    att_release(small, text);
  }
  att_attention_free(attention);
  att_model_close(model);
  return status;
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  looked_at cases[] = {{"decode_m2m_100", "abc de", "AB", att_look},      {"decode_m2m_100", "abc de", NULL, att_look},
                       {"look_labels", "a man", "a dog", att_look},       {"look_gpt2", "to be", NULL, att_look},
                       {"look_labels", "a man", NULL, att_look_gradient}, {"look_gpt2", "to", NULL, att_look_gradient},
                       {"decode_marian", "abc", "A", att_look_gradient}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_true(fail_each_allocation(look_and_render, &cases[i]) > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_weights_are_transformers),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_gradients_are_pytorchs),
      cmocka_unit_test(test_a_decoder_looks_back),
      cmocka_unit_test(test_gradients_are_differences),
      cmocka_unit_test(test_new_bert),
      cmocka_unit_test(test_other_networks),
      cmocka_unit_test(test_own_translation),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_long_texts),
      cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
