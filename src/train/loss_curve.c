/*
 * Owns what picture.h says: the losses of training and validation against the steps, on axes with round numbers.
 * The colours can be told apart without seeing red and green, and both curves carry their names.
 */
#include "train/loss_curve.h"

#include "formats/json.h"

#include <math.h>
#include <string.h>

#define ATT_MOST_POINTS 240 /* of a curve: more are averaged in groups */

enum { LEFT = 64, TOP = 64, WIDTH = 640, HEIGHT = 320 }; /* of the area between the axes, in pixels */

const char *att_quality_key(const char *quality, char key[ATT_MOST_KEY]) {
  size_t size = strlen(quality);
  if (size >= ATT_MOST_KEY) size = ATT_MOST_KEY - 1;
  for (size_t i = 0; i < size; i++)
    key[i] = quality[i] >= 'A' && quality[i] <= 'Z' ? (char)(quality[i] | 0x20) : quality[i];
  key[size] = '\0';
  return key;
}

att_status att_point_read(att_context *ctx, const char *line, size_t size, const char *key, att_point *point) {
  static const char *const name = "train.jsonl";
  json_t *root;
  ATT_TRY(att_json_parse(ctx, name, line, size, &root));
  point->validation = json_object_get(root, "valid_loss") != NULL;
  point->quality = -1;
  point->loss = NAN; /* written as null where it is no number */
  att_status status = att_json_int(ctx, name, root, "step", true, 0, INT64_MAX, &point->step);
  if (!status) {
    status = att_json_number(ctx, name, root, point->validation ? "valid_loss" : "loss", false, &point->loss);
  }
  if (!status && point->validation && key) status = att_json_number(ctx, name, root, key, false, &point->quality);
  json_decref(root);
  return status;
}

typedef struct att_curves {
  att_point *points;
  size_t count;
  double last_step, low, high; /* the frame */
  int64_t best_step;
  const char *quality; /* its name, or NULL */
  double best_quality;
} att_curves;

static att_status read_points(att_context *ctx, const char *text, att_curves *c) {
  char key[ATT_MOST_KEY];
  size_t lines = 0;
  for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) lines++;
  c->points = ATT_NEW(ctx, lines, att_point);
  if (!c->points) return ATT_MEMORY;
  for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
    att_point *point = &c->points[c->count];
    att_status status =
        att_point_read(ctx, text, (size_t)(end - text), c->quality ? att_quality_key(c->quality, key) : NULL, point);
    if (status == ATT_MEMORY) return status;
    if (status == ATT_OK && isfinite(point->loss)) c->count++;
  }
  return ATT_OK;
}

static void find_frame(att_curves *c) {
  c->low = INFINITY;
  c->high = -INFINITY;
  c->last_step = 1;
  c->best_quality = -1;
  for (size_t i = 0; i < c->count; i++) {
    const att_point *p = &c->points[i];
    c->low = fmin(c->low, p->loss);
    c->high = fmax(c->high, p->loss);
    c->last_step = fmax(c->last_step, (double)p->step);
    if (p->validation && p->quality > c->best_quality) {
      c->best_quality = p->quality;
      c->best_step = p->step;
    }
  }
  if (c->count == 0) c->low = 0, c->high = 1;
  if (c->high - c->low < 1e-3) c->high = c->low + 1e-3;
}

