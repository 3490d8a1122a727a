/*
 * Owns the front of models that read windows of series (Nie et al. 2023, PatchTST): each channel by itself, normalised
 * by its own mean and deviation in the window, cut into patches; and the keys of config.json that say so. What was
 * normalised is undone by att_op_scale_rows (Kim et al. 2022, RevIN without its learned factors, as Hugging Face's
 * PatchTST has it). Refuses to know what network reads the patches.
 */
#ifndef ATT_MODELS_PATCHING_H
#define ATT_MODELS_PATCHING_H

#include "models/pass.h"
#include "models/settings.h"

/* Patches of a window; 0: the window is shorter than one. */
int64_t att_patch_count(const att_config *config);

/* A window's mean, and the root of its variance (population) + 1e-5, in double: PatchTSTStdScaler. x: `rows` values,
 * `stride` apart. */
void att_instance_norm(const float *x, int64_t rows, int64_t stride, float *mean, float *deviation);
/* Windows [sequences, lookback rows, channels] as a network reads them: patches, one sequence a window and channel, in
 * that order; the last patch ends where the window does. scales [windows * channels, 2]: mean and deviation (0 and 1
 * where the config does not normalise). On the run's arena. Refuses windows of another length. */
att_status att_patch(att_run *run, const att_config *config, const att_input *windows, att_input *patches,
                     const float **scales);

/* num_input_channels, context_length, patch_length (which is input_width), patch_stride, scaling; where the key
 * context_length is absent nothing is read. */
att_status att_patching_read(const att_settings *in, att_config *config);
void att_patching_write(att_object *out, const att_config *config);
att_status att_patching_check(att_context *ctx, const char *name, const att_config *config);

#endif
