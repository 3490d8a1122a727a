/* Owns what features.h says. */
#include "models/features.h"

#include "formats/file.h"
#include "models/settings.h"

#include <inttypes.h>
#include <string.h>

#define FEATURES_FILE "preprocessor_config.json"

/* By att_mel_scaling: Transformers' class, and attend's word beside it. */
static const char *const extractors[] = {"WhisperFeatureExtractor", "AttendFeatureExtractor"};

static att_status read_scaling(const att_settings *in, att_mel_settings *mel) {
  const char *name = extractors[mel->scaling];
  ATT_TRY(att_read_string(in, "feature_extractor_type", &name));
  for (size_t i = 0; i < ATT_COUNT(extractors); i++) {
    mel->scaling = (att_mel_scaling)i;
    if (strcmp(name, extractors[i]) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: feature_extractor_type is \"%.60s\"; attend knows %s and %s", in->name,
                  name, extractors[0], extractors[1]);
}

static att_status read_features(const att_settings *in, att_config *config) {
  const int64_t most = INT32_MAX;
  att_mel_settings mel = config->mel;
  int64_t rate = mel.rate, window = 0, hop = mel.hop, n_fft = mel.n_fft, bands = config->input_width;
  if (!json_is_object(in->root)) return att_fail(in->ctx, ATT_FORMAT, "%s: is not a JSON object", in->name);
  if (!mel.rate && !json_object_get(in->root, "hop_length")) return ATT_OK; /* of something else than sound */
  ATT_TRY(read_scaling(in, &mel));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "sampling_rate", !rate, 1, most, &rate));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "hop_length", !hop, 1, most, &hop));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "n_fft", !n_fft, 1, most, &n_fft));
  window = n_fft;
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "win_length", false, 1, most, &window));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "feature_size", false, 1, most, &bands));
  if (bands != config->input_width) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: feature_size is %" PRId64 ", but the model reads %" PRId64 " bands",
                    in->name, bands, config->input_width);
  }
  mel = (att_mel_settings){(int)rate, (int)window, (int)hop, (int)n_fft, (int)bands, mel.scaling};
  if (att_mel_check(in->ctx, &mel)) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: features of such windows cannot be made", in->name);
  }
  config->mel = mel;
  return ATT_OK;
}

att_status att_features_read(att_context *ctx, const char *folder, att_config *config) {
  json_t *root = NULL;
  if (!config->input_width) return ATT_OK;
  char *path = att_path(ctx, folder, FEATURES_FILE);
  if (!path) return ATT_MEMORY;
  bool there = att_file_exists(path);
  att_status status = there ? att_json_open(ctx, path, &root) : ATT_OK;
  if (!status && there) status = read_features(&(att_settings){ctx, path, root}, config);
  json_decref(root);
  att_free(ctx, path);
  return status;
}

att_status att_features_write(att_context *ctx, const char *folder, const att_config *config) {
  const att_mel_settings *mel = &config->mel;
  att_object out = {.ctx = ctx};
  if (!mel->rate) return ATT_OK;
  int64_t frames = att_config_most_read(config, config->kind == ATT_DECODER), samples = frames * mel->hop;
  att_put_text(&out, "feature_extractor_type", extractors[mel->scaling]);
  if (mel->scaling == ATT_MEL_WHISPER) att_put_text(&out, "processor_class", "WhisperProcessor");
  att_put_int(&out, "sampling_rate", mel->rate);
  att_put_int(&out, "feature_size", mel->bands);
  att_put_int(&out, "n_fft", mel->n_fft);
  if (mel->window != mel->n_fft) att_put_int(&out, "win_length", mel->window);
  att_put_int(&out, "hop_length", mel->hop);
  att_put_int(&out, "chunk_length", samples / mel->rate);
  att_put_int(&out, "n_samples", samples);
  att_put_int(&out, "nb_max_frames", frames);
  att_put_text(&out, "padding_side", "right");
  att_put_real(&out, "padding_value", 0, false);
  att_put_bool(&out, "return_attention_mask", false);
  return att_object_write(&out, folder, FEATURES_FILE);
}
