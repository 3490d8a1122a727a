/* Owns what whisper.h says. The rules of which token is which are those of openai/whisper's tokenizer.py. */
#include "speech/whisper.h"

#include "formats/json.h"

#include <stdio.h>
#include <string.h>

static const char *folder_of(const att_model *model) { return model->folder ? model->folder : "the model"; }

static int32_t id_of(const att_model *model, const char *token) {
  int32_t id = att_tokenizer_id(model->tokenizer, token);
  return id < model->config.vocab_size ? id : -1;
}

static att_status find_tokens(const att_model *model, att_whisper *out) {
  const struct {
    const char *token;
    int32_t *at;
  } needed[] = {{"<|startoftranscript|>", &out->start},
                {"<|endoftext|>", &out->end},
                {"<|startofprev|>", &out->previous},
                {"<|notimestamps|>", &out->no_timestamps}};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    *needed[i].at = id_of(model, needed[i].token);
    if (*needed[i].at >= 0) continue;
    return att_fail(model->ctx, ATT_FORMAT, "%s: the tokenizer has no %s, which Whisper needs", folder_of(model),
                    needed[i].token);
  }
  out->transcribe = id_of(model, "<|transcribe|>");
  out->translate = id_of(model, "<|translate|>");
  out->no_speech = out->no_timestamps - 1; /* <|nospeech|>, or <|nocaptions|> in older files */
  out->first_timestamp = out->no_timestamps + 1;
  out->timestamps = (int32_t)model->config.vocab_size - out->first_timestamp;
  if (out->timestamps > 0) return ATT_OK;
  return att_fail(model->ctx, ATT_FORMAT, "%s: no timestamps stand behind <|notimestamps|>", folder_of(model));
}

/* "<|en|>", "<|haw|>": two or three letters. */
static bool names_language(const char *token) {
  size_t size = token ? strlen(token) : 0;
  if (size < 6 || size > 7 || strncmp(token, "<|", 2) != 0 || strcmp(token + size - 2, "|>") != 0) return false;
  for (size_t i = 2; i < size - 2; i++)
    if (token[i] < 'a' || token[i] > 'z') return false;
  return true;
}

/* They stand behind <|startoftranscript|>. */
static void find_languages(const att_model *model, att_whisper *out) {
  for (int32_t id = out->start + 1; id < out->no_timestamps && out->language_count < ATT_MOST_LANGUAGES; id++)
    if (names_language(att_tokenizer_token(model->tokenizer, id))) out->languages[out->language_count++] = id;
}

static att_status read_heads(const att_model *model, const char *name, const json_t *root, att_whisper *out) {
  const json_t *list = json_object_get(root, "alignment_heads"), *pair;
  const att_config *c = &model->config;
  size_t i;
  if (!json_is_array(list)) return ATT_OK;
  json_array_foreach(list, i, pair) {
    json_int_t layer = json_integer_value(json_array_get(pair, 0)), head = json_integer_value(json_array_get(pair, 1));
    bool good = json_is_integer(json_array_get(pair, 0)) && json_is_integer(json_array_get(pair, 1));
    if (!good || layer < 0 || layer >= c->decoder_layers || head < 0 || head >= c->decoder_attention_heads ||
        i >= ATT_MOST_ALIGNMENT_HEADS) {
      return att_fail(model->ctx, ATT_FORMAT,
                      "%s: generation_config.json: alignment_heads[%zu] is no head of the model", name, i);
    }
    out->heads[i].layer = (int16_t)layer;
    out->heads[i].head = (int16_t)head;
    out->head_count = (int)i + 1;
  }
  return ATT_OK;
}

static att_status read_settings(const att_model *model, const json_t *root, att_whisper *out) {
  const char *name = folder_of(model);
  int64_t initial = -1;
  if (!json_object_get(root, "is_multilingual"))
    out->multilingual |= json_is_object(json_object_get(root, "lang_to_id"));
  ATT_TRY(att_json_bool(model->ctx, name, root, "is_multilingual", false, &out->multilingual));
  ATT_TRY(att_json_int(model->ctx, name, root, "max_initial_timestamp_index", false, 0, INT32_MAX, &initial));
  if (initial >= 0) out->last_initial = (int32_t)initial;
  return read_heads(model, name, root, out);
}

/* Of the decoder's last half, where the folder does not say: what openai/whisper does then. */
static void default_heads(const att_model *model, att_whisper *out) {
  const att_config *c = &model->config;
  if (out->head_count) return;
  for (int64_t l = c->decoder_layers / 2; l < c->decoder_layers; l++) {
    for (int64_t h = 0; h < c->decoder_attention_heads && out->head_count < ATT_MOST_ALIGNMENT_HEADS; h++) {
      out->heads[out->head_count].layer = (int16_t)l;
      out->heads[out->head_count++].head = (int16_t)h;
    }
  }
}

att_status att_whisper_find(const att_model *model, att_whisper *out) {
  const att_config *c = &model->config;
  json_t *root = NULL;
  *out = (att_whisper){.last_initial = 50};
  if (c->family != ATT_WHISPER || !model->tokenizer) {
    return att_fail(model->ctx, ATT_UNSUPPORTED, "%s: no Whisper model with its tokenizer", folder_of(model));
  }
  ATT_TRY(find_tokens(model, out));
  out->precision = (double)(c->mel.hop * c->input_stride) / c->mel.rate;
  out->multilingual = c->vocab_size >= 51865;
  const char *text = model->generation.text;
  att_status status = text ? att_json_parse(model->ctx, folder_of(model), text, strlen(text), &root) : ATT_OK;
  if (!status && root) status = read_settings(model, root, out);
  json_decref(root);
  if (status) return status;
  if (out->multilingual) find_languages(model, out);
  out->multilingual = out->language_count > 0;
  default_heads(model, out);
  return ATT_OK;
}

int32_t att_whisper_language(const att_whisper *whisper, const att_model *model, const char *code) {
  char token[32];
  snprintf(token, sizeof token, code[0] == '<' ? "%.20s" : "<|%.20s|>", code);
  int32_t id = att_tokenizer_id(model->tokenizer, token);
  for (int i = 0; i < whisper->language_count; i++)
    if (whisper->languages[i] == id) return id;
  return -1;
}

void att_whisper_code(const att_model *model, int32_t language, char code[16]) {
  const char *token = att_tokenizer_token(model->tokenizer, language);
  size_t size = token ? strlen(token) : 0;
  snprintf(code, 16, "%.*s", size > 4 ? (int)(size - 4 < 15 ? size - 4 : 15) : 0, token ? token + 2 : "");
}
