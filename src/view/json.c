/*
 * Owns attention as JSON: {"measure": "attention" or "gradient", "source", "target", "parts": {"encoder": {"queries":
 * [labels], "keys": [labels], "layers", "heads", "weights": [layer][head][query][key]}, "decoder": ..., "cross": ...}}.
 * Of a recording also "aligned": [query][key], the mean of the heads that align, and "sound": {"seconds", "levels":
 * [band][column]}; of a series "series": {"first", "rows", "levels": [channel][column]}; of a piano roll
 * "roll": {"frames", "lowest", "levels": [key from the lowest][column]}.
 */
#include "formats/json.h"
#include "view/view.h"

#include <string.h>

static void put_string(att_writer *writer, const char *text) {
  if (!text) att_write(writer, "null");
  if (text && !writer->status) writer->status = att_json_put_string(writer->ctx, writer->out, text, strlen(text));
}

static void put_labels(att_writer *writer, const char *name, const char *const *labels, size_t count) {
  att_write_format(writer, "\"%s\":[", name);
  for (size_t i = 0; i < count; i++) {
    if (i) att_write(writer, ",");
    put_string(writer, labels[i]);
  }
  att_write(writer, "],");
}

/* An array of arrays, as deep as sizes is long. Returns where the next one's numbers begin. */
static const float *put_array(att_writer *writer, const size_t *sizes, int depth, const float *weights, int digits) {
  att_write(writer, "[");
  for (size_t i = 0; i < sizes[0]; i++) {
    if (i) att_write(writer, ",");
    if (depth > 1)
      weights = put_array(writer, sizes + 1, depth - 1, weights, digits);
    else
      att_write_number(writer, *weights++, digits);
  }
  att_write(writer, "]");
  return weights;
}

static void put_map(att_writer *writer, const att_attention_map *map, int digits) {
  att_write(writer, "{");
  put_labels(writer, "queries", map->query_labels, map->queries);
  put_labels(writer, "keys", map->key_labels, map->keys);
  att_write_format(writer, "\"layers\":%zu,\"heads\":%zu,\"weights\":", map->layers, map->heads);
  put_array(writer, (const size_t[]){map->layers, map->heads, map->queries, map->keys}, 4, map->weights, digits);
  att_write(writer, "}");
}

static void put_signal(att_writer *writer, const att_signal *signal, int digits) {
  static const char *const begins[] = {[ATT_SIGNAL_SOUND] = ",\"sound\":{\"seconds\":",
                                       [ATT_SIGNAL_CURVES] = ",\"series\":{\"first\":",
                                       [ATT_SIGNAL_ROLL] = ",\"roll\":{\"frames\":"};
  att_write(writer, begins[signal->kind]);
  if (signal->kind == ATT_SIGNAL_CURVES) {
    att_write_number(writer, (float)signal->first, digits);
    att_write(writer, ",\"rows\":");
  }
  att_write_number(writer, (float)signal->length, digits);
  if (signal->kind == ATT_SIGNAL_ROLL) att_write_format(writer, ",\"lowest\":%d", signal->lowest);
  att_write(writer, ",\"levels\":");
  put_array(writer, (const size_t[]){signal->lines, signal->columns}, 2, signal->levels, digits);
  att_write(writer, "}");
}

void att_view_json(att_writer *writer, const att_attention *attention, int digits) {
  att_write_format(writer, "{\"measure\":\"%s\",\"source\":", attention->gradient ? "gradient" : "attention");
  put_string(writer, attention->source);
  att_write(writer, ",\"target\":");
  put_string(writer, attention->target);
  att_write(writer, ",\"parts\":{");
  for (int part = 0; part < ATT_LOOK_PART_COUNT; part++) {
    att_write_format(writer, "%s\"%s\":", part ? "," : "", att_look_part_names[part]);
    put_map(writer, &attention->maps[part], digits);
  }
  att_write(writer, "}");
  if (attention->aligned) {
    const att_attention_map *map = &attention->maps[ATT_LOOK_CROSS];
    att_write(writer, ",\"aligned\":");
    put_array(writer, (const size_t[]){map->queries, map->keys}, 2, attention->aligned, digits);
  }
  if (attention->signal.levels) put_signal(writer, &attention->signal, digits);
  att_write(writer, "}\n");
}
