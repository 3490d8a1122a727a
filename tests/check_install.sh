#!/usr/bin/env bash
# Installs into a fresh prefix and builds the examples there: with the CMake package, and with pkg-config against the
# shared and the static library. Then the translating ones run.
set -eu
if nm "$ATT_BUILD/libattend.a" 2>/dev/null | grep -qE ' (__asan_|__ubsan_|__gcov_|__sanitizer_)'; then
  echo "instrumented: skipped"
  exit 77
fi
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$ATT_BUILD" --prefix "$prefix" >"$prefix/log"
for file in bin/attend include/attend/attend.h share/man/man1/attend.1; do
  [ -s "$prefix/$file" ] || { echo "$file was not installed"; exit 1; }
done
lib=$(dirname "$(find "$prefix" -name libattend.a)")
cmake -S examples -B "$prefix/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" >>"$prefix/log"
cmake --build "$prefix/build" >>"$prefix/log" || { cat "$prefix/log"; exit 1; }
export PKG_CONFIG_PATH=$lib/pkgconfig
# pkg-config knows the prefix of the build; the one of this install is said here
flags() { pkg-config --define-variable=prefix="$prefix" "$@" attend; }
# shellcheck disable=SC2046
"$CC" examples/translate.c $(flags --cflags --libs) -Wl,-rpath,"$lib" -o "$prefix/shared"
# shellcheck disable=SC2046
"$CC" examples/translate.c $(flags --cflags) "$lib/libattend.a" $(flags --libs --static | sed 's/-lattend//') -o "$prefix/static"
for program in "$prefix/build/translate" "$prefix/shared" "$prefix/static"; do
  lines=$(printf 'Ein Hund.\n\nZwei.\n' | "$program" "$ATT_TEST_DATA/model_m2m_100_relu" | wc -l)
  [ "$lines" = 3 ] || { echo "$program gave $lines lines for 3"; exit 1; }
  if "$program" /nowhere </dev/null 2>"$prefix/error"; then exit 1; fi
  grep -q nowhere "$prefix/error"
done
for folder in model_m2m_100_relu generate_gpt2; do
  lines=$(printf 'Ein Hund.\n\nZwei.\n' | "$prefix/build/serve" "$ATT_TEST_DATA/$folder" | grep -c '^[123]: ')
  [ "$lines" = 3 ] || { echo "serve gave $lines lines for 3 of $folder"; exit 1; }
done
echo "the installed library, shared and static, runs"
