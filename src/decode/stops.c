/* Owns what stops.h says. */
#include "decode/stops.h"

#include <string.h>

const char *att_stops_wrong(const char *const *stops, size_t count) {
  if (count && !stops) return "stop is NULL, but stop_count is not 0";
  for (size_t i = 0; i < count; i++) {
    if (!stops[i] || !*stops[i]) return "a stop text must not be empty";
  }
  return NULL;
}

size_t att_stop_find(const char *const *stops, size_t count, att_text text) {
  for (size_t end = 1; count && end <= text.size; end++) {
    size_t begin = text.size;
    for (size_t i = 0; i < count; i++) {
      size_t size = strlen(stops[i]);
      if (size > end || memcmp(text.data + end - size, stops[i], size) != 0) continue;
      if (end - size < begin) begin = end - size;
    }
    if (begin < text.size) return begin;
  }
  return text.size;
}
