/*
 * Pictures of attention: hand-made maps against golden files (tests/data/view_*; ATT_WRITE_GOLDEN=1 writes them anew),
 * labels, hostile texts, odd weights, all widths.
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
#include "view/view.h"

static att_context *ctx;

static int set_up(void **state) {
  (void)state;
  return att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  att_context_free(ctx);
  return 0;
}

/* ---- hand-made maps ---- */

enum { MOST = 300 };

/* Rows that sum to 1, most of it near the diagonal; causal: zeros behind it. */
static float *make_weights(size_t layers, size_t heads, size_t queries, size_t keys, bool causal) {
  float *weights = calloc(layers * heads * queries * keys, sizeof *weights), *row = weights;
  assert_non_null(weights);
  for (size_t i = 0; i < layers * heads; i++)
    for (size_t q = 0; q < queries; q++, row += keys) {
      double sum = 0;
      for (size_t k = 0; k < keys; k++) {
        double distance = (double)k - (double)(q * keys) / (double)queries;
        row[k] = causal && k > q ? 0 : 1.0f / (float)(0.2 + (double)(i + 1) * distance * distance);
        sum += (double)row[k];
      }
      for (size_t k = 0; k < keys; k++) row[k] = (float)((double)row[k] / sum);
    }
  return weights;
}

typedef struct picture {
  att_attention attention;
  float *weights[ATT_LOOK_PART_COUNT];
} picture;

static void make_picture(picture *p, const char *const *source, size_t sources, const char *const *target,
                         const char *const *inputs, size_t targets) {
  *p = (picture){.attention = {.ctx = ctx,
                               .source = "Ein Hund läuft durch den tiefen Schnee.",
                               .target = "A dog runs through the deep snow."}};
  p->weights[ATT_LOOK_ENCODER] = make_weights(2, 3, sources, sources, false);
  p->weights[ATT_LOOK_DECODER] = make_weights(2, 3, targets, targets, true);
  p->weights[ATT_LOOK_CROSS] = make_weights(2, 3, targets, sources, false);
  att_attention_map *maps = p->attention.maps;
  maps[ATT_LOOK_ENCODER] = (att_attention_map){2, 3, sources, sources, source, source, p->weights[0]};
  maps[ATT_LOOK_DECODER] = (att_attention_map){2, 3, targets, targets, target, inputs, p->weights[1]};
  maps[ATT_LOOK_CROSS] = (att_attention_map){2, 3, targets, sources, target, source, p->weights[2]};
}

static void free_picture(picture *p) {
  for (int part = 0; part < ATT_LOOK_PART_COUNT; part++) free(p->weights[part]);
}

static const char *const german[] = {"Ein", "Hund", "läu", "·ft", "durch", "den", "tiefen", "Schnee", ".", "</s>"};
static const char *const english[] = {"A", "dog", "runs", "through", "the", "deep", "snow", ".", "</s>"};
static const char *const shifted[] = {"<start>", "A", "dog", "runs", "through", "the", "deep", "snow", "."};

static picture make_dog(void) {
  picture p;
  make_picture(&p, german, 10, english, shifted, 9);
  return p;
}

static char *render(const picture *p, att_look_format format, const att_look_options *options, size_t *size) {
  char *text;
  if (att_attention_render(&p->attention, format, options, &text, size) != ATT_OK) fail_msg("%s", att_message(ctx));
  assert_int_equal(strlen(text), *size);
  return text;
}

static att_look_options options_of(att_look_part part, int columns, bool colour, bool unicode) {
  att_look_options options;
  att_look_options_default(&options);
  options.part = part, options.columns = columns, options.colour = colour, options.unicode = unicode;
  return options;
}

/* ---- golden files ---- */

static void check_golden(const char *name, const char *text, size_t size) {
  char path[1024];
  snprintf(path, sizeof path, "%s/view_%s", ATT_TEST_DATA, name);
  if (getenv("ATT_WRITE_GOLDEN")) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, size, out), size);
    fclose(out);
  }
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is not there", path);
  char *golden = calloc(size + 2, 1);
  size_t read = fread(golden, 1, size + 1, file);
  fclose(file);
  if (read != size || memcmp(golden, text, size) != 0) fail_msg("%s: what is drawn differs:\n%s", path, text);
  free(golden);
}

