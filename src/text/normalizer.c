/* Owns UTF-8 as it comes, Unicode properties, NFC and lower case. See unicode.h. */
#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

/* The second byte's range depends on the first: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int lead_length(unsigned char lead, unsigned char *low, unsigned char *high) {
  *low = 0x80;
  *high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead == 0xe0) *low = 0xa0;
    if (lead == 0xed) *high = 0x9f;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead == 0xf0) *low = 0x90;
    if (lead == 0xf4) *high = 0x8f;
    return 4;
  }
  return 0;
}

int att_utf8_next(const char *text, size_t size, int32_t *code, size_t *bad) {
  const unsigned char *bytes = (const unsigned char *)text;
  if (bytes[0] < 0x80) {
    *code = bytes[0];
    return 1;
  }
  unsigned char low, high;
  int length = lead_length(bytes[0], &low, &high);
  *bad = 1;
  if (length == 0) return -1;
  int32_t value = bytes[0] & (0x7f >> length);
  for (int i = 1; i < length; i++, low = 0x80, high = 0xbf) {
    if ((size_t)i >= size || bytes[i] < low || bytes[i] > high) {
      *bad = (size_t)i;
      return -1;
    }
    value = value << 6 | (bytes[i] & 0x3f);
  }
  *code = value;
  return length;
}

size_t att_utf8_put(int32_t code, char out[4]) { return (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)out); }

/* Where the first broken sequence begins, or size. */
static size_t valid_until(const char *text, size_t size) {
  size_t i = 0, bad;
  int32_t code;
  while (i < size) {
    uint64_t eight;
    if (size - i >= sizeof eight) {
      memcpy(&eight, text + i, sizeof eight);
      if (!(eight & 0x8080808080808080u)) {
        i += sizeof eight;
        continue;
      }
    }
    int length = att_utf8_next(text + i, size - i, &code, &bad);
    if (length < 0) return i;
    i += (size_t)length;
  }
  return i;
}

bool att_is_blank(att_text text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] == '\0' || !strchr(" \t\r\n\v\f", text.data[i])) return false;
  return true;
}

bool att_utf8_valid(const char *text, size_t size) { return valid_until(text, size) == size; }

att_status att_utf8_repair(att_context *ctx, att_text text, att_buffer *out) {
  for (size_t i = 0; i < text.size;) {
    size_t good = valid_until(text.data + i, text.size - i), bad;
    int32_t code;
    ATT_TRY(att_buffer_append(ctx, out, text.data + i, good));
    i += good;
    if (i == text.size) break;
    att_utf8_next(text.data + i, text.size - i, &code, &bad);
    ATT_TRY(att_buffer_append(ctx, out, "\xef\xbf\xbd", 3));
    i += bad;
  }
  return ATT_OK;
}

