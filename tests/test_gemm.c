/*
 * Owns the tests of the matrix products: the door with whatever is behind it, attend's own at any number of threads and
 * with every table, few rows, the tile, the packing; against double precision.
 */
#include "kernels/gemm.h"
#include "kernels/gemm_own.h"
#include "kernels_check.h"

/* One product: what is asked for, and its operands. Rows lie `gap` elements further apart than they must. */
typedef struct product {
  int64_t m, n, k, gap, lda, ldb, ldc;
  bool transpose_a, transpose_b, accumulate;
  area a, b, c;
  double *want; /* [m, ldc] */
} product;

static product product_new(int64_t m, int64_t n, int64_t k, int flags, int64_t gap) {
  product p = {.m = m, .n = n, .k = k, .gap = gap};
  p.transpose_a = flags & 1;
  p.transpose_b = flags & 2;
  p.accumulate = flags & 4;
  p.lda = (p.transpose_a ? m : k) + gap;
  p.ldb = (p.transpose_b ? k : n) + gap;
  p.ldc = n + gap;
  p.a = area_new((p.transpose_a ? k : m) * p.lda, flags & 1, 1);
  p.b = area_new((p.transpose_b ? n : k) * p.ldb, 0, 2);
  p.c = area_new(m * p.ldc, 1, 3);
  p.want = doubles_of(p.c.data, m * p.ldc);
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = p.accumulate ? p.want[i * p.ldc + j] : 0;
      for (int64_t l = 0; l < k; l++)
        sum += (double)p.a.data[p.transpose_a ? l * p.lda + i : i * p.lda + l] *
               p.b.data[p.transpose_b ? j * p.ldb + l : l * p.ldb + j];
      p.want[i * p.ldc + j] = sum;
    }
  }
  return p;
}

static void product_check(product *p, const char *who) {
  bool nothing = p->k == 0 && !p->accumulate && !p->gap;
  if (p->m > 0 && p->n > 0 && !nothing) check_close("product", who, p->c.data, p->want, p->m * p->ldc, 1e-6);
  for (int64_t i = 0; nothing && i < p->m * p->n; i++) assert_true(p->c.data[i] == 0);
  area_free(&p->a);
  area_free(&p->b);
  area_free(&p->c);
  free(p->want);
}

static att_context *context_of(int threads) {
  att_context *ctx;
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = threads}, &ctx), ATT_OK);
  return ctx;
}

static void own(const att_context *ctx, const att_kernels *k, const product *p) {
  att_gemm_own(ctx, k, p->c.data, p->ldc, p->a.data, p->lda, p->transpose_a, p->b.data, ATT_F32, p->ldb, p->transpose_b,
               p->m, p->n, p->k, p->accumulate);
}

static void door(const att_context *ctx, const product *p) {
  att_gemm(ctx, p->c.data, p->ldc, p->a.data, p->lda, p->transpose_a, p->b.data, p->ldb, p->transpose_b, p->m, p->n,
           p->k, p->accumulate);
}

/* Sizes at the edges of tiles, blocks (256 deep) and the few rows. */
static const int64_t shapes[][3] = {{0, 5, 3},    {5, 0, 3},     {4, 5, 0},     {1, 1, 1},    {2, 3, 7},
                                    {7, 16, 15},  {14, 32, 256}, {15, 33, 257}, {16, 64, 63}, {17, 65, 100},
                                    {31, 31, 31}, {63, 100, 64}, {113, 7, 513}, {1, 257, 65}, {100, 300, 33},
                                    {230, 40, 9}, {3, 513, 300}, {12, 96, 48},  {6, 47, 512}, {64, 64, 64}};

static void test_own(void **state) {
  (void)state;
  att_context *ctx = context_of(2);
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(shapes); s++) for (int flags = 0; flags < 8; flags++) {
    product p = product_new(shapes[s][0], shapes[s][1], shapes[s][2], flags, s % 3);
    own(ctx, k, &p);
    product_check(&p, k->name);
  }
  att_context_free(ctx);
}

