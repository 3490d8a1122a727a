/*
 * Owns reading: libsndfile's frames to mono, soxr's rates, and the one line that each failure gets. What libsndfile and
 * soxr allocate is theirs, and bounded: a few blocks.
 */
#include "audio/audio.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef ATT_HAVE_SNDFILE
#include <sndfile.h>
#endif
#ifdef ATT_HAVE_SOXR
#include <soxr.h>
#endif

enum { BLOCK = 4096, MOST_CHANNELS = 256, LOWEST_RATE = 100, HIGHEST_RATE = 4000000 };

#ifdef ATT_HAVE_SNDFILE
struct att_audio {
  att_context *ctx;
  char *path;        /* as messages say it */
  const char *bytes; /* [size] in memory, read up to `at`; or NULL */
  int64_t size, at;
  SNDFILE *file;
  int channels, from, to; /* rates, in hertz */
  double seconds;         /* negative: not known */
  int64_t frames;         /* read so far */
  float *interleaved;     /* [BLOCK, channels] */
  float *mono;            /* [BLOCK], of which */
  int64_t first, end;     /* are still to be given */
  bool read_all;          /* there are no more frames, */
  bool drained;           /* and the resampler has given all it had */
#ifdef ATT_HAVE_SOXR
  soxr_t resampler; /* NULL: the rates are the same */
#endif
};

static const char *name_of(const char *path) { return strcmp(path, "-") == 0 ? "standard input" : path; }

/* A descriptor of what may be audio; the caller closes it. */
static att_status open_bytes(att_context *ctx, const char *path, int *descriptor) {
  struct stat info;
  bool standard = strcmp(path, "-") == 0;
  int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) != 0) {
    att_fail(ctx, ATT_IO, "%s: %s", name_of(path), strerror(errno));
    if (fd >= 0) close(fd);
    return ATT_IO;
  }
  att_status status = ATT_OK;
  if (S_ISDIR(info.st_mode)) status = att_fail(ctx, ATT_IO, "%s: is a folder, not a recording", name_of(path));
  if (S_ISREG(info.st_mode) && info.st_size == 0) {
    status = att_fail(ctx, ATT_FORMAT, "%s: an empty file, not a recording", name_of(path));
  }
  if (status)
    close(fd);
  else
    *descriptor = fd;
  return status;
}

/* ---- bytes in memory, as libsndfile asks for them ---- */

static sf_count_t memory_size(void *user) { return ((const att_audio *)user)->size; }

static sf_count_t memory_seek(sf_count_t by, int whence, void *user) {
  att_audio *audio = user;
  sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? audio->at : audio->size;
  if (by < -from || by > audio->size - from) return -1;
  return audio->at = from + by;
}

static sf_count_t memory_read(void *to, sf_count_t wanted, void *user) {
  att_audio *audio = user;
  sf_count_t left = audio->size - audio->at, count = wanted < left ? wanted : left;
  if (count <= 0) return 0;
  memcpy(to, audio->bytes + audio->at, (size_t)count);
  audio->at += count;
  return count;
}

static sf_count_t memory_tell(void *user) { return ((const att_audio *)user)->at; }

/* ---- opening ---- */

static att_status open_file(att_audio *audio, const char *path, SF_INFO *info) {
  int descriptor;
  ATT_TRY(open_bytes(audio->ctx, path, &descriptor));
  audio->file = sf_open_fd(descriptor, SFM_READ, info, SF_TRUE);
  if (!audio->file)
    close(
        descriptor); /* libsndfile closes it where it has opened the file only; where it has closed it, this is EBADF */
  return ATT_OK;
}

static att_status open_sound(att_audio *audio, const char *path) {
  static SF_VIRTUAL_IO memory = {memory_size, memory_seek, memory_read, NULL, memory_tell};
  SF_INFO info = {0};
  if (audio->bytes)
    audio->file = sf_open_virtual(&memory, SFM_READ, &info, audio);
  else
    ATT_TRY(open_file(audio, path, &info));
  if (!audio->file) {
    return att_fail(audio->ctx, ATT_FORMAT, "%s: no audio that libsndfile reads, such as wav, flac, ogg or mp3 (%s)",
                    audio->path, sf_strerror(NULL));
  }
  if (info.channels < 1 || info.channels > MOST_CHANNELS || info.samplerate < LOWEST_RATE ||
      info.samplerate > HIGHEST_RATE) {
    return att_fail(audio->ctx, ATT_UNSUPPORTED,
                    "%s: %d channels at %d hertz; up to %d channels and %d to %d hertz are read", audio->path,
                    info.channels, info.samplerate, MOST_CHANNELS, LOWEST_RATE, HIGHEST_RATE);
  }
  audio->channels = info.channels;
  audio->from = info.samplerate;
  bool known = info.frames > 0 && info.frames < INT64_MAX / 2;
  audio->seconds = known ? (double)info.frames / info.samplerate : -1;
  return ATT_OK;
}

