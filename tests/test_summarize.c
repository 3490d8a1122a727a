/*
 * Summaries: sentences of a text; texts whole, truncated and in parts, in order and whatever their number; documents of
 * JSON lines, JSON lists and tables; folders of other heads; memory that runs out.
 */
#include <attend/attend.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "counting.h"
#include "text/sentences.h"
#include "train/data/documents.h"
#include "train/data/passages.h"

static att_text text_of(const char *text) { return (att_text){text, strlen(text)}; }

/* ---- sentences ---- */

static void test_sentences(void **state) {
  (void)state;
  static const struct {
    const char *text, *sentences[5];
  } cases[] = {
      {"", {NULL}},
      {" \n\t ", {NULL}},
      {"One", {"One"}},
      {"One. Two! Three?", {"One.", "Two!", "Three?"}},
      {"Dr. Smith et al. went. He said \"No.\" Then 3.5 more.",
       {"Dr. Smith et al. went.", "He said \"No.\"", "Then 3.5 more."}},
      {"J. R. Tolkien wrote, e.g. this. and more... Then", {"J. R. Tolkien wrote, e.g. this. and more...", "Then"}},
      {"a line\nanother\r\n\nlast", {"a line", "another", "last"}},
      {"\xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x82\xe8\xaa\x9e", {"\xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x82", "\xe8\xaa\x9e"}},
      {"bad \xff. \xfe", {"bad \xff.", "\xfe"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_text text = text_of(cases[i].text), sentence;
    size_t at = 0, count = 0;
    for (; att_sentence_next(text, &at, &sentence); count++) {
      const char *want = cases[i].sentences[count];
      if (!want || strlen(want) != sentence.size || memcmp(want, sentence.data, sentence.size) != 0)
        fail_msg("\"%s\": sentence %zu is \"%.*s\", not \"%s\"", cases[i].text, count, (int)sentence.size,
                 sentence.data, want ? want : "");
    }
    assert_null(cases[i].sentences[count]);
  }
}

/* ---- summaries ---- */

typedef struct got {
  size_t count, parts, truncated;
  char text[400][64];
} got;

static int keep(void *user, const att_summary *summary) {
  got *g = user;
  assert_int_equal(summary->text, g->count);
  assert_true(g->count < 400);
  assert_int_equal(strlen(summary->summary), summary->size);
  snprintf(g->text[g->count++], 64, "%s", summary->summary);
  g->parts += summary->parts;
  g->truncated += summary->truncated;
  return 0;
}

static int nothing(void *user, const att_summary *summary) {
  (void)user;
  (void)summary;
  return 0;
}

static att_model *open_model(att_context *ctx, const char *name) {
  att_model *model;
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  if (att_model_open(ctx, path, &model) != ATT_OK) fail_msg("%s", att_message(ctx));
  return model;
}

static got *summarize(att_model *model, const att_text *texts, size_t count, const att_summary_options *options) {
  static got g;
  memset(&g, 0, sizeof g);
  assert_int_equal(att_summarize(model, texts, count, options, keep, &g), ATT_OK);
  assert_int_equal(g.count, count);
  return &g;
}

static void test_texts(void **state) {
  (void)state;
  att_context *ctx;
  att_text texts[300];
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  att_model *model = open_model(ctx, "decode_t5");
  for (size_t i = 0; i < 300; i++) texts[i] = text_of(i % 3 == 2 ? " " : i % 3 ? "abc\nde" : "gg hh");
  const got *g = summarize(model, texts, 300, NULL);
  assert_int_equal(g->parts, 200);
  assert_string_equal(g->text[2], "");
  assert_true(strlen(g->text[0]) > 0 && strcmp(g->text[0], g->text[1]) != 0);
  for (size_t i = 3; i < 300; i++) assert_string_equal(g->text[i], g->text[i % 3]);
  att_summary_options options;
  att_summary_options_default(&options);
  char first[64];
  snprintf(first, sizeof first, "%.63s", g->text[0]);
  options.prefix = "gg ";
  const att_text rest = text_of("hh");
  assert_string_equal(summarize(model, &rest, 1, &options)->text[0], first);
  att_model_close(model);
  att_context_free(ctx);
}

static void link_file(const char *folder, const char *name) {
  char from[1024], to[128];
  assert_non_null(realpath(ATT_TEST_DATA "/decode_t5", from));
  snprintf(from + strlen(from), 64, "/%s", name);
  snprintf(to, sizeof to, "%s/%s", folder, name);
  assert_int_equal(symlink(from, to), 0);
}

/* T5's first folders say in config.json how they sum up. */
static void test_folder_says_how(void **state) {
  (void)state;
  char folder[] = "/tmp/attend-test-XXXXXX", path[64];
  att_context *ctx;
  att_model *model;
  json_error_t error;
  assert_non_null(mkdtemp(folder));
  link_file(folder, "model.safetensors");
  link_file(folder, "tokenizer.json");
  link_file(folder, "tokenizer_config.json");
  link_file(folder, "generation_config.json");
  json_t *root = json_load_file(ATT_TEST_DATA "/decode_t5/config.json", 0, &error);
  json_object_set_new(root, "task_specific_params",
                      json_pack("{s:{s:s, s:i, s:i, s:i, s:f, s:b, s:s}}", "summarization", "prefix", "gg ",
                                "num_beams", 3, "max_length", 12, "min_length", 4, "length_penalty", 2.5,
                                "early_stopping", 1, "no_repeat_ngram_size", "three"));
  snprintf(path, sizeof path, "%s/config.json", folder);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  json_decref(root);
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_int_equal(att_model_open(ctx, folder, &model), ATT_OK);
  att_decode_options decode;
  att_summary_decode_default(model, &decode);
  assert_true(decode.beam == 3 && decode.max_length == 11 && decode.min_tokens == 3 &&
              decode.no_repeat_ngram_size == 0);
  assert_true(decode.length_penalty == 2.5 && decode.early_stopping == ATT_EARLY_STOPPING_ON);
  att_summary_options options;
  att_summary_options_default(&options);
  const att_text rest = text_of("hh"), whole = text_of("gg hh");
  char said[64];
  snprintf(said, sizeof said, "%.63s", summarize(model, &rest, 1, NULL)->text[0]);
  options.prefix = "";
  assert_string_equal(summarize(model, &whole, 1, &options)->text[0], said);
  assert_true(strcmp(summarize(model, &rest, 1, &options)->text[0], said) != 0);
  att_model_close(model);
  att_context_free(ctx);
  snprintf(path, sizeof path, "rm -r %s", folder);
  assert_int_equal(system(path), 0);
}

static void test_parts(void **state) {
  (void)state;
  static const char text[] = "abc gg. Abd hh. Cab aa fe. Ddd ee ab.";
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  att_model *model = open_model(ctx, "decode_bart"); /* of 64 positions */
  att_summary_options options;
  att_summary_options_default(&options);
  char longer[4 * sizeof text + 1] = "";
  for (int i = 0; i < 4; i++) strcat(strcat(longer, text), " ");
  const att_text texts[] = {text_of(longer), text_of("abc")};
  const got *g = summarize(model, texts, 2, &options);
  assert_true(g->truncated == 1 && g->parts == 2);
  char last[64];
  snprintf(last, sizeof last, "%.63s", g->text[1]);
  options.parts = true;
  g = summarize(model, texts, 2, &options);
  assert_true(g->truncated == 0 && g->parts > 3);
  assert_non_null(strchr(g->text[0], ' '));
  assert_string_equal(g->text[1], last);
  char words[601] = "", letters[301] = ""; /* sentences that are longer than the model's positions */
  for (int i = 0; i < 150; i++) strcat(words, i % 3 ? "abc " : "de  ");
  for (int i = 0; i < 100; i++) strcat(letters, i % 2 ? "abc" : "\xc3\xa4g");
  const att_text sentences[] = {text_of(words), text_of(letters), text_of("abc")};
  g = summarize(model, sentences, 3, &options);
  assert_true(g->truncated == 0 && g->parts >= 150 / 62 + 100 / 62 + 1);
  assert_string_equal(g->text[2], last);
  att_model_close(model);
  model = open_model(ctx, "family_bert");
  assert_int_equal(att_summarize(model, texts, 2, NULL, keep, NULL), ATT_UNSUPPORTED);
  assert_non_null(strstr(att_message(ctx), "cannot summarize"));
  att_model_close(model);
  att_context_free(ctx);
}

static int join(void *user, const att_translation *given) {
  char *joined = user;
  const char *text = given->hypotheses[0]->text;
  while (*text == ' ') text++;
  if (*joined && *text) strcat(joined, " ");
  strcat(joined, text);
  return 0;
}

/* What stands in att_summary_parts is what is summed up. */
static void test_parts_by_themselves(void **state) {
  (void)state;
  static const char text[] = "abc gg. Abd hh. Cab aa fe. Ddd ee ab. ";
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  att_model *model = open_model(ctx, "decode_bart");
  att_summary_options options;
  att_decode_options decode;
  att_summary_options_default(&options);
  att_summary_decode_default(model, &decode);
  char longer[4 * sizeof text + 1] = "";
  for (int i = 0; i < 4; i++) strcat(longer, text);
  const char *texts[] = {longer, "abc", "", " "};
  options.prefix = "ab ";
  for (int i = 0; i < 8; i++) {
    const att_text one = text_of(texts[i / 2]);
    char joined[4096] = "", whole[64]; /* as `got` keeps it */
    att_text *parts;
    size_t count;
    options.parts = i % 2;
    snprintf(whole, sizeof whole, "%.63s", summarize(model, &one, 1, &options)->text[0]);
    assert_int_equal(att_summary_parts(model, one, &options, &parts, &count), ATT_OK);
    assert_true(i == 1 ? count > 3 : count == 1);
    assert_int_equal(att_translate(model, parts, count, &decode, join, joined), ATT_OK);
    joined[63] = '\0';
    assert_string_equal(joined, whole);
    assert_true(i >= 4 || strlen(whole) > 0);
    att_release(ctx, parts);
  }
  att_text *parts;
  size_t count;
  assert_int_equal(att_summary_parts(model, (att_text){NULL, 3}, NULL, &parts, &count), ATT_ARGUMENT);
  assert_null(parts);
  att_model_close(model);
  att_context_free(ctx);
}

static int stop(void *user, const att_summary *summary) {
  (void)summary;
  return ++*(int *)user == 2;
}

static void test_stopping(void **state) {
  (void)state;
  att_context *ctx;
  int calls = 0;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  att_model *model = open_model(ctx, "decode_t5");
  const att_text texts[] = {text_of("ab"), text_of("cd"), text_of("ef")};
  assert_int_equal(att_summarize(model, texts, 3, NULL, stop, &calls), ATT_INTERRUPTED);
  assert_int_equal(calls, 2);
  assert_int_equal(att_summarize(model, texts, 3, NULL, NULL, NULL), ATT_ARGUMENT);
  att_model_close(model);
  att_context_free(ctx);
}

/* ---- documents ---- */

static const char *write_file(const char *name, const char *text) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/attend-test-%d-%s", (int)getpid(), name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  return path;
}

static att_status read_document(att_context *ctx, const char *name, const char *text, att_lines *lines) {
  const char *path = write_file(name, text);
  att_status status = att_documents_read(ctx, path, lines);
  unlink(path);
  return status;
}

static void same(att_text text, const char *want) {
  if (text.size != strlen(want) || memcmp(text.data, want, text.size) != 0)
    fail_msg("\"%.*s\" is not \"%s\"", (int)text.size, text.data, want);
}

static void test_documents(void **state) {
  (void)state;
  static const struct {
    const char *name, *text;
  } good[] = {
      {"a.jsonl", "{\"text\": \"A long\\ntext\", \"summary\": \"short\", \"others\": []}\n\n{\"article\": \"x\", "
                  "\"highlights\": \"y\"}\n"},
      {"b.json", "[{\"source\": [\"A long\", \"text\"], \"target\": [\"short\", \"other\"]},\n {\"document\": \"x\", "
                 "\"title\": \"y\"}]"},
      {"c.csv", "summary,id,text\nshort,1,\"A long\ntext\"\ny,2,x\n"},
      {"d.csv", "\"A long\ntext\",short\nx,y\n"},
  };
  static const struct {
    const char *name, *text, *says;
  } bad[] = {
      {"a.jsonl", "{\"text\": \"x\", \"summary\": \"y\"}\nno json\n", "line 2"},
      {"b.jsonl", "plain text\n", "line 1: is no JSON object"},
      {"d.csv", "Nr,Mail,Betreff\n1,a text,b\n", "which of its 3 columns are the text and the summary?"},
      {"e.csv", "Nr,Mail,Betreff\n1,a text,b\n", "the first row has \"Nr\", \"Mail\", \"Betreff\""},
      {"c.jsonl", "{\"text\": \"x\"}\n", "no summary under \"summary\""},
      {"d.jsonl", "{\"words\": \"x\", \"summary\": \"y\"}\n", "no text under \"text\""},
      {"e.json", "[1]", "item 1: is no JSON object"},
      {"f.jsonl", "{\"text\": \"x\", \"summary\": []}\n", "no summary"},
      {"g.tsv", "one column\nof text\n", "two columns"},
      {"h.jsonl", "", "no texts"},
  };
  att_context *ctx;
  att_lines lines;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (read_document(ctx, good[i].name, good[i].text, &lines)) fail_msg("%s: %s", good[i].name, att_message(ctx));
    assert_int_equal(lines.count, 2);
    same(lines.source[0], "A long\ntext");
    same(lines.target[0], "short");
    same(lines.source[1], "x");
    same(lines.target[1], "y");
    att_lines_free(ctx, &lines);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(read_document(ctx, bad[i].name, bad[i].text, &lines), ATT_FORMAT);
    if (!strstr(att_message(ctx), bad[i].says)) fail_msg("%s: %s", bad[i].name, att_message(ctx));
  }
  att_context_free(ctx);
}

