/*
 * Owns what the classes of Transformers 5 make of a tokenizer.json. BertTokenizer, GPT2Tokenizer and LlamaTokenizer
 * take its vocabulary, merges and special tokens, and build the parts around them anew by tokenizer_config.json; every
 * other class (PreTrainedTokenizerFast) leaves it as it is. Then come the added and special tokens that the settings
 * name.
 */
#include "text/tokenizer_settings.h"

#include <stdlib.h>
#include <string.h>

typedef struct changer {
  att_context *ctx;
  const json_t *config;
  const char *name; /* of the tokenizer's file: for messages */
  bool older;       /* there is no tokenizer.json: what it would say of itself comes from the class too */
  json_t *root, *model, *vocab;
  json_t *added;   /* root's added_tokens */
  json_t *place;   /* spelling to place in `added` */
  json_t *pieces;  /* spelling to id where the vocabulary is a list; NULL: not asked for yet */
  json_int_t next; /* the first id that is free; -1: not asked for yet */
} changer;

static att_status no_memory(const changer *c) {
  return att_fail(c->ctx, ATT_MEMORY, "%s: no memory for the tokenizer's settings", c->name);
}

static att_status set(const changer *c, json_t *object, const char *key, json_t *value) {
  return value && json_object_set_new(object, key, value) == 0 ? ATT_OK : no_memory(c);
}

static att_status read_bool(const changer *c, const char *key, bool *out) {
  return att_json_bool(c->ctx, "tokenizer_config.json", c->config, key, false, out);
}

/* What the settings call a special token: a string, or an object with its content. */
static const char *spelling(const changer *c, const char *role, const char *usual) {
  const json_t *value = json_object_get(c->config, role);
  if (json_is_object(value)) value = json_object_get(value, "content");
  return json_is_string(value) ? json_string_value(value) : usual;
}

static bool has_type(const json_t *part, const char *type) {
  const char *own = json_string_value(json_object_get(part, "type"));
  return own && strcmp(own, type) == 0;
}

/* ---- ids ------------------------------------------------------------------------------------------------------------
 */

/* A Unigram's pieces are a list. */
static att_status index_pieces(changer *c) {
  c->pieces = json_object();
  if (!c->pieces) return no_memory(c);
  for (size_t i = 0; i < json_array_size(c->vocab); i++) {
    const char *piece = json_string_value(json_array_get(json_array_get(c->vocab, i), 0));
    if (piece) ATT_TRY(set(c, c->pieces, piece, json_integer((json_int_t)i)));
  }
  return ATT_OK;
}

/* *id: NULL where neither the vocabulary nor the added tokens have it. */
static att_status find_id(changer *c, const char *token, json_t **id) {
  const json_t *place = json_object_get(c->place, token);
  if (place) {
    *id = json_object_get(json_array_get(c->added, (size_t)json_integer_value(place)), "id");
    return ATT_OK;
  }
  if (json_is_array(c->vocab) && !c->pieces) ATT_TRY(index_pieces(c));
  *id = json_object_get(c->pieces ? c->pieces : c->vocab, token);
  return ATT_OK;
}

static att_status id_of(changer *c, const char *token, json_int_t *id) {
  json_t *value;
  ATT_TRY(find_id(c, token, &value));
  *id = json_integer_value(value);
  return value ? ATT_OK : att_fail(c->ctx, ATT_FORMAT, "%s: \"%.100s\" is not in it", c->name, token);
}

static json_int_t free_id(changer *c) {
  const char *token;
  json_t *value;
  if (c->next >= 0) return c->next++;
  c->next = (json_int_t)json_array_size(c->vocab);
  json_object_foreach(c->vocab, token, value) {
    if (json_integer_value(value) >= c->next) c->next = json_integer_value(value) + 1;
  }
  for (size_t i = 0; i < json_array_size(c->added); i++) {
    json_int_t id = json_integer_value(json_object_get(json_array_get(c->added, i), "id"));
    if (id >= c->next) c->next = id + 1;
  }
  return c->next++;
}

/* ---- classes ------------------------------------------------------------------------------------------------------
 */

