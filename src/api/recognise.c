/* Owns what recognise.h says. */
#include "api/recognise.h"

#include "decode/recognise.h"

#include <math.h>
#include <string.h>

enum { ATT_BEAM = 8 };

struct att_recogniser {
  att_model *model;
  att_audio *audio;
  att_mel *mel;
  att_arena *arena;
  float *samples;               /* [window], of which `count` are there */
  int64_t window, count, first; /* first: of all the recording's, that samples begins with */
  int beam;
  att_buffer text;
};

bool att_is_recogniser(const att_model *model) {
  att_head head = model->config.head;
  return model->config.mel.rate > 0 && (head == ATT_HEAD_CTC || head == ATT_HEAD_CTC_ATTENTION);
}

/* The middle of the quietest fifth of a second in the last half of a full window. */
static int64_t quietest(const att_recogniser *r) {
  int64_t length = r->model->config.mel.rate / 5, best = r->count;
  double sum = 0, least = INFINITY;
  for (int64_t i = r->count / 2; i < r->count; i++) {
    sum += (double)r->samples[i] * (double)r->samples[i];
    if (i - r->count / 2 < length) continue;
    sum -= (double)r->samples[i - length] * (double)r->samples[i - length];
    if (sum >= least) continue;
    least = sum;
    best = i - length / 2;
  }
  return best;
}

/* The first `count` samples. */
static att_status recognise_window(att_recogniser *r, int64_t count, att_recognised_fn *give, void *user) {
  const att_config *c = &r->model->config;
  att_run run = {.ctx = r->model->ctx, .arena = r->arena};
  int64_t frames = att_mel_frames(&c->mel, count);
  att_ctc_text text;
  if (frames < 1) return ATT_OK;
  att_arena_reset(r->arena);
  float *rows = ATT_ARENA_NEW(r->arena, frames * c->input_width, float);
  if (!rows) return ATT_MEMORY;
  ATT_TRY(att_mel_features(r->mel, r->samples, count, count, rows));
  ATT_TRY(att_recognise(&run, r->model, rows, frames, r->beam, &text));
  r->text.size = 0;
  ATT_TRY(att_tokenizer_decode(r->model->tokenizer, run.ctx, text.ids, (size_t)text.count, true, &r->text));
  const att_recognised part = {{r->text.data ? r->text.data : "", r->text.size},
                               (double)r->first / c->mel.rate,
                               (double)(r->first + count) / c->mel.rate,
                               att_audio_seconds(r->audio)};
  return give(user, &part);
}

att_status att_recogniser_step(att_recogniser *r, att_recognised_fn *give, void *user, bool *more) {
  int64_t got;
  if (att_is_interrupted(r->model->ctx)) return att_fail(r->model->ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(att_audio_read(r->audio, r->samples + r->count, r->window - r->count, &got));
  r->count += got;
  *more = r->count == r->window;
  int64_t cut = *more ? quietest(r) : r->count;
  ATT_TRY(recognise_window(r, cut, give, user));
  r->first += cut;
  r->count -= cut;
  memmove(r->samples, r->samples + cut, (size_t)r->count * sizeof *r->samples);
  return ATT_OK;
}

static att_status make_all(att_recogniser *r) {
  att_context *ctx = r->model->ctx;
  const att_mel_settings *mel = &r->model->config.mel;
  r->window = att_config_most_read(&r->model->config, false) * mel->hop;
  ATT_TRY(att_mel_new(ctx, mel, &r->mel));
  ATT_TRY(att_arena_new(ctx, &r->arena));
  r->samples = ATT_NEW(ctx, r->window, float);
  return r->samples ? ATT_OK : ATT_MEMORY;
}

att_status att_recogniser_new(att_model *model, att_audio *audio, int beam, att_recogniser **out) {
  att_recogniser *r = ATT_NEW(model->ctx, 1, att_recogniser);
  *out = NULL;
  if (!r) {
    att_audio_close(audio);
    return ATT_MEMORY;
  }
  *r = (att_recogniser){.model = model, .audio = audio, .beam = beam ? beam : ATT_BEAM};
  att_status status = make_all(r);
  if (status)
    att_recogniser_free(r);
  else
    *out = r;
  return status;
}

void att_recogniser_free(att_recogniser *r) {
  if (!r) return;
  att_context *ctx = r->model->ctx;
  att_audio_close(r->audio);
  att_mel_free(r->mel);
  att_arena_free(r->arena);
  att_free(ctx, r->samples);
  att_buffer_free(ctx, &r->text);
  att_free(ctx, r);
}

att_status att_recognise_file(att_model *model, const char *path, int beam, att_recognised_fn *give, void *user) {
  att_recogniser *r;
  att_audio *audio;
  bool more = true;
  if (!att_is_recogniser(model) || !model->tokenizer) {
    return att_fail(model->ctx, ATT_UNSUPPORTED, "the model is no recogniser that train speech has made");
  }
  ATT_TRY(att_audio_open(model->ctx, path, model->config.mel.rate, &audio));
  ATT_TRY(att_recogniser_new(model, audio, beam, &r));
  att_status status = ATT_OK;
  while (!status && more) status = att_recogniser_step(r, give, user, &more);
  att_recogniser_free(r);
  return status;
}