static void check_drawing(const picture *p, att_look_format format, att_look_options options, const char *name) {
  size_t size;
  char *text = render(p, format, &options, &size);
  check_golden(name, text, size);
  att_release(ctx, text);
}

static void test_golden_files(void **state) {
  (void)state;
  picture p = make_dog();
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_CROSS, 80, false, true), "cross.txt");
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_CROSS, 80, true, true), "colour.txt");
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_CROSS, 80, false, false), "ascii.txt");
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_DECODER, 80, false, true), "decoder.txt");
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_ENCODER, 24, false, true), "narrow.txt");
  att_look_options head = options_of(ATT_LOOK_CROSS, 120, false, true);
  head.layer = 0;
  head.head = 2;
  check_drawing(&p, ATT_LOOK_TERMINAL, head, "head.txt");
  check_drawing(&p, ATT_LOOK_SVG, options_of(ATT_LOOK_CROSS, 80, false, true), "cross.svg");
  free_picture(&p);
  static const char *const wide[] = {"東京", "👍🏽", "e\u0301te\u0301", "·は", "大きい", "</s>"};
  make_picture(&p, wide, 6, wide, wide, 6);
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_CROSS, 60, false, true), "wide.txt");
  free_picture(&p);
}

/* A roll of keys 59 to 67: C4 held under a line that rises, over a decoder's map. */
static void test_golden_rolls(void **state) {
  (void)state;
  static const char *const frames[] = {"1", "2", "3", "4", "5", "6"}, *const read[] = {"start", "1", "2",
                                                                                       "3",     "4", "5"};
  enum { TIMES = 6, EACH = 4, LINES = 9 };
  float levels[LINES * TIMES * EACH] = {0};
  for (int column = EACH; column < TIMES * EACH; column++) {
    levels[1 * TIMES * EACH + column] = 1;
    levels[(column / EACH + 3) * TIMES * EACH + column] = 1;
  }
  picture p = {.weights = {[ATT_LOOK_DECODER] = make_weights(2, 3, TIMES, TIMES, true)}};
  p.attention = (att_attention){.ctx = ctx,
                                .source = "rolls.json, tune 1 of 2 (train)",
                                .target = "6 frames, 3.25 nats a frame",
                                .signal = {levels, LINES, TIMES * EACH, ATT_SIGNAL_ROLL, 59, 0, TIMES}};
  p.attention.maps[ATT_LOOK_DECODER] =
      (att_attention_map){2, 3, TIMES, TIMES, frames, read, p.weights[ATT_LOOK_DECODER]};
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_DECODER, 60, false, true), "roll.txt");
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_DECODER, 60, false, false), "roll_ascii.txt");
  check_drawing(&p, ATT_LOOK_SVG, options_of(ATT_LOOK_DECODER, 60, false, true), "roll.svg");
  free_picture(&p);
}

/* ---- the terminal at all sizes ---- */

/* No line is wider than the terminal, and each has no escape; the columns of the widest. */
static int check_lines(const char *text, int columns) {
  int widest = 0;
  char line[4096];
  for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
    assert_true((size_t)(end - text) < sizeof line);
    memcpy(line, text, (size_t)(end - text));
    line[end - text] = '\0';
    for (const char *c = line; *c; c++)
      if ((unsigned char)*c < ' ' || *c == 0x7f) fail_msg("a control character is in: %s", line);
    int width = att_label_width(line);
    if (width > columns) fail_msg("%d columns: %s", width, line);
    if (width > widest) widest = width;
  }
  assert_int_equal(*text, '\0');
  return widest;
}

static void test_every_size_fits(void **state) {
  (void)state;
  static const char *labels[MOST];
  for (size_t i = 0; i < MOST; i++) labels[i] = i % 13 == 5 ? "Donaudampfschifffahrtsgesellschaft" : german[i * 7 % 10];
  static const size_t sizes[] = {1, 2, 3, 7, 12, 20, 33, 40, 75, MOST};
  static const int columns[] = {24, 33, 80, 132, 1000};
  for (size_t i = 0; i < 10; i++)
    for (size_t j = 0; j < 5; j++) {
      picture p;
      size_t size, queries = sizes[i] > 40 && j ? 3 : sizes[i];
      make_picture(&p, labels, sizes[i], labels, labels, queries);
      att_look_options options = options_of(ATT_LOOK_CROSS, columns[j], false, j % 2);
      char *text = render(&p, ATT_LOOK_TERMINAL, &options, &size);
      assert_true(check_lines(text, columns[j]) > 10);
      att_release(ctx, text);
      free_picture(&p);
    }
}

