#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures what docs/study.md tells and docs/plots.sh draws, then draws it.
#   docs/study.sh [--with COMMAND] [--out DIR] BUILD MODEL CLIPS [PART...]
#     BUILD   build folder (meson setup BUILD; ninja -C BUILD)
#     MODEL   ONNX model with its .modelinfo
#     CLIPS   folder with the same clips in two codecs, mpeg2/ and h264/, each as UCF101 is, with testlist01.txt; and for the
#             part changes a folder changes/ANY with clips in which the activity changes
#     PART    accuracy-mpeg2 accuracy-h264 latency-mpeg2 latency-h264 changes timeline layer breakeven plots tables (default: all)
#     --with  put before every timed command, to have the machine alone; each takes less than two minutes
#     --out   where the CSV files and figures go (default: docs/study)
# Accuracy is over CLIPS clips of the list (default: all), of the slow ways, which are exact or the study's own, over SLOW
# (default: as many), latency over SAMPLE (default 12), one thread, all ways in turn;
# WAYS are those of deltacnn-eval --modes (default: all there are).
set -euo pipefail
export LC_ALL=C.UTF-8 # numbers with points, in any language of the user
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
[ ${#parts[@]} -gt 0 ] || parts=(accuracy-mpeg2 accuracy-h264 latency-mpeg2 latency-h264 changes timeline layer breakeven plots tables)
eval=$build/gst/tools/deltacnn-eval layer=$build/tests/bench/study-layer
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

slow_ways=dense/blas,sparse,sparse-heuristic,delta/codec,delta/pixel

accuracy() {
  local run=("$eval" --model "$model" --clips "$clips/$1" --list testlist01.txt --threads 1)
  if [ -z "${SLOW:-}" ]; then
    "${run[@]}" ${WAYS:+--modes "$WAYS"} --limit "${CLIPS:-0}" --csv "$out/accuracy-$1.csv"
    return
  fi
  "${run[@]}" --modes dense,delta/histogram,delta/diamond,delta/motion,delta/codec/calibrated,delta/pixel/calibrated --limit "${CLIPS:-0}" --csv "$tmp/fast.csv"
  "${run[@]}" --modes dense,$slow_ways --limit "$SLOW" --csv "$tmp/slow.csv"
  join_ways "$tmp/fast.csv" "$tmp/slow.csv" >"$out/accuracy-$1.csv"
}

# dense of the first, the others of the second, then the rest of the first
join_ways() {
  sed -n 1,2p "$1"
  sed 1,2d "$2"
  sed 1,2d "$1"
}

# How often a way says what dense mode says where the activity changes, and how many frames it takes to do so after a change
# of dense mode's label that lasts for five frames.
changes() {
  "$eval" --model "$model" --clips "$clips/changes" --threads 1 --quiet --frames-csv "$tmp/changes.csv" \
    --modes dense,sparse-heuristic,delta/histogram,delta/diamond,delta/motion,delta/motion/renew-interval=2,delta/codec/calibrated
  awk -F, '
    NR == 1 { next }
    $1 != way || $2 != clip { at = 0; way = $1; clip = $2 }
    !($1 in n) { ways[++n_ways] = $1 }
    $1 == "dense" { label[$2, at] = $6; if (at + 1 > frames[$2]) frames[$2] = at + 1 }
    { said[$1, $2, at] = $6; n[$1]++; same[$1] += $6 == label[$2, at]; macs[$1] += $8; ms[$1] += $13; at++ }
    END {
      print "way,frames,agreement,changes,mean_lag,max_lag,multiplies,mean_ms"
      for (w = 1; w <= n_ways; w++) {
        way = ways[w]; count = sum = most = 0
        for (clip in frames)
          for (i = 1; i < frames[clip]; i++) {
            now = label[clip, i]; lasts = now != label[clip, i - 1]
            for (k = i + 1; k < i + 5 && k < frames[clip]; k++) lasts = lasts && label[clip, k] == now
            if (!lasts) continue
            for (k = i; k < frames[clip] && said[way, clip, k] != label[clip, k]; k++) ;
            count++; sum += k - i; if (k - i > most) most = k - i
          }
        printf "%s,%d,%.6f,%d,%.3f,%d,%.6f,%.3f\n", way, n[way], same[way] / n[way], count, sum / count, most, macs[way] / n[way], ms[way] / n[way]
      }
    }' "$tmp/changes.csv" >"$out/changes.csv"
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

breakeven() {
  local size parts=()
  for size in 160x120 320x240 640x480 1280x720 1920x1080 3840x2160; do
    "${with[@]}" "$layer" --break-even --sizes $size --frames "$([ $size = 3840x2160 ] && echo 1 || echo 3)" --csv "$tmp/$size.csv"
    parts+=("$tmp/$size.csv")
  done
  # one heading
  awk 'FNR == 1 && NR > 1 { next } { print }' "${parts[@]}" >"$tmp/even.csv"
  mv "$tmp/even.csv" "$out/breakeven.csv"
}

# A table of what was measured for a codec, in Markdown.
table() {
  awk -F, '
    FNR == 1 { file++; for (i = 1; i <= NF; i++) at[file, $i] = i; next }
    file == 1 { right[$1] = $at[1, "frame_accuracy"]; of[$1] = $at[1, "clips"]; clip[$1] = $at[1, "clip_accuracy"]; same[$1] = $at[1, "frame_agreement"]; if (!clips) clips = $at[1, "clips"]; if ($at[1, "clips"] < clips) fewer = $at[1, "clips"]; next }
    $1 in right {
      if (!n++) {
        printf "Accuracy over %d clips%s; time over %d clips, %d frames.\n\n", clips, fewer ? ", of ways marked * over " fewer " of them" : "",
          $at[2, "clips"], $at[2, "frames"]
        print "| way | frames right | clips right | as dense | multiplies | ms mean | median | 99th % | times dense |"
        print "|---|---|---|---|---|---|---|---|---|"
      }
      printf "| `%s`%s | %.2f %% | %.1f %% | %.2f %% | %.1f %% | %.2f | %.2f | %.2f | %.2f |\n", $1, of[$1] < clips ? "*" : "", right[$1] * 100, clip[$1] * 100, same[$1] * 100,
        $at[2, "multiplies"] * 100, $at[2, "mean_ms"], $at[2, "median_ms"], $at[2, "p99_ms"], $at[2, "times_dense_mean"]
    }' "$out/accuracy-$1.csv" "$out/latency-$1.csv"
}

changes_table() {
  awk -F, '
    NR == 1 { print "| way | as dense | frames to follow a change, mean | most | multiplies |"; print "|---|---|---|---|---|"; next }
    { printf "| `%s` | %.2f %% | %.2f | %d | %.1f %% |\n", $1, $3 * 100, $5, $6, $7 * 100 }' "$out/changes.csv"
}

# Puts the tables and the machine into docs/study.md, between its markers.
tables() {
  local name
  for name in mpeg2 h264 changes machine; do
    case $name in
      machine) sed 's/^/- /' "$out/machine.txt" ;;
      changes) changes_table ;;
      *) table $name ;;
    esac >"$tmp/part.md"
    awk -v name=$name -v file="$tmp/part.md" '
      $0 == "<!-- begin " name " -->" { print; while ((getline line < file) > 0) print line; skip = 1 }
      $0 == "<!-- end " name " -->" { skip = 0 }
      !skip { print }' "$here/study.md" >"$tmp/study.md"
    cat "$tmp/study.md" >"$here/study.md"
  done
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
    changes) changes ;;
    timeline) timeline ;;
    layer) large_layer ;;
    breakeven) breakeven ;;
    plots) "$here/plots.sh" "$out" ;;
    tables) tables ;;
    *) echo "study.sh: there is no part $part" >&2; exit 1 ;;
  esac
done
