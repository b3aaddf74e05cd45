#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Draws the figures of docs/study.md from the CSV files that docs/study.sh measured.
#   docs/plots.sh [DATA [OUT]]     default: docs/study, into the same folder; SVG, and PNG of each
# Colours are those of Okabe and Ito, which colour-blind people can tell apart.  A figure whose data are missing is left out.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '3,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
export LC_ALL=C.UTF-8 # numbers with points, in any language of the user
data=${1:-$(dirname "$0")/study} out=${2:-${1:-$(dirname "$0")/study}}
command -v gnuplot >/dev/null || { echo "plots.sh: gnuplot is missing (apt-get install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

style='
black = "#000000"; orange = "#E69F00"; sky = "#56B4E9"; green = "#009E73"; blue = "#0072B2"; red = "#D55E00"; pink = "#CC79A7"; grey = "#999999"
set datafile separator comma
set datafile missing ""
set border 3 lc rgb "#555555"
set tics nomirror
set grid ytics lc rgb "#dddddd" lw 1
set key top left Left reverse samplen 2 spacing 1.1
'

# draw NAME WIDTH HEIGHT <<< commands: both formats
draw() {
  local name=$1 width=$2 height=$3 commands
  commands=$(cat)
  gnuplot - <<G
set terminal svg size $width,$height dynamic font "DejaVu Sans,13" background "#ffffff"
set output "$out/$name.svg"
$style
$commands
G
  gnuplot - <<G
set terminal pngcairo size $((width * 3 / 2)),$((height * 3 / 2)) fontscale 1.4 linewidth 1.5 font "DejaVu Sans,10" background "#ffffff"
set output "$out/$name.png"
$style
$commands
G
  echo "$out/$name.svg"
}

# columns FILE NAME...: these columns of a CSV by their names, comma separated, without the heading; quoted commas become spaces
columns() {
  local file=$1
  shift
  awk -v names="$*" '
    { line = ""; inside = 0
      for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        if (c == "\"") inside = !inside
        else line = line (c == "," && inside ? " " : c)
      }
      n = split(line, f, ",") }
    NR == 1 { for (i = 1; i <= n; i++) at[f[i]] = i; m = split(names, want, " "); next }
    { row = ""
      for (i = 1; i <= m; i++) row = row (i > 1 ? "," : "") (want[i] in at ? f[at[want[i]]] : "")
      print row }' "$file"
}

have() {
  local f
  for f in "$@"; do
    [ -s "$data/$f" ] || { echo "plots.sh: $data/$f is missing" >&2; return 1; }
  done
}

