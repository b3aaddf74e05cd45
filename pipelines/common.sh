# What the scripts of this folder share; sourced, not run.  Variables of the environment that they heed:
#   DCN_BUILD    build folder with the plugin (default: build/ of the checkout, built when it is missing)
#   DCN_SINK     what shows the video (default: autovideosink; fakesink where there is no display)
#   DCN_MODEL    ONNX model (default: the shipped one)
#   DCN_MESSAGES any value: print a line of JSON per frame on standard output as well
#   TOLERANCE    of deltacnn (default -1, as deltacnn-calibrate found it for the model, where it did; else 0, exact)
#   DCN_DECODER  MPEG-2 decoder (default: avdec_mpeg2video; mpeg2dec serves as well)
#   DCN_H264_DECODER  H.264 decoder (default: avdec_h264; v4l2h264dec, vah264dec, openh264dec, ... serve as well)
#   SOURCE       of deltacnn: auto (default), codec or pixel
set -euo pipefail

dcn_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
model=${DCN_MODEL:-$dcn_root/models/activities.onnx}
clip=$dcn_root/models/clips/demo.ts
decoder=${DCN_DECODER:-avdec_mpeg2video}
h264_decoder=${DCN_H264_DECODER:-avdec_h264}

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# need_file WHAT FILE
need_file() {
  [ ! -d "$2" ] || die "$2 is a folder, not a $1"
  [ -f "$2" ] || die "there is no $1 $2"
  [ -r "$2" ] || die "the $1 $2 cannot be read: permission denied"
}

# The comment at the head of the script is its manual; where that points here, the variables above follow.
usage() {
  local manual
  manual=$(sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0")
  printf '%s\n' "${manual/ see common.sh./}"
  case $manual in *'Variables: see common.sh.') sed -n '/^#   [A-Z]/s/^# //p' "${BASH_SOURCE[0]}" ;; esac
}

# Makes gst-launch-1.0 find the elements; builds them first where nobody said which build to use.
dcn_setup() {
  build=${DCN_BUILD:-$dcn_root/build}
  if [ -z "${DCN_BUILD:-}" ]; then
    "$dcn_root/pipelines/install-deps.sh" build >&2
    [ -f "$build/build.ninja" ] || meson setup "$build" "$dcn_root" >&2
    ninja -C "$build" gst/libgstdeltacnn.so gst/tools/deltacnn-run >"$build/build.log" 2>&1 ||
      { tail -40 "$build/build.log" >&2; die "the build failed"; }
  fi
  [ -f "$build/gst/libgstdeltacnn.so" ] || die "$build has no plugin"
  export GST_PLUGIN_PATH=$build/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
  export GST_REGISTRY=${GST_REGISTRY:-$build/registry.bin}
  # a plugin with a sanitizer in it needs the sanitizer's library loaded first (the tests set this)
  gst_launch=(gst-launch-1.0)
  if [ -n "${DCN_PRELOAD:-}" ]; then
    export GST_REGISTRY_FORK=no
    gst_launch=(env "LD_PRELOAD=$DCN_PRELOAD${LD_PRELOAD:+:$LD_PRELOAD}" gst-launch-1.0)
  fi
}

# What tolerance to use with model $1.
tolerance_of() {
  local info=$1.modelinfo
  [ -f "$info" ] || info=${1%.onnx}.modelinfo
  if [ -n "${TOLERANCE:-}" ]; then
    echo "$TOLERANCE"
  elif grep -qs '^ *tolerance *= *[^ ]' "$info"; then
    echo -1
  else
    echo 0
  fi
}

# The classifier with model $1, as an array `cnn`.  What decoders put out in 8 bits passes videoconvert as it is, with the coding metas.
classifier() {
  cnn=(videoconvert ! deltacnn model-file="$1" tolerance="$(tolerance_of "$1")" source="${SOURCE:-auto}")
  [ -z "${DCN_MESSAGES:-}" ] || cnn+=(top-k=1 post-messages=true)
}

