/*
 * Owns the opening of a folder's tokenizer: tokenizer.json, or the vocabularies from before it (BERT's vocab.txt,
 * GPT-2's vocab.json with merges.txt), which are said as a tokenizer.json's model and read as one; with what stands
 * beside them (tokenizer_settings.h). Refuses what that reader refuses.
 */
#include "formats/file.h"
#include "text/components.h"
#include "text/tokenizer_settings.h"

#include <string.h>

#define ATT_MOST_TEXT (1 << 26) /* bytes of vocab.txt and merges.txt */

typedef struct files {
  att_context *ctx;
  const char *folder;
  char *path; /* of the vocabulary: for messages */
} files;

static att_status no_memory(const files *f) {
  return att_fail(f->ctx, ATT_MEMORY, "%s: no memory to read it", f->path);
}

static att_status has(const files *f, const char *name, bool *there) {
  char *path = att_path(f->ctx, f->folder, name);
  if (!path) return ATT_MEMORY;
  *there = att_file_exists(path);
  att_free(f->ctx, path);
  return ATT_OK;
}

/* ---- BERT ------------------------------------------------------------------------------------------------------ */

/* A token a line, its id the line's number from 0; of two alike the later one stays, as in Transformers. */
static att_status put_lines(const files *f, const att_text *lines, size_t count, json_t *vocab) {
  for (size_t i = 0; i < count; i++) {
    if (lines[i].size == 0) continue;
    if (memchr(lines[i].data, 0, lines[i].size))
      return att_fail(f->ctx, ATT_FORMAT, "%s: line %zu has a NUL in it", f->path, i + 1);
    json_t *line = json_stringn(lines[i].data, lines[i].size);
    if (!line) return att_fail(f->ctx, ATT_FORMAT, "%s: line %zu is not UTF-8", f->path, i + 1);
    int failed = json_object_set_new(vocab, json_string_value(line), json_integer((json_int_t)i));
    json_decref(line);
    if (failed) return no_memory(f);
  }
  return ATT_OK;
}

static att_status read_lines(const files *f, json_t **vocab) {
  att_text *lines;
  size_t count;
  ATT_TRY(att_read_lines_within(f->ctx, f->path, ATT_MOST_TEXT, &lines, &count));
  *vocab = json_object();
  att_status status = *vocab ? put_lines(f, lines, count, *vocab) : no_memory(f);
  att_free(f->ctx, lines);
  return status;
}

/* ---- GPT-2 ----------------------------------------------------------------------------------------------------- */

static att_status put_merges(const files *f, const char *path, const att_text *lines, size_t count, json_t *merges) {
  for (size_t i = 0; i < count; i++) {
    bool version = i == 0 && lines[i].size >= 8 && memcmp(lines[i].data, "#version", 8) == 0;
    if (version || lines[i].size == 0) continue;
    json_t *line = json_stringn(lines[i].data, lines[i].size);
    if (!line) return att_fail(f->ctx, ATT_FORMAT, "%s: line %zu is not UTF-8", path, i + 1);
    if (json_array_append_new(merges, line)) return no_memory(f);
  }
  return ATT_OK;
}

static att_status read_merges(const files *f, json_t **merges) {
  att_text *lines = NULL;
  size_t count = 0;
  char *path = att_path(f->ctx, f->folder, "merges.txt");
  if (!path) return ATT_MEMORY;
  att_status status = att_read_lines_within(f->ctx, path, ATT_MOST_TEXT, &lines, &count);
  if (!status && !(*merges = json_array())) status = no_memory(f);
  if (!status) status = put_merges(f, path, lines, count, *merges);
  att_free(f->ctx, lines);
  att_free(f->ctx, path);
  return status;
}

/* ---- a folder -------------------------------------------------------------------------------------------------- */

