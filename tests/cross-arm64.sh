#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds kernels and engine for AArch64 (Debian's cross compiler, no GStreamer) and runs their tests under qemu-user.
#   tests/cross-arm64.sh [--build DIR] [MESON TEST ARGUMENTS]
# Default: build-arm64/, the suites kernels, util, bits, coding, frame, model, mpeg2 and net.  Needs gcc-aarch64-linux-gnu,
# qemu-user and, for the first run, `dpkg --add-architecture arm64 && apt-get update`: Debian's arm64 libraries are
# unpacked below the build folder, none is installed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-arm64
case ${1:-} in -h | --help) sed -n '3,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
if [ "${1:-}" = --build ]; then
  build=$(realpath -m "$2")
  shift 2
fi
for tool in aarch64-linux-gnu-gcc qemu-aarch64 meson; do
  command -v "$tool" >/dev/null || { echo "cross-arm64: $tool is missing (gcc-aarch64-linux-gnu, qemu-user, meson)" >&2; exit 77; }
done

sysroot=$build/sysroot
packages=(libglib2.0-0 libglib2.0-dev libpcre2-8-0 libpcre2-dev libprotobuf-c1 libprotobuf-c-dev libopenblas0-pthread
  libopenblas-pthread-dev libgfortran5 zlib1g libffi8)
if [ ! -e "$sysroot/complete" ]; then
  mkdir -p "$sysroot/packages"
  (cd "$sysroot/packages" && apt-get download "${packages[@]/%/:arm64}")
  for p in "$sysroot"/packages/*.deb; do dpkg -x "$p" "$sysroot"; done
  touch "$sysroot/complete"
fi
printf "[constants]\nsysroot = '%s'\n" "$sysroot" >"$build/sysroot.ini"

[ -e "$build/build.ninja" ] ||
  meson setup "$build" "$root" --cross-file "$build/sysroot.ini" --cross-file "$root/cross/arm64.ini" -Dgst=disabled
ninja -C "$build"
[ $# -gt 0 ] || set -- --suite kernels --suite util --suite coding --suite frame --suite model --suite mpeg2 --suite net
export DCN_TEST_EMULATED=1
# An emulated processor is some ten times slower.
exec meson test -C "$build" --timeout-multiplier 20 --print-errorlogs "$@"