# Put before gst-launch-1.0 where its output is read: it speaks the user's language otherwise.
in_english=(env LC_ALL=C.UTF-8 LANGUAGE=C)

# gst-launch-1.0; Ctrl-C ends the stream properly.  With DCN_MESSAGES its output becomes lines of JSON.
launch() {
  if [ -n "${DCN_MESSAGES:-}" ]; then
    "${in_english[@]}" "${gst_launch[@]}" -e -m "$@" | LC_ALL=C awk -f "$dcn_root/pipelines/messages-to-json.awk"
  else
    "${gst_launch[@]}" -e "$@"
  fi
}

# What a file's video is coded in, as a caps name (video/mpeg 2, video/x-h264, image/jpeg, ...); empty when there is none.
# The last caps that flow are the parser's; before it the container has spoken, and fields come in any order.
codec_of() {
  local fd pid line lines='' wait=30
  # Not a pipe: after an error gst-launch-1.0 may wait for ever, and so would we for it.  Newer ones do so after SIGTERM, too.
  exec {fd}< <(exec timeout -k 0.5 30 "${in_english[@]}" GST_DEBUG=GST_ERROR_SYSTEM:4 GST_DEBUG_NO_COLOR=1 GST_DEBUG_FILE= \
    "${gst_launch[@]}" -v filesrc location="$1" ! parsebin ! fakesink num-buffers=1 2>&1)
  pid=$!
  # parsebin loses the error of a demuxer now and then, one in some hundred: the log has it, and nothing comes behind it then.
  while IFS= read -r -t "$wait" line; do
    case $line in
      ERROR*) break ;;
      *"posted error message"*) wait=3 ;;
      *) lines+=$line$'\n' ;;
    esac
  done <&"$fd"
  exec {fd}<&-
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  awk '/caps = (video\/|image\/jpeg)/ {
         sub(/.*caps = /, "")
         name = $0
         sub(/,.*/, "", name)
         if (name ~ /^video\/(x-matroska|webm|quicktime|mpegts|x-msvideo|x-flv|x-ms-asf)$/ || /systemstream=\(boolean\)true/)
           next
         if (name == "video/mpeg") {
           if (!match($0, /mpegversion=\(int\)[0-9]/))
             next
           name = name " " substr($0, RSTART + RLENGTH - 1, 1)
         }
         codec = name
       }
       END { print codec }' <<<"$lines"
}

# The decoding part of a pipeline: with the codec's changes where we can read them, else the pixels are compared.
decode_of() {
  case $1 in
    'video/mpeg 1' | 'video/mpeg 2') echo "parsebin ! deltaextract ! $decoder" ;;
    video/x-h264*) echo "parsebin ! h264parse ! deltaextract ! $h264_decoder" ;;
    video/* | image/jpeg) echo "decodebin" ;;
    *) return 1 ;;
  esac
}

# Where the video goes.
sink_of() {
  if [ -n "${DCN_SINK:-}" ]; then
    echo "$DCN_SINK"
  elif [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    echo "autovideosink"
  else
    echo "no display: the video goes nowhere (DCN_SINK=... chooses another sink)" >&2
    echo "fakesink sync=true"
  fi
}

# Where camera pictures come from: a device, or with --test N moving test pictures.
camera_of() {
  case ${1:-} in
    --test)
      case ${2:-100} in *[!0-9]*) die "--test $2: that is no number of frames" ;; esac
      echo "videotestsrc pattern=ball is-live=false num-buffers=${2:-100} ! video/x-raw,format=I420,width=320,height=240,framerate=25/1" ;;
    *)
      local device=${1:-${DCN_CAMERA:-/dev/video0}}
      [ -c "$device" ] || die "there is no camera at $device (give a device, set DCN_CAMERA, or use --test)"
      # decodebin: cameras also give JPEG
      echo "v4l2src device=$device ! decodebin" ;;
  esac
}
