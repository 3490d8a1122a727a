/* Owns the products of panels with AVX2 and AVX-VNNI. Compiled for them alone. */
#include "kernels/portable.h"

#if defined(__AVXVNNI__)
#include "kernels/quant_avx2.h"

#include "kernels/simd_quant.h"

bool att_quant_avx2_vnni(att_kernels *table) {
  table->multiply_panels = multiply_panels;
  return true;
}
#else
bool att_quant_avx2_vnni(att_kernels *table) {
  (void)table;
  return false;
}
#endif
