/* Owns what ggml_whisper.h says. */
#include "models/ggml_whisper.h"

#include "models/gguf_names.h"
#include "models/settings.h"
#include "text/gguf_patterns.h"
#include "text/token_list.h"
#include "text/unicode.h"
#include "text/word_patterns.h"

#include <stdio.h>
#include <string.h>

enum { ENGLISH = 51864, TIMESTAMPS = 1501 };

/* Tokens of text, which come first; files that Hugging Face's were made into have some special ones behind them. */
static size_t texts_of(const att_ggml_head *h) {
  return h->vocab > ENGLISH ? 50257 : h->vocab == ENGLISH ? 50256 : h->token_count;
}

/* ---- settings ---- */

att_status att_ggml_whisper_config(const att_tensor_file *file, const att_ggml_head *h, json_t **config) {
  bool half = false;
  json_int_t end = (json_int_t)texts_of(h);
  for (size_t i = 0; i < file->count; i++) half = half || file->tensors[i].type != ATT_F32;
  *config = json_pack(
      "{s:s, s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:I, s:I, s:I, s:I}",
      "model_type", "whisper", "architectures", "WhisperForConditionalGeneration", "dtype",
      half ? "float16" : "float32", "vocab_size", (json_int_t)h->vocab, "max_source_positions",
      (json_int_t)h->audio_positions, "d_model", (json_int_t)h->audio_width, "encoder_attention_heads",
      (json_int_t)h->audio_heads, "encoder_layers", (json_int_t)h->audio_layers, "max_target_positions",
      (json_int_t)h->text_positions, "decoder_attention_heads", (json_int_t)h->text_heads, "decoder_layers",
      (json_int_t)h->text_layers, "num_mel_bins", (json_int_t)h->bands, "encoder_ffn_dim",
      (json_int_t)(4 * h->audio_width), "decoder_ffn_dim", (json_int_t)(4 * h->text_width), "activation_function",
      "gelu", "is_encoder_decoder", 1, "bos_token_id", end, "eos_token_id", end, "pad_token_id", end,
      "decoder_start_token_id", end + 1);
  if (!*config) return att_fail(file->ctx, ATT_MEMORY, "%s: no memory", file->path);
  if (h->audio_width == h->text_width) return ATT_OK;
  json_decref(*config);
  return att_fail(file->ctx, ATT_FORMAT, "%s: its encoder is %lld wide, and its decoder %lld", file->path,
                  (long long)h->audio_width, (long long)h->text_width);
}

/* ---- names ---- */

