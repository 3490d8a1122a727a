#!/usr/bin/env bash
# Installs into a fresh prefix, moves it, and builds the examples there: with the CMake package, and with pkg-config
# against the shared and the static library. Then the translating ones run. What is installed names no path of the
# machine that built it.
set -eu
if nm "$ATT_BUILD/libattend.a" 2>/dev/null | grep -qE ' (__asan_|__ubsan_|__gcov_|__sanitizer_)'; then
  echo "instrumented: skipped"
  exit 77
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
prefix="$place/a moved one/attend"
mkdir -p "$place/first" "${prefix%/*}"
cmake --install "$ATT_BUILD" --prefix "$place/first/attend" >"$place/log"
mv "$place/first/attend" "$prefix"
mv "$place/log" "$prefix/log"
paths=$(find "$prefix" -name '*.pc' -o -name '*.cmake' | while IFS= read -r file; do
  grep -nE '(^|[ ;"=])/[a-z]+/|/first/' "$file" | sed "s|^|$(basename "$file"): |"
done)
[ -z "$paths" ] || { echo "what is installed names this machine's paths:"; echo "$paths"; exit 1; }
for file in bin/attend include/attend/attend.h share/man/man1/attend.1 \
  share/bash-completion/completions/attend share/zsh/site-functions/_attend share/fish/vendor_completions.d/attend.fish; do
  [ -s "$prefix/$file" ] || { echo "$file was not installed"; exit 1; }
done
lib=$(dirname "$(find "$prefix" -name libattend.a)")
cmake -S examples -B "$prefix/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" >>"$prefix/log"
cmake --build "$prefix/build" >>"$prefix/log" || { cat "$prefix/log"; exit 1; }
export PKG_CONFIG_PATH=$lib/pkgconfig
build() { eval "\"$CC\" examples/translate.c $1 -o \"$prefix/$2\""; } # pkg-config escapes the blank in the prefix
build "$(pkg-config --cflags --libs attend) -Wl,-rpath,'$lib'" shared
build "$(pkg-config --cflags attend) '$lib/libattend.a' $(pkg-config --libs --static attend | sed 's/-lattend//')" static
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
