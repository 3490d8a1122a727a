/*
 * Owns tokenizer.json: what each of its parts means to attend, and writing it so that `tokenizers` reads the same. What
 * it does not know it refuses by name. `truncation` and `padding` are left aside, as Transformers does: they are a
 * caller's business.
 */
#include "formats/file.h"
#include "formats/json.h"
#include "text/components.h"
#include "text/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct reader {
  att_context *ctx;
  const char *name;
  att_tokenizer *t;
} reader;

static att_status unsupported(const reader *r, const char *part, const char *type) {
  return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: %s \"%s\" is not supported", r->name, part, type);
}

static att_status wrong(const reader *r, const char *what) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: %s", r->name, what);
}

/* The largest id of the model's tokens. */
static att_status find_largest(const reader *r, json_t *vocab, json_int_t *largest) {
  const char *token;
  json_t *value;
  json_object_foreach(vocab, token, value) {
    json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    if (id < 0 || id >= ATT_MOST_IDS)
      return att_fail(r->ctx, ATT_FORMAT, "%s: the id of token \"%.100s\" is not a whole number from 0 to %d", r->name,
                      token, ATT_MOST_IDS - 1);
    if (id > *largest) *largest = id;
  }
  return ATT_OK;
}

/* Makes room for the model's tokens, with ids up to `largest`, and added ones. */
static att_status make_vocabulary(const reader *r, size_t tokens, json_int_t largest, const json_t *added) {
  if (added && !json_is_null(added) && !json_is_array(added)) return wrong(r, "added_tokens is not an array");
  for (size_t i = 0; i < json_array_size(added); i++) {
    int64_t id = -1;
    if (!json_is_object(json_array_get(added, i))) return wrong(r, "an entry of added_tokens is not an object");
    ATT_TRY(att_json_int(r->ctx, r->name, json_array_get(added, i), "id", true, 0, ATT_MOST_IDS - 1, &id));
    if (id > largest) largest = id;
  }
  tokens += json_array_size(added);
  if (largest < 0) return wrong(r, "the vocabulary is empty");
  if ((size_t)largest >= 4 * tokens + 65536)
    return att_fail(r->ctx, ATT_FORMAT, "%s: ids go up to %lld but there are %zu tokens only", r->name,
                    (long long)largest, tokens);
  return att_vocabulary_make(r->ctx, &r->t->vocabulary, (int32_t)largest + 1, tokens);
}

static att_status read_added_token(const reader *r, const json_t *entry) {
  att_vocabulary *vocabulary = &r->t->vocabulary;
  att_added token = {.normalized = true};
  const char *content = NULL;
  int64_t id = -1;
  ATT_TRY(att_json_int(r->ctx, r->name, entry, "id", true, 0, ATT_MOST_IDS - 1, &id));
  ATT_TRY(att_json_string(r->ctx, r->name, entry, "content", true, &content));
  ATT_TRY(att_json_bool(r->ctx, r->name, entry, "special", false, &token.special));
  ATT_TRY(att_json_bool(r->ctx, r->name, entry, "single_word", false, &token.single_word));
  ATT_TRY(att_json_bool(r->ctx, r->name, entry, "lstrip", false, &token.lstrip));
  ATT_TRY(att_json_bool(r->ctx, r->name, entry, "rstrip", false, &token.rstrip));
  ATT_TRY(att_json_bool(r->ctx, r->name, entry, "normalized", false, &token.normalized));
  if (content[0] == '\0') return ATT_OK; /* `tokenizers` leaves it out too */
  if (strlen(content) > ATT_LONGEST_ADDED)
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: added token %d is longer than %d bytes", r->name, (int)id,
                    ATT_LONGEST_ADDED);
  token.id = (int32_t)id;
  if (att_vocabulary_find(vocabulary, content, strlen(content)) != token.id) {
    ATT_TRY(att_vocabulary_add(r->ctx, vocabulary, r->name, token.id, content, strlen(content)));
    vocabulary->outside[token.id] = true;
  }
  return att_added_put(r->t, token, content);
}

static att_status read_added_tokens(const reader *r, const json_t *added) {
  r->t->added = ATT_NEW(r->ctx, json_array_size(added), att_added);
  if (!r->t->added) return ATT_MEMORY;
  for (size_t i = 0; i < json_array_size(added); i++) ATT_TRY(read_added_token(r, json_array_get(added, i)));
  return ATT_OK;
}

