/*
 * Owns tokenizers in GGUF metadata (tokenizer.ggml.*, as llama.cpp's converter writes them): llama (SentencePiece's
 * scores), gpt2 (byte-level BPE with the pattern that `pre` names), gemma4 (BPE of characters), bert (WordPiece) and t5
 * (Unigram), each said as a list of tokens (token_list.h). Refuses other models, and patterns without a name here, by
 * their names.
 */
#include "formats/gguf_metadata.h"
#include "text/gguf_patterns.h"
#include "text/token_list.h"

#include <stdio.h>
#include <string.h>

typedef struct reader {
  att_context *ctx;
  const att_gguf_metadata *m;
  att_token_list list;
  char model[16];
  int32_t start, end, separator, pad, classes, mask; /* ids, or -1 */
} reader;

/* ---- patterns -------------------------------------------------------------------------------------------------- */

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES       "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define GPT2         ATT_GPT2_PATTERN
#define GPT4(digits)                                                                                                   \
  CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define GPT4O(end, digits)                                                                                             \
  "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" end "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" end "|\\p{N}" digits  \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES
#define IDEOGRAPHS "[\xe4\xb8\x80-\xe9\xbe\xa5\xe0\xa0\x80-\xe4\xb8\x80\xea\xb0\x80-\xed\x9f\xbf]+"
#define KANA       "[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+"
#define BLOOM      " ?[^(\\s|.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c)]+"
/* Cased letters beyond \p{L}'s other kinds, as DeepSeek's tokenizer lists them. */
#define DEEPSEEK_LETTERS                                                                                               \
  "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376" \
  "\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-"      \
  "\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a"     \
  "\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4"      \
  "\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc"     \
  "\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f"        \
  "\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b"       \
  "\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"           \
  "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"          \
  "\U000118a0-\U000118df\U0001e900-\U0001e943]+"
#define DEEPSEEK3                                                                                                      \
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"                  \
  "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES

#define MOST_PATTERNS 6

/* names: each with a space behind it. */
typedef struct known_pattern {
  const char *names;
  const char *patterns[MOST_PATTERNS];
  bool ignore_merges, start; /* start: the default of add_bos_token */
  bool composed;             /* Hugging Face's tokenizer of such models normalises to NFC */
} known_pattern;

