/* Owns the products of panels with AVX-512. Compiled for them alone. */
#include "kernels/portable.h"

#if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "kernels/quant_avx512.h"

#include "kernels/simd_quant.h"

bool att_quant_avx512(att_kernels *table) {
  table->multiply_panels = multiply_panels;
  return true;
}
#else
bool att_quant_avx512(att_kernels *table) {
  (void)table;
  return false;
}
#endif
