/* Owns att_tune_read, att_tune_write and att_tune_convert: files of tunes to words and back, and to each other. */
#include "train/data/music.h"

att_status att_tune_read(att_context *ctx, const char *path, char **words, size_t *size) {
  att_tune tune;
  att_buffer out = {0};
  *words = NULL;
  *size = 0;
  ATT_TRY(att_music_read_one(ctx, path, &tune));
  att_status status = att_tune_to_words(ctx, path, &tune, &out);
  att_tune_free(ctx, &tune);
  if (status) {
    att_buffer_free(ctx, &out);
    return status;
  }
  *words = out.data;
  *size = out.size;
  return ATT_OK;
}

att_status att_tune_write(att_context *ctx, const char *words, size_t size, const char *path) {
  att_tune tune;
  ATT_TRY(att_music_check_name(ctx, path));
  ATT_TRY(att_tune_from_words(ctx, words, size, &tune));
  att_status status = att_music_write(ctx, &tune, path);
  att_tune_free(ctx, &tune);
  return status;
}

att_status att_tune_convert(att_context *ctx, const char *from, const char *to) {
  att_tune tune;
  ATT_TRY(att_music_check_name(ctx, to));
  ATT_TRY(att_music_read_one(ctx, from, &tune));
  att_status status = att_music_write(ctx, &tune, to);
  att_tune_free(ctx, &tune);
  return status;
}
