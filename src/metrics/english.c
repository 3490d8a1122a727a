/* Owns what english.h says, but for the numbers: rules over code points, one after another. Each reads the text once,
 * from the left, and what a rule has taken is not looked at again, as in a substitution by a regular expression. */
#include "metrics/english.h"

#include "metrics/line_tokenizers.h"
#include "text/normal_forms.h"
#include "text/unicode.h"

#include <string.h>

typedef struct english_task {
  att_context *ctx;
  att_runes text, made; /* what a rule reads, and writes */
  att_buffer bytes, other;
  size_t last; /* behind the last place where what a rule drops can end */
} english_task;

/* ---- what rules are made of ------------------------------------------------------------------------------------- */

static att_status put(english_task *t, int32_t rune) {
  ATT_TRY(att_runes_reserve(t->ctx, &t->made, t->made.count + 1));
  t->made.data[t->made.count++] = rune;
  return ATT_OK;
}

static att_status put_text(english_task *t, const char *text) {
  for (; *text; text++) ATT_TRY(put(t, *text));
  return ATT_OK;
}

/* Takes what a rule has made as the text of the next one. */
static void turn(english_task *t) {
  att_runes text = t->text;
  t->text = t->made;
  t->made = text;
  t->made.count = 0;
}

static int32_t at(const english_task *t, size_t i) { return i < t->text.count ? t->text.data[i] : -1; }

static bool is_digit(int32_t rune) { return rune >= '0' && rune <= '9'; }
static bool is_small(int32_t rune) { return rune >= 'a' && rune <= 'z'; }
static bool is_currency(int32_t rune) { return rune == 0x20ac || rune == 0xa3 || rune == '$'; }
/* Python's \w */
static bool is_word(int32_t rune) {
  return rune >= 0 && (rune == '_' || att_category_bit(rune) & (ATT_LETTERS | ATT_NUMBERS));
}

/* Whether a word begins or ends before place i: Python's \b */
static bool is_boundary(const english_task *t, size_t i) { return is_word(i ? at(t, i - 1) : -1) != is_word(at(t, i)); }

static bool stands(const english_task *t, size_t i, const char *text) {
  for (; *text; text++, i++)
    if (at(t, i) != *text) return false;
  return true;
}

static size_t skip_spaces(const english_task *t, size_t i) {
  while (i < t->text.count && att_rune_is_space(t->text.data[i])) i++;
  return i;
}

/* Reads a rule's match at place *i and writes what stands for it; or leaves *i. */
typedef att_status rule(english_task *t, size_t *i);

