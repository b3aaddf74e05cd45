#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Renders labelled action clips of an animated figure, in the form of UCF101.

    render.py OUT [--groups 1-230] [--clips 1] [--seconds 2] [--classes A,B] [--codec mpeg2|h264|both] [--every 1] [--jobs N]
        OUT/<Class>/v_<Class>_gNN_cNN.avi: 320x240, 25 fps; and the lists OUT/classInd.txt, trainlist01.txt and
        testlist01.txt as UCF101 has them.  A group is one person; its clips differ in phase, habits and position.
        Groups 1 to 10 (--test-groups) make the test list, all others the training list.
        mpeg2: GOP 12 to 15, 0 or 2 B pictures, constant quantiser.  h264: x264, GOP 12 to 50, 0 or 2 B pictures, CABAC
        or CAVLC, constant rate factor; of the very same frames.  both: into OUT/mpeg2 and OUT/h264.
        --every N renders only every N-th frame: more people for the same work, to train on.
        --left-out renders the activities of leftout.py instead.
    render.py --sheet FILE.png [--group N] [--left-out]
        one row of frames per class, each of another group, to look at

Everything follows from the class, group and clip number: the same command renders the same frames.
Needs python3-cairo, python3-numpy, python3-pil and ffmpeg.  Not needed to build, run or test the project.
"""
import argparse
import glob
import math
import os
import re
import subprocess
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor

import cairo
import numpy as np

from figure import Body, Camera, draw_figure
from leftout import LEFT_OUT
from motions import ACTIVITIES
from scene import HEIGHT, MARGIN, WIDTH, Scene

FPS = 25


def seed(*words):
    return np.random.default_rng(zlib.crc32(' '.join(map(str, words)).encode()))


class Clip:
    """One person doing one activity in one place; frame(i) renders."""

    def __init__(self, activity, group, clip, frames, moving=None, body=None, view=None, place=None):
        """view: a Camera to use; place: the seed of the scene, whether it is outdoors, its horizon."""
        grng, rng = seed('group', group, activity.NAME), seed(activity.NAME, group, clip)
        self.rng, self.frames = rng, frames
        self.body = body or Body.random(seed('person', group))
        self.act = activity(self.body, rng)
        self.period = rng.uniform(*activity.PERIOD) * FPS
        self.phase = rng.random()
        lo, hi = activity.YAWS[grng.integers(len(activity.YAWS))]
        yaw = np.clip(grng.uniform(lo, hi) + rng.normal(0, 0.1), lo, hi)
        outdoor = grng.random() < activity.OUTDOOR
        elevation = grng.uniform(0.03, 0.2)
        size = grng.uniform(0.58, 0.97) if grng.random() < 0.85 else grng.uniform(0.42, 0.6)
        cyc = frames / self.period
        travel = getattr(self.act, 'travel', False)
        if travel and not view:  # what crosses the frame must fit in it
            self.act.stride = min(self.act.stride, 0.9)
            run = cyc * self.act.stride
            self.act.start = -run / 2 - self.phase * self.act.stride
            size = min(size, 300 / (run + 0.8) * activity.TOP / (HEIGHT - 14))
        scale = size * (HEIGHT - 14) / activity.TOP
        if activity.WIDTH * 2 * scale > WIDTH - 10:
            scale = (WIDTH - 10) / (2 * activity.WIDTH)
        room = HEIGHT - 8 - activity.TOP * scale
        y = HEIGHT - 8 - room * rng.uniform(0.1, 0.75)
        half = activity.WIDTH * scale * (0.5 if travel else 1)
        slack = max(0.0, WIDTH / 2 - half - (0 if not travel else 90))
        x = WIDTH / 2 + slack * rng.uniform(-0.8, 0.8)
        cam = Camera(yaw, elevation, scale, grng.uniform(3.5, 8), x, y)
        if moving is None:
            moving = grng.random() < 0.25
        cam.wall = 14.0 if outdoor else grng.uniform(1.3, 3.5)
        if view:
            cam = view
        self.camera = cam
        horizon = cam.y - cam.wall * math.sin(cam.elevation) * cam.distance / (cam.distance + cam.wall) * cam.scale
        srng = seed('scene', group, activity.NAME)
        if place:
            srng, outdoor, moving = place
        furnish_rng = seed('place', group, activity.NAME)
        self.scene = Scene(srng, outdoor, horizon, moving, activity.GROUND, lambda ctx: self.act.place(ctx, cam, furnish_rng))
        if getattr(self.act, 'TRAVEL', False) and not travel:
            # the camera goes along with the walker: the background moves
            v = self.act.stride / self.period * FPS * scale * math.sin(yaw)
            limit = 2 * (MARGIN - 4) / (frames / FPS)
            self.scene.pan = np.array((np.clip(v, -limit, limit), 0.0))
            self.follow = True
        else:
            self.follow = False
        self.surface = cairo.ImageSurface(cairo.FORMAT_RGB24, WIDTH, HEIGHT)
        self.x0, self.y0 = cam.x, cam.y

    def frame(self, i):
        """RGB [HEIGHT, WIDTH, 3] uint8."""
        t = self.phase + i / self.period
        ctx = cairo.Context(self.surface)
        o = self.scene.offset(i / FPS, self.frames / FPS)
        ctx.set_source_surface(self.scene.background, -MARGIN - o[0], -MARGIN - o[1])
        ctx.get_source().set_filter(cairo.FILTER_BILINEAR)
        ctx.paint()
        self.camera.x, self.camera.y = self.x0 - (0 if self.follow else o[0]), self.y0 - o[1]
        pose = self.act.pose(t)
        gx, gy, _, s = self.camera.project((pose.pelvis[0], 0, pose.pelvis[2]))
        self.scene.shadow(ctx, gx, gy, 0.32 * s)
        draw_figure(ctx, self.body, pose, self.camera, self.scene.light, self.act.props(t, pose))
        self.surface.flush()
        bgrx = np.ndarray((HEIGHT, WIDTH, 4), np.uint8, self.surface.get_data())
        return self.scene.expose(bgrx[..., 2::-1], self.rng)


def encode(path, frames, rng, codec='mpeg2', gop=None, b_frames=None, quality=None):
    """Writes RGB frames; what is not given is drawn from rng.  The container follows from the name."""
    h264 = codec == 'h264'
    gop = gop or int(rng.integers(12, 51) if h264 else rng.integers(12, 16))
    b_frames = int(rng.choice((0, 2))) if b_frames is None else b_frames
    quality = quality or int(rng.integers(21, 30) if h264 else rng.integers(3, 9))
    cmd = ['ffmpeg', '-nostdin', '-v', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{WIDTH}x{HEIGHT}', '-r', str(FPS), '-i', '-',
           '-pix_fmt', 'yuv420p', '-g', str(gop), '-bf', str(b_frames), '-threads', '1', '-flags', '+bitexact', '-fflags', '+bitexact']
    if h264:
        cmd += ['-c:v', 'libx264', '-crf', str(quality), '-preset', 'medium', '-coder', 'ac' if rng.random() < 0.7 else 'vlc']
    else:
        cmd += ['-c:v', 'mpeg2video', '-q:v', str(quality)]
    p = subprocess.Popen(cmd + [path], stdin=subprocess.PIPE)
    for f in frames:
        p.stdin.write(f)
    p.stdin.close()
    if p.wait():
        raise RuntimeError(f'ffmpeg failed on {path}')


def render_one(job):
    """outs: (codec, folder) of each form wanted."""
    outs, a, group, clip, frames, every = job
    name = os.path.join(a.NAME, f'v_{a.NAME}_g{group:02d}_c{clip:02d}.avi')
    outs = [(codec, os.path.join(out, name)) for codec, out in outs]
    if all(os.path.exists(p) for _, p in outs):
        return name
    c = Clip(a, group, clip, frames)
    pictures = [np.ascontiguousarray(c.frame(i)).tobytes() for i in range(0, frames, every)]
    for codec, path in outs:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        encode(path + '.part.avi', pictures, seed('encode', a.NAME, group, clip), codec)
        os.rename(path + '.part.avi', path)
    return name


def write_lists(tree, test_lo, test_hi):
    """classInd.txt, trainlist01.txt and testlist01.txt of the clips that are there."""
    classes = sorted(os.path.basename(os.path.dirname(d)) for d in glob.glob(os.path.join(tree, '*', '')))
    with open(os.path.join(tree, 'classInd.txt'), 'w') as f:
        f.writelines(f'{k + 1} {c}\n' for k, c in enumerate(classes))
    with open(os.path.join(tree, 'trainlist01.txt'), 'w') as train, open(os.path.join(tree, 'testlist01.txt'), 'w') as test:
        for k, c in enumerate(classes):
            found = [(int(re.search(r'_g(\d+)_c', p)[1]), p) for p in map(os.path.basename, glob.glob(os.path.join(tree, c, 'v_*_g*_c*.avi')))]
            for group, p in sorted(p for p in found if '.part.' not in p[1]):
                if test_lo <= group <= test_hi:
                    test.write(f'{c}/{p}\n')
                else:
                    train.write(f'{c}/{p} {k + 1}\n')


def sheet(path, activities, group):
    from PIL import Image
    rows = []
    for a in activities:
        row = []
        for k in range(6):
            c = Clip(a, group + k, 1, 50)
            row.append(c.frame((0, 9, 18, 27, 36, 45)[k]))
        rows.append(np.concatenate(row, 1))
    Image.fromarray(np.concatenate(rows, 0)).save(path)


def pair(text):
    lo, _, hi = text.partition('-')
    return int(lo), int(hi or lo)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('out', nargs='?')
    ap.add_argument('--groups', type=pair, default=(1, 230))
    ap.add_argument('--test-groups', type=pair, default=(1, 10))
    ap.add_argument('--clips', type=int, default=1)
    ap.add_argument('--seconds', type=float, default=2.0)
    ap.add_argument('--every', type=int, default=1)
    ap.add_argument('--classes')
    ap.add_argument('--codec', choices=('mpeg2', 'h264', 'both'), default='mpeg2')
    ap.add_argument('--left-out', action='store_true')
    ap.add_argument('--jobs', type=int, default=os.cpu_count())
    ap.add_argument('--sheet')
    ap.add_argument('--group', type=int, default=1)
    a = ap.parse_args()
    known = LEFT_OUT if a.left_out else ACTIVITIES
    wanted = a.classes.split(',') if a.classes else [c.NAME for c in known]
    acts = [c for c in known if c.NAME in wanted]
    if a.sheet:
        sheet(a.sheet, acts, a.group)
        return
    if not a.out:
        ap.error('a folder to write to is needed')
    outs = [(c, os.path.join(a.out, c)) for c in ('mpeg2', 'h264')] if a.codec == 'both' else [(a.codec, a.out)]
    jobs = [(outs, k, g, c, round(a.seconds * FPS), a.every) for g in range(a.groups[0], a.groups[1] + 1) for k in acts for c in range(1, a.clips + 1)]
    with ProcessPoolExecutor(a.jobs) as pool:
        for n, path in enumerate(pool.map(render_one, jobs, chunksize=4)):
            if n % 100 == 0:
                print(n, len(jobs), path, file=sys.stderr, flush=True)
    for _, tree in outs:
        write_lists(tree, *a.test_groups)


if __name__ == '__main__':
    main()
