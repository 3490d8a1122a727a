/* Translates the lines of standard input: translate MODEL < in > out */
#include <attend/attend.h>
#include <stdio.h>

static int print_best(void *user, const att_translation *translation) {
  (void)user;
  const att_hypothesis *best = translation->hypotheses[0];
  fwrite(best->text, 1, best->text_size, stdout);
  putchar('\n');
  return ferror(stdout);
}

static att_status translate(att_context *ctx, const char *folder) {
  att_model *model;
  att_text *lines = NULL;
  size_t count;
  att_status status = att_model_open(ctx, folder, &model);
  if (status == ATT_OK) status = att_read_lines(ctx, "-", &lines, &count);
  if (status == ATT_OK) status = att_translate(model, lines, count, NULL, print_best, NULL);
  att_release(ctx, lines);
  att_model_close(model);
  return status;
}

int main(int count, char **arguments) {
  att_context *ctx;
  if (count != 2) {
    fprintf(stderr, "usage: translate MODEL < in > out\n");
    return 2;
  }
  if (att_context_new(NULL, &ctx) != ATT_OK) return 1;
  att_status status = translate(ctx, arguments[1]);
  if (status != ATT_OK) fprintf(stderr, "translate: %s\n", att_message(ctx));
  att_context_free(ctx);
  return status == ATT_OK ? 0 : 1;
}
