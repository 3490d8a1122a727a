# Flags of the kernels' instruction sets: one file a set, compiled for it, chosen when the program starts. Elsewhere the
# same files are empty tables.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(avx2 -mavx2 -mfma -mf16c)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl)
  set_source_files_properties(src/kernels/avx2.c src/kernels/quant_avx2.c PROPERTIES COMPILE_OPTIONS "${avx2}")
  set_source_files_properties(src/kernels/avx512.c src/kernels/quant_avx512.c PROPERTIES COMPILE_OPTIONS "${avx512}")
  set_source_files_properties(src/kernels/quant_avx2_vnni.c PROPERTIES COMPILE_OPTIONS "${avx2};-mavxvnni")
  set_source_files_properties(src/kernels/quant_avx512_vnni.c PROPERTIES COMPILE_OPTIONS "${avx512};-mavx512vnni")
endif()
