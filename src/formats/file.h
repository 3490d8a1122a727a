/*
 * Owns files as bytes: mapping, whole reads, lines of plain or gzip text, and the one way to write (aside, synced,
 * renamed), of files and of folders. Every message names the path and the system's reason.
 */
#ifndef ATT_FORMATS_FILE_H
#define ATT_FORMATS_FILE_H

#include "base/context.h"

typedef struct att_mapping {
  const unsigned char *data;
  size_t size;
} att_mapping;

/* Read-only; an empty file gives size 0. Refuses what is not a regular file. */
att_status att_map(att_context *ctx, const char *path, att_mapping *mapping);
void att_unmap(att_mapping *mapping);
/* Bytes of a mapping whose pages need not stay in memory: they are read again where they are used. */
void att_forget(const void *data, size_t size);

att_status att_file_read(att_context *ctx, const char *path, size_t limit, att_buffer *out);
bool att_file_exists(const char *path); /* a folder too */
bool att_is_file(const char *path);     /* and no folder */
/* Makes the folder where it is absent (parents are not made). */
att_status att_folder_make(att_context *ctx, const char *path);
/* What was made, renamed or removed in the folder survives a crash. A file system that cannot sync a folder, and a
 * folder that may be written but not read, are no failure. */
att_status att_folder_sync(att_context *ctx, const char *path);
/* The same of the folder that `path` stands in; cuts path to it. */
att_status att_parent_sync(att_context *ctx, char *path);
/* *empty: absent or without entries ("." and "..", and a lock, not counted). Something that is no folder: ATT_IO. */
att_status att_folder_is_empty(att_context *ctx, const char *path, bool *empty);

/* "folder/name" in memory to free with att_free; NULL with the message set. */
char *att_path(att_context *ctx, const char *folder, const char *name);

/* Copies a regular file's bytes, whole or not at all. */
att_status att_file_copy(att_context *ctx, const char *from, const char *to);
/* The files of a folder into another, which is made where it is absent; nothing where `from` is absent. A folder inside
 * is refused (ATT_UNSUPPORTED). */
att_status att_folder_copy(att_context *ctx, const char *from, const char *to);

/* Refuses (ATT_FORMAT), with what it is and what to do, what stands in the place of a file of a model: a git-lfs
 * pointer, a web page, nothing at all, an archive. For texts there is att_check_text of attend.h. */
att_status att_check_download(att_context *ctx, const char *path, const void *data, size_t size);

/* Keeps others who ask for it out of a folder until it is given back, or the process ends in whatever way: a lock of
 * the system's on a file in it, ATT_LOCK_NAME, which a kill may leave there and which does no harm. ATT_IO where
 * another has it, or the folder cannot be written. Where the file system has no locks, that is said in the log, and it
 * is ATT_OK. */
#define ATT_LOCK_NAME ".lock"
typedef struct att_lock att_lock;
att_status att_folder_lock(att_context *ctx, const char *folder, att_lock **lock);
void att_folder_unlock(att_lock *lock); /* NULL is fine */

/* A folder of files being written aside: beside where it will be, or inside where there is an empty one already (which
 * stays the one it is, with its owner and rights). Refuses one that is not empty. Files are written by their paths in
 * att_folder_aside; the end with ATT_OK syncs and moves them into place, with anything else removes them; it returns
 * the status that came of it and frees the folder. After a failure nothing is left. */
typedef struct att_folder att_folder;
att_status att_folder_begin(att_context *ctx, const char *path, att_folder **folder);
const char *att_folder_aside(const att_folder *folder);
att_status att_folder_end(att_folder *folder, att_status status);

/* A file being written aside (in the same folder, name + ".tmp-PID-N"). Commit syncs file and folder and renames;
 * discard removes. After a failed or interrupted write or commit the file aside is gone and the old file whole. */
typedef struct att_writer att_writer;
att_status att_writer_open(att_context *ctx, const char *path, att_writer **writer);
att_status att_writer_put(att_writer *writer, const void *data, size_t size);
/* Writes over bytes that were put before: a head that needs to know how much came after it. */
att_status att_writer_patch(att_writer *writer, size_t offset, const void *data, size_t size);
att_status att_writer_commit(att_writer *writer); /* frees the writer, whatever the outcome */
void att_writer_discard(att_writer *writer);      /* NULL is fine */

/* att_write_file and att_read_lines of attend.h live in this room too; this is the latter with its limit, in bytes of
 * text once unpacked: gzip makes a thousand bytes of one, so that a small file could fill any memory. */
att_status att_read_lines_within(att_context *ctx, const char *path, uint64_t limit, att_text **lines, size_t *count);
/* Without the spaces and carriage returns at both ends. */
att_text att_trimmed(att_text text);

#endif