static void test_door(void **state) {
  (void)state;
  printf("products: %s\n", att_gemm_name());
  for (int threads = 1; threads < 4; threads++) {
    att_context *ctx = context_of(threads);
    for (size_t s = 0; s < COUNT(shapes); s++) {
      for (int flags = 0; flags < 8; flags++) {
        product p = product_new(shapes[s][0], shapes[s][1], shapes[s][2], flags, s % 3);
        door(ctx, &p);
        product_check(&p, att_gemm_name());
      }
    }
    att_context_free(ctx);
  }
}

/* The same bits at any number of threads. */
static void test_own_threads(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (int flags = 0; flags < 8; flags++) {
    float *one = NULL;
    for (int threads = 1; threads <= 7; threads++) {
      att_context *ctx = context_of(threads);
      product p = product_new(97, 131, 300, flags, 1);
      size_t size = (size_t)(p.m * p.ldc) * sizeof(float);
      own(ctx, k, &p);
      if (threads == 1) {
        one = malloc(size);
        memcpy(one, p.c.data, size);
      }
      assert_memory_equal(one, p.c.data, size);
      product_check(&p, k->name);
      att_context_free(ctx);
    }
    free(one);
  }
}

/* The values of b as `type` has them, and b as floats of those: what is widened is exact. */
static area narrowed(const att_kernels *k, area *b, att_type type) {
  area half = area_new((b->n + 1) / 2, 0, 4); /* two a float; at the end of a page, which none may read beyond */
  char *end = (char *)(half.data + half.n) - b->n * 2;
  k->from_f32(end, b->data, type, b->n);
  k->to_f32(b->data, end, type, b->n);
  return half;
}

/* A weight of any type gives what its values as float give. */
static void check_weight(int64_t m, int64_t n, int64_t k, att_type type, bool own_sums, int threads) {
  att_context *ctx = context_of(threads);
  const att_kernels *kernels = att_kernels_get();
  product p = product_new(m, n, k, 2, 0);
  area half = narrowed(kernels, &p.b, type == ATT_F32 ? ATT_F16 : type);
  const void *w = type == ATT_F32 ? (const char *)p.b.data : (const char *)(half.data + half.n) - n * k * 2;
  for (int64_t i = 0; i < m * n; i++) {
    double sum = 0;
    for (int64_t l = 0; l < k; l++) sum += (double)p.a.data[i / n * k + l] * p.b.data[i % n * k + l];
    p.want[i] = sum;
  }
  att_gemm_weight(ctx, p.c.data, n, p.a.data, k, w, type, m, n, k, own_sums);
  product_check(&p, att_type_name(type));
  area_free(&half);
  att_context_free(ctx);
}

static void test_weights(void **state) {
  (void)state;
  for (int type = 0; type < ATT_FLOAT_TYPES; type++) {
    for (int i = 0; i < 4; i++) {
      check_weight(1, 100, 64, (att_type)type, i & 1, 1 + i / 2);
      check_weight(4, 257, 129, (att_type)type, i & 1, 1 + i / 2);
      check_weight(3, 5, 5000, (att_type)type, i & 1, 1 + i / 2); /* a row is longer than the converted block */
      check_weight(40, 70, 300, (att_type)type, i & 1, 1 + i / 2);
    }
  }
}

/* dx = dz w. */
static void check_weight_backward(int64_t m, int64_t n, int64_t k, att_type type, bool accumulate, int threads) {
  att_context *ctx = context_of(threads);
  product p = product_new(m, k, n, accumulate ? 4 : 0, 0);
  area half = narrowed(att_kernels_get(), &p.b, type == ATT_F32 ? ATT_F16 : type);
  const void *w = type == ATT_F32 ? (const char *)p.b.data : (const char *)(half.data + half.n) - n * k * 2;
  for (int64_t i = 0; i < m * k; i++) {
    double sum = accumulate ? p.c.data[i] : 0;
    for (int64_t l = 0; l < n; l++) sum += (double)p.a.data[i / k * n + l] * p.b.data[l * k + i % k];
    p.want[i] = sum;
  }
  att_gemm_weight_backward(ctx, p.c.data, k, p.a.data, n, w, type, m, n, k, accumulate);
  product_check(&p, att_type_name(type));
  area_free(&half);
  att_context_free(ctx);
}