static void test_large_maps(void **state) {
  (void)state;
  static const char *labels[MOST];
  for (size_t i = 0; i < MOST; i++) labels[i] = german[i % 10];
  picture p;
  make_picture(&p, labels, MOST, labels, labels, MOST);
  for (int format = ATT_LOOK_TERMINAL; format <= ATT_LOOK_JSON; format++) {
    size_t size;
    char *text = render(&p, (att_look_format)format, NULL, &size);
    assert_true(size > (size_t)MOST * MOST);
    att_release(ctx, text);
  }
  free_picture(&p);
}

/* ---- JSON and HTML ---- */

/* What JSON makes of a label: it has no invalid UTF-8. */
static void check_labels(const json_t *array, const char *const *labels, size_t count) {
  assert_int_equal(json_array_size(array), count);
  for (size_t i = 0; i < count; i++) {
    const char *ours = json_string_value(json_array_get(array, i)), *theirs = labels[i];
    assert_non_null(ours);
    int32_t rune;
    do {
      rune = att_label_next(&theirs);
      assert_int_equal(att_label_next(&ours), rune);
    } while (rune);
  }
}

/* tolerance 0: equal to the last bit. */
static void check_map(const json_t *json, const att_attention_map *map, double tolerance) {
  check_labels(json_object_get(json, "queries"), map->query_labels, map->queries);
  check_labels(json_object_get(json, "keys"), map->key_labels, map->keys);
  assert_int_equal(json_integer_value(json_object_get(json, "layers")), map->layers);
  assert_int_equal(json_integer_value(json_object_get(json, "heads")), map->heads);
  const float *weight = map->weights;
  const json_t *layers = json_object_get(json, "weights"), *layer, *head, *row, *number;
  size_t l, h, q, k;
  json_array_foreach(layers, l, layer) json_array_foreach(layer, h, head) json_array_foreach(head, q, row)
      json_array_foreach(row, k, number) {
    if (isfinite(*weight)) {
      float read = (float)json_number_value(number);
      if (fabs((double)read - (double)*weight) > tolerance) fail_msg("%.9g is not %.9g", (double)read, (double)*weight);
    } else
      assert_true(json_is_null(number));
    weight++;
  }
  assert_int_equal(weight - map->weights, map->layers * map->heads * map->queries * map->keys);
}

static void check_json(const picture *p, const char *text, size_t size, double tolerance) {
  json_error_t error;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!root) fail_msg("%s at %d", error.text, error.position);
  const char *const source[] = {p->attention.source};
  json_t *sources = json_pack("[O]", json_object_get(root, "source"));
  check_labels(sources, source, 1);
  json_decref(sources);
  assert_true(json_is_string(json_object_get(root, "target")));
  const json_t *parts = json_object_get(root, "parts");
  assert_int_equal(json_object_size(parts), 3);
  check_map(json_object_get(parts, "encoder"), &p->attention.maps[ATT_LOOK_ENCODER], tolerance);
  check_map(json_object_get(parts, "decoder"), &p->attention.maps[ATT_LOOK_DECODER], tolerance);
  check_map(json_object_get(parts, "cross"), &p->attention.maps[ATT_LOOK_CROSS], tolerance);
  json_decref(root);
}

static int count_of(const char *text, const char *what) {
  int count = 0;
  while ((text = strstr(text, what))) count++, text++;
  return count;
}

/* The page's data stand between two marks, and nothing in them can end their element. */
static void check_html(const picture *p, const char *html) {
  static const char begin[] = "<script type='application/json' id='data'>\n", end[] = "</script>";
  assert_int_equal(count_of(html, "<script"), 2);
  assert_int_equal(count_of(html, end), 2);
  assert_int_equal(count_of(html, "<body data-part='cross' data-layer='1' data-head='-1'>"), 1);
  assert_int_equal(count_of(html, "http"), count_of(html, "http-equiv") + count_of(html, "http://www.w3.org/2000/svg"));
  const char *data = strstr(html, begin) + strlen(begin);
  check_json(p, data, (size_t)(strstr(data, end) - data), 6e-5);
}

