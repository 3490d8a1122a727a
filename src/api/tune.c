/* Owns att_tune_read and att_tune_write: files of tunes to words and back. */
#include "formats/file.h"
#include "train/data/music.h"

#include <string.h>
#include <strings.h>

att_status att_tune_read(att_context *ctx, const char *path, char **words, size_t *size) {
  att_tune tune;
  att_buffer out = {0};
  *words = NULL;
  *size = 0;
  ATT_TRY(att_music_read_one(ctx, path, &tune));
  att_status status = att_tune_to_words(ctx, &tune, &out);
  att_tune_free(ctx, &tune);
  if (status) {
    att_buffer_free(ctx, &out);
    return status;
  }
  *words = out.data;
  *size = out.size;
  return ATT_OK;
}

static bool is_abc(const char *path) {
  size_t size = strlen(path);
  return size > 4 && strcasecmp(path + size - 4, ".abc") == 0;
}

static bool is_midi(const char *path) {
  size_t size = strlen(path);
  return (size > 4 && strcasecmp(path + size - 4, ".mid") == 0) ||
         (size > 5 && strcasecmp(path + size - 5, ".midi") == 0);
}

att_status att_tune_write(att_context *ctx, const char *words, size_t size, const char *path) {
  att_tune tune;
  att_buffer out = {0};
  if (!is_abc(path) && !is_midi(path))
    return att_fail(ctx, ATT_ARGUMENT, "%s: a tune is written as .mid or .abc", path);
  ATT_TRY(att_tune_from_words(ctx, words, size, &tune));
  att_status status = is_abc(path) ? att_abc_write(ctx, &tune, &out) : att_midi_write(ctx, &tune, &out);
  if (!status && tune.note_count == 0) att_log(ctx, ATT_LOG_WARNING, "%s: the tune has no notes", path);
  if (!status) status = att_write_file(ctx, path, out.data, out.size);
  att_tune_free(ctx, &tune);
  att_buffer_free(ctx, &out);
  return status;
}