static void test_weights_backward(void **state) {
  (void)state;
  for (int type = 0; type < ATT_FLOAT_TYPES; type++) {
    for (int i = 0; i < 4; i++) {
      check_weight_backward(1, 100, 64, (att_type)type, i & 1, 1 + i / 2);
      check_weight_backward(7, 3, 5000, (att_type)type, i & 1, 1 + i / 2);
      check_weight_backward(40, 301, 70, (att_type)type, i & 1, 1 + i / 2);
    }
  }
}

static void check_few_rows(const att_kernels *k, int64_t m, int64_t n, int64_t depth) {
  product p = product_new(m, n, depth, 2, 2);
  k->few_rows(p.c.data, p.ldc, p.a.data, p.lda, p.b.data, ATT_F32, p.ldb, m, n, depth);
  float *all = malloc((size_t)(m * p.ldc + 1) * sizeof *all);
  memcpy(all, p.c.data, (size_t)(m * p.ldc) * sizeof *all);
  for (int64_t j = 0; j < n; j++) /* a column alone has the same bits: threads may split anywhere */
    k->few_rows(p.c.data + j, p.ldc, p.a.data, p.lda, p.b.data + j * p.ldb, ATT_F32, p.ldb, m, 1, depth);
  assert_memory_equal(all, p.c.data, (size_t)(m * p.ldc) * sizeof *all);
  free(all);
  product_check(&p, k->name);
}

/* Half precision gives the bits that its values as floats give. */
static void check_few_rows_of(const att_kernels *k, int64_t m, int64_t n, int64_t depth, att_type type) {
  product p = product_new(m, n, depth, 2, 2);
  area half = narrowed(k, &p.b, type), halves = area_new(m * p.ldc, 1, 5);
  const char *w = (const char *)(half.data + half.n) - p.b.n * 2;
  memcpy(p.c.data, halves.data, (size_t)(m * p.ldc) * sizeof(float)); /* what lies between the rows, too */
  k->few_rows(p.c.data, p.ldc, p.a.data, p.lda, p.b.data, ATT_F32, p.ldb, m, n, depth);
  k->few_rows(halves.data, p.ldc, p.a.data, p.lda, w, type, p.ldb, m, n, depth);
  assert_memory_equal(p.c.data, halves.data, (size_t)(m * p.ldc) * sizeof(float));
  area_free(&half);
  area_free(&halves);
  area_free(&p.a);
  area_free(&p.b);
  area_free(&p.c);
  free(p.want);
}

/* A row has the same bits alone, among others, and through the own gemm's tiles, with weights of each type. */
static void check_order(const att_kernels *k, const att_context *ctx, int64_t m, int64_t n, int64_t depth,
                        att_type type) {
  product p = product_new(m, n, depth, 2, type == ATT_F32 ? 3 : 0);
  area half = narrowed(k, &p.b, type == ATT_F32 ? ATT_F16 : type);
  const void *w = type == ATT_F32 ? (const char *)p.b.data : (const char *)(half.data + half.n) - p.b.n * 2;
  size_t size = (size_t)(m * p.ldc) * sizeof(float);
  float *all = malloc(size), *alone = malloc(size), *tiles = malloc(size);
  memcpy(all, p.c.data, size); /* what lies between the rows, too */
  memcpy(alone, p.c.data, size);
  memcpy(tiles, p.c.data, size);
  k->few_rows(all, p.ldc, p.a.data, p.lda, w, type, p.ldb, m, n, depth);
  for (int64_t i = 0; i < m; i++)
    k->few_rows(alone + i * p.ldc, p.ldc, p.a.data + i * p.lda, p.lda, w, type, p.ldb, 1, n, depth);
  att_gemm_own(ctx, k, tiles, p.ldc, p.a.data, p.lda, false, w, type, p.ldb, true, m, n, depth, false);
  assert_memory_equal(all, alone, size);
  assert_memory_equal(all, tiles, size);
  for (int64_t i = 0; i < m * n; i++) { /* of the narrowed values */
    double *want = &p.want[i / n * p.ldc + i % n];
    *want = 0;
    for (int64_t l = 0; l < depth; l++) *want += (double)p.a.data[i / n * p.lda + l] * p.b.data[i % n * p.ldb + l];
  }
  memcpy(p.c.data, all, size);
  free(all);
  free(alone);
  free(tiles);
  area_free(&half);
  product_check(&p, k->name);
}

