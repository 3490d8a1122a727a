/*
 * Owns telling what a file is that stands where another should: what a download or a clone left in its place, a file of
 * another program, text that is not UTF-8. Refuses it with what it is and what to do. See file.h.
 */
#include "formats/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ATT_POINTER      "version https://git-lfs.github.com/spec/"
#define ATT_MOST_POINTER 1024              /* bytes of a pointer: git-lfs's own bound */
#define ATT_MOST_LOOKED  ((size_t)1 << 16) /* bytes that tell an encoding */
#define ATT_STARTS(magic)                                                                                              \
  { magic, sizeof magic - 1 }

typedef struct att_bytes {
  const char *data;
  size_t size;
} att_bytes;

static bool begins(att_bytes text, att_bytes with) {
  return text.size >= with.size && memcmp(text.data, with.data, with.size) == 0;
}

static att_bytes from(att_bytes text, size_t offset) { return (att_bytes){text.data + offset, text.size - offset}; }

/* ---- downloads and clones ------------------------------------------------------------------------------------- */

static att_status refuse_pointer(att_context *ctx, const char *name, att_bytes file) {
  char copy[ATT_MOST_POINTER + 1], whole[64] = "";
  if (file.size > ATT_MOST_POINTER || !begins(file, (att_bytes)ATT_STARTS(ATT_POINTER))) return ATT_OK;
  memcpy(copy, file.data, file.size);
  copy[file.size] = '\0';
  const char *size = strstr(copy, "\nsize ");
  if (size) snprintf(whole, sizeof whole, ", which has %llu bytes", strtoull(size + 6, NULL, 10));
  return att_fail(ctx, ATT_FORMAT,
                  "%s: is a git-lfs pointer that stands for the file%s: run 'git lfs pull' in its folder, or download "
                  "the file",
                  name, whole);
}

static bool is_page(att_bytes file) {
  static const char *const begins_with[] = {"<!doctype", "<html", "<?xml", "<head", "<error"};
  while (file.size && memchr(" \t\r\n", file.data[0], 4)) file.data++, file.size--;
  for (size_t i = 0; i < sizeof begins_with / sizeof *begins_with; i++) {
    size_t size = strlen(begins_with[i]);
    if (file.size >= size && strncasecmp(file.data, begins_with[i], size) == 0) return true;
  }
  return false;
}

att_status att_check_download(att_context *ctx, const char *name, const void *data, size_t size) {
  const att_bytes file = {data, size};
  ATT_TRY(refuse_pointer(ctx, name, file));
  if (size == 0) return att_fail(ctx, ATT_FORMAT, "%s: is empty: a download or a copy that went wrong", name);
  if (is_page(file)) {
    return att_fail(ctx, ATT_FORMAT, "%s: is a web page in place of the file: download it again", name);
  }
  if (begins(file, (att_bytes)ATT_STARTS("PK\3\4"))) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: is a zip archive: unpack it; or, if it is PyTorch's pytorch_model.bin under another name, let "
                    "Transformers convert it",
                    name);
  }
  if (begins(file, (att_bytes)ATT_STARTS("\x1f\x8b"))) {
    return att_fail(ctx, ATT_FORMAT, "%s: is compressed with gzip: unpack it first (gunzip)", name);
  }
  return ATT_OK;
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

/* Bytes that no text has at that place. */
static const struct {
  size_t offset;
  att_bytes magic;
  const char *what, *remedy;
} kinds[] = {
    {0, ATT_STARTS("PK\3\4"), "a zip archive, as .docx and .xlsx are", "unpack it, or save it as plain text"},
    {0, ATT_STARTS("%PDF-"), "a PDF", "save it as plain text (pdftotext)"},
    {0, ATT_STARTS("{\\rtf"), "rich text (RTF)", "save it as plain text"},
    {0, ATT_STARTS("\xd0\xcf\x11\xe0"), "an old Office file", "save it as plain text"},
    {0, ATT_STARTS("PAR1\x15"), "a Parquet table", "save its column as plain text"},
    {0, ATT_STARTS("ARROW1\0"), "an Arrow table", "save its column as plain text"},
    {1, ATT_STARTS("7zXZ\0"), "compressed with xz", "unpack it first (unxz)"},
    {4, ATT_STARTS("1AY&SY"), "compressed with bzip2", "unpack it first (bunzip2)"},
    {0, ATT_STARTS("\x28\xb5\x2f\xfd"), "compressed with zstd", "unpack it first (unzstd)"},
    {0, ATT_STARTS("7z\xbc\xaf"), "a 7z archive", "unpack it first"},
};

/* The name of UTF-16 or UTF-32 by the mark at its beginning, or NULL. */
static const char *marked_encoding(att_bytes text) {
  if (begins(text, (att_bytes)ATT_STARTS("\xff\xfe\0\0"))) return "UTF-32";
  if (begins(text, (att_bytes)ATT_STARTS("\0\0\xfe\xff"))) return "UTF-32";
  if (begins(text, (att_bytes)ATT_STARTS("\xff\xfe"))) return "UTF-16";
  return begins(text, (att_bytes)ATT_STARTS("\xfe\xff")) ? "UTF-16" : NULL;
}

/* Without a mark: UTF-16 has a NUL beside each character of Latin-1, and none on the other side. Where half of the
 * pairs are such, it is that; of other scripts line ends and blanks alone are, which in text that is no UTF-8 is
 * enough. */
static const char *bare_encoding(att_bytes text, bool clean) {
  size_t pairs = (text.size < ATT_MOST_LOOKED ? text.size : ATT_MOST_LOOKED) / 2, nul[2] = {0, 0}, plain[2] = {0, 0};
  for (size_t i = 0; i < 2 * pairs; i++) {
    unsigned char beside = (unsigned char)text.data[i ^ 1];
    if (text.data[i]) continue;
    nul[i % 2]++;
    plain[i % 2] += (beside >= '\t' && beside <= '\r') || (beside >= ' ' && beside < 127) || beside >= 0xa0;
  }
  for (int side = 0; side < 2; side++) {
    if (pairs < 2 || nul[1 - side] || plain[side] < 2 || plain[side] < nul[side]) continue;
    if (2 * nul[side] >= pairs || !clean) return side ? "UTF-16LE" : "UTF-16BE";
  }
  return NULL;
}

static bool is_utf8(att_bytes text) {
  size_t size = text.size < ATT_MOST_LOOKED ? text.size : ATT_MOST_LOOKED;
  for (size_t i = 0; i < size;) {
    unsigned char first = (unsigned char)text.data[i];
    size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : 4;
    if (length == 4 && (first < 0xf0 || first > 0xf4)) return false;
    for (size_t k = 1; k < length && i + k < size; k++)
      if (((unsigned char)text.data[i + k] & 0xc0) != 0x80) return false;
    i += length;
  }
  return true;
}

att_status att_check_text(att_context *ctx, const char *name, att_text given) {
  const att_bytes text = {given.data, given.size};
  if (text.size == 0) return ATT_OK;
  ATT_TRY(refuse_pointer(ctx, name, text));
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (text.size > kinds[i].offset && begins(from(text, kinds[i].offset), kinds[i].magic))
      return att_fail(ctx, ATT_FORMAT, "%s: is no plain text but %s: %s", name, kinds[i].what, kinds[i].remedy);
  }
  const char *encoding = marked_encoding(text);
  if (!encoding) encoding = bare_encoding(text, is_utf8(text));
  if (!encoding) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: is %s, not UTF-8: convert it first (iconv -f %s -t UTF-8)", name, encoding,
                  encoding);
}
