/*
 * Owns files as bytes: mapping, whole reads, lines of plain or gzip text, and the one way to write (aside, synced,
 * renamed). Every message names the path and the system's reason.
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
/* *empty: absent or without entries ("." and ".." not counted). Something that is no folder: ATT_IO. */
att_status att_folder_is_empty(att_context *ctx, const char *path, bool *empty);

/* "folder/name" in memory to free with att_free; NULL with the message set. */
char *att_path(att_context *ctx, const char *folder, const char *name);

/* Copies a regular file's bytes, whole or not at all. */
att_status att_file_copy(att_context *ctx, const char *from, const char *to);
/* The files of a folder into another, which is made where it is absent; nothing where `from` is absent. A folder inside
 * is refused (ATT_UNSUPPORTED). */
att_status att_folder_copy(att_context *ctx, const char *from, const char *to);

/* A file being written aside (in the same folder, name + ".tmp-PID-N"). Commit syncs file and folder and renames;
 * discard removes. After a failed write or commit the file aside is gone and the old file whole. */
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
