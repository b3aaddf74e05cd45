# SPDX-License-Identifier: LGPL-2.1-or-later
"""The streams that the conformance tests make: each setting once, short, of content that moves, rests or flickers.

An encode is (name, source, encoder arguments, suffix).  Sources are raw video; encoders are ffmpeg's mpeg2video and
mpeg1video, and mjpegtools' mpeg2enc, which chooses other tools (dual prime is used by neither: see generated.c).
"""

import os
import subprocess

# What is seen.  Sizes are small so that the whole list takes seconds.
SOURCES = {
    # moving shapes and a counter over a resting background
    "motion": "testsrc2=s=352x288:r=25:d={d},format=yuv420p",
    # nothing moves
    "still": "smptebars=s=352x288:r=25:d={d},format=yuv420p",
    # a resting picture under sensor noise
    "noise": "testsrc=s=320x240:r=25:d={d},format=yuv420p,trim=end_frame=1,loop=-1:1,setpts=N/25/TB,"
             "noise=alls=6:allf=t:all_seed=7,trim=duration={d}",
    # everything moves and zooms
    "zoom": "mandelbrot=s=320x240:r=25:maxiter=200,format=yuv420p,trim=duration={d}",
    # single cells blink
    "cells": "life=s=80x60:r=25:mold=10:ratio=0.1:seed=5:death_color=#203040:life_color=#f0e0d0,"
             "scale=320:240:flags=neighbor,format=yuv420p,trim=duration={d}",
    # a box moves over a still picture, few samples per frame: long runs of skipped macroblocks
    "box": "smptehdbars=s=352x288:r=25:d={d}[a];color=white:s=40x40:r=25:d={d}[b];"
           "[a][b]overlay=x=3*n:y=100+n,format=yuv420p",
    # fields of different times
    "fields": "testsrc2=s=352x288:r=50:d={d},format=yuv420p,tinterlace=interleave_top,setfield=tff",
    # cuts
    "cuts": "testsrc2=s=320x240:r=25:d={d},format=yuv420p,hue=h='120*floor(n/9)',"
            "rotate='floor(n/9)*1.1':bilinear=0",
}

SIZED = {
    "tiny": (16, 16), "narrow": (32, 240), "odd": (175, 143), "odd2": (353, 287), "low": (400, 34),
    "wide": (1920, 64), "hd": (1280, 720), "ntsc": (352, 240), "278": (352, 278),
}


def ffmpeg(codec="mpeg2video", *args):
    return ("ffmpeg", codec, list(args))


def mpeg2enc(*args):
    return ("mpeg2enc", "", list(args))