static void check_files(const picture *p) {
  size_t size;
  char *json = render(p, ATT_LOOK_JSON, NULL, &size);
  check_json(p, json, size, 0);
  att_release(ctx, json);
  char *html = render(p, ATT_LOOK_HTML, NULL, &size);
  check_html(p, html);
  att_release(ctx, html);
}

static void test_files_read_back(void **state) {
  (void)state;
  picture p = make_dog();
  check_files(&p);
  free_picture(&p);
}

/* ---- SVG: tags nest, attributes are quoted, no stray marks ---- */

static const char *check_tag(const char *at, const char *names[], int *depth) {
  bool closing = at[1] == '/';
  const char *name = at + 1 + closing, *end = name;
  size_t length = strcspn(name, " />");
  char quote = 0;
  for (; *end && (quote || *end != '>'); end++) {
    assert_true(*end != '<');
    if (*end == '"') quote = quote ? 0 : *end;
  }
  assert_int_equal(*end, '>');
  if (closing) {
    assert_true(*depth > 0 && strncmp(names[--*depth], name, length + 1) == 0);
  } else if (end[-1] != '/') {
    assert_true(*depth < 8);
    static char kept[8][32];
    snprintf(kept[*depth], sizeof kept[0], "%.*s>", (int)length, name);
    names[*depth] = kept[*depth];
    ++*depth;
  }
  return end + 1;
}

static void check_xml(const char *text) {
  const char *names[8];
  int depth = 0, tags = 0;
  for (const char *at = text; *at;) {
    if (*at == '<') {
      at = check_tag(at, names, &depth);
      tags++;
      continue;
    }
    int32_t rune = att_label_next(&at);
    assert_true(rune != '>' && (rune >= ' ' || rune == '\n' || rune == '\t') && rune != 0xffff);
    if (rune == '&' && strncmp(at, "amp;", 4) && strncmp(at, "lt;", 3) && strncmp(at, "gt;", 3) &&
        strncmp(at, "quot;", 5))
      fail_msg("a stray & before %.20s", at);
  }
  assert_int_equal(depth, 0);
  assert_true(tags > 10);
}

static void test_hostile_labels(void **state) {
  (void)state;
  static const char *const hostile[] = {"</script><script>alert(1)</script>",
                                        "<img src=x onerror=alert(1)>",
                                        "\"'&amp;\\",
                                        "\x1b[31mred\x07\x9b",
                                        "\xff\xc3(\xe2\x82 \xed\xa0\x80",
                                        "\n\t\r",
                                        "",
                                        "\u202egnp\u2066",
                                        "]]><!--",
                                        "\xef\xbf\xbf\xef\xbf\xbe\x01\x7f"};
  picture p;
  make_picture(&p, hostile, 10, hostile, hostile, 10);
  p.attention.source = "</script>\x1b[2J & \xff\"<b>\n";
  p.attention.target = "\u202e<!-- ' `";
  check_files(&p);
  size_t size;
  char *svg = render(&p, ATT_LOOK_SVG, NULL, &size);
  check_xml(svg);
  att_release(ctx, svg);
  for (int columns = 24; columns < 200; columns += 25) {
    att_look_options options = options_of(ATT_LOOK_CROSS, columns, false, columns % 2);
    char *text = render(&p, ATT_LOOK_TERMINAL, &options, &size);
    check_lines(text, columns);
    assert_null(strstr(text, "\u202e"));
    att_release(ctx, text);
  }
  free_picture(&p);
}

static void test_odd_weights(void **state) {
  (void)state;
  picture p = make_dog();
  float *weights = p.weights[ATT_LOOK_CROSS], *shown = weights + 90 * 5; /* the last layer's last head */
  shown[0] = NAN;
  shown[1] = INFINITY;
  shown[2] = -INFINITY;
  shown[3] = -1;
  shown[4] = 3e38f;
  check_files(&p);
  size_t size;
  for (int colour = 0; colour < 2; colour++) {
    att_look_options options = options_of(ATT_LOOK_CROSS, 80, colour, true);
    options.head = 2;
    char *text = render(&p, ATT_LOOK_TERMINAL, &options, &size);
    assert_non_null(strchr(text, '?'));
    assert_null(strstr(text, "nan"));
    if (!colour) check_lines(text, 80);
    att_release(ctx, text);
    text = render(&p, ATT_LOOK_SVG, &options, &size);
    check_xml(text);
    assert_int_equal(count_of(text, "not a number"), 3);
    assert_null(strstr(text, "nan"));
    att_release(ctx, text);
  }
  for (size_t i = 0; i < 6 * 90; i++) weights[i] = i % 2 ? NAN : 0; /* nothing to scale by */
  check_files(&p);
  char *text = render(&p, ATT_LOOK_SVG, NULL, &size);
  check_xml(text);
  att_release(ctx, text);
  free_picture(&p);
}

