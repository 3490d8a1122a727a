/* Owns the products of panels with AVX-512 and its VNNI. Compiled for them alone. */
#include "kernels/portable.h"

#if defined(__AVX512VNNI__)
#include "kernels/quant_avx512.h"

#include "kernels/simd_quant.h"

bool att_quant_avx512_vnni(att_kernels *table) {
  table->multiply_panels = multiply_panels;
  return true;
}
#else
bool att_quant_avx512_vnni(att_kernels *table) {
  (void)table;
  return false;
}
#endif