static att_status make_bert(changer *c) {
  const char *cls = spelling(c, "cls_token", "[CLS]"), *sep = spelling(c, "sep_token", "[SEP]");
  bool lowercase = true, chinese = true, accents = true;
  json_int_t cls_id, sep_id;
  ATT_TRY(id_of(c, cls, &cls_id));
  ATT_TRY(id_of(c, sep, &sep_id));
  ATT_TRY(read_bool(c, "do_lower_case", &lowercase));
  ATT_TRY(read_bool(c, "tokenize_chinese_chars", &chinese));
  ATT_TRY(read_bool(c, "strip_accents", &accents));
  json_t *strip = json_object_get(c->config, "strip_accents");
  ATT_TRY(set(c, c->root, "normalizer",
              json_pack("{s:s, s:b, s:b, s:O?, s:b}", "type", "BertNormalizer", "clean_text", 1, "handle_chinese_chars",
                        chinese, "strip_accents", strip, "lowercase", lowercase)));
  ATT_TRY(set(c, c->root, "pre_tokenizer", json_pack("{s:s}", "type", "BertPreTokenizer")));
  ATT_TRY(set(c, c->root, "decoder", json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", "##", "cleanup", 1)));
  ATT_TRY(set(c, c->root, "post_processor",
              json_pack("{s:s, s:[s,I], s:[s,I]}", "type", "BertProcessing", "sep", sep, sep_id, "cls", cls, cls_id)));
  ATT_TRY(set(c, c->model, "unk_token", json_string(spelling(c, "unk_token", "[UNK]"))));
  ATT_TRY(set(c, c->model, "continuing_subword_prefix", json_string("##")));
  return set(c, c->model, "max_input_chars_per_word", json_integer(100));
}

/* What stands around texts: the tokens before and after each, or NULL. */
typedef struct around {
  const char *before, *after;
  json_t *single, *pair, *specials; /* of the post-processor */
} around;

static att_status put_item(const changer *c, json_t *list, const char *kind, const char *id, int type) {
  json_t *item = json_pack("{s:{s:s, s:i}}", kind, "id", id, "type_id", type);
  return item && json_array_append_new(list, item) == 0 ? ATT_OK : no_memory(c);
}

static att_status put_special(changer *c, const around *a, json_t *list, const char *token, int type) {
  json_int_t id;
  if (!token) return ATT_OK;
  ATT_TRY(id_of(c, token, &id));
  ATT_TRY(set(c, a->specials, token, json_pack("{s:s, s:[I], s:[s]}", "id", token, "ids", id, "tokens", token)));
  return put_item(c, list, "SpecialToken", token, type);
}

static att_status put_text(changer *c, const around *a, json_t *list, int type) {
  ATT_TRY(put_special(c, a, list, a->before, type));
  ATT_TRY(put_item(c, list, "Sequence", type ? "B" : "A", type));
  return put_special(c, a, list, a->after, type);
}

static att_status put_around(changer *c, around *a) {
  if (!a->single || !a->pair || !a->specials) return no_memory(c);
  ATT_TRY(put_text(c, a, a->single, 0));
  for (int type = 0; type < 2; type++) ATT_TRY(put_text(c, a, a->pair, type));
  return set(c, c->root, "post_processor",
             json_pack("{s:s, s:O, s:O, s:O}", "type", "TemplateProcessing", "single", a->single, "pair", a->pair,
                       "special_tokens", a->specials));
}

/* A tokenizer.json has what stands around a text; where there is none, add_bos_token and add_eos_token say it. */
static att_status add_around(changer *c, const char *start, const char *end) {
  bool before = false, after = false;
  ATT_TRY(read_bool(c, "add_bos_token", &before));
  ATT_TRY(read_bool(c, "add_eos_token", &after));
  if (!before && !after) return ATT_OK;
  around a = {.single = json_array(), .pair = json_array(), .specials = json_object()};
  if (before) a.before = spelling(c, "bos_token", start);
  if (after) a.after = spelling(c, "eos_token", end);
  att_status status = put_around(c, &a);
  json_decref(a.single);
  json_decref(a.pair);
  json_decref(a.specials);
  return status;
}

static att_status make_gpt2(changer *c) {
  bool space = false;
  ATT_TRY(read_bool(c, "add_prefix_space", &space));
  ATT_TRY(set(c, c->root, "normalizer", json_null()));
  ATT_TRY(set(c, c->root, "pre_tokenizer",
              json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", space, "trim_offsets", 1,
                        "use_regex", 1)));
  ATT_TRY(set(c, c->root, "decoder",
              json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1,
                        "use_regex", 1)));
  static const char *const switches[] = {"fuse_unk", "byte_fallback", "ignore_merges"};
  for (size_t i = 0; i < 3; i++) ATT_TRY(set(c, c->model, switches[i], json_false()));
  ATT_TRY(set(c, c->model, "unk_token", json_null()));
  return c->older ? add_around(c, "<|endoftext|>", "<|endoftext|>") : ATT_OK;
}

