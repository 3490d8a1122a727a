/* Owns what music.h says. */
#include "train/data/music.h"

#include "formats/file.h"

#include <string.h>
#include <strings.h>

#define ATT_LARGEST_FILE ((size_t)1 << 28)
#define ATT_LONGEST_NOTE 384 /* words' ticks, as tune.c has it */

static bool ends_in(const char *name, const char *end) {
  size_t size = strlen(name), length = strlen(end);
  return size >= length && strcasecmp(name + size - length, end) == 0;
}

static bool is_midi(const char *name) { return ends_in(name, ".mid") || ends_in(name, ".midi"); }

static att_status unknown(att_context *ctx, const char *name) {
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: tunes are read from .mid, .midi and .abc files", name);
}

/* ---- tunes ---------------------------------------------------------------------------------------------------- */

static att_status read_tunes(att_context *ctx, const char *name, att_tune_fn *give, void *user) {
  att_buffer bytes = {0};
  if (ends_in(name, ".abc")) {
    char *text;
    size_t size;
    ATT_TRY(att_read_text(ctx, name, &text, &size));
    att_status status = att_abc_read(ctx, name, text, size, give, user);
    att_free(ctx, text);
    return status;
  }
  if (!is_midi(name)) return unknown(ctx, name);
  att_tune tune;
  ATT_TRY(att_file_read(ctx, name, ATT_LARGEST_FILE, &bytes));
  att_status status = att_midi_read(ctx, name, (const unsigned char *)bytes.data, bytes.size, &tune);
  att_buffer_free(ctx, &bytes);
  if (status) return status;
  status = tune.note_count ? give(user, &tune) : att_fail(ctx, ATT_FORMAT, "%s: it has no notes", name);
  att_tune_free(ctx, &tune);
  return status;
}

typedef struct first_tune {
  att_context *ctx;
  att_tune *out;
  size_t count; /* of tunes in the file */
} first_tune;

/* A copy: what is given stays the reader's. */
static att_status take_first(void *user, const att_tune *tune) {
  first_tune *f = user;
  if (f->count++ > 0) return ATT_OK;
  *f->out = (att_tune){.quarter = tune->quarter};
  for (size_t i = 0; i < tune->note_count; i++) ATT_TRY(att_tune_add_note(f->ctx, f->out, tune->notes[i]));
  for (size_t i = 0; i < tune->tempo_count; i++)
    ATT_TRY(att_tune_add_tempo(f->ctx, f->out, tune->tempi[i].at, tune->tempi[i].microseconds));
  for (size_t i = 0; i < tune->metre_count; i++)
    ATT_TRY(
        att_tune_add_metre(f->ctx, f->out, tune->metres[i].at, tune->metres[i].numerator, tune->metres[i].denominator));
  return ATT_OK;
}

att_status att_music_read_one(att_context *ctx, const char *name, att_tune *tune) {
  first_tune first = {ctx, tune, 0};
  *tune = (att_tune){0};
  att_status status = read_tunes(ctx, name, take_first, &first);
  if (status) att_tune_free(ctx, tune);
  if (first.count > 1) att_log(ctx, ATT_LOG_WARNING, "%s: it has %zu tunes: the first is taken", name, first.count);
  return status;
}

att_status att_music_check_name(att_context *ctx, const char *path) {
  if (is_midi(path) || ends_in(path, ".abc")) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: a tune is written as .mid or .abc", path);
}

att_status att_music_write(att_context *ctx, const att_tune *tune, const char *path) {
  att_buffer out = {0};
  ATT_TRY(att_music_check_name(ctx, path));
  att_status status = is_midi(path) ? att_midi_write(ctx, tune, &out) : att_abc_write(ctx, tune, &out);
  if (!status && tune->note_count == 0) att_log(ctx, ATT_LOG_WARNING, "%s: the tune has no notes", path);
  if (!status) status = att_write_file(ctx, path, out.data, out.size);
  att_buffer_free(ctx, &out);
  return status;
}

/* ---- running text --------------------------------------------------------------------------------------------- */

typedef struct tune_taker {
  att_context *ctx;
  att_running *r;
  size_t capacity;
  const char *name; /* of the file that is read */
} tune_taker;

static att_status make_room(tune_taker *t) {
  att_running *r = t->r;
  if (r->count < t->capacity) return ATT_OK;
  size_t more = t->capacity ? 2 * t->capacity : 64;
  char **texts = att_resize(t->ctx, r->texts, more, sizeof *texts);
  if (!texts) return ATT_MEMORY;
  r->texts = texts;
  att_text *pieces = att_resize(t->ctx, r->pieces, more, sizeof *pieces);
  if (!pieces) return ATT_MEMORY;
  r->pieces = pieces;
  bool *opens = att_resize(t->ctx, r->opens, more, sizeof *opens);
  if (!opens) return ATT_MEMORY;
  r->opens = opens;
  t->capacity = more;
  return ATT_OK;
}