/* Sizes about the groups of rows and the blocks of sums. */
static void test_order(void **state) {
  (void)state;
  static const int64_t shapes_of[][3] = {{1, 5, 512},   {2, 33, 513},  {3, 16, 1024}, {7, 49, 1030},
                                         {16, 9, 511},  {17, 50, 64},  {18, 97, 700}, {49, 101, 300},
                                         {100, 3, 129}, {130, 200, 9}, {65, 17, 1600}};
  const att_kernels *k;
  for (int threads = 1; threads < 4; threads += 2) {
    att_context *ctx = context_of(threads);
    EACH_TABLE(k)
    for (size_t s = 0; s < COUNT(shapes_of); s++)
      for (int type = 0; type < ATT_FLOAT_TYPES; type++)
        check_order(k, ctx, shapes_of[s][0], shapes_of[s][1], shapes_of[s][2], (att_type)type);
    att_context_free(ctx);
  }
}

/* The door gives a row's bits whatever the threads and rows. */
static void test_door_order(void **state) {
  (void)state;
  enum { ROWS = 150, COLUMNS = 70, DEPTH = 600 };
  product p = product_new(ROWS, COLUMNS, DEPTH, 2, 0);
  float *want = malloc(sizeof(float) * ROWS * COLUMNS), *got = malloc(sizeof(float) * ROWS * COLUMNS);
  for (int threads = 1; threads < 4; threads++) {
    att_context *ctx = context_of(threads);
    static const int64_t rows[] = {150, 1, 2, 3, 16, 17, 48, 49, 64, 65, 149};
    for (size_t i = 0; i < COUNT(rows); i++) {
      memset(got, 0xff, sizeof(float) * ROWS * COLUMNS);
      for (int64_t r = 0; r < ROWS; r += rows[i]) {
        int64_t count = ROWS - r < rows[i] ? ROWS - r : rows[i];
        att_gemm_weight(ctx, got + r * COLUMNS, COLUMNS, p.a.data + r * DEPTH, DEPTH, p.b.data, ATT_F32, count, COLUMNS,
                        DEPTH, true);
      }
      if (threads == 1 && i == 0) memcpy(want, got, sizeof(float) * ROWS * COLUMNS);
      assert_memory_equal(got, want, sizeof(float) * ROWS * COLUMNS);
    }
    att_context_free(ctx);
  }
  memcpy(p.c.data, want, sizeof(float) * ROWS * COLUMNS);
  free(want);
  free(got);
  product_check(&p, "door");
}

static void test_few_rows(void **state) {
  (void)state;
  static const int64_t columns[] = {1, 2, 3, 4, 5, 11, 64}, depths[] = {1, 3, 7, 15, 16, 17, 33, 64, 100, 257};
  const att_kernels *k;
  EACH_TABLE(k)
  for (int64_t m = 1; m <= ATT_FEW_ROWS; m++)
    for (size_t n = 0; n < COUNT(columns); n++)
      for (size_t d = 0; d < COUNT(depths); d++) {
        check_few_rows(k, m, columns[n], depths[d]);
        check_few_rows_of(k, m, columns[n], depths[d], ATT_F16);
        check_few_rows_of(k, m, columns[n], depths[d], ATT_BF16);
      }
}

/* Where row r at depth p of a packed panel of `tile` rows is. */
static int64_t packed_at(const att_kernels *k, int64_t r, int64_t p, int64_t depth, int64_t tile) {
  int64_t steps = (depth + k->gemm_lanes - 1) / k->gemm_lanes;
  return ((r / tile * k->gemm_lanes + p % k->gemm_lanes) * steps + p / k->gemm_lanes) * tile + r % tile;
}

static int64_t whole_lanes(const att_kernels *k, int64_t depth) {
  return (depth + k->gemm_lanes - 1) / k->gemm_lanes * k->gemm_lanes;
}

