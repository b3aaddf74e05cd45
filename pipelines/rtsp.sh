#!/usr/bin/env bash
# Watches an RTSP camera or server with what the model sees in it.
#   pipelines/rtsp.sh URL [MODEL]
# MPEG-2 and H.264 video: what changed comes from the codec.
# FRAMES=N stops after N frames.  Variables: see common.sh.
. "$(dirname "$0")/common.sh"
case ${1:-} in -h | --help) usage; exit ;; esac
url=${1:-} model=${2:-$model}
[ -n "$url" ] || die "which URL? (rtsp://HOST[:PORT]/PATH)"
need_file model "$model"
dcn_setup
classifier "$model"

# The session description names the encoding of each stream.
coding=$(timeout 20 "${in_english[@]}" "${gst_launch[@]}" -v rtspsrc location="$url" latency=100 ! application/x-rtp,media=video ! fakesink num-buffers=1 2>/dev/null |
  grep -o 'encoding-name=(string)[A-Z0-9-]*' | head -n 1 | sed 's/.*)//') || true
case $coding in
  H264) decode="rtph264depay ! h264parse ! deltaextract ! $h264_decoder" ;;
  MPV) decode="rtpmpvdepay ! mpegvideoparse ! deltaextract ! $decoder" ;;
  '') die "$url does not answer, or has no video" ;;
  *) decode="decodebin" ;;
esac
# shellcheck disable=SC2046,SC2086
launch rtspsrc location="$url" latency=100 ! application/x-rtp,media=video ! $decode ! \
  "${cnn[@]}" ! deltaoverlay ! videoconvert ! \
  identity ${FRAMES:+eos-after=$FRAMES} ! $(sink_of)
