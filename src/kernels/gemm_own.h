/* Owns the declaration of attend's own matrix product, which gemm.c calls and the tests try directly. */
#ifndef ATT_KERNELS_GEMM_OWN_H
#define ATT_KERNELS_GEMM_OWN_H

#include "kernels/kernels.h"

/* As att_gemm, with b of any type, on the context's threads: the same bits at any number of them. Each thread uses
 * 0.6 MB of its stack. */
void att_gemm_own(const att_context *ctx, const att_kernels *kernels, float *c, int64_t ldc, const float *a,
                  int64_t lda, bool transpose_a, const void *b, att_type b_type, int64_t ldb, bool transpose_b,
                  int64_t m, int64_t n, int64_t k, bool accumulate);

#endif
