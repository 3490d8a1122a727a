/* Owns what warp.h says: window warping, slicing and scaling (Um et al. 2017; Iwana and Uchida 2021, section 4). */
#include "train/data/warp.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

enum { PARTS = 4 };
static const double tempo = 0.3, most_cut = 0.08;

/* Row `row` of the new series is row to[row] of the old one, between two of them. at: ends of the parts, as shares of
 * the old rows. */
static double place_of(double row, double last, const double at[PARTS + 1]) {
  double share = row / last * PARTS;
  int part = share >= PARTS ? PARTS - 1 : (int)share;
  return (at[part] + (at[part + 1] - at[part]) * (share - part)) * last;
}

static void draw_parts(uint64_t key, double at[PARTS + 1]) {
  double begin = most_cut * att_uniform(key, 0), end = 1 - most_cut * att_uniform(key, 1), sum = 0;
  at[0] = 0;
  for (int i = 0; i < PARTS; i++) at[i + 1] = sum += exp(tempo * att_normal(key, 2 + (uint64_t)i));
  for (int i = 0; i <= PARTS; i++) at[i] = begin + (end - begin) * at[i] / sum;
}

void att_series_warp(float *values, int64_t rows, int64_t channels, double strength, uint64_t key, float *room) {
  double at[PARTS + 1], last = (double)(rows - 1);
  if (rows < 2 * PARTS) return;
  draw_parts(att_key(key, 1), at);
  memcpy(room, values, (size_t)(rows * channels) * sizeof *room);
  for (int64_t c = 0; c < channels; c++) {
    double scale = exp(strength * att_normal(att_key(key, 2), (uint64_t)c));
    for (int64_t r = 0; r < rows; r++) {
      double place = place_of((double)r, last, at);
      int64_t before = (int64_t)place < rows - 1 ? (int64_t)place : rows - 2;
      double a = (double)room[before * channels + c], b = (double)room[(before + 1) * channels + c];
      values[r * channels + c] = (float)(scale * (a + (b - a) * (place - (double)before)));
    }
  }
}
