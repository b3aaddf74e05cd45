#!/usr/bin/env bash
# The camera case of the original study: camera, MPEG-2 encoder, and what the encoder left unchanged is not computed.
# The encoder takes the camera's noise out of the resting parts of the picture, and its stream says which they are.
#   pipelines/v4l2-camera-mpeg2.sh [DEVICE]      default: $DCN_CAMERA or /dev/video0
#   pipelines/v4l2-camera-mpeg2.sh --test [N]    N moving test pictures instead of a camera
# GOP=15 pictures from one I picture to the next, BITRATE=2000 kbit/s.  Variables: see common.sh.
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
camera=$(camera_of "$@")
dcn_setup
classifier "$model"
# mpeg2enc, because avenc_mpeg2video of GStreamer 1.22 refuses every frame rate
# shellcheck disable=SC2046,SC2086
launch $camera ! videoconvert ! videorate ! video/x-raw,format=I420,framerate=25/1 ! \
  mpeg2enc format=3 bitrate="${BITRATE:-2000}" min-gop-size="${GOP:-15}" max-gop-size="${GOP:-15}" b-per-refframe=0 ! mpegvideoparse ! deltaextract ! $decoder ! \
  "${cnn[@]}" ! deltaoverlay ! videoconvert ! $(sink_of)
