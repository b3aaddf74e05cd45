#!/usr/bin/env bash
# A camera's raw pictures with what the model sees in them; what changed comes from comparing pixels.
#   pipelines/v4l2-camera.sh [DEVICE]      default: $DCN_CAMERA or /dev/video0
#   pipelines/v4l2-camera.sh --test [N]    N moving test pictures instead of a camera
# Camera noise changes nearly every pixel: with TOLERANCE=0.05 the network passes over what is only noise.
# Variables: see common.sh.
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
camera=$(camera_of "$@")
dcn_setup
classifier "$model"
# shellcheck disable=SC2046,SC2086
launch $camera ! "${cnn[@]}" ! deltaoverlay ! videoconvert ! $(sink_of)
