/* Continues (or translates) the lines of standard input, many at once, as they end: serve MODEL < in > out */
#include <attend/attend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct line {
  size_t number;
  char *text; /* what has come of its answer */
  size_t size;
} line;

static int on_piece(void *user, const att_piece_of_text *piece) {
  line *l = user;
  char *grown = realloc(l->text, l->size + piece->size + 1);
  if (!grown) return 1; /* no more of this one */
  l->text = grown;
  memcpy(l->text + l->size, piece->text, piece->size);
  l->size += piece->size;
  if (piece->last) printf("%zu: %.*s\n", l->number, (int)l->size, l->text);
  return 0;
}

/* New lines go in as long as there is room for them; each step brings all that are in a token further. */
static att_status serve(att_service *service, const att_text *texts, line *lines, size_t count) {
  att_status status = ATT_OK;
  for (size_t next = 0, left = 0; next < count || left;) {
    att_request request;
    att_request_default(&request);
    for (; next < count; next++) {
      lines[next].number = next + 1;
      request.text = texts[next];
      request.give = on_piece;
      request.user = &lines[next];
      status = att_service_submit(service, &request, NULL);
      if (status != ATT_OK) break;
    }
    if (status != ATT_OK && status != ATT_FULL) return status;
    status = att_service_step(service, &left);
    if (status != ATT_OK) return status;
  }
  return ATT_OK;
}

static att_status run(att_context *ctx, const char *folder) {
  att_model *model;
  att_service *service = NULL;
  att_text *texts = NULL;
  line *lines = NULL;
  size_t count = 0;
  att_status status = att_model_open(ctx, folder, &model);
  if (status == ATT_OK) status = att_service_new(model, NULL, &service);
  if (status == ATT_OK) status = att_read_lines(ctx, "-", &texts, &count);
  if (status == ATT_OK && !(lines = calloc(count + 1, sizeof *lines))) status = ATT_MEMORY;
  if (status == ATT_OK) status = serve(service, texts, lines, count);
  for (size_t i = 0; lines && i < count; i++) free(lines[i].text);
  free(lines);
  att_release(ctx, texts);
  att_service_free(service);
  att_model_close(model);
  return status;
}

int main(int count, char **arguments) {
  att_context *ctx;
  if (count != 2) {
    fprintf(stderr, "usage: serve MODEL < in > out\n");
    return 2;
  }
  if (att_context_new(NULL, &ctx) != ATT_OK) return 1;
  att_status status = run(ctx, arguments[1]);
  if (status != ATT_OK) fprintf(stderr, "serve: %s\n", att_message(ctx));
  att_context_free(ctx);
  return status == ATT_OK ? 0 : 1;
}
