#include "kernels/portable.h"
bool att_kernels_avx2(att_kernels *table) {
  (void)table;
  return false;
}
