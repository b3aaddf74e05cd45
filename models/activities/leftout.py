# SPDX-License-Identifier: LGPL-2.1-or-later
"""Three activities that no shipped model was trained on: for deltacnn-transfer, which learns them from a few clips."""
import math

import numpy as np

from figure import ANKLE, Pose
from motions import Activity, keys
from props import ball, barbell, line, mat, pick, platform, tennis_court, tone, wall_box

PI = math.pi


class PushUps(Activity):
    NAME = 'PushUps'
    PERIOD = (1.2, 2.2)
    YAWS = ((0.7, 2.4), (-2.4, -0.7))
    WIDTH = 0.62
    TOP = 0.8
    OUTDOOR = 0.3

    def pose(self, t):
        b = self.body
        u = float(keys(t, [(0.0, 0.0), (0.1, 0.0), (0.45, 1.0), (0.55, 1.0), (0.95, 0.0)])) * min(self.amp, 1.0)
        high, low = b.arm * 0.97, 0.13
        h = high + (low - high) * u
        line_len = b.leg + b.torso
        up = math.asin((h - 0.03 - ANKLE) / line_len)
        z0 = -0.1 - b.leg  # the toes stay where they are, and so do the hands
        pelvis = (0, ANKLE + 0.02 + math.sin(up) * b.leg, z0 + math.cos(up) * b.leg)
        top = math.asin((high - 0.03 - ANKLE) / line_len)
        zh = z0 + math.cos(top) * line_len + 0.03
        x = b.shoulder + 0.03
        return Pose(pelvis=pelvis, lean=PI / 2 - up, head_pitch=-0.35, hands=((x, 0.015, zh), (-x, 0.015, zh)), hands_absolute=True,
                    feet=((0.05, 0.02, z0), (-0.05, 0.02, z0)), knees=((0, -1, 0.3), (0, -1, 0.3)),
                    elbows=((1, 0.3, -0.8), (-1, 0.3, -0.8)), toes=((0, -0.6, 0.7), (0, -0.6, 0.7)))

    def place(self, ctx, cam, rng):
        mat(ctx, cam, -0.32, 0.32, -0.85, 0.6, tone(rng, pick(rng, (0.7, 0.3, 0.5), (0.2, 0.5, 0.65), (0.35, 0.35, 0.38))), 0.012)


class CleanAndJerk(Activity):
    NAME = 'CleanAndJerk'
    PERIOD = (3.2, 4.6)
    YAWS = ((-0.6, 0.6),)
    WIDTH = 0.68
    TOP = 1.4
    OUTDOOR = 0.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.plate = tone(rng, pick(rng, (0.75, 0.1, 0.1), (0.1, 0.2, 0.65), (0.85, 0.75, 0.1), (0.1, 0.5, 0.2), (0.12, 0.12, 0.12)))
        self.grip = rng.uniform(0.17, 0.24)

    def pose(self, t):
        b = self.body
        rack, over = b.hip_height + b.torso - 0.02, b.hip_height + b.torso + b.arm * 0.92
        # the bar's height; hips down by; lean
        bar = float(keys(t, [(0, 0.2), (0.08, 0.2), (0.24, rack * 0.8), (0.32, rack - 0.12), (0.48, rack), (0.56, rack - 0.06), (0.64, over), (0.88, over), (0.97, 0.2)]))
        down = float(keys(t, [(0, 0.27), (0.08, 0.27), (0.24, 0.0), (0.32, 0.16), (0.48, 0.0), (0.56, 0.06), (0.64, 0.05), (0.88, 0.0), (0.97, 0.27)]))
        lean = float(keys(t, [(0, 0.95), (0.08, 0.95), (0.24, 0.1), (0.32, 0.1), (0.5, 0.0), (0.88, 0.0), (0.97, 0.95)]))
        z = float(keys(t, [(0, 0.14), (0.2, 0.11), (0.32, 0.09), (0.55, 0.08), (0.64, 0.0), (0.88, 0.0), (0.97, 0.14)]))
        g = self.grip
        p = Pose(pelvis=(0, b.hip_height - 0.01 - down, -0.16 * lean), lean=lean, head_pitch=-0.5 * lean, hands=((g, bar, z), (-g, bar, z)), hands_absolute=True,
                 feet=((0.12, 0, 0.0), (-0.12, 0, 0.0)), knees=((0.5, 0, 1), (-0.5, 0, 1)), elbows=((0.6, -0.6, 0.5), (-0.6, -0.6, 0.5)),
                 toes=((0.4, 0, 0.9), (-0.4, 0, 0.9)))
        p.props['bar'] = (0, bar, z)
        return p

    def props(self, t, pose):
        return barbell(pose.props['bar'], (1, 0, 0), 0.58, 0.19, self.plate)

    def place(self, ctx, cam, rng):
        platform(ctx, cam, rng)