/* ---- sentences as they are ---- */

/* Those that resemble most others come first; all are in their order, and in the text's own letters. */
static void test_extracting(void **state) {
  (void)state;
  static const char text[] = "A man walks. A man walks home. Zzz 99 qqq! A man walks to a house.";
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  att_model *model = open_model(ctx, "family_bert");
  const att_text texts[] = {text_of(text), text_of(""), text_of(" One alone. ")};
  got g = {0};
  assert_int_equal(att_extract(model, texts, 3, 2, keep, &g), ATT_OK);
  assert_int_equal(g.count, 3);
  assert_int_equal(g.parts, 3);
  assert_string_equal(g.text[1], "");
  assert_string_equal(g.text[2], "One alone.");
  size_t at = 0, found = 0;
  att_text sentence;
  while (att_sentence_next(texts[0], &at, &sentence)) {
    char one[64];
    snprintf(one, sizeof one, "%.*s", (int)sentence.size, sentence.data);
    found += strstr(g.text[0], one) != NULL;
  }
  assert_in_range(found, 2, 3);
  memset(&g, 0, sizeof g);
  assert_int_equal(att_extract(model, texts, 1, 9, keep, &g), ATT_OK);
  assert_int_equal(g.parts, 4);
  assert_int_equal(att_extract(model, texts, 1, 0, keep, &g), ATT_ARGUMENT);
  att_model_close(model);
  att_context_free(ctx);
}

