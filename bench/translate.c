/*
 * How many seconds the library takes to translate a file, without start and opening of the model: for translate.py.
 *
 *   bench_translate MODEL SOURCE LINES BEAM MAX_LENGTH [THREADS]
 *
 * LINES at a time, sorted by length; early stopping; the model's length penalty is 1. Prints one line of JSON.
 */
#include <attend/attend.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct totals {
  size_t lines, tokens;
  double logprob;
} totals;

typedef struct sized_line {
  att_text text;
  size_t tokens;
} sized_line;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int count_up(void *user, const att_translation *translation) {
  totals *t = user;
  t->lines++;
  t->tokens += translation->hypotheses[0]->token_count;
  t->logprob += translation->hypotheses[0]->logprob;
  return 0;
}

static int by_tokens(const void *a, const void *b) {
  const sized_line *x = a, *y = b;
  return x->tokens < y->tokens ? 1 : x->tokens > y->tokens ? -1 : 0; /* the longest first, as CTranslate2 does */
}

static att_status sort_lines(att_context *ctx, att_model *model, att_text *lines, size_t count) {
  sized_line *sorted = malloc((count + 1) * sizeof *sorted);
  att_status status = sorted ? ATT_OK : ATT_MEMORY;
  for (size_t i = 0; i < count && status == ATT_OK; i++) {
    int32_t *ids;
    sorted[i].text = lines[i];
    status = att_tokenize(model, lines[i], true, &ids, &sorted[i].tokens);
    att_release(ctx, ids);
  }
  if (status == ATT_OK) qsort(sorted, count, sizeof *sorted, by_tokens);
  for (size_t i = 0; i < count && status == ATT_OK; i++) lines[i] = sorted[i].text;
  free(sorted);
  return status;
}

static att_status translate(att_model *model, const att_text *lines, size_t count, size_t batch,
                            const att_decode_options *options, totals *sums) {
  att_status status = ATT_OK;
  for (size_t first = 0; first < count && status == ATT_OK; first += batch) {
    size_t part = count - first < batch ? count - first : batch;
    status = att_translate(model, lines + first, part, options, count_up, sums);
  }
  return status;
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fprintf(stderr, "bench_translate MODEL SOURCE LINES BEAM MAX_LENGTH [THREADS]\n");
    return 2;
  }
  att_context *ctx;
  att_model *model = NULL;
  att_text *lines = NULL;
  size_t count = 0;
  totals sums = {0}, warm = {0};
  att_context_options context = {.size = sizeof(att_context_options), .threads = argc > 6 ? atoi(argv[6]) : 0};
  if (att_context_new(&context, &ctx) != ATT_OK) return 1;
  double seconds = 0;
  att_status status = att_model_open(ctx, argv[1], &model);
  if (status == ATT_OK) status = att_read_lines(ctx, argv[2], &lines, &count);
  if (status == ATT_OK) status = sort_lines(ctx, model, lines, count);
  if (status == ATT_OK) {
    att_decode_options options;
    size_t batch = (size_t)atol(argv[3]);
    att_decode_options_default(model, &options);
    options.beam = atoi(argv[4]);
    options.nbest = 1;
    options.max_length = atoi(argv[5]);
    options.length_penalty = 1;
    options.early_stopping = true;
    options.batch_tokens = INT32_MAX;
    status = translate(model, lines, count < 2 * batch ? count : 2 * batch, batch, &options, &warm);
    double start = now();
    if (status == ATT_OK) status = translate(model, lines, count, batch, &options, &sums);
    seconds = now() - start;
  }
  if (status != ATT_OK) fprintf(stderr, "bench_translate: %s\n", att_message(ctx));
  if (status == ATT_OK) {
    printf("{\"seconds\": %.6f, \"lines\": %zu, \"tokens\": %zu, \"logprob\": %.4f}\n", seconds, sums.lines,
           sums.tokens, sums.logprob);
  }
  att_release(ctx, lines);
  att_model_close(model);
  att_context_free(ctx);
  return status == ATT_OK ? 0 : 1;
}