# ---- Fig. 6: a layer's time by how it is computed ----
layers() {
  have layers-mpeg2.csv || return 0
  # conv layers in the order of the network; a row each, a column for each kind
  columns "$data/layers-mpeg2.csv" way name type ms dense_product_ms unfold_ms to_sparse_ms sparse_product_ms | awk -F, -v OFS=, '
    $3 !~ /conv|pointwise/ { next }
    !($2 in seen) { seen[$2] = 1; order[++n] = $2 }
    $1 == "dense/blas" { blas[$2] = $5 + $6 }
    $1 == "sparse" { made[$2] = $7; product[$2] = $8 }
    $1 == "dense" { dense[$2] = $4 }
    $1 == "delta/codec" || $1 == "delta" { delta[$2] = $4 }
    $1 == "delta/codec/calibrated" || $1 == "delta/calibrated" { loose[$2] = $4 }
    END { for (i = 1; i <= n; i++) { l = order[i]; print l, blas[l], made[l], product[l], dense[l], delta[l], loose[l] } }' >"$tmp/layers.csv"
  local n parts='' i=2 title colour
  n=$(wc -l <"$tmp/layers.csv")
  for kind in "dense product (OpenBLAS):grey" "to sparse:orange" "sparse product:red" "dense, this engine:sky" "delta, exact:blue" "delta, calibrated:green"; do
    title=${kind%:*} colour=${kind#*:}
    # a way that was not measured has no bars and no place in the legend
    if awk -F, -v i=$i '$i != "" { found = 1 } END { exit !found }' "$tmp/layers.csv"; then
      parts+="${parts:+, }'$tmp/layers.csv' using $i:xtic(1) title '$title' lc rgb $colour"
    fi
    i=$((i + 1))
  done
  draw fig6-layers 1000 400 <<G
set title "Time of each convolution layer, mean over frames"
set ylabel "ms a frame"
set style data histogram
set style histogram clustered gap 1.5
set style fill solid noborder
set key outside right top
set xrange [-0.6:$n-0.4]
set yrange [0:*]
plot $parts
G
}

# ---- Fig. 7: accuracy and time of each way ----
# join FILE FILE: name, accuracy of the first, mean and 99th percentile of the second, by name
join_ways() {
  columns "$1" way frame_accuracy >"$tmp/a.csv"
  columns "$2" way mean_ms p99_ms >"$tmp/b.csv"
  awk -F, -v OFS=, 'NR == FNR { a[$1] = $2; next } $1 in a { print $1, a[$1], $2, $3 }' "$tmp/a.csv" "$tmp/b.csv"
}

# rows of horizontal bars: name, accuracy, mean, 99th percentile, y, y from, y to
bars() {
  join_ways "$data/accuracy-$1.csv" "$data/latency-$1.csv" |
    awk -F, -v OFS=, -v at="$2" -v h="$3" '{ y = NR - 1 + at; print $1, $2 * 100, $3, $4, y, y - h, y + h }'
}

ways() {
  have accuracy-mpeg2.csv latency-mpeg2.csv || return 0
  local n at=0 h=0.32 height right='' time='' codec colour file
  [ ! -s "$data/latency-h264.csv" ] || at=-0.19 h=0.17
  n=$(join_ways "$data/accuracy-mpeg2.csv" "$data/latency-mpeg2.csv" | wc -l) height=$((110 + 36 * n))
  for codec in mpeg2:blue h264:orange; do
    colour=${codec#*:} codec=${codec%:*} file="'$tmp/$codec.csv'"
    if [ ! -s "$data/accuracy-$codec.csv" ] || [ ! -s "$data/latency-$codec.csv" ]; then continue; fi
    bars "$codec" "$at" "$h" >"$tmp/$codec.csv"
    at=0.19
    right+="${right:+, }$file using (0):5:(0):2:6:7 with boxxyerror lc rgb $colour title '$([ "$codec" = mpeg2 ] && echo MPEG-2 || echo H.264)', \
      $file using (\$2 + 1):5:(sprintf('%.1f', \$2)) with labels left font ',9' notitle"
    time+="${time:+, }$file using (floor_ms):5:(floor_ms):3:6:7 with boxxyerror lc rgb $colour, \
      $file using 4:5 with points pt 7 ps 0.8 lc rgb $colour, \
      $file using (\$4 * 1.2):5:(sprintf('%.2f', \$3)) with labels left font ',9'"
  done
  draw fig7-ways 1000 $height <<G
set multiplot
set style fill solid noborder
set yrange [$n-0.4:-0.6]
set grid noytics xtics
set lmargin at screen 0.25; set rmargin at screen 0.60; set tmargin at screen 1-46.0/$height; set bmargin at screen 58.0/$height
set xlabel "frames classified rightly (%)"
set xrange [0:112]
set xtics 0,20,100
set key at screen 0.97, screen 1-10.0/$height right top horizontal noreverse
set ytics ($(awk -F, '{ printf "%s\"%s\" %d", (NR > 1 ? ", " : ""), $1, NR - 1 }' "$tmp/mpeg2.csv")) noenhanced
plot $right
set lmargin at screen 0.64; set rmargin at screen 0.97
set xlabel "ms a frame: mean; dot: 99th percentile"
floor_ms = $(sort -t, -g -k3,3 "$tmp/mpeg2.csv" | awk -F, 'NR == 1 { print $3 / 2 }')
set logscale x
set xrange [floor_ms:$(sort -t, -gr -k4,4 "$tmp"/mpeg2.csv "$tmp"/h264.csv 2>/dev/null | awk -F, 'NR == 1 { print $4 * 3 }')]
set xtics auto
unset ytics
set grid xtics
unset key
plot $time
unset multiplot
G
}

# ---- Fig. 8: one large layer over the share that does not change ----
large_layer() {
  have layer-4k.csv || return 0
  columns "$data/layer-4k.csv" pattern changed blas_ms sparse_ms to_sparse_ms sparse_product_ms dense_ms delta_ms |
    awk -F, '$1 == "blocks" && $2 > 0' >"$tmp/layer.csv"
  draw fig8-sparsity 900 540 <<G
set title "One layer, 64 kernels of 3x11x11 on 3840x2160, one thread"
set ylabel "ms a frame"
set xlabel "sparsity: pixels that do not change, in 16x16 blocks (%)"
set logscale xy
set xrange [1:0.00085]
set yrange [0.6:900]
set xtics ("0" 1, "50" 0.5, "80" 0.2, "90" 0.1, "95" 0.05, "98" 0.02, "99" 0.01, "99.5" 0.005, "99.9" 0.001)
set key bottom left
plot '$tmp/layer.csv' using 2:3 title 'dense product: im2col and OpenBLAS' with linespoints lc rgb grey lw 2 pt 5 ps 0.7, \
  '' using 2:4 title 'sparse layer, all of it' with linespoints lc rgb black lw 2 dt 2 pt 1 ps 0.8, \
  '' using 2:5 title '  of it: to sparse' with linespoints lc rgb orange lw 2 pt 9 ps 0.8, \
  '' using 2:6 title '  of it: sparse product' with linespoints lc rgb red lw 2 pt 11 ps 0.8, \
  '' using 2:7 title 'dense, this engine' with linespoints lc rgb sky lw 2 pt 4 ps 0.7, \
  '' using 2:8 title 'delta' with linespoints lc rgb blue lw 3 pt 7 ps 0.8
G
}

# ---- timeline of a clip ----
timeline() {
  have timeline.csv || return 0
  local clip
  columns "$data/timeline.csv" way clip frame picture ms >"$tmp/all.csv"
  clip=$(head -n 1 "$tmp/all.csv" | cut -d, -f2)
  for way in dense delta/codec/calibrated; do
    for type in I P B unknown; do
      awk -F, -v w="$way" -v t="$type" '$1 == w && (t == "unknown" ? $4 !~ /^[IPB]$/ : $4 == t) { print $3 "," $5 }' "$tmp/all.csv" >"$tmp/${way//\//_}-$type.csv"
    done
  done
  awk -F, '$1 == "dense" { print $3 "," $5 }' "$tmp/all.csv" >"$tmp/dense.csv"
  local parts="" type colour
  for type in I:red P:blue B:sky unknown:grey; do
    colour=${type#*:} type=${type%:*}
    [ -s "$tmp/delta_codec_calibrated-$type.csv" ] && parts+=", \"$tmp/delta_codec_calibrated-$type.csv\" using 1:2 title \"delta, calibrated: $type picture\" with boxes lc rgb $colour"
  done
  draw timeline 1000 380 <<G
set title "Time of each frame of ${clip##*/}" noenhanced
set xlabel "frame"
set ylabel "ms"
set boxwidth 0.85
set style fill solid noborder
set xrange [-1:*]
set yrange [0:*]
set key outside top right
plot "$tmp/dense.csv" using 1:2 title "dense" with steps lc rgb grey lw 1.5$parts
G
}

# ---- the sparsity from which it pays, by size ----
breakeven() {
  have breakeven.csv || return 0
  local pattern
  for pattern in blocks pixels; do
    columns "$data/breakeven.csv" pattern width height delta_break_even sparse_break_even | sed -n "s/^$pattern,//p" >"$tmp/even-$pattern.csv"
  done
  draw breakeven 900 460 <<G
set title "Sparsity from which computing only changes is faster than dense"
set xlabel "size of the layer's input (64 kernels of 3x11x11)"
set ylabel "break-even: unchanged pixels (%)"
set yrange [0:105]
set key at screen 0.5, screen 0.02 center bottom maxcols 1 samplen 4
set bmargin 10
set offsets 0.3, 0.3, 0, 0
plot '$tmp/even-blocks.csv' using 0:(\$4*100):xtic(sprintf('%dx%d', \$1, \$2)) title 'sparse layer, against im2col and OpenBLAS; 16x16 blocks change' with linespoints lc rgb red lw 2 pt 11, \
  '$tmp/even-pixels.csv' using 0:(\$4*100) title 'the same; single pixels change' with linespoints lc rgb red lw 2 dt 2 pt 10, \
  '$tmp/even-blocks.csv' using 0:(\$3*100) title "delta, against this engine's dense; 16x16 blocks change" with linespoints lc rgb blue lw 3 pt 7, \
  '$tmp/even-pixels.csv' using 0:(\$3*100) title 'the same; single pixels change' with linespoints lc rgb blue lw 2 dt 2 pt 6
G
}

layers
ways
large_layer
timeline
breakeven