static void test_a_single_token(void **state) {
  (void)state;
  static const char *const one[] = {"</s>"};
  picture p;
  make_picture(&p, one, 1, one, one, 1);
  check_files(&p);
  size_t size;
  char *text = render(&p, ATT_LOOK_TERMINAL, NULL, &size);
  check_lines(text, 80);
  assert_non_null(strstr(text, "100%"));
  att_release(ctx, text);
  text = render(&p, ATT_LOOK_SVG, NULL, &size);
  check_xml(text);
  att_release(ctx, text);
  free_picture(&p);
}

static void check_refused(const picture *p, att_look_options options, const char *says) {
  char *text = (char *)p;
  size_t size;
  assert_int_equal(att_attention_render(&p->attention, ATT_LOOK_TERMINAL, &options, &text, &size), ATT_ARGUMENT);
  assert_null(text);
  if (!strstr(att_message(ctx), says)) fail_msg("%s: nothing of %s", att_message(ctx), says);
}

static void test_impossible_choices(void **state) {
  (void)state;
  picture p = make_dog();
  att_look_options good;
  att_look_options_default(&good);
  att_look_options layer = good, head = good, part = good, below = good;
  layer.layer = 2;
  head.head = 3;
  below.head = -2;
  part.part = ATT_LOOK_PART_COUNT;
  check_refused(&p, layer, "no layer 2");
  check_refused(&p, head, "no head 3");
  check_refused(&p, below, "no head -2");
  check_refused(&p, part, "part 3");
  char *text;
  size_t size;
  assert_int_equal(att_attention_render(&p.attention, (att_look_format)7, &good, &text, &size), ATT_ARGUMENT);
  assert_null(text);
  const att_attention_map *map;
  assert_int_equal(att_attention_get(&p.attention, (att_look_part)-1, &map), ATT_ARGUMENT);
  assert_null(map);
  free_picture(&p);
}

/* Norms of any size are drawn as shares of the largest, which the legend names. */
static void test_gradients(void **state) {
  (void)state;
  picture p = make_dog();
  p.attention.gradient = true;
  for (int part = 0; part < ATT_LOOK_PART_COUNT; part++) {
    att_attention_map *map = &p.attention.maps[part];
    map->layers = map->heads = 1;
    for (size_t i = 0; i < map->queries * map->keys; i++) p.weights[part][i] *= 0.0625f;
  }
  check_drawing(&p, ATT_LOOK_TERMINAL, options_of(ATT_LOOK_CROSS, 80, false, true), "gradient.txt");
  check_drawing(&p, ATT_LOOK_SVG, options_of(ATT_LOOK_CROSS, 80, false, true), "gradient.svg");
  att_look_options narrow = options_of(ATT_LOOK_DECODER, 24, false, true);
  size_t size;
  char *text = render(&p, ATT_LOOK_TERMINAL, &narrow, &size);
  assert_true(check_lines(text, 24) > 10);
  att_release(ctx, text);
  for (size_t i = 0; i < 90; i++) p.weights[ATT_LOOK_CROSS][i] = 0; /* nothing moves anything */
  text = render(&p, ATT_LOOK_TERMINAL, NULL, &size);
  assert_non_null(strstr(text, "0% of the largest: 1"));
  att_release(ctx, text);
  free_picture(&p);
}

/* A model without a decoder, or with nothing but one: what is not there is not drawn, and there is one text. */
static void test_parts_that_are_not_there(void **state) {
  (void)state;
  picture p = make_dog();
  p.attention.maps[ATT_LOOK_CROSS] = p.attention.maps[ATT_LOOK_DECODER] = (att_attention_map){0};
  char *kept = p.attention.target, *text;
  size_t size;
  att_look_options options = options_of(ATT_LOOK_ENCODER, 80, false, true);
  text = render(&p, ATT_LOOK_TERMINAL, &options, &size); /* a pair */
  assert_non_null(strstr(text, kept));
  att_release(ctx, text);
  p.attention.target = NULL;
  for (int format = ATT_LOOK_TERMINAL; format <= ATT_LOOK_JSON; format++) {
    text = render(&p, (att_look_format)format, &options, &size);
    assert_null(strstr(text, kept));
    assert_null(strstr(text, "(null)"));
    att_release(ctx, text);
  }
  check_refused(&p, options_of(ATT_LOOK_CROSS, 80, false, true), "part cross: the model has none");
  free_picture(&p);
}

