#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the results and what the codec said from Python.

    pipelines/results.py [CLIP [MODEL]]

Prints for each frame: time, label, confidence, share of blocks changed, number of motion vectors.  MPEG-1, MPEG-2, H.264.
From a build folder that is not installed it needs
    GST_PLUGIN_PATH=build/gst GI_TYPELIB_PATH=build/gst/lib LD_LIBRARY_PATH=build/gst/lib
"""
import os
import sys

if sys.argv[1:2] in (['-h'], ['--help']):
    sys.exit(print(__doc__))
try:
    import gi
    gi.require_version('Gst', '1.0')
    gi.require_version('GstDeltaCnn', '1.0')
except ImportError:
    sys.exit(f'{sys.executable} has no gi: Debian has it for /usr/bin/python3, in python3-gi and gir1.2-gstreamer-1.0')
except ValueError as e:
    sys.exit(f'{e} (see --help)')
from gi.repository import GLib, Gst, GstDeltaCnn  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def on_frame(pad, info):
    buffer = info.get_buffer()
    result = GstDeltaCnn.buffer_get_delta_cnn_meta(buffer)
    coding = GstDeltaCnn.buffer_get_delta_coding_meta(buffer)
    if result and result.n_results:
        best = result.get_result(0)
        vectors = coding.picture.get_n_vectors() if coding else 0
        print(f'{buffer.pts / 1e9:.3f} {best.label} {best.confidence:.3f} {result.changed:.3f} {vectors}')
    return Gst.PadProbeReturn.OK


def main():
    clip = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'models/clips/demo.ts')
    model = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, 'models/activities.onnx')
    for what, name in ('clip', clip), ('model', model):
        if not os.path.isfile(name):
            sys.exit(f'there is no {what} {name}')
    Gst.init(None)
    try:
        pipeline = Gst.parse_launch('filesrc name=file ! parsebin ! deltaextract name=extract ! decodebin ! deltacnn name=cnn ! fakesink sync=false')
    except GLib.Error as e:
        sys.exit(f'{e.message} (see --help)')
    pipeline.get_by_name('file').set_property('location', clip)
    cnn = pipeline.get_by_name('cnn')
    cnn.set_property('model-file', model)
    cnn.get_static_pad('src').add_probe(Gst.PadProbeType.BUFFER, on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        error, _ = message.parse_error()
        if message.src != cnn and not pipeline.get_by_name('extract').get_static_pad('sink').is_linked():
            sys.exit(f'{clip}: no video in MPEG-1, MPEG-2 or H.264 that can be read ({error.message})')
        sys.exit(error.message)


if __name__ == '__main__':
    main()