static att_status extract_counted(att_context *ctx, void *arg) {
  att_model *model;
  const att_text text = text_of("Abc. Def. Ghi.");
  ATT_TRY(att_model_open(ctx, arg, &model));
  att_status status = att_extract(model, &text, 1, 1, nothing, NULL);
  att_model_close(model);
  return status;
}

/* ---- training ---- */

static void set(att_train_options *options, att_context *ctx, const char *name, const char *value) {
  if (att_train_options_set(options, name, value)) fail_msg("%s: %s", name, att_message(ctx));
}

static att_train_options *training(att_context *ctx, const char *data, const char *out) {
  static const char *const small[][2] = {{"steps", "6"},        {"width", "16"},      {"heads", "2"},
                                         {"feedforward", "16"}, {"layers", "1"},      {"max-length", "12"},
                                         {"batch", "8"},        {"valid-every", "3"}, {"vocab", "280"}};
  att_train_options *options;
  assert_int_equal(att_train_options_new(ctx, "summarization", &options), ATT_OK);
  if (data) set(options, ctx, "data", data);
  set(options, ctx, "out", out);
  for (size_t i = 0; i < sizeof small / sizeof *small; i++) set(options, ctx, small[i][0], small[i][1]);
  return options;
}

static int count_warnings;
static void count_log(void *user, att_log_level level, const char *text) {
  (void)user;
  if (level == ATT_LOG_WARNING && strstr(text, "cut to 12 tokens")) count_warnings++;
}

