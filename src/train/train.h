/*
 * Owns training: data, batches, optimizer, schedule, the trainer with its checkpoints, metrics of what is translated.
 * The trainer knows models through models/model.h and writes nothing but into its folder.
 */
#ifndef ATT_TRAIN_TRAIN_H
#define ATT_TRAIN_TRAIN_H

#include "models/model.h"

/* metrics.c: att_bleu of attend.h. trainer.c: att_train_translation of attend.h. The rooms' inner headers: data.h
 * (pairs, batches), optimizer.h (Adam over the parameter block, clipping, schedules), checkpoint.h (state, resume,
 * averaging), record.h (train.jsonl, loss.svg). */

#endif
