#!/usr/bin/env bash
# Plays a video file with what the model sees in it.
#   pipelines/file.sh [FILE [MODEL]]
# MPEG-1, MPEG-2 and H.264 video: what changed comes from the codec.  Other codecs: from comparing pixels.
# Variables: see common.sh.
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
file=${1:-$clip} model=${2:-$model}
need_file file "$file"
need_file model "$model"
dcn_setup
classifier "$model"
codec=$(codec_of "$file")
decode=$(decode_of "$codec") || die "$file has no video stream"
# shellcheck disable=SC2046,SC2086
launch filesrc location="$file" ! $decode ! "${cnn[@]}" ! deltaoverlay ! videoconvert ! $(sink_of)
