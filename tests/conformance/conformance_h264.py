#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conformance of the coding meta on real H.264 streams; prints TAP.

    conformance_h264.py PART --soundness PROGRAM [--vectors PROGRAM] [--generate PROGRAM] [--shared FOLDER]
                              [--keep FOLDER] [--full]

PART is one of
    encodes      every encode of encodes_h264.py: claims hold at distances 1, 2 and 5; types and vectors are libavcodec's;
                 skipped macroblocks are the samples of the reference that the meta names
    generated    the same for random streams with field pictures, MBAFF, memory management commands, long-term references,
                 reordered lists and weights, of which encoders here use little
    clips        the same for every H.264 clip of the shared data folder
    complete     P pictures of static cameras (shared data): claimed share of the blocks that did not change
    corrupt      damaged streams: frames still flow, and no claim is wrong
    sei          messages after which decoders put out other samples than the slices say
    units        streams damaged behind the parser, as byte streams and with length fields of 1 to 4 bytes
    openh264dec  encodes and clips with openh264 in place of libavcodec, where it decodes them
    stateful     encodes, random streams and clips with a decoder that treats frames as the V4L2 stateful ones do
                 (tests/gst/stateful-decoder.h), with all frames and with frames that never come out; also picture types

DCN_TEST_FAST in the environment takes a sample, --full everything.  What of libavcodec's vectors cannot be compared is printed with the
results.
"""

import argparse
import glob
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import encodes_h264
import sei_h264
from conformance import FAST, check, number, run_part, skip_all, soundness_case, units_case, words, workers

NOT_COMPARED = [
    ("unused", "quarter of a B macroblock that does not use the list: libavcodec exports a zero vector for it"),
    ("inner", "vectors inside of 8x8 blocks: libavcodec exports the upper left one of each"),
    ("not_known", "pictures not understood"),
]
NOT_EXPORTED = ["which picture a vector refers to: skipped macroblocks are predicted from the one named instead, where "
                "prediction is not weighted"]


def vectors_case(tap, name, result, totals):
    status, found, notes = result
    for key in found:
        if found[key].isdigit():
            totals[key] = totals.get(key, 0) + int(found[key])
    good = status == 0 and number(found, "frames") > 0
    tap.case(good, "%s: types of %d frames, %d vectors of 8x8 blocks, %d differ; %d copies, %d differ" % (
        name, number(found, "frames"), number(found, "vectors"),
        number(found, "wrong") + number(found, "types_wrong"), number(found, "copies"), number(found, "copies_wrong")),
        *([] if good else [str(found)] + notes))


def print_totals(totals):
    print("# vectors compared with libavcodec's: %d, equal: %d; copies checked: %d" % (
        totals.get("vectors", 0), totals.get("equal", 0), totals.get("copies", 0)))
    print("# not compared:")
    for key, why in NOT_COMPARED:
        print("#   %8d  %s" % (totals.get(key, 0), why))
    for why in NOT_EXPORTED:
        print("#          -  %s" % why)


def check_both(options, path, keep=True):
    result = check(options.soundness, path), check(options.vectors, path) if options.vectors else None
    if not keep:
        os.unlink(path)
    return result


def run_all(options, tap, names, work):
    totals = {}
    with workers() as pool:
        for name, (sound, vectors) in zip(names, pool.map(work, names)):
            soundness_case(tap, str(name), sound)
            if vectors:
                vectors_case(tap, str(name), vectors, totals)
    print_totals(totals)


def part_encodes(options, folder, tap):
    names = encodes_h264.names(FAST)
    if not names:
        skip_all("no encoder")
    run_all(options, tap, names,
            lambda name: check_both(options, encodes_h264.make(name, folder), bool(options.keep)))
    print("# %d encodes" % len(names))


def part_generated(options, folder, tap):
    if not options.generate:
        skip_all("no generator")

    def work(seed):
        path = os.path.join(folder, "generated-%d.264" % seed)
        encodes_h264.run([options.generate, str(seed), path])
        return check_both(options, path, bool(options.keep))

    seeds = range(options.first_seed, options.first_seed + (16 if FAST else 80))
    run_all(options, tap, seeds, work)


def h264_clips(options):
    return {os.path.basename(path): path for suffix in ("264", "h264", "mp4", "mkv", "jsv", "avc")
            for path in sorted(glob.glob(os.path.join(options.shared, "clips", "*." + suffix)))}


def part_clips(options, folder, tap):
    clips = h264_clips(options)
    if not clips:
        skip_all("no shared data")
    names = [n for n in clips if not FAST or os.path.getsize(clips[n]) < 200000]
    run_all(options, tap, names, lambda name: check_both(options, clips[name]))


# (clip, first second, seconds, floor with the deblocking filter); 95 % without
CAMERAS = [
    ("sample-videos__bottle-detection.mp4", 2, 3, 0.85),
    ("sample-videos__asl_gestures__book.mkv", 0, 3, 0.75),
    ("sample-videos__asl_gestures__yes.mkv", 0, 2, 0.75),
    ("sample-videos__car-detection.mp4", 0, 6, 0.9),
    ("openmpf__video_01.mp4", 0, 3, 0.9),
]


def part_complete(options, folder, tap):
    clips = h264_clips(options)
    if not clips:
        skip_all("no shared data")

    def report(name, result, bound):
        status, found, notes = result
        same, claimed = number(found, "p_same"), number(found, "p_claimed")
        skips, skips_claimed = number(found, "skip_same"), number(found, "skip_claimed")
        good = status == 0 and (bound is None or (skips > 0 and skips_claimed >= bound * skips))
        tap.case(good, "%s: of %d blocks that stay the same between P pictures (%.0f%% of all) %.1f%% are claimed; of %d in "
                 "macroblocks skipped with zero vectors %.1f%%%s" % (
                     name, same, 100 * float(found.get("p_share", 0)), 100 * claimed / max(same, 1), skips,
                     100 * skips_claimed / max(skips, 1), "" if bound is None else ", %.0f%% wanted" % (100 * bound)),
                 *([] if good else notes))
        touched, left = number(found, "skip_touched"), max(skips - skips_claimed, 0)
        print("#   not claimed of them: %d beside intra macroblocks, %d beside coefficients, %d beside other motion, %d with "
              "weights; of all that the filter may touch %.0f%% stay the same" % (
                  *(number(found, "skip_" + why) for why in ("intra", "coded", "moving", "alone")),
                  100 * left / max(touched, 1)))
        return found

    def camera(job):
        (clip, start, seconds, _), deblock = job
        path = os.path.join(folder, "%s-%d.264" % (os.path.splitext(clip)[0], deblock))
        encodes_h264.encode(["-ss", str(start), "-t", str(seconds), "-i", clips[clip], "-an", "-r", "25"],
                            encodes_h264.x264(bframes=0, keyint=250, crf=26, scenecut=0, weightp=0,
                                              **({} if deblock else {"no_deblock": 1})), path)
        return check(options.soundness, path)

    jobs = [(entry, deblock) for entry in CAMERAS[:2 if FAST else None] if entry[0] in clips for deblock in (0, 1)]
    with workers() as pool:
        for (entry, deblock), result in zip(jobs, pool.map(camera, jobs)):
            name = entry[0] + (" (x264, deblocked)" if deblock else " (x264, not deblocked)")
            found = report(name, result, entry[3] if deblock else 0.95)
            tap.case(number(found, "skip_alone") == 0, name + ": what is not claimed lies beside an edge that may be filtered")
    if not FAST:
        for name, path in clips.items():
            report(name, check(options.soundness, path), None)
    print("# What is the same and not claimed: blocks predicted with a vector or coded with a residual that by chance gave")
    print("# the samples of before (flat or saturated areas); and blocks on an edge of bS > 0 (8.7.2.1) that the deblocking filter")
    print("# looked at and left alone, or moved by nothing: by differences of samples (8.7.2.2, 8.7.2.3), which parsing does not see.")


def nals(data):
    """Offsets of the start codes of a byte stream."""
    return [m.start() for m in re.finditer(b"\0\0\1", bytes(data))]


def damage(data, kind, rng):
    """Bytes of a damaged stream."""
    data = bytearray(data)
    size = len(data)
    starts = nals(data)
    slices = [s for s in starts if s + 3 < size and data[s + 3] & 31 in (1, 5)]
    if kind == "bits":
        for _ in range(rng.choice([1, 3, 10, 50])):
            data[rng.randrange(min(900, size // 2), size)] ^= 1 << rng.randrange(8)
    elif kind == "headers":
        for _ in range(rng.choice([1, 2, 5])):
            at = rng.choice(slices) + rng.randrange(3, 10)
            if at < size:
                data[at] ^= 1 << rng.randrange(8)
    elif kind == "types":
        for _ in range(rng.choice([1, 2])):
            data[rng.choice(starts) + 3] = rng.choice([0x01, 0x21, 0x41, 0x61, 0x65, 0x67, 0x68, 0x06, 0x09, 0x62, 0x6e, 0x74])
    elif kind == "zeros":
        at = rng.randrange(min(900, size // 2), size)
        data[at:at + 300] = bytes(min(300, size - at))
    elif kind == "cut":
        at = rng.randrange(min(900, size // 2), size)
        del data[at:at + rng.choice([1, 20, 500, 4000])]
    elif kind == "pictures":
        # NAL units lost, sent twice, or in another order
        i = rng.randrange(1, max(2, len(slices) - 2))
        a, b = slices[i], slices[i + 1] if i + 1 < len(slices) else size
        choice = rng.random()
        if choice < 0.6:
            del data[a:b]
        elif choice < 0.8:
            data[a:a] = data[a:b]
        elif i + 2 < len(slices):
            c = slices[i + 2]
            data[a:c] = data[b:c] + data[a:b]
    elif kind == "headless":
        # starts behind the first picture, with its parameter sets
        first = slices[0]
        del data[first:slices[rng.randrange(1, max(2, len(slices) // 2))]]
    elif kind == "burst":
        # many pictures lost in a row
        i = rng.randrange(1, max(2, len(slices) - 2))
        del data[slices[i]:slices[min(len(slices) - 1, i + rng.randrange(2, 12))]]
    elif kind == "truncated":
        del data[rng.randrange(size // 4, size):]
    return bytes(data)


DAMAGED = ["baseline", "b3-pyramid", "p-only", "high-cavlc", "slices4", "open-gop", "intra-refresh", "weightp1-b",
           "direct-temporal-still", "mbaff-noise", "refs16", "short-gop", "openh264"]
# Of the random streams, by seed: fields and frames in turn, long-term references, I_PCM
DAMAGED_GENERATED = ["24", "25", "54", "136", "224", "208"]
KINDS = ["bits", "headers", "types", "zeros", "cut", "pictures", "headless", "burst", "truncated"]


def part_corrupt(options, folder, tap):
    have = set(encodes_h264.names(False))
    bases = [base for base in DAMAGED if base in have]
    if not bases:
        skip_all("no encoder")
    generated = DAMAGED_GENERATED if options.generate else []
    jobs = [(base, kind) for base in bases + generated for kind in KINDS]
    seeds = 2 if FAST else options.seeds
    if FAST:
        jobs = jobs[::3]
    paths = {base: encodes_h264.make(base, folder) for base in bases}
    for seed in generated:
        paths[seed] = os.path.join(folder, "generated-%s.264" % seed)
        encodes_h264.run([options.generate, seed, paths[seed]])

    def work(job):
        base, kind = job
        with open(paths[base], "rb") as file:
            good = file.read()
        made = []
        for seed in range(options.first_seed, options.first_seed + seeds):
            path = os.path.join(folder, "damaged-%s-%s-%d.264" % (base, kind, seed))
            with open(path, "wb") as file:
                file.write(damage(good, kind, random.Random("%s %s %d" % (base, kind, seed))))
            made.append(path)
        # libavcodec conceals in another way with threads than without, and what a damaged picture leaves behind in one of
        # them turns up later (224 with damaged bits, 208 with damaged types)
        group = generated if base in generated else bases
        decoder = "avdec_h264 max-threads=%d" % (1, 2, 4)[(group.index(base) + KINDS.index(kind)) % 3]
        result = subprocess.run([options.soundness, "--decoder", decoder, *made], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=600)
        found = [words(line) for line in result.stdout.decode(errors="replace").splitlines()
                 if line.startswith("frames=")]
        for path, w in zip(made, found):
            if number(w, "wrong") == 0 and not options.keep:
                os.unlink(path)
        return result, found, len(made)

    with workers() as pool:
        for (base, kind), (result, found, made) in zip(jobs, pool.map(work, jobs)):
            frames = sum(number(f, "frames") for f in found)
            wrong = sum(number(f, "wrong") for f in found)
            crashed = result.returncode < 0
            # a short stream cut within its first pictures, or without any place to start, may give nothing
            flows = kind in ("headless", "truncated") or sum(number(f, "frames") > 0 for f in found) >= 0.5 * made
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


# Found by chance, as in conformance.py: start codes inside of NAL units with length fields.
UNITS_FOUND = [("mbaff-noise", 1, 12, 900093), ("openh264", 4, 12, 900152)]
AVC = ("--between", "capsfilter caps=video/x-h264,stream-format=avc,alignment=au")
FORMATS = [(), AVC, AVC + ("--nal-length", "2"), AVC, AVC + ("--nal-length", "1"), (), AVC + ("--nal-length", "3")]


def part_units(options, folder, tap):
    have = set(encodes_h264.names(False))
    names = [name for name in ("b3-pyramid", "high-cavlc", "slices4", "mbaff-noise", "openh264") if name in have]
    if not names:
        skip_all("no encoder")
    paths = {name: encodes_h264.make(name, folder) for name in names}
    seeds = ["24", "54"] if options.generate else []
    for seed in seeds:
        paths[seed] = os.path.join(folder, "generated-%s.264" % seed)
        encodes_h264.run([options.generate, seed, paths[seed]])
    jobs = [(name, 1, threads, one_in, seed, AVC) for name, threads, one_in, seed in UNITS_FOUND if name in paths]
    copies = 2 if FAST else max(1, options.seeds // 2)
    jobs += [(name, copies, (1, 2, 4)[(i + k) % 3], 25, options.first_seed + 100 * i + 10 * k, FORMATS[(i + 2 * k) % len(FORMATS)])
             for i, name in enumerate(names + seeds) for k in range(3)]
    for name, count, threads, one_in, seed, form in jobs:
        units_case(tap, options, name, paths[name], "avdec_h264 max-threads=%d" % threads, one_in, seed, count, *form)


def part_sei(options, folder, tap):
    if "short-gop" not in encodes_h264.names(False):
        skip_all("no encoder")

    def found(name, data):
        path = os.path.join(folder, name + ".264")
        with open(path, "wb") as file:
            file.write(data)
        status, result, notes = check(options.soundness, path)
        tap.case(status == 0 and number(result, "wrong") == 0, "%s: %d of %d frames known, %d claims, %d wrong" % (
            name, number(result, "known"), number(result, "frames"), number(result, "claims"), number(result, "wrong")),
            *([] if status == 0 else notes))
        return number(result, "known"), number(result, "frames")

    with open(encodes_h264.make("short-gop", folder), "rb") as file:
        stream = file.read()
    known, frames = found("plain", stream)
    tap.case(known == frames > 25, "all frames of a stream without messages are known")
    grain, _ = found("film-grain", sei_h264.before_pictures(stream, {10: sei_h264.film_grain()}))
    tap.case(5 <= grain <= 10, "none is known with film grain, %d before it" % grain)
    # IDR pictures are five apart.
    cancelled, _ = found("film-grain-cancelled", sei_h264.before_pictures(
        stream, {5: sei_h264.film_grain(), 15: sei_h264.film_grain(cancel=True)}))
    tap.case(frames - 20 <= cancelled <= frames - 10, "%d are known where it is cancelled after ten" % cancelled)

    for name, build in (("b3-pyramid", 20), ("444", 140)):
        with open(encodes_h264.make(name, folder), "rb") as file:
            stream = file.read()
        now, frames = found(name, stream)
        old, _ = found("%s-x264-%d" % (name, build), re.sub(rb"x264 - core \d{3}", b"x264 - core %03d" % build, stream))
        tap.case(now == frames and old < frames / 2, "%d of %d frames are known of %s by x264's build %d" % (
            old, frames, name, build))


def openh264_decodes(path, folder):
    """Whether openh264 gives the frames that libavcodec gives.  Its B pictures are not always right, and pictures that
    are reordered across an IDR picture come in another order."""
    raw = os.path.join(folder, os.path.basename(path) + ".yuv")
    try:  # it does not always come to an end
        subprocess.run(["gst-launch-1.0", "-q", "filesrc", "location=" + path, "!", "h264parse", "!", "openh264dec", "!",
                        "video/x-raw,format=I420", "!", "filesink", "location=" + raw], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    theirs = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-vsync", "passthrough", "-pix_fmt", "yuv420p",
                             "-f", "md5", "-"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, timeout=300).stdout.decode().strip()
    if not os.path.exists(raw):
        return False
    with open(raw, "rb") as file:
        ours = hashlib.md5(file.read()).hexdigest()
    os.unlink(raw)
    return theirs == "MD5=" + ours


def part_openh264dec(options, folder, tap):
    if subprocess.run(["gst-inspect-1.0", "--exists", "openh264dec"]).returncode != 0:
        skip_all("no openh264dec element")
    names = [name for name in encodes_h264.names(FAST)
             if encodes_h264.ENCODES[name][3][1] == "yuv420p" and not any(
                 key in encodes_h264.ENCODES[name][3][3] for key in ("interlaced", "fake-interlaced"))]
    names = names[::1 if FAST else 2]
    clips = h264_clips(options)
    small = [name for name in clips if name.endswith("264") and os.path.getsize(clips[name]) < (100000 if FAST else 700000)]

    def work(name):
        path = clips[name] if name in clips else encodes_h264.make(name, folder)
        result = check(options.soundness, path, "--decoder", "openh264dec") if openh264_decodes(path, folder) else None
        if name not in clips:
            os.unlink(path)
        return result

    other = []
    with workers() as pool:
        for name, result in zip(names + small, pool.map(work, names + small)):
            if result:
                soundness_case(tap, name, result)
            else:
                other.append(name)
    print("# openh264 does not decode as libavcodec does: %d (%s)" % (len(other), " ".join(other)))


def part_stateful(options, folder, tap):
    clips = h264_clips(options)
    small = [name for name in clips if options.full or os.path.getsize(clips[name]) < (60000 if FAST else 600000)]
    jobs = [(name, (0, 3)[i % 2]) for i, name in enumerate(encodes_h264.names(not options.full)[::4 if FAST else 1])]
    jobs += [(seed, (0, 5)[seed % 2]) for seed in range(8 if FAST else 40) if options.generate]
    jobs += [(name, (0, 4)[i % 2]) for i, name in enumerate(small)]

    def work(job):
        name, lose = job
        own = os.path.join(folder, "lose-%d" % lose)
        os.makedirs(own, exist_ok=True)
        if name in clips:
            path = clips[name]
        elif isinstance(name, int):
            path = os.path.join(own, "generated-%d.264" % name)
            encodes_h264.run([options.generate, str(name), path])
        else:
            path = encodes_h264.make(name, own)
        result = check(options.soundness, path, "--decoder", "statefuldec lose=%d" % lose)
        if name not in clips:
            os.unlink(path)
        return result

    with workers() as pool:
        for (name, lose), result in zip(jobs, pool.map(work, jobs)):
            status, found, notes = result
            frames, types = number(found, "frames"), number(found, "types")
            # every frame that comes out has its meta, and all known ones can be told
            good = status == 0 and frames > 0 and types == number(found, "known") and number(found, "no_meta") == 0
            tap.case(good, "%s%s: %d frames, %d claims, %d wrong, %d types, %d differ" % (
                name, ", each %d. lost" % lose if lose else "", frames, number(found, "claims"), number(found, "wrong"),
                types, number(found, "types_wrong")), *([] if good else [str(found)] + notes))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["encodes", "generated", "clips", "complete", "corrupt", "sei", "units", "openh264dec", "stateful"])
    parser.add_argument("--soundness", required=True)
    parser.add_argument("--vectors")
    parser.add_argument("--generate")
    parser.add_argument("--shared", default="")
    parser.add_argument("--keep", help="leave the streams in this folder")
    parser.add_argument("--seeds", type=int, default=9, help="damaged streams of each kind")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="all that there is, whatever DCN_TEST_FAST says")
    options = parser.parse_args()
    if options.full:
        global FAST
        FAST = False
    return run_part(options, globals()["part_" + options.part])


if __name__ == "__main__":
    sys.exit(main())
