#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conformance of the coding meta on real streams; prints TAP.

    conformance.py PART --soundness PROGRAM [--vectors PROGRAM] [--generate PROGRAM] [--shared FOLDER] [--shipped FOLDER]
                        [--keep FOLDER]

PART is one of
    encodes   every encode of encodes.py: claims hold at distances 1, 2 and 5; types and vectors are libavcodec's
    generated the same for random streams with field pictures and the predictions that encoders here do not use
    clips     the same for every MPEG-2 clip of the shared data folder and of the project
    complete  P pictures of static cameras (shared data): claimed share of the blocks that did not change
    corrupt   damaged streams: frames still flow, and no claim is wrong
    units     streams damaged behind the parser
    mpeg2dec  encodes and clips with libmpeg2 in place of libavcodec

What of libavcodec's vectors cannot be compared, and why, is printed with the results:
"""

import argparse
import concurrent.futures
import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import encodes  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

NOT_COMPARED = [
    ("dual_prime", "dual prime: libavcodec exports the transmitted vector, not those derived from it (7.6.3.6)"),
    ("skipped_field", "B macroblock skipped after a field predicted one: one frame vector (7.6.6.4); libavcodec exports "
     "it for two halves, checked as such"),
    ("not_known", "picture without a meta or not understood"),
]
NOT_EXPORTED = [
    "which picture a vector refers to: checked against the order of reference pictures instead",
    "concealment vectors: not partitions (7.6.3.9)",
]

FAST = bool(os.environ.get("DCN_TEST_FAST"))


def words(line):
    return dict(word.split("=", 1) for word in line.split(" ") if "=" in word)


def check(program, clip, *args, timeout=300):
    """Runs one of the programs on one clip: (exit status, words of its line, notes)."""
    result = subprocess.run([program, *args, clip], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                            stdin=subprocess.DEVNULL)
    lines = result.stdout.decode(errors="replace").splitlines()
    found = next((words(line) for line in lines if line.startswith("frames=")), {})
    notes = [line[2:] for line in lines if line.startswith("# ")]
    if result.returncode not in (0, 1):
        notes.append("exit status %d" % result.returncode)
        notes += result.stderr.decode(errors="replace").splitlines()[-8:]
    return result.returncode, found, notes


def number(found, name):
    return int(found.get(name, 0))


def workers():
    return concurrent.futures.ThreadPoolExecutor(max_workers=max(1, min(4, os.cpu_count() or 1)))


def soundness_case(tap, name, result):
    status, found, notes = result
    frames, claims = number(found, "frames"), number(found, "claims")
    good = status == 0 and frames > 0
    tap.case(good, "%s: %d frames, %d known, %d claims, %d wrong" % (
        name, frames, number(found, "known"), claims, number(found, "wrong")),
        *([] if good else ["first wrong: " + found.get("first_wrong", "?")] + notes))


def vectors_case(tap, name, result, totals):
    status, found, notes = result
    for key in found:
        if found[key].isdigit():
            totals[key] = totals.get(key, 0) + int(found[key])
    good = status == 0
    tap.case(good, "%s: types of %d frames, %d vectors, %d differ" % (
        name, number(found, "frames"), number(found, "vectors"),
        number(found, "wrong") + number(found, "types_wrong") + number(found, "references_wrong")),
        *([] if good else [str(found)] + notes))


def print_totals(totals):
    print("# vectors compared with libavcodec's: %d, equal: %d" % (totals.get("vectors", 0), totals.get("equal", 0)))
    print("# not compared:")
    for key, why in NOT_COMPARED:
        print("#   %8d  %s" % (totals.get(key, 0), why))
    for why in NOT_EXPORTED:
        print("#          -  %s" % why)


def check_both(options, path):
    return (check(options.soundness, path), check(options.vectors, path) if options.vectors else None)


def part_encodes(options, folder, tap):
    names = list(encodes.ENCODES)
    have_mjpegtools = shutil.which("mpeg2enc")
    if not have_mjpegtools:
        names = [n for n in names if encodes.ENCODES[n][3][0] != "mpeg2enc"]
        print("# no mpeg2enc: without its encodes")
    if FAST:
        names = names[::4]

    def work(name):
        return check_both(options, encodes.make(name, folder))

    totals = {}
    with workers() as pool:
        futures = {name: pool.submit(work, name) for name in names}
        for name in names:
            sound, vectors = futures[name].result()
            soundness_case(tap, name, sound)
            if vectors:
                vectors_case(tap, name, vectors, totals)
    print("# %d encodes" % len(names))
    print_totals(totals)


def part_generated(options, folder, tap):
    totals = {}

    def work(seed):
        return check_both(options, generate(options, folder, seed))

    seeds = range(options.first_seed, options.first_seed + (8 if FAST else 30))
    with workers() as pool:
        for seed, (sound, vectors) in zip(seeds, pool.map(work, seeds)):
            soundness_case(tap, "random stream %d" % seed, sound)
            if vectors:
                vectors_case(tap, "random stream %d" % seed, vectors, totals)
    print_totals(totals)


def mpeg2_clips(options):
    """The MPEG-2 clips of the shared data and of the project."""
    return sorted(path for folder in (os.path.join(options.shared, "clips"), options.shipped) if folder
                  for suffix in ("mpeg2", "ts", "mov", "mpg", "m2v")
                  for path in glob.glob(os.path.join(folder, "*." + suffix)))


def part_clips(options, folder, tap):
    totals = {}
    clips = mpeg2_clips(options)
    if not clips:
        skip_all("no MPEG-2 clips")
    with workers() as pool:
        for clip, (sound, vectors) in zip(clips, pool.map(lambda c: check_both(options, c), clips)):
            soundness_case(tap, os.path.basename(clip), sound)
            if vectors:
                vectors_case(tap, os.path.basename(clip), vectors, totals)
    print_totals(totals)


def part_complete(options, folder, tap):
    clips = os.path.join(options.shared, "clips")
    entries = [e for e in encodes.CAMERAS if os.path.exists(os.path.join(clips, e[0]))]
    if not entries:
        skip_all("no shared data")
    if FAST:
        entries = entries[:2]

    def report(name, result, bound):
        status, found, notes = result
        same, claimed = number(found, "p_same"), number(found, "p_claimed")
        share = claimed / same if same else 1.0
        good = status == 0 and (bound is None or (same > 0 and share >= bound))
        tap.case(good, "%s: of %d blocks that stay the same between P pictures (%.0f%% of all) %.1f%% are claimed%s" % (
            name, same, 100 * float(found.get("p_share", 0)), 100 * share,
            "" if bound is None else ", %.0f%% wanted" % (100 * bound)), *([] if good else notes))

    with workers() as pool:
        results = pool.map(lambda e: check(options.soundness, encodes.make_camera(e, clips, folder)), entries)
        for entry, result in zip(entries, results):
            report(entry[0], result, entry[3])
    for clip in mpeg2_clips(options):
        report(os.path.basename(clip), check(options.soundness, clip), None)
    print("# what is the same and not claimed: blocks predicted with a vector or coded with a residual that by chance gave")
    print("# the samples of before (flat or saturated areas); the codec did not say that they stay")


def d_picture(data, rng):
    """ISO/IEC 11172-2: a picture of DC coefficients, as large as the stream's."""
    at = bytes(data).find(b"\0\0\1\xb3")
    wide, high = (data[at + 4] << 4 | data[at + 5] >> 4) + 15 >> 4, ((data[at + 5] & 15) << 8 | data[at + 6]) + 15 >> 4

    def unit(code, bits):
        bits += "0" * (-len(bits) % 8)
        return b"\0\0\1" + bytes([code]) + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    picture = unit(0, format(rng.randrange(1024), "010b") + "100" + "1" * 16 + "0")
    for row in range(1, high + 1):
        # quantiser_scale, no more slice information; then address increment 1, intra, four differences of luma and two of
        # chroma (none, or 1 or -1), end_of_macroblock
        picture += unit(row, "00100" + "0" + "".join(
            "1" + "1" + "".join(rng.choice(["100", "000", "001"]) for _ in range(4)) +
            "".join(rng.choice(["00", "010", "011"]) for _ in range(2)) + "1" for _ in range(wide)))
    return picture


