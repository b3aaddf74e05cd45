#!/usr/bin/env bash
# Watches several cameras at once in one process, without a display: they share the model's weights and the cores.
#   pipelines/cameras.sh [OPTION]... [NAME=]URL...     rtsp:// or rtsps://, or a file in a camera's place
# A line of JSON on standard output for each camera whose label changes, and when it is lost or comes back.  A camera that
# is lost is tried again, and keeps nobody else waiting.  Frames that come faster than they can be classified are left out.
#     --model FILE       ONNX model (default: DCN_MODEL, or the shipped one)
#     --tolerance T      as TOLERANCE
#     --mode MODE        delta (default) or dense, to compare with
#     --threads N        that one frame may use; 0: all (default: 1, cameras are enough work to share)
#     --hold N           a label is new when it is the same on N frames (default: 3)
#     --every-frame      a line for each frame, with what it cost
#     --seconds N        stop after so long (default: at Ctrl-C, or when all files are at their end)
#     --live             files at the pace of their recording and again from the beginning, as a camera would be
#     --latency MS       how long RTSP waits for packets that come late (default: 200)
#     --patience S       a camera is lost when it sends nothing for so long (default: 10)
# The end is a table on standard error: frames a second, frames left out, time a frame, and the processor's share.
# The environment's DCN_BUILD, DCN_MODEL, DCN_DECODER, DCN_H264_DECODER, TOLERANCE and SOURCE mean what they do to file.sh (see its --help).
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
args=("$@") previous=
for a in "$@"; do
  case $a in --model=*) model=${a#--model=} ;; esac
  case $previous in --model) model=$a ;; esac
  previous=$a
done
need_file model "$model"
dcn_setup
# Debian's python3-gi is for its own python3
python=python3
"$python" -c 'import gi' 2>/dev/null || python=/usr/bin/python3
"$python" -c 'import gi; gi.require_version("Gst", "1.0")' 2>/dev/null || die "python3-gi and gir1.2-gstreamer-1.0 are needed (pipelines/install-deps.sh)"
exec ${DCN_PRELOAD:+env "LD_PRELOAD=$DCN_PRELOAD"} "$python" "$dcn_root/pipelines/cameras.py" \
  --model "$model" --tolerance "$(tolerance_of "$model")" --source "${SOURCE:-auto}" \
  --decoders "${DCN_DECODER:-} ${DCN_H264_DECODER:-}" "${args[@]}"
