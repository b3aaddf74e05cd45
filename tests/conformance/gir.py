#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The coding meta through GObject introspection, as an application in Python reads it; prints TAP.

    gir.py STREAM-GENERATOR
"""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import Tap, skip_all  # noqa: E402

try:
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstDeltaCnn", "1.0")
    from gi.repository import Gst, GstDeltaCnn
except (ImportError, ValueError) as error:
    skip_all("no introspection: %s" % error)

tap = Tap()


def main():
    Gst.init(None)
    pictures = []

    def probe(_pad, info):
        meta = GstDeltaCnn.buffer_get_delta_coding_meta(info.get_buffer())
        pictures.append(meta.picture if meta else None)
        return Gst.PadProbeReturn.OK

    with tempfile.TemporaryDirectory() as folder:
        clip = os.path.join(folder, "clip.m2v")
        subprocess.run([sys.argv[1], "0", clip], check=True)
        pipeline = Gst.parse_launch("filesrc location=%s ! mpegvideoparse ! deltaextract name=extract ! fakesink" % clip)
        pipeline.get_by_name("extract").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, probe)
        pipeline.set_state(Gst.State.PLAYING)
        message = pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        tap.case(message and message.type == Gst.MessageType.EOS, "the pipeline runs")
        stats = pipeline.get_by_name("extract").props.stats
        pipeline.set_state(Gst.State.NULL)

    tap.case(len(pictures) == 30 and all(pictures), "a picture on each buffer", len(pictures))
    tap.case(all(p.is_complete() and p.is_known() for p in pictures), "all known")
    tap.case([p.get_number() for p in pictures] == list(range(30)), "numbers count in decoding order")
    tap.case(len({p.get_epoch() for p in pictures}) == 1, "one epoch")
    tap.case(pictures[0].get_picture_type() == GstDeltaCnn.DeltaPictureType.I, "the first is an I picture")
    tap.case(tuple(pictures[0].get_grid()) == (22, 12), "grid", pictures[0].get_grid())
    tap.case(tuple(pictures[0].get_crop()) == (0, 0, 176, 96), "crop", pictures[0].get_crop())
    tap.case(all(len(p.get_born()) == 22 * 12 for p in pictures), "born maps are lists")
    vectors = [v for p in pictures for v in (p.get_vector(i)[1] for i in range(p.get_n_vectors()))]
    tap.case(vectors and all(v.w == 16 and v.h in (16, 32) for v in vectors), "vectors")
    good, stays = True, 0
    for a, b in zip(pictures, pictures[1:]):
        changed = a.compare(b).get_data()
        stays += changed.count(0)
        good &= list(changed) == [int(x != y) for x, y in zip(a.get_born(), b.get_born())]
    tap.case(good and stays > 0, "compare says what the maps say", stays)
    quantisers, mb_cols, mb_rows = pictures[3].get_quantisers()
    flags = pictures[3].get_macroblock_flags()[0]
    tap.case((mb_cols, mb_rows) == (11, 6) and quantisers.get_size() == flags.get_size() == 66
             and all(1 <= q <= 112 for q in quantisers.get_data()), "quantisers and flags of each macroblock")
    tap.case(stats.get_uint64("pictures-i")[1] + stats.get_uint64("pictures-p")[1] + stats.get_uint64("pictures-b")[1] == 30,
             "stats")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
