/* Owns the frequencies of rotary positions, in contexts longer than trained with too, and the angles of a pass's rows.
 * See layers.h. */
#include "layers/layers.h"

#include <math.h>

#define PI 3.14159265358979323846

/* Of a head's columns, those that frequencies are counted by; an odd number is turned with one column more. */
static int64_t counted(const att_rope *rope, int64_t size) {
  return rope->partial > 0 ? (int64_t)((double)size * rope->partial) : size;
}

int64_t att_rope_turned(const att_rope *rope, int64_t size) { return (counted(rope, size) + 1) / 2 * 2; }

/* What is slower than the original context is long is slowed down by the factor. */
static double llama3_frequency(double frequency, const att_rope *rope) {
  double waves = (double)rope->original * frequency / (2 * PI);
  if (waves > rope->high) return frequency;
  if (waves < rope->low) return frequency / rope->factor;
  double smooth = (waves - rope->low) / (rope->high - rope->low);
  return (1.0 - smooth) * frequency / rope->factor + smooth * frequency;
}

/* The place among the frequencies of the one that makes so many turns in the original context. */
static double place_of(const att_rope *rope, double turns, int64_t d) {
  return (double)d * log((double)rope->original / (turns * 2 * PI)) / (2 * log(rope->base));
}

/* Fast frequencies stay, slow ones are divided by the factor, with a ramp between (Peng et al. 2023, section 3.2). */
typedef struct ramp {
  double begin, end;
} ramp;

static ramp ramp_of(const att_rope *rope, int64_t d) {
  double begin = place_of(rope, rope->high, d), end = place_of(rope, rope->low, d);
  if (!rope->untruncated) begin = floor(begin), end = ceil(end);
  begin = fmax(begin, 0);
  end = fmin(end, (double)(d - 1));
  return (ramp){begin, begin == end ? end + 0.001 : end};
}

static float yarn_frequency(float wave, const att_rope *rope, ramp r, int64_t k) {
  float slow = ((float)k - (float)r.begin) / (float)(r.end - r.begin);
  float kept = 1 - (slow < 0 ? 0 : slow > 1 ? 1 : slow);
  return 1 / ((float)rope->factor * wave) * (1 - kept) + 1 / wave * kept;
}

/* A larger base the longer the sequence is. */
static double dynamic_base(const att_rope *rope, int64_t length, int64_t d) {
  double times = rope->factor * (double)length / (double)rope->original - (rope->factor - 1);
  return length > rope->original ? rope->base * pow(times, (double)d / (double)(d - 2)) : rope->base;
}

void att_rope_frequencies(float *out, const att_rope *rope, int64_t size, int64_t length) {
  int64_t d = counted(rope, size);
  double base = rope->scaling == ATT_ROPE_DYNAMIC ? dynamic_base(rope, length, d) : rope->base;
  const ramp r = rope->scaling == ATT_ROPE_YARN ? ramp_of(rope, d) : (ramp){0};
  for (int64_t k = 0; k < (d + 1) / 2; k++) {
    float wave = powf((float)base, (float)(2 * k) / (float)d);
    double frequency = (double)(1 / wave);
    switch (rope->scaling) {
    case ATT_ROPE_LINEAR: frequency /= rope->factor; break;
    case ATT_ROPE_LLAMA3: frequency = llama3_frequency(frequency, rope); break;
    case ATT_ROPE_YARN: frequency = (double)yarn_frequency(wave, rope, r, k); break;
    case ATT_ROPE_LONGROPE:
      frequency = (double)(1 / ((length > rope->original ? rope->long_factors : rope->short_factors)[k] * wave));
      break;
    default: break;
    }
    out[k] = (float)frequency;
  }
}

bool att_rope_alike(const att_rope *rope, int64_t one, int64_t other) {
  int64_t original = rope->original;
  if (rope->scaling == ATT_ROPE_LONGROPE) return (one > original) == (other > original);
  return rope->scaling != ATT_ROPE_DYNAMIC || one == other || (one <= original && other <= original);
}

/* ---- the angles of a pass -----------------------------------------------------------------------------------------
 */

typedef struct making {
  const att_rope *rope;
  int64_t size, half;
  float frequencies[ATT_MOST_FREQUENCIES];
  float *angles;
} making;

static void put_angles(const making *m, int64_t at, int32_t position) {
  float *out = m->angles + at * 2 * m->half, magnitude = m->rope->magnitude > 0 ? (float)m->rope->magnitude : 1;
  for (int64_t k = 0; k < m->half; k++) {
    float angle = (float)position * m->frequencies[k];
    out[k] = cosf(angle) * magnitude;
    out[m->half + k] = sinf(angle) * magnitude;
  }
}

/* Rows of one position share their angles: those of each from `least` are made. */
static void put_positions(making *m, int64_t length, int32_t least, int64_t count) {
  att_rope_frequencies(m->frequencies, m->rope, m->size, length);
  for (int64_t i = 0; i < count; i++) put_angles(m, i, (int32_t)(least + i));
}

/* Each row has its own. */
static void put_rows(making *m, att_sequences sequences, const int64_t *lengths, const int32_t *positions) {
  for (int64_t i = 0; i < sequences.count; i++) {
    bool same = i > 0 && att_rope_alike(m->rope, lengths[i - 1], lengths[i]);
    if (!same) att_rope_frequencies(m->frequencies, m->rope, m->size, lengths[i]);
    for (int64_t row = sequences.start[i]; row < sequences.start[i + 1]; row++) put_angles(m, row, positions[row]);
  }
}

att_status att_rope_turns(att_run *run, const att_rope *rope, int64_t size, att_sequences sequences,
                          const int64_t *lengths, const int32_t *positions, att_turns *out) {
  int64_t rows = sequences.start[sequences.count], turned = att_rope_turned(rope, size);
  int32_t least = INT32_MAX, most = 0;
  bool shared = true;
  for (int64_t i = 0; i < sequences.count; i++) shared = shared && att_rope_alike(rope, lengths[0], lengths[i]);
  for (int64_t i = 0; i < rows; i++) {
    if (positions[i] < least) least = positions[i];
    if (positions[i] > most) most = positions[i];
  }
  int64_t span = (int64_t)most - least + 1;
  shared = shared && rows > 0 && span <= rows;
  making m = {.rope = rope, .size = size, .half = turned / 2};
  int64_t *which = ATT_ARENA_NEW(run->arena, rows, int64_t);
  m.angles = ATT_ARENA_NEW(run->arena, (shared ? span : rows) * turned, float);
  if (!which || !m.angles) return ATT_MEMORY;
  for (int64_t i = 0; i < rows; i++) which[i] = shared ? positions[i] - least : i;
  if (shared) put_positions(&m, lengths[0], least, span);
  if (!shared) put_rows(&m, sequences, lengths, positions);
  *out = (att_turns){.angles = m.angles, .rows = which, .turned = turned};
  return ATT_OK;
}
