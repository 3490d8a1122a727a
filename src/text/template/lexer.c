/* Owns the tokens of a template. See syntax.h; the rules are those of jinja2/lexer.py. */
#include "text/template/syntax.h"

#include "text/template/characters.h"

#include <string.h>

#define ATT_DEEPEST_BRACKETS 200

typedef struct lexer {
  const att_source *source;
  const char *data;
  size_t size, at;
  int line;
  size_t counted;     /* newlines before here are in `line` */
  bool line_starting; /* what was read last ended in a newline */
  att_syntax_token *tokens;
  size_t count, capacity;
  char open[ATT_DEEPEST_BRACKETS];
  int depth;
} lexer;

att_status att_syntax_wrong(const att_source *source, int line, const char *format, ...) {
  char text[400];
  va_list args;
  va_start(args, format);
  att_format_list(text, sizeof text, format, args);
  va_end(args);
  return att_fail(source->ctx, ATT_FORMAT, "%s, line %d: %s", source->name, line, text);
}

static int line_at(lexer *x, size_t at) {
  for (; x->counted < at; x->counted++) x->line += x->data[x->counted] == '\n';
  return x->line;
}

static att_status push(lexer *x, att_token_kind kind, size_t from, size_t to, att_value value) {
  if (x->count == x->capacity) {
    size_t capacity = x->capacity ? 2 * x->capacity : 64;
    att_syntax_token *tokens = ATT_ARENA_NEW(x->source->arena, capacity, att_syntax_token);
    if (!tokens) return ATT_MEMORY;
    if (x->count) memcpy(tokens, x->tokens, x->count * sizeof *tokens);
    x->tokens = tokens;
    x->capacity = capacity;
  }
  x->tokens[x->count++] = (att_syntax_token){kind, line_at(x, from), {x->data + from, to - from}, value};
  return ATT_OK;
}

static bool follows(const lexer *x, size_t at, const char *what) {
  size_t size = strlen(what);
  return size <= x->size - at && memcmp(x->data + at, what, size) == 0;
}

static size_t skip_blanks(const lexer *x, size_t at) {
  att_text rest = {x->data + at, x->size - at};
  return x->size - att_strip(rest, NULL, true, false).size;
}

/* The end of a tag: "-%}" with all white space behind it, "%}" with one newline, "+%}". Where there is none: at. */
static size_t tag_end(const lexer *x, size_t at, const char *end, bool newline) {
  if (at < x->size && x->data[at] == '-' && follows(x, at + 1, end)) return skip_blanks(x, at + 3);
  if (newline && at < x->size && x->data[at] == '+' && follows(x, at + 1, end)) return at + 3;
  if (!follows(x, at, end)) return at;
  return at + 2 + (newline && at + 2 < x->size && x->data[at + 2] == '\n');
}

/* The text before a tag with this sign ('\0': none), without what lstrip_blocks and "-" take away. */
static att_status push_text(lexer *x, size_t from, size_t to, char sign, bool lstrip) {
  att_text text = {x->data + from, to - from};
  if (sign == '-') text = att_strip(text, NULL, false, true);
  if (sign == '\0' && lstrip) {
    const char *newline = text.size ? memrchr(text.data, '\n', text.size) : NULL;
    size_t line = newline ? (size_t)(newline - text.data) + 1 : 0;
    att_text last = {text.data + line, text.size - line};
    if ((line > 0 || x->line_starting) && att_strip(last, NULL, true, false).size == 0) text.size = line;
  }
  return text.size ? push(x, ATT_TOKEN_TEXT, from, from + text.size, att_none()) : ATT_OK;
}

static void move_to(lexer *x, size_t at) {
  x->at = at;
  x->line_starting = at > 0 && x->data[at - 1] == '\n';
}

static char sign_at(const lexer *x, size_t at) {
  return at < x->size && (x->data[at] == '-' || x->data[at] == '+') ? x->data[at] : '\0';
}

/* ---- {# #} and {% raw %} ---------------------------------------------------------------------------------------- */

static att_status read_comment(lexer *x, size_t from) {
  const char *end = memmem(x->data + from, x->size - from, "#}", 2);
  if (!end) return att_syntax_wrong(x->source, line_at(x, from), "a comment without its #}");
  size_t at = (size_t)(end - x->data);
  move_to(x, tag_end(x, at > from && sign_at(x, at - 1) ? at - 1 : at, "#}", true));
  return ATT_OK;
}

/* The end of a tag that is one word, at its {%; 0: it is another. */
static size_t word_tag(const lexer *x, size_t at, const char *word, bool newline) {
  size_t begin = at + 2 + (sign_at(x, at + 2) != '\0');
  begin = skip_blanks(x, begin);
  if (!follows(x, begin, word)) return 0;
  begin = skip_blanks(x, begin + strlen(word));
  if (!newline && sign_at(x, begin) == '+') return 0;
  size_t end = tag_end(x, begin, "%}", newline);
  return end > begin ? end : 0;
}

