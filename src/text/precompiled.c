/* Owns SentencePiece's table of what characters become. See charsmap.h. */
#include "text/precompiled.h"

#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int digit_of(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *here = memchr(digits, c, sizeof digits - 1);
  return here ? (int)(here - digits) : -1;
}

/* RFC 4648, section 4. False: this is not base64, or out of memory, which *status says. */
static bool decode(att_context *ctx, const char *base64, att_buffer *out, att_status *status) {
  size_t size = strlen(base64), padding = 0;
  while (padding < 2 && size > padding && base64[size - padding - 1] == '=') padding++;
  if (size % 4 != 0) return false;
  for (size_t i = 0; i < size && *status == ATT_OK; i += 4) {
    const size_t unused = i + 4 == size ? padding : 0;
    uint32_t bits = 0;
    for (size_t k = 0; k < 4; k++) {
      int digit = k < 4 - unused ? digit_of(base64[i + k]) : 0;
      if (digit < 0) return false;
      bits = bits << 6 | (uint32_t)digit;
    }
    if (unused > 0 && (bits & (unused == 1 ? 0xffu : 0xffffu))) return false;
    const char three[] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    *status = att_buffer_append(ctx, out, three, 3 - unused);
  }
  return *status == ATT_OK;
}

static uint32_t number_at(const char *bytes) {
  const unsigned char *b = (const unsigned char *)bytes;
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

att_status att_charsmap_read(att_context *ctx, const char *name, const char *base64, att_charsmap *map) {
  att_status status = ATT_OK;
  const att_buffer *bytes = &map->bytes;
  bool whole = decode(ctx, base64, &map->bytes, &status) && bytes->size >= 4;
  if (status) return status;
  size_t units = whole ? number_at(bytes->data) : 0;
  whole = whole && units % 4 == 0 && units <= bytes->size - 4;
  if (whole) {
    map->units = (att_text){bytes->data + 4, units};
    map->texts = (att_text){bytes->data + 4 + units, bytes->size - 4 - units};
  }
  if (whole && att_utf8_valid(map->texts.data, map->texts.size)) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: precompiled_charsmap is broken", name);
}

/* ---- what becomes of a text ------------------------------------------------------------------------------------ */

/* False where the table is broken there. */
static bool unit_at(const att_charsmap *map, size_t at, uint32_t *unit) {
  if (at >= map->units.size / 4) return false;
  *unit = number_at(map->units.data + 4 * at);
  return true;
}

static size_t offset_of(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6); }

/* The text at a place of the table: up to its NUL. */
static bool text_at(const att_charsmap *map, size_t at, att_text *text) {
  if (at >= map->texts.size || ((unsigned char)map->texts.data[at] & 0xc0) == 0x80) return false;
  *text = (att_text){map->texts.data + at, strnlen(map->texts.data + at, map->texts.size - at)};
  return true;
}

/* What the shortest start of the piece that the table has becomes. */
static bool find(const att_charsmap *map, att_text piece, att_text *becomes) {
  uint32_t unit;
  if (!unit_at(map, 0, &unit)) return false;
  size_t node = offset_of(unit);
  for (size_t i = 0; i < piece.size && piece.data[i] != '\0'; i++) {
    const unsigned char byte = (unsigned char)piece.data[i];
    node ^= byte;
    if (!unit_at(map, node, &unit) || (unit & 0x800000ffu) != byte) return false;
    node ^= offset_of(unit);
    if (unit >> 8 & 1) return unit_at(map, node, &unit) && text_at(map, unit & 0x7fffffffu, becomes);
  }
  return false;
}

static size_t code_size(att_text text, size_t at, int32_t *code) {
  size_t bad;
  return (size_t)att_utf8_next(text.data + at, text.size - at, code, &bad);
}

size_t att_cluster_end(att_text text, size_t at) {
  int32_t before, code;
  utf8proc_int32_t state = 0;
  at += code_size(text, at, &before);
  for (size_t size; at < text.size; at += size, before = code) {
    size = code_size(text, at, &code);
    if (utf8proc_grapheme_break_stateful(before, code, &state)) break;
  }
  return at;
}

att_status att_charsmap_apply(const att_charsmap *map, att_context *ctx, att_text text, att_buffer *out) {
  for (size_t at = 0, end, size; at < text.size; at = end) {
    end = att_cluster_end(text, at);
    att_text becomes;
    if (end - at < 6 && find(map, (att_text){text.data + at, end - at}, &becomes)) {
      ATT_TRY(att_buffer_append(ctx, out, becomes.data, becomes.size));
      continue;
    }
    for (int32_t code; at < end; at += size) {
      size = code_size(text, at, &code);
      att_text one = {text.data + at, size};
      if (find(map, one, &becomes)) one = becomes;
      ATT_TRY(att_buffer_append(ctx, out, one.data, one.size));
    }
  }
  return ATT_OK;
}
