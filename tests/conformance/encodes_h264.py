# SPDX-License-Identifier: LGPL-2.1-or-later
"""The H.264 streams that the conformance tests make, with x264 (through ffmpeg) and openh264 (through GStreamer).

An encode is (source, duration, size name or None, encoder, suffix).  NAMED has one for each tool; MIXED combines tools
at random, always the same ones.
"""

import os
import random
import shutil
import subprocess

from encodes import SIZED, SOURCES, run

SOURCES = dict(SOURCES, **{
    # lines on a flat area, and a box that jumps and rests
    "screen": "color=0xf4f4f0:s=352x288:r=25:d={d},drawgrid=w=44:h=24:t=1:c=0x404048[a];color=0x2050a0:s=90x40:r=25:d={d}[b];"
              "[a][b]overlay=x=40+8*floor(n/6):y=60,format=yuv420p",
    # a resting picture that fades
    "fade": "testsrc2=s=320x240:r=25:d={d},format=yuv420p,trim=end_frame=1,loop=-1:1,setpts=N/25/TB,"
            "fade=out:5:20,trim=duration={d}",
})


def x264(pixels="yuv420p", profile=None, **params):
    return ("x264", pixels, profile, {k.replace("_", "-"): v for k, v in params.items()})


def openh264(**properties):
    return ("openh264", "yuv420p", None, {k.replace("_", "-"): v for k, v in properties.items()})


