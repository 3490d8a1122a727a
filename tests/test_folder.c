/*
 * Folders as wholes: one run at a time has a folder, whatever became of the one before; a folder that is written aside
 * is there whole or not at all, whatever fails.
 */
#include "run_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "models/model.h"
#include "train/options.h"

/* The system's own, which a test can make fail: they stand before libc's. */
static int flock_error, renames_left = -1; /* one of them fails when none is left; -1: none */

int flock(int fd, int operation) {
  if (flock_error) {
    errno = flock_error;
    return -1;
  }
  return (int)syscall(SYS_flock, fd, operation);
}

int renameat(int from, const char *old, int to, const char *new) {
  if (renames_left == 0) {
    renames_left = -1;
    errno = ENOSPC;
    return -1;
  }
  if (renames_left > 0) renames_left--;
  return (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

static char warning[512];

static void on_log(void *user, att_log_level level, const char *text) {
  (void)user;
  if (level == ATT_LOG_WARNING) snprintf(warning, sizeof warning, "%s", text);
}

static int begin_logged(void **state) {
  (void)state;
  return !mkdtemp(folder) ||
         att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = on_log}, &ctx) != ATT_OK;
}

static int clean(void **state) {
  (void)state;
  char path[512];
  flock_error = 0;
  renames_left = -1;
  snprintf(path, sizeof path, "%s", folder);
  remove_all(path);
  return mkdir(path, 0700);
}

/* ---- the lock ---- */

static void the_second_is_refused(void **state) {
  (void)state;
  att_lock *first, *second;
  assert_int_equal(att_folder_lock(ctx, folder, &first), ATT_OK);
  must_say(att_folder_lock(ctx, folder, &second), ATT_IO, "another run works in it");
  assert_null(second);
  assert_true(strstr(att_message(ctx), folder));
  bool empty;
  assert_int_equal(att_folder_is_empty(ctx, folder, &empty), ATT_OK);
  assert_true(empty); /* a lock is nothing */
  att_folder_unlock(first);
  assert_int_not_equal(access(in_folder(ATT_LOCK_NAME), F_OK), 0);
  assert_int_equal(att_folder_lock(ctx, folder, &second), ATT_OK);
  att_folder_unlock(second);
  att_folder_unlock(NULL);
}

/* What a killed process leaves is a file that nobody holds. */
static void a_killed_one_does_no_harm(void **state) {
  (void)state;
  att_lock *lock;
  int ready[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    byte = att_folder_lock(ctx, folder, &lock) == ATT_OK;
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;) pause();
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_int_equal(byte, 1);
  must_say(att_folder_lock(ctx, folder, &lock), ATT_IO, "another run works in it");
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(access(in_folder(ATT_LOCK_NAME), F_OK), 0);
  assert_int_equal(att_folder_lock(ctx, folder, &lock), ATT_OK);
  att_folder_unlock(lock);
  close(ready[0]);
  close(ready[1]);
}

enum { PROCESSES = 6, TURNS = 300 };

/* Each adds one, slowly, in its turns; were two in the folder at once, an addition would be lost. */
static void take_turns(volatile long *counter) {
  for (int turns = 0; turns < TURNS;) {
    att_lock *lock;
    if (att_folder_lock(ctx, folder, &lock) != ATT_OK) {
      sched_yield();
      continue;
    }
    long value = *counter;
    if (turns % 8 == 0) sched_yield();
    *counter = value + 1;
    att_folder_unlock(lock);
    turns++;
  }
  _exit(0);
}

static void never_two_at_once(void **state) {
  (void)state;
  volatile long *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(counter != MAP_FAILED);
  for (int i = 0; i < PROCESSES; i++)
    if (fork() == 0) take_turns(counter);
  for (int i = 0, status; i < PROCESSES; i++) {
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
  }
  assert_int_equal(*counter, PROCESSES * TURNS);
  munmap((void *)(uintptr_t)counter, 4096);
}

