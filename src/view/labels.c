/*
 * Owns labels: the vocabulary's spelling of tokens turned into what a person reads (view.h says how), and how wide a
 * text is on a terminal. Refuses nothing: any bytes get a label that can be shown.
 */
#include "view/view.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#define CONTINUES  "\u00b7"
#define SPACE_MARK "\u2423"
#define METASPACE  0x2581 /* SentencePiece's mark of a space */

/* The character at text[0..size), and its bytes in *used; -1 and 1 for a byte that begins none. */
static int32_t decode(const char *text, size_t size, size_t *used) {
  utf8proc_int32_t rune;
  utf8proc_ssize_t length =
      utf8proc_iterate((const utf8proc_uint8_t *)text, size < 4 ? (utf8proc_ssize_t)size : 4, &rune);
  *used = length < 1 ? 1 : (size_t)length;
  return length < 1 ? -1 : rune;
}

int32_t att_label_next(const char **text) {
  if (!**text) return 0;
  size_t used;
  int32_t rune = decode(*text, strnlen(*text, 4), &used);
  *text += used;
  return rune < 0 ? 0xfffd : rune;
}

int att_label_width(const char *text) {
  int width = 0;
  for (int32_t rune; (rune = att_label_next(&text));) width += utf8proc_charwidth(rune);
  return width;
}

/* GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes, in order, for U+0100 and up. -1: not in it.
 * (Radford et al. 2019, bytes_to_unicode) */
static int byte_of(int32_t rune) {
  bool itself = (rune >= 0x21 && rune <= 0x7e) || (rune >= 0xa1 && rune <= 0xff && rune != 0xad);
  if (itself) return (int)rune;
  if (rune < 0x100 || rune > 0x143) return -1;
  int nth = (int)rune - 0x100;
  if (nth <= 0x20) return nth;
  if (nth < 0x21 + 0x22) return 0x7f + nth - 0x21;
  return 0xad;
}

/* In a vocabulary of bytes, all but tokens that were added to it. */
static bool is_byte_level(const char *spelling) {
  for (int32_t rune; (rune = att_label_next(&spelling));)
    if (byte_of(rune) < 0) return false;
  return true;
}

/* The bytes that a token stands for. */
static att_status spell_out(att_context *ctx, const char *spelling, bool byte_level, att_buffer *text) {
  text->size = 0;
  for (int32_t rune; (rune = att_label_next(&spelling));) {
    utf8proc_uint8_t bytes[4] = {' '};
    utf8proc_ssize_t size = 1;
    if (byte_level)
      bytes[0] = (utf8proc_uint8_t)byte_of(rune);
    else if (rune != METASPACE)
      size = utf8proc_encode_char(rune, bytes);
    ATT_TRY(att_buffer_append(ctx, text, bytes, (size_t)size));
  }
  return att_buffer_append(ctx, text, "", 0);
}

static bool is_invisible(int32_t rune) {
  switch (utf8proc_category(rune)) {
  case UTF8PROC_CATEGORY_CF: return rune != 0x200c && rune != 0x200d; /* joiners are part of words and of emoji */
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP: return true;
  case UTF8PROC_CATEGORY_ZS: return rune != ' ';
  default: return false;
  }
}

