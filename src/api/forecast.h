/* Owns reading a table as a model of forecasts does, for who forecasts and who looks. */
#ifndef ATT_API_FORECAST_H
#define ATT_API_FORECAST_H

#include "models/patching.h"
#include "train/data/windows.h"

/* The columns that the model was trained on, on a grid of times, not yet scaled. On failure there is nothing to free.
 */
att_status att_forecast_read(att_model *model, const char *path, att_timeline *grid);

#endif
