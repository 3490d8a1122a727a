/*
 * Owns files as bytes: mapping, whole reads, folders, and the one way to write (aside, synced, renamed). Lines of text
 * are in lines.c. Refuses devices and pipes where a file must be, and to leave a half-written file behind. See file.h.
 */
#include "formats/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATT_MOST_TEMPORARY 10000             /* names tried for the file aside */
#define ATT_LARGEST_WRITE  ((size_t)1 << 24) /* between two looks for an interrupt */

static att_status fail_errno(att_context *ctx, const char *path, const char *what) {
  return att_fail(ctx, ATT_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* O_NONBLOCK: opening a pipe that nobody writes must not hang; it is refused right after. */
static att_status open_regular(att_context *ctx, const char *path, int *fd, size_t *size) {
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0) return fail_errno(ctx, path, "cannot be opened");
  struct stat info;
  att_status status = ATT_OK;
  if (fstat(*fd, &info) != 0) {
    status = fail_errno(ctx, path, "cannot be looked at");
  } else if (!S_ISREG(info.st_mode)) {
    status = att_fail(ctx, ATT_IO, "%s: is %s, not a regular file", path,
                      S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
  } else if ((uintmax_t)info.st_size > SIZE_MAX / 2) {
    status = att_fail(ctx, ATT_MEMORY, "%s: too large for this machine's addresses", path);
  }
  if (status) {
    close(*fd);
    return status;
  }
  *size = (size_t)info.st_size;
  return ATT_OK;
}

att_status att_map(att_context *ctx, const char *path, att_mapping *mapping) {
  memset(mapping, 0, sizeof *mapping);
  int fd;
  size_t size;
  ATT_TRY(open_regular(ctx, path, &fd, &size));
  att_status status = ATT_OK;
  if (size > 0) {
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      status = fail_errno(ctx, path, "cannot be mapped");
    } else {
      *mapping = (att_mapping){data, size};
    }
  }
  close(fd);
  return status;
}

void att_unmap(att_mapping *mapping) {
  if (mapping->data) munmap((void *)(uintptr_t)mapping->data, mapping->size);
  memset(mapping, 0, sizeof *mapping);
}

/* Only whole pages: those at the ends may hold what others read. */
void att_forget(const void *data, size_t size) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)data + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)data + size) / page * page;
  if (end > begin) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static att_status read_whole(att_context *ctx, const char *path, int fd, size_t limit, att_buffer *out) {
  char part[16384];
  size_t total = 0;
  for (;;) {
    ssize_t count = read(fd, part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(ctx, path, "cannot be read");
    if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "%s: interrupted while reading", path);
    if (count == 0) return ATT_OK;
    total += (size_t)count;
    if (total > limit) return att_fail(ctx, ATT_UNSUPPORTED, "%s: is larger than %zu bytes", path, limit);
    ATT_TRY(att_buffer_append(ctx, out, part, (size_t)count));
  }
}

att_status att_file_read(att_context *ctx, const char *path, size_t limit, att_buffer *out) {
  int fd;
  size_t size;
  ATT_TRY(open_regular(ctx, path, &fd, &size));
  att_status status = size > limit ? att_fail(ctx, ATT_UNSUPPORTED, "%s: is larger than %zu bytes", path, limit)
                                   : read_whole(ctx, path, fd, limit, out);
  close(fd);
  return status;
}

bool att_file_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

bool att_is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* ---- folders and paths ---------------------------------------------------------------------------------------- */

att_status att_folder_make(att_context *ctx, const char *path) {
  if (mkdir(path, 0777) == 0) return ATT_OK;
  if (errno != EEXIST) return fail_errno(ctx, path, "cannot be made");
  struct stat info;
  if (stat(path, &info) != 0) return fail_errno(ctx, path, "cannot be looked at");
  return S_ISDIR(info.st_mode) ? ATT_OK : att_fail(ctx, ATT_IO, "%s: exists and is not a folder", path);
}

att_status att_folder_is_empty(att_context *ctx, const char *path, bool *empty) {
  *empty = true;
  DIR *folder = opendir(path);
  if (!folder && errno == ENOENT) return ATT_OK;
  if (!folder) return fail_errno(ctx, path, "cannot be opened as a folder");
  const struct dirent *entry;
  errno = 0;
  while (*empty && (entry = readdir(folder))) {
    *empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
             strcmp(entry->d_name, ATT_LOCK_NAME) == 0;
  }
  att_status status = errno ? fail_errno(ctx, path, "cannot be read") : ATT_OK;
  closedir(folder);
  return status;
}

att_status att_folder_sync(att_context *ctx, const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? ATT_OK : fail_errno(ctx, path, "cannot be synced");
  att_status status = fsync(fd) == 0 || errno == EINVAL ? ATT_OK : fail_errno(ctx, path, "cannot be synced");
  close(fd);
  return status;
}

att_status att_parent_sync(att_context *ctx, char *path) {
  char *slash = strrchr(path, '/');
  const char *folder = slash == path ? "/" : slash ? path : ".";
  if (slash) *slash = '\0';
  return att_folder_sync(ctx, folder);
}

