/* Owns what record.h says of train.jsonl. The picture is in picture.c. */
#include "train/record.h"

#include "formats/file.h"
#include "formats/json.h"
#include "train/loss_curve.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define ATT_LARGEST_RECORD ((size_t)1 << 32)

static att_status fail_errno(att_record *r, const char *what) {
  return att_fail(r->ctx, ATT_IO, "%s: %s: %s", r->path, what, strerror(errno));
}

/* And makes room for a line as long as they get, so that none allocates. */
static att_status open_record(att_context *ctx, const char *folder, int flags, att_record *r) {
  static const char longest[512];
  *r = (att_record){ctx, att_path(ctx, folder, "train.jsonl"), att_path(ctx, folder, "loss.svg"), -1, {0}};
  att_status status = ATT_MEMORY;
  if (r->path && r->picture) {
    r->fd = open(r->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0666);
    status = r->fd < 0 ? fail_errno(r, "cannot be opened") : ATT_OK;
    if (!status) status = att_buffer_append(ctx, &r->line, longest, sizeof longest);
  }
  if (status) att_record_close(r);
  return status;
}

att_status att_record_begin(att_context *ctx, const char *folder, att_record *r) {
  return open_record(ctx, folder, O_TRUNC, r);
}

/* The bytes of whole lines up to the checkpoint. */
static size_t bytes_to_keep(att_context *ctx, const char *text, int64_t step, int64_t validated) {
  size_t kept = 0;
  for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    att_point point;
    if (att_point_read(ctx, line, (size_t)(end - line), NULL, &point) ||
        point.step > (point.validation ? validated : step))
      break;
    kept = (size_t)(end + 1 - text);
  }
  return kept;
}

att_status att_record_resume(att_context *ctx, const char *folder, int64_t step, int64_t validated, att_record *r) {
  att_buffer text = {0};
  ATT_TRY(open_record(ctx, folder, 0, r));
  att_status status = att_file_read(ctx, r->path, ATT_LARGEST_RECORD, &text);
  if (!status) {
    size_t keep = text.data ? bytes_to_keep(ctx, text.data, step, validated) : 0;
    if (ftruncate(r->fd, (off_t)keep) != 0) status = fail_errno(r, "cannot be cut to the checkpoint");
  }
  att_buffer_free(ctx, &text);
  if (status) att_record_close(r);
  return status;
}

void att_record_close(att_record *r) {
  if (!r->ctx) return;
  if (r->fd >= 0) close(r->fd);
  att_free(r->ctx, r->path);
  att_free(r->ctx, r->picture);
  att_buffer_free(r->ctx, &r->line);
  *r = (att_record){.fd = -1};
}

static att_status put_field(att_record *r, const char *name, double value) {
  ATT_TRY(att_buffer_print(r->ctx, &r->line, ", \"%s\": ", name));
  return att_json_put_number(r->ctx, &r->line, value);
}

static att_status begin_line(att_record *r, int64_t step, double seconds) {
  r->line.size = 0;
  ATT_TRY(att_buffer_print(r->ctx, &r->line, "{\"step\": %lld", (long long)step));
  return put_field(r, "seconds", round(seconds * 1000) / 1000);
}

static att_status end_line(att_record *r) {
  ssize_t written;
  ATT_TRY(att_buffer_append(r->ctx, &r->line, "}\n", 2));
  do written = write(r->fd, r->line.data, r->line.size);
  while (written < 0 && errno == EINTR);
  if (written == (ssize_t)r->line.size) return ATT_OK;
  if (written >= 0) errno = ENOSPC;
  return fail_errno(r, "cannot be written");
}

att_status att_record_step(att_record *r, int64_t step, double seconds, int64_t tokens, double loss, double lr,
                           double tokens_per_second) {
  ATT_TRY(begin_line(r, step, seconds));
  ATT_TRY(put_field(r, "tokens", (double)tokens));
  ATT_TRY(put_field(r, "loss", loss));
  ATT_TRY(put_field(r, "lr", lr));
  ATT_TRY(put_field(r, "tokens_per_second", round(tokens_per_second * 10) / 10));
  return end_line(r);
}

att_status att_record_valid(att_record *r, int64_t step, double seconds, double loss, double perplexity,
                            const char *quality, double value) {
  char key[ATT_MOST_KEY];
  ATT_TRY(begin_line(r, step, seconds));
  ATT_TRY(put_field(r, "valid_loss", loss));
  if (perplexity > 0) ATT_TRY(put_field(r, "perplexity", perplexity));
  if (quality) ATT_TRY(put_field(r, att_quality_key(quality, key), value));
  return end_line(r);
}

att_status att_record_sync(att_record *r) { return fdatasync(r->fd) == 0 ? ATT_OK : fail_errno(r, "cannot be synced"); }

att_status att_record_draw(att_record *r, const char *quality) {
  att_buffer text = {0}, svg = {0};
  att_status status = att_file_read(r->ctx, r->path, ATT_LARGEST_RECORD, &text);
  if (!status) status = att_picture_draw(r->ctx, text.data ? text.data : "", quality, &svg);
  if (!status) status = att_write_file(r->ctx, r->picture, svg.data, svg.size);
  att_buffer_free(r->ctx, &svg);
  att_buffer_free(r->ctx, &text);
  return status;
}
