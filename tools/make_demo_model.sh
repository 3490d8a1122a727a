#!/usr/bin/env bash
# Makes models/de-en: trains a German-English model on the Tatoeba pairs, halves its weights, measures it on the test part.
# usage: tools/make_demo_model.sh OUT [DATA]      DATA: ../shared/data/tatoeba-deu-eng; about 45 minutes on two AVX-512 cores
set -eu
case "${1:-}" in
'' | -h | --help)
  sed -n '2,3s/^# //p' "$0"
  exit
  ;;
esac
out=$1
here=$(cd "$(dirname "$0")/.." && pwd)
data=${2:-$here/../shared/data/tatoeba-deu-eng}
attend=$(cd "$here" && realpath "$(script/build)")
"$attend" train translation --source "$data/train.de.gz" --target "$data/train.en.gz" --valid-source "$data/valid.de.gz" \
  --valid-target "$data/valid.en.gz" --epochs 7 --dropout 0.1 --out "$out.training"
"$attend" convert "$out.training" --out "$out"
zcat "$data/test.de.gz" | "$attend" translate --quiet "$out" | "$attend" bleu --reference "$data/test.en.gz"
