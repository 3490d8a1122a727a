/*
 * Owns how a series that is learned from is varied: another tempo from part to part, a piece of its ends left out, each
 * channel a little larger or smaller, as another hand would have moved. Small data needs it. Refuses to know of tokens
 * and labels.
 */
#ifndef ATT_TRAIN_DATA_WARP_H
#define ATT_TRAIN_DATA_WARP_H

#include <stdint.h>

/* values [rows, channels] are replaced; room [rows, channels] is scratch. strength: deviation of the logarithm of a
 * channel's factor. The same key gives the same. */
void att_series_warp(float *values, int64_t rows, int64_t channels, double strength, uint64_t key, float *room);

#endif
