/* Owns what the kernels' own files share: the functions that fill a table, from the portable one upwards. */
#ifndef ATT_KERNELS_PORTABLE_H
#define ATT_KERNELS_PORTABLE_H

#include "kernels/kernels.h"
#include "kernels/q8_rows.h"

/* Each overwrites what it has and leaves the rest; false: this program was built for another kind of processor. */
void att_kernels_portable(att_kernels *table);
void att_kernels_portable_recurrent(att_kernels *table); /* part of the portable one */
bool att_kernels_avx2(att_kernels *table);
bool att_kernels_avx512(att_kernels *table);
/* What quantized weights need, of each; the second ones over the first. */
bool att_quant_avx2(att_kernels *table);
bool att_quant_avx2_vnni(att_kernels *table);
bool att_quant_avx512(att_kernels *table);
bool att_quant_avx512_vnni(att_kernels *table);

/* Queries whose weights the backward of attention holds at once: see att_attention_scratch. */
#define ATT_QUERY_BLOCK 64
/* Heads of a group, at most, for which forward reads each key once where queries are few. */
#define ATT_HEADS_TOGETHER 8
/* A query sees keys [first, visible). Both grow with the query. */
int64_t att_attention_first(const att_attention_args *args, int64_t query);
int64_t att_attention_visible(const att_attention_args *args, int64_t query);
/* Where, in numbers of each head and distance, those of a query and key 0 are. */
static inline int64_t att_attention_distances(const att_attention_args *args, int64_t stride, int64_t head,
                                              int64_t query) {
  return head * stride - (args->key_count - args->query_count + query);
}

#endif