def damage(data, kind, rng):
    """Bytes of a damaged stream."""
    data = bytearray(data)
    size = len(data)
    if kind == "bits":
        for _ in range(rng.choice([1, 3, 10, 50])):
            data[rng.randrange(200, size)] ^= 1 << rng.randrange(8)
    elif kind == "headers":
        # around start codes, where headers are
        starts = [m.start() for m in re.finditer(b"\0\0\1", bytes(data)) if m.start() > 100]
        for _ in range(rng.choice([1, 2, 5])):
            at = rng.choice(starts) + rng.randrange(0, 12)
            if at < size:
                data[at] ^= 1 << rng.randrange(8)
    elif kind == "codes":
        # picture, sequence, group and extension headers turned into each other
        starts = [m.start() for m in re.finditer(b"\0\0\1[\x00\xb2-\xb8]", bytes(data), re.S) if m.start() > 100]
        for _ in range(rng.choice([1, 2])):
            data[rng.choice(starts) + 3] = rng.choice([0x00, 0x01, 0x02, 0xb2, 0xb3, 0xb5, 0xb7, 0xb8, 0xe0])
    elif kind == "zeros":
        at = rng.randrange(200, size)
        data[at:at + 300] = bytes(min(300, size - at))
    elif kind == "cut":
        at = rng.randrange(200, size)
        del data[at:at + rng.choice([1, 20, 500, 4000])]
    elif kind == "pictures":
        # whole pictures lost, or sent twice
        starts = [m.start() for m in re.finditer(b"\0\0\1\0", bytes(data))]
        i = rng.randrange(1, len(starts) - 1)
        picture = data[starts[i]:starts[i + 1]]
        if rng.random() < 0.7:
            del data[starts[i]:starts[i + 1]]
        else:
            data[starts[i]:starts[i]] = picture
    elif kind == "headless":
        # a start without an I picture, with or without the headers before it
        starts = [m.start() for m in re.finditer(b"\0\0\1\0", bytes(data))]
        first = starts[rng.randrange(1, 4)]
        del data[0 if rng.random() < 0.3 else starts[0]:first]
        if rng.random() < 0.5:
            at = bytes(data).find(b"\0\0\1\xb8", 200)
            if at > 0:
                second = bytes(data).find(b"\0\0\1\0", at)
                third = bytes(data).find(b"\0\0\1\0", second + 4)
                if third > 0:
                    del data[second:third]
    elif kind == "slices":
        # slices lost, sent twice, or in another order
        starts = [m.start() for m in re.finditer(b"\0\0\1[\x01-\xaf]", bytes(data), re.S)]
        i = rng.randrange(1, len(starts) - 2)
        a, b, c = starts[i:i + 3]
        action = rng.randrange(3)
        if action == 0:
            del data[a:b]
        elif action == 1:
            data[a:a] = data[a:b]
        else:
            data[a:c] = data[b:c] + data[a:b]
    elif kind == "truncated":
        del data[rng.randrange(size // 4, size):]
    elif kind == "types":
        # picture_coding_type: I, P, B, D and what is forbidden or reserved
        starts = [m.start() for m in re.finditer(b"\0\0\1\0", bytes(data))][1:]
        for at in rng.sample(starts, rng.choice([1, 2, 5])):
            data[at + 5] = data[at + 5] & 0xc7 | rng.choice([1, 2, 3, 4, 4, 0, 5]) << 3
    elif kind == "d-pictures":
        # before a picture, or in its place
        starts = [m.start() for m in re.finditer(b"\0\0\1\0", bytes(data))]
        for i in sorted(rng.sample(range(1, len(starts) - 1), rng.choice([1, 2, 5])), reverse=True):
            at = starts[i]
            end = bytes(data).find(b"\0\0\1", bytes(data).rfind(b"\0\0\1", at, starts[i + 1] - 4) + 3)
            data[at:at if rng.random() < 0.7 else end] = d_picture(data, rng)
    elif kind == "sequences":
        # a sequence header with something else in it, where one was or before any picture
        at = bytes(data).find(b"\0\0\1\xb3")
        header = data[at:bytes(data).find(b"\0\0\1", at + 4)]
        rest = bytes(data)[at + len(header):]
        extension = bytearray(rest[:rest.find(b"\0\0\1", 4)] if rest[3] == 0xb5 else b"")
        for _ in range(rng.choice([1, 2])):
            head, tail, what = header[:], extension[:], rng.randrange(6)
            if what == 0:  # horizontal_size, vertical_size
                head[rng.choice([4, 6])] = rng.choice([1, 8, 11, 12, 22])
            elif what == 1:  # by less than a macroblock
                head[rng.choice([5, 6])] ^= rng.choice([0x10, 0x20, 0x01])
            elif what == 2:  # aspect_ratio_information, frame_rate_code
                head[7] = rng.choice([0x11, 0x23, 0x35, 0x48, 0x00])
            elif what == 3 and tail:  # progressive_sequence, chroma_format
                tail[5] ^= rng.choice([0x08, 0x02, 0x04, 0x06, 0x0a])
            elif what == 4 and tail:
                tail = bytearray()  # of MPEG-1
            starts = [m.start() for m in re.finditer(b"\0\0\1[\x00\xb3]", bytes(data), re.S) if m.start() > at + len(header)]
            where = rng.choice(starts)
            data[where:where] = head + tail
            if rng.random() < 0.5:  # and the right one again
                where = rng.choice([s for s in starts if s >= where]) + len(head + tail)
                data[where:where] = header + extension
    elif kind == "packets":
        # of a transport stream
        for _ in range(rng.choice([1, 3, 8])):
            at = rng.randrange(20, len(data) // 188) * 188
            del data[at:at + 188]
    elif kind == "packets-bits":
        for _ in range(rng.choice([1, 5, 20])):
            at = rng.randrange(20, len(data) // 188) * 188
            data[at + rng.randrange(4, 188)] ^= 1 << rng.randrange(8)
    return bytes(data)


DAMAGED = ["gop12-b2", "gop50-p", "interlaced-b2", "mpeg1-b2", "slices-short", "still-b2", "422", "odd-175x143"]
KINDS = ["bits", "headers", "codes", "zeros", "cut", "pictures", "headless", "slices", "truncated"]


def part_corrupt(options, folder, tap):
    jobs = []
    for base in DAMAGED:
        for kind in KINDS:
            jobs.append((base, kind, encodes.ENCODES[base][4]))
    for base in ("mpeg1-b2", "interlaced-b2"):
        jobs.append((base, "types", encodes.ENCODES[base][4]))
    for base in ("mpeg1-b2", "gop12-b2", "interlaced-b2", "422"):
        jobs.append((base, "sequences", encodes.ENCODES[base][4]))
    jobs.append(("mpeg1-b2", "d-pictures", encodes.ENCODES["mpeg1-b2"][4]))
    for kind in ("packets", "packets-bits", "truncated"):
        jobs.append(("ts", kind, "ts"))
    if options.generate:
        for kind in KINDS + ["types", "sequences"]:
            jobs.append(("generated", kind, "m2v"))
    seeds = 3 if FAST else options.seeds
    paths = {base: encodes.make(base, folder) for base in DAMAGED + ["ts"]}
    if options.generate:
        paths["generated"] = generate(options, folder, 3)

    def work(job):
        base, kind, suffix = job
        with open(paths[base], "rb") as file:
            good = file.read()
        made = []
        for seed in range(options.first_seed, options.first_seed + seeds):
            path = os.path.join(folder, "damaged-%s-%s-%d.%s" % (base, kind, seed, suffix))
            with open(path, "wb") as file:
                file.write(damage(good, kind, random.Random("%s %s %d" % (base, kind, seed))))
            made.append(path)
        # libavcodec conceals in another way with slice threads than without
        decoder = "avdec_mpeg2video max-threads=%d" % (1, 2, 4)[jobs.index(job) % 3]
        result = subprocess.run([options.soundness, "--decoder", decoder, *made], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, timeout=600)
        found = [words(line) for line in result.stdout.decode(errors="replace").splitlines()
                 if line.startswith("frames=")]
        for path, w in zip(made, found):
            if number(w, "wrong") == 0 and not options.keep:
                os.unlink(path)
        return result, found, len(made)

    with workers() as pool:
        for (base, kind, _), (result, found, made) in zip(jobs, pool.map(work, jobs)):
            frames = sum(number(f, "frames") for f in found)
            wrong = sum(number(f, "wrong") for f in found)
            crashed = result.returncode < 0
            # a stream cut short within its first pictures, or without its only header, may give nothing
            flows = sum(number(f, "frames") > 0 for f in found) >= (0.4 if kind == "headless" else 0.8) * made
            notes = []
            if crashed:
                notes.append("died of " + signal.Signals(-result.returncode).name)
            notes += ["%s: %s" % (os.path.basename(f["clip"]), f["first_wrong"]) for f in found if number(f, "wrong")]
            if crashed or len(found) != made:
                notes += result.stderr.decode(errors="replace").splitlines()[-6:]
            tap.case(not crashed and wrong == 0 and flows and len(found) == made,
                     "%s, %s: %d streams, %d frames, %d known, %d claims, %d wrong" % (
                         base, kind, made, frames, sum(number(f, "known") for f in found),
                         sum(number(f, "claims") for f in found), wrong), *notes)


def units_case(tap, options, name, path, decoder, one_in, first, copies, *args):
    """Copies of a stream that are damaged behind the parser."""
    result = subprocess.run([options.soundness, "--damaged", str(copies), "--first-damage", str(first), "--one-in", str(one_in),
                             "--decoder", decoder, *args, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, timeout=600)
    found = [words(line) for line in result.stdout.decode(errors="replace").splitlines() if line.startswith("frames=")]
    wrong = sum(number(f, "wrong") for f in found)
    notes = ["damage %s: %s" % (f["damage"], f["first_wrong"]) for f in found if number(f, "wrong")]
    if result.returncode not in (0, 1) or len(found) != copies:
        notes += ["exit status %d" % result.returncode] + result.stderr.decode(errors="replace").splitlines()[-6:]
    # length fields of one byte are too short for most units, and of three do not exist
    understood = sum(number(f, "known") for f in found) > 0 or "1" in args or "3" in args
    tap.case(not notes and understood,
             "%s, %s%s: %d streams, %d frames, %d known, %d claims, %d wrong" % (
                 name, decoder, "".join(", " + a for a in args if not a.startswith("--")), copies,
                 sum(number(f, "frames") for f in found), sum(number(f, "known") for f in found),
                 sum(number(f, "claims") for f in found), wrong), *notes)


# Found by chance: base or seed of a random stream, slice threads, a buffer in so many, seed of the damage.  User data or a reserved
# start code between slices; a picture coding extension in MPEG-1; a sequence extension alone.
UNITS_FOUND = [
    (900000, 2, 40, 900052), (900004, 4, 40, 900052), (900005, 4, 12, 900027), (900007, 2, 12, 900027),
    ("mpeg1-b2", 1, 25, 900194), ("gop50-p", 2, 40, 900170), ("gop12-b2", 4, 12, 900208), ("gop50-p", 2, 25, 900262),
]


def part_units(options, folder, tap):
    names = ["gop12-b2", "mpeg1-b2", "interlaced-b2", "422"]
    paths = {name: encodes.make(name, folder) for name in names + ["gop50-p"]}
    seeds = [s for s, *_ in UNITS_FOUND if isinstance(s, int)] + [3, 10] if options.generate else []
    paths.update({seed: generate(options, folder, seed) for seed in seeds})
    jobs = [(name, 1, threads, one_in, seed) for name, threads, one_in, seed in UNITS_FOUND if name in paths]
    copies = 4 if FAST else options.seeds
    jobs += [(name, copies, (1, 2, 4)[i % 3], 25, options.first_seed + 100 * i)
             for i, name in enumerate(names + seeds[-2:])]
    for name, count, threads, one_in, seed in jobs:
        units_case(tap, options, str(name), paths[name], "avdec_mpeg2video max-threads=%d" % threads, one_in, seed, count)


def generate(options, folder, seed):
    path = os.path.join(folder, "generated-%d.m2v" % seed)
    encodes.run([options.generate, str(seed), path])
    return path


def part_mpeg2dec(options, folder, tap):
    probe = subprocess.run(["gst-inspect-1.0", "--exists", "mpeg2dec"])
    if probe.returncode != 0:
        skip_all("no mpeg2dec element")
    names = list(encodes.ENCODES)[::4 if FAST else 2]
    names = [n for n in names if shutil.which("mpeg2enc") or encodes.ENCODES[n][3][0] != "mpeg2enc"]

    def work(name):
        return check(options.soundness, encodes.make(name, folder), "--decoder", "mpeg2dec")

    with workers() as pool:
        for name, result in zip(names, pool.map(work, names)):
            soundness_case(tap, name, result)


def run_part(options, part):
    """A function part_* of this file or of the one for H.264; the exit status."""
    if options.part not in ("clips", "generated") and not shutil.which("ffmpeg"):
        skip_all("no ffmpeg")

    tap = Tap()
    folder = options.keep or tempfile.mkdtemp(prefix="deltacnn-conformance-")
    os.makedirs(folder, exist_ok=True)
    try:
        part(options, folder, tap)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return tap.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["encodes", "generated", "clips", "complete", "corrupt", "units", "mpeg2dec"])
    parser.add_argument("--soundness", required=True)
    parser.add_argument("--vectors")
    parser.add_argument("--generate")
    parser.add_argument("--shared", default="")
    parser.add_argument("--shipped", default="", help="folder of the project's own clips")
    parser.add_argument("--keep", help="leave the streams in this folder")
    parser.add_argument("--seeds", type=int, default=8, help="damaged streams of each kind")
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    return run_part(options, globals()["part_" + options.part])


if __name__ == "__main__":
    sys.exit(main())
