# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where an activity takes place: textured background, light, camera path and camera noise."""
import math

import cairo
import numpy as np

WIDTH, HEIGHT = 320, 240
MARGIN = 64  # what the background has beyond the frame on each side, for moving cameras


def fractal(rng, h, w, octaves=5, start=4):
    """Smooth noise in 0..1 by adding up enlarged random grids."""
    out, amp, total = np.zeros((h, w), np.float32), 1.0, 0.0
    for o in range(octaves):
        n = start * 2 ** o
        gh, gw = max(2, n * h // w + 2), n + 2
        grid = rng.random((gh, gw)).astype(np.float32)
        y, x = np.linspace(0, gh - 1.001, h), np.linspace(0, gw - 1.001, w)
        yi, xi = y.astype(int), x.astype(int)
        fy, fx = (y - yi)[:, None].astype(np.float32), (x - xi)[None].astype(np.float32)
        a = grid[yi][:, xi] * (1 - fx) + grid[yi][:, xi + 1] * fx
        b = grid[yi + 1][:, xi] * (1 - fx) + grid[yi + 1][:, xi + 1] * fx
        out += amp * (a * (1 - fy) + b * fy)
        total += amp
        amp *= 0.55
    return out / total


def _color(rng, lo=0.15, hi=0.9, saturation=0.5):
    v = rng.uniform(lo, hi)
    return np.clip(v * (1 + saturation * rng.uniform(-0.5, 0.5, 3)), 0.02, 0.98)


def _surface(image, color):
    """A cairo context on a copy of the image (float RGB) and a function that gives the image back."""
    h, w = image.shape[:2]
    buf = np.zeros((h, w, 4), np.uint8)
    buf[..., :3] = np.clip(image[..., ::-1] * 255, 0, 255)
    s = cairo.ImageSurface.create_for_data(buf, cairo.FORMAT_RGB24, w, h)
    return cairo.Context(s), lambda: (s.flush(), buf[..., 2::-1].astype(np.float32) / 255)[1]


GROUNDS = ((0.25, 0.42, 0.15), (0.35, 0.5, 0.2), (0.6, 0.52, 0.38), (0.5, 0.5, 0.5))


class Scene:
    """background: cairo surface larger than the frame by MARGIN on each side."""

    def __init__(self, rng, outdoor, horizon, moving, ground=None, furnish=None):
        """horizon: where wall and floor meet, frame pixels; ground: index into GROUNDS;
        furnish(ctx): draws what belongs to the activity, in frame coordinates."""
        w, h = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
        hy = int(horizon) + MARGIN
        n1, n2 = fractal(rng, h, w), fractal(rng, h, w, 6, int(rng.integers(6, 40)))
        img = np.empty((h, w, 3), np.float32)
        if outdoor:
            sky = np.array(((0.45, 0.62, 0.85), (0.7, 0.74, 0.78), (0.85, 0.75, 0.65))[rng.integers(3)]) * rng.uniform(0.8, 1.1)
            any_ground = rng.integers(4)
            ground = np.array(GROUNDS[any_ground if ground is None else ground]) * rng.uniform(0.7, 1.15)
            img[:hy] = sky * (0.85 + 0.3 * n1[:hy, :, None])
            img[hy:] = ground * (0.6 + 0.8 * n2[hy:, :, None])
            ctx, done = _surface(img, None)
            for _ in range(rng.integers(2, 14)):  # trees, hedges, far houses
                x, r = rng.uniform(0, w), rng.uniform(10, 60)
                if rng.random() < 0.7:
                    c = np.array((0.13, 0.28, 0.1)) * rng.uniform(0.6, 1.8)
                    for _ in range(9):
                        ctx.arc(x + rng.normal(0, r * 0.5), hy - r * rng.uniform(0.1, 1.0), r * rng.uniform(0.25, 0.5), 0, 7)
                        ctx.set_source_rgb(*(c * rng.uniform(0.75, 1.25)))
                        ctx.fill()
                else:
                    ctx.rectangle(x, hy - r * 1.2, r * rng.uniform(0.8, 2), r * 1.2)
                    ctx.set_source_rgb(*_color(rng))
                    ctx.fill()
            texture = 0.88 + 0.24 * n2[..., None]
        else:
            wall, floor = _color(rng), _color(rng, 0.15, 0.75)
            img[:hy] = wall * (0.82 + 0.36 * n1[:hy, :, None])
            img[hy:] = floor * (0.7 + 0.6 * n2[hy:, :, None])
            ctx, done = _surface(img, None)
            kind = rng.integers(5)
            if kind == 0:  # bricks or tiles
                bw, bh = rng.uniform(14, 50), rng.uniform(8, 40)
                ctx.set_source_rgb(*(wall * rng.uniform(0.7, 1.25)))
                ctx.set_line_width(rng.uniform(0.8, 2.0))
                for r in range(int(hy / bh) + 1):
                    y = hy - r * bh
                    ctx.move_to(0, y), ctx.line_to(w, y), ctx.stroke()
                    for k in range(int(w / bw) + 2):
                        x = (k - 0.5 * (r % 2)) * bw
                        ctx.move_to(x, y), ctx.line_to(x, y - bh), ctx.stroke()
            elif kind == 1:  # panels
                x = 0.0
                while x < w:
                    pw = rng.uniform(20, 80)
                    ctx.rectangle(x, 0, pw, hy)
                    ctx.set_source_rgba(*(wall * rng.uniform(0.8, 1.2)), 0.7)
                    ctx.fill()
                    x += pw
            if rng.random() < 0.5:  # floor boards
                ctx.set_source_rgb(*(floor * rng.uniform(0.65, 0.85)))
                ctx.set_line_width(1.0)
                for k in range(-20, 21):
                    ctx.move_to(w / 2 + k * 14, hy), ctx.line_to(w / 2 + k * 55, h), ctx.stroke()
            ctx.rectangle(0, hy - 5, w, 5)
            ctx.set_source_rgb(*(wall * rng.uniform(0.4, 1.2)))
            ctx.fill()
            for _ in range(rng.integers(0, 9)):  # windows, pictures, shelves, machines
                rw, rh = rng.uniform(15, 90), rng.uniform(15, 90)
                x = rng.uniform(-20, w)
                y = hy - rh if rng.random() < 0.5 else rng.uniform(0, max(1, hy - rh))
                c = _color(rng, 0.08, 0.98, 0.9)
                ctx.rectangle(x, y, rw, rh)
                ctx.set_source_rgb(*c)
                ctx.fill_preserve()
                ctx.set_source_rgb(*(c * 0.5))
                ctx.set_line_width(rng.uniform(0.5, 3))
                ctx.stroke()
                for _ in range(rng.integers(0, 5)):
                    ctx.rectangle(x + rw * rng.uniform(0, 0.7), y + rh * rng.uniform(0, 0.7), rw * 0.25, rh * 0.25)
                    ctx.set_source_rgb(*_color(rng, 0.05, 0.95, 0.9))
                    ctx.fill()
            texture = 0.93 + 0.14 * n2[..., None]
        if furnish:
            ctx.translate(MARGIN, MARGIN)
            furnish(ctx)
        img = done() * texture
        # light from one side
        ang = rng.uniform(0, 2 * math.pi)
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        g = (xx / w - 0.5) * math.cos(ang) + (yy / h - 0.5) * math.sin(ang)
        img *= (1 + rng.uniform(0, 0.5) * g)[..., None]
        self.buf = np.zeros((h, w, 4), np.uint8)
        self.buf[..., :3] = np.clip(img[..., ::-1] * 255, 0, 255)
        self.background = cairo.ImageSurface.create_for_data(self.buf, cairo.FORMAT_RGB24, w, h)
        self.light = (math.cos(ang), -abs(math.sin(ang)) - 0.2)
        # camera
        self.moving = moving
        self.pan = rng.uniform(-16, 16, 2) * (1.0, 0.35) if moving else np.zeros(2)  # pixels per second
        self.shake = rng.uniform(0.1, 0.9) if moving and rng.random() < 0.5 else 0.0
        self.shake_phase = rng.uniform(0, 6.28, 2)
        self.noise = rng.uniform(0.0, 1.5) if rng.random() < 0.75 else rng.uniform(1.5, 3.0)
        self.gain = rng.uniform(0.6, 1.2)
        self.cast = 1 + rng.uniform(-0.08, 0.08, 3)
        self.gamma = rng.uniform(0.85, 1.2)
        self.develop()

    def develop(self):
        """To be called after changing gain, cast or gamma."""
        self.lut = [(255 * np.clip(np.arange(256) / 255 * self.gain * c, 0, 1) ** self.gamma).astype(np.float32) for c in self.cast]

    def offset(self, seconds, total):
        """Camera offset in pixels, zero in the middle of the clip, within the margin."""
        o = self.pan * (seconds - total / 2)
        if self.shake:
            o = o + self.shake * np.array((math.sin(seconds * 5.1 + self.shake_phase[0]) + math.sin(seconds * 2.3),
                                           math.sin(seconds * 4.3 + self.shake_phase[1])))
        return np.clip(o, -MARGIN + 2, MARGIN - 2)

    def shadow(self, ctx, x, y, w, strength=0.35):
        ctx.save()
        ctx.translate(x, y)
        ctx.scale(w, w * 0.16)
        g = cairo.RadialGradient(0, 0, 0, 0, 0, 1)
        g.add_color_stop_rgba(0, 0, 0, 0, strength)
        g.add_color_stop_rgba(1, 0, 0, 0, 0)
        ctx.set_source(g)
        ctx.arc(0, 0, 1, 0, 7)
        ctx.fill()
        ctx.restore()

    def expose(self, rgb, rng):
        """What the camera makes of a rendered frame [HEIGHT, WIDTH, 3] uint8: gain, colour cast, gamma, noise."""
        out = np.empty(rgb.shape, np.float32)
        for c in range(3):
            out[..., c] = self.lut[c][rgb[..., c]]
        if self.noise > 0.2:
            out += rng.standard_normal(rgb.shape[:2], np.float32)[..., None] * self.noise
        return np.clip(out + 0.5, 0, 255).astype(np.uint8)