static const att_gguf_name names[] = {
    {"encoder.conv1", "model.encoder.conv1", ATT_GGUF_PLAIN},
    {"encoder.conv2", "model.encoder.conv2", ATT_GGUF_PLAIN},
    {"encoder.ln_post", "model.encoder.layer_norm", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.attn_ln", "model.encoder.layers.#.self_attn_layer_norm", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.attn.query", "model.encoder.layers.#.self_attn.q_proj", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.attn.key", "model.encoder.layers.#.self_attn.k_proj", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.attn.value", "model.encoder.layers.#.self_attn.v_proj", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.attn.out", "model.encoder.layers.#.self_attn.out_proj", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.mlp_ln", "model.encoder.layers.#.final_layer_norm", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.mlp.0", "model.encoder.layers.#.fc1", ATT_GGUF_PLAIN},
    {"encoder.blocks.#.mlp.2", "model.encoder.layers.#.fc2", ATT_GGUF_PLAIN},
    {"decoder.token_embedding", "model.decoder.embed_tokens", ATT_GGUF_PLAIN},
    {"decoder.ln", "model.decoder.layer_norm", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.attn_ln", "model.decoder.layers.#.self_attn_layer_norm", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.attn.query", "model.decoder.layers.#.self_attn.q_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.attn.key", "model.decoder.layers.#.self_attn.k_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.attn.value", "model.decoder.layers.#.self_attn.v_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.attn.out", "model.decoder.layers.#.self_attn.out_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.cross_attn_ln", "model.decoder.layers.#.encoder_attn_layer_norm", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.cross_attn.query", "model.decoder.layers.#.encoder_attn.q_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.cross_attn.key", "model.decoder.layers.#.encoder_attn.k_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.cross_attn.value", "model.decoder.layers.#.encoder_attn.v_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.cross_attn.out", "model.decoder.layers.#.encoder_attn.out_proj", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.mlp_ln", "model.decoder.layers.#.final_layer_norm", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.mlp.0", "model.decoder.layers.#.fc1", ATT_GGUF_PLAIN},
    {"decoder.blocks.#.mlp.2", "model.decoder.layers.#.fc2", ATT_GGUF_PLAIN},
    {.gguf = NULL},
};

static const att_gguf_architecture whisper = {.name = "whisper", .names = {names}};

att_status att_ggml_whisper_rename(att_tensor_file *file) {
  static const char *const positions[][2] = {{"encoder.positional_embedding", "model.encoder.embed_positions.weight"},
                                             {"decoder.positional_embedding", "model.decoder.embed_positions.weight"}};
  for (size_t i = 0; i < file->count; i++) {
    att_stored *tensor = &file->tensors[i];
    for (int side = 0; side < 2; side++)
      if (strcmp(tensor->name, positions[side][0]) == 0) ATT_TRY(att_tensor_file_rename(file, i, positions[side][1]));
    if (tensor->rank == 2 && tensor->shape[1] == 1) tensor->rank = 1; /* the convolutions' biases */
  }
  return att_gguf_rename(file, &whisper, NULL);
}

/* ---- tokens ---- */

/* By their order; Cantonese since large-v3. */
static const char languages[][4] = {
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt",  "tr", "pl", "ca", "nl", "ar", "sv", "it", "id",
    "hi", "fi", "vi", "he", "uk", "el", "ms", "cs", "ro",  "da", "hu", "ta", "no", "th", "ur", "hr", "bg",
    "lt", "la", "mi", "ml", "cy", "sk", "te", "fa", "lv",  "bn", "sr", "az", "sl", "kn", "et", "mk", "br",
    "eu", "is", "hy", "ne", "mn", "bs", "kk", "sq", "sw",  "gl", "mr", "pa", "si", "km", "sn", "yo", "so",
    "af", "oc", "ka", "be", "tg", "sd", "gu", "am", "yi",  "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt",
    "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln", "ha", "ba", "jw", "su", "yue"};
static const char *const before[] = {"<|endoftext|>", "<|startoftranscript|>"};
static const char *const behind[] = {"<|translate|>",   "<|transcribe|>", "<|startoflm|>",
                                     "<|startofprev|>", "<|nospeech|>",   "<|notimestamps|>"};

/* What is spelled for the tokens, all in one buffer: parts begin at `begin`. */
typedef struct spelling {
  att_context *ctx;
  att_buffer text;
  size_t *begin; /* [count + 1] */
  size_t count;
} spelling;

static att_status end_token(spelling *s) {
  s->begin[++s->count] = s->text.size;
  return ATT_OK;
}

/* GPT-2's characters for the bytes. */
static att_status spell_bytes(spelling *s, att_text bytes) {
  for (size_t i = 0; i < bytes.size; i++) {
    char character[4];
    size_t size = att_utf8_put(att_byte_to_char((unsigned char)bytes.data[i]), character);
    ATT_TRY(att_buffer_append(s->ctx, &s->text, character, size));
  }
  return end_token(s);
}

static att_status spell_name(spelling *s, const char *name) {
  ATT_TRY(att_buffer_append(s->ctx, &s->text, name, strlen(name)));
  return end_token(s);
}

static att_status spell_all(spelling *s, const att_ggml_head *h, size_t texts, size_t spoken) {
  char name[24];
  for (size_t i = 0; i < texts; i++) ATT_TRY(spell_bytes(s, h->tokens[i]));
  for (size_t i = 0; i < ATT_COUNT(before); i++) ATT_TRY(spell_name(s, before[i]));
  for (size_t i = 0; i < spoken; i++) {
    snprintf(name, sizeof name, "<|%.16s|>", languages[i]);
    ATT_TRY(spell_name(s, name));
  }
  for (size_t i = 0; i < ATT_COUNT(behind); i++) ATT_TRY(spell_name(s, behind[i]));
  for (int i = 0; i < TIMESTAMPS; i++) {
    snprintf(name, sizeof name, "<|%d.%02d|>", i / 50, i % 50 * 2);
    ATT_TRY(spell_name(s, name));
  }
  return ATT_OK;
}

/* The earlier of two tokens is the more frequent one: a merge's place is that of its token. */
static att_status fill_list(att_token_list *list, const spelling *s, size_t texts) {
  for (size_t i = 0; i < list->count; i++) {
    bool time = i + TIMESTAMPS >= list->count;
    list->tokens[i] = (att_listed_token){.text = {s->text.data + s->begin[i], s->begin[i + 1] - s->begin[i]},
                                         .score = -(double)i,
                                         .type = i < texts ? ATT_TOKEN_NORMAL
                                                 : time    ? ATT_TOKEN_USER_DEFINED
                                                           : ATT_TOKEN_CONTROL};
  }
  static const char *const patterns[] = {ATT_GPT2_PATTERN};
  list->kind = ATT_LIST_SCORES;
  return att_token_list_bytes(list, patterns, 1);
}

att_status att_ggml_whisper_tokenizer(att_context *ctx, const char *path, const att_ggml_head *h, att_tokenizer **out) {
  size_t texts = texts_of(h);
  size_t named = ATT_COUNT(before) + ATT_COUNT(behind) + TIMESTAMPS, vocab = (size_t)h->vocab;
  size_t spoken = vocab > texts + named ? vocab - texts - named : 0;
  *out = NULL;
  if (h->token_count < texts || texts + spoken + named != vocab || spoken > ATT_COUNT(languages)) {
    return att_fail(ctx, ATT_FORMAT, "%s: %zu tokens of text and a vocabulary of %zu are no Whisper's", path,
                    h->token_count, vocab);
  }
  spelling s = {.ctx = ctx, .begin = ATT_NEW(ctx, vocab + 1, size_t)};
  att_token_list list = {0};
  att_status status = s.begin ? spell_all(&s, h, texts, spoken) : ATT_MEMORY;
  if (!status) {
    status = att_token_list_make(ctx, path, vocab, &list);
    if (!status) status = fill_list(&list, &s, texts);
    if (!status) status = att_token_list_open(&list, out);
    att_token_list_free(&list);
  }
  att_buffer_free(ctx, &s.text);
  att_free(ctx, s.begin);
  return status;
}

/* ---- what is no speech ---- */

/* Of `text`, what its first token is, where it is the only one or `any`. */
static att_status add_token(att_context *ctx, const att_tokenizer *tokenizer, const char *text, bool any, bool *out,
                            int32_t vocab) {
  att_ids ids = {0};
  att_status status = att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, false, &ids);
  if (!status && ids.count > 0 && (ids.count == 1 || any) && ids.data[0] < vocab) out[ids.data[0]] = true;
  att_free(ctx, ids.data);
  return status;
}

static att_status mark(att_context *ctx, const att_tokenizer *tokenizer, bool *out, int32_t vocab) {
  static const char *const symbols[] = {"\"",
                                        "#",
                                        "(",
                                        ")",
                                        "*",
                                        "+",
                                        "/",
                                        ":",
                                        ";",
                                        "<",
                                        "=",
                                        ">",
                                        "@",
                                        "[",
                                        "\\",
                                        "]",
                                        "^",
                                        "_",
                                        "`",
                                        "{",
                                        "|",
                                        "}",
                                        "~",
                                        "\u300c",
                                        "\u300d",
                                        "\u300e",
                                        "\u300f",
                                        "<<",
                                        ">>",
                                        "<<<",
                                        ">>>",
                                        "--",
                                        "---",
                                        "-(",
                                        "-[",
                                        "('",
                                        "(\"",
                                        "((",
                                        "))",
                                        "(((",
                                        ")))",
                                        "[[",
                                        "]]",
                                        "{{",
                                        "}}",
                                        "\u266a\u266a",
                                        "\u266a\u266a\u266a"};
  static const char *const notes[] = {"\u2669", "\u266a", "\u266b", "\u266c", "\u266d", "\u266e", "\u266f"};
  char spaced[16];
  ATT_TRY(add_token(ctx, tokenizer, " -", true, out, vocab));
  ATT_TRY(add_token(ctx, tokenizer, " '", true, out, vocab));
  for (size_t i = 0; i < ATT_COUNT(symbols) + ATT_COUNT(notes); i++) {
    bool note = i >= ATT_COUNT(symbols);
    const char *symbol = note ? notes[i - ATT_COUNT(symbols)] : symbols[i];
    snprintf(spaced, sizeof spaced, " %s", symbol);
    ATT_TRY(add_token(ctx, tokenizer, symbol, note, out, vocab));
    ATT_TRY(add_token(ctx, tokenizer, spaced, note, out, vocab));
  }
  out[att_tokenizer_id(tokenizer, before[1])] = true;
  for (size_t i = 0; i + 1 < ATT_COUNT(behind); i++) out[att_tokenizer_id(tokenizer, behind[i])] = true;
  return ATT_OK;
}

att_status att_ggml_whisper_suppress(att_context *ctx, const att_tokenizer *tokenizer, json_t *config) {
  int32_t vocab = att_tokenizer_size(tokenizer), end = att_tokenizer_id(tokenizer, before[0]);
  bool *marked = ATT_NEW(ctx, vocab, bool);
  att_ids space = {0};
  json_t *list = json_array();
  bool good = list != NULL;
  att_status status = marked ? mark(ctx, tokenizer, marked, vocab) : ATT_MEMORY;
  for (int32_t i = 0; i < vocab && !status && good; i++)
    if (marked[i]) good = json_array_append_new(list, json_integer(i)) == 0;
  att_free(ctx, marked);
  if (!status) status = att_tokenizer_encode(tokenizer, ctx, (att_text){" ", 1}, false, &space);
  if (!status)
    good = good && json_object_set(config, "suppress_tokens", list) == 0 &&
           json_object_set_new(config, "begin_suppress_tokens",
                               json_pack("[i, i]", space.count ? (int)space.data[0] : (int)end, (int)end)) == 0;
  json_decref(list);
  att_free(ctx, space.data);
  return status ? status : good ? ATT_OK : att_fail(ctx, ATT_MEMORY, "no memory for the tokens that are suppressed");
}