class TennisSwing(Activity):
    NAME = 'TennisSwing'
    PERIOD = (1.5, 2.3)
    YAWS = ((-1.2, 1.2),)
    WIDTH = 0.62
    TOP = 1.3
    OUTDOOR = 1.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.frame = tone(rng, pick(rng, (0.8, 0.1, 0.1), (0.1, 0.1, 0.1), (0.9, 0.9, 0.2), (0.1, 0.3, 0.7)))

    def pose(self, t):
        s = -1 if self.flip else 1  # the hand that holds the racket: -x is right
        a = float(keys(t, [(0.0, 0.4), (0.2, 1.3), (0.42, 1.5), (0.58, 0.0), (0.7, -1.2), (0.85, -1.2)]))  # back swing to follow through
        h = float(keys(t, [(0.0, -0.3), (0.2, -0.1), (0.42, -0.35), (0.58, -0.2), (0.7, 0.35), (0.85, 0.3)]))
        hand = (-s * math.sin(a) * 0.85 - s * 0.15, h, math.cos(a) * 0.8)
        off = (s * 0.5, -0.2, 0.5)
        b = self.body
        low = 0.05 + 0.025 * math.cos(2 * PI * t)
        p = Pose(pelvis=(0, b.hip_height - low, 0), lean=0.18, twist=-s * a * 0.45, hands=(off, hand) if s > 0 else (hand, off),
                 feet=((0.14, 0, 0.08 * s), (-0.14, 0, -0.08 * s)), elbows=((0.7, -1, -0.3), (-0.7, -1, -0.3)), toes=((0.3, 0, 1), (-0.3, 0, 1)))
        p.props['way'] = np.array((-s * math.sin(a * 1.25), 0.35 + 0.5 * max(0.0, -a / 1.2), math.cos(a * 1.25)))
        return p

    def props(self, t, pose):
        n = 'r' if not self.flip else 'l'
        d = pose.props['way'] / np.linalg.norm(pose.props['way'])

        def racket(ctx, cam, j):
            w = j['wrist' + n]
            a, b = w, w + d * 0.17
            e = np.cross(d, (0.3, 0.2, 1.0))
            e = e / np.linalg.norm(e)
            p = cam.project(a)
            line(ctx, p, cam.project(b), 0.025 * p[3], (0.15, 0.15, 0.15))
            c = w + d * 0.29
            for k in np.linspace(-0.07, 0.07, 5):
                line(ctx, cam.project(c + e * k - d * 0.1), cam.project(c + e * k + d * 0.1), 0.7, (0.85, 0.85, 0.8))
                line(ctx, cam.project(c + d * k * 1.3 - e * 0.08), cam.project(c + d * k * 1.3 + e * 0.08), 0.7, (0.85, 0.85, 0.8))
            ctx.new_path()
            for k in range(17):
                v = k * PI / 8
                ctx.line_to(*cam.project(c + d * 0.125 * math.cos(v) + e * 0.095 * math.sin(v))[:2])
            ctx.set_source_rgb(*self.frame)
            ctx.set_line_width(max(1.5, 0.018 * p[3]))
            ctx.stroke()

        def tennis_ball(ctx, cam, j):
            u = t % 1.0
            if 0.25 < u < 0.58:
                k = (0.58 - u) / 0.33
                ball(ctx, cam.project((-0.3 * (1 if n == 'r' else -1), 0.75 + 0.1 * k, 0.4 + 1.6 * k)), 0.03, (0.75, 0.85, 0.15))
        j = np.array((-0.3 if n == 'r' else 0.3, 0.7, 0.3 * d[2]))
        return [(tuple(j), racket), ((0, 0.7, 0.5), tennis_ball)]

    def place(self, ctx, cam, rng):
        if rng.random() < 0.5:
            wall_box(ctx, cam, -4, 4, 0.0, 1.5, tone(rng, (0.1, 0.3, 0.2)), before=0.2)
        tennis_court(ctx, cam, rng)


LEFT_OUT = [CleanAndJerk, PushUps, TennisSwing]