static void where_there_are_no_locks(void **state) {
  (void)state;
  static const int errors[] = {ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    att_lock *lock;
    flock_error = errors[i];
    warning[0] = '\0';
    assert_int_equal(att_folder_lock(ctx, folder, &lock), ATT_OK);
    assert_true(strstr(warning, "cannot be locked") && strstr(warning, folder));
    att_folder_unlock(lock);
    assert_int_equal(files_in_folder(), 0);
  }
  flock_error = 0;
}

static void where_nothing_can_be_written(void **state) {
  (void)state;
  att_lock *lock;
  must_say(att_folder_lock(ctx, in_folder("absent"), &lock), ATT_IO, "absent");
  assert_null(lock);
  must_say(att_folder_lock(ctx, "/proc", &lock), ATT_IO, "/proc");
}

/* ---- runs in one folder ---- */

static void write_texts(void) {
  FILE *text = fopen(in_folder("text"), "w");
  assert_non_null(text);
  for (int i = 0; i < 200; i++) fprintf(text, "the %s sees a %s\n", i % 3 ? "dog" : "cat", i % 5 ? "tree" : "bird");
  assert_int_equal(fclose(text), 0);
}

static att_train_options run_options(const char *out) {
  att_train_options o;
  att_options_begin(ctx, ATT_TASK_TRANSLATION, &o);
  o.source = o.target = in_folder("text");
  o.out = out;
  o.plan.encoder_layers = o.plan.decoder_layers = 1;
  o.plan.width = 16, o.plan.heads = 2, o.plan.feedforward = 16, o.plan.vocab = 280;
  o.plan.context = o.plan.max_length = 16;
  o.plan.steps = 6, o.plan.valid_every = 2, o.plan.seed = 1;
  return o;
}

typedef struct second_run {
  const char *out;
  att_model *model;
  int tried;
} second_run;

/* While the first is at work: whoever else wants the folder. */
static void try_others(void *user, const att_progress *p) {
  second_run *s = user;
  att_context *other;
  if (p->kind != ATT_PROGRESS_STEP || s->tried++) return;
  att_context *mine = ctx;
  assert_int_equal(att_context_new(NULL, &other), ATT_OK);
  ctx = other;
  att_train_options o = run_options(s->out);
  must_say(att_train(ctx, &o, NULL, NULL), ATT_IO, "another run works in it");
  o.resume = true;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_IO, "another run works in it");
  att_train_options c;
  att_options_begin(ctx, ATT_TASK_COMPARE, &c);
  c.source = c.target = o.source;
  c.out = s->out;
  c.resume = true;
  must_say(att_compare(ctx, &c, NULL, NULL), ATT_IO, "another run works in it");
  att_context_free(other);
  ctx = mine;
  must_say(att_model_save(s->model, s->out, NULL), ATT_IO, "another run works in it");
}

