/*
 * Owns the opening of a folder's tokenizer: tokenizer.json, or the vocabularies from before it (BERT's vocab.txt,
 * GPT-2's vocab.json with merges.txt, SentencePiece's tokenizer.model, spiece.model or sentencepiece.bpe.model), which
 * are said as a tokenizer.json and read as one; with what stands beside them (tokenizer_settings.h). Refuses what that
 * reader refuses.
 */
#include "formats/file.h"
#include "text/components.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_settings.h"

#include <stdio.h>
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

/* ---- SentencePiece --------------------------------------------------------------------------------------------- */

#define ATT_MOST_EXTRA 1000

/* T5Tokenizer: <extra_id_99> to <extra_id_0> behind the pieces; white space as T5's tokenizer.json has it. */
static att_status make_t5(const att_sentencepiece *s, size_t extra, const json_t *config, char names[][40],
                          att_token_list *list) {
  (void)config;
  for (size_t i = 0; i < extra; i++) {
    snprintf(names[i], sizeof names[i], "<extra_id_%zu>", extra - 1 - i);
    list->tokens[list->count - extra + i] =
        (att_listed_token){.text = {names[i], strlen(names[i])}, .type = ATT_TOKEN_CONTROL};
  }
  list->after = s->end;
  return att_token_list_spaces(list, true, true, s->charsmap);
}

/* fairseq's special tokens stand before the pieces, whose own three go; behind them languages, and the mask. */
static att_status put_fairseq(size_t extra, const char *const *languages, att_token_list *list) {
  static const char *const first[] = {"<s>", "<pad>", "</s>", "<unk>"};
  att_listed_token *tokens = list->tokens;
  if (list->count < extra + 3 || tokens[0].type != ATT_TOKEN_UNKNOWN || tokens[1].type != ATT_TOKEN_CONTROL ||
      tokens[2].type != ATT_TOKEN_CONTROL) {
    return att_fail(list->ctx, ATT_FORMAT, "%s: it does not begin with <unk>, <s> and </s>, as fairseq's do",
                    list->name);
  }
  memmove(tokens + 4, tokens + 3, (list->count - extra - 3) * sizeof *tokens);
  for (size_t i = 0; i < 4; i++)
    tokens[i] = (att_listed_token){.text = {first[i], strlen(first[i])}, .type = ATT_TOKEN_CONTROL};
  tokens[3].type = ATT_TOKEN_UNKNOWN;
  for (size_t i = 0; i + 2 < extra; i++)
    tokens[list->count - extra + 1 + i] =
        (att_listed_token){.text = {languages[i], strlen(languages[i])}, .type = ATT_TOKEN_CONTROL};
  tokens[list->count - 1] = (att_listed_token){.text = {"<mask>", 6}, .type = ATT_TOKEN_CONTROL, .lstrip = true};
  list->unknown = 3;
  return ATT_OK;
}

static att_status make_xlm_roberta(const att_sentencepiece *s, size_t extra, const json_t *config, char names[][40],
                                   att_token_list *list) {
  static const char around[] =
      "{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0], \"trim_offsets\": true, "
      "\"add_prefix_space\": true}";
  json_t *part;
  (void)config, (void)names;
  ATT_TRY(put_fairseq(extra, NULL, list));
  ATT_TRY(att_token_list_spaces(list, true, true, s->charsmap));
  ATT_TRY(att_json_parse(list->ctx, list->name, around, sizeof around - 1, &part));
  return att_token_list_part(list, "post_processor", part);
}

/* Those of mbart-large-50; the first 25 are mbart-large-cc25's. */
static const char *const languages[] = {"ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN",
                                        "hi_IN", "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP",
                                        "nl_XX", "ro_RO", "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN", "af_ZA", "az_AZ",
                                        "bn_IN", "fa_IR", "he_IL", "hr_HR", "id_ID", "ka_GE", "km_KH", "mk_MK", "ml_IN",
                                        "mn_MN", "mr_IN", "pl_PL", "ps_AF", "pt_XX", "sv_SE", "sw_KE", "ta_IN", "te_IN",
                                        "th_TH", "tl_XX", "uk_UA", "ur_PK", "xh_ZA", "gl_ES", "sl_SI"};
enum { MBART_LANGUAGES = 25, MBART50_LANGUAGES = sizeof languages / sizeof *languages };

static json_t *special(const char *token) {
  return token ? json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", token, "type_id", 0) : NULL;
}

