#!/usr/bin/env bash
# Installs what the project needs from Debian's packages (and, for tests, onnxruntime from npm as the oracle).
#   pipelines/install-deps.sh [build|test]     build: to build and run (default); test: and all tests
set -euo pipefail
case ${1:-build} in
  build | test) ;;
  -h | --help) sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; exit ;;
  *) echo "$(basename "$0"): build or test, not $1" >&2; exit 1 ;;
esac

build=(build-essential meson ninja-build pkg-config
  libglib2.0-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
  libopenblas-dev libprotobuf-c-dev protobuf-c-compiler libpango1.0-dev libjson-glib-dev
  libgirepository1.0-dev gobject-introspection
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav fonts-dejavu-core python3 python3-gi gir1.2-gstreamer-1.0)
test=(gstreamer1.0-rtsp gstreamer1.0-x libgstrtspserver-1.0-dev ffmpeg mjpegtools libavcodec-dev
  libavformat-dev libavutil-dev libswscale-dev libonnx-testdata clang libclang-rt-dev clang-format indent
  python3-numpy python3-onnx gnuplot-nox nodejs npm git valgrind)

packages=("${build[@]}")
[ "${1:-build}" = test ] && packages+=("${test[@]}")

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
# A node and npm that do not come from packages serve as well.
command -v npm >/dev/null && command -v node >/dev/null &&
  missing=($(printf '%s\n' "${missing[@]}" | grep -vxE 'nodejs|npm' || true))
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
$sudo apt-get install -q -y --no-install-recommends "${missing[@]}"