char *att_path(att_context *ctx, const char *folder, const char *name) {
  size_t size = strlen(folder);
  const char *slash = size > 0 && folder[size - 1] != '/' ? "/" : "";
  att_buffer path = {0};
  if (att_buffer_print(ctx, &path, "%s%s%s", folder, slash, name) != ATT_OK) return NULL;
  return path.data;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

struct att_writer {
  att_context *ctx;
  int fd; /* -1 once a write has failed and the file aside is gone */
  char *path, *aside;
};

static void remove_aside(att_writer *writer) {
  if (writer->fd < 0) return;
  close(writer->fd);
  unlink(writer->aside);
  writer->fd = -1;
}

static void free_writer(att_writer *writer) {
  att_context *ctx = writer->ctx;
  att_free(ctx, writer->path);
  att_free(ctx, writer->aside);
  att_free(ctx, writer);
}

static att_status open_aside(att_writer *writer) {
  size_t size = strlen(writer->path) + 48;
  writer->aside = ATT_NEW(writer->ctx, size, char);
  if (!writer->aside) return ATT_MEMORY;
  for (int number = 0; number < ATT_MOST_TEMPORARY; number++) {
    snprintf(writer->aside, size, "%s.tmp-%ld-%d", writer->path, (long)getpid(), number);
    writer->fd = open(writer->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd >= 0) return ATT_OK;
    if (errno != EEXIST) break;
  }
  return fail_errno(writer->ctx, writer->path, "cannot be written");
}

/* A rename would put a file in the place of /dev/null. */
static att_status check_target(att_context *ctx, const char *path) {
  struct stat info;
  if (stat(path, &info) != 0 || S_ISREG(info.st_mode)) return ATT_OK;
  return att_fail(ctx, ATT_IO, "%s: cannot be written: it is %s", path,
                  S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
}

att_status att_writer_open(att_context *ctx, const char *path, att_writer **out) {
  *out = NULL;
  ATT_TRY(check_target(ctx, path));
  att_writer *writer = ATT_NEW(ctx, 1, att_writer);
  if (!writer) return ATT_MEMORY;
  writer->ctx = ctx;
  writer->fd = -1;
  writer->path = att_copy_text(ctx, path, strlen(path));
  att_status status = writer->path ? open_aside(writer) : ATT_MEMORY;
  if (status) {
    free_writer(writer);
  } else {
    *out = writer;
  }
  return status;
}

/* offset -1: at the end. */
static att_status write_all(att_writer *writer, off_t offset, const void *data, size_t size) {
  const char *from = data;
  if (writer->fd < 0) return att_fail(writer->ctx, ATT_IO, "%s: an earlier write failed", writer->path);
  while (size > 0) {
    size_t part = size < ATT_LARGEST_WRITE ? size : ATT_LARGEST_WRITE;
    if (att_is_interrupted(writer->ctx)) {
      remove_aside(writer);
      return att_fail(writer->ctx, ATT_INTERRUPTED, "%s: interrupted while writing", writer->path);
    }
    ssize_t count = offset < 0 ? write(writer->fd, from, part) : pwrite(writer->fd, from, part, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      att_status status = fail_errno(writer->ctx, writer->path, "cannot be written");
      remove_aside(writer);
      return status;
    }
    from += count;
    size -= (size_t)count;
    if (offset >= 0) offset += count;
  }
  return ATT_OK;
}

att_status att_writer_put(att_writer *writer, const void *data, size_t size) {
  return write_all(writer, -1, data, size);
}

att_status att_writer_patch(att_writer *writer, size_t offset, const void *data, size_t size) {
  return write_all(writer, (off_t)offset, data, size);
}

att_status att_writer_commit(att_writer *writer) {
  att_context *ctx = writer->ctx;
  att_status status = ATT_OK;
  if (writer->fd < 0) {
    status = att_fail(ctx, ATT_IO, "%s: an earlier write failed", writer->path);
  } else if (fsync(writer->fd) != 0 && errno != EINVAL) {
    status = fail_errno(ctx, writer->path, "cannot be synced");
    remove_aside(writer);
  } else if (close(writer->fd) != 0 || rename(writer->aside, writer->path) != 0) {
    status = fail_errno(ctx, writer->path, "cannot be written");
    unlink(writer->aside);
  } else {
    status = att_parent_sync(ctx, writer->path);
  }
  free_writer(writer);
  return status;
}

void att_writer_discard(att_writer *writer) {
  if (!writer) return;
  remove_aside(writer);
  free_writer(writer);
}

att_status att_write_file(att_context *ctx, const char *path, const void *data, size_t size) {
  if (!path || (!data && size > 0)) return att_fail(ctx, ATT_ARGUMENT, "att_write_file: path or data is NULL");
  att_writer *writer;
  ATT_TRY(att_writer_open(ctx, path, &writer));
  att_status status = att_writer_put(writer, data, size);
  if (status == ATT_OK) return att_writer_commit(writer);
  att_writer_discard(writer);
  return status;
}
