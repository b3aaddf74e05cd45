#!/usr/bin/env bash
# No display: one line of JSON per frame on standard output, from the element messages of deltacnn.
#   pipelines/headless-messages.sh [FILE [MODEL]]
# Each line: time (seconds into the stream), type, label, index, confidence, changed, multiplies, reuse,
# redone (by the margin), and what the stages took: extract_ms, changes_ms, tensor_ms, network_ms.  Variables: see common.sh.
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
file=${1:-$clip} model=${2:-$model}
need_file file "$file"
need_file model "$model"
dcn_setup
DCN_MESSAGES=1
classifier "$model"
codec=$(codec_of "$file")
decode=$(decode_of "$codec") || die "$file has no video stream"
# shellcheck disable=SC2086
launch filesrc location="$file" ! $decode ! "${cnn[@]}" ! fakesink sync=false