static att_status open_resampler(att_audio *audio) {
  if (audio->from == audio->to) return ATT_OK;
#ifdef ATT_HAVE_SOXR
  soxr_error_t error = NULL;
  soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
  audio->resampler = soxr_create(audio->from, audio->to, 1, &error, NULL, &quality, &one_thread);
  if (audio->resampler && !error) return ATT_OK;
  return att_fail(audio->ctx, ATT_MEMORY, "%s: no resampler from %d to %d hertz (%s)", audio->path, audio->from,
                  audio->to, error ? error : "soxr");
#else
  return att_fail(audio->ctx, ATT_UNSUPPORTED,
                  "%s: has %d hertz where %d are needed, and this build changes no rates: it was made without soxr "
                  "(Debian: libsoxr-dev)",
                  audio->path, audio->from, audio->to);
#endif
}

static att_status open_audio(att_audio *audio, const char *path) {
  const char *name = path ? name_of(path) : "the recording";
  audio->path = att_copy_text(audio->ctx, name, strlen(name));
  if (!audio->path) return ATT_MEMORY;
  ATT_TRY(open_sound(audio, path));
  ATT_TRY(open_resampler(audio));
  audio->interleaved = ATT_NEW(audio->ctx, (size_t)BLOCK * (size_t)audio->channels, float);
  audio->mono = ATT_NEW(audio->ctx, BLOCK, float);
  return audio->interleaved && audio->mono ? ATT_OK : ATT_MEMORY;
}

/* path NULL: what is in memory. */
static att_status open_any(att_context *ctx, const char *path, const void *data, size_t size, int rate,
                           att_audio **out) {
  *out = NULL;
  att_audio *audio = ATT_NEW(ctx, 1, att_audio);
  if (!audio) return ATT_MEMORY;
  audio->ctx = ctx;
  audio->to = rate;
  audio->bytes = data;
  audio->size = (int64_t)size;
  att_status status = open_audio(audio, path);
  if (status)
    att_audio_close(audio);
  else
    *out = audio;
  return status;
}

att_status att_audio_open(att_context *ctx, const char *path, int rate, att_audio **out) {
  return open_any(ctx, path, NULL, 0, rate, out);
}

att_status att_audio_open_memory(att_context *ctx, const void *data, size_t size, int rate, att_audio **out) {
  return open_any(ctx, NULL, data ? data : "", size <= INT64_MAX ? size : 0, rate, out);
}

void att_audio_close(att_audio *audio) {
  if (!audio) return;
  if (audio->file) sf_close(audio->file);
#ifdef ATT_HAVE_SOXR
  if (audio->resampler) soxr_delete(audio->resampler);
#endif
  att_free(audio->ctx, audio->interleaved);
  att_free(audio->ctx, audio->mono);
  att_free(audio->ctx, audio->path);
  att_free(audio->ctx, audio);
}

double att_audio_seconds(const att_audio *audio) { return audio->seconds; }
int att_audio_rate(const att_audio *audio) { return audio->from; }

/* The next frames, averaged over their channels. A sum of finite numbers may be infinite: looked at last. */
static att_status read_block(att_audio *audio) {
  if (att_is_interrupted(audio->ctx)) {
    return att_fail(audio->ctx, ATT_INTERRUPTED, "interrupted while reading %s", audio->path);
  }
  sf_count_t count = sf_readf_float(audio->file, audio->interleaved, BLOCK);
  if (count < BLOCK) {
    if (sf_error(audio->file) != SF_ERR_NO_ERROR) {
      return att_fail(audio->ctx, ATT_FORMAT, "%s: damaged after %.2f seconds: %s", audio->path,
                      (double)(audio->frames + count) / audio->from, sf_strerror(audio->file));
    }
    audio->read_all = true;
  }
  for (int64_t i = 0; i < count; i++) {
    double sum = 0;
    for (int c = 0; c < audio->channels; c++) sum += (double)audio->interleaved[i * audio->channels + c];
    audio->mono[i] = (float)(sum / audio->channels);
    if (!isfinite(audio->mono[i])) {
      return att_fail(audio->ctx, ATT_NUMERIC, "%s: the sample at %.4f seconds is not a number", audio->path,
                      (double)(audio->frames + i) / audio->from);
    }
  }
  audio->frames += count;
  if (audio->frames == 0) return att_fail(audio->ctx, ATT_FORMAT, "%s: a recording without a sample", audio->path);
  audio->first = 0;
  audio->end = count;
  return ATT_OK;
}