static bool is_mark(int32_t rune) {
  utf8proc_category_t category = rune < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(rune);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

/* Letters and digits, with the bytes of split characters: what a word is made of. */
static bool is_word(int32_t rune) {
  if (rune < 0 || is_mark(rune)) return true;
  utf8proc_category_t category = utf8proc_category(rune);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

static att_status put_visible(att_context *ctx, att_buffer *out, int32_t rune, const char *bytes, size_t size) {
  if (rune < 0) return att_buffer_print(ctx, out, "\\x%02X", (unsigned char)bytes[0]);
  if (rune == '\n') return att_buffer_append(ctx, out, "\\n", 2);
  if (rune == '\t') return att_buffer_append(ctx, out, "\\t", 2);
  if (rune < ' ' || rune == 0x7f) return att_buffer_print(ctx, out, "\\x%02X", (unsigned)rune);
  if (rune == ' ') return att_buffer_append(ctx, out, SPACE_MARK, strlen(SPACE_MARK));
  if (is_invisible(rune)) return att_buffer_print(ctx, out, "\\u%04X", (unsigned)rune);
  return att_buffer_append(ctx, out, bytes, size);
}

/* in_word: whether what stands before ends in a letter or digit; told anew for what stands after. */
static att_status put_piece(att_context *ctx, att_token_spelling how, att_buffer *out, const att_buffer *piece,
                            bool *in_word) {
  const char *data = piece->data;
  size_t size = piece->size, used = 1, at = size > 1 && data[0] == ' ';
  if (size == 0) return att_buffer_append(ctx, out, "\"\"", 2);
  bool suffix = how.suffixes && size > 2 && strncmp(data, "##", 2) == 0;
  if (suffix) at = 2;
  int32_t first = decode(data + at, size - at, &used);
  bool inside = !how.suffixes && !how.single && !at && *in_word && is_word(first);
  if (suffix || inside) ATT_TRY(att_buffer_append(ctx, out, CONTINUES, strlen(CONTINUES)));
  if (is_mark(first)) ATT_TRY(att_buffer_append(ctx, out, "\u25cc", 3)); /* a dotted circle carries the accent */
  for (; at < size; at += used) {
    int32_t rune = decode(data + at, size - at, &used);
    ATT_TRY(put_visible(ctx, out, rune, data + at, used));
    *in_word = is_word(rune);
  }
  return ATT_OK;
}

/* A special token of the model: its own spelling, made visible. */
static att_status put_special(att_context *ctx, att_buffer *out, const char *spelling) {
  size_t size = strlen(spelling);
  for (size_t at = 0, used; at < size; at += used) {
    int32_t rune = decode(spelling + at, size - at, &used);
    if (rune == ' ')
      ATT_TRY(att_buffer_append(ctx, out, " ", 1));
    else
      ATT_TRY(put_visible(ctx, out, rune, spelling + at, used));
  }
  return ATT_OK;
}

/* All labels, a NUL after each. */
static att_status put_labels(att_context *ctx, att_token_spelling how, const char *const *spellings,
                             const bool *special, size_t count, att_buffer *piece, att_buffer *out) {
  bool in_word = false;
  for (size_t i = 0; i < count; i++) {
    if (special[i] || !spellings[i]) {
      ATT_TRY(put_special(ctx, out, spellings[i] ? spellings[i] : "?"));
      in_word = false;
    } else {
      ATT_TRY(spell_out(ctx, spellings[i], how.bytes && is_byte_level(spellings[i]), piece));
      ATT_TRY(put_piece(ctx, how, out, piece, &in_word));
    }
    ATT_TRY(att_buffer_append(ctx, out, "", 1));
  }
  return ATT_OK;
}

att_status att_labels_make(att_context *ctx, att_token_spelling how, const char *const *spellings, const bool *special,
                           size_t count, const char *const **labels) {
  att_buffer piece = {0}, text = {0};
  *labels = NULL;
  att_status status = put_labels(ctx, how, spellings, special, count, &piece, &text);
  if (status) goto done;
  size_t pointers = count * sizeof(char *); /* count spellings are in memory: no overflow */
  const char **block = att_alloc(ctx, pointers + text.size + 1, 1);
  if (!block) {
    status = ATT_MEMORY;
    goto done;
  }
  char *at = (char *)block + pointers;
  if (text.size) memcpy(at, text.data, text.size);
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1) block[i] = at;
  *labels = (const char *const *)block;
done:
  att_buffer_free(ctx, &piece);
  att_buffer_free(ctx, &text);
  return status;
}