static att_status read_vocabulary(const reader *r, json_t *vocab, const json_t *added) {
  const char *token;
  json_t *value;
  json_int_t largest = -1;
  if (!json_is_object(vocab)) return wrong(r, "model.vocab is not an object");
  ATT_TRY(find_largest(r, vocab, &largest));
  ATT_TRY(make_vocabulary(r, json_object_size(vocab), largest, added));
  json_object_foreach(vocab, token, value) ATT_TRY(
      att_vocabulary_add(r->ctx, &r->t->vocabulary, r->name, (int32_t)json_integer_value(value), token, strlen(token)));
  att_bpe_find_bytes(&r->t->bpe, &r->t->vocabulary);
  return read_added_tokens(r, added);
}

/* A merge is "left right" or ["left", "right"]. */
static bool merge_sides(const json_t *entry, att_text *left, att_text *right) {
  if (json_is_string(entry)) {
    const char *text = json_string_value(entry), *space = strchr(text, ' ');
    if (!space || strchr(space + 1, ' ')) return false;
    *left = (att_text){text, (size_t)(space - text)};
    *right = (att_text){space + 1, strlen(space + 1)};
    return true;
  }
  const char *first = json_string_value(json_array_get(entry, 0)),
             *second = json_string_value(json_array_get(entry, 1));
  if (json_array_size(entry) != 2 || !first || !second) return false;
  *left = (att_text){first, strlen(first)};
  *right = (att_text){second, strlen(second)};
  return true;
}

static att_status read_merge(const reader *r, size_t index, const json_t *entry, att_buffer *joined, att_merge *merge) {
  const att_vocabulary *vocabulary = &r->t->vocabulary;
  att_text left, right;
  if (!merge_sides(entry, &left, &right))
    return att_fail(r->ctx, ATT_FORMAT, "%s: merge %zu is not a pair of tokens", r->name, index);
  joined->size = 0;
  const size_t prefix = strlen(r->t->bpe.prefix);
  if (right.size < prefix)
    return att_fail(r->ctx, ATT_FORMAT, "%s: merge %zu: its second token has no prefix", r->name, index);
  ATT_TRY(att_buffer_append(r->ctx, joined, left.data, left.size));
  ATT_TRY(att_buffer_append(r->ctx, joined, right.data + prefix, right.size - prefix));
  merge->left = att_vocabulary_find(vocabulary, left.data, left.size);
  merge->right = att_vocabulary_find(vocabulary, right.data, right.size);
  merge->result = att_vocabulary_find(vocabulary, joined->data, joined->size);
  if (merge->left >= 0 && merge->right >= 0 && merge->result >= 0) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: merge %zu (\"%.*s\" + \"%.*s\") names a token that is not in the vocabulary",
                  r->name, index, (int)(left.size < 100 ? left.size : 100), left.data,
                  (int)(right.size < 100 ? right.size : 100), right.data);
}

static att_status read_merges(const reader *r, const json_t *merges) {
  if (!json_is_array(merges)) return wrong(r, "model.merges is not an array");
  att_bpe *bpe = &r->t->bpe;
  bpe->merges = ATT_NEW(r->ctx, json_array_size(merges), att_merge);
  if (!bpe->merges) return ATT_MEMORY;
  att_buffer joined = {0};
  att_status status = ATT_OK;
  for (; bpe->count < json_array_size(merges) && status == ATT_OK; bpe->count++)
    status = read_merge(r, bpe->count, json_array_get(merges, bpe->count), &joined, &bpe->merges[bpe->count]);
  att_buffer_free(r->ctx, &joined);
  return status;
}

/* A short string of the model's, copied to out[32]. */
static att_status read_affix(const reader *r, const json_t *model, const char *key, char *out) {
  const char *affix = "";
  ATT_TRY(att_json_string(r->ctx, r->name, model, key, false, &affix));
  if (strlen(affix) >= 32) return unsupported(r, key, affix);
  strcpy(out, affix);
  return ATT_OK;
}

static att_status read_affixes(const reader *r, const json_t *model) {
  double dropout = 0;
  ATT_TRY(read_affix(r, model, "continuing_subword_prefix", r->t->bpe.prefix));
  ATT_TRY(read_affix(r, model, "end_of_word_suffix", r->t->bpe.suffix));
  ATT_TRY(att_json_number(r->ctx, r->name, model, "dropout", false, &dropout));
  return dropout != 0 ? unsupported(r, "model.dropout", "above 0") : ATT_OK;
}

