/* Owns copying files as bytes: one, and those of a folder. Refuses folders inside a folder. See file.h. */
#include "formats/file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

att_status att_file_copy(att_context *ctx, const char *from, const char *to) {
  att_mapping mapping;
  ATT_TRY(att_map(ctx, from, &mapping));
  att_status status = att_write_file(ctx, to, mapping.data, mapping.size);
  att_unmap(&mapping);
  return status;
}

static att_status copy_entry(att_context *ctx, const char *from, const char *to, const char *name) {
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return ATT_OK;
  struct stat info;
  char *source = att_path(ctx, from, name), *target = source ? att_path(ctx, to, name) : NULL;
  att_status status = target ? ATT_OK : ATT_MEMORY;
  if (!status && stat(source, &info) == 0 && S_ISDIR(info.st_mode)) {
    status = att_fail(ctx, ATT_UNSUPPORTED, "%s: is a folder inside a folder: attend copies files only", source);
  }
  if (!status) status = att_file_copy(ctx, source, target);
  att_free(ctx, source);
  att_free(ctx, target);
  return status;
}

att_status att_folder_copy(att_context *ctx, const char *from, const char *to) {
  DIR *folder = opendir(from);
  if (!folder && errno == ENOENT) return ATT_OK;
  if (!folder) return att_fail(ctx, ATT_IO, "%s: cannot be opened as a folder: %s", from, strerror(errno));
  att_status status = att_folder_make(ctx, to);
  const struct dirent *entry = NULL;
  do {
    if (entry) status = copy_entry(ctx, from, to, entry->d_name);
    errno = 0;
  } while (!status && (entry = readdir(folder)));
  if (!status && errno) status = att_fail(ctx, ATT_IO, "%s: cannot be read: %s", from, strerror(errno));
  closedir(folder);
  return status;
}