static const known_pattern known[] = {
    {.names = "gpt-2 phi-2 jais trillion granite-docling exaone4 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de "
              "jina-v2-code "
              "roberta-bpe gigachat a.x-4.0 mellum ",
     .patterns = {GPT2}},
    {.names = "mpt olmo modern-bert ", .patterns = {GPT2}, .composed = true},
    {.names = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 ",
     .patterns = {GPT4("{1,3}")},
     .ignore_merges = true,
     .start = true},
    {.names = "dbrx smaug-bpe chatglm-bpe ", .patterns = {GPT4("{1,3}")}},
    {.names = "glm4 glm5 ", .patterns = {GPT4("{1,3}")}, .ignore_merges = true},
    {.names = "stablelm2 deepseek-r1-qwen hunyuan megrez grok-2 solar-open ", .patterns = {GPT4("")}},
    {.names = "qwen2 ", .patterns = {GPT4("")}, .composed = true},
    {.names = "qwen35 ",
     .patterns = {CONTRACTIONS
                  "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES}},
    {.names = "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2 ", .patterns = {"\\p{N}", GPT2}},
    {.names = "gpt-4o llama4 kanana2 minimax-m2 ", .patterns = {GPT4O(CONTRACTIONS "?", "{1,3}")}},
    {.names = "tekken ", .patterns = {GPT4O("", "")}, .ignore_merges = true, .start = true},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm ", .patterns = {"\\p{N}{1,3}", KANA, DEEPSEEK3}},
    {.names = "deepseek-llm ",
     .patterns = {"[\\r\\n]", DEEPSEEK_LETTERS, "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                  "\\s+$", IDEOGRAPHS, "\\p{N}"}},
    {.names = "deepseek-coder ", .patterns = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", IDEOGRAPHS, "\\p{N}"}},
    {.names = "falcon ", .patterns = {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {.names = "bloom poro-chat gpt3-finnish ", .patterns = {BLOOM}},
    {.names = "viking ", .patterns = {BLOOM, "\\p{N}"}},
    {.names = "default ", .patterns = {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

static const known_pattern *find_pattern(att_text name) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    for (const char *at = known[i].names, *end; (end = strchr(at, ' ')); at = end + 1)
      if ((size_t)(end - at) == name.size && memcmp(at, name.data, name.size) == 0) return &known[i];
  return NULL;
}

static bool same_patterns(const known_pattern *p, const att_cutting *cutting) {
  for (size_t i = 0; i < MOST_PATTERNS; i++) {
    if (!p->patterns[i] || i == cutting->count) return !p->patterns[i] && i == cutting->count;
    if (strcmp(p->patterns[i], cutting->patterns[i]) != 0) return false;
  }
  return cutting->count == MOST_PATTERNS;
}

size_t att_gguf_pattern_name(const att_cutting *cutting, const char **name) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const known_pattern *p = &known[i];
    if (p->composed != cutting->composed || p->ignore_merges != cutting->ignore_merges) continue;
    if (!same_patterns(p, cutting)) continue;
    *name = p->names;
    return (size_t)(strchr(p->names, ' ') - p->names);
  }
  return 0;
}

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

/* An array beside the tokens, as long as theirs; NULL where there is none. */
static att_status read_beside(const reader *r, const char *key, att_gguf_kind kind, const att_gguf_entry **out) {
  *out = NULL;
  ATT_TRY(att_gguf_array(r->m, key, false, kind, out));
  if (!*out || (*out)->count == r->list.count) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: %s has %zu entries where the tokenizer has %zu tokens", r->m->path, key,
                  (*out)->count, r->list.count);
}

/* Some files say how many rows the embedding has. */
static att_status check_size(const reader *r) {
  att_text architecture = {0};
  char key[96];
  int64_t size = 0;
  ATT_TRY(att_gguf_string(r->m, "general.architecture", false, &architecture));
  snprintf(key, sizeof key, "%.*s.vocab_size", (int)(architecture.size < 64 ? architecture.size : 64),
           architecture.size ? architecture.data : "");
  ATT_TRY(att_gguf_int(r->m, key, false, 0, INT64_MAX, &size));
  if ((uint64_t)size <= r->list.count) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: the tokenizer has %zu tokens where %s is %lld", r->m->path, r->list.count,
                  key, (long long)size);
}

static att_status read_tokens(reader *r) {
  const att_gguf_entry *tokens, *scores, *types;
  ATT_TRY(att_gguf_array(r->m, "tokenizer.ggml.tokens", true, ATT_GGUF_STRINGS, &tokens));
  ATT_TRY(att_token_list_make(r->ctx, r->m->path, tokens->count, &r->list));
  ATT_TRY(check_size(r));
  ATT_TRY(read_beside(r, "tokenizer.ggml.scores", ATT_GGUF_NUMBERS, &scores));
  ATT_TRY(read_beside(r, "tokenizer.ggml.token_type", ATT_GGUF_INTS, &types));
  for (size_t i = 0; i < tokens->count; i++) {
    att_listed_token *token = &r->list.tokens[i];
    int64_t type = types ? att_gguf_int_at(types, i) : ATT_TOKEN_NORMAL;
    token->text = att_gguf_string_at(tokens, i);
    token->score = scores ? att_gguf_number_at(scores, i) : 0;
    token->type = type >= ATT_TOKEN_NORMAL && type <= ATT_TOKEN_BYTE ? (int)type : ATT_TOKEN_NORMAL;
  }
  return ATT_OK;
}

static att_status read_merges(reader *r) {
  const att_gguf_entry *merges;
  ATT_TRY(att_gguf_array(r->m, "tokenizer.ggml.merges", true, ATT_GGUF_STRINGS, &merges));
  r->list.merges = ATT_NEW(r->ctx, merges->count, att_text);
  if (!r->list.merges) return ATT_MEMORY;
  r->list.merge_count = merges->count;
  for (size_t i = 0; i < merges->count; i++) r->list.merges[i] = att_gguf_string_at(merges, i);
  return ATT_OK;
}

/* The token with a role, which is special whatever its type says. usual: its id where no key says it, or -1. */
static att_status read_id(reader *r, const char *role, int32_t usual, int32_t *id) {
  char key[64];
  int64_t value = usual;
  snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", role);
  ATT_TRY(att_gguf_int(r->m, key, false, 0, UINT32_MAX, &value));
  const bool said = att_gguf_find(r->m, key);
  if (said && value >= (int64_t)r->list.count && value != UINT32_MAX)
    return att_fail(r->ctx, ATT_FORMAT, "%s: %s is %lld where the tokenizer has %zu tokens", r->m->path, key,
                    (long long)value, r->list.count);
  *id = value >= 0 && value < (int64_t)r->list.count ? (int32_t)value : -1;
  if (*id >= 0 && said && r->list.tokens[*id].type != ATT_TOKEN_UNKNOWN) r->list.tokens[*id].type = ATT_TOKEN_CONTROL;
  return ATT_OK;
}

static att_status read_ids(reader *r) {
  const bool bert = strcmp(r->model, "bert") == 0, scores = strcmp(r->model, "llama") == 0;
  const bool unigram = strcmp(r->model, "t5") == 0;
  ATT_TRY(read_id(r, "bos", scores ? 1 : -1, &r->start));
  ATT_TRY(read_id(r, "eos", scores ? 2 : unigram ? 1 : -1, &r->end));
  ATT_TRY(read_id(r, "unknown", bert ? 100 : scores ? 0 : unigram ? 2 : -1, &r->list.unknown));
  ATT_TRY(read_id(r, "seperator", bert ? 102 : -1, &r->separator)); /* the key is spelled so */
  ATT_TRY(read_id(r, "padding", -1, &r->pad));
  ATT_TRY(read_id(r, "cls", bert ? 101 : -1, &r->classes));
  return read_id(r, "mask", -1, &r->mask);
}

/* What stands around a text: by default what llama.cpp puts there. */
static att_status read_around(reader *r, bool start, bool end) {
  ATT_TRY(att_gguf_bool(r->m, "tokenizer.ggml.add_bos_token", false, &start));
  ATT_TRY(att_gguf_bool(r->m, "tokenizer.ggml.add_eos_token", false, &end));
  r->list.before = start ? r->start : -1;
  r->list.after = end ? r->end : -1;
  return ATT_OK;
}

/* ---- models ---------------------------------------------------------------------------------------------------- */

static att_status read_llama(reader *r) {
  bool prefix = true;
  r->list.kind = ATT_LIST_SCORES;
  r->list.byte_fallback = true;
  if (!att_gguf_find(r->m, "tokenizer.ggml.scores"))
    return att_fail(r->ctx, ATT_FORMAT, "%s: tokenizer.ggml.scores is missing", r->m->path);
  ATT_TRY(att_gguf_bool(r->m, "tokenizer.ggml.add_space_prefix", false, &prefix));
  ATT_TRY(read_around(r, true, false));
  return att_token_list_spaces(&r->list, prefix, false, (att_text){0});
}

static att_status read_gpt2(reader *r) {
  att_text name = {"default", 7};
  ATT_TRY(att_gguf_string(r->m, "tokenizer.ggml.pre", false, &name));
  const known_pattern *pattern = find_pattern(name);
  if (!pattern)
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: tokenizer.ggml.pre \"%.*s\" is not known", r->m->path,
                    (int)(name.size < 64 ? name.size : 64), name.data);
  r->list.kind = ATT_LIST_MERGES;
  r->list.ignore_merges = pattern->ignore_merges;
  ATT_TRY(read_merges(r));
  ATT_TRY(read_around(r, pattern->start, false));
  if (pattern->composed) ATT_TRY(att_token_list_part(&r->list, "normalizer", json_pack("{s:s}", "type", "NFC")));
  return att_token_list_bytes(&r->list, pattern->patterns, MOST_PATTERNS);
}

/* Characters as llama's, merges as gpt2's. */
static att_status read_gemma4(reader *r) {
  r->list.kind = ATT_LIST_MERGES;
  r->list.byte_fallback = true;
  ATT_TRY(read_merges(r));
  ATT_TRY(read_around(r, true, false));
  ATT_TRY(att_token_list_part(&r->list, "pre_tokenizer",
                              json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", "\\n+",
                                        "behavior", "Isolated", "invert", 0)));
  return att_token_list_spaces(&r->list, false, false, (att_text){0});
}

static att_status read_bert(reader *r) {
  bool lowercase = true;
  r->list.kind = ATT_LIST_WORDPIECE;
  r->list.joined = true;
  ATT_TRY(att_gguf_bool(r->m, "tokenizer.ggml.normalizer.lowercase", false, &lowercase));
  bool accents = lowercase;
  ATT_TRY(att_gguf_bool(r->m, "tokenizer.ggml.normalizer.strip_accents", false, &accents));
  r->list.before = r->start >= 0 ? r->start : r->classes;
  r->list.after = r->separator;
  ATT_TRY(att_token_list_part(&r->list, "normalizer",
                              json_pack("{s:s, s:b, s:b, s:b, s:b}", "type", "BertNormalizer", "clean_text", 1,
                                        "handle_chinese_chars", 1, "strip_accents", accents, "lowercase", lowercase)));
  ATT_TRY(att_token_list_part(&r->list, "pre_tokenizer", json_pack("{s:s}", "type", "BertPreTokenizer")));
  return att_token_list_part(&r->list, "decoder",
                             json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", "##", "cleanup", 1));
}

static att_status read_t5(reader *r) {
  const att_gguf_entry *map = NULL;
  bool prefix = true;
  r->list.kind = ATT_LIST_UNIGRAM;
  ATT_TRY(att_gguf_bool(r->m, "tokenizer.ggml.add_space_prefix", false, &prefix));
  ATT_TRY(att_gguf_array(r->m, "tokenizer.ggml.precompiled_charsmap", false, ATT_GGUF_INTS, &map));
  if (map && att_gguf_type_size(map->type) != 1)
    return att_fail(r->ctx, ATT_FORMAT, "%s: tokenizer.ggml.precompiled_charsmap is not bytes", r->m->path);
  ATT_TRY(read_around(r, false, true));
  return att_token_list_spaces(&r->list, prefix, true, map ? (att_text){map->data, map->count} : (att_text){0});
}

static att_status read_model(reader *r) {
  static const struct {
    const char *name;
    att_status (*read)(reader *r);
  } models[] = {
      {"llama", read_llama}, {"gpt2", read_gpt2}, {"gemma4", read_gemma4}, {"bert", read_bert}, {"t5", read_t5}};
  att_text name;
  ATT_TRY(att_gguf_string(r->m, "tokenizer.ggml.model", true, &name));
  snprintf(r->model, sizeof r->model, "%.*s", (int)(name.size < 15 ? name.size : 15), name.data);
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    if (strcmp(r->model, models[i].name) != 0) continue;
    ATT_TRY(read_tokens(r));
    ATT_TRY(read_ids(r));
    return models[i].read(r);
  }
  return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: tokenizer.ggml.model \"%s\" is not supported", r->m->path, r->model);
}

/* ---- what a folder's tokenizer_config.json would say ------------------------------------------------------------ */

static att_status put_text(const reader *r, json_t *config, const char *key, att_text text) {
  json_t *value = json_stringn(text.data, text.size); /* what is not UTF-8 is left out */
  if (!value) return ATT_OK;
  return json_object_set_new(config, key, value) == 0
             ? ATT_OK
             : att_fail(r->ctx, ATT_MEMORY, "%s: no memory for its tokenizer", r->m->path);
}

static att_status put_config(const reader *r, json_t *config) {
  const struct {
    const char *key;
    int32_t id;
  } roles[] = {{"bos_token", r->start}, {"eos_token", r->end},     {"unk_token", r->list.unknown},
               {"pad_token", r->pad},   {"cls_token", r->classes}, {"sep_token", r->separator},
               {"mask_token", r->mask}};
  att_text template = {0};
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
    if (roles[i].id >= 0) ATT_TRY(put_text(r, config, roles[i].key, r->list.tokens[roles[i].id].text));
  ATT_TRY(att_gguf_string(r->m, "tokenizer.chat_template", false, &template));
  return template.size ? put_text(r, config, "chat_template", template) : ATT_OK;
}

att_status att_tokenizer_open_gguf(att_context *ctx, const att_gguf_metadata *m, att_tokenizer **out) {
  reader r = {.ctx = ctx, .m = m, .list.ctx = ctx};
  *out = NULL;
  att_status status = read_model(&r);
  if (!status) status = att_token_list_open(&r.list, out);
  if (!status) {
    (*out)->one_type = r.list.kind != ATT_LIST_WORDPIECE;
    (*out)->config = json_object();
    status = (*out)->config ? put_config(&r, (*out)->config)
                            : att_fail(ctx, ATT_MEMORY, "%s: no memory for its tokenizer", m->path);
  }
  if (status) {
    att_tokenizer_free(*out);
    *out = NULL;
  }
  att_token_list_free(&r.list);
  return status;
}