/* ---- labels ---- */

static void check_label_list(att_token_spelling how, const char *const *spellings, const bool *special,
                             const char *const *wanted, size_t count) {
  const char *const *labels;
  assert_int_equal(att_labels_make(ctx, how, spellings, special, count, &labels), ATT_OK);
  for (size_t i = 0; i < count; i++) assert_string_equal(labels[i], wanted[i]);
  att_free(ctx, (void *)labels);
}

static void test_labels_of_bytes(void **state) {
  (void)state;
  /* Ein Hund läuft, 3D! Æ split over pieces, controls, spaces, an accent alone, no-break space, a stray byte */
  static const char *const spellings[] = {"Ein", "ĠH", "und", "Ġl", "Ã", "¤uft", ",",  "Ġ3", "D",   "!",
                                          "Ġ",   "ĠĠ", "Ċ",   "ĉ",  "Ā", "ĠÌģ",  "Âł", "¡",  "âĢ®", "</s>"};
  static const char *const wanted[] = {
      "Ein", "H", "·und", "l",   "·\\xC3", "·\\xA4uft",    ",",       "3",     "·D",      "!",
      "␣",   "␣", "\\n",  "\\t", "\\x00",  "\u25cc\u0301", "\\u00A0", "\\xA1", "\\u202E", "</s>"};
  bool special[20] = {0};
  special[19] = true;
  check_label_list((att_token_spelling){.bytes = true}, spellings, special, wanted, 20);
}

/* A token that was added to a vocabulary of bytes is text; where all tokens are characters, none goes on. */
static void test_labels_of_characters(void **state) {
  (void)state;
  static const char *const spellings[] = {"T", "o", "Ġ", "b", "Ċ", "東", "Ã"};
  static const char *const wanted[] = {"T", "o", "␣", "b", "\\n", "東", "\\xC3"};
  static const char *const plain[] = {"T", "ä", " ", "\n", "▁"}, *const shown[] = {"T", "ä", "␣", "\\n", "␣"};
  const bool special[7] = {0};
  check_label_list((att_token_spelling){.bytes = true, .single = true}, spellings, special, wanted, 7);
  check_label_list((att_token_spelling){.single = true}, plain, special, shown, 5);
}

static void test_labels_of_wordpiece(void **state) {
  (void)state;
  static const char *const spellings[] = {"[CLS]", "läu", "##ft", "a", "b", "##", "##'", "#", "##ing"};
  static const char *const wanted[] = {"[CLS]", "läu", "·ft", "a", "b", "##", "·'", "#", "·ing"};
  const bool special[9] = {1};
  check_label_list((att_token_spelling){.suffixes = true}, spellings, special, wanted, 9);
}

static void test_labels_of_text(void **state) {
  (void)state;
  static const char *const spellings[] = {"▁Ein", "▁Hund", "e", "▁", "東", ".", NULL, "<unk>", "x"};
  static const char *const wanted[] = {"Ein", "Hund", "·e", "␣", "東", ".", "?", "<unk>", "x"};
  const bool special[9] = {0, 0, 0, 0, 0, 0, 0, 1, 0};
  check_label_list((att_token_spelling){0}, spellings, special, wanted, 9);
  check_label_list((att_token_spelling){0}, NULL, NULL, NULL, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_golden_rolls),
      cmocka_unit_test(test_golden_files),
      cmocka_unit_test(test_every_size_fits),
      cmocka_unit_test(test_large_maps),
      cmocka_unit_test(test_files_read_back),
      cmocka_unit_test(test_hostile_labels),
      cmocka_unit_test(test_odd_weights),
      cmocka_unit_test(test_a_single_token),
      cmocka_unit_test(test_impossible_choices),
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_parts_that_are_not_there),
      cmocka_unit_test(test_labels_of_bytes),
      cmocka_unit_test(test_labels_of_characters),
      cmocka_unit_test(test_labels_of_wordpiece),
      cmocka_unit_test(test_labels_of_text),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
