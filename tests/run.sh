#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test.
#   tests/run.sh [--sanitize] [--clang] [--no-gst] [--werror] [--suite NAME]... [--build-only]
#     --sanitize    address and undefined behaviour sanitizers, in build-sanitize/
#     --clang       with clang, in build-clang/
#     --no-gst      the engine alone, in build-nogst/
#     --werror      warnings are errors
#     --suite NAME  only the tests of this folder of tests/ (may be given several times)
#     --build-only  one pass or failure: whether it builds
# Environment: DELTACNN_NO_INSTALL=1 installs nothing; ORT_DIR: a folder with node_modules/onnxruntime-node;
#   DCN_TEST_FAST=1 lets tests with many clips take a sample of them.
# The last line is `N passed, N failed` (`, N skipped` where some were), counting single test cases.
# Exit status 0 when none failed.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD

name= setup=() args=() preload=() build_only= sanitize= clang=
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) sanitize=1 name+=-sanitize setup+=(-Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1) ;;
    --clang) clang=1 name+=-clang ;;
    --no-gst) name+=-nogst setup+=(-Dgst=disabled) ;;
    --werror) setup+=(--werror) ;;
    --suite) shift; args+=(--suite "${1:?--suite needs a name}") ;;
    --build-only) build_only=1 ;;
    -h | --help) sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "tests/run.sh: what is '$1'?" >&2; exit 2 ;;
  esac
  shift
done
build=$root/build$name

fail() { # a step before the tests went wrong: that is a failure as well
  echo "tests/run.sh: $1" >&2
  echo "0 passed, 1 failed"
  exit 1
}

if [ -z "${DELTACNN_NO_INSTALL:-}" ]; then
  pipelines/install-deps.sh test || fail "installing the packages failed"
fi

# A python3 in front of Debian's may lack the modules that the tests use.
if ! python3 -c 'import numpy, gi' 2>/dev/null && /usr/bin/python3 -c 'import numpy, gi' 2>/dev/null; then
  export PATH=/usr/bin:$PATH
fi

[ -z "$clang" ] || export CC=clang
if [ ! -f "$build/build.ninja" ]; then
  mkdir -p "$build"
  meson setup "$build" "$root" "${setup[@]}" >"$build/setup.log" 2>&1 || { tail -40 "$build/setup.log"; fail "meson setup failed"; }
else
  meson configure "$build" $([ ${#setup[@]} = 0 ] || printf '%s\n' "${setup[@]}" | sed 's/^--werror$/-Dwerror=true/') || fail "meson configure failed"
fi
ninja -C "$build" >"$build/compile.log" 2>&1 || { grep -E 'error|warning|FAILED' -A6 "$build/compile.log" | tail -80; fail "the build failed (all of it: $build/compile.log)"; }
if [ -n "$build_only" ]; then
  echo "built $build"
  echo "1 passed, 0 failed"
  exit 0
fi

# onnxruntime is the oracle of the numbers.  Without it those tests skip.
if [ -z "${ORT_DIR:-}" ]; then
  export ORT_DIR=$root/build/oracle
  if [ ! -d "$ORT_DIR/node_modules/onnxruntime-node" ] && [ -z "${DELTACNN_NO_INSTALL:-}" ]; then
    mkdir -p "$ORT_DIR"
    timeout 300 npm install --ignore-scripts --no-audit --no-fund --prefix "$ORT_DIR" onnxruntime-node@1.30.0 >"$ORT_DIR/npm.log" 2>&1 ||
      { echo "onnxruntime could not be installed ($ORT_DIR/npm.log): the tests against it will be skipped"; rm -rf "$ORT_DIR/node_modules"; }
  fi
fi

export GST_REGISTRY=$build/registry.bin GST_REGISTRY_FORK=no
# Filled beforehand: looking at a plugin loads it, and what other people's leak is not for our tests to count.
GST_REGISTRY_FORK=yes gst-inspect-1.0 fakesink >/dev/null 2>&1
if [ -n "$sanitize" ]; then
  # Libraries of the system keep memory until the process ends; only what the project leaks counts.
  export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:abort_on_error=0:verify_asan_link_order=0
  export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  export G_SLICE=always-malloc
  # See there; the runtime needs not come first before a library that only has a constructor.
  [ ! -e "$build/tests/util/keep-glib-roots.so" ] || preload=(env "LD_PRELOAD=$build/tests/util/keep-glib-roots.so")
  args+=(--timeout-multiplier 5)
fi

"${preload[@]}" meson test -C "$build" --no-rebuild --print-errorlogs --num-processes "$(nproc)" "${args[@]}"
status=$?
python3 "$root/tests/count.py" "$build/meson-logs" "$status"
