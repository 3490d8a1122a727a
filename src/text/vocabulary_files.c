/*
 * Owns the tokenizers of folders from before tokenizer.json: BERT's vocab.txt, GPT-2's vocab.json with merges.txt, and
 * what tokenizer_config.json says of them. It says them as a tokenizer.json would and has that read: what a part means
 * is in one place. Refuses what that reader refuses.
 */
#include "formats/file.h"
#include "text/components.h"

#include <string.h>

#define CONFIG        "tokenizer_config.json"
#define ATT_MOST_TEXT (1 << 26) /* bytes of vocab.txt and merges.txt */

typedef struct files {
  att_context *ctx;
  const char *folder;
  char *path;     /* of the vocabulary: for messages */
  json_t *config; /* tokenizer_config.json, or an empty object */
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

/* ---- special tokens
 * ----------------------------------------------------------------------------------------------------- */

/* What tokenizer_config.json calls a special token: a string, or an object with its content. */
static const char *spelling(const files *f, const char *role, const char *usual) {
  const json_t *value = json_object_get(f->config, role);
  if (json_is_object(value)) value = json_object_get(value, "content");
  return json_is_string(value) ? json_string_value(value) : usual;
}

/* Where the vocabulary has it: a tokenizer without [MASK] is one that cannot fill in. */
static att_status add_special(const files *f, json_t *added, const json_t *vocab, const char *special) {
  const json_t *id = json_object_get(vocab, special);
  if (!json_is_integer(id)) return ATT_OK;
  for (size_t i = 0; i < json_array_size(added); i++)
    if (json_integer_value(json_object_get(json_array_get(added, i), "id")) == json_integer_value(id)) return ATT_OK;
  json_t *entry = json_pack("{s:I, s:s, s:b, s:b}", "id", json_integer_value(id), "content", special, "special", 1,
                            "normalized", 0);
  return entry && json_array_append_new(added, entry) == 0 ? ATT_OK : no_memory(f);
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

static att_status id_of(const files *f, const json_t *vocab, const char *special, json_int_t *id) {
  const json_t *value = json_object_get(vocab, special);
  *id = json_integer_value(value);
  return value ? ATT_OK : att_fail(f->ctx, ATT_FORMAT, "%s: \"%.100s\" is not in it", f->path, special);
}

static att_status say_bert(const files *f, json_t *vocab, json_t *added, json_t **root) {
  const char *unknown = spelling(f, "unk_token", "[UNK]"), *pad = spelling(f, "pad_token", "[PAD]");
  const char *start = spelling(f, "cls_token", "[CLS]"), *end = spelling(f, "sep_token", "[SEP]");
  const char *const specials[] = {pad, unknown, start, end, spelling(f, "mask_token", "[MASK]")};
  bool lowercase = true, chinese = true;
  json_int_t start_id, end_id;
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) ATT_TRY(add_special(f, added, vocab, specials[i]));
  ATT_TRY(id_of(f, vocab, start, &start_id));
  ATT_TRY(id_of(f, vocab, end, &end_id));
  ATT_TRY(att_json_bool(f->ctx, CONFIG, f->config, "do_lower_case", false, &lowercase));
  ATT_TRY(att_json_bool(f->ctx, CONFIG, f->config, "tokenize_chinese_chars", false, &chinese));
  json_t *accents = json_object_get(f->config, "strip_accents");
  *root = json_pack("{s:O, s:{s:s, s:b, s:b, s:O?, s:b}, s:{s:s}, s:{s:s, s:[s,I], s:[s,I]}, s:{s:s, s:s, s:b}, "
                    "s:{s:s, s:s, s:O}}",
                    "added_tokens", added, "normalizer", "type", "BertNormalizer", "clean_text", 1,
                    "handle_chinese_chars", chinese, "strip_accents", accents, "lowercase", lowercase, "pre_tokenizer",
                    "type", "BertPreTokenizer", "post_processor", "type", "BertProcessing", "sep", end, end_id, "cls",
                    start, start_id, "decoder", "type", "WordPiece", "prefix", "##", "cleanup", 1, "model", "type",
                    "WordPiece", "unk_token", unknown, "vocab", vocab);
  return *root ? ATT_OK : no_memory(f);
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

static att_status say_gpt2(const files *f, json_t *vocab, json_t *merges, json_t *added, json_t **root) {
  static const char *const roles[] = {"bos_token", "eos_token", "unk_token", "pad_token"};
  bool space = false;
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
    ATT_TRY(add_special(f, added, vocab, spelling(f, roles[i], "<|endoftext|>")));
  ATT_TRY(att_json_bool(f->ctx, CONFIG, f->config, "add_prefix_space", false, &space));
  *root =
      json_pack("{s:O, s:{s:s, s:b, s:b}, s:{s:s}, s:{s:s}, s:{s:s, s:O, s:O}}", "added_tokens", added, "pre_tokenizer",
                "type", "ByteLevel", "add_prefix_space", space, "use_regex", 1, "post_processor", "type", "ByteLevel",
                "decoder", "type", "ByteLevel", "model", "type", "BPE", "vocab", vocab, "merges", merges);
  return *root ? ATT_OK : no_memory(f);
}

/* ---- a folder -------------------------------------------------------------------------------------------------- */

static att_status say(const files *f, bool bert, json_t **root) {
  json_t *vocab = NULL, *merges = NULL, *added = json_array();
  att_status status = added ? ATT_OK : no_memory(f);
  if (!status) status = bert ? read_lines(f, &vocab) : att_json_open(f->ctx, f->path, &vocab);
  if (!status && !bert && !json_is_object(vocab))
    status = att_fail(f->ctx, ATT_FORMAT, "%s: this is not a vocabulary: no object", f->path);
  if (!status && !bert) status = read_merges(f, &merges);
  if (!status) status = bert ? say_bert(f, vocab, added, root) : say_gpt2(f, vocab, merges, added, root);
  json_decref(vocab);
  json_decref(merges);
  json_decref(added);
  return status;
}

static att_status read_config(files *f) {
  bool there;
  ATT_TRY(has(f, CONFIG, &there));
  if (!there) {
    f->config = json_object();
    return f->config ? ATT_OK : no_memory(f);
  }
  char *path = att_path(f->ctx, f->folder, CONFIG);
  if (!path) return ATT_MEMORY;
  att_status status = att_json_open_reals(f->ctx, path, &f->config);
  if (!status && !json_is_object(f->config))
    status = att_fail(f->ctx, ATT_FORMAT, "%s: this is not a configuration: no object", path);
  att_free(f->ctx, path);
  return status;
}

static att_status open_older(files *f, bool bert, att_tokenizer **out) {
  json_t *root;
  f->path = att_path(f->ctx, f->folder, bert ? "vocab.txt" : "vocab.json");
  if (!f->path) return ATT_MEMORY;
  att_status status = read_config(f);
  if (!status) status = say(f, bert, &root);
  if (!status) status = att_tokenizer_from_json(f->ctx, f->path, root, out);
  json_decref(f->config);
  att_free(f->ctx, f->path);
  return status;
}

att_status att_tokenizer_open_folder(att_context *ctx, const char *folder, att_tokenizer **out) {
  files f = {ctx, folder, NULL, NULL};
  bool now, lines, pairs;
  *out = NULL;
  ATT_TRY(has(&f, "tokenizer.json", &now));
  ATT_TRY(has(&f, "vocab.txt", &lines));
  ATT_TRY(has(&f, "merges.txt", &pairs));
  if (!now && (lines || pairs)) return open_older(&f, lines, out);
  char *path = att_path(ctx, folder, "tokenizer.json");
  if (!path) return ATT_MEMORY;
  att_status status = att_tokenizer_open(ctx, path, out);
  att_free(ctx, path);
  return status;
}
