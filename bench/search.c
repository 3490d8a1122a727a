/*
 * Owns the timing of searching an index of random vectors: what one query takes, what 32 together take, and what
 * reading the vectors from memory once takes (a sum over them, by all threads). The file is made in TMPDIR and removed.
 *
 *     bench_search MODEL [COUNT [THREADS]]      MODEL: a folder of a sentence encoder; COUNT: vectors (1,000,000)
 *
 * Prints a JSON object: seconds, each the best of ROUNDS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <attend/attend.h>

#include "base/parallel.h"
#include "base/random.h"
#include "formats/vector_file.h"
#include "kernels/kernels.h"
#include "models/fingerprint.h"

enum { ROUNDS = 7, QUERIES = 32, TOP = 10, PIECE = 4096 };

static att_context *ctx;

static void draw(float *row, size_t width, uint64_t key) {
  double squares = 0;
  for (size_t i = 0; i < width; i++) {
    row[i] = (float)(att_uniform(key, i) - 0.5);
    squares += (double)row[i] * (double)row[i];
  }
  for (size_t i = 0; i < width; i++) row[i] /= (float)__builtin_sqrt(squares);
}

static att_status make_index(att_model *model, const char *path, size_t count, size_t width) {
  const att_vector_head head = {.type = ATT_F32,
                                .width = width,
                                .model = att_model_fingerprint(model),
                                .similarity = ATT_SIMILARITY_COSINE,
                                .pooling = ATT_POOL_DEFAULT};
  att_vector_writer *writer;
  float *row = calloc(width, sizeof *row);
  if (!row) return ATT_MEMORY;
  att_status status = att_vector_writer_open(ctx, path, &head, &writer);
  for (size_t i = 0; i < count && !status; i++) {
    draw(row, width, att_key(3, i % 65536)); /* many the same: drawing takes long, and equal ones cost as much */
    status = att_vector_writer_put(writer, row, (att_text){"x", 1}, i);
    if (status) att_vector_writer_discard(writer);
  }
  free(row);
  return status ? status : att_vector_writer_commit(writer);
}

/* ---- reading memory once ---- */

typedef struct reading {
  const float *values;
  int64_t count;
  double sums[256];
} reading;

static void read_piece(void *arg, int64_t begin, int64_t end, int thread) {
  reading *r = arg;
  int64_t first = begin * PIECE, last = end * PIECE < r->count ? end * PIECE : r->count;
  r->sums[thread] += att_kernels_get()->sum_squares(r->values + first, last - first);
}

static double read_once(const float *values, int64_t count) {
  static reading r;
  r = (reading){.values = values, .count = count};
  double begin = att_now();
  att_parallel(ctx, (count + PIECE - 1) / PIECE, 1, read_piece, &r);
  return att_now() - begin;
}

/* ---- searching ---- */

static double search(const att_index *index, const float *queries, size_t count) {
  static att_ranked found[QUERIES * TOP];
  double begin = att_now();
  if (att_index_search_vectors(index, queries, count, TOP, found)) {
    fprintf(stderr, "%s\n", att_message(ctx));
    exit(1);
  }
  return att_now() - begin;
}

static att_status measure(att_model *model, const char *path, size_t width) {
  static float queries[QUERIES * 4096];
  double once = 1e9, one = 1e9, many = 1e9;
  att_vector_file file;
  att_index *index;
  ATT_TRY(att_vector_file_open(ctx, path, &file));
  ATT_TRY(att_index_open(model, path, &index));
  for (size_t q = 0; q < QUERIES; q++) draw(queries + q * width, width, att_key(9, q));
  for (int round = 0; round < ROUNDS; round++) {
    double took = read_once(file.vectors, (int64_t)(file.head.count * width));
    if (took < once) once = took;
    took = search(index, queries, 1);
    if (took < one) one = took;
    took = search(index, queries, QUERIES);
    if (took < many) many = took;
  }
  printf("{\"vectors\": %zu, \"width\": %zu, \"read\": %.4f, \"one\": %.4f, \"many\": %.4f, \"one_by_read\": %.2f, "
         "\"queries_a_second_by_one\": %.2f}\n",
         file.head.count, width, once, one, many, one / once, QUERIES * one / many);
  att_index_close(index);
  att_vector_file_close(ctx, &file);
  return ATT_OK;
}

static att_status run(const char *folder, size_t count, const char *path) {
  att_model *model;
  ATT_TRY(att_model_open(ctx, folder, &model));
  size_t width = att_embedding_width(model, NULL);
  att_status status = width > 0 && width <= 4096 ? make_index(model, path, count, width) : ATT_ARGUMENT;
  if (!status) status = measure(model, path, width);
  att_model_close(model);
  return status;
}

int main(int argc, char **argv) {
  char path[512];
  const char *folder = getenv("TMPDIR");
  if (argc < 2) return fprintf(stderr, "bench_search MODEL [COUNT [THREADS]]\n"), 2;
  size_t count = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 1000000;
  att_context_options options = {.size = sizeof options, .threads = argc > 3 ? atoi(argv[3]) : 0};
  if (att_context_new(&options, &ctx)) return 1;
  snprintf(path, sizeof path, "%s/attend-search-%d.index", folder ? folder : "/tmp", (int)getpid());
  att_status status = run(argv[1], count, path);
  unlink(path);
  if (status) fprintf(stderr, "%s: %s\n", att_status_name(status), att_message(ctx));
  att_context_free(ctx);
  return status != ATT_OK;
}