NAMED = {
    # profiles and entropy coding
    "baseline": ("motion", 1.6, None, x264(profile="baseline", keyint=30), "264"),
    "main": ("motion", 1.6, None, x264(profile="main", keyint=30), "264"),
    "high": ("motion", 1.6, None, x264(profile="high", keyint=30), "264"),
    "high-cavlc": ("motion", 1.6, None, x264(cabac=0, keyint=30, bframes=2), "264"),
    "422": ("motion", 1.2, None, x264("yuv422p", keyint=30, bframes=2), "264"),
    "422-cavlc": ("box", 1.2, None, x264("yuv422p", cabac=0, keyint=30, bframes=1), "264"),
    "422-no-8x8": ("noise", 1.2, None, x264("yuv422p", keyint=30, bframes=2, crf=30, **{"8x8dct": 0}), "264"),
    "444": ("motion", 1.2, None, x264("yuv444p", keyint=30, bframes=2), "264"),
    "444-cavlc": ("noise", 1.2, None, x264("yuv444p", cabac=0, keyint=30, crf=30), "264"),
    "gray": ("motion", 1.2, None, x264("gray", keyint=30, bframes=2), "264"),
    "10-bit": ("noise", 1.2, None, x264("yuv420p10le", keyint=30, bframes=2, crf=28), "264"),
    "422-10-bit": ("noise", 1.2, None, x264("yuv422p10le", keyint=30, bframes=2, crf=30), "264"),
    "lossless": ("motion", 0.8, None, x264(qp=0, keyint=30, bframes=2), "264"),
    # pictures
    "intra-only": ("motion", 0.6, None, x264(keyint=1), "264"),
    "p-only": ("noise", 2.0, None, x264(bframes=0, keyint=250, crf=28), "264"),
    "b1": ("box", 1.6, None, x264(bframes=1, b_adapt=0, b_pyramid="none"), "264"),
    "b3-pyramid": ("motion", 2.0, None, x264(bframes=3, b_adapt=0, b_pyramid="normal"), "264"),
    "b5-strict": ("noise", 2.0, None, x264(bframes=5, b_adapt=0, b_pyramid="strict", crf=30), "264"),
    "refs16": ("cells", 2.4, "qcif", x264(ref=16, bframes=3, b_adapt=0, crf=30), "264"),
    "refs1": ("motion", 1.6, None, x264(ref=1, bframes=2, b_adapt=0), "264"),
    "open-gop": ("motion", 2.4, None, x264(keyint=12, min_keyint=12, bframes=3, b_adapt=0, open_gop=1, scenecut=0),
                 "264"),
    "short-gop": ("box", 1.6, None, x264(keyint=5, bframes=2), "264"),
    "intra-refresh": ("noise", 2.4, None, x264(intra_refresh=1, keyint=20, bframes=0, crf=28), "264"),
    "intra-refresh-b": ("motion", 2.4, None, x264(intra_refresh=1, keyint=20, bframes=3, b_adapt=0), "264"),
    "cuts": ("cuts", 2.0, None, x264(keyint=250, bframes=3), "264"),
    # direct and weighted prediction
    "direct-none": ("motion", 1.6, None, x264(bframes=3, b_adapt=0, direct="none"), "264"),
    "direct-spatial": ("zoom", 1.6, None, x264(bframes=3, b_adapt=0, direct="spatial", crf=30), "264"),
    "direct-temporal": ("zoom", 1.6, None, x264(bframes=3, b_adapt=0, direct="temporal", crf=30), "264"),
    "direct-temporal-still": ("still", 1.6, None, x264(bframes=3, b_adapt=0, direct="temporal"), "264"),
    "direct-4x4": ("motion", 1.6, None, x264(bframes=3, b_adapt=0, direct="spatial", level="2.1", crf=30,
                                             partitions="all"), "264"),
    "weightp2": ("fade", 2.0, None, x264(bframes=0, weightp=2, crf=25), "264"),
    "weightp1-b": ("fade", 2.0, None, x264(bframes=2, weightp=1, weightb=1, crf=25), "264"),
    "weightb-off": ("fade", 2.0, None, x264(bframes=3, b_adapt=0, weightb=0, weightp=0), "264"),
    "weightp-noise": ("noise", 1.6, None, x264(bframes=2, weightp=2, weightb=1, crf=30, ref=4), "264"),
    # macroblocks
    "partitions": ("cells", 1.6, None, x264(partitions="all", subme=9, me="umh", trellis=2, bframes=2), "264"),
    "no-8x8dct": ("noise", 1.6, None, x264(crf=28, bframes=2, **{"8x8dct": 0}), "264"),
    "constrained-intra": ("motion", 1.6, None, x264(constrained_intra=1, bframes=2), "264"),
    "crf45": ("noise", 1.6, None, x264(crf=45, bframes=2), "264"),
    "crf10": ("zoom", 0.8, None, x264(crf=10, bframes=2), "264"),
    "qp51": ("motion", 1.6, None, x264(qp=51, bframes=1), "264"),
    "aq": ("motion", 1.6, None, x264(aq_mode=3, aq_strength="2.0", bframes=2), "264"),
    "chroma-qp": ("noise", 1.6, None, x264(chroma_qp_offset=12, crf=20, bframes=1), "264"),
    # deblocking
    "no-deblock": ("motion", 1.6, None, x264(no_deblock=1, bframes=2), "264"),
    "deblock-weak": ("noise", 1.6, None, x264(deblock="-6,-6", crf=26, bframes=2), "264"),
    "deblock-strong": ("noise", 1.6, None, x264(deblock="6,6", crf=26, bframes=2), "264"),
    "low-qp": ("noise", 0.8, None, x264(qp=10, bframes=1), "264"),
    # slices and sizes
    "slices4": ("motion", 1.6, None, x264(slices=4, bframes=2), "264"),
    "slice-bytes": ("noise", 1.6, None, x264(slice_max_size=300, bframes=2, crf=28), "264"),
    "slice-mbs": ("box", 1.6, None, x264(slice_max_mbs=7, bframes=1, cabac=0), "264"),
    "tiny": ("motion", 1.2, "tiny", x264(bframes=2), "264"),
    "narrow": ("box", 1.2, "narrow", x264(bframes=2), "264"),
    "odd-174x142": ("noise", 1.2, "even", x264(bframes=2, crf=30), "264"),
    "low-400x34": ("box", 1.2, "low", x264(bframes=1), "264"),
    "wide-1920x64": ("cells", 1.2, "wide", x264(bframes=2), "264"),
    "hd-720p": ("box", 0.8, "hd", x264(bframes=3), "264"),
    # interlaced
    "mbaff-tff": ("fields", 1.6, None, x264(interlaced=1, tff=1, bframes=0), "264"),
    "mbaff-b": ("fields", 1.6, None, x264(interlaced=1, tff=1, bframes=3, b_adapt=0), "264"),
    "mbaff-bff": ("fields", 1.6, None, x264(interlaced=1, bff=1, bframes=2), "264"),
    "mbaff-temporal": ("fields", 1.6, None, x264(interlaced=1, tff=1, bframes=3, b_adapt=0, direct="temporal"), "264"),
    "mbaff-spatial-cavlc": ("fields", 1.6, None, x264(interlaced=1, tff=1, bframes=3, b_adapt=0, direct="spatial",
                                                      cabac=0), "264"),
    "mbaff-still": ("still", 1.6, None, x264(interlaced=1, tff=1, bframes=2), "264"),
    "mbaff-noise": ("noise", 1.6, None, x264(interlaced=1, tff=1, bframes=2, crf=30, weightb=1), "264"),
    "mbaff-slices": ("fields", 1.6, None, x264(interlaced=1, tff=1, slices=3, bframes=2), "264"),
    "fake-interlaced": ("motion", 1.6, None, x264(fake_interlaced=1, bframes=3, b_adapt=0), "264"),
    # containers
    "mp4": ("motion", 1.6, None, x264(bframes=2), "mp4"),
    "mkv": ("box", 1.6, None, x264(bframes=3), "mkv"),
    "ts": ("motion", 1.6, None, x264(bframes=2), "h264.ts"),
    # another encoder
    "openh264": ("motion", 1.6, None, openh264(bitrate=600000, gop_size=20), "264"),
    "openh264-screen": ("screen", 1.6, None, openh264(usage_type="screen", bitrate=400000), "264"),
    "openh264-slices": ("noise", 1.6, None, openh264(slice_mode="n-slices", num_slices=4, bitrate=500000), "264"),
    "openh264-no-deblock": ("box", 1.6, None, openh264(deblocking="off", bitrate=500000), "264"),
    "openh264-deblock2": ("box", 1.6, None, openh264(deblocking="not-slice-boundaries", slice_mode="n-slices",
                                                     num_slices=3, bitrate=500000), "264"),
    "openh264-low": ("cells", 1.6, None, openh264(bitrate=100000, qp_max=51), "264"),
}
SIZED = dict(SIZED, qcif=(176, 144), even=(174, 142))


