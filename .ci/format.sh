#!/usr/bin/env bash
# Checks the formatting of every C source git knows: clang-format-14 where GStreamer is not included (src/ and most
# of tests/), GNU indent with GStreamer's options elsewhere; and that Python sources can be read.
#   .ci/format.sh [--fix] [FILE...]      --fix: rewrite instead of complaining
# Last line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.."
fix=
[ "${1:-}" = --fix ] && fix=1 && shift

gst_indent() {
  # twice: indent's first pass over a file can leave what its second changes
  local f=$1
  for _ in 1 2; do
    indent --braces-on-if-line --case-brace-indentation0 --case-indentation2 --braces-after-struct-decl-line \
      --line-length80 --no-tabs --cuddle-else --dont-line-up-parentheses --continuation-indentation4 \
      --honour-newlines --tab-size8 --indent-level2 --leave-preprocessor-space "$f" 2>/dev/null
  done
  rm -f "$f~"
}

# Headers are left to the writer: the comments beside fields are aligned by hand, and indent spoils declarations.
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files '*.c' '*.py')
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for f in "${files[@]}"; do
  [ -f "$f" ] || continue
  out=$tmp/$(basename "$f")
  case $f in
    *.py)
      if python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$f"; then passed=$((passed + 1))
      else failed=$((failed + 1)); fi
      continue ;;
    *.c) ;;
    *) continue ;;
  esac
  case $f in
    gst/* | tests/gst/* | tests/conformance/* | tests/pipelines/*) cp "$f" "$out" && gst_indent "$out" ;;
    src/*) clang-format-14 --style=file "$f" >"$out" ;;
    tests/*)
      if grep -q '#include <gst/' "$f"; then cp "$f" "$out" && gst_indent "$out"
      else clang-format-14 --style=file "$f" >"$out"; fi ;;
    *) continue ;;
  esac
  if cmp -s "$f" "$out"; then
    passed=$((passed + 1))
  elif [ -n "$fix" ]; then
    cat "$out" >"$f"
    echo "formatted $f"
    passed=$((passed + 1))
  else
    echo "not formatted: $f ($(diff "$f" "$out" | grep -c '^[<>]') lines; .ci/format.sh --fix $f)"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