# name: (source, duration, size name or None, encoder, suffix)
ENCODES = {
    # length of the group of pictures, and B pictures
    "intra-only": ("motion", 0.6, None, ffmpeg("mpeg2video", "-g", "1"), "m2v"),
    "gop2": ("motion", 0.8, None, ffmpeg("mpeg2video", "-g", "2"), "m2v"),
    "gop12-b2": ("motion", 1.6, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2"), "m2v"),
    "gop15-b1": ("box", 1.6, None, ffmpeg("mpeg2video", "-g", "15", "-bf", "1"), "m2v"),
    "gop50-p": ("noise", 2.4, None, ffmpeg("mpeg2video", "-g", "50", "-q:v", "6"), "m2v"),
    "gop250-p": ("cells", 10.4, "ntsc", ffmpeg("mpeg2video", "-g", "250", "-q:v", "5"), "m2v"),
    "gop250-b2": ("box", 10.4, "ntsc", ffmpeg("mpeg2video", "-g", "250", "-bf", "2", "-sc_threshold", "1000000000"),
                  "m2v"),
    "closed-gop": ("motion", 1.6, None, ffmpeg("mpeg2video", "-g", "9", "-bf", "2", "-flags", "+cgop",
                                               "-sc_threshold", "1000000000"), "m2v"),
    "cuts-b2": ("cuts", 2.0, None, ffmpeg("mpeg2video", "-g", "30", "-bf", "2"), "m2v"),
    "still-b2": ("still", 2.0, None, ffmpeg("mpeg2video", "-g", "15", "-bf", "2"), "m2v"),
    "adaptive-b": ("box", 2.0, None, ffmpeg("mpeg2video", "-g", "30", "-bf", "2", "-b_strategy", "1"), "m2v"),
    # quantisers
    "q1": ("noise", 0.8, None, ffmpeg("mpeg2video", "-g", "10", "-q:v", "1", "-qmin", "1"), "m2v"),
    "q31": ("noise", 1.6, None, ffmpeg("mpeg2video", "-g", "10", "-bf", "1", "-q:v", "31"), "m2v"),
    "q2-b2": ("zoom", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-q:v", "2"), "m2v"),
    "rate-control": ("motion", 2.0, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-b:v", "300k", "-maxrate",
                                                 "300k", "-bufsize", "200k"), "m2v"),
    "non-linear": ("zoom", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-non_linear_quant", "1", "-qmax", "28",
                                             "-b:v", "400k"), "m2v"),
    "non-linear-b2": ("noise", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-non_linear_quant", "1",
                                                 "-qmax", "28", "-q:v", "9"), "m2v"),
    "matrices": ("zoom", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-inter_matrix",
                                           ",".join(str(16 + i) for i in range(64)), "-intra_matrix",
                                           ",".join(str(8 + i) for i in range(64))), "m2v"),
    "adaptive-quant": ("motion", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "1", "-lumi_mask", "0.2",
                                                   "-dark_mask", "0.2", "-scplx_mask", "0.3", "-q:v", "8"), "m2v"),
    # syntax of blocks
    "alternate-scan": ("motion", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-alternate_scan", "1"),
                       "m2v"),
    "intra-vlc": ("zoom", 1.2, None, ffmpeg("mpeg2video", "-g", "6", "-bf", "1", "-intra_vlc", "1", "-q:v", "3"),
                  "m2v"),
    "intra-vlc-alternate": ("cells", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-intra_vlc", "1",
                                                       "-alternate_scan", "1", "-q:v", "2"), "m2v"),
    "dc10": ("motion", 1.0, None, ffmpeg("mpeg2video", "-g", "8", "-bf", "1", "-dc", "10"), "m2v"),
    "dc9-intra-vlc": ("cuts", 1.0, None, ffmpeg("mpeg2video", "-g", "8", "-dc", "9", "-intra_vlc", "1"), "m2v"),
    # decisions
    "rate-distortion": ("box", 1.2, None, ffmpeg("mpeg2video", "-g", "15", "-bf", "2", "-mbd", "rd", "-trellis", "1",
                                                 "-mpv_flags", "+qp_rd+cbp_rd"), "m2v"),
    "wide-vectors": ("zoom", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-me_range", "255", "-subq", "8",
                                               "-cmp", "satd"), "m2v"),
    # interlaced
    "interlaced": ("fields", 1.6, None, ffmpeg("mpeg2video", "-g", "12", "-flags", "+ildct+ilme", "-top", "1"), "m2v"),
    "interlaced-b2": ("fields", 1.6, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme",
                                                  "-top", "1"), "m2v"),
    # decoders may place the chroma of such a height a line off
    "interlaced-278": ("fields", 0.8, "278", ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme",
                                                    "-top", "1"), "m2v"),
    "interlaced-alternate": ("fields", 1.6, None, ffmpeg("mpeg2video", "-g", "15", "-bf", "1", "-flags",
                                                         "+ildct+ilme", "-alternate_scan", "1", "-intra_vlc", "1",
                                                         "-non_linear_quant", "1", "-qmax", "28"), "m2v"),
    "interlaced-bff": ("fields", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme",
                                                   "-top", "0"), "m2v"),
    "interlaced-still": ("still", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme"),
                         "m2v"),
    "interlaced-odd": ("fields", 1.2, "odd2", ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme"),
                       "m2v"),
    "field-dct-only": ("fields", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "1", "-flags", "+ildct"), "m2v"),
    # chroma
    "422": ("motion", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-pix_fmt", "yuv422p"), "m2v"),
    "422-intra-q1": ("noise", 0.6, None, ffmpeg("mpeg2video", "-g", "1", "-pix_fmt", "yuv422p", "-q:v", "1", "-qmin",
                                                "1"), "m2v"),
    "422-interlaced": ("fields", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-pix_fmt", "yuv422p",
                                                   "-flags", "+ildct+ilme", "-intra_vlc", "1", "-non_linear_quant",
                                                   "1", "-qmax", "28"), "m2v"),
    "422-odd": ("box", 1.2, "odd", ffmpeg("mpeg2video", "-g", "12", "-bf", "1", "-pix_fmt", "yuv422p"), "m2v"),
    # sizes
    "tiny": ("motion", 1.2, "tiny", ffmpeg("mpeg2video", "-g", "12", "-bf", "2"), "m2v"),
    "narrow": ("box", 1.2, "narrow", ffmpeg("mpeg2video", "-g", "12", "-bf", "2"), "m2v"),
    "odd-175x143": ("noise", 1.2, "odd", ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-q:v", "8"), "m2v"),
    "low-400x34": ("box", 1.2, "low", ffmpeg("mpeg2video", "-g", "12", "-bf", "1"), "m2v"),
    "wide-1920x64": ("cells", 1.2, "wide", ffmpeg("mpeg2video", "-g", "12", "-bf", "2"), "m2v"),
    "hd-720p": ("box", 0.8, "hd", ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-b:v", "6M"), "m2v"),
    # slices
    "slices-short": ("motion", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-ps", "60"), "m2v"),
    "slices-short-noise": ("noise", 0.8, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "1", "-ps", "30", "-q:v", "4"),
                           "m2v"),
    "slices-interlaced": ("fields", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-ps", "80", "-flags",
                                                      "+ildct+ilme"), "m2v"),
    # MPEG-1
    "mpeg1-p": ("motion", 1.2, None, ffmpeg("mpeg1video", "-g", "15"), "m1v"),
    "mpeg1-b2": ("motion", 1.2, None, ffmpeg("mpeg1video", "-g", "12", "-bf", "2"), "m1v"),
    "mpeg1-noise-q12": ("noise", 1.2, None, ffmpeg("mpeg1video", "-g", "25", "-bf", "1", "-q:v", "12"), "m1v"),
    "mpeg1-odd": ("box", 1.2, "odd", ffmpeg("mpeg1video", "-g", "12", "-bf", "2"), "m1v"),
    "mpeg1-q1": ("zoom", 0.6, None, ffmpeg("mpeg1video", "-g", "6", "-bf", "1", "-q:v", "1", "-qmin", "1"), "m1v"),
    # containers
    "ts": ("motion", 1.6, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2"), "ts"),
    "vob": ("box", 1.6, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-b:v", "1M"), "vob"),
    "mpg1": ("box", 1.6, None, ffmpeg("mpeg1video", "-g", "12", "-bf", "2", "-b:v", "1M"), "mpg"),
    "mkv": ("noise", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2"), "mkv"),
    "mp4": ("motion", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "1"), "mp4"),
    "mov-interlaced": ("fields", 1.2, None, ffmpeg("mpeg2video", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme"),
                       "mov"),
    "avi": ("motion", 1.2, None, ffmpeg("mpeg2video", "-g", "12"), "avi"),
    # another encoder
    "mjpegtools": ("motion", 1.2, None, mpeg2enc("-f", "3", "-b", "2000", "-I", "0", "-R", "2"), "m2v"),
    "mjpegtools-interlaced": ("fields", 1.2, None, mpeg2enc("-f", "3", "-b", "3000", "-I", "1", "-R", "2"), "m2v"),
    "mjpegtools-dvd": ("fields", 1.2, None, mpeg2enc("-f", "8", "-I", "1", "-R", "2", "-D", "10", "-c"), "m2v"),
    "mjpegtools-p": ("noise", 1.2, None, mpeg2enc("-f", "3", "-b", "3000", "-I", "0", "-R", "0", "-g", "15", "-G", "15",
                                                  "-q", "8"), "m2v"),
    "mjpegtools-b1": ("box", 1.2, None, mpeg2enc("-f", "3", "-b", "2000", "-I", "0", "-R", "1", "-q", "6"), "m2v"),
    "mjpegtools-mpeg1": ("motion", 1.2, None, mpeg2enc("-f", "0", "-b", "1500", "-R", "2"), "m1v"),
    "mjpegtools-pulldown": ("motion", 1.2, "ntsc", mpeg2enc("-f", "3", "-b", "2000", "-p", "-F", "4", "-R", "2"),
                            "m2v"),
    "mjpegtools-gop1": ("motion", 0.6, None, mpeg2enc("-f", "3", "-b", "4000", "-g", "1", "-G", "1", "-R", "0"), "m2v"),
}


def run(command, **kwargs):
    result = subprocess.run(command, stdin=kwargs.pop("stdin", subprocess.DEVNULL), stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, **kwargs)
    if result.returncode != 0:
        raise RuntimeError("%s\n%s" % (" ".join(command), result.stderr.decode(errors="replace")[-500:]))


def make(name, folder):
    """Encodes one of ENCODES into folder; returns the file's path."""
    source, duration, size, (program, codec, args), suffix = ENCODES[name]
    graph = SOURCES[source].format(d=duration)
    if size:
        # nearest keeps resting samples at rest
        graph += ",scale=%d:%d:flags=neighbor" % SIZED[size]
    path = os.path.join(folder, "%s.%s" % (name, suffix))
    common = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-f", "lavfi", "-i", graph]
    if program == "ffmpeg":
        run(common + ["-c:v", codec, "-threads", "1"] + args + [path])
    else:
        raw = path + ".y4m"
        run(common + ["-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", raw])
        with open(raw, "rb") as pipe:
            run(["mpeg2enc", "-v", "0"] + args + ["-o", path], stdin=pipe)
        os.unlink(raw)
    return path


# Static cameras, for completeness: (clip, first second, seconds, bound, more arguments).  A bound of None is only
# printed.  P pictures only, and a group long enough that consecutive P pictures are the rule.
CAMERAS = [
    ("sample-videos__bottle-detection.mp4", 2, 3, 0.95, []),
    ("sample-videos__asl_gestures__book.mkv", 0, 3, 0.95, []),
    ("sample-videos__asl_gestures__yes.mkv", 0, 2, 0.95, []),
    ("sample-videos__car-detection.mp4", 0, 6, 0.95, []),
    ("openmpf__video_01.mp4", 0, 3, 0.95, []),
    ("openmpf__STRUCK_Test_720p.mp4", 0, 2, None, []),
    ("openmpf-components__toronto-highway-shortened.mp4", 0, 2, None, []),
    ("mdn__frog.mp4", 0, 2, None, []),
    ("mdn__crystal.mp4", 0, 2, None, []),
    ("openmpf__five-second-marathon-clip.mkv", 0, 1, None, []),
]


def make_camera(entry, clips, folder):
    clip, start, seconds, _, args = entry
    path = os.path.join(folder, os.path.splitext(clip)[0] + ".m2v")
    run(["ffmpeg", "-v", "error", "-y", "-threads", "1", "-ss", str(start), "-t", str(seconds), "-i",
         os.path.join(clips, clip), "-an", "-pix_fmt", "yuv420p", "-r", "25", "-c:v", "mpeg2video", "-threads", "1",
         "-g", "15", "-q:v", "5"] + args + [path])
    return path
