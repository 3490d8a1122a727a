/*
 * Owns who may ask: keys, compared in constant time; names of this host, against pages that make a browser call a
 * loopback address by another name (DNS rebinding); origins of pages. Refuses to know what is asked.
 */
#ifndef ATT_SERVER_GUARD_H
#define ATT_SERVER_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct att_guard {
  char **keys; /* [key_count] */
  size_t key_count;
  const char *const *origins; /* [origin_count]: the caller's */
  size_t origin_count;
  const char *host; /* what the server listens on: the caller's */
  bool loopback;    /* which is one of this machine's own */
} att_guard;

/* False: no memory. */
bool att_guard_add_key(att_guard *guard, const char *key, size_t size);
void att_guard_free(att_guard *guard);
/* authorization: the header, or NULL. *client: equal for equal keys. */
bool att_guard_knows(const att_guard *guard, const char *authorization, uint64_t *client);
/* host: the header, or NULL. */
bool att_guard_is_host(const att_guard *guard, const char *host);
/* Whether a page of this origin (NULL: no page) may ask a server that it calls `host`. *other: it is from elsewhere,
 * and wants to be told that it may. */
bool att_guard_is_origin(const att_guard *guard, const char *origin, const char *host, bool *other);

#endif