static att_status read_raw(lexer *x, size_t from) {
  for (size_t at = from; at < x->size; at++) {
    size_t end = follows(x, at, "{%") ? word_tag(x, at, "endraw", true) : 0;
    if (!end) continue;
    ATT_TRY(push_text(x, from, at, sign_at(x, at + 2), true));
    move_to(x, end);
    return ATT_OK;
  }
  return att_syntax_wrong(x->source, line_at(x, from), "{%% raw %%} without its {%% endraw %%}");
}

/* ---- strings and numbers ---------------------------------------------------------------------------------------- */

static int hex_digit(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  byte |= 32;
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 99;
}

/* Digits of a base, `most` at most, as a number; *used: how many. */
static uint32_t read_digits(att_text text, size_t at, int base, size_t most, size_t *used) {
  uint32_t number = 0;
  for (*used = 0; *used < most && at + *used < text.size && hex_digit(text.data[at + *used]) < base; ++*used)
    number = number * (uint32_t)base + (uint32_t)hex_digit(text.data[at + *used]);
  return number;
}

/* What stands behind a backslash at text[*at], by the rules of Python's unicode-escape. */
static att_status read_escape(lexer *x, att_text text, size_t *at, char *out, size_t *size) {
  static const char plain[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
  char byte = text.data[*at];
  size_t used, wanted = byte == 'x' ? 2 : byte == 'u' ? 4 : byte == 'U' ? 8 : 0;
  for (size_t i = 0; plain[i]; i += 2)
    if (plain[i] == byte) return out[(*size)++] = plain[i + 1], ++*at, ATT_OK;
  if (byte == '\n') return ++*at, ATT_OK;
  uint32_t code = wanted ? read_digits(text, *at + 1, 16, wanted, &used) : read_digits(text, *at, 8, 3, &used);
  if (!wanted && !used) return out[(*size)++] = '\\', ATT_OK; /* no escape: the backslash stays */
  if ((wanted && used != wanted) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return att_syntax_wrong(x->source, line_at(x, x->at), "an escape in a string that is no character");
  *at += used + (wanted > 0);
  *size += att_utf8_put((int32_t)code, out + *size);
  return ATT_OK;
}

static att_status read_string(lexer *x) {
  char quote = x->data[x->at];
  size_t end = x->at + 1, size = 0;
  while (end < x->size && x->data[end] != quote) end += 1 + (x->data[end] == '\\');
  if (end >= x->size) return att_syntax_wrong(x->source, line_at(x, x->at), "a string without its end");
  att_text text = {x->data + x->at + 1, end - x->at - 1};
  char *out = att_arena_alloc(x->source->arena, text.size + 1, 1); /* no escape is longer than what it stands for */
  if (!out) return ATT_MEMORY;
  for (size_t at = 0; at < text.size;) {
    char byte = text.data[at++];
    if (byte == '\\' && at < text.size)
      ATT_TRY(read_escape(x, text, &at, out, &size));
    else
      out[size++] = byte;
  }
  ATT_TRY(push(x, ATT_TOKEN_CONSTANT, x->at, end + 1, att_string(out, size)));
  x->at = end + 1;
  return ATT_OK;
}

static bool is_digit(const lexer *x, size_t at) { return at < x->size && x->data[at] >= '0' && x->data[at] <= '9'; }

/* Digits with single underscores between. */
static size_t skip_digits(const lexer *x, size_t at) {
  while (is_digit(x, at) || (at < x->size && x->data[at] == '_' && is_digit(x, at + 1))) at++;
  return at;
}

static att_status push_number(lexer *x, size_t end, int base, bool real) {
  char text[64];
  size_t size = 0;
  int64_t whole = 0;
  double number = 0;
  bool good = true;
  for (size_t i = x->at + (base != 10 ? 2 : 0); i < end; i++) {
    char byte = x->data[i];
    if (byte == '_') continue;
    if (size < sizeof text - 1) text[size++] = byte;
    if (!real)
      good = good && !__builtin_mul_overflow(whole, base, &whole) &&
             !__builtin_add_overflow(whole, hex_digit(byte), &whole);
  }
  if (real) good = att_read_number(text, size, &number);
  if (!good) return att_syntax_wrong(x->source, line_at(x, x->at), "a number that is too large");
  ATT_TRY(push(x, ATT_TOKEN_CONSTANT, x->at, end, real ? att_real(number) : att_whole(whole)));
  x->at = end;
  return ATT_OK;
}

static att_status read_number(lexer *x) {
  char letter = x->at + 1 < x->size && x->data[x->at] == '0' ? (char)(x->data[x->at + 1] | 32) : 0;
  int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
  size_t end = x->at + 2;
  if (base != 10) {
    while (end < x->size && (x->data[end] == '_' || hex_digit(x->data[end]) < base)) end++;
    return push_number(x, end, base, false);
  }
  end = skip_digits(x, x->at);
  bool real = false;
  if (x->at > 0 && x->data[x->at - 1] == '.') return push_number(x, end, 10, false);
  if (end < x->size && x->data[end] == '.' && is_digit(x, end + 1)) {
    real = true;
    end = skip_digits(x, end + 1);
  }
  if (end < x->size && (x->data[end] | 32) == 'e') {
    size_t digits = end + 1 + (sign_at(x, end + 1) != '\0');
    if (is_digit(x, digits)) {
      real = true;
      end = skip_digits(x, digits);
    }
  }
  return push_number(x, end, 10, real);
}

/* ---- inside of tags --------------------------------------------------------------------------------------------- */

static size_t name_end(const lexer *x, size_t at) {
  att_text text = {x->data, x->size};
  for (size_t next = at; next < x->size; at = next) {
    int32_t code = att_character_next(text, &next);
    if (code != '_' && !att_is_letter(code) && !att_is_number(code)) return at;
  }
  return at;
}

static att_status read_operator(lexer *x) {
  static const char *const operators[] = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[",
                                          "]",  "(",  ")",  "{",  "}",  "<",  ">", "=", ".", ":", "|", ",", ";"};
  size_t size = 0;
  for (size_t i = 0; !size && i < sizeof operators / sizeof *operators; i++)
    if (follows(x, x->at, operators[i])) size = strlen(operators[i]);
  char byte = x->data[x->at];
  if (!size) return att_syntax_wrong(x->source, line_at(x, x->at), "an unexpected character");
  if (strchr("([{", byte)) {
    if (x->depth == ATT_DEEPEST_BRACKETS)
      return att_syntax_wrong(x->source, line_at(x, x->at), "brackets nested too deep");
    x->open[x->depth++] = byte == '(' ? ')' : byte == '[' ? ']' : '}';
  }
  if (strchr(")]}", byte) && (x->depth == 0 || x->open[--x->depth] != byte))
    return att_syntax_wrong(x->source, line_at(x, x->at), "an unexpected %c", byte);
  ATT_TRY(push(x, ATT_TOKEN_OPERATOR, x->at, x->at + size, att_none()));
  x->at += size;
  return ATT_OK;
}

static att_status read_inside(lexer *x, bool statement) {
  size_t begin = x->at;
  for (x->depth = 0;;) {
    x->at = skip_blanks(x, x->at);
    if (x->at >= x->size) return att_syntax_wrong(x->source, line_at(x, begin), "a tag without its end");
    size_t end = x->depth ? x->at : tag_end(x, x->at, statement ? "%}" : "}}", statement);
    if (end > x->at) {
      ATT_TRY(push(x, statement ? ATT_TOKEN_END_STATEMENT : ATT_TOKEN_END_OUTPUT, x->at, end, att_none()));
      move_to(x, end);
      return ATT_OK;
    }
    char byte = x->data[x->at];
    size_t name = name_end(x, x->at);
    if (is_digit(x, x->at)) {
      ATT_TRY(read_number(x));
    } else if (name > x->at) {
      ATT_TRY(push(x, ATT_TOKEN_NAME, x->at, name, att_none()));
      x->at = name;
    } else {
      ATT_TRY(byte == '"' || byte == '\'' ? read_string(x) : read_operator(x));
    }
  }
}

/* Where the next tag begins, or the end. */
static size_t next_tag(const lexer *x) {
  for (size_t at = x->at; at + 1 < x->size; at++)
    if (x->data[at] == '{' && strchr("{%#", x->data[at + 1])) return at;
  return x->size;
}

att_status att_tokenize_template(const att_source *source, const att_syntax_token **tokens) {
  lexer x = {.source = source, .data = source->text.data, .size = source->text.size, .line = 1, .line_starting = true};
  while (x.at < x.size) {
    size_t from = x.at, tag = next_tag(&x);
    if (tag == x.size) {
      ATT_TRY(push(&x, ATT_TOKEN_TEXT, from, tag, att_none()));
      break;
    }
    char kind = x.data[tag + 1], sign = sign_at(&x, tag + 2);
    size_t raw = kind == '%' ? word_tag(&x, tag, "raw", false) : 0;
    ATT_TRY(push_text(&x, from, tag, sign, kind != '{'));
    move_to(&x, raw ? raw : tag + 2 + (sign != '\0'));
    if (raw) {
      ATT_TRY(read_raw(&x, raw));
    } else if (kind == '#') {
      ATT_TRY(read_comment(&x, x.at));
    } else {
      ATT_TRY(push(&x, kind == '%' ? ATT_TOKEN_BEGIN_STATEMENT : ATT_TOKEN_BEGIN_OUTPUT, tag, x.at, att_none()));
      ATT_TRY(read_inside(&x, kind == '%'));
    }
  }
  ATT_TRY(push(&x, ATT_TOKEN_END, x.size, x.size, att_none()));
  *tokens = x.tokens;
  return ATT_OK;
}
