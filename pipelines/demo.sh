#!/usr/bin/env bash
# Installs what is missing, builds, and classifies every frame of a clip, computing only what the video codec says
# changed.  Prints a line per frame and a summary, and leaves an annotated video and a contact sheet.
#   pipelines/demo.sh                                  the shipped clip and model
#   pipelines/demo.sh --clip FILE --model FILE         your own; MODEL.modelinfo beside the model says how frames
#                                                      are prepared for it (README.md, "Your own model")
#     [--labels FILE]      class names, one per line
#     [--tolerance T]      pass over differences up to T times a layer's rms; 0: exact; -1: as calibrated (the
#                          default where the model's .modelinfo has tolerances, else 0)
#     [--output DIR]       where the results go (default: out/ of the checkout)
#     [--source SOURCE]    auto, codec or pixel: what tells the changes
#     [--blocks]           tint the blocks that changed
#     [--frames N] [--compare N] [--threads N] [--no-video] [--quiet]   see deltacnn-run --help
. "$(dirname "$0")/common.sh"
model=${DCN_MODEL:-$dcn_root/models/alexnet.onnx}
args=("$@") have_clip= have_model= have_output= have_tolerance= previous=
for a in "$@"; do
  case $previous in
    --model | -m) model=$a ;;
  esac
  previous=$a
  case $a in
    -h | --help) usage; exit ;;
    --clip | --clip=* | -c) have_clip=1 ;;
    --model=*) have_model=1 model=${a#--model=} ;;
    --model | -m) have_model=1 ;;
    --tolerance | --tolerance=* | -t) have_tolerance=1 ;;
    --output | --output=* | -o) have_output=1 ;;
  esac
done
case $previous in
  --clip | -c | --model | -m | --labels | -l | --tolerance | -t | --margin | --output | -o | --source | -s | --threads | --frames | -n | --compare)
    die "$previous needs a value (see --help)" ;;
esac
[ -n "$have_clip" ] || args+=(--clip "$dcn_root/models/clips/demo.ts")
[ -n "$have_model" ] || args+=(--model "$model")
[ -n "$have_output" ] || args+=(--output "$dcn_root/out")
[ -n "$have_tolerance" ] || args+=(--tolerance "$(tolerance_of "$model")")
dcn_setup
exec "$build/gst/tools/deltacnn-run" "${args[@]}"