/* The text's language, src_lang, stands behind it and the end (mbart), or before it (mbart-50). */
static att_status put_language(const json_t *config, size_t known, bool before, att_token_list *list) {
  const char *language = "en_XX";
  size_t at = 0;
  ATT_TRY(att_json_string(list->ctx, "tokenizer_config.json", config, "src_lang", false, &language));
  while (at < known && strcmp(languages[at], language) != 0) at++;
  if (at == known)
    return att_fail(list->ctx, ATT_FORMAT,
                    "tokenizer_config.json: src_lang is \"%.40s\", none of its class's languages", language);
  const json_int_t id = (json_int_t)(list->count - 1 - known + at);
  const char *first = before ? language : NULL, *last = before ? NULL : language;
  json_t *part = json_pack(
      "{s:s, s:[o*, {s:{s:s, s:i}}, {s:{s:s, s:i}}, o*], s:[o*, {s:{s:s, s:i}}, {s:{s:s, s:i}}, {s:{s:s, s:i}}, o*], "
      "s:{s:{s:s, s:[i], s:[s]}, s:{s:s, s:[I], s:[s]}}}",
      "type", "TemplateProcessing", "single", special(first), "Sequence", "id", "A", "type_id", 0, "SpecialToken", "id",
      "</s>", "type_id", 0, special(last), "pair", special(first), "Sequence", "id", "A", "type_id", 0, "Sequence",
      "id", "B", "type_id", 0, "SpecialToken", "id", "</s>", "type_id", 0, special(last), "special_tokens", "</s>",
      "id", "</s>", "ids", 2, "tokens", "</s>", language, "id", language, "ids", id, "tokens", language);
  return att_token_list_part(list, "post_processor", part);
}

/* Without the file's table of characters, as Transformers 5 has it. */
static att_status make_mbart(const att_sentencepiece *s, size_t extra, const json_t *config, char names[][40],
                             att_token_list *list) {
  (void)s, (void)names;
  ATT_TRY(put_fairseq(extra, languages, list));
  ATT_TRY(att_token_list_spaces(list, true, true, (att_text){NULL, 0}));
  return put_language(config, MBART_LANGUAGES, false, list);
}

static att_status make_mbart50(const att_sentencepiece *s, size_t extra, const json_t *config, char names[][40],
                               att_token_list *list) {
  (void)names;
  ATT_TRY(put_fairseq(extra, languages, list));
  ATT_TRY(att_token_list_spaces(list, true, true, s->charsmap));
  json_t *runs = json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "Regex", " {2,}", "content", " ");
  json_t *steps =
      s->charsmap.size ? json_pack("[o, o]", att_token_list_charsmap(list, s->charsmap), runs) : json_pack("[o]", runs);
  ATT_TRY(att_token_list_part(list, "normalizer", json_pack("{s:s, s:o}", "type", "Sequence", "normalizers", steps)));
  ATT_TRY(att_token_list_part(list, "pre_tokenizer",
                              json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", "\xe2\x96\x81",
                                        "prepend_scheme", "always", "split", 1)));
  return put_language(config, MBART50_LANGUAGES, true, list);
}

/* The file alone. */
static att_status make_plain(const att_sentencepiece *s, size_t extra, const json_t *config, char names[][40],
                             att_token_list *list) {
  (void)extra, (void)config, (void)names;
  return att_sentencepiece_parts(s, list);
}

/* What a class makes of SentencePiece's file: `extra` more tokens than there are pieces. names: [extra]. */
typedef att_status make_fn(const att_sentencepiece *s, size_t extra, const json_t *config, char names[][40],
                           att_token_list *list);
static const struct {
  const char *class_name;
  make_fn *make;
  size_t extra;
  bool fairseq; /* the file is called sentencepiece.bpe.model */
} makers[] = {{"T5Tokenizer", make_t5, 100, false},
              {"XLMRobertaTokenizer", make_xlm_roberta, 2, true},
              {"MBartTokenizer", make_mbart, 2 + MBART_LANGUAGES, true},
              {"MBart50Tokenizer", make_mbart50, 2 + MBART50_LANGUAGES, true},
              {"LlamaTokenizer", make_plain, 0, false},
              {"PreTrainedTokenizer", make_plain, 0, false},
              {"TokenizersBackend", make_plain, 0, false},
              {"", make_plain, 0, false}};
#define ATT_MAKERS (sizeof makers / sizeof *makers)

