#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds for AArch64 with Debian's cross compiler and runs tests under qemu-user.
#   tests/cross-arm64.sh [--gst] [--build DIR] [MESON TEST ARGUMENTS]
# Kernels and engine by default, in build-arm64/: the suites kernels, util, coding, frame, model, mpeg2 and net.
# --gst: all of the project, in build-arm64-gst/: all suites but structure, study and pipelines, which takes hours; or
# name them (--suite gst, or a test's name).
# Needs gcc-aarch64-linux-gnu, qemu-user and, for the first run, `dpkg --add-architecture arm64 && apt-get update`:
# Debian's arm64 packages are unpacked below the build folder, none is installed.  Scripts that run what was built
# (conformance, h264, pipelines) need Debian's qemu-user-binfmt as well, by which Linux runs AArch64 programs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-arm64
packages=(libglib2.0-dev libopenblas-dev libprotobuf-c-dev)
setup=(-Dgst=disabled)
suites=(kernels util coding frame model mpeg2 net)
case ${1:-} in -h | --help) sed -n '3,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
if [ "${1:-}" = --gst ]; then
  build=$root/build-arm64-gst
  packages+=(libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev libpango1.0-dev
    libjson-glib-dev gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav fonts-dejavu-core libgstrtspserver-1.0-dev libavcodec-dev
    libavformat-dev libavutil-dev libswscale-dev)
  setup=()
  suites+=(h264 gst rivals fuzz conformance)
  shift
fi
if [ "${1:-}" = --build ]; then
  build=$(realpath -m "$2")
  shift 2
fi
for tool in aarch64-linux-gnu-gcc qemu-aarch64 meson; do
  command -v "$tool" >/dev/null || { echo "cross-arm64: $tool is missing (gcc-aarch64-linux-gnu, qemu-user, meson)" >&2; exit 77; }
done

sysroot=$build/sysroot
if [ ! -e "$sysroot/complete" ]; then
  mkdir -p "$build/packages/partial" "$sysroot"
  : >"$build/packages/status" # as if nothing were installed
  apt-get -q -y --no-install-recommends --download-only -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o Dir::State::status="$build/packages/status" -o Dir::Cache::archives="$build/packages" -o Debug::NoLocking=1 \
    install "${packages[@]}"
  for p in "$build"/packages/*.deb; do dpkg -x "$p" "$sysroot"; done
  touch "$sysroot/complete"
fi
printf "[constants]\nsysroot = '%s'\n" "$sysroot" >"$build/sysroot.ini"

[ -e "$build/build.ninja" ] ||
  meson setup "$build" "$root" --cross-file "$build/sysroot.ini" --cross-file "$root/cross/arm64.ini" "${setup[@]}"
ninja -C "$build"
[ $# -gt 0 ] || set -- $(printf -- '--suite %s ' "${suites[@]}")
# For programs that scripts start.
export QEMU_LD_PREFIX=$sysroot QEMU_SET_ENV=LD_LIBRARY_PATH=$sysroot/usr/lib/aarch64-linux-gnu/openblas-pthread
export GST_REGISTRY=$build/registry.bin GST_REGISTRY_FORK=no
mkdir -p "$build/bin"
for tool in gst-launch-1.0 gst-inspect-1.0; do
  [ ! -e "$sysroot/usr/bin/$tool" ] || ln -sf "$sysroot/usr/bin/$tool" "$build/bin"
done
export PATH=$build/bin:$PATH DCN_TEST_EMULATED=1 DCN_TEST_FAST=1
# The AArch64 code that liborc 0.4.33 makes writes chroma of Y41B beside where GStreamer blends.
export ORC_CODE=backup
# An emulated processor is some ten times slower.
exec meson test -C "$build" --timeout-multiplier 20 --print-errorlogs "$@"