static void the_first_run_is_unharmed(void **state) {
  (void)state;
  char alone[512], shared[512];
  att_model *model;
  snprintf(alone, sizeof alone, "%s", in_folder("alone"));
  snprintf(shared, sizeof shared, "%s", in_folder("shared"));
  write_texts();
  assert_int_equal(att_model_open(ctx, ATT_TEST_DATA "/look_bert", &model), ATT_OK);
  att_train_options o = run_options(alone);
  if (att_train(ctx, &o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  second_run s = {shared, model, 0};
  o = run_options(shared);
  if (att_train(ctx, &o, try_others, &s)) fail_msg("%s", att_message(ctx));
  assert_true(s.tried > 0);
  same_runs(alone, shared);
  char path[600];
  snprintf(path, sizeof path, "%s/%s", shared, ATT_LOCK_NAME);
  assert_int_not_equal(access(path, F_OK), 0);
  att_model_close(model);
}

/* A folder in which nothing but a dead run's lock is: as if it were empty. */
static void a_lock_left_in_an_empty_folder(void **state) {
  (void)state;
  char out[512], path[600];
  att_model *model;
  write_texts();
  snprintf(out, sizeof out, "%s", in_folder("out"));
  snprintf(path, sizeof path, "%s/%s", out, ATT_LOCK_NAME);
  assert_int_equal(mkdir(out, 0777), 0);
  write_bytes(path, "", 0);
  att_train_options o = run_options(out);
  if (att_train(ctx, &o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  snprintf(out, sizeof out, "%s", in_folder("saved"));
  snprintf(path, sizeof path, "%s/%s", out, ATT_LOCK_NAME);
  assert_int_equal(mkdir(out, 0777), 0);
  write_bytes(path, "", 0);
  assert_int_equal(att_model_open(ctx, ATT_TEST_DATA "/look_bert", &model), ATT_OK);
  if (att_model_save(model, out, NULL)) fail_msg("%s", att_message(ctx));
  assert_int_not_equal(access(path, F_OK), 0);
  att_model_close(model);
}

/* ---- written aside ---- */

static att_status put(const att_folder *into, const char *name, size_t size) {
  char *path = att_path(ctx, att_folder_aside(into), name);
  static const char zeros[1 << 16];
  att_status status = path ? att_write_file(ctx, path, zeros, size) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

static att_status write_two(const char *path, att_status end) {
  att_folder *into;
  ATT_TRY(att_folder_begin(ctx, path, &into));
  char *inner = att_path(ctx, att_folder_aside(into), "inner");
  att_status status = inner ? att_folder_make(ctx, inner) : ATT_MEMORY;
  att_free(ctx, inner);
  if (!status) status = put(into, "inner/one", 3);
  if (!status) status = put(into, "two", 40000);
  return att_folder_end(into, status ? status : end);
}

static void must_have_two(const char *path) {
  char file[600];
  size_t count = 0;
  DIR *open = opendir(path);
  assert_non_null(open);
  for (struct dirent *entry; (entry = readdir(open));) count++;
  closedir(open);
  assert_int_equal(count, 4); /* inner, two, and "." and ".." */
  snprintf(file, sizeof file, "%s/inner/one", path);
  assert_int_equal(access(file, F_OK), 0);
  snprintf(file, sizeof file, "%s/two", path);
  att_buffer two = read_whole(file);
  assert_int_equal(two.size, 40000);
  att_buffer_free(ctx, &two);
}

static void whole_or_not_at_all(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", in_folder("new"));
  assert_int_equal(write_two(path, ATT_NUMERIC), ATT_NUMERIC);
  assert_int_equal(files_in_folder(), 0);
  assert_int_equal(write_two(path, ATT_OK), ATT_OK);
  assert_int_equal(files_in_folder(), 1);
  must_have_two(path);
  must_say(write_two(path, ATT_OK), ATT_IO, "not empty");
  must_have_two(path);
  assert_int_equal(write_two(in_folder("slashes//"), ATT_OK), ATT_OK);
  must_have_two(in_folder("slashes"));
  must_say(write_two(in_folder("no/where"), ATT_OK), ATT_IO, "no/where: cannot be made");
  write_bytes(in_folder("file"), "x", 1);
  must_say(write_two(in_folder("file"), ATT_OK), ATT_IO, "is not a folder");
}

/* An empty folder that is there stays the one it is: its owner and rights, and whoever stands in it. */
static void into_a_folder_that_is_there(void **state) {
  (void)state;
  struct stat before, after;
  char path[512], here[512];
  snprintf(path, sizeof path, "%s", in_folder("there"));
  assert_int_equal(mkdir(path, 0751), 0);
  assert_int_equal(stat(path, &before), 0);
  assert_int_equal(write_two(path, ATT_NUMERIC), ATT_NUMERIC);
  bool empty;
  assert_int_equal(att_folder_is_empty(ctx, path, &empty), ATT_OK);
  assert_true(empty);
  assert_int_not_equal(access(in_folder("there/" ATT_LOCK_NAME), F_OK), 0);
  renames_left = 1; /* one file moves, the second cannot */
  must_say(write_two(path, ATT_OK), ATT_IO, "there: cannot be written");
  renames_left = -1;
  assert_int_equal(att_folder_is_empty(ctx, path, &empty), ATT_OK);
  assert_true(empty);
  assert_int_equal(symlink("there", in_folder("link")), 0);
  assert_int_equal(write_two(in_folder("link"), ATT_OK), ATT_OK);
  must_have_two(path);
  assert_int_equal(stat(path, &after), 0);
  assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
  assert_int_equal(mkdir(in_folder("here"), 0777), 0);
  assert_non_null(getcwd(here, sizeof here));
  assert_int_equal(chdir(in_folder("here")), 0);
  att_status status = write_two(".", ATT_OK);
  assert_int_equal(chdir(here), 0);
  assert_int_equal(status, ATT_OK);
  must_have_two(in_folder("here"));
}

/* A disk that is full, as a limit on the size of files. */
static void a_full_disk_leaves_nothing(void **state) {
  (void)state;
  att_model *model;
  struct rlimit before, small;
  assert_int_equal(att_model_open(ctx, ATT_TEST_DATA "/look_bert", &model), ATT_OK);
  assert_int_equal(mkdir(in_folder("there"), 0777), 0);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
  for (size_t limit = 0; limit < 30000; limit += 2500) {
    small = (struct rlimit){limit, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    att_status fresh = att_model_save(model, in_folder("new"), NULL);
    att_status there = att_model_save(model, in_folder("there"), NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    bool empty;
    if (fresh != ATT_IO || there != ATT_IO) fail_msg("limit %zu: %s", limit, att_status_name(fresh));
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(att_folder_is_empty(ctx, in_folder("there"), &empty), ATT_OK);
    assert_true(empty);
  }
  signal(SIGXFSZ, was);
  assert_int_equal(att_model_save(model, in_folder("new"), NULL), ATT_OK);
  att_model_close(model);
}

/* ---- no memory ---- */

static att_status lock_and_write(att_context *small, void *arg) {
  att_lock *lock;
  att_folder *into;
  const char *const *paths = arg;
  att_status status = att_folder_lock(small, paths[0], &lock);
  att_folder_unlock(lock);
  for (int i = 0; i < 2 && !status; i++) {
    status = att_folder_begin(small, paths[i], &into);
    if (status) break;
    char *path = att_path(small, att_folder_aside(into), "file");
    status = path ? att_write_file(small, path, "x", 1) : ATT_MEMORY;
    att_free(small, path);
    status = att_folder_end(into, status);
    bool empty = true;
    if (status) assert_int_equal(att_folder_is_empty(ctx, paths[i], &empty), ATT_OK);
    assert_true(empty);
    if (i == 1 && !status) remove_all(paths[1]);
    if (i == 0 && !status) unlink(in_folder("there/file"));
  }
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char there[512], fresh[512];
  snprintf(there, sizeof there, "%s", in_folder("there"));
  snprintf(fresh, sizeof fresh, "%s", in_folder("fresh"));
  assert_int_equal(mkdir(there, 0777), 0);
  const char *paths[] = {there, fresh};
  assert_true(fail_each_allocation(lock_and_write, paths) > 15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(the_second_is_refused, clean),
      cmocka_unit_test_teardown(a_killed_one_does_no_harm, clean),
      cmocka_unit_test_teardown(never_two_at_once, clean),
      cmocka_unit_test_teardown(where_there_are_no_locks, clean),
      cmocka_unit_test_teardown(where_nothing_can_be_written, clean),
      cmocka_unit_test_teardown(the_first_run_is_unharmed, clean),
      cmocka_unit_test_teardown(a_lock_left_in_an_empty_folder, clean),
      cmocka_unit_test_teardown(whole_or_not_at_all, clean),
      cmocka_unit_test_teardown(into_a_folder_that_is_there, clean),
      cmocka_unit_test_teardown(a_full_disk_leaves_nothing, clean),
      cmocka_unit_test_teardown(each_allocation_may_fail, clean),
  };
  return cmocka_run_group_tests(tests, begin_logged, end);
}
