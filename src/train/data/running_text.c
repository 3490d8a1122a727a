/* Owns what running.h says. */
#include "train/data/running_text.h"

#include "text/unicode.h"
#include "train/data/pairs.h"

#include <string.h>

#define ATT_PIECE ((size_t)1 << 14)

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Behind a line end with no white space after it, some way from the start: pre-tokenizers part there, and no character
 * before can be joined with one behind. Not so before a combining mark or an odd space, whose first byte is
 * above 127.
 */
static size_t piece_end(const char *text, size_t begin, size_t size) {
  for (size_t at = begin + ATT_PIECE; at < size; at++) {
    const char *end = memchr(text + at, '\n', size - at);
    if (!end || (size_t)(end + 1 - text) >= size) return size;
    at = (size_t)(end - text);
    if (!is_space(end[1]) && (unsigned char)end[1] < 128) return at + 1;
  }
  return size;
}

static att_status push_piece(att_context *ctx, att_running *r, size_t *capacity, att_text piece, bool opens) {
  if (r->count == *capacity) {
    size_t more = *capacity ? 2 * *capacity : 64;
    att_text *pieces = att_resize(ctx, r->pieces, more, sizeof *pieces);
    if (!pieces) return ATT_MEMORY;
    r->pieces = pieces;
    bool *flags = att_resize(ctx, r->opens, more, sizeof *flags);
    if (!flags) return ATT_MEMORY;
    r->opens = flags;
    *capacity = more;
  }
  r->pieces[r->count] = piece;
  r->opens[r->count++] = opens;
  r->bytes += piece.size;
  return ATT_OK;
}

static att_status read_one(att_context *ctx, const char *name, att_running *r, size_t *capacity) {
  size_t size;
  ATT_TRY(att_read_text(ctx, name, &r->texts[r->text_count], &size));
  const char *text = r->texts[r->text_count++];
  if (att_is_blank((att_text){text, size})) return att_fail(ctx, ATT_FORMAT, "%s: there is no text in it", name);
  for (size_t begin = 0, end; begin < size; begin = end) {
    end = piece_end(text, begin, size);
    ATT_TRY(push_piece(ctx, r, capacity, (att_text){text + begin, end - begin}, begin == 0));
  }
  return ATT_OK;
}

att_status att_running_read(att_context *ctx, const char *const *names, size_t count, att_running *r) {
  size_t capacity = 0;
  *r = (att_running){.texts = ATT_NEW(ctx, count, char *)};
  att_status status = r->texts ? ATT_OK : ATT_MEMORY;
  for (size_t i = 0; i < count && !status; i++) status = read_one(ctx, names[i], r, &capacity);
  if (status) att_running_free(ctx, r);
  return status;
}

void att_running_free(att_context *ctx, att_running *r) {
  for (size_t i = 0; i < r->text_count; i++) att_release(ctx, r->texts[i]);
  att_free(ctx, r->texts);
  att_free(ctx, r->pieces);
  att_free(ctx, r->opens);
  *r = (att_running){0};
}

/* The start of the character that byte `at` belongs to. */
static size_t character_start(att_text text, size_t at) {
  for (int back = 0; back < 3 && at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80; back++) at--;
  return at;
}

att_status att_running_hold_out(att_context *ctx, att_running *r, double share, att_running *held) {
  uint64_t kept = r->bytes - (uint64_t)((double)r->bytes * share), passed = 0;
  size_t at = 0, capacity = 0;
  *held = (att_running){0};
  while (at < r->count && passed + r->pieces[at].size <= kept) passed += r->pieces[at++].size;
  if (at == r->count) return ATT_OK;
  size_t cut = character_start(r->pieces[at], (size_t)(kept - passed)), first = at + (cut > 0);
  att_status status = ATT_OK;
  if (cut > 0) {
    att_text rest = {r->pieces[at].data + cut, r->pieces[at].size - cut};
    status = push_piece(ctx, held, &capacity, rest, false);
    r->pieces[at].size = cut;
  }
  for (size_t i = first; i < r->count && !status; i++) {
    status = push_piece(ctx, held, &capacity, r->pieces[i], r->opens[i]);
  }
  r->count = first;
  r->bytes -= held->bytes;
  if (status) att_running_free(ctx, held);
  return status;
}

uint64_t att_running_fingerprint(const att_running *r) {
  uint64_t key = 0;
  for (size_t i = 0; i < r->count; i++) key = att_text_fingerprint(key + r->opens[i], r->pieces[i]);
  return key;
}

uint64_t att_running_characters(const att_running *r) {
  uint64_t count = 0;
  for (size_t i = 0; i < r->count; i++) {
    const att_text *piece = &r->pieces[i];
    for (size_t at = 0; at < piece->size; at++) count += ((unsigned char)piece->data[at] & 0xc0) != 0x80;
  }
  return count;
}

att_status att_running_encode(att_context *ctx, const att_running *r, const att_tokenizer *tokenizer, const char *name,
                              int32_t special, int (*work)(void *user, double done), void *user, att_ids *ids) {
  size_t unclean = 0;
  for (size_t i = 0; i < r->count; i++) {
    att_text piece = r->pieces[i];
    if (att_is_interrupted(ctx) || (work && work(user, (double)i / (double)r->count))) {
      return att_fail(ctx, ATT_INTERRUPTED, "interrupted while reading %s", name);
    }
    unclean += !att_is_clean(piece);
    if (r->opens[i] && special >= 0) ATT_TRY(att_ids_push(ctx, ids, special));
    ATT_TRY(att_tokenizer_encode(tokenizer, ctx, piece, false, ids));
  }
  if (unclean) {
    att_log(
        ctx, ATT_LOG_WARNING,
        "%s: it has invalid UTF-8 or NUL bytes: invalid bytes are read as U+FFFD; text in another encoding is to be "
        "converted to UTF-8 first (iconv)",
        name);
  }
  return ATT_OK;
}