static att_status make_llama(changer *c) {
  bool space = true, legacy = false;
  ATT_TRY(read_bool(c, "add_prefix_space", &space));
  ATT_TRY(read_bool(c, "legacy", &legacy));
  const char *scheme = !space ? "never" : legacy ? "always" : "first", *blank = "\xe2\x96\x81";
  ATT_TRY(set(c, c->root, "normalizer", json_null()));
  ATT_TRY(set(c, c->root, "pre_tokenizer",
              json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", blank, "prepend_scheme", scheme,
                        "split", 0)));
  json_t *decoders = json_pack("[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]", "type", "Replace", "pattern", "String", blank,
                               "content", " ", "type", "ByteFallback", "type", "Fuse");
  json_t *strip =
      space ? json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content", " ", "start", 1, "stop", 0) : NULL;
  att_status status = decoders && (strip || !space) ? ATT_OK : no_memory(c);
  if (!status && strip && json_array_append(decoders, strip)) status = no_memory(c);
  if (!status) status = set(c, c->root, "decoder", json_pack("{s:s, s:O}", "type", "Sequence", "decoders", decoders));
  json_decref(decoders);
  json_decref(strip);
  if (status) return status;
  ATT_TRY(set(c, c->model, "fuse_unk", json_true()));
  ATT_TRY(set(c, c->model, "byte_fallback", json_true()));
  ATT_TRY(set(c, c->model, "ignore_merges", json_false()));
  ATT_TRY(set(c, c->model, "unk_token", json_null()));
  return c->older ? add_around(c, "<s>", "</s>") : ATT_OK;
}

/* LlamaTokenizer's is not taken for a tokenizer.json that spells words in bytes, as Llama 3's. */
static bool is_byte_level(const json_t *root) {
  const json_t *part = json_object_get(root, "pre_tokenizer"), *parts = json_object_get(part, "pretokenizers");
  bool is = has_type(part, "ByteLevel");
  for (size_t i = 0; i < json_array_size(parts); i++) is = is || has_type(json_array_get(parts, i), "ByteLevel");
  return is;
}

static att_status apply_class(changer *c, const char *name) {
  bool pieces = has_type(c->model, "WordPiece");
  bool pairs = json_object_get(c->model, "merges") && (has_type(c->model, "BPE") || !json_object_get(c->model, "type"));
  if (!json_is_object(c->vocab)) return ATT_OK;
  if (pieces && strcmp(name, "BertTokenizer") == 0) return make_bert(c);
  if (pairs && strcmp(name, "GPT2Tokenizer") == 0) return make_gpt2(c);
  if (pairs && strcmp(name, "LlamaTokenizer") == 0 && !is_byte_level(c->root)) return make_llama(c);
  return ATT_OK;
}

/* ---- added tokens ---------------------------------------------------------------------------------------------------
 */

/* The flags that the entry says over those of the token; none of them is lost to a special one. */
static att_status put_flags(const changer *c, json_t *token, const json_t *entry, bool special) {
  static const char *const flags[] = {"single_word", "lstrip", "rstrip", "normalized"};
  for (size_t i = 0; json_is_object(entry) && i < sizeof flags / sizeof *flags; i++) {
    json_t *flag = json_object_get(entry, flags[i]);
    if (json_is_boolean(flag) && json_object_set(token, flags[i], flag)) return no_memory(c);
  }
  return special ? set(c, token, "special", json_true()) : ATT_OK;
}

static att_status new_token(changer *c, const char *content, bool special) {
  json_t *id;
  ATT_TRY(find_id(c, content, &id));
  json_t *number = id ? json_incref(id) : json_integer(free_id(c));
  json_t *token = json_pack("{s:o, s:s, s:b, s:b, s:b, s:b, s:b}", "id", number, "content", content, "single_word", 0,
                            "lstrip", 0, "rstrip", 0, "normalized", !special, "special", special);
  ATT_TRY(set(c, c->place, content, json_integer((json_int_t)json_array_size(c->added))));
  return token && json_array_append_new(c->added, token) == 0 ? ATT_OK : no_memory(c);
}

/* A token that must be there: an entry's flags replace those of one that is. named: the entry only names it. */
static att_status add_token(changer *c, const json_t *entry, bool named) {
  const char *content = json_string_value(json_is_object(entry) ? json_object_get(entry, "content") : entry);
  if (!content || !*content) return ATT_OK;
  bool special = named || json_is_true(json_object_get(entry, "special"));
  const json_t *place = json_object_get(c->place, content);
  bool there = place != NULL;
  if (!there) ATT_TRY(new_token(c, content, special));
  place = json_object_get(c->place, content);
  json_t *token = json_array_get(c->added, (size_t)json_integer_value(place));
  return put_flags(c, token, named && there ? NULL : entry, special);
}