/* The model of a tokenizer.json. */
static att_status say(const files *f, bool bert, json_t **root) {
  json_t *vocab = NULL, *merges = NULL;
  att_status status = bert ? read_lines(f, &vocab) : att_json_open(f->ctx, f->path, &vocab);
  if (!status && !bert && !json_is_object(vocab))
    status = att_fail(f->ctx, ATT_FORMAT, "%s: this is not a vocabulary: no object", f->path);
  if (!status && !bert) status = read_merges(f, &merges);
  if (!status)
    *root = bert ? json_pack("{s:{s:s, s:O}}", "model", "type", "WordPiece", "vocab", vocab)
                 : json_pack("{s:{s:s, s:O, s:O}}", "model", "type", "BPE", "vocab", vocab, "merges", merges);
  if (!status && !*root) status = no_memory(f);
  json_decref(vocab);
  json_decref(merges);
  return status;
}

static att_status read_root(files *f, const char *name, bool older, json_t **root) {
  f->path = att_path(f->ctx, f->folder, name);
  if (!f->path) return ATT_MEMORY;
  return older ? say(f, strcmp(name, "vocab.txt") == 0, root) : att_json_open(f->ctx, f->path, root);
}

/* What a folder has in place of tokenizer.json is read by the class that its vocabulary is of. */
static att_status open_with(files *f, att_tokenizer_settings *settings, att_tokenizer **out) {
  bool now, lines, pairs;
  ATT_TRY(has(f, "tokenizer.json", &now));
  ATT_TRY(has(f, "vocab.txt", &lines));
  ATT_TRY(has(f, "merges.txt", &pairs));
  bool older = !now && (lines || pairs);
  if (older) strcpy(settings->class_name, lines ? "BertTokenizer" : "GPT2Tokenizer");
  json_t *root = NULL;
  ATT_TRY(read_root(f, !older ? "tokenizer.json" : lines ? "vocab.txt" : "vocab.json", older, &root));
  att_status status = att_tokenizer_settings_apply(f->ctx, settings, f->path, older, root);
  if (!status) return att_tokenizer_from_json(f->ctx, f->path, root, NULL, NULL, out);
  json_decref(root);
  return status;
}

/* Whether the model is given the tokens' types: of the classes BertTokenizer alone says so by itself. */
static bool names_types(const att_tokenizer_settings *settings) {
  const json_t *names = json_object_get(settings->config, "model_input_names");
  bool named = !json_is_array(names) && strcmp(settings->class_name, "BertTokenizer") == 0;
  for (size_t i = 0; i < json_array_size(names); i++) {
    const char *name = json_string_value(json_array_get(names, i));
    named = named || (name && strcmp(name, "token_type_ids") == 0);
  }
  return named;
}

/* What is no part of a tokenizer.json. Of BPE Transformers does not clean up, for it would take spaces that are text's
 * own. */
static att_status set_rest(const att_tokenizer_settings *settings, att_tokenizer *t) {
  bool clean_up = false, even_of_pairs = false, split = false;
  const char *const name = "tokenizer_config.json";
  const json_t *config = settings->config;
  ATT_TRY(att_json_bool(t->ctx, name, config, "clean_up_tokenization_spaces", false, &clean_up));
  ATT_TRY(att_json_bool(t->ctx, name, config, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
                        false, &even_of_pairs));
  ATT_TRY(att_json_bool(t->ctx, name, config, "split_special_tokens", false, &split));
  t->clean_up = clean_up && (even_of_pairs || t->wordpiece.used || t->unigram.used);
  const char *side = json_string_value(json_object_get(config, "truncation_side"));
  t->one_type = !names_types(settings);
  t->keeps_last = side && strcmp(side, "left") == 0;
  if (json_object_size(config)) t->config = json_incref(settings->config);
  return split ? att_tokenizer_split_specials(t) : ATT_OK;
}

att_status att_tokenizer_open_folder(att_context *ctx, const char *folder, att_tokenizer **out) {
  files f = {ctx, folder, NULL};
  att_tokenizer_settings settings;
  *out = NULL;
  ATT_TRY(att_tokenizer_settings_read(ctx, folder, &settings));
  att_status status = open_with(&f, &settings, out);
  if (!status && (status = set_rest(&settings, *out))) {
    att_tokenizer_free(*out);
    *out = NULL;
  }
  att_tokenizer_settings_free(&settings);
  att_free(ctx, f.path);
  return status;
}
