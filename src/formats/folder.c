/*
 * Owns folders as wholes: one that is written aside and takes its place at once or not at all, and the lock that keeps
 * two runs out of one folder. Refuses a folder in which something is, or somebody works. See file.h.
 */
#include "formats/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATT_MOST_TEMPORARY 10000 /* names tried for the folder aside */
#define ATT_MOST_LEVELS    8

static att_status fail_errno(att_context *ctx, const char *path, const char *what) {
  return att_fail(ctx, ATT_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- the lock ------------------------------------------------------------------------------------------------- */

struct att_lock {
  att_context *ctx;
  char *path;
  int fd; /* -1: where there are no locks */
};

/* A lock file of another user's may not be written, but locked. */
static int open_lock(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  return fd < 0 && errno == EACCES ? open(path, O_RDONLY | O_CLOEXEC) : fd;
}

/* Whether the file is still the one of that name: who unlocks removes it, and another may have waited for that. */
static bool is_current(const att_lock *lock) {
  struct stat held, named;
  return fstat(lock->fd, &held) == 0 && stat(lock->path, &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

static att_status take(att_lock *lock, const char *folder) {
  for (;;) {
    lock->fd = open_lock(lock->path);
    if (lock->fd < 0 && (errno == EACCES || errno == EROFS))
      return att_fail(lock->ctx, ATT_IO, "%s: there is no permission to write into it", folder);
    if (lock->fd < 0) return fail_errno(lock->ctx, lock->path, "cannot be written");
    if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
      if (is_current(lock)) return ATT_OK;
    } else if (errno == EWOULDBLOCK) {
      return att_fail(lock->ctx, ATT_IO, "%s: another run works in it: wait until it has ended, or name another folder",
                      folder);
    } else if (errno != EINTR) {
      att_log(lock->ctx, ATT_LOG_WARNING, "%s: it cannot be locked (%s): see to it that no other run writes into it",
              folder, strerror(errno));
      return ATT_OK;
    }
    close(lock->fd);
  }
}

att_status att_folder_lock(att_context *ctx, const char *folder, att_lock **out) {
  *out = NULL;
  att_lock *lock = ATT_NEW(ctx, 1, att_lock);
  if (!lock) return ATT_MEMORY;
  *lock = (att_lock){ctx, att_path(ctx, folder, ATT_LOCK_NAME), -1};
  att_status status = lock->path ? take(lock, folder) : ATT_MEMORY;
  if (!status) {
    *out = lock;
    return ATT_OK;
  }
  if (lock->fd >= 0) close(lock->fd);
  att_free(ctx, lock->path);
  att_free(ctx, lock);
  return status;
}

void att_folder_unlock(att_lock *lock) {
  if (!lock) return;
  unlink(lock->path); /* while it is held: who comes now makes a new one */
  if (lock->fd >= 0) close(lock->fd);
  att_free(lock->ctx, lock->path);
  att_free(lock->ctx, lock);
}

/* ---- written aside -------------------------------------------------------------------------------------------- */

struct att_folder {
  att_context *ctx;
  char *path, *aside;
  att_lock *lock; /* of a folder that was there and empty: the files move into it; else NULL */
};

/* What was made of it, folders inside too: a model's own are flat, or one level deep. */
static void remove_from(int parent, const char *name, int levels) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (!folder && fd >= 0) close(fd);
  for (const struct dirent *entry; folder && (entry = readdir(folder));) {
    bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (!dots && unlinkat(fd, entry->d_name, 0) != 0 && levels > 0) remove_from(fd, entry->d_name, levels - 1);
  }
  if (folder) closedir(folder);
  unlinkat(parent, name, AT_REMOVEDIR);
}

static void free_folder(att_folder *folder) {
  att_context *ctx = folder->ctx;
  att_folder_unlock(folder->lock);
  att_free(ctx, folder->path);
  att_free(ctx, folder->aside);
  att_free(ctx, folder);
}

/* Beside the folder that is to be, or inside the one that is there. */
static att_status make_aside(att_folder *folder) {
  const char *inside = folder->lock ? "/" : "";
  size_t size = strlen(folder->path) + 48;
  folder->aside = ATT_NEW(folder->ctx, size, char);
  if (!folder->aside) return ATT_MEMORY;
  for (int number = 0; number < ATT_MOST_TEMPORARY; number++) {
    snprintf(folder->aside, size, "%s%s.tmp-%ld-%d", folder->path, inside, (long)getpid(), number);
    if (mkdir(folder->aside, 0777) == 0) return ATT_OK;
    if (errno != EEXIST) break;
  }
  return fail_errno(folder->ctx, folder->path, "cannot be made");
}

static att_status begin(att_folder *folder) {
  bool empty;
  if (att_file_exists(folder->path)) {
    ATT_TRY(att_folder_make(folder->ctx, folder->path)); /* or it is no folder */
    ATT_TRY(att_folder_lock(folder->ctx, folder->path, &folder->lock));
  }
  ATT_TRY(att_folder_is_empty(folder->ctx, folder->path, &empty));
  if (!empty) {
    return att_fail(folder->ctx, ATT_IO, "%s: the folder exists and is not empty: name another", folder->path);
  }
  return make_aside(folder);
}

att_status att_folder_begin(att_context *ctx, const char *path, att_folder **out) {
  size_t size = strlen(path);
  *out = NULL;
  while (size > 1 && path[size - 1] == '/') size--;
  att_folder *folder = ATT_NEW(ctx, 1, att_folder);
  if (!folder) return ATT_MEMORY;
  *folder = (att_folder){.ctx = ctx, .path = att_copy_text(ctx, path, size)};
  att_status status = folder->path ? begin(folder) : ATT_MEMORY;
  if (status)
    free_folder(folder);
  else
    *out = folder;
  return status;
}

const char *att_folder_aside(const att_folder *folder) { return folder->aside; }

/* The names in the folder, a NUL behind each. */
static att_status list_names(att_context *ctx, const char *path, att_buffer *names) {
  DIR *folder = opendir(path);
  if (!folder) return fail_errno(ctx, path, "cannot be opened as a folder");
  att_status status = ATT_OK;
  for (const struct dirent *entry; !status && (entry = readdir(folder));) {
    bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (!dots) status = att_buffer_append(ctx, names, entry->d_name, strlen(entry->d_name) + 1);
  }
  closedir(folder);
  return status;
}

/* Returns where the first name stands that could not be moved, or the end. */
static size_t move_names(const att_buffer *names, size_t end, const char *from, const char *to) {
  int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  size_t at = 0;
  while (source >= 0 && target >= 0 && at < end) {
    if (renameat(source, names->data + at, target, names->data + at) != 0) break;
    at += strlen(names->data + at) + 1;
  }
  int error = errno;
  if (source >= 0) close(source);
  if (target >= 0) close(target);
  errno = error;
  return at;
}

/* The files of the folder aside go into the one around it; all of them, or those that went come back. */
static att_status move_files(att_folder *folder) {
  att_buffer names = {0};
  att_status status = list_names(folder->ctx, folder->aside, &names);
  size_t moved = status ? 0 : move_names(&names, names.size, folder->aside, folder->path);
  if (!status && moved < names.size) {
    status = fail_errno(folder->ctx, folder->path, "cannot be written");
    move_names(&names, moved, folder->path, folder->aside);
  }
  att_buffer_free(folder->ctx, &names);
  return status;
}

static att_status take_place(att_folder *folder) {
  ATT_TRY(att_folder_sync(folder->ctx, folder->aside));
  if (folder->lock) {
    ATT_TRY(move_files(folder));
    rmdir(folder->aside);
    return att_folder_sync(folder->ctx, folder->path);
  }
  if (rename(folder->aside, folder->path) != 0) return fail_errno(folder->ctx, folder->path, "cannot be made");
  return att_parent_sync(folder->ctx, folder->path); /* which cuts it */
}

att_status att_folder_end(att_folder *folder, att_status status) {
  if (!status) status = take_place(folder);
  if (status) remove_from(AT_FDCWD, folder->aside, ATT_MOST_LEVELS);
  free_folder(folder);
  return status;
}