def mixed(seed):
    """The same combination for the same seed."""
    rng = random.Random("h264 %d" % seed)
    interlaced = rng.random() < 0.25
    source = "fields" if interlaced and rng.random() < 0.6 else rng.choice(
        ["motion", "still", "noise", "zoom", "cells", "box", "cuts", "screen", "fade"])
    params = {
        "cabac": rng.choice([0, 1, 1]), "ref": rng.choice([1, 1, 2, 3, 4, 6, 16]), "bframes": rng.randrange(6),
        "b_adapt": rng.choice([0, 0, 1, 2]), "b_pyramid": rng.choice(["none", "strict", "normal"]),
        "direct": rng.choice(["none", "spatial", "temporal", "auto"]), "weightp": rng.randrange(3),
        "weightb": rng.randrange(2), "keyint": rng.choice([1, 8, 20, 250, "infinite"]), "crf": rng.randrange(10, 46),
        "8x8dct": rng.randrange(2), "constrained_intra": int(rng.random() < 0.2),
        "partitions": rng.choice(["none", "all", "p8x8,b8x8,i4x4", "i4x4,p4x4,p8x8"]),
        "subme": rng.choice([1, 4, 7, 9]), "scenecut": rng.choice([0, 40]), "mixed_refs": rng.randrange(2),
    }
    choice = rng.random()
    if choice < 0.15:
        params["no_deblock"] = 1
    elif choice < 0.5:
        params["deblock"] = "%d,%d" % (rng.randrange(-6, 7), rng.randrange(-6, 7))
    if rng.random() < 0.3:
        params["slices"] = rng.randrange(2, 6)
    if interlaced:
        params[rng.choice(["tff", "bff"])] = 1
        params["interlaced"] = 1
        if params["weightp"]:
            params["weightp"] = rng.choice([0, 1])
    elif rng.random() < 0.1:
        params["fake_interlaced"] = 1
    elif rng.random() < 0.1:
        params["intra_refresh"] = 1
    pixels = rng.choice(["yuv420p"] * 8 + ["yuv422p"])
    size = rng.choice([None, None, None, "even", "narrow", "low", "qcif"])
    if "interlaced" in params or "fake_interlaced" in params:
        size = {"even": "qcif", "low": "narrow"}.get(size, size)  # heights are multiples of 4 then
    return (source, rng.choice([0.8, 1.2, 2.0]), size, x264(pixels, **params), "264")


MIXED = {"mix-%03d" % seed: mixed(seed) for seed in range(100)}
ENCODES = {**NAMED, **MIXED}


def names(fast):
    """Those that can be made here."""
    found = list(ENCODES)
    if subprocess.run(["gst-inspect-1.0", "--exists", "openh264enc"]).returncode != 0:
        found = [n for n in found if ENCODES[n][3][0] != "openh264"]
    if "libx264" not in subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).stdout.decode():
        found = [n for n in found if ENCODES[n][3][0] != "x264"]
    return found[::5] if fast else found


def encode(graph_args, encoder, path, frames=None):
    program, pixels, profile, params = encoder
    common = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1"] + graph_args
    if program == "x264":
        args = ["-pix_fmt", pixels, "-c:v", "libx264", "-threads", "1", "-preset", "medium"]
        if profile:
            args += ["-profile:v", profile]
        text = ":".join("%s=%s" % (k, str(v).replace(",", "\\,") if k == "deblock" else v) for k, v in params.items())
        text = text.replace("\\,", ",")
        run(common + args + ["-x264-params", text, path])
        return
    raw = path + ".y4m"
    run(common + ["-pix_fmt", pixels, "-f", "yuv4mpegpipe", raw])
    properties = ["%s=%s" % item for item in params.items()]
    run(["gst-launch-1.0", "-q", "filesrc", "location=" + raw, "!", "y4mdec", "!", "openh264enc"] + properties
        + ["!", "h264parse", "!", "video/x-h264,stream-format=byte-stream,alignment=au", "!", "filesink",
           "location=" + path])
    os.unlink(raw)


def make(name, folder):
    """Encodes one of ENCODES into folder; returns the file's path."""
    source, duration, size, encoder, suffix = ENCODES[name]
    graph = SOURCES[source].format(d=duration)
    if size:
        # nearest keeps resting samples at rest
        graph += ",scale=%d:%d:flags=neighbor" % SIZED[size]
    path = os.path.join(folder, "%s.%s" % (name, suffix))
    encode(["-f", "lavfi", "-i", graph], encoder, path)
    return path