typedef struct listed {
  json_int_t id;
  const json_t *entry;
} listed;

static int by_id(const void *a, const void *b) {
  const listed *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* added_tokens_decoder: {"id": entry}, in the order of their ids. */
static att_status add_listed(changer *c) {
  json_t *decoder = json_object_get(c->config, "added_tokens_decoder"), *entry;
  const char *key;
  size_t count = 0;
  listed *all = ATT_NEW(c->ctx, json_object_size(decoder) + 1, listed);
  if (!all) return ATT_MEMORY;
  json_object_foreach(decoder, key, entry) all[count++] = (listed){strtoll(key, NULL, 10), entry};
  qsort(all, count, sizeof *all, by_id);
  att_status status = ATT_OK;
  for (size_t i = 0; i < count && !status; i++) status = add_token(c, all[i].entry, false);
  att_free(c->ctx, all);
  return status;
}

static att_status add_usual(changer *c, const char *token) {
  json_t *id = NULL, *named;
  if (token) ATT_TRY(find_id(c, token, &id));
  if (!id) return ATT_OK;
  att_status status = (named = json_string(token)) ? add_token(c, named, true) : no_memory(c);
  json_decref(named);
  return status;
}

/* The special tokens by their roles, and those without one. Those of a class are named where the vocabulary has them.
 */
static att_status add_named(changer *c, const char *class_name) {
  static const struct {
    const char *role, *bert, *gpt2, *llama;
  } roles[] = {{"bos_token", NULL, "<|endoftext|>", "<s>"},
               {"eos_token", NULL, "<|endoftext|>", "</s>"},
               {"unk_token", "[UNK]", "<|endoftext|>", "<unk>"},
               {"sep_token", "[SEP]", NULL, NULL},
               {"pad_token", "[PAD]", NULL, NULL},
               {"cls_token", "[CLS]", NULL, NULL},
               {"mask_token", "[MASK]", NULL, NULL}};
  static const char *const lists[] = {"extra_special_tokens", "additional_special_tokens"};
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
    const json_t *named = json_object_get(c->config, roles[i].role);
    const char *usual = strcmp(class_name, "BertTokenizer") == 0    ? roles[i].bert
                        : strcmp(class_name, "GPT2Tokenizer") == 0  ? roles[i].gpt2
                        : strcmp(class_name, "LlamaTokenizer") == 0 ? roles[i].llama
                                                                    : NULL;
    ATT_TRY(named ? add_token(c, named, true) : add_usual(c, usual));
  }
  for (size_t i = 0; i < 2; i++) {
    const json_t *list = json_object_get(c->config, lists[i]);
    for (size_t j = 0; j < json_array_size(list); j++) ATT_TRY(add_token(c, json_array_get(list, j), true));
    if (json_array_size(list)) break; /* the second is the older name */
  }
  return ATT_OK;
}

/* ---- all ------------------------------------------------------------------------------------------------------------
 */

/* Places of what is there; what has another form is the reader's to refuse. */
static att_status note_places(changer *c) {
  for (size_t i = 0; i < json_array_size(c->added); i++) {
    const json_t *entry = json_array_get(c->added, i);
    const char *token = json_string_value(json_object_get(entry, "content"));
    bool known = token && json_is_integer(json_object_get(entry, "id")) && !json_object_get(c->place, token);
    if (known) ATT_TRY(set(c, c->place, token, json_integer((json_int_t)i)));
  }
  return ATT_OK;
}

static att_status change(changer *c, const char *class_name) {
  c->added = json_object_get(c->root, "added_tokens");
  if (!c->added || json_is_null(c->added)) {
    ATT_TRY(set(c, c->root, "added_tokens", json_array()));
    c->added = json_object_get(c->root, "added_tokens");
  }
  if (!c->place) return no_memory(c);
  if (!json_is_array(c->added) || !json_is_object(c->model)) return ATT_OK;
  ATT_TRY(note_places(c));
  ATT_TRY(add_listed(c));
  ATT_TRY(add_named(c, class_name));
  return apply_class(c, class_name);
}

att_status att_tokenizer_settings_apply(att_context *ctx, const att_tokenizer_settings *settings, const char *name,
                                        bool older, json_t *root) {
  changer c = {.ctx = ctx, .config = settings->config, .name = name, .older = older, .root = root, .next = -1};
  c.model = json_object_get(root, "model");
  c.vocab = json_object_get(c.model, "vocab");
  c.place = json_object();
  att_status status = json_is_object(root) ? change(&c, settings->class_name) : ATT_OK;
  json_decref(c.place);
  json_decref(c.pieces);
  return status;
}