static att_status apply(english_task *t, rule *read) {
  for (size_t i = 0; i < t->text.count;) {
    size_t begin = i;
    ATT_TRY(read(t, &i));
    if (i == begin) ATT_TRY(put(t, t->text.data[i++]));
  }
  turn(t);
  return ATT_OK;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static void find_last(english_task *t, int32_t one, int32_t other) {
  t->last = t->text.count;
  while (t->last > 0 && t->text.data[t->last - 1] != one && t->text.data[t->last - 1] != other) t->last--;
}

/* <words> and [words] */
static att_status drop_brackets(english_task *t, size_t *i) {
  if (at(t, *i) != '<' && at(t, *i) != '[') return ATT_OK;
  for (size_t end = *i + 1; end < t->last; end++) {
    if (t->text.data[end] != '>' && t->text.data[end] != ']') continue;
    *i = end + 1;
    break;
  }
  return ATT_OK;
}

/* (words) */
static att_status drop_parentheses(english_task *t, size_t *i) {
  size_t end = *i + 1;
  if (at(t, *i) != '(' || at(t, end) == ')') return ATT_OK;
  while (end < t->last && t->text.data[end] != ')') end++;
  if (end < t->last) *i = end + 1;
  return ATT_OK;
}

static att_status drop_hesitation(english_task *t, size_t *i) {
  static const char *const sounds[] = {"hmm", "mm", "mhm", "mmm", "uh", "um"};
  for (size_t k = 0; k < sizeof sounds / sizeof *sounds && is_boundary(t, *i); k++) {
    size_t end = *i + strlen(sounds[k]);
    if (!stands(t, *i, sounds[k]) || !is_boundary(t, end)) continue;
    *i = end;
    break;
  }
  return ATT_OK;
}

/* A space before an apostrophe. */
static att_status join_apostrophe(english_task *t, size_t *i) {
  size_t end = skip_spaces(t, *i);
  if (at(t, end) == '\'') *i = end;
  while (*i < end) ATT_TRY(put(t, t->text.data[(*i)++]));
  return ATT_OK;
}

/* In this order: what one makes the next ones read. `word`: it begins where a word does; all end where one does. */
static const struct {
  const char *from, *to;
  bool word;
} contractions[] = {
    {"won't", "will not", true},
    {"can't", "can not", true},
    {"let's", "let us", true},
    {"ain't", "aint", true},
    {"y'all", "you all", true},
    {"wanna", "want to", true},
    {"gotta", "got to", true},
    {"gonna", "going to", true},
    {"i'ma", "i am going to", true},
    {"imma", "i am going to", true},
    {"woulda", "would have", true},
    {"coulda", "could have", true},
    {"shoulda", "should have", true},
    {"ma'am", "madam", true},
    {"mr", "mister ", true},
    {"mrs", "missus ", true},
    {"st", "saint ", true},
    {"dr", "doctor ", true},
    {"prof", "professor ", true},
    {"capt", "captain ", true},
    {"gov", "governor ", true},
    {"ald", "alderman ", true},
    {"gen", "general ", true},
    {"sen", "senator ", true},
    {"rep", "representative ", true},
    {"pres", "president ", true},
    {"rev", "reverend ", true},
    {"hon", "honorable ", true},
    {"asst", "assistant ", true},
    {"assoc", "associate ", true},
    {"lt", "lieutenant ", true},
    {"col", "colonel ", true},
    {"jr", "junior ", true},
    {"sr", "senior ", true},
    {"esq", "esquire ", true},
    {"'d been", " had been", false},
    {"'s been", " has been", false},
    {"'d gone", " had gone", false},
    {"'s gone", " has gone", false},
    {"'d done", " had done", false},
    {"'s got", " has got", false},
    {"n't", " not", false},
    {"'re", " are", false},
    {"'s", " is", false},
    {"'d", " would", false},
    {"'ll", " will", false},
    {"'t", " not", false},
    {"'ve", " have", false},
    {"'m", " am", false},
};

static att_status expand(english_task *t) {
  for (size_t k = 0; k < sizeof contractions / sizeof *contractions; k++) {
    size_t size = strlen(contractions[k].from);
    for (size_t i = 0; i < t->text.count;) {
      bool is = stands(t, i, contractions[k].from) && is_boundary(t, i + size) &&
                (!contractions[k].word || is_boundary(t, i));
      if (is) ATT_TRY(put_text(t, contractions[k].to));
      if (!is) ATT_TRY(put(t, t->text.data[i]));
      i += is ? size : 1;
    }
    turn(t);
  }
  return ATT_OK;
}

/* ---- marks ------------------------------------------------------------------------------------------------------ */

static bool is_decimal(int32_t rune) { return rune >= 0 && att_category_of(rune) == ATT_ND; }

/* A comma between digits. */
static att_status join_thousands(english_task *t, size_t *i) {
  if (!is_decimal(at(t, *i)) || at(t, *i + 1) != ',' || !is_decimal(at(t, *i + 2))) return ATT_OK;
  ATT_TRY(put(t, at(t, *i)));
  ATT_TRY(put(t, at(t, *i + 2)));
  *i += 3;
  return ATT_OK;
}

/* A period that no digit follows. */
static att_status drop_period(english_task *t, size_t *i) {
  if (at(t, *i) != '.' || is_digit(at(t, *i + 1))) return ATT_OK;
  ATT_TRY(put(t, ' '));
  if (*i + 1 < t->text.count) ATT_TRY(put(t, at(t, *i + 1)));
  *i += 2;
  return ATT_OK;
}

/* Letters that no normal form takes apart; those that a capital would be are in lower case already. */
static const char *plain_of(int32_t rune) {
  switch (rune) {
  case 0x153: return "oe";
  case 0x152: return "OE";
  case 0xf8: return "o";
  case 0xd8: return "O";
  case 0xe6: return "ae";
  case 0xc6: return "AE";
  case 0xdf: return "ss";
  case 0x1e9e: return "SS";
  case 0x111:
  case 0xf0: return "d";
  case 0x110:
  case 0xd0: return "D";
  case 0xfe:
  case 0xde: return "th";
  case 0x142: return "l";
  case 0x141: return "L";
  default: return NULL;
  }
}

static att_status put_without_marks(english_task *t, int32_t rune) {
  const char *plain = plain_of(rune);
  bool kept = rune == '.' || rune == '%' || is_currency(rune) || rune == 0xa2;
  if (kept) return put(t, rune);
  if (plain) return put_text(t, plain);
  uint32_t category = att_category_bit(rune);
  if (category == 1u << ATT_MN) return ATT_OK;
  return put(t, category & (ATT_MARKS | ATT_PUNCTUATION | ATT_SYMBOLS) ? ' ' : rune);
}

static att_status write_bytes(english_task *t) {
  t->bytes.size = 0;
  for (size_t i = 0; i < t->text.count; i++) {
    char bytes[4];
    ATT_TRY(att_buffer_append(t->ctx, &t->bytes, bytes, att_utf8_put(t->text.data[i], bytes)));
  }
  return ATT_OK;
}

static att_status read_bytes(english_task *t, const att_buffer *bytes) {
  return att_runes_read(t->ctx, (att_text){bytes->data ? bytes->data : "", bytes->size}, false, &t->text);
}

static att_status drop_marks(english_task *t) {
  ATT_TRY(write_bytes(t));
  t->other.size = 0;
  ATT_TRY(att_normal_form(t->ctx, ATT_NFKD, (att_text){t->bytes.data ? t->bytes.data : "", t->bytes.size}, &t->other));
  ATT_TRY(read_bytes(t, &t->other));
  for (size_t i = 0; i < t->text.count; i++) ATT_TRY(put_without_marks(t, t->text.data[i]));
  turn(t);
  return ATT_OK;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* Places behind "and a half" at i, or i. */
static size_t behind_half(const english_task *t, size_t i) {
  if (!stands(t, i, "and") || !is_boundary(t, i)) return i;
  size_t end = i + 3, next = skip_spaces(t, end);
  if (next == end || at(t, next) != 'a') return i;
  end = next + 1;
  next = skip_spaces(t, end);
  return next > end && stands(t, next, "half") && is_boundary(t, next + 4) ? next + 4 : i;
}

/* Whether the last word written since `begin` is a number; *any: whether there is a word. */
static att_status ends_in_number(english_task *t, size_t begin, bool *any, bool *is) {
  size_t end = t->made.count;
  while (end > begin && att_rune_is_space(t->made.data[end - 1])) end--;
  size_t first = end;
  while (first > begin && !att_rune_is_space(t->made.data[first - 1])) first--;
  char word[16];
  *any = end > first;
  *is = false;
  if (end - first >= sizeof word) return ATT_OK;
  for (size_t i = first; i < end; i++) word[i - first] = (char)(t->made.data[i] < 0x80 ? t->made.data[i] : '?');
  *is = att_english_is_number((att_text){word, end - first});
  return ATT_OK;
}

/* "and a half" after a number becomes "point five"; after nothing it goes. */
static att_status write_halves(english_task *t) {
  size_t begin = 0;
  for (size_t i = 0; i < t->text.count;) {
    size_t end = behind_half(t, i);
    bool any, is;
    if (end == i) {
      ATT_TRY(put(t, t->text.data[i++]));
      continue;
    }
    ATT_TRY(ends_in_number(t, begin, &any, &is));
    if (any) ATT_TRY(put_text(t, is ? " point five " : " and a half "));
    if (!any) t->made.count = begin;
    begin = t->made.count;
    i = end;
  }
  turn(t);
  return ATT_OK;
}

/* A space between a letter and a digit. */
static att_status part_letters(english_task *t, size_t *i) {
  int32_t now = at(t, *i), next = at(t, *i + 1);
  if (!(is_small(now) && is_digit(next)) && !(is_digit(now) && is_small(next))) return ATT_OK;
  ATT_TRY(put(t, now));
  ATT_TRY(put(t, ' '));
  ++*i;
  return ATT_OK;
}

/* But none before what ends a number. */
static att_status join_suffix(english_task *t, size_t *i) {
  static const char *const suffixes[] = {"st", "nd", "rd", "th", "s"};
  if (!is_digit(at(t, *i))) return ATT_OK;
  size_t next = skip_spaces(t, *i + 1);
  if (next == *i + 1) return ATT_OK;
  for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
    if (!stands(t, next, suffixes[k]) || !is_boundary(t, next + strlen(suffixes[k]))) continue;
    ATT_TRY(put(t, at(t, *i)));
    ATT_TRY(put_text(t, suffixes[k]));
    *i = next + strlen(suffixes[k]);
    break;
  }
  return ATT_OK;
}

/* One or two digits at i, and no word goes on behind them: their number, or -1. */
static int small_number(const english_task *t, size_t i, size_t *end) {
  int number = 0;
  *end = i;
  while (*end < i + 2 && is_digit(at(t, *end))) number = 10 * number + (int)(at(t, (*end)++) - '0');
  return *end > i && is_boundary(t, *end) ? number : -1;
}

/* "$2 and ¢7" is $2.07. */
static att_status join_cents(english_task *t, size_t *i) {
  size_t end = *i + 1, last;
  while (is_digit(at(t, end))) end++;
  if (!is_currency(at(t, *i)) || end == *i + 1 || at(t, end) != ' ') return ATT_OK;
  size_t sign = end + 1 + (stands(t, end + 1, "and ") ? 4 : 0);
  int cents = at(t, sign) == 0xa2 ? small_number(t, sign + 1, &last) : -1;
  if (cents < 0) return ATT_OK;
  for (size_t k = *i; k < end; k++) ATT_TRY(put(t, at(t, k)));
  ATT_TRY(put(t, '.'));
  ATT_TRY(put(t, '0' + cents / 10));
  ATT_TRY(put(t, '0' + cents % 10));
  *i = last;
  return ATT_OK;
}

/* "$0.07" is ¢7. */
static att_status cents_alone(english_task *t, size_t *i) {
  size_t last;
  if (!is_currency(at(t, *i)) || at(t, *i + 1) != '0' || at(t, *i + 2) < 0 || at(t, *i + 2) == '\n') return ATT_OK;
  int cents = small_number(t, *i + 3, &last);
  if (cents < 0) return ATT_OK;
  ATT_TRY(put(t, 0xa2));
  if (cents > 9) ATT_TRY(put(t, '0' + cents / 10));
  ATT_TRY(put(t, '0' + cents % 10));
  *i = last;
  return ATT_OK;
}

static att_status spell_one(english_task *t, size_t *i) {
  bool several = at(t, *i + 1) == 's';
  if (at(t, *i) != '1' || !is_boundary(t, *i) || !is_boundary(t, *i + 1 + several)) return ATT_OK;
  ATT_TRY(put_text(t, several ? "ones" : "one"));
  *i += 1 + (size_t)several;
  return ATT_OK;
}

/* Words between single spaces, in t->bytes, which are left. */
static att_status write_split(english_task *t) {
  size_t i = 0;
  while ((i = skip_spaces(t, i)) < t->text.count) {
    if (t->made.count) ATT_TRY(put(t, ' '));
    while (i < t->text.count && !att_rune_is_space(t->text.data[i])) ATT_TRY(put(t, t->text.data[i++]));
  }
  turn(t);
  return write_bytes(t);
}

static att_status write_numbers(english_task *t) {
  ATT_TRY(write_halves(t));
  ATT_TRY(apply(t, part_letters));
  ATT_TRY(apply(t, join_suffix));
  ATT_TRY(write_split(t));
  t->other.size = 0;
  ATT_TRY(att_english_numbers(t->ctx, (att_text){t->bytes.data ? t->bytes.data : "", t->bytes.size}, &t->other));
  ATT_TRY(read_bytes(t, &t->other));
  ATT_TRY(apply(t, join_cents));
  ATT_TRY(apply(t, cents_alone));
  return apply(t, spell_one);
}

/* ---- spellings, and the end ------------------------------------------------------------------------------------- */

static att_status respell(english_task *t, const json_t *spellings) {
  ATT_TRY(write_split(t));
  t->other.size = 0;
  for (size_t i = 0; i < t->bytes.size;) {
    const char *word = t->bytes.data + i, *end = memchr(word, ' ', t->bytes.size - i);
    size_t size = end ? (size_t)(end - word) : t->bytes.size - i;
    const char *other = json_string_value(json_object_getn(spellings, word, size));
    ATT_TRY(att_buffer_append(t->ctx, &t->other, other ? other : word, other ? strlen(other) : size));
    if (end) ATT_TRY(att_buffer_append(t->ctx, &t->other, " ", 1));
    i += size + 1;
  }
  return read_bytes(t, &t->other);
}

/* Signs of numbers that stand before none. */
static att_status drop_lone_sign(english_task *t, size_t *i) {
  int32_t now = at(t, *i), next = at(t, *i + 1);
  if ((now != '.' && !is_currency(now) && now != 0xa2) || next < 0 || is_digit(next)) return ATT_OK;
  ATT_TRY(put(t, ' '));
  ATT_TRY(put(t, next));
  *i += 2;
  return ATT_OK;
}

static att_status drop_lone_percent(english_task *t, size_t *i) {
  int32_t now = at(t, *i);
  if (is_digit(now) || at(t, *i + 1) != '%') return ATT_OK;
  ATT_TRY(put(t, now));
  ATT_TRY(put(t, ' '));
  *i += 2;
  return ATT_OK;
}

static att_status join_spaces(english_task *t, size_t *i) {
  size_t end = skip_spaces(t, *i);
  if (end > *i) ATT_TRY(put(t, ' '));
  *i = end;
  return ATT_OK;
}

static att_status normalize(english_task *t, att_text text, const json_t *spellings) {
  static rule *const after[] = {drop_lone_sign, drop_lone_percent, join_spaces};
  ATT_TRY(att_runes_read(t->ctx, text, true, &t->text));
  find_last(t, '>', ']');
  ATT_TRY(apply(t, drop_brackets));
  find_last(t, ')', ')');
  ATT_TRY(apply(t, drop_parentheses));
  ATT_TRY(apply(t, drop_hesitation));
  ATT_TRY(apply(t, join_apostrophe));
  ATT_TRY(expand(t));
  ATT_TRY(apply(t, join_thousands));
  ATT_TRY(apply(t, drop_period));
  ATT_TRY(drop_marks(t));
  ATT_TRY(write_numbers(t));
  ATT_TRY(respell(t, spellings));
  for (size_t i = 0; i < sizeof after / sizeof *after; i++) ATT_TRY(apply(t, after[i]));
  return write_bytes(t);
}

att_status att_english_normalize(att_context *ctx, att_text text, const json_t *spellings, att_buffer *out) {
  english_task task = {.ctx = ctx};
  att_status status = normalize(&task, text, spellings);
  if (!status) status = att_buffer_append(ctx, out, task.bytes.data, task.bytes.size);
  att_free(ctx, task.text.data);
  att_free(ctx, task.made.data);
  att_buffer_free(ctx, &task.bytes);
  att_buffer_free(ctx, &task.other);
  return status;
}
