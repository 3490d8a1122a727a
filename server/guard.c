/* Owns who may ask. See guard.h. */
#include "guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool att_guard_add_key(att_guard *guard, const char *key, size_t size) {
  char **keys = realloc(guard->keys, (guard->key_count + 1) * sizeof *keys);
  if (!keys) return false;
  guard->keys = keys;
  keys[guard->key_count] = strndup(key, size);
  return keys[guard->key_count++] != NULL;
}

void att_guard_free(att_guard *guard) {
  for (size_t i = 0; i < guard->key_count; i++) free(guard->keys[i]);
  free(guard->keys);
}

/* Takes as long for a key that is nearly right as for any other of the same length. */
static bool is_equal(const char *given, size_t size, const char *key) {
  size_t length = strlen(key);
  volatile unsigned char differs = size != length;
  for (size_t i = 0; i < size; i++) differs |= (unsigned char)(given[i] ^ key[length ? i % length : 0]);
  return !differs;
}

bool att_guard_knows(const att_guard *guard, const char *authorization, uint64_t *client) {
  bool knows = guard->key_count == 0;
  if (knows || !authorization || strncasecmp(authorization, "Bearer ", 7) != 0) return knows;
  const char *given = authorization + 7;
  size_t size = strlen(given);
  for (size_t i = 0; i < guard->key_count; i++) {
    bool equal = is_equal(given, size, guard->keys[i]);
    if (equal) *client = i + 1;
    knows |= equal;
  }
  return knows;
}

/* "localhost:8080", "[::1]:8080": without the port. */
static size_t name_size(const char *host) {
  const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
  return end ? (size_t)(end + 1 - host) : strcspn(host, ":");
}

bool att_guard_is_host(const att_guard *guard, const char *host) {
  static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
  if (!guard->loopback || !host) return true;
  size_t size = name_size(host);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strlen(names[i]) == size && strncasecmp(host, names[i], size) == 0) return true;
  return strlen(guard->host) == size && strncasecmp(host, guard->host, size) == 0;
}

bool att_guard_is_origin(const att_guard *guard, const char *origin, const char *host, bool *other) {
  *other = false;
  const char *name = origin ? strstr(origin, "://") : NULL;
  if (!origin || (name && host && strcasecmp(name + 3, host) == 0)) return true;
  *other = true;
  for (size_t i = 0; i < guard->origin_count; i++)
    if (strcmp(guard->origins[i], "*") == 0 || strcasecmp(guard->origins[i], origin) == 0) return true;
  return false;
}
