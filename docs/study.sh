#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures what docs/study.md tells and docs/plots.sh draws, then draws it.
#   docs/study.sh [--with COMMAND] [--out DIR] BUILD MODEL CLIPS [PART...]
#     BUILD   build folder (meson setup BUILD; ninja -C BUILD)
#     MODEL   ONNX model with its .modelinfo
#     CLIPS   folder with the same clips in two codecs, mpeg2/ and h264/, each as UCF101 is, with testlist01.txt
#     PART    accuracy-mpeg2 accuracy-h264 latency-mpeg2 latency-h264 timeline layer breakeven plots (default: all)
#     --with  put before every timed command, to have the machine alone; each takes less than two minutes
#     --out   where the CSV files and figures go (default: docs/study)
# Accuracy is over the whole list; latency over SAMPLE clips of it (default 12), one thread, all ways in turn.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
with=() out=$here/study
while [ $# -gt 0 ]; do
  case $1 in
    --with) read -ra with <<<"$2"; shift 2 ;;
    --out) mkdir -p "$2"; out=$(cd "$2" && pwd); shift 2 ;;
    -h | --help) sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; exit ;;
    -*) echo "study.sh: what is $1? (see --help)" >&2; exit 1 ;;
    *) break ;;
  esac
done
[ $# -ge 3 ] || { echo "study.sh: BUILD MODEL CLIPS (see --help)" >&2; exit 1; }
build=$1 model=$2 clips=$3
shift 3
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(accuracy-mpeg2 accuracy-h264 latency-mpeg2 latency-h264 timeline layer breakeven plots)
eval=$build/gst/tools/deltacnn-eval layer=$build/tests/bench/study-layer
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

accuracy() {
  "$eval" --model "$model" --clips "$clips/$1" --list testlist01.txt ${WAYS:+--modes "$WAYS"} --threads 1 --csv "$out/accuracy-$1.csv"
}

latency() {
  "${with[@]}" "$eval" --model "$model" --clips "$clips/$1" --list testlist01.txt ${WAYS:+--modes "$WAYS"} --threads 1 --limit "${SAMPLE:-12}" \
    --csv "$out/latency-$1.csv" --layers-csv "$out/layers-$1.csv"
}

# A clip of a camera that stands still would flatter; so take the one in the middle of the list.
timeline() {
  local list=$clips/mpeg2/testlist01.txt
  sed -n "$(($(wc -l <"$list") / 2))p" "$list" >"$tmp/one.txt"
  "${with[@]}" "$eval" --model "$model" --clips "$clips/mpeg2" --list "$tmp/one.txt" --modes dense,delta/codec,delta/codec/calibrated --threads 1 \
    --quiet --frames-csv "$out/timeline.csv"
}

large_layer() {
  "${with[@]}" "$layer" --pattern blocks --frames 3 --csv "$tmp/layer.csv"
  mv "$tmp/layer.csv" "$out/layer-4k.csv"
}

# Where a way is a twentieth faster than its dense, by interpolation over the logarithm of the share that changes:
# crossing FILE WAY-COLUMNS DENSE-COLUMNS (columns that are added up are separated by +); empty where it never is.
crossing() {
  awk -F, -v ways="$2" -v dense="$3" '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(ways, w, "+"); m = split(dense, d, "+"); next }
    $at["pattern"] == "blocks" && $at["changed"] > 0 {
      x = y = 0
      for (i = 1; i <= n; i++) { if (!(w[i] in at)) exit; x += $at[w[i]] }
      for (i = 1; i <= m; i++) { if (!(d[i] in at)) exit; y += $at[d[i]] }
      rows++; share[rows] = log($at["changed"]); ratio[rows] = x / y }
    END {
      # from the most that changes to the least
      for (i = rows; i >= 1; i--)
        if (ratio[i] <= 0.95) {
          s = share[i]
          if (i < rows) s += (share[i + 1] - share[i]) * (0.95 - ratio[i]) / (ratio[i + 1] - ratio[i])
          printf "%.4f", 1 - exp(s)
          exit
        } }' "$1"
}

breakeven() {
  local size shares=0.0005,0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,1
  echo width,height,delta,sparse >"$tmp/even.csv"
  for size in 160x120 320x240 640x480 1280x720 1920x1080 3840x2160; do
    "${with[@]}" "$layer" --width "${size%x*}" --height "${size#*x}" --pattern blocks --frames "$([ "$size" = 3840x2160 ] && echo 3 || echo 7)" --shares $shares --csv "$tmp/$size.csv"
    echo "${size%x*},${size#*x},$(crossing "$tmp/$size.csv" ms dense_ms),$(crossing "$tmp/$size.csv" to_sparse_ms+sparse_product_ms blas_ms)" >>"$tmp/even.csv"
  done
  mv "$tmp/even.csv" "$out/breakeven.csv"
}

machine() {
  {
    echo "commit: $(git -C "$here" rev-parse --short=10 HEAD 2>/dev/null || echo -)"
    echo "CPU: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"
    echo "date: $(date -u +%Y-%m-%d)"
    echo "model: $(basename "$model")"
  } >"$out/machine.txt"
}

for part in "${parts[@]}"; do
  case $part in
    accuracy-mpeg2 | accuracy-h264) accuracy "${part#*-}" ;;
    latency-mpeg2 | latency-h264) latency "${part#*-}"; machine ;;
    timeline) timeline ;;
    layer) large_layer ;;
    breakeven) breakeven ;;
    plots) "$here/plots.sh" "$out" ;;
    *) echo "study.sh: there is no part $part" >&2; exit 1 ;;
  esac
done
