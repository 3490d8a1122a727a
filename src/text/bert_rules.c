/* Owns BERT's rules for text. See bert.h. */
#include "text/bert_rules.h"

#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

typedef struct range {
  int32_t first, last;
} range;

/* Assigned, or given another category, after Unicode 8: of these none is a mark, punctuation or control to
 * `tokenizers`. */
static const range newer[] = {
    {0x61d, 0x61d},     {0x7fd, 0x7fd},     {0x890, 0x8e2},     {0x9fd, 0x9fe},     {0xa76, 0xa76},
    {0xafa, 0xaff},     {0xb55, 0xb55},     {0xc04, 0xc3c},     {0xc77, 0xc77},     {0xc84, 0xc84},
    {0xd00, 0xd00},     {0xd3b, 0xd3c},     {0xd81, 0xd81},     {0xeba, 0xeba},     {0xece, 0xece},
    {0x180f, 0x1886},   {0x1abf, 0x1ace},   {0x1b7d, 0x1b7e},   {0x1df6, 0x1dfb},   {0x2e43, 0x2e5d},
    {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},   {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},   {0x10d24, 0x10f89},
    {0x11070, 0x11074}, {0x110c2, 0x110cd}, {0x111cf, 0x111cf}, {0x1123e, 0x11241}, {0x1133b, 0x1133b},
    {0x11438, 0x1145e}, {0x11660, 0x1166c}, {0x116b9, 0x116b9}, {0x1182f, 0x11fff}, {0x12ff1, 0x13455},
    {0x16e97, 0x16f4f}, {0x16fe2, 0x16fe4}, {0x1cf00, 0x1cf46}, {0x1e000, 0x1e4ef}, {0x1e944, 0x1e95f}};

/* In order; without overlap. */
static const range ideographs[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},  {0x20000, 0x2a6df},
                                   {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};

#define COUNT(ranges) (sizeof(ranges) / sizeof *(ranges))

static bool within(const range *ranges, size_t count, int32_t code) {
  size_t low = 0;
  for (size_t high = count; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (ranges[middle].last < code)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && ranges[low].first <= code;
}

static utf8proc_category_t category_of(int32_t code) {
  if (within(newer, COUNT(newer), code)) return UTF8PROC_CATEGORY_CN;
  return utf8proc_category(code);
}

static bool is_control(int32_t code) {
  if (code < 0x80) return (code < 32 || code == 127) && code != '\t' && code != '\n' && code != '\r';
  utf8proc_category_t category = category_of(code);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO;
}

bool att_bert_is_punctuation(int32_t code) {
  if (code < 0x80) return code > 32 && code < 127 && !att_is_letter(code) && !att_is_number(code);
  if (code == 0x166d || code == 0x111c9) return true; /* of another category today */
  utf8proc_category_t category = category_of(code);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

static bool is_mark(int32_t code) {
  if (code < 0x300 || code == 0x111c9) return false;
  return category_of(code) == UTF8PROC_CATEGORY_MN || code == 0x1734;
}

static bool is_ideograph(int32_t code) { return within(ideographs, COUNT(ideographs), code); }

static int32_t next_code(att_text text, size_t at, size_t *size) {
  int32_t code;
  size_t bad;
  *size = (size_t)att_utf8_next(text.data + at, text.size - at, &code, &bad);
  return code;
}

att_status att_bert_clean(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out, bool *first) {
  (void)step;
  for (size_t i = 0, size; i < text.size; i += size) {
    int32_t code = next_code(text, i, &size);
    if (is_control(code) || code == 0xfffd) {
      if (i == 0) *first = false;
      continue;
    }
    bool space = att_is_space(code);
    ATT_TRY(att_buffer_append(ctx, out, space ? " " : text.data + i, space ? 1 : size));
  }
  return ATT_OK;
}

att_status att_bert_part_chinese(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                                 bool *first) {
  (void)step, (void)first;
  for (size_t i = 0, size; i < text.size; i += size) {
    bool apart = is_ideograph(next_code(text, i, &size));
    if (apart) ATT_TRY(att_buffer_append(ctx, out, " ", 1));
    ATT_TRY(att_buffer_append(ctx, out, text.data + i, size));
    if (apart) ATT_TRY(att_buffer_append(ctx, out, " ", 1));
  }
  return ATT_OK;
}

att_status att_bert_drop_marks(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                               bool *first) {
  (void)step;
  for (size_t i = 0, size; i < text.size; i += size) {
    if (!is_mark(next_code(text, i, &size)))
      ATT_TRY(att_buffer_append(ctx, out, text.data + i, size));
    else if (i == 0)
      *first = false;
  }
  return ATT_OK;
}

typedef enum piece { WORD, SPACE, PUNCTUATION } piece;

static piece piece_at(att_text text, size_t at, size_t *size) {
  int32_t code = next_code(text, at, size);
  if (att_is_space(code)) return SPACE;
  return att_bert_is_punctuation(code) ? PUNCTUATION : WORD;
}

size_t att_bert_piece(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p;
  size_t size;
  piece first = piece_at(text, start, &size);
  *kept = first != SPACE;
  size_t end = start + size;
  while (first != PUNCTUATION && end < text.size && piece_at(text, end, &size) == first) end += size;
  return end;
}
