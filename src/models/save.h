/*
 * Owns weights as they are written: which type each gets, and its rows in that type, however they lie in memory.
 * Refuses to know files' formats and names.
 */
#ifndef ATT_MODELS_SAVE_H
#define ATT_MODELS_SAVE_H

#include "formats/tensor_writer.h"
#include "models/mixture.h"
#include "models/model.h"

/* A parameter as it is to be written. */
typedef struct att_written {
  const att_model *model;
  const att_parameter *p;
  const char *path; /* of the file, for messages */
  att_type type;
  bool upright;  /* as in att_tensor_file */
  int64_t heads; /* as in att_stored, */
  float more;    /* and this, of a vector */
} att_written;

/* The type of a parameter in a file. wanted NULL: the one that it came in. What the file holds quantized, and what a
 * .gguf holds, is matrices: vectors and tables of positions and types stay float32 there. */
att_type att_written_type(const att_model *model, const att_parameter *p, const att_mixture *wanted, bool gguf);
/* w must last until the tensor is written. */
void att_written_put(att_to_store *tensor, const att_written *w, const char *name);

#endif