static void check_tile(const att_kernels *k, int64_t m, int64_t n, int64_t depth, bool accumulate) {
  int64_t rows = k->gemm_tile_rows, cols = k->gemm_tile_cols, ldc = n + 1;
  const int64_t size = whole_lanes(k, depth);
  area a = area_new(rows * size, 0, 1), b = area_new(cols * size, 1, 2), c = area_new(m * ldc, 0, 3);
  for (int64_t p = depth; p < size; p++)
    for (int64_t i = 0; i < rows; i++) a.data[packed_at(k, i, p, depth, rows)] = 0;
  double *want = doubles_of(c.data, m * ldc);
  for (int64_t i = 0; i < m * n; i++) {
    double sum = accumulate ? c.data[i / n * ldc + i % n] : 0;
    for (int64_t p = 0; p < depth; p++)
      sum += (double)a.data[packed_at(k, i / n, p, depth, rows)] * b.data[packed_at(k, i % n, p, depth, cols)];
    want[i / n * ldc + i % n] = sum;
  }
  k->gemm_tile(c.data, ldc, a.data, b.data, m, n, depth, accumulate);
  check_close("gemm_tile", k->name, c.data, want, m * ldc, 1e-6);
  free(want);
  area_free(&a);
  area_free(&b);
  area_free(&c);
}

static void test_tile(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k)
  for (int64_t m = 1; m <= k->gemm_tile_rows; m++)
    for (int64_t n = 1; n <= k->gemm_tile_cols; n++)
      for (int64_t depth = 1; depth < 40; depth += 19) check_tile(k, m, n, depth, (m + n) % 2);
}

static void check_pack(const att_kernels *k, int64_t rows, int64_t depth, int64_t tile, bool rows_fast) {
  int64_t ldx = (rows_fast ? rows : depth) + 1, panels = (rows + tile - 1) / tile;
  area x = area_new((rows_fast ? depth : rows) * ldx, 1, 1);
  area packed = area_new(panels * tile * whole_lanes(k, depth), 0, 2);
  k->pack(packed.data, x.data, ldx, rows_fast, rows, depth, tile);
  for (int64_t r = 0; r < panels * tile; r++) {
    for (int64_t p = 0; p < whole_lanes(k, depth); p++) {
      float want = r >= rows || p >= depth ? 0 : rows_fast ? x.data[p * ldx + r] : x.data[r * ldx + p];
      assert_true(packed.data[packed_at(k, r, p, depth, tile)] == want);
    }
  }
  area_free(&x);
  area_free(&packed);
}

static void check_packs(const att_kernels *k, int64_t rows) {
  for (size_t d = 0; d < COUNT(sizes); d++) {
    for (int fast = 0; fast < 2; fast++) {
      check_pack(k, rows, sizes[d], k->gemm_tile_rows, fast);
      check_pack(k, rows, sizes[d], k->gemm_tile_cols, fast);
    }
  }
}

static void test_pack(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t r = 0; r < COUNT(sizes); r++) check_packs(k, sizes[r]);
}

static void test_nan_comes_through(void **state) {
  (void)state;
  att_context *ctx = context_of(2);
  for (int64_t m = 2; m < 40; m += 37) {
    product p = product_new(m, 50, 60, 2, 0);
    p.a.data[60 + 3] = NAN;
    door(ctx, &p);
    for (int64_t j = 0; j < 50; j++) {
      assert_true(isnan(p.c.data[50 + j]) && !isnan(p.c.data[j]));
      p.c.data[50 + j] = (float)p.want[50 + j];
    }
    product_check(&p, att_gemm_name());
  }
  att_context_free(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_own),
      cmocka_unit_test(test_door),
      cmocka_unit_test(test_own_threads),
      cmocka_unit_test(test_weights),
      cmocka_unit_test(test_weights_backward),
      cmocka_unit_test(test_few_rows),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_door_order),
      cmocka_unit_test(test_tile),
      cmocka_unit_test(test_pack),
      cmocka_unit_test(test_nan_comes_through),
  };
  return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
