#!/usr/bin/env bash
# A camera that delivers H.264, as network and better USB cameras do; what changed comes from the camera's own encoder.
#   pipelines/v4l2-camera-h264.sh [DEVICE]            default: $DCN_CAMERA or /dev/video0
#   pipelines/v4l2-camera-h264.sh --encode [DEVICE]   a camera of raw pictures, through an H.264 encoder here
#   pipelines/v4l2-camera-h264.sh --test [N]          N moving test pictures through that encoder, instead of a camera
# For --encode and --test: GOP=50 pictures from one I picture to the next, BITRATE=2000 kbit/s.
# DCN_H264_DECODER=v4l2h264dec decodes in hardware.  Variables: see common.sh.
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
have() { gst-inspect-1.0 --exists "$1"; }
if [ "${1:-}" = --test ] || [ "${1:-}" = --encode ]; then
  [ "$1" = --test ] || shift
  if have x264enc; then
    encoder="x264enc tune=zerolatency speed-preset=veryfast bitrate=${BITRATE:-2000} key-int-max=${GOP:-50}"
  elif have openh264enc; then
    encoder="openh264enc complexity=low rate-control=bitrate bitrate=$((${BITRATE:-2000} * 1000)) gop-size=${GOP:-50}"
  else
    die "there is no H.264 encoder (x264enc of gstreamer1.0-plugins-ugly, or openh264enc)"
  fi
  camera="$(camera_of "$@") ! videoconvert ! videorate ! video/x-raw,format=I420,framerate=25/1 ! $encoder"
else
  device=${1:-${DCN_CAMERA:-/dev/video0}}
  [ -e "$device" ] || die "there is no camera at $device (give a device, set DCN_CAMERA, or use --test)"
  camera="v4l2src device=$device ! video/x-h264"
fi
dcn_setup
classifier "$model"
# shellcheck disable=SC2046,SC2086
launch $camera ! h264parse ! deltaextract ! $h264_decoder ! "${cnn[@]}" ! deltaoverlay ! videoconvert ! $(sink_of)
