#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Renders labelled action clips of an animated figure, in the form of UCF101.

    render.py OUT [--groups 1-230] [--clips 1] [--seconds 1.6] [--classes A,B] [--jobs N]
        OUT/<Class>/v_<Class>_gNN_cNN.avi: 320x240, 25 fps, MPEG-2, GOP 12 to 15, 0 or 2 B pictures.
        A group is one person in one place with one camera; its clips differ in phase, habits and position.
    render.py --sheet FILE.png [--group N]
        one row of frames per class, to look at

Everything follows from the class, group and clip number: the same command renders the same frames.
Needs python3-cairo, python3-numpy, python3-pil and ffmpeg.  Not needed to build, run or test the project.
"""
import argparse
import math
import os
import subprocess
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor

import cairo
import numpy as np

from figure import Body, Camera, draw_figure
from motions import ACTIVITIES
from scene import HEIGHT, MARGIN, WIDTH, Scene

FPS = 25


def seed(*words):
    return np.random.default_rng(zlib.crc32(' '.join(map(str, words)).encode()))


class Clip:
    """One person doing one activity in one place; frame(i) renders."""

    def __init__(self, activity, group, clip, frames, moving=None, body=None, scene=None):
        grng, rng = seed('group', group, activity.NAME if scene is None else ''), seed(activity.NAME, group, clip)
        self.rng, self.frames = rng, frames
        self.body = body or Body.random(seed('person', group))
        self.act = activity(self.body, rng)
        self.period = rng.uniform(*activity.PERIOD) * FPS
        self.phase = rng.random()
        lo, hi = activity.YAWS[grng.integers(len(activity.YAWS))]
        yaw = np.clip(grng.uniform(lo, hi) + rng.normal(0, 0.1), lo, hi)
        outdoor = grng.random() < activity.OUTDOOR
        elevation = grng.uniform(0.02, 0.22)
        size = grng.uniform(0.58, 0.97) if grng.random() < 0.8 else grng.uniform(0.4, 0.6)
        cyc = frames / self.period
        travel = getattr(self.act, 'travel', False)
        if travel:  # what crosses the frame must fit in it
            self.act.stride = min(self.act.stride, 0.9)
            run = cyc * self.act.stride
            self.act.start = -run / 2 - self.phase * self.act.stride
            size = min(size, 300 / (run + 0.4) * activity.TOP / (HEIGHT - 14))
        scale = size * (HEIGHT - 14) / activity.TOP
        room = HEIGHT - 8 - activity.TOP * scale
        y = HEIGHT - 6 - room * rng.uniform(0.1, 0.75)
        half = activity.WIDTH * scale * (0.5 if travel else 1)
        slack = max(0.0, WIDTH / 2 - half - (0 if not travel else 90))
        x = WIDTH / 2 + slack * rng.uniform(-0.8, 0.8)
        self.camera = Camera(yaw, elevation, scale, grng.uniform(3.5, 8), x, y)
        if moving is None:
            moving = grng.random() < 0.3
        horizon = y - scale * grng.uniform(0.08, 0.4)
        self.scene = scene or Scene(grng, outdoor, horizon, moving)
        if getattr(self.act, 'TRAVEL', False) and not travel:
            # the camera goes along with the walker: the background moves
            v = self.act.stride / self.period * FPS * scale * math.sin(yaw)
            limit = 2 * (MARGIN - 4) / (frames / FPS)
            self.scene.pan = np.array((np.clip(v, -limit, limit), 0.0))
            self.follow = True
        else:
            self.follow = False
        self.surface = cairo.ImageSurface(cairo.FORMAT_RGB24, WIDTH, HEIGHT)
        self.x0, self.y0 = self.camera.x, self.camera.y

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
        if hasattr(self.act, 'floor'):
            self.act.floor(ctx, self.camera)
        gx, gy, _, s = self.camera.project((pose.pelvis[0], 0, pose.pelvis[2]))
        self.scene.shadow(ctx, gx, gy, 0.32 * s)
        draw_figure(ctx, self.body, pose, self.camera, self.scene.light, self.act.props(t, pose))
        self.surface.flush()
        bgrx = np.ndarray((HEIGHT, WIDTH, 4), np.uint8, self.surface.get_data())
        return self.scene.expose(bgrx[..., 2::-1], self.rng)


def encode(path, frames, gop, b_frames, quality):
    """Writes RGB frames as MPEG-2; the container follows from the name."""
    cmd = ['ffmpeg', '-v', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{WIDTH}x{HEIGHT}', '-r', str(FPS), '-i', '-',
           '-c:v', 'mpeg2video', '-pix_fmt', 'yuv420p', '-g', str(gop), '-bf', str(b_frames), '-q:v', str(quality),
           '-threads', '1', '-flags', '+bitexact', '-fflags', '+bitexact', path]
    p = subprocess.Popen(cmd, stdin=subprocess.PIPE)
    for f in frames:
        p.stdin.write(np.ascontiguousarray(f).tobytes())
    p.stdin.close()
    if p.wait():
        raise RuntimeError(f'ffmpeg failed on {path}')


def render_one(job):
    out, k, group, clip, frames = job
    a = ACTIVITIES[k]
    path = os.path.join(out, a.NAME, f'v_{a.NAME}_g{group:02d}_c{clip:02d}.avi')
    if os.path.exists(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    c = Clip(a, group, clip, frames)
    r = seed('encode', a.NAME, group, clip)
    encode(path + '.part.avi', (c.frame(i) for i in range(frames)), int(r.integers(12, 16)), int(r.choice((0, 2))), int(r.integers(2, 7)))
    os.rename(path + '.part.avi', path)
    return path


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('out', nargs='?')
    ap.add_argument('--groups', default='1-230')
    ap.add_argument('--clips', type=int, default=1)
    ap.add_argument('--seconds', type=float, default=1.6)
    ap.add_argument('--classes')
    ap.add_argument('--jobs', type=int, default=os.cpu_count())
    ap.add_argument('--sheet')
    ap.add_argument('--group', type=int, default=1)
    a = ap.parse_args()
    wanted = a.classes.split(',') if a.classes else [c.NAME for c in ACTIVITIES]
    ks = [k for k, c in enumerate(ACTIVITIES) if c.NAME in wanted]
    if a.sheet:
        from PIL import Image
        rows = []
        for k in ks:
            c = Clip(ACTIVITIES[k], a.group, 1, 75)
            fr = [c.frame(i)[::1, ::1] for i in range(75)]
            rows.append(np.concatenate([fr[i] for i in (0, 12, 24, 36, 48, 60)], 1))
        Image.fromarray(np.concatenate(rows, 0)).save(a.sheet)
        return
    lo, hi = map(int, a.groups.split('-'))
    jobs = [(a.out, k, g, c, int(a.seconds * FPS)) for g in range(lo, hi + 1) for k in ks for c in range(1, a.clips + 1)]
    with ProcessPoolExecutor(a.jobs) as pool:
        for n, path in enumerate(pool.map(render_one, jobs, chunksize=4)):
            if n % 100 == 0:
                print(n, len(jobs), path, file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