/* The list as a tokenizer.json. */
static att_status say_list(const files *f, att_token_list *list, json_t **root) {
  att_tokenizer *tokenizer;
  att_buffer text = {0};
  att_status status = att_token_list_open(list, &tokenizer);
  if (!status) status = att_tokenizer_write(tokenizer, &text);
  att_tokenizer_free(tokenizer);
  if (!status) status = att_json_parse(f->ctx, f->path, text.data, text.size, root);
  att_buffer_free(f->ctx, &text);
  return status;
}

static att_status say_pieces(const files *f, make_fn *make, size_t extra, const json_t *config, att_text data,
                             json_t **root) {
  static const size_t name = sizeof(char[40]);
  att_sentencepiece settings;
  att_token_list list;
  char(*names)[40] = att_resize(f->ctx, NULL, extra + 1, name);
  if (!names) return ATT_MEMORY;
  att_status status = att_sentencepiece_read(f->ctx, f->path, data, extra, &settings, &list);
  if (!status) status = make(&settings, extra, config, names, &list);
  if (!status) status = say_list(f, &list, root);
  att_token_list_free(&list);
  att_free(f->ctx, names);
  return status;
}

static att_status read_pieces(const files *f, const att_tokenizer_settings *settings, bool fairseq, json_t **root) {
  size_t class = 0;
  while (class < ATT_MAKERS && strcmp(settings->class_name, makers[class].class_name) != 0) class ++;
  if (fairseq && (class == ATT_MAKERS || !makers[class].fairseq))
    return att_fail(
        f->ctx, ATT_UNSUPPORTED,
        "%s: attend knows what XLMRobertaTokenizer, MBartTokenizer and MBart50Tokenizer make of it, not %s: "
        "a tokenizer.json is needed",
        f->path, settings->class_name[0] ? settings->class_name : "a folder without a tokenizer_class");
  if (class == ATT_MAKERS)
    return att_fail(f->ctx, ATT_UNSUPPORTED, "%s: what %s makes of it is not known: a tokenizer.json is needed",
                    f->path, settings->class_name);
  double extra = (double)makers[class].extra;
  att_buffer data = {0};
  if (makers[class].make == make_t5)
    ATT_TRY(att_json_number(f->ctx, "tokenizer_config.json", settings->config, "extra_ids", false, &extra));
  if (!(extra >= 0 && extra <= ATT_MOST_EXTRA))
    return att_fail(f->ctx, ATT_FORMAT, "tokenizer_config.json: extra_ids is not a number from 0 to %d",
                    ATT_MOST_EXTRA);
  att_status status = att_file_read(f->ctx, f->path, ATT_MOST_TEXT, &data);
  const att_text bytes = {data.data, data.size};
  if (!status) status = say_pieces(f, makers[class].make, (size_t)extra, settings->config, bytes, root);
  att_buffer_free(f->ctx, &data);
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

/* ---- Marian ---------------------------------------------------------------------------------------------------- */

/* Ids are vocab.json's; the pieces and scores of source.spm cut texts, and what else the vocabulary has is for what
 * the model writes. A piece that has no id is left out. ">>fr<<" before a text names a language. */
static att_status put_ids(const files *f, json_t *vocab, const att_tokenizer *source, att_token_list *list) {
  const char *token;
  json_t *value;
  json_object_foreach(vocab, token, value) {
    const json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    const size_t size = strlen(token);
    const int32_t piece = att_tokenizer_id(source, token);
    if (id < 0 || (size_t)id >= list->count)
      return att_fail(f->ctx, ATT_FORMAT, "%s/vocab.json: the id of \"%.100s\" is not below the %zu of its tokens",
                      f->folder, token, list->count);
    bool language = size > 4 && strncmp(token, ">>", 2) == 0 && strcmp(token + size - 2, "<<") == 0;
    bool special = strcmp(token, "</s>") == 0 || strcmp(token, "<pad>") == 0, unknown = strcmp(token, "<unk>") == 0;
    att_listed_token *to = &list->tokens[id];
    if (to->text.size)
      return att_fail(f->ctx, ATT_FORMAT, "%s/vocab.json: id %lld has two tokens", f->folder, (long long)id);
    *to = (att_listed_token){.text = {token, size},
                             .score = piece >= 0 ? source->unigram.scores[piece] : 0,
                             .type = ATT_TOKEN_NORMAL,
                             .unread = piece < 0};
    if (language) to->type = ATT_TOKEN_USER_DEFINED;
    if (special) to->type = ATT_TOKEN_CONTROL;
    if (unknown) to->type = ATT_TOKEN_UNKNOWN;
    if (unknown) list->unknown = (int32_t)id;
    if (strcmp(token, "</s>") == 0) list->after = (int32_t)id;
  }
  return ATT_OK;
}

static att_status say_marian(const files *f, att_text data, json_t *vocab, att_tokenizer **out) {
  att_sentencepiece settings;
  att_token_list pieces, list = {.ctx = f->ctx};
  att_tokenizer *source = NULL;
  att_status status = att_sentencepiece_read(f->ctx, f->path, data, 0, &settings, &pieces);
  if (!status && pieces.kind != ATT_LIST_UNIGRAM)
    status = att_fail(f->ctx, ATT_UNSUPPORTED, "%s: a model of Marian's that is not Unigram is not supported", f->path);
  if (!status) status = att_token_list_open(&pieces, &source);
  if (!status) status = att_token_list_make(f->ctx, f->path, json_object_size(vocab), &list);
  list.kind = ATT_LIST_UNIGRAM;
  if (!status) status = put_ids(f, vocab, source, &list);
  if (!status) status = att_sentencepiece_parts(&settings, &list);
  if (!status) status = att_token_list_open(&list, out);
  att_tokenizer_free(source);
  att_token_list_free(&pieces);
  att_token_list_free(&list);
  return status;
}

static att_status open_marian(const files *f, att_tokenizer **out) {
  att_buffer data = {0};
  json_t *vocab = NULL;
  char *path = att_path(f->ctx, f->folder, "vocab.json");
  if (!path) return ATT_MEMORY;
  att_status status = att_json_open(f->ctx, path, &vocab);
  if (!status && !json_is_object(vocab))
    status = att_fail(f->ctx, ATT_FORMAT, "%s: this is not a vocabulary: no object", path);
  if (!status) status = att_file_read(f->ctx, f->path, ATT_MOST_TEXT, &data);
  if (!status) status = say_marian(f, (att_text){data.data, data.size}, vocab, out);
  json_decref(vocab);
  att_buffer_free(f->ctx, &data);
  att_free(f->ctx, path);
  return status;
}

/* The files that a folder may have, the first that is there counts. class_name: whose vocabulary it is, where that is
 * plain. */
typedef enum said { NOW, LINES, PAIRS, PIECES, FAIRSEQ, MARIAN } said;
static const struct {
  const char *name, *sign; /* sign: the file that tells it from others of the name */
  said as;
  const char *class_name;
} vocabularies[] = {{"tokenizer.json", "tokenizer.json", NOW, NULL},
                    {"vocab.txt", "vocab.txt", LINES, "BertTokenizer"},
                    {"vocab.json", "merges.txt", PAIRS, "GPT2Tokenizer"},
                    {"tokenizer.model", "tokenizer.model", PIECES, NULL},
                    {"spiece.model", "spiece.model", PIECES, NULL},
                    {"source.spm", "source.spm", MARIAN, "MarianTokenizer"},
                    {"sentencepiece.bpe.model", "sentencepiece.bpe.model", FAIRSEQ, NULL}};

static att_status read_root(const files *f, const att_tokenizer_settings *settings, said as, json_t **root) {
  if (as == NOW) return att_json_open(f->ctx, f->path, root);
  if (as == PIECES || as == FAIRSEQ) return read_pieces(f, settings, as == FAIRSEQ, root);
  return say(f, as == LINES, root);
}

static att_status open_with(files *f, att_tokenizer_settings *settings, att_tokenizer **out) {
  size_t index = 0;
  json_t *root = NULL;
  for (bool there = false; index < sizeof vocabularies / sizeof *vocabularies; index++) {
    ATT_TRY(has(f, vocabularies[index].sign, &there));
    if (there) break;
  }
  if (index == sizeof vocabularies / sizeof *vocabularies) index = 0;
  const char *class_name = vocabularies[index].class_name;
  if (class_name) strcpy(settings->class_name, class_name);
  f->path = att_path(f->ctx, f->folder, vocabularies[index].name);
  if (!f->path) return ATT_MEMORY;
  if (vocabularies[index].as == MARIAN) return open_marian(f, out);
  ATT_TRY(read_root(f, settings, vocabularies[index].as, &root));
  att_status status = att_tokenizer_settings_apply(f->ctx, settings, f->path, vocabularies[index].as != NOW, root);
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
