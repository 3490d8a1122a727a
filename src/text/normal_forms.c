/* Owns Unicode's normal forms and lower case. See normal_forms.h. */
#include "text/normal_forms.h"

#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

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
  size_t count = 0, most = most_codes(compatible, text.size);
  const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  for (size_t i = 0; i < text.size;) {
    int boundary = 0;
    int32_t code = att_code_at(text, i, &i);
    utf8proc_ssize_t made =
        utf8proc_decompose_char(code, codes + count, (utf8proc_ssize_t)(most - count), options, &boundary);
    if (made > 0) count += (size_t)made;
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
static att_status form_run(former *f, att_text text, att_buffer *out) {
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

/* Between characters without a form. */
static att_status form_stretch(former *f, att_text text, att_buffer *out) {
  size_t start = 0;
  for (size_t at = 0, next; at < text.size; at = next) {
    if (!att_is_formless(att_code_at(text, at, &next))) continue;
    if (start < at) ATT_TRY(form_run(f, (att_text){text.data + start, at - start}, out));
    ATT_TRY(att_buffer_append(f->ctx, out, text.data + at, next - at));
    start = next;
  }
  return start < text.size ? form_run(f, (att_text){text.data + start, text.size - start}, out) : ATT_OK;
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
  for (size_t i = 0; i < text.size;) {
    int32_t code = att_code_at(text, i, &i);
    char bytes[4];
    if (code == 0x130) /* the one letter whose lower case is two characters */
      ATT_TRY(att_buffer_append(ctx, out, "i\xcc\x87", 3));
    else
      ATT_TRY(att_buffer_append(ctx, out, bytes, att_utf8_put(att_lower(code), bytes)));
  }
  return ATT_OK;
}
