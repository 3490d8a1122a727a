#!/usr/bin/env bash
# The pages that attend writes, in chromium at the width of a telephone, a tablet and a desk: nothing is wider than the
# window, the picture of words needs no scrolling, and every word is to be seen.
set -eu
attend=$1
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ]; then
  echo "chromium is not here: skipped"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$attend" look models/de-en "Ein Hund läuft durch den Schnee und sieht eine Katze." --html "$work/page.html"
for hash in "" "#map"; do
  sed 's|</body>|<script>parent.postMessage([document.documentElement.scrollWidth, innerWidth, by("scroll").scrollWidth, by("scroll").clientWidth, by("scroll").firstChild.getBoundingClientRect().height].map(Math.round).join(" "), "*")</script></body>|' \
    "$work/page.html" >"$work/measured.html"
  for width in 390 768 1400; do
    # in a frame, as a window cannot be so narrow everywhere
    echo "<script>onmessage = said => document.title = said.data</script><iframe width=$width height=900 style='border: 0' src='measured.html$hash'></iframe>" \
      >"$work/frame.html"
    title=$(timeout 120 "$chromium" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1500,1000 --virtual-time-budget=5000 \
      --user-data-dir="$work/profile" --dump-dom "file://$work/frame.html" 2>"$work/log" | grep -oE '<title>[0-9 ]+' | head -1)
    read -r page window picture seen height <<<"${title#<title>}"
    echo "at $width px$hash: page $page of $window, picture $picture of $seen, $height px high"
    [ "$window" = "$width" ] && [ "$page" -le "$window" ] && [ "$picture" -le "$seen" ] && [ "$height" -gt 100 ]
  done
done