static att_status find_unknown(const reader *r, const char *token, int32_t *id) {
  *id = att_vocabulary_find(&r->t->vocabulary, token, strlen(token));
  if (*id >= 0) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: unk_token \"%.100s\" is not in the vocabulary", r->name, token);
}

static att_status read_unknown(const reader *r, const json_t *model) {
  const char *unknown = NULL;
  att_bpe *bpe = &r->t->bpe;
  ATT_TRY(att_json_string(r->ctx, r->name, model, "unk_token", false, &unknown));
  ATT_TRY(att_json_bool(r->ctx, r->name, model, "fuse_unk", false, &bpe->fuse_unknown));
  ATT_TRY(att_json_bool(r->ctx, r->name, model, "byte_fallback", false, &bpe->byte_fallback));
  ATT_TRY(att_json_bool(r->ctx, r->name, model, "ignore_merges", false, &bpe->ignore_merges));
  return unknown ? find_unknown(r, unknown, &bpe->unknown) : ATT_OK;
}

static att_status read_wordpiece(const reader *r, const json_t *root, const json_t *model) {
  att_wordpiece *pieces = &r->t->wordpiece;
  const char *unknown = "[UNK]"; /* the defaults of `tokenizers` */
  strcpy(pieces->prefix, "##");
  pieces->used = true;
  pieces->most_characters = 100;
  ATT_TRY(att_json_string(r->ctx, r->name, model, "unk_token", false, &unknown));
  if (json_is_string(json_object_get(model, "continuing_subword_prefix")))
    ATT_TRY(read_affix(r, model, "continuing_subword_prefix", pieces->prefix));
  ATT_TRY(
      att_json_int(r->ctx, r->name, model, "max_input_chars_per_word", false, 0, INT64_MAX, &pieces->most_characters));
  ATT_TRY(read_vocabulary(r, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
  if (r->t->vocabulary.longest > ATT_LONGEST_PIECE)
    return unsupported(r, "model", "WordPiece with a token of more than 1000 bytes");
  return find_unknown(r, unknown, &pieces->unknown);
}

/* Pieces are ["spelling", score], their places their ids. */
static att_status read_pieces(const reader *r, const json_t *vocab, double *worst) {
  att_unigram *model = &r->t->unigram;
  *worst = INFINITY;
  for (int32_t id = 0; id < model->count; id++) {
    const json_t *piece = json_array_get(vocab, (size_t)id), *score = json_array_get(piece, 1);
    const char *spelling = json_string_value(json_array_get(piece, 0));
    if (json_array_size(piece) != 2 || !spelling || !json_is_number(score))
      return att_fail(r->ctx, ATT_FORMAT, "%s: entry %d of model.vocab is not a piece and its score", r->name, (int)id);
    model->scores[id] = json_number_value(score);
    *worst = fmin(*worst, model->scores[id]);
    ATT_TRY(att_vocabulary_add(r->ctx, &r->t->vocabulary, r->name, id, spelling, strlen(spelling)));
  }
  return ATT_OK;
}

static att_status read_unigram(const reader *r, const json_t *root, const json_t *model) {
  att_unigram *pieces = &r->t->unigram;
  const json_t *vocab = json_object_get(model, "vocab"), *added = json_object_get(root, "added_tokens");
  int64_t unknown = -1;
  double worst;
  if (!json_is_array(vocab)) return wrong(r, "model.vocab is not an array");
  if (json_array_size(vocab) > ATT_MOST_IDS) return wrong(r, "model.vocab has more than 10000000 pieces");
  pieces->used = true;
  pieces->count = (int32_t)json_array_size(vocab);
  ATT_TRY(make_vocabulary(r, (size_t)pieces->count, pieces->count - 1, added));
  pieces->scores = ATT_NEW(r->ctx, pieces->count, double);
  if (!pieces->scores) return ATT_MEMORY;
  ATT_TRY(read_pieces(r, vocab, &worst));
  ATT_TRY(att_json_int(r->ctx, r->name, model, "unk_id", false, 0, pieces->count - 1, &unknown));
  ATT_TRY(att_json_bool(r->ctx, r->name, model, "byte_fallback", false, &pieces->byte_fallback));
  pieces->unknown = (int32_t)unknown;
  pieces->unknown_score = worst - 10;
  att_vocabulary_find_bytes(&r->t->vocabulary, pieces->fallback);
  ATT_TRY(read_added_tokens(r, added));
  return r->t->vocabulary.longest > ATT_LONGEST_PIECE
             ? unsupported(r, "model", "Unigram with a token of more than 1000 bytes")
             : ATT_OK;
}

static att_status read_word_level(const reader *r, const json_t *root, const json_t *model) {
  const char *unknown = "<unk>";
  r->t->bpe.whole_words = true;
  ATT_TRY(att_json_string(r->ctx, r->name, model, "unk_token", false, &unknown));
  ATT_TRY(read_vocabulary(r, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
  return find_unknown(r, unknown, &r->t->bpe.unknown);
}

/* Files from before 2020 do not say the type of a model that has merges, nor of one whose vocabulary is a list. */
static att_status read_model(const reader *r, const json_t *root) {
  const json_t *model = json_object_get(root, "model");
  const bool merges = json_object_get(model, "merges"), list = json_is_array(json_object_get(model, "vocab"));
  const char *type = merges ? "BPE" : "Unigram";
  if (!json_is_object(model)) return wrong(r, "there is no model");
  ATT_TRY(att_json_string(r->ctx, r->name, model, "type", !merges && !list, &type));
  if (strcmp(type, "WordPiece") == 0) return read_wordpiece(r, root, model);
  if (strcmp(type, "Unigram") == 0) return read_unigram(r, root, model);
  if (strcmp(type, "WordLevel") == 0) return read_word_level(r, root, model);
  if (strcmp(type, "BPE") != 0) return unsupported(r, "model", type);
  ATT_TRY(read_affixes(r, model));
  ATT_TRY(read_vocabulary(r, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
  ATT_TRY(read_merges(r, json_object_get(model, "merges")));
  return read_unknown(r, model);
}

static att_status read_all(const reader *r, const json_t *root, att_model_fn *model, void *user) {
  static const att_part order[] = {ATT_PART_NORMALIZER, ATT_PART_PRE_TOKENIZER, ATT_PART_DECODER,
                                   ATT_PART_POST_PROCESSOR};
  if (!json_is_object(root)) return wrong(r, "this is not a tokenizer.json: no object");
  for (size_t i = 0; i < ATT_PARTS; i++) {
    if (order[i] == ATT_PART_PRE_TOKENIZER) {
      ATT_TRY(model ? model(r->t, user) : read_model(r, root));
      if (model) ATT_TRY(read_added_tokens(r, json_object_get(root, "added_tokens")));
    }
    ATT_TRY(att_part_read(r->t, r->name, order[i], json_object_get(root, att_part_names[order[i]])));
  }
  ATT_TRY(att_tokenizer_finish(r->t));
  for (size_t i = 0; i < r->t->added_count; i++)
    if (r->t->added_of[r->t->added[i].id] != &r->t->added[i])
      return att_fail(r->ctx, ATT_FORMAT, "%s: added_tokens has id %d twice", r->name, (int)r->t->added[i].id);
  return ATT_OK;
}

att_status att_tokenizer_from_json(att_context *ctx, const char *name, json_t *root, att_model_fn *model, void *user,
                                   att_tokenizer **out) {
  reader r = {ctx, name, NULL};
  att_status status = att_tokenizer_make(ctx, &r.t);
  if (status == ATT_OK) status = read_all(&r, root, model, user);
  json_decref(root);
  if (status == ATT_OK)
    *out = r.t;
  else
    att_tokenizer_free(r.t);
  return status;
}

att_status att_tokenizer_open(att_context *ctx, const char *path, att_tokenizer **out) {
  json_t *root;
  *out = NULL;
  ATT_TRY(att_json_open(ctx, path, &root));
  return att_tokenizer_from_json(ctx, path, root, NULL, NULL, out);
}

att_status att_tokenizer_parse(att_context *ctx, const char *name, const char *data, size_t size, att_tokenizer **out) {
  json_t *root;
  *out = NULL;
  ATT_TRY(att_json_parse(ctx, name, data, size, &root));
  return att_tokenizer_from_json(ctx, name, root, NULL, NULL, out);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

typedef struct writer {
  att_context *ctx;
  const att_tokenizer *t;
  att_buffer out;
  att_buffer merge; /* being spelled */
} writer;

static att_status put(writer *w, const char *text) { return att_buffer_append(w->ctx, &w->out, text, strlen(text)); }

static att_status put_string(writer *w, const char *text) {
  return att_json_put_string(w->ctx, &w->out, text, strlen(text));
}

static att_status put_token(writer *w, int32_t id) {
  return put_string(w, att_vocabulary_spelling(&w->t->vocabulary, id));
}

static att_status put_bool(writer *w, const char *key, bool value) {
  return att_buffer_print(w->ctx, &w->out, ", \"%s\": %s", key, value ? "true" : "false");
}

/* In the order of ids, as `tokenizers` wants them. */
static att_status write_added(writer *w) {
  const char *between = "";
  for (int32_t id = 0; id < w->t->vocabulary.size; id++) {
    const att_added *token = w->t->added_of[id];
    if (!token) continue;
    ATT_TRY(att_buffer_print(w->ctx, &w->out, "%s\n    {\"id\": %d, \"content\": ", between, (int)id));
    ATT_TRY(put_token(w, id));
    ATT_TRY(put_bool(w, "single_word", token->single_word));
    ATT_TRY(put_bool(w, "lstrip", token->lstrip));
    ATT_TRY(put_bool(w, "rstrip", token->rstrip));
    ATT_TRY(put_bool(w, "normalized", token->normalized));
    ATT_TRY(put_bool(w, "special", token->special));
    ATT_TRY(put(w, "}"));
    between = ",";
  }
  return ATT_OK;
}

static att_status write_part(writer *w, att_part part) {
  ATT_TRY(att_buffer_print(w->ctx, &w->out, ",\n  \"%s\": ", att_part_names[part]));
  if (!w->t->parts[part]) return put(w, "null");
  char *text = json_dumps(w->t->parts[part], JSON_PRESERVE_ORDER);
  if (!text) return att_fail(w->ctx, ATT_MEMORY, "no memory to write the %s as JSON", att_part_names[part]);
  att_status status = put(w, text);
  free(text);
  return status;
}

static bool has_space(const writer *w, int32_t id) {
  return strchr(att_vocabulary_spelling(&w->t->vocabulary, id), ' ') != NULL;
}

/* As "left right", which every version of `tokenizers` reads, and a third less to parse than pairs; as pairs where a
 * token has a space in it. */
static att_status write_merges(writer *w) {
  const att_bpe *bpe = &w->t->bpe;
  bool pairs = false;
  for (size_t i = 0; i < bpe->count && !pairs; i++)
    pairs = has_space(w, bpe->merges[i].left) || has_space(w, bpe->merges[i].right);
  for (size_t i = 0; i < bpe->count; i++) {
    const char *left = att_vocabulary_spelling(&w->t->vocabulary, bpe->merges[i].left);
    const char *right = att_vocabulary_spelling(&w->t->vocabulary, bpe->merges[i].right);
    ATT_TRY(put(w, i ? ",\n      " : "\n      "));
    if (pairs) {
      ATT_TRY(put(w, "["));
      ATT_TRY(put_string(w, left));
      ATT_TRY(put(w, ", "));
      ATT_TRY(put_string(w, right));
      ATT_TRY(put(w, "]"));
      continue;
    }
    w->merge.size = 0;
    ATT_TRY(att_buffer_print(w->ctx, &w->merge, "%s %s", left, right));
    ATT_TRY(put_string(w, w->merge.data));
  }
  return ATT_OK;
}

static att_status write_vocabulary(writer *w) {
  const att_tokenizer *t = w->t;
  const char *between = "";
  ATT_TRY(put(w, ",\n    \"vocab\": {"));
  for (int32_t id = 0; id < t->vocabulary.size; id++) {
    if (!att_vocabulary_spelling(&t->vocabulary, id)) continue;
    ATT_TRY(att_buffer_print(w->ctx, &w->out, "%s\n      ", between));
    ATT_TRY(put_token(w, id));
    ATT_TRY(att_buffer_print(w->ctx, &w->out, ": %d", (int)id));
    between = ",";
  }
  return put(w, "}");
}

/* null where it is empty. */
static att_status put_affix(writer *w, const char *key, const char *affix) {
  ATT_TRY(att_buffer_print(w->ctx, &w->out, ", \"%s\": ", key));
  return affix[0] ? put_string(w, affix) : put(w, "null");
}

static att_status write_word_level(writer *w) {
  ATT_TRY(put(w, "{\"type\": \"WordLevel\", \"unk_token\": "));
  ATT_TRY(put_token(w, w->t->bpe.unknown));
  ATT_TRY(write_vocabulary(w));
  return put(w, "}");
}

static att_status write_bpe(writer *w) {
  const att_bpe *bpe = &w->t->bpe;
  if (bpe->whole_words) return write_word_level(w);
  ATT_TRY(put(w, "{\"type\": \"BPE\", \"dropout\": null, \"unk_token\": "));
  ATT_TRY(bpe->unknown < 0 ? put(w, "null") : put_token(w, bpe->unknown));
  ATT_TRY(put_affix(w, "continuing_subword_prefix", bpe->prefix));
  ATT_TRY(put_affix(w, "end_of_word_suffix", bpe->suffix));
  ATT_TRY(put_bool(w, "fuse_unk", bpe->fuse_unknown));
  ATT_TRY(put_bool(w, "byte_fallback", bpe->byte_fallback));
  ATT_TRY(put_bool(w, "ignore_merges", bpe->ignore_merges));
  ATT_TRY(write_vocabulary(w));
  ATT_TRY(put(w, ",\n    \"merges\": ["));
  ATT_TRY(write_merges(w));
  return put(w, "]}");
}

static att_status write_wordpiece(writer *w) {
  const att_wordpiece *pieces = &w->t->wordpiece;
  ATT_TRY(put(w, "{\"type\": \"WordPiece\", \"unk_token\": "));
  ATT_TRY(put_token(w, pieces->unknown));
  ATT_TRY(put(w, ", \"continuing_subword_prefix\": "));
  ATT_TRY(put_string(w, pieces->prefix));
  ATT_TRY(
      att_buffer_print(w->ctx, &w->out, ", \"max_input_chars_per_word\": %lld", (long long)pieces->most_characters));
  ATT_TRY(write_vocabulary(w));
  return put(w, "}");
}

static att_status write_unigram(writer *w) {
  const att_unigram *pieces = &w->t->unigram;
  ATT_TRY(put(w, "{\"type\": \"Unigram\", \"unk_id\": "));
  ATT_TRY(pieces->unknown < 0 ? put(w, "null") : att_buffer_print(w->ctx, &w->out, "%d", (int)pieces->unknown));
  ATT_TRY(put_bool(w, "byte_fallback", pieces->byte_fallback));
  ATT_TRY(put(w, ",\n    \"vocab\": ["));
  for (int32_t id = 0; id < pieces->count; id++) {
    ATT_TRY(put(w, id ? ",\n      [" : "\n      ["));
    ATT_TRY(put_token(w, id));
    ATT_TRY(put(w, ", "));
    ATT_TRY(att_json_put_number(w->ctx, &w->out, pieces->scores[id]));
    ATT_TRY(put(w, "]"));
  }
  return put(w, "]}");
}

static att_status write_model(writer *w) {
  if (w->t->wordpiece.used) return write_wordpiece(w);
  return w->t->unigram.used ? write_unigram(w) : write_bpe(w);
}

static att_status write_all(writer *w) {
  ATT_TRY(put(w, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": ["));
  ATT_TRY(write_added(w));
  ATT_TRY(put(w, "]"));
  for (int part = 0; part < ATT_PARTS; part++) ATT_TRY(write_part(w, part));
  ATT_TRY(put(w, ",\n  \"model\": "));
  ATT_TRY(write_model(w));
  return put(w, "\n}\n");
}

att_status att_tokenizer_write(const att_tokenizer *tokenizer, att_buffer *out) {
  writer w = {.ctx = tokenizer->ctx, .t = tokenizer, .out = *out};
  att_status status = write_all(&w);
  *out = w.out;
  att_buffer_free(w.ctx, &w.merge);
  return status;
}

att_status att_tokenizer_save(const att_tokenizer *tokenizer, const char *path) {
  att_buffer out = {0};
  att_status status = att_tokenizer_write(tokenizer, &out);
  if (status == ATT_OK) status = att_write_file(tokenizer->ctx, path, out.data, out.size);
  att_buffer_free(tokenizer->ctx, &out);
  return status;
}
