#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slice data of real encoders: every slice must be read to its last bit, and every macroblock be there once.

The streams are made here by ffmpeg's libx264: each syntax of slice data that it can write, in both entropy codings.  Where
../shared is there, its clips too.  check-qp, if given, compares the quantiser of each macroblock with libavcodec's.
"""

import argparse
import fields
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import Tap, skip_all  # noqa: E402

# Interlaced, with parts that rest and parts that move differently: x264 then mixes frame and field macroblock pairs.
MIXED = ("color=gray:size=208x160:rate=50,noise=alls=60:allf=p:all_seed=1[bg];testsrc2=size=208x160:rate=50,"
         "scale=104:160,split[a][b];[a]scroll=h=0.013[a1];[b]scroll=v=0.02[b1];[bg][a1]overlay=x=0:y=0[c];"
         "[c][b1]overlay=x='60+40*sin(t*9)':y='20*cos(t*7)',tinterlace=mode=interleave_top,format={}")
PLAIN = "testsrc2=size=200x152:rate=25,noise=alls=12:allf=t:all_seed=3,format={}"

ILME = ["-flags", "+ildct+ilme"]

# name: (source, pixel format, arguments, x264 parameters, what the stream must hold)
ENCODES = {
    "high": (PLAIN, "yuv420p", ["-crf", "24"], "bframes=3:ref=3", ["8x8 transform", "direct"]),
    "main": (PLAIN, "yuv420p", ["-crf", "34"], "8x8dct=0:slices=5:bframes=2:direct=temporal", []),
    "slice-size": (PLAIN, "yuv420p", ["-crf", "24"], "slice-max-size=300:bframes=2", []),
    "few-bits": (PLAIN, "yuv420p", ["-qp", "51"], "bframes=2", ["skipped"]),
    "intra-refresh": (PLAIN, "yuv420p", ["-crf", "30"], "intra-refresh=1:constrained-intra=1", []),
    "fake-interlaced": (PLAIN, "yuv420p", ["-crf", "30"], "fake-interlaced=1:bframes=2", []),
    "lossless": (PLAIN, "yuv420p", ["-qp", "0"], "bframes=2", ["PCM"]),
    "gray": (PLAIN, "gray", ["-crf", "22"], "bframes=2", ["8x8 transform"]),
    "422": (PLAIN, "yuv422p", ["-crf", "24"], "bframes=2", ["8x8 transform"]),
    "444": (PLAIN, "yuv444p", ["-crf", "20", "-preset", "slower"], "bframes=2", ["8x8 transform"]),
    "444-lossless": (PLAIN, "yuv444p", ["-qp", "0"], "bframes=1", ["PCM"]),
    "high10": (PLAIN, "yuv420p10le", ["-qp", "2"], "bframes=2", ["8x8 transform"]),
    "mbaff": (MIXED, "yuv420p", ["-crf", "26"] + ILME, "tff=1:bframes=3:ref=3", ["beside frame"]),
    "mbaff-slices": (MIXED, "yuv420p", ["-crf", "36"] + ILME,
                     "bff=1:bframes=3:b-pyramid=normal:ref=4:direct=temporal:8x8dct=0:slices=3", ["beside frame"]),
    "mbaff-slow": (MIXED, "yuv420p", ["-crf", "18", "-preset", "slower"] + ILME, "tff=1:bframes=5:ref=5",
                   ["beside frame"]),
    "mbaff-few-bits": (MIXED, "yuv420p", ["-crf", "45"] + ILME, "tff=1:bframes=3", ["beside frame", "skipped"]),
    "mbaff-lossless": (MIXED, "yuv420p", ["-qp", "0"] + ILME, "tff=1:bframes=1", ["beside frame", "PCM"]),
    "mbaff-422": (MIXED, "yuv422p10le", ["-crf", "30"] + ILME, "tff=1:bframes=2", ["beside frame"]),
    "mbaff-444": (MIXED, "yuv444p", ["-crf", "22"] + ILME, "tff=1:bframes=2", ["beside frame"]),
    "mbaff-gray": (MIXED, "gray", ["-crf", "22"] + ILME, "tff=1:bframes=1:intra-refresh=1", ["beside frame"]),
}

# Pairs of encodes that fields.py makes field pictures of; CAVLC only.
FIELDS = {
    "fields": "bframes=0:ref=2:qp=30",
    "fields-spatial": "bframes=2:ref=2:b-pyramid=none:direct=spatial:qp=30",
    "fields-temporal": "bframes=2:ref=3:b-pyramid=none:direct=temporal:qp=36:slices=3",
}
FIELD = ("color=gray:size=208x96:rate=25,noise=alls=40:allf=p:all_seed=1[bg];testsrc2=size=104x96:rate=25[fg];"
         "[bg][fg]overlay=x='40+20*sin(t*3+{0}/50.0)':y={0},format=yuv420p")


def ffmpeg(*args):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *args], stdin=subprocess.DEVNULL).returncode == 0


def encode(folder, name, cabac):
    source, pixels, args, params, holds = ENCODES[name]
    path = os.path.join(folder, f"{name}-{'cabac' if cabac else 'cavlc'}.264")
    ok = ffmpeg("-f", "lavfi", "-i", source.format(pixels), "-frames:v", "12", "-c:v", "libx264", "-threads", "1", *args,
                "-x264-params", f"cabac={cabac}:{params}", "-f", "h264", path)
    return (path if ok else None), holds


def encode_fields(folder, name):
    paths = [os.path.join(folder, f"{name}.{parity}.264") for parity in (0, 1)]
    for parity, path in enumerate(paths):
        ffmpeg("-f", "lavfi", "-i", FIELD.format(parity), "-frames:v", "12", "-c:v", "libx264", "-threads", "1",
               "-x264-params", f"cabac=0:scenecut=0:b-adapt=0:mbtree=0:weightp=0:keyint=infinite:{FIELDS[name]}",
               "-f", "h264", path)
    out = os.path.join(folder, name + ".264")
    fields.interleave(*paths, out)
    return out


def clips(shared, folder):
    for name in sorted(os.listdir(shared)) if os.path.isdir(shared) else []:
        path = os.path.join(shared, name)
        if name.endswith((".264", ".h264")):
            yield name, path
        elif name.endswith((".mp4", ".mkv")):
            out = os.path.join(folder, name + ".264")
            if ffmpeg("-i", path, "-map", "0:v:0", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", out):
                yield name, out


def count(line, what):
    """The number before the word in a line of check-slices."""
    return int(line.split(what)[0].replace("(", " ").split()[-1])


def check(tap, args, name, path, holds=(), qp=True):
    run = subprocess.run([args.check_slices, path], stdout=subprocess.PIPE, text=True)
    last = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else "no output"
    short = [what for what in holds if run.returncode == 0 and count(last, what) == 0]
    tap.case(run.returncode == 0 and not short, name + ": slices", run.stdout + "".join(f"no {w}\n" for w in short))
    if args.check_qp and qp:
        run = subprocess.run([args.check_qp, path], stdout=subprocess.PIPE, text=True)
        tap.case(run.returncode == 0, name + ": quantisers", run.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["encodes", "clips"])
    parser.add_argument("--check-slices", required=True)
    parser.add_argument("--check-qp")
    parser.add_argument("--clips", default="")
    args = parser.parse_args()
    if not shutil.which("ffmpeg"):
        skip_all("no ffmpeg")
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        if args.part == "encodes":
            for name in ENCODES:
                for cabac in (0, 1):
                    path, holds = encode(folder, name, cabac)
                    if path is None:
                        print("1..0 # SKIP no libx264" if tap.count == 0 else f"Bail out! cannot encode {name}")
                        return 0 if tap.count == 0 else 1
                    check(tap, args, os.path.basename(path), path, holds)
            for name in FIELDS:
                check(tap, args, name, encode_fields(folder, name), ["skipped"], qp=False)
        else:
            for name, path in clips(args.clips, folder):
                check(tap, args, name, path)
            if tap.count == 0:
                skip_all("no clips")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