/* 1, 2 or 5 times a power of ten, so that about `parts` fit into the range. */
static double round_distance(double range, double parts) {
  double power = pow(10, floor(log10(range / parts))), times = range / parts / power;
  return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static double x_of(const att_curves *c, double step) { return LEFT + WIDTH * step / c->last_step; }
static double y_of(const att_curves *c, double loss) {
  return TOP + HEIGHT * (1 - (loss - c->low) / (c->high - c->low));
}

/* Pixels in tenths, from whole numbers: no locale's comma. */
static att_status put_tenths(att_context *ctx, att_buffer *svg, double value) {
  long tenths = lround(value * 10);
  return att_buffer_print(ctx, svg, "%ld.%ld", tenths / 10, tenths % 10);
}

static att_status put_text(att_context *ctx, att_buffer *svg, double x, double y, const char *anchor,
                           const char *text) {
  ATT_TRY(att_buffer_print(ctx, svg, "<text x=\"%ld\" y=\"%ld\" text-anchor=\"%s\">%s</text>\n", lround(x), lround(y),
                           anchor, text));
  return ATT_OK;
}

static att_status put_number_text(att_context *ctx, att_buffer *svg, double x, double y, const char *anchor,
                                  double value) {
  ATT_TRY(att_buffer_print(ctx, svg, "<text x=\"%ld\" y=\"%ld\" text-anchor=\"%s\">", lround(x), lround(y), anchor));
  ATT_TRY(att_json_put_number(ctx, svg, value));
  return att_buffer_print(ctx, svg, "</text>\n");
}

static att_status put_line(att_context *ctx, att_buffer *svg, double x1, double y1, double x2, double y2) {
  return att_buffer_print(ctx, svg, "<path d=\"M%ld %ldL%ld %ld\" class=\"grid\"/>\n", lround(x1), lround(y1),
                          lround(x2), lround(y2));
}

static att_status put_axes(att_context *ctx, att_buffer *svg, const att_curves *c) {
  double distance = round_distance(c->high - c->low, 6);
  for (double n = ceil(c->low / distance); n * distance <= c->high; n++) {
    double y = y_of(c, n * distance), value = round(n * distance * 1e6) / 1e6;
    ATT_TRY(put_line(ctx, svg, LEFT, y, LEFT + WIDTH, y));
    ATT_TRY(put_number_text(ctx, svg, LEFT - 8, y + 4, "end", value));
  }
  distance = fmax(1, round_distance(c->last_step, 6));
  for (double n = 0; n * distance <= c->last_step; n++) {
    double x = x_of(c, n * distance);
    ATT_TRY(put_line(ctx, svg, x, TOP + HEIGHT, x, TOP + HEIGHT + 5));
    ATT_TRY(put_number_text(ctx, svg, x, TOP + HEIGHT + 20, "middle", n * distance));
  }
  ATT_TRY(put_line(ctx, svg, LEFT, TOP + HEIGHT, LEFT + WIDTH, TOP + HEIGHT));
  ATT_TRY(put_text(ctx, svg, LEFT + WIDTH / 2.0, TOP + HEIGHT + 42, "middle", "training steps"));
  return att_buffer_print(ctx, svg,
                          "<text transform=\"translate(16 %d) rotate(-90)\" text-anchor=\"middle\">loss, in nats a "
                          "target token</text>\n",
                          TOP + HEIGHT / 2);
}

/* One curve as a path of at most ATT_MOST_POINTS group means; *last: where it ends, for its name. */
static att_status put_curve(att_context *ctx, att_buffer *svg, const att_curves *c, bool validation, double *last) {
  size_t total = 0, group, in_group = 0;
  double step = 0, loss = 0;
  const char *command = "M";
  for (size_t i = 0; i < c->count; i++) total += c->points[i].validation == validation;
  group = total / ATT_MOST_POINTS + 1;
  *last = NAN;
  if (total == 0) return ATT_OK;
  ATT_TRY(att_buffer_print(ctx, svg, "<path class=\"%s\" d=\"", validation ? "valid" : "train"));
  for (size_t i = 0, seen = 0; i < c->count; i++) {
    if (c->points[i].validation != validation) continue;
    step += (double)c->points[i].step;
    loss += c->points[i].loss;
    seen++;
    if (++in_group < group && seen < total) continue;
    ATT_TRY(att_buffer_append(ctx, svg, command, 1));
    ATT_TRY(put_tenths(ctx, svg, x_of(c, step / (double)in_group)));
    ATT_TRY(att_buffer_append(ctx, svg, " ", 1));
    ATT_TRY(put_tenths(ctx, svg, y_of(c, loss / (double)in_group)));
    *last = loss / (double)in_group;
    command = "L";
    step = loss = 0;
    in_group = 0;
  }
  return att_buffer_print(ctx, svg, "\"/>\n");
}

static att_status put_curves(att_context *ctx, att_buffer *svg, const att_curves *c) {
  double train, valid;
  ATT_TRY(put_curve(ctx, svg, c, false, &train));
  ATT_TRY(put_curve(ctx, svg, c, true, &valid));
  double train_y = isfinite(train) ? y_of(c, train) + 4 : TOP, valid_y = isfinite(valid) ? y_of(c, valid) + 4 : TOP;
  double overlap = 16 - fabs(train_y - valid_y);
  if (overlap > 0) {
    double sign = valid_y <= train_y ? 1 : -1;
    train_y += sign * overlap / 2;
    valid_y -= sign * overlap / 2;
  }
  if (isfinite(train)) {
    ATT_TRY(att_buffer_print(ctx, svg, "<text class=\"t\" x=\"%d\" y=\"%ld\">training</text>\n", LEFT + WIDTH + 8,
                             lround(train_y)));
  }
  if (!isfinite(valid)) return ATT_OK;
  return att_buffer_print(ctx, svg, "<text class=\"v\" x=\"%d\" y=\"%ld\">validation</text>\n", LEFT + WIDTH + 8,
                          lround(valid_y));
}

static att_status put_title(att_context *ctx, att_buffer *svg, const att_curves *c) {
  ATT_TRY(att_buffer_print(ctx, svg,
                           "<text x=\"%d\" y=\"26\" class=\"title\">Loss while "
                           "training</text>\n<text x=\"%d\" y=\"46\" class=\"soft\">lower is better; training "
                           "with dropout, validation without",
                           LEFT, LEFT));
  if (c->quality && c->best_quality >= 0) {
    ATT_TRY(att_buffer_print(ctx, svg, "; best validation %s ", c->quality));
    double digits = c->best_quality > 1 ? 1e2 : 1e4;
    ATT_TRY(att_json_put_number(ctx, svg, round(c->best_quality * digits) / digits));
    ATT_TRY(att_buffer_print(ctx, svg, " at step %lld", (long long)c->best_step));
  }
  return att_buffer_print(ctx, svg, "</text>\n");
}

static att_status put_all(att_context *ctx, const att_curves *c, att_buffer *svg) {
  static const char style[] =
      "<style>text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:17px;font-weight:600}.soft{fill:#666}"
      ".grid{stroke:#ddd;fill:none}.train{stroke:#8ab4d8;fill:none;stroke-width:1.5}"
      ".valid{stroke:#c2410c;fill:none;stroke-width:2.2}.t{fill:#4d7fa8}.v{fill:#c2410c}"
      "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  int width = LEFT + WIDTH + 88, height = TOP + HEIGHT + 60;
  ATT_TRY(att_buffer_print(ctx, svg,
                           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                           "role=\"img\" aria-label=\"loss of training and validation against steps\">\n",
                           width, height, width, height));
  ATT_TRY(att_buffer_append(ctx, svg, style, sizeof style - 1));
  ATT_TRY(put_title(ctx, svg, c));
  ATT_TRY(put_axes(ctx, svg, c));
  ATT_TRY(put_curves(ctx, svg, c));
  return att_buffer_print(ctx, svg, "</svg>\n");
}

att_status att_picture_draw(att_context *ctx, const char *text, const char *quality, att_buffer *svg) {
  att_curves curves = {.quality = quality};
  att_status status = read_points(ctx, text, &curves);
  if (!status) {
    find_frame(&curves);
    status = put_all(ctx, &curves, svg);
  }
  att_free(ctx, curves.points);
  return status;
}