/* Moves what there is of the block to out, [room]; through the resampler, which once no frames come gives the rest. */
static att_status give(att_audio *audio, float *out, int64_t room, int64_t *given) {
  int64_t there = audio->end - audio->first, taken = there < room ? there : room;
  *given = taken;
#ifdef ATT_HAVE_SOXR
  if (audio->resampler) {
    bool last = there == 0; /* soxr is told of the end by no input at all */
    size_t used = 0, made = 0;
    soxr_error_t error = soxr_process(audio->resampler, last ? NULL : audio->mono + audio->first, (size_t)there, &used,
                                      out, (size_t)room, &made);
    if (error) return att_fail(audio->ctx, ATT_MEMORY, "%s: resampling failed: %s", audio->path, error);
    audio->first += (int64_t)used;
    audio->drained = last && (int64_t)made < room;
    *given = (int64_t)made;
    return ATT_OK;
  }
#endif
  memcpy(out, audio->mono + audio->first, (size_t)taken * sizeof *out);
  audio->first += taken;
  audio->drained = there == 0;
  return ATT_OK;
}

att_status att_audio_read(att_audio *audio, float *samples, int64_t wanted, int64_t *count) {
  *count = 0;
  while (*count < wanted && !audio->drained) {
    int64_t given = 0;
    if (audio->first == audio->end && !audio->read_all) ATT_TRY(read_block(audio));
    ATT_TRY(give(audio, samples + *count, wanted - *count, &given));
    *count += given;
  }
  return ATT_OK;
}
#else
static att_status refuse(att_context *ctx, const char *path) {
  return att_fail(ctx, ATT_UNSUPPORTED,
                  "%s: this build reads no recordings: it was made without libsndfile (Debian: libsndfile1-dev)", path);
}
att_status att_audio_open(att_context *ctx, const char *path, int rate, att_audio **out) {
  (void)rate;
  *out = NULL;
  return refuse(ctx, path);
}
att_status att_audio_open_memory(att_context *ctx, const void *data, size_t size, int rate, att_audio **out) {
  (void)data, (void)size, (void)rate;
  *out = NULL;
  return refuse(ctx, "the recording");
}
void att_audio_close(att_audio *audio) { (void)audio; }
att_status att_audio_read(att_audio *audio, float *samples, int64_t wanted, int64_t *count) {
  (void)audio, (void)samples, (void)wanted;
  *count = 0;
  return ATT_OK;
}
double att_audio_seconds(const att_audio *audio) {
  (void)audio;
  return -1;
}
int att_audio_rate(const att_audio *audio) {
  (void)audio;
  return 0;
}
#endif

/* Grows *samples by what the recording still has. */
static att_status read_rest(att_context *ctx, att_audio *audio, const char *path, int64_t most, float **samples,
                            int64_t *count) {
  for (int64_t capacity = 0, got = -1; got != 0; *count += got) {
    if (*count > most) {
      return att_fail(ctx, ATT_UNSUPPORTED, "%s: longer than the %lld samples that fit here", path, (long long)most);
    }
    if (capacity - *count < BLOCK) {
      capacity = 2 * capacity + 16 * BLOCK;
      float *grown = att_resize(ctx, *samples, (size_t)capacity, sizeof **samples);
      if (!grown) return ATT_MEMORY;
      *samples = grown;
    }
    ATT_TRY(att_audio_read(audio, *samples + *count, capacity - *count, &got));
  }
  return ATT_OK;
}

att_status att_audio_read_whole(att_context *ctx, const char *path, int rate, double longest, float **samples,
                                int64_t *count) {
  att_audio *audio;
  *samples = NULL;
  *count = 0;
  ATT_TRY(att_audio_open(ctx, path, rate, &audio));
  double seconds = att_audio_seconds(audio);
  att_status status = ATT_OK;
  if (seconds > longest) {
    status = att_fail(ctx, ATT_UNSUPPORTED, "%s: %.1f seconds long; at most %.1f fit here", path, seconds, longest);
  }
  if (!status) status = read_rest(ctx, audio, path, (int64_t)(longest * rate), samples, count);
  att_audio_close(audio);
  if (!status) return ATT_OK;
  att_free(ctx, *samples);
  *samples = NULL;
  *count = 0;
  return status;
}