static void remove_all(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

/* A text that is too long is cut, not left out; the folder sums up, and says how long. */
static void test_training(void **state) {
  (void)state;
  att_context *ctx;
  att_model *model;
  char text[8192] = "", folder[] = "/tmp/attend-test-XXXXXX", out[64], record[128], path[64];
  att_context_options with = {.size = sizeof with, .threads = 2, .log = count_log};
  assert_int_equal(att_context_new(&with, &ctx), ATT_OK);
  assert_non_null(mkdtemp(folder));
  snprintf(out, sizeof out, "%s/out", folder);
  for (int i = 0; i < 40; i++) {
    char line[200];
    snprintf(line, sizeof line, "{\"text\": \"word %d and a text\\nthat goes on and on\", \"summary\": \"word %d\"}\n",
             i, i);
    strcat(text, line);
  }
  strcpy(path, write_file("train.jsonl", text));
  att_train_options *options = training(ctx, path, out);
  if (att_train(ctx, options, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(options);
  unlink(path);
  assert_int_equal(count_warnings, 2); /* of those to learn from, and to validate with */
  snprintf(record, sizeof record, "%s/train.jsonl", out);
  char *lines;
  size_t size;
  assert_int_equal(att_read_text(ctx, record, &lines, &size), ATT_OK);
  assert_non_null(strstr(lines, "\"rouge-l\""));
  att_release(ctx, lines);
  assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
  att_decode_options decode;
  att_summary_decode_default(model, &decode);
  assert_in_range(decode.max_length, 2, 14);
  assert_int_equal(decode.no_repeat_ngram_size, 3);
  const att_text one = text_of("word 3 and a text");
  summarize(model, &one, 1, NULL);
  att_model_close(model);
  snprintf(out, sizeof out, "%s/other", folder);
  options = training(ctx, NULL, out);
  assert_int_equal(att_train(ctx, options, NULL, NULL), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "data is missing"));
  att_train_options_free(options);
  remove_all(folder);
  att_context_free(ctx);
}

/* Words of letters that come in no other line. */
static void draw_word(uint64_t key, char word[8]) {
  for (int i = 0; i < 6; i++) word[i] = (char)('a' + att_random32(key, (uint32_t)i) % 26);
  word[6] = 0;
}

static char *make_names(int first, int count) {
  static char text[65536];
  size_t used = 0;
  for (int i = first; i < first + count; i++) {
    char name[8], other[8];
    draw_word((uint64_t)i + 1, name);
    draw_word((uint64_t)i + 100001, other);
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "{\"text\": \"%s is here, call %s now\", \"summary\": \"%s\"}\n", other, name, name);
  }
  return text;
}

static void train(att_context *ctx, const char *const *settings, const char *data, const char *out) {
  att_train_options *options;
  assert_int_equal(att_train_options_new(ctx, "summarization", &options), ATT_OK);
  set(options, ctx, "data", data);
  set(options, ctx, "out", out);
  for (; *settings; settings += 2) set(options, ctx, settings[0], settings[1]);
  if (att_train(ctx, options, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(options);
}

static const att_model_info *describe(att_model *model) {
  const att_model_info *info;
  assert_int_equal(att_model_describe(model, &info), ATT_OK);
  return info;
}

static int count_names(const char *folder, att_context *ctx, int first, int count) {
  att_model *model;
  if (att_model_open(ctx, folder, &model)) fail_msg("%s", att_message(ctx));
  int right = 0;
  for (int i = first; i < first + count; i++) {
    char name[8], other[8], line[64];
    draw_word((uint64_t)i + 1, name);
    draw_word((uint64_t)i + 100001, other);
    snprintf(line, sizeof line, "%s is here, call %s now", other, name);
    const att_text text = text_of(line);
    right += strcmp(summarize(model, &text, 1, NULL)->text[0], name) == 0;
  }
  att_model_close(model);
  return right;
}

/* Names that no training text has are copied; the head goes through a folder, and onto a model without it. */
static void test_copying(void **state) {
  (void)state;
  static const char *const settings[] = {
      "copy",        "yes", "steps",       "300", "width",           "32",  "heads", "2",     "layers",  "1",
      "feedforward", "64",  "batch",       "32",  "vocab",           "264", "lr",    "0.004", "dropout", "0",
      "average",     "1",   "valid-every", "150", "label-smoothing", "0",   NULL};
  static const char *const few[] = {"copy", "yes", "steps", "2", "batch", "8", NULL};
  static const char *const plain[] = {"copy", "no",     "steps", "2",     "width", "16", "heads",
                                      "2",    "layers", "1",     "vocab", "264",   NULL};
  char folder[] = "/tmp/attend-test-XXXXXX", out[64], more[64], path[64];
  att_context *ctx;
  att_model *model;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_non_null(mkdtemp(folder));
  snprintf(out, sizeof out, "%s/copy", folder);
  strcpy(path, write_file("names.jsonl", make_names(0, 600)));
  train(ctx, settings, path, out);
  assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
  assert_string_equal(describe(model)->type, "attend");
  att_model_close(model);
  assert_true(count_names(out, ctx, 1000, 40) >= 30);
  snprintf(out, sizeof out, "%s/plain", folder);
  train(ctx, plain, path, out);
  snprintf(more, sizeof more, "%s/more", folder);
  att_train_options *options;
  assert_int_equal(att_train_options_new(ctx, "summarization", &options), ATT_OK);
  set(options, ctx, "data", path);
  set(options, ctx, "out", more);
  set(options, ctx, "from", out);
  for (size_t i = 0; few[i]; i += 2) set(options, ctx, few[i], few[i + 1]);
  if (att_train(ctx, options, NULL, NULL)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_model_open(ctx, more, &model), ATT_OK);
  assert_int_equal(describe(model)->head, ATT_HEAD_COPYING);
  att_model_close(model);
  set(options, ctx, "from", more); /* what copies cannot be told not to */
  snprintf(out, sizeof out, "%s/none", folder);
  set(options, ctx, "out", out);
  set(options, ctx, "copy", "no");
  assert_int_equal(att_train(ctx, options, NULL, NULL), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "copies"));
  att_train_options_free(options);
  unlink(path);
  remove_all(folder);
  att_context_free(ctx);
}

/* Passages stand in their texts, are no longer than they may be, and weigh as much as any stretch that is as long, by
 * weights that are counted text by text. Of four texts with a name each, those whose summary has it have its passage.
 */
static double weigh(const att_corpus *c, int64_t pair, int64_t at) {
  int32_t id = c->source.data[at];
  int here = 0, texts = 0;
  bool told = false;
  for (int64_t i = c->source_start[pair]; i < c->source_start[pair + 1]; i++) here += c->source.data[i] == id;
  for (int64_t p = 0; p < c->count; p++) {
    bool has = false;
    for (int64_t i = c->source_start[p]; i < c->source_start[p + 1]; i++) has |= c->source.data[i] == id;
    texts += has;
  }
  for (int64_t i = c->target_start[pair]; i < c->target_start[pair + 1]; i++) told |= c->target.data[i] == id;
  return (told ? 10 : 1) * (1 + log(here)) * log((double)c->count / texts);
}

static double weigh_all(const att_corpus *c, int64_t pair, int64_t at, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += weigh(c, pair, at + i);
  return sum;
}

static bool has_all(const att_corpus *c, int64_t pair) {
  bool all = true;
  for (int64_t i = c->target_start[pair]; i < c->target_start[pair + 1]; i++) {
    bool there = false;
    for (int64_t j = c->source_start[pair]; j < c->source_start[pair + 1]; j++)
      there |= c->source.data[j] == c->target.data[i];
    all &= there;
  }
  return all;
}

static void test_passages(void **state) {
  (void)state;
  int summaries_kept = 0;
  static const att_text texts[] = {{"we met at the old mill and at the mill we sang", 46},
                                   {"we met anna smith at the house and we ate", 41},
                                   {"the bill of the house was paid and we left", 42},
                                   {"ok", 2}},
                        summaries[] = {
                            {"songz", 5}, {"smith", 5}, {"the paid bill of the house was paid", 35}, {"yes", 3}};
  const att_text *const sides[] = {texts, summaries};
  const size_t counts[] = {4, 4};
  static const char *const specials[] = {"</s>", "<unk>"};
  const att_tokenizer_plan plan = {.kind = ATT_CHAR,
                                   .vocab = 300,
                                   .lowercase = true,
                                   .plain = true,
                                   .first_specials = specials,
                                   .first_count = 2,
                                   .end_token = "</s>"};
  const att_lines lines = {(att_text *)(uintptr_t)texts, (att_text *)(uintptr_t)summaries, 4};
  att_context *ctx;
  att_tokenizer *tokenizer;
  att_corpus corpus, passages;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_int_equal(att_tokenizer_train(ctx, sides, counts, 2, &plan, NULL, NULL, &tokenizer), ATT_OK);
  assert_int_equal(att_corpus_encode(ctx, tokenizer, &lines, "texts", 64, ATT_TRUNCATE, 0, NULL, NULL, &corpus),
                   ATT_OK);
  assert_int_equal(att_passages_find(ctx, tokenizer, &corpus, 0, &passages), ATT_OK);
  for (int64_t pair = 0; pair < 4; pair++) {
    const int32_t *passage = passages.target.data + passages.target_start[pair];
    int64_t begin = corpus.source_start[pair], end = corpus.source_start[pair + 1], best = -1;
    int64_t count = passages.target_start[pair + 1] - passages.target_start[pair] - 1;
    int64_t summary = corpus.target_start[pair + 1] - corpus.target_start[pair] - 1, source = end - begin - 1;
    assert_int_equal(passage[count], 0);
    assert_int_equal(count, summary < 4 ? (source < 4 ? source : 4) : summary < source ? summary : source);
    if (has_all(&corpus, pair)) {
      assert_int_equal(count, summary);
      assert_memory_equal(passage, corpus.target.data + corpus.target_start[pair], (size_t)count * sizeof *passage);
      summaries_kept++;
      continue;
    }
    for (int64_t i = begin; i + count < end; i++)
      if (best < 0 || weigh_all(&corpus, pair, i, count) > weigh_all(&corpus, pair, best, count) + 1e-9) best = i;
    assert_memory_equal(passage, corpus.source.data + best, (size_t)count * sizeof *passage);
  }
  assert_int_equal(summaries_kept, 2);
  att_passages_free(ctx, &passages);
  att_corpus_free(ctx, &corpus);
  att_tokenizer_free(tokenizer);
  att_context_free(ctx);
}

/* Summaries that no text has: who learns passages to the end never writes them, who learns them first does. */
static void test_passages_come_first(void **state) {
  (void)state;
  static const char *const shares[] = {"1", "0.5"};
  char folder[] = "/tmp/attend-test-XXXXXX", out[64], path[64], data[8192];
  att_context *ctx;
  size_t used = 0;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < 120; i++)
    used += (size_t)snprintf(data + used, sizeof data - used, "{\"text\": \"%d ab %d ba\", \"summary\": \"zzzz\"}\n", i,
                             i * i % 97);
  strcpy(path, write_file("same.jsonl", data));
  for (int i = 0; i < 2; i++) {
    const char *const settings[] = {"passages", shares[i], "steps",   "120", "width",       "16",  "heads", "2",
                                    "layers",   "1",       "batch",   "16",  "vocab",       "264", "lr",    "0.01",
                                    "dropout",  "0",       "average", "1",   "valid-every", "120", NULL};
    att_model *model;
    const att_text text = text_of("7 ab 12 ba");
    snprintf(out, sizeof out, "%s/%d", folder, i);
    train(ctx, settings, path, out);
    if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
    const char *summary = summarize(model, &text, 1, NULL)->text[0];
    assert_true(*summary && (strchr(summary, 'z') != NULL) == (i == 1));
    att_model_close(model);
  }
  unlink(path);
  remove_all(folder);
  att_context_free(ctx);
}

/* One sentence of each text says what its summary says; it is found whatever its place, and beyond a window. */
static void test_picking(void **state) {
  (void)state;
  static const char *const settings[] = {
      "extract",     "yes", "steps",       "60", "width",      "32",  "heads",   "2",     "layers",  "1",
      "feedforward", "64",  "batch",       "16", "vocab",      "300", "lr",      "0.004", "dropout", "0",
      "average",     "1",   "valid-every", "30", "max-length", "64",  "context", "64",    NULL};
  static char text[65536];
  char folder[] = "/tmp/attend-test-XXXXXX", out[64], path[64];
  size_t used = 0;
  att_context *ctx;
  att_model *model;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < 300; i++) {
    char name[8], other[8];
    draw_word((uint64_t)i + 1, name);
    draw_word((uint64_t)i + 100001, other);
    const char *const sentences[] = {"Hello there again.", "Nothing was said.", "Bye to all of us."};
    used += (size_t)snprintf(text + used, sizeof text - used, "{\"text\": \"");
    for (int j = 0; j < 4; j++)
      used += j == i % 4 ? (size_t)snprintf(text + used, sizeof text - used, "The %s won %s. ", name, other)
                         : (size_t)snprintf(text + used, sizeof text - used, "%s ", sentences[(j + i) % 3]);
    used += (size_t)snprintf(text + used, sizeof text - used, "\", \"summary\": \"%s won %s\"}\n", name, other);
  }
  snprintf(out, sizeof out, "%s/picker", folder);
  strcpy(path, write_file("picks.jsonl", text));
  train(ctx, settings, path, out);
  assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
  assert_int_equal(describe(model)->head, ATT_HEAD_TOKEN_CLASSES);
  char longer[1024] = "";
  for (int i = 0; i < 20; i++) strcat(longer, "Hello there again. Nothing was said. ");
  strcat(longer, "The xyzzy won plugh. Bye to all of us.");
  const att_text texts[] = {text_of("Bye to all of us. The abcd won efgh. Hello there again."), text_of(longer),
                            text_of(""), text_of("Nothing was said.")};
  got g = {0};
  assert_int_equal(att_extract(model, texts, 4, 1, keep, &g), ATT_OK);
  assert_string_equal(g.text[0], "The abcd won efgh.");
  assert_string_equal(g.text[1], "The xyzzy won plugh.");
  assert_string_equal(g.text[2], "");
  assert_string_equal(g.text[3], "Nothing was said.");
  att_model_close(model);
  assert_true(fail_each_allocation(extract_counted, out) > 20);
  att_train_options *options;
  assert_int_equal(att_train_options_new(ctx, "summarization", &options), ATT_OK);
  set(options, ctx, "extract", "yes");
  set(options, ctx, "data", path);
  snprintf(out, sizeof out, "%s/none", folder);
  set(options, ctx, "out", out);
  set(options, ctx, "decoder-layers", "2");
  assert_int_equal(att_train(ctx, options, NULL, NULL), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "decoder-layers"));
  att_train_options_free(options);
  unlink(path);
  remove_all(folder);
  att_context_free(ctx);
}

