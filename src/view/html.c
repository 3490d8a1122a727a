/*
 * Owns attention as one HTML page that needs nothing beside itself: every part, layer and head, as words with curves
 * between them and as a heat map. The data stand in it as JSON, with no "<" that could end their element.
 */
#include "view/page.h"
#include "view/view.h"

#include <string.h>

enum { DIGITS = 4 }; /* of a weight: enough to draw and to read */

#define COUNT(array) (sizeof(array) / sizeof *(array))

void att_write_lines(att_writer *writer, const char *const *lines, size_t count) {
  for (size_t i = 0; i < count; i++) {
    att_write(writer, lines[i]);
    att_write(writer, "\n");
  }
}

void att_write_page_data(att_writer *writer, const att_buffer *json) {
  const char *at = json->data, *end = json->data + json->size;
  for (const char *mark; (mark = memchr(at, '<', (size_t)(end - at))); at = mark + 1) {
    att_write_bytes(writer, at, (size_t)(mark - at));
    att_write(writer, "\\u003c");
  }
  att_write_bytes(writer, at, (size_t)(end - at));
}

static void put_data(att_writer *writer, const att_attention *attention) {
  att_buffer json = {0};
  att_writer aside = {writer->ctx, &json, ATT_OK};
  att_view_json(&aside, attention, DIGITS);
  if (!writer->status) writer->status = aside.status;
  if (!writer->status) att_write_page_data(writer, &json);
  att_buffer_free(writer->ctx, &json);
}

/* Above the maps the picture of a recording or a series: the signal, and what looks at it. */
static void put_signal(att_writer *writer, const att_attention *attention, const att_look_options *options) {
  att_grid grid;
  if (!attention->signal.levels || writer->status) return;
  writer->status = att_grid_make(attention, options, &grid);
  if (writer->status) return;
  if (grid.signal) {
    att_write(writer, "<div style='overflow-x:auto;margin-bottom:20px'>\n");
    att_view_signal(writer, &grid);
    att_write(writer, "</div>\n");
  }
  att_grid_free(writer->ctx, &grid);
}

void att_view_html(att_writer *writer, const att_attention *attention, const att_look_options *options) {
  size_t layers = attention->maps[options->part].layers;
  att_write_lines(writer, PAGE_BEFORE, COUNT(PAGE_BEFORE));
  att_write_format(writer, "<body data-part='%s' data-layer='%zu' data-head='%d'>\n",
                   att_look_part_names[options->part], options->layer < 0 ? layers - 1 : (size_t)options->layer,
                   options->head);
  put_signal(writer, attention, options);
  att_write(writer, "<script type='application/json' id='data'>\n");
  put_data(writer, attention);
  att_write(writer, "</script>\n");
  att_write_lines(writer, PAGE_AFTER, COUNT(PAGE_AFTER));
}