static att_status take_tune(void *user, const att_tune *tune) {
  tune_taker *t = user;
  att_running *r = t->r;
  att_buffer words = {0};
  att_status status = make_room(t);
  if (!status) status = att_tune_to_words(t->ctx, t->name, tune, &words);
  if (status) {
    att_buffer_free(t->ctx, &words);
    return status;
  }
  r->texts[r->text_count++] = words.data;
  r->pieces[r->count] = (att_text){words.data, words.size};
  r->opens[r->count++] = true;
  r->bytes += words.size;
  return ATT_OK;
}

att_status att_music_read(att_context *ctx, const char *const *names, size_t count, att_running *r) {
  tune_taker t = {ctx, r, 0, NULL};
  *r = (att_running){0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < count && !status; i++) {
    if (att_is_interrupted(ctx)) status = att_fail(ctx, ATT_INTERRUPTED, "interrupted while reading %s", names[i]);
    t.name = names[i];
    if (!status) status = read_tunes(ctx, names[i], take_tune, &t);
  }
  if (status) {
    att_running_free(ctx, r);
    return status;
  }
  att_log(ctx, ATT_LOG_NOTE, "%zu tunes in %zu files", r->count, count);
  return ATT_OK;
}

/* ---- the vocabulary ------------------------------------------------------------------------------------------- */

typedef struct vocabulary_writer {
  att_context *ctx;
  att_buffer out;
  int count;
} vocabulary_writer;

static att_status put_word(vocabulary_writer *w, const char *word, int number) {
  ATT_TRY(att_buffer_print(w->ctx, &w->out, "%s\"%s", w->count ? ", " : "", word));
  if (number >= 0) ATT_TRY(att_buffer_print(w->ctx, &w->out, "%d", number));
  return att_buffer_print(w->ctx, &w->out, "\": %d", w->count++);
}

static att_status put_words(vocabulary_writer *w) {
  static const int denominators[] = {1, 2, 4, 8, 16, 32};
  ATT_TRY(put_word(w, "<|endoftext|>", -1));
  ATT_TRY(put_word(w, "<unk>", -1));
  ATT_TRY(put_word(w, "bar", -1));
  ATT_TRY(put_word(w, "drums", -1));
  for (int i = 0; i < 128; i++) ATT_TRY(put_word(w, "key_", i));
  for (int i = 0; i < 128; i++) ATT_TRY(put_word(w, "program_", i));
  for (int i = 8; i <= 120; i += 8) ATT_TRY(put_word(w, "vel_", i));
  for (int i = 1; i <= ATT_LONGEST_NOTE; i++) ATT_TRY(put_word(w, "len_", i));
  for (int i = 0; i < ATT_LONGEST_NOTE; i++) ATT_TRY(put_word(w, "pos_", i));
  for (int i = 10; i <= 400; i++) ATT_TRY(put_word(w, "tempo_", i));
  for (size_t d = 0; d < sizeof denominators / sizeof *denominators; d++)
    for (int n = 1; n <= 24; n++) {
      char name[24] = "metre_";
      ATT_TRY(att_buffer_print(w->ctx, &w->out, ", \"%s%d/%d\": %d", name, n, denominators[d], w->count++));
    }
  return ATT_OK;
}

static att_status write_json(vocabulary_writer *w) {
  static const char special[] = "{\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, "
                                "\"rstrip\": false, \"normalized\": false, \"special\": true}";
  ATT_TRY(att_buffer_print(w->ctx, &w->out,
                           "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": ["));
  ATT_TRY(att_buffer_print(w->ctx, &w->out, special, 0, "<|endoftext|>"));
  ATT_TRY(att_buffer_print(w->ctx, &w->out, ", "));
  ATT_TRY(att_buffer_print(w->ctx, &w->out, special, 1, "<unk>"));
  ATT_TRY(att_buffer_print(w->ctx, &w->out,
                           "], \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, "
                           "\"post_processor\": null, \"decoder\": null, \"model\": {\"type\": "
                           "\"WordLevel\", \"vocab\": {"));
  ATT_TRY(put_words(w));
  return att_buffer_print(w->ctx, &w->out, "}, \"unk_token\": \"<unk>\"}}");
}

att_status att_music_tokenizer(att_context *ctx, att_tokenizer **out) {
  vocabulary_writer w = {.ctx = ctx};
  *out = NULL;
  att_status status = write_json(&w);
  if (!status) status = att_tokenizer_parse(ctx, "the words of tunes", w.out.data, w.out.size, out);
  att_buffer_free(ctx, &w.out);
  return status;
}
