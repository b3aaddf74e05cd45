#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deltacnn-inspect as a user runs it; prints TAP.

    inspect.py --inspect PROGRAM --generate PROGRAM

What it prints is checked against itself (maps against shares) and, for the types, against ffprobe where there is one.
"""

import argparse
import csv
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import Tap  # noqa: E402

KEYS = ["frame", "pts", "epoch", "number", "type", "known", "width", "height", "cols", "rows", "changed"]

tap = Tap()


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120)


def check_clip(inspect, clip, folder, name):
    born, vectors, picture = (os.path.join(folder, n) for n in ("born.u32", "vectors.csv", "picture.png"))
    result = run(inspect, "--born", born, "--vectors", vectors, "--picture", picture, "--frame", "5", clip)
    tap.case(result.returncode == 0 and not result.stderr, name + ": runs", result.returncode, result.stderr)
    frames = [json.loads(line) for line in result.stdout.decode().splitlines()]
    tap.case(len(frames) == 30 and all(list(f) == KEYS for f in frames), name + ": one object per frame, all keys",
             len(frames), frames[:1])
    tap.case([f["frame"] for f in frames] == list(range(len(frames))), name + ": frames count from 0")
    tap.case(all(f["known"] is True for f in frames), name + ": all known")
    tap.case(all(f["cols"] == (f["width"] + 7) // 8 and f["rows"] == (f["height"] + 7) // 8 for f in frames),
             name + ": grid of 8x8 blocks")

    with open(born, "rb") as file:
        data = file.read()
    sizes = [f["cols"] * f["rows"] for f in frames]
    tap.case(len(data) == 4 * sum(sizes), name + ": born maps of every frame", len(data), sum(sizes))
    maps, at = [], 0
    for size in sizes:
        maps.append(struct.unpack("<%dI" % size, data[at:at + 4 * size]))
        at += 4 * size
    wrong = []
    for i, frame in enumerate(frames):
        share = 1.0
        if i and frames[i - 1]["epoch"] == frame["epoch"]:
            share = sum(a != b for a, b in zip(maps[i - 1], maps[i])) / sizes[i]
        if abs(share - frame["changed"]) > 1e-9:
            wrong.append((i, share, frame["changed"]))
    tap.case(not wrong, name + ": shares are those of the maps", wrong[:3])
    tap.case(any(f["changed"] < 1 for f in frames), name + ": something stays")
    tap.case(all(b <= f["number"] for f, m in zip(frames, maps) for b in m), name + ": nothing is born in a later picture")

    with open(vectors, newline="") as file:
        rows = list(csv.DictReader(file))
    tap.case(rows and list(rows[0]) == "frame,x,y,w,h,ref_number,mv_x_qpel,mv_y_qpel,direction".split(","),
             name + ": columns of the vectors", rows[:1])
    types = {f["frame"]: f["type"] for f in frames}
    numbers = {f["number"] for f in frames}
    bad = [r for r in rows if types[int(r["frame"])] == "P" and r["direction"] != "0"
           or int(r["ref_number"]) not in numbers or int(r["mv_x_qpel"]) % 2 or int(r["mv_y_qpel"]) % 2]
    tap.case(not bad, name + ": P pictures predict forward, from pictures that exist, in half samples", bad[:2])
    with open(picture, "rb") as file:
        head = file.read(24)
    width, height = struct.unpack(">II", head[16:24]) if head.startswith(b"\x89PNG") else (0, 0)
    tap.case(width and width % frames[5]["width"] == 0 and width // frames[5]["width"] == height // frames[5]["height"],
             name + ": the picture shows the frame", width, height)

    if shutil.which("ffprobe"):
        probe = run("ffprobe", "-v", "error", "-show_entries", "frame=pict_type", "-of", "csv=p=0", clip)
        wanted = probe.stdout.decode().replace(",", "").split()
        tap.case([f["type"] for f in frames] == wanted, name + ": types as ffprobe has them",
                 [f["type"] for f in frames], wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inspect", required=True)
    parser.add_argument("--generate", required=True)
    options = parser.parse_args()
    inspect = options.inspect
    folder = tempfile.mkdtemp(prefix="deltacnn-inspect-")
    try:
        for seed in (0, 2, 3):
            clip = os.path.join(folder, "%d.m2v" % seed)
            subprocess.run([options.generate, str(seed), clip], check=True)
            check_clip(inspect, clip, folder, "stream %d" % seed)

        text, empty = os.path.join(folder, "text.txt"), os.path.join(folder, "empty.mpg")
        with open(text, "w") as file:
            file.write("no video here\n" * 100)
        open(empty, "w").close()
        for args, what, words in [
                ([os.path.join(folder, "none.mpg")], "a file that is not there", "there is no file"),
                ([folder], "a folder", "folder"),
                ([text], "a text", "no video"),
                ([empty], "an empty file", "no video"),
                ([clip, "--frame", "999", "--picture", os.path.join(folder, "x.png")], "a frame beyond the end", "999"),
                ([clip, "--decoder", "nosuchdecoder"], "a decoder that is not there", "nosuchdecoder"),
                ([clip, "--decoder", "avdec_h264"], "another codec's decoder", "avdec_h264 does not take"),
                ([clip, "--frame", "-1", "--picture", os.path.join(folder, "x.png")], "a frame before the first", "--frame"),
                ([clip, "--picture", os.path.join(folder, "no", "x.png")], "a picture that cannot be written", "cannot write"),
                ([clip, "--born", os.path.join(folder, "no", "born")], "a file that cannot be written", "cannot write"),
                ([clip, clip], "two clips", "one clip"),
                ([], "no clip", "--help"),
                (["--nonsense"], "an unknown option", "nonsense")]:
            result = run(inspect, *args)
            said = result.stderr.decode()
            tap.case(result.returncode == 1 and words in said and said.count("\n") == 1, "%s: exit 1 and a sentence" % what,
                     result.returncode, said)
        result = run(inspect, "--help")
        said = result.stdout.decode()
        tap.case(result.returncode == 0 and all(k in said for k in KEYS + ["--born", "--vectors", "--picture", "--frame"]),
                 "--help explains")
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "meson.build"), encoding="utf-8") as file:
            version = re.search(r"^project\(.*?version: '([^']+)'", file.read(), re.M | re.S).group(1)
        result = run(inspect, "--version")
        tap.case(result.returncode == 0 and result.stdout.decode() == "deltacnn-inspect %s\n" % version, "--version", result.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