bool att_is_letter(int32_t code) {
  utf8proc_category_t category = utf8proc_category(code);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool att_is_number(int32_t code) {
  utf8proc_category_t category = utf8proc_category(code);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool att_is_space(int32_t code) {
  if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
  return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
         code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

/* Unicode Technical Standard 18, annex C; the 52 + 78 circled and squared letters are alphabetic though symbols. */
bool att_is_word(int32_t code) {
  utf8proc_category_t category = utf8proc_category(code);
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) return true;
  if (category == UTF8PROC_CATEGORY_PC || code == 0x200c || code == 0x200d) return true;
  return (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
         (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
}

bool att_is_mark(int32_t code) {
  utf8proc_category_t category = utf8proc_category(code);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

static int combining_class(int32_t code) { return utf8proc_get_property(code)->combining_class; }

/* Puts a run of marks in the order of their classes, equal ones as they came. Counting keeps a line of a million marks
 * linear, which utf8proc's own ordering is not. */
static void order_marks(int32_t *marks, size_t count, int32_t *scratch) {
  size_t starts[256] = {0}, next = 0;
  bool ordered = true;
  for (size_t i = 1; i < count; i++) ordered = ordered && combining_class(marks[i - 1]) <= combining_class(marks[i]);
  if (ordered) return;
  for (size_t i = 0; i < count; i++) starts[combining_class(marks[i])]++;
  for (size_t i = 0; i < 256; i++) {
    size_t here = starts[i];
    starts[i] = next;
    next += here;
  }
  for (size_t i = 0; i < count; i++) scratch[starts[combining_class(marks[i])]++] = marks[i];
  memcpy(marks, scratch, count * sizeof *marks);
}

static void order_all_marks(int32_t *codes, size_t count, int32_t *scratch) {
  for (size_t i = 0, end; i < count; i = end + 1) {
    for (end = i; end < count && combining_class(codes[end]) != 0;) end++;
    if (end - i > 1) order_marks(codes + i, end - i, scratch);
  }
}

/* A character decomposes to at most 2 code points a byte (U+FDFA, of compatibility: 18 of 3 bytes). */
static size_t most_codes(bool compatible, size_t size) { return (compatible ? 6 : 2) * size; }

/* The decomposition of the text in codes, [most_codes]. */
static size_t decompose(att_text text, bool compatible, int32_t *codes) {
  size_t count = 0, bad, most = most_codes(compatible, text.size);
  const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  for (size_t i = 0; i < text.size;) {
    int32_t code;
    int boundary = 0;
    int length = att_utf8_next(text.data + i, text.size - i, &code, &bad);
    utf8proc_ssize_t made =
        utf8proc_decompose_char(code, codes + count, (utf8proc_ssize_t)(most - count), options, &boundary);
    if (made > 0) count += (size_t)made;
    i += (size_t)length;
  }
  return count;
}

typedef struct former {
  att_context *ctx;
  att_form form;
  int32_t *codes; /* [2 x most_codes] of the longest stretch yet */
  size_t capacity;
} former;

/* Unicode Standard Annex 15: decompose, order the marks, compose. */
static att_status form_stretch(former *f, att_text text, att_buffer *out) {
  bool compatible = f->form >= ATT_NFKC, composed = f->form == ATT_NFC || f->form == ATT_NFKC;
  if (text.size > INT32_MAX / 12)
    return att_fail(f->ctx, ATT_UNSUPPORTED, "a text of %zu bytes without a plain character is too long", text.size);
  size_t most = most_codes(compatible, text.size);
  if (2 * most > f->capacity) {
    size_t capacity = 4 * most;
    int32_t *codes = att_resize(f->ctx, f->codes, capacity, sizeof *codes);
    if (!codes) return ATT_MEMORY;
    f->codes = codes;
    f->capacity = capacity;
  }
  size_t count = decompose(text, compatible, f->codes);
  order_all_marks(f->codes, count, f->codes + most);
  if (composed)
    count = (size_t)utf8proc_normalize_utf32(f->codes, (utf8proc_ssize_t)count, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  for (size_t i = 0; i < count; i++) {
    char bytes[4];
    ATT_TRY(att_buffer_append(f->ctx, out, bytes, att_utf8_put(f->codes[i], bytes)));
  }
  return ATT_OK;
}

/* Where the next character begins, at or after `at`, that is plain (or is not). */
static size_t next_character(att_text text, size_t at, unsigned char limit, bool plain) {
  for (; at < text.size; at++) {
    unsigned char byte = (unsigned char)text.data[at];
    if ((byte & 0xc0) != 0x80 && (byte < limit) == plain) break;
  }
  return at;
}

/* In stretches: plain characters are left as they are, but the last one before others, which may compose with it. To
 * NFC all below U+0300 are plain, to other forms ASCII. */
att_status att_normal_form(att_context *ctx, att_form form, att_text text, att_buffer *out) {
  former f = {.ctx = ctx, .form = form};
  const unsigned char limit = form == ATT_NFC ? 0xcc : 0x80;
  att_status status = ATT_OK;
  for (size_t done = 0, start, end; done < text.size && status == ATT_OK; done = end) {
    size_t other = next_character(text, done, limit, false);
    for (start = other; start > done && start < text.size;)
      if (((unsigned char)text.data[--start] & 0xc0) != 0x80) break;
    end = next_character(text, other, limit, true);
    status = att_buffer_append(ctx, out, text.data + done, start - done);
    if (status == ATT_OK && start < end) status = form_stretch(&f, (att_text){text.data + start, end - start}, out);
  }
  att_free(ctx, f.codes);
  return status;
}

att_status att_lowercase(att_context *ctx, att_text text, att_buffer *out) {
  for (size_t i = 0, bad; i < text.size;) {
    int32_t code;
    char bytes[4];
    i += (size_t)att_utf8_next(text.data + i, text.size - i, &code, &bad);
    if (code == 0x130) /* the one letter whose lower case is two characters */
      ATT_TRY(att_buffer_append(ctx, out, "i\xcc\x87", 3));
    else
      ATT_TRY(att_buffer_append(ctx, out, bytes, att_utf8_put(utf8proc_tolower(code), bytes)));
  }
  return ATT_OK;
}

att_status att_replace(att_context *ctx, att_text text, const char *what, const char *with, att_buffer *out) {
  const size_t size = strlen(what), put = strlen(with);
  for (size_t done = 0; done < text.size;) {
    const char *here = memmem(text.data + done, text.size - done, what, size);
    size_t before = here ? (size_t)(here - text.data) - done : text.size - done;
    ATT_TRY(att_buffer_append(ctx, out, text.data + done, before));
    if (here) ATT_TRY(att_buffer_append(ctx, out, with, put));
    done += before + (here ? size : 0);
  }
  return ATT_OK;
}
