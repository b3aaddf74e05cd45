#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The coding meta through GObject introspection, as an application in Python reads it; prints TAP.

    gir.py STREAM-GENERATOR
"""

import os
import subprocess
import sys
import tempfile

try:
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstDeltaCnn", "1.0")
    from gi.repository import Gst, GstDeltaCnn
except (ImportError, ValueError) as error:
    print("1..0 # SKIP no introspection: %s" % error)
    sys.exit(0)

count = failed = 0


def case(good, name, *notes):
    global count, failed
    count += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, name))
    for note in notes if not good else ():
        print("#   %s" % (note,))


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
        case(message and message.type == Gst.MessageType.EOS, "the pipeline runs")
        stats = pipeline.get_by_name("extract").props.stats
        pipeline.set_state(Gst.State.NULL)

    case(len(pictures) == 30 and all(pictures), "a picture on each buffer", len(pictures))
    case(all(p.is_complete() and p.is_known() for p in pictures), "all known")
    case([p.get_number() for p in pictures] == list(range(30)), "numbers count in decoding order")
    case(len({p.get_epoch() for p in pictures}) == 1, "one epoch")
    case(pictures[0].get_picture_type() == GstDeltaCnn.DeltaPictureType.I, "the first is an I picture")
    case(tuple(pictures[0].get_grid()) == (22, 12), "grid", pictures[0].get_grid())
    case(tuple(pictures[0].get_crop()) == (0, 0, 176, 96), "crop", pictures[0].get_crop())
    case(all(len(p.get_born()) == 22 * 12 for p in pictures), "born maps are lists")
    vectors = [v for p in pictures for v in (p.get_vector(i)[1] for i in range(p.get_n_vectors()))]
    case(vectors and all(v.w == 16 and v.h in (16, 32) for v in vectors), "vectors")
    good, stays = True, 0
    for a, b in zip(pictures, pictures[1:]):
        changed = a.compare(b).get_data()
        stays += changed.count(0)
        good &= list(changed) == [int(x != y) for x, y in zip(a.get_born(), b.get_born())]
    case(good and stays > 0, "compare says what the maps say", stays)
    quantisers, mb_cols, mb_rows = pictures[3].get_quantisers()
    flags = pictures[3].get_macroblock_flags()[0]
    case((mb_cols, mb_rows) == (11, 6) and quantisers.get_size() == flags.get_size() == 66
         and all(1 <= q <= 112 for q in quantisers.get_data()), "quantisers and flags of each macroblock")
    case(stats.get_uint64("pictures-i")[1] + stats.get_uint64("pictures-p")[1] + stats.get_uint64("pictures-b")[1] == 30,
         "stats")
    print("1..%d" % count)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
