/* Owns the reading of SentencePiece's files. See sentencepiece.h. */
#include "text/sentencepiece.h"

#include <string.h>

/* ---- protobuf (protobuf.dev/programming-guides/encoding) ------------------------------------------------------- */

typedef struct message {
  const unsigned char *data;
  size_t size, at;
} message;

typedef struct field {
  uint32_t number, type; /* type 0: a number; 1 and 5: 8 and 4 bytes; 2: bytes */
  uint64_t value;
  att_text bytes;
} field;

static bool take_varint(message *m, uint64_t *value) {
  *value = 0;
  for (int shift = 0; shift < 64 && m->at < m->size; shift += 7) {
    unsigned char byte = m->data[m->at++];
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static bool take_bytes(message *m, uint64_t size, att_text *bytes) {
  if (size > m->size - m->at) return false;
  *bytes = (att_text){(const char *)m->data + m->at, (size_t)size};
  m->at += (size_t)size;
  return true;
}

/* *more false: the message is over. The function false: it is broken. */
static bool next_field(message *m, field *f, bool *more) {
  uint64_t key, size = 0;
  *more = m->at < m->size;
  if (!*more) return true;
  if (!take_varint(m, &key) || key >> 3 == 0 || key >> 3 > INT32_MAX) return false;
  *f = (field){.number = (uint32_t)(key >> 3), .type = (uint32_t)(key & 7)};
  switch (f->type) {
  case 0: return take_varint(m, &f->value);
  case 1: return take_bytes(m, 8, &f->bytes);
  case 2: return take_varint(m, &size) && take_bytes(m, size, &f->bytes);
  case 5: return take_bytes(m, 4, &f->bytes);
  default: return false;
  }
}

static message message_of(att_text bytes) { return (message){(const unsigned char *)bytes.data, bytes.size, 0}; }

static float float_of(const field *f) {
  const unsigned char *b = (const unsigned char *)f->bytes.data;
  uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* ---- the model ------------------------------------------------------------------------------------------------- */

enum { PIECES = 1, TRAINER = 2, NORMALIZER = 3 };
enum { UNIGRAM = 1, BPE = 2 };

typedef struct reader {
  att_context *ctx;
  const char *name;
  att_token_list *list;
  att_sentencepiece *settings;
  size_t pieces; /* read so far */
  int64_t model, unknown, end;
  bool byte_fallback, suffix;
} reader;

static bool read_piece(att_text bytes, att_listed_token *token) {
  message m = message_of(bytes);
  field f;
  *token = (att_listed_token){.type = ATT_TOKEN_NORMAL};
  for (bool more;;) {
    if (!next_field(&m, &f, &more)) return false;
    if (!more) return true;
    if (f.number == 1 && f.type == 2) token->text = f.bytes;
    if (f.number == 2 && f.type == 5) token->score = float_of(&f);
    if (f.number == 3 && f.type == 0) token->type = f.value <= ATT_TOKEN_BYTE ? (int)f.value : ATT_TOKEN_UNUSED;
  }
}

static bool read_trainer(reader *r, att_text bytes) {
  message m = message_of(bytes);
  field f;
  for (bool more;;) {
    if (!next_field(&m, &f, &more)) return false;
    if (!more) return true;
    const int64_t value = (int64_t)f.value;
    if (f.type != 0) continue;
    if (f.number == 3) r->model = value;
    if (f.number == 24) r->suffix = value != 0;
    if (f.number == 35) r->byte_fallback = value != 0;
    if (f.number == 40) r->unknown = value;
    if (f.number == 42) r->end = value;
  }
}

static bool read_normalizer(att_sentencepiece *s, att_text bytes) {
  message m = message_of(bytes);
  field f;
  for (bool more;;) {
    if (!next_field(&m, &f, &more)) return false;
    if (!more) return true;
    if (f.number == 2 && f.type == 2) s->charsmap = f.bytes;
    if (f.number == 3 && f.type == 0) s->prefix = f.value != 0;
    if (f.number == 4 && f.type == 0) s->one_space = f.value != 0;
    if (f.number == 5 && f.type == 0) s->escaped = f.value != 0;
  }
}

/* Counts the pieces, so that there is room for them. */
static bool count_pieces(att_text data, size_t *count) {
  message m = message_of(data);
  field f;
  *count = 0;
  for (bool more;;) {
    if (!next_field(&m, &f, &more)) return false;
    if (!more) return true;
    *count += f.number == PIECES && f.type == 2;
  }
}

static bool read_fields(reader *r, att_text data) {
  message m = message_of(data);
  field f;
  for (bool more;;) {
    if (!next_field(&m, &f, &more)) return false;
    if (!more) return true;
    if (f.type != 2) continue;
    if (f.number == PIECES && !read_piece(f.bytes, &r->list->tokens[r->pieces++])) return false;
    if (f.number == TRAINER && !read_trainer(r, f.bytes)) return false;
    if (f.number == NORMALIZER && !read_normalizer(r->settings, f.bytes)) return false;
  }
}

static att_status check_model(const reader *r, size_t count) {
  if (r->model != UNIGRAM && r->model != BPE)
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: SentencePiece's models of words and characters are not supported",
                    r->name);
  if (r->suffix) return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: treat_whitespace_as_suffix is not supported", r->name);
  if (r->unknown < (int64_t)count) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: unk_id is %lld where there are %zu pieces", r->name, (long long)r->unknown,
                  count);
}

att_status att_sentencepiece_read(att_context *ctx, const char *name, att_text data, size_t extra,
                                  att_sentencepiece *settings, att_token_list *list) {
  size_t count;
  *list = (att_token_list){.ctx = ctx};
  *settings = (att_sentencepiece){.prefix = true, .one_space = true, .escaped = true, .end = -1};
  reader r = {.ctx = ctx, .name = name, .list = list, .settings = settings, .model = UNIGRAM, .unknown = 0, .end = 2};
  if (!count_pieces(data, &count)) return att_fail(ctx, ATT_FORMAT, "%s: this is not a SentencePiece model", name);
  if (count == 0)
    return att_fail(ctx, ATT_FORMAT, "%s: this is not a SentencePiece model: it has no pieces; download it again",
                    name);
  ATT_TRY(att_token_list_make(ctx, name, count + extra, list));
  if (!read_fields(&r, data)) return att_fail(ctx, ATT_FORMAT, "%s: this is not a SentencePiece model", name);
  ATT_TRY(check_model(&r, count));
  list->kind = r.model == BPE ? ATT_LIST_SCORES : ATT_LIST_UNIGRAM;
  list->unknown = r.unknown >= 0 ? (int32_t)r.unknown : -1;
  list->byte_fallback = r.byte_fallback;
  for (size_t i = 0; i < count; i++)
    list->ignore_merges = list->ignore_merges || list->tokens[i].type == ATT_TOKEN_USER_DEFINED;
  settings->end = r.end >= 0 && r.end < (int64_t)count ? (int32_t)r.end : -1;
  return ATT_OK;
}

/* ---- parts ----------------------------------------------------------------------------------------------------- */

#define BLANK "\xe2\x96\x81" /* U+2581 */

static json_t *replace(const char *kind, const char *what, const char *with) {
  return json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", kind, what, "content", with);
}

/* Metaspace adds nothing before what begins with its character, SentencePiece does. */
static att_status put_normalizer(const att_sentencepiece *s, att_token_list *list) {
  json_t *steps = json_array();
  bool whole = steps;
  if (whole && s->charsmap.size) whole = !json_array_append_new(steps, att_token_list_charsmap(list, s->charsmap));
  if (whole && s->one_space)
    whole = !json_array_append_new(steps, replace("Regex", "\\A +| +\\z", "")) &&
            !json_array_append_new(steps, replace("Regex", " {2,}", " "));
  if (whole && s->escaped) whole = !json_array_append_new(steps, replace("String", " ", BLANK));
  if (whole && s->prefix) whole = !json_array_append_new(steps, replace("Regex", "\\A" BLANK, BLANK BLANK));
  json_t *part = whole ? json_pack("{s:s, s:O}", "type", "Sequence", "normalizers", steps) : NULL;
  json_decref(steps);
  return att_token_list_part(list, "normalizer", part);
}

att_status att_sentencepiece_parts(const att_sentencepiece *s, att_token_list *list) {
  ATT_TRY(att_token_list_spaces(list, s->prefix, false, (att_text){0}));
  ATT_TRY(put_normalizer(s, list));
  if (!s->prefix) return ATT_OK;
  return att_token_list_part(list, "pre_tokenizer",
                             json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", BLANK,
                                       "prepend_scheme", "always", "split", 0));
}