/* ---- memory ---- */

static att_status read_counted(att_context *ctx, void *arg) {
  att_lines lines;
  att_text *texts;
  const att_text line = text_of("{\"text\": \"abc\"}");
  ATT_TRY(att_documents_read(ctx, arg, &lines));
  att_lines_free(ctx, &lines);
  ATT_TRY(att_parse_documents(ctx, &line, 1, 0, &texts));
  att_release(ctx, texts);
  return ATT_OK;
}

static att_status summarize_counted(att_context *ctx, void *arg) {
  att_model *model;
  att_summary_options options;
  const att_text text = text_of("Abc. Def.");
  att_summary_options_default(&options);
  options.parts = true;
  ATT_TRY(att_model_open(ctx, arg, &model));
  att_status status = att_summarize(model, &text, 1, &options, nothing, NULL);
  att_model_close(model);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  char path[64];
  strcpy(path, write_file("memory.jsonl", "{\"text\": \"x\", \"summary\": \"y\"}\n"));
  assert_true(fail_each_allocation(read_counted, path) > 8);
  unlink(path);
  char folder[] = ATT_TEST_DATA "/decode_t5";
  assert_true(fail_each_allocation(summarize_counted, folder) > 50);
  char encoder[] = ATT_TEST_DATA "/family_bert";
  assert_true(fail_each_allocation(extract_counted, encoder) > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sentences),
      cmocka_unit_test(test_texts),
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_parts_by_themselves),
      cmocka_unit_test(test_stopping),
      cmocka_unit_test(test_folder_says_how),
      cmocka_unit_test(test_documents),
      cmocka_unit_test(test_extracting),
      cmocka_unit_test(test_training),
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_copying),
      cmocka_unit_test(test_passages),
      cmocka_unit_test(test_passages_come_first),
      cmocka_unit_test(test_picking),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
