/*
 * .npy: the bytes are those that numpy wrote (tests/data/npy, made by tools/make_npy_fixtures.py), however the rows
 * came, and a failure leaves the old file and nothing beside it.
 */
#include "scratch.h"

#include <signal.h>
#include <sys/resource.h>

/* The values that the fixtures hold. */
static const float values[] = {0, -1.5f, 3.1415927f, 1e-30f, 65504, -0.0f};

static att_status write_table(att_context *where, const char *path, size_t columns, size_t count, size_t at_once) {
  att_npy *npy;
  ATT_TRY(att_npy_open(where, path, columns, &npy));
  for (size_t row = 0; row < count; row += at_once) {
    size_t now = count - row < at_once ? count - row : at_once;
    att_status status = att_npy_put(npy, values + row * columns, now);
    if (status) {
      att_npy_discard(npy);
      return status;
    }
  }
  return att_npy_commit(npy);
}

static void must_be_numpys(const char *name, size_t columns, size_t count, size_t at_once) {
  char path[1024];
  att_mapping theirs;
  snprintf(path, sizeof path, "%s/npy/%s", ATT_TEST_DATA, name);
  assert_int_equal(att_map(ctx, path, &theirs), ATT_OK);
  assert_int_equal(write_table(ctx, in_folder("out.npy"), columns, count, at_once), ATT_OK);
  must_hold(in_folder("out.npy"), theirs.data, theirs.size);
  att_unmap(&theirs);
  assert_int_equal(files_in_folder(), 1);
}

static void bytes_are_numpys(void **state) {
  (void)state;
  must_be_numpys("two_by_three.npy", 3, 2, 2);
  must_be_numpys("two_by_three.npy", 3, 2, 1);
  must_be_numpys("six_by_one.npy", 1, 6, 4);
  must_be_numpys("none_by_384.npy", 384, 0, 1);
}

/* The head has room for any number of rows and columns. */
static void a_large_head(void **state) {
  (void)state;
  att_npy *npy;
  att_mapping read;
  assert_int_equal(att_npy_open(ctx, in_folder("out.npy"), 0, &npy), ATT_OK);
  assert_int_equal(att_npy_put(npy, NULL, SIZE_MAX), ATT_OK);
  assert_int_equal(att_npy_commit(npy), ATT_OK);
  assert_int_equal(att_map(ctx, in_folder("out.npy"), &read), ATT_OK);
  assert_int_equal(read.size, 128);
  assert_non_null(memmem(read.data, read.size, "(18446744073709551615, 0), }", 28));
  att_unmap(&read);
  assert_int_equal(att_npy_open(ctx, in_folder("out.npy"), INT32_MAX, &npy), ATT_OK);
  must_say(att_npy_put(npy, values, SIZE_MAX), ATT_ARGUMENT, "rows");
  att_npy_discard(npy);
}

static void refusals_leave_the_old_file(void **state) {
  (void)state;
  att_npy *npy;
  write_bytes(in_folder("out.npy"), "old", 3);
  assert_int_equal(att_npy_open(ctx, in_folder("out.npy"), 3, &npy), ATT_OK);
  assert_int_equal(att_npy_put(npy, values, 2), ATT_OK);
  att_npy_discard(npy);
  att_npy_discard(NULL);
  must_hold(in_folder("out.npy"), "old", 3);
  assert_int_equal(files_in_folder(), 1);
  must_say(att_npy_open(ctx, NULL, 3, &npy), ATT_ARGUMENT, "no path");
  assert_null(npy);
  must_say(att_npy_open(ctx, in_folder("out.npy"), (size_t)1 << 40, &npy), ATT_ARGUMENT, "columns");
  must_say(att_npy_open(ctx, in_folder("none/out.npy"), 3, &npy), ATT_IO, "No such file");
  must_say(att_npy_open(ctx, "/dev/null", 3, &npy), ATT_IO, "device");
  assert_null(npy);
}

/* The file system says no in the middle of a row, and once more at the end. */
static void a_full_disk(void **state) {
  (void)state;
  struct rlimit before, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 140;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  att_npy *npy;
  att_status opened = att_npy_open(ctx, in_folder("out.npy"), 3, &npy);
  att_status put = opened ? opened : att_npy_put(npy, values, 2);
  att_status committed = opened ? opened : att_npy_commit(npy);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(opened, ATT_OK);
  assert_int_equal(put, ATT_IO);
  assert_int_equal(committed, ATT_IO);
  assert_int_equal(files_in_folder(), 0);
}

static att_status write_counted(att_context *where, void *path) { return write_table(where, path, 3, 2, 1); }

static void each_allocation_may_fail(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", in_folder("out.npy"));
  assert_true(fail_each_allocation(write_counted, path) >= 3);
  assert_int_equal(files_in_folder(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(bytes_are_numpys, empty_folder),
      cmocka_unit_test_teardown(a_large_head, empty_folder),
      cmocka_unit_test_teardown(refusals_leave_the_old_file, empty_folder),
      cmocka_unit_test_teardown(a_full_disk, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
