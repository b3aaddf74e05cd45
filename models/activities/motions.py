# SPDX-License-Identifier: LGPL-2.1-or-later
"""The activities.  Each is a class with
    NAME        folder and label, in UCF101's manner
    PERIOD      seconds of one cycle, (min, max)
    YAWS        ranges of the view (radians; 0 from the front, pi/2 from its right side, pi from behind)
    pose(t)     the pose at t cycles
    props(...)  what is drawn with the figure: list of (depth point, function (ctx, camera, joints))
    place(...)  what stands and lies where it is done, drawn once, behind the figure
A single frame is meant to tell the activity, as it mostly does in UCF101: by the posture, which is never a neutral
one, by what is held, and by the place.
An instance is one person doing it once: its constructor draws the person's habits from rng.  To add an
activity, write a class and add it to ACTIVITIES; nothing else knows them.
"""
import math

import numpy as np

from figure import ANKLE, Pose, shade
from props import alley, ball, barbell, court, door, dumbbell_rack, flag, floor, floor_line, footpath, line, mat, pick, rack, ropes, tone, wall_bars, wall_box

PI = math.pi


def ease(u):
    u = min(max(u, 0.0), 1.0)
    return u * u * (3 - 2 * u)


def keys(t, frames):
    """Smooth interpolation between (time, value) pairs, periodic in 1; values: numbers or tuples."""
    t %= 1.0
    for (t0, a), (t1, b) in zip(frames, frames[1:] + [(frames[0][0] + 1, frames[0][1])]):
        if t0 <= t < t1:
            u = ease((t - t0) / (t1 - t0))
            return np.asarray(a, float) + (np.asarray(b, float) - np.asarray(a, float)) * u
    return keys(t + 1e-9 - (1 if t > frames[-1][0] else 0), frames) if t < frames[0][0] else np.asarray(frames[-1][1], float)


class Activity:
    PERIOD = (1.0, 1.5)
    YAWS = ((-0.6, 0.6),)
    WIDTH = 0.5  # half the room it needs beside the figure
    TOP = 1.2    # height it needs
    OUTDOOR = 0.4
    GROUND = None  # outdoors: the index of its colour in scene.GROUNDS, if it matters

    def __init__(self, body, rng):
        self.body, self.rng = body, rng
        self.amp = rng.uniform(0.85, 1.1)
        self.flip = rng.random() < 0.5
        self.sway_phase = rng.uniform(0, 6.28)

    def sway(self, t, a=0.006):
        return a * math.sin(t * 2.3 + self.sway_phase)

    def props(self, t, pose):
        return []

    def place(self, ctx, cam, rng):
        pass


class JumpingJack(Activity):
    NAME = 'JumpingJack'
    PERIOD = (0.85, 1.3)
    YAWS = ((-0.7, 0.7), (PI - 0.7, PI + 0.7))
    TOP = 1.32
    OUTDOOR = 0.0

    def pose(self, t):
        u = 0.58 - 0.42 * math.cos(2 * PI * t)
        hop = abs(math.sin(2 * PI * t)) * 0.045
        a = min(0.12 + 2.85 * u * min(self.amp, 1.03), 3.0)
        bend = 0.98 - 0.1 * math.sin(PI * u)
        x = 0.045 + 0.17 * u * self.amp
        hand = (math.sin(a) * bend, -math.cos(a) * bend, 0.05)
        hh = self.body.hip_height - 0.005 - x * x * 0.7 + hop
        return Pose(pelvis=(0, hh, 0), hands=(hand, (-hand[0], hand[1], hand[2])),
                    feet=((x, hop, 0), (-x, hop, 0)), elbows=((0.3, -0.6, -0.6), (-0.3, -0.6, -0.6)))

    def place(self, ctx, cam, rng):  # a sports hall
        court(ctx, cam, rng, None, ((0.9, 0.9, 0.9), (0.75, 0.12, 0.1), (0.1, 0.2, 0.65), (0.9, 0.75, 0.1)))
        u = rng.uniform(-0.9, 0.5)
        wall_bars(ctx, cam, rng, u - 0.5, u + 0.9)


class PullUps(Activity):
    NAME = 'PullUps'
    PERIOD = (1.6, 2.6)
    YAWS = ((-0.9, 0.9), (PI - 0.9, PI + 0.9))
    TOP = 1.4
    OUTDOOR = 0.5

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.grip = rng.uniform(0.11, 0.22)
        self.bar = body.hip_height + body.torso + body.arm + rng.uniform(0.0, 0.12)
        self.bend = rng.uniform(0.0, 0.6)
        self.color = [(0.2, 0.2, 0.22), (0.55, 0.55, 0.58), (0.5, 0.15, 0.1), (0.75, 0.7, 0.2)][rng.integers(4)]
        self.posts = rng.uniform(0.42, 0.6)

    def pose(self, t):
        b = self.body
        u = keys(t, [(0.0, 0.0), (0.12, 0.02), (0.45, 1.0), (0.56, 0.98), (0.92, 0.0)])
        low = self.bar - b.arm * 0.98 - b.torso + 0.03
        high = self.bar - b.torso - 0.03
        y = low + (high - low) * float(u) * min(self.amp, 1.0)
        swing = 0.02 * math.sin(2 * PI * t + 1)
        drop = b.leg * (0.99 - 0.35 * self.bend) + ANKLE
        feet = tuple((s * 0.05, y - drop, swing - self.bend * 0.28) for s in (1, -1))
        hands = tuple((s * self.grip, self.bar, 0.02) for s in (1, -1))
        return Pose(pelvis=(0, y, swing * 0.5), lean=-0.05 - 0.12 * float(u), hands=hands, hands_absolute=True, feet=feet,
                    elbows=((1.0, -0.6, -0.1), (-1.0, -0.6, -0.1)), toes=((0.1, -0.8, 0.5), (-0.1, -0.8, 0.5)))

    def props(self, t, pose):
        w = self.posts

        def bar(ctx, cam, j):
            a, b = cam.project((-w, self.bar, 0.02)), cam.project((w, self.bar, 0.02))
            line(ctx, a, b, 0.028 * a[3], self.color)

        def post(s):
            def fn(ctx, cam, j):
                a, b = cam.project((s * w, self.bar, 0.02)), cam.project((s * w, 0.0, 0.02))
                line(ctx, a, b, 0.035 * a[3], shade(self.color, 0.85))
            return fn
        return [((0, self.bar, 0.02), bar), ((w, 0.6, 0.02), post(1)), ((-w, 0.6, 0.02), post(-1))]

    def place(self, ctx, cam, rng):  # the frame's feet and a second, lower bar
        c = shade(self.color, 0.7)
        for s in (-1, 1):
            line(ctx, cam.project((s * self.posts, 0, -0.4)), cam.project((s * self.posts, 0, 0.4)), 0.04 * cam.scale, c)
        w = self.posts
        if rng.random() < 0.5:
            for s in (-1, 1):
                line(ctx, cam.project((s * w, 0, -0.8)), cam.project((s * w, 0.9, -0.8)), 0.03 * cam.scale, c)
            line(ctx, cam.project((-w, 0.9, -0.8)), cam.project((w, 0.9, -0.8)), 0.025 * cam.scale, c)


class Lunges(Activity):
    NAME = 'Lunges'
    PERIOD = (2.8, 4.4)  # one lunge with each leg
    YAWS = ((0.5, 2.4), (-2.4, -0.5))
    WIDTH = 0.6
    OUTDOOR = 0.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.arms = int(rng.integers(3))  # barbell on the shoulders, or dumbbells in the hands
        self.plate = tone(rng, pick(rng, (0.1, 0.1, 0.12), (0.6, 0.1, 0.1), (0.15, 0.25, 0.55), (0.75, 0.65, 0.15)))
        self.radius = rng.uniform(0.09, 0.14)

    def pose(self, t):
        b = self.body
        first = (t % 1.0) < 0.5
        u = float(keys((t % 0.5) * 2, [(0.0, 0.45), (0.3, 1.0), (0.6, 1.0), (0.95, 0.45)]))  # steps on without standing up
        step = 0.46 * self.amp * u
        front, back = step * 0.62, -step * 0.42
        lift = 0.05 * math.sin(PI * u) if 0 < u < 1 else 0.0
        y = b.hip_height - 0.01 - 0.235 * u * self.amp
        feet = [None, None]
        i = 0 if first else 1
        feet[i] = ((1 - 2 * i) * 0.06, lift * (1 - u), front)
        feet[1 - i] = ((2 * i - 1) * 0.06, 0.05 * u, back)
        if self.arms == 1:
            hands, elbows = ((0.12, -0.97, 0.02), (-0.12, -0.97, 0.02)), ((0.2, 0, -1), (-0.2, 0, -1))
        else:
            hands, elbows = ((0.4, 0.08, -0.05), (-0.4, 0.08, -0.05)), ((0.7, -1, -0.4), (-0.7, -1, -0.4))
        toes = [(0.1, 0, 1), (-0.1, 0, 1)]
        toes[1 - i] = (0, -0.55 * u, 1)
        return Pose(pelvis=(0, y, 0.04 * u), lean=0.04 + 0.08 * u, hands=hands, elbows=elbows, feet=tuple(feet), toes=tuple(toes))

    def props(self, t, pose):
        if self.arms != 1:
            b, p = self.body, pose
            y = p.pelvis[1] + b.torso + 0.015
            return barbell((0, y, p.pelvis[2] - 0.045), (1, 0, 0), 0.5, self.radius, self.plate)

        def bell(n):
            def fn(ctx, cam, j):
                p = j['wrist' + n] + np.array((0, -0.03, 0))
                a, b = cam.project(p + np.array((0, 0, -0.07))), cam.project(p + np.array((0, 0, 0.07)))
                line(ctx, a, b, 0.02 * a[3], (0.3, 0.3, 0.3))
                ball(ctx, a, 0.03, (0.12, 0.12, 0.13))
                ball(ctx, b, 0.03, (0.12, 0.12, 0.13))
            return fn
        return [((0.2, 0.4, 0.0), bell('l')), ((-0.2, 0.4, 0.0), bell('r'))]

    def place(self, ctx, cam, rng):  # rubber tiles and a rack for barbells
        c = tone(rng, (0.2, 0.2, 0.22))
        floor(ctx, cam, -5, 5, -5, 5, c)
        for k in np.arange(-5, 5, 0.5):
            floor_line(ctx, cam, (k, -5), (k, 5), 0.012, shade(c, 0.6))
            floor_line(ctx, cam, (-5, k), (5, k), 0.012, shade(c, 0.6))
        rack(ctx, cam, rng, rng.uniform(-0.7, 0.7))


class BodyWeightSquats(Activity):
    NAME = 'BodyWeightSquats'
    PERIOD = (1.7, 2.8)
    YAWS = ((-2.2, 2.2),)
    OUTDOOR = 0.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.arms = int(rng.integers(3))  # forward always (twice as often), behind the head
        self.stance = rng.uniform(0.1, 0.17)

    def pose(self, t):
        b = self.body
        # the knees stay bent at the top
        u = float(keys(t, [(0.0, 0.35), (0.06, 0.35), (0.42, 1.0), (0.62, 1.0), (0.97, 0.35)])) * min(self.amp, 1.0)
        y = b.hip_height - 0.02 - 0.27 * u
        z = -0.15 * u
        x = self.stance
        if self.arms == 2:
            hands, elbows = ((-0.35, 0.4, -0.05), (0.35, 0.4, -0.05)), ((1, 0.2, 0.1), (-1, 0.2, 0.1))
        else:
            v = 1.0
            hands = tuple((s * (0.1 - 0.12 * v), -0.95 + 0.95 * v, 0.05 + 0.88 * v) for s in (1, -1))
            elbows = ((0.5, -1, 0), (-0.5, -1, 0))
        return Pose(pelvis=(0, y, z), lean=0.72 * u, head_pitch=-0.5 * u, hands=hands, elbows=elbows,
                    feet=((x, 0, 0), (-x, 0, 0)), knees=((0.6, 0, 1), (-0.6, 0, 1)), toes=((0.5, 0, 0.9), (-0.5, 0, 0.9)))

    def place(self, ctx, cam, rng):  # a mat, and a rack of dumbbells at the wall
        c = tone(rng, pick(rng, (0.5, 0.2, 0.55), (0.15, 0.45, 0.5), (0.8, 0.35, 0.1), (0.3, 0.6, 0.2)))
        mat(ctx, cam, -0.3, 0.3, -0.6, 0.6, c, 0.012)
        if rng.random() < 0.4:
            wall_box(ctx, cam, -3, 3, 0.15, 1.6, (0.7, 0.76, 0.8), (0.4, 0.42, 0.45))
        dumbbell_rack(ctx, cam, rng, rng.uniform(-0.8, 0.8), int(rng.integers(2, 4)), rng.uniform(0.9, 1.6))


class HandWaving(Activity):
    NAME = 'HandWaving'
    OUTDOOR = 0.0
    PERIOD = (0.7, 1.3)
    YAWS = ((-0.8, 0.8),)
    TOP = 1.3

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.both = rng.random() < 0.2
        self.high = rng.uniform(0.0, 1.0)
        self.stance = rng.uniform(0.04, 0.11)
        self.idle = int(rng.integers(2))

    def place(self, ctx, cam, rng):  # in front of a house
        c = tone(rng, pick(rng, (0.8, 0.75, 0.62), (0.6, 0.3, 0.22), (0.75, 0.78, 0.8), (0.55, 0.62, 0.5)))
        u = rng.uniform(-0.55, 0.55)
        if rng.random() < 0.7:
            wall_box(ctx, cam, u + 0.75, u + 1.45, 0.55, 1.2, (0.5, 0.6, 0.68), (0.9, 0.9, 0.88), edge_width=4)
        if rng.random() < 0.7:
            wall_box(ctx, cam, u - 1.45, u - 0.75, 0.55, 1.2, (0.5, 0.6, 0.68), (0.9, 0.9, 0.88), edge_width=4)
        door(ctx, cam, rng, u)

    def pose(self, t):
        s = math.sin(2 * PI * t) * self.amp
        wave = (0.3 + 0.34 * s - 0.1 * self.high, 0.55 + 0.3 * self.high - 0.08 * abs(s), 0.18)
        idle = (0.12, -0.95, 0.04) if self.idle else (0.0, -0.7, 0.1)
        elbow = (1.0, -0.6, -0.1)
        left = wave if self.both or self.flip else idle
        right = wave if self.both or not self.flip else idle
        sway = self.sway(t)
        return Pose(pelvis=(sway, self.body.hip_height - 0.005, 0), roll=sway * 2,
                    hands=(left, (-right[0], right[1], right[2])), elbows=(elbow, (-elbow[0], elbow[1], elbow[2])),
                    feet=((self.stance, 0, 0), (-self.stance, 0, 0.02)))


class Walking(Activity):
    NAME = 'Walking'
    PERIOD = (0.95, 1.35)
    YAWS = ((1.0, 2.1), (-2.1, -1.0))
    TRAVEL = True
    WIDTH = 0.6
    OUTDOOR = 1.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.coat = tone(rng, pick(rng, (0.25, 0.17, 0.1), (0.75, 0.6, 0.4), (0.12, 0.12, 0.12), (0.85, 0.83, 0.8), (0.5, 0.3, 0.15)))
        self.dog = rng.uniform(0.75, 1.25)
        self.side = 1 if rng.random() < 0.5 else -1
        self.lead = rng.uniform(0.22, 0.34)
        self.stride = rng.uniform(0.55, 0.78) * body.leg / 0.49
        self.travel = rng.random() < 0.7  # else the camera goes along
        self.start = 0.0

    def pose(self, t):
        b = self.body
        z0 = self.start + t * self.stride * self.travel

        def foot(ph, s):
            ph %= 1.0
            if ph < 0.6:  # stance
                z, y = self.stride * (0.3 - ph), 0.0
            else:
                u = (ph - 0.6) / 0.4
                z, y = self.stride * (-0.3 + 0.6 * ease(u)), 0.07 * math.sin(PI * u)
            return (s * 0.04, y, z0 + z)
        fl, fr = foot(t, 1), foot(t + 0.5, -1)
        a = math.sin(2 * PI * t + PI / 2) * 0.42 * self.amp
        y = b.hip_height - 0.022 + 0.012 * math.cos(4 * PI * t)
        hands = tuple((s * 0.1, -0.93 + 0.1 * abs(k), 0.08 - k) for s, k in ((1, a), (-1, -a)))
        toes = tuple((0, -0.5 if 0.5 < ph % 1 < 0.8 else 0.15 if ph % 1 > 0.85 else 0, 1) for ph in (t, t + 0.5))
        return Pose(pelvis=(0, y, z0), lean=0.05, twist=-0.15 * math.sin(2 * PI * t + PI / 2), hands=hands, feet=(fl, fr), toes=toes,
                    elbows=((0.2, 0, -1), (-0.2, 0, -1)))

    def place(self, ctx, cam, rng):
        footpath(ctx, cam, rng)

    def props(self, t, pose):  # a dog on a lead, a step ahead
        x, z, s = self.side * 0.17, pose.pelvis[2] + self.lead, self.dog
        h = 0.2 * s

        def dog(ctx, cam, j):
            c, dark = self.coat, shade(self.coat, 0.75)
            for k, (dz, side) in enumerate(((0.0, 1), (0.27 * s, -1), (0.0, -1), (0.27 * s, 1))):
                a = 0.07 * s * math.sin(4 * PI * t + k * PI)
                top, foot = cam.project((x + side * 0.035 * s, h, z + dz)), cam.project((x + side * 0.035 * s, 0.015, z + dz + a))
                line(ctx, top, foot, 0.04 * s * top[3], dark if k < 2 else c)
            a, b = cam.project((x, h + 0.03 * s, z)), cam.project((x, h + 0.03 * s, z + 0.27 * s))
            line(ctx, a, b, 0.11 * s * a[3], c)
            wag = 0.05 * math.sin(6 * PI * t)
            line(ctx, a, cam.project((x + wag, h + 0.16 * s, z - 0.13 * s)), 0.028 * s * a[3], dark)
            n = cam.project((x, h + 0.15 * s, z + 0.33 * s))
            line(ctx, b, n, 0.075 * s * b[3], c)
            ball(ctx, n, 0.06 * s, c)
            line(ctx, n, cam.project((x, h + 0.12 * s, z + 0.43 * s)), 0.05 * s * n[3], dark)
            line(ctx, cam.project((x, h + 0.2 * s, z + 0.31 * s)), cam.project((x, h + 0.13 * s, z + 0.28 * s)), 0.04 * s * n[3], dark)
            w = cam.project(j['wrist' + ('l' if self.side > 0 else 'r')])
            line(ctx, w, cam.project((x, h + 0.1 * s, z + 0.28 * s)), max(1.2, 0.01 * w[3]), (0.7, 0.1, 0.1))
        return [((x * 1.6, 0.3, z), dog)]


class Boxing(Activity):
    NAME = 'Boxing'
    PERIOD = (0.9, 1.6)
    YAWS = ((-1.9, -0.35), (0.35, 1.9))  # not from the front, where the bag would hide the boxer
    WIDTH = 0.6
    OUTDOOR = 0.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.glove = [(0.75, 0.08, 0.08), (0.1, 0.15, 0.6), (0.12, 0.12, 0.12), (0.85, 0.85, 0.85)][rng.integers(4)]
        self.bag_color = [(0.2, 0.12, 0.1), (0.5, 0.1, 0.1), (0.15, 0.15, 0.18)][rng.integers(3)]

    def pose(self, t):
        b = self.body
        bob = 0.018 * math.sin(4 * PI * t)
        u1 = float(keys(t, [(0.0, 0), (0.12, 1), (0.17, 1), (0.32, 0)]))
        u2 = float(keys(t, [(0.45, 0), (0.6, 1), (0.66, 1), (0.85, 0)])) if (t % 1) >= 0.45 else 0.0

        def hand(s, u):
            guard = np.array((-0.22 * s, 0.12, 0.42))
            out = np.array((-0.25 * s, 0.15, 0.97))
            return tuple(guard + (out - guard) * u)
        f = -1 if self.flip else 1
        return Pose(pelvis=(0, b.hip_height - 0.045 + bob, 0), lean=0.1, twist=f * 0.25 + 0.35 * (u2 - u1), turn=0.0,
                    hands=(hand(1, u1), hand(-1, u2)), elbows=((0.7, -1, 0), (-0.7, -1, 0)),
                    feet=((0.08, 0, 0.13 * f), (-0.08, 0, -0.13 * f)), toes=((0.3, 0, 1), (-0.4, 0, 1)))

    def props(self, t, pose):
        out = []
        for n, x in (('l', 0.08), ('r', -0.08)):
            def glove(ctx, cam, j, n=n):
                d = j['wrist' + n] - j['elbow' + n]
                ball(ctx, cam.project(j['wrist' + n] + d / np.linalg.norm(d) * 0.03), 0.056, self.glove)
            # in front of the chest or the arm it belongs to
            out.append(((x, 0.75, 0.2), glove))
        z = self.body.arm + 0.19

        def bag(ctx, cam, j):
            sw = 0.03 * math.sin(2 * PI * t)
            a, b = cam.project((0, 1.12, z + sw)), cam.project((0, 0.55, z + sw * 2))
            line(ctx, cam.project((0, 1.9, z)), a, 0.015 * a[3], (0.4, 0.4, 0.4))
            line(ctx, a, b, 0.2 * a[3], shade(self.bag_color, 0.7))
            line(ctx, (a[0] - 0.02 * a[3], a[1]), (b[0] - 0.02 * b[3], b[1]), 0.14 * a[3], self.bag_color)
            for h in (0.72, 0.95):
                p = cam.project((0, h, z + sw * 1.5))
                line(ctx, (p[0] - 0.085 * p[3], p[1]), (p[0] + 0.085 * p[3], p[1]), 0.02 * p[3], shade(self.bag_color, 1.6))
        out.append(((0, 0.9, z), bag))
        return out

    def place(self, ctx, cam, rng):
        c = tone(rng, pick(rng, (0.35, 0.42, 0.55), (0.55, 0.5, 0.45), (0.3, 0.3, 0.32)))
        floor(ctx, cam, -6, 6, -6, 6, c)
        ropes(ctx, cam, rng)


class Bowling(Activity):
    NAME = 'Bowling'
    PERIOD = (2.6, 3.6)
    YAWS = ((1.0, 3.0), (-3.0, -1.0))
    WIDTH = 0.65
    OUTDOOR = 0.0

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.color = [(0.1, 0.1, 0.35), (0.5, 0.05, 0.1), (0.05, 0.05, 0.05), (0.1, 0.4, 0.2), (0.6, 0.25, 0.05)][rng.integers(5)]
        self.lane = (0.78 * rng.uniform(0.85, 1.1), 0.58 * rng.uniform(0.85, 1.1), 0.35)

    # time: hold, push away, back swing, release in a deep slide, hold the follow through
    def pose(self, t):
        b = self.body
        z = float(keys(t, [(0, -0.42), (0.15, -0.42), (0.55, 0.12), (0.95, 0.16)]))
        crouch = float(keys(t, [(0, 0.03), (0.3, 0.05), (0.5, 0.2), (0.62, 0.2), (0.9, 0.08)]))
        lean = float(keys(t, [(0, 0.15), (0.3, 0.35), (0.5, 0.85), (0.6, 0.8), (0.9, 0.25)]))
        hand = keys(t, [(0, (-0.05, -0.25, 0.55)), (0.15, (-0.05, -0.3, 0.6)), (0.28, (0.0, -0.95, 0.1)), (0.42, (0.05, -0.45, -0.85)),
                        (0.52, (0.0, -0.97, 0.1)), (0.62, (0.0, 0.2, 0.9)), (0.85, (0.0, 0.3, 0.8))])
        off = keys(t, [(0, (0.1, -0.3, 0.5)), (0.28, (0.4, -0.75, 0.2)), (0.45, (0.9, -0.3, 0.1)), (0.65, (0.85, -0.2, -0.3)), (0.95, (0.3, -0.8, 0.1))])
        slide = float(keys(t, [(0, 0.03), (0.2, 0.05), (0.5, 0.24), (0.7, 0.22), (0.95, 0.06)]))
        trail = float(keys(t, [(0, -0.02), (0.2, -0.15), (0.5, -0.4), (0.7, -0.36), (0.95, -0.04)]))
        cross = float(keys(t, [(0, 0.06), (0.3, 0.06), (0.52, -0.14), (0.7, -0.12), (0.95, 0.06)]))
        y = b.hip_height - crouch
        hands = (tuple(off), (-hand[0], hand[1], hand[2]))
        feet = ((0.05, 0, z + slide), (-cross, 0.04 if trail < -0.2 else 0.0, z + trail))
        p = Pose(pelvis=(0, y, z), lean=lean, head_pitch=-lean * 0.6, hands=hands, feet=feet,
                 elbows=((0.5, 0.2, -1), (-0.5, -0.2, -1)), toes=((0, 0, 1), (0, -0.4 if trail < -0.2 else 0, 1)))
        return p

    def props(self, t, pose):
        ph = t % 1.0
        held = ph < 0.535

        def thing(ctx, cam, j):
            if held:
                ball(ctx, cam.project(j['wristr'] + np.array((0, -0.05, 0.02))), 0.062, self.color)
            else:
                ball(ctx, cam.project((-0.06, 0.062, 0.25 + (ph - 0.535) * 5.0)), 0.062, self.color)
        where = (-0.25, 0.5, 0.2) if held else (-0.06, 0.06, 0.25 + (ph - 0.535) * 5.0)
        return [(where, thing)]

    def place(self, ctx, cam, rng):
        alley(ctx, cam, rng, self.lane)


class GolfSwing(Activity):
    NAME = 'GolfSwing'
    PERIOD = (2.2, 3.2)
    YAWS = ((-0.7, 0.7), (-2.0, -1.2), (1.2, 2.0))
    WIDTH = 0.6
    TOP = 1.25
    OUTDOOR = 1.0
    GROUND = 0

    def place(self, ctx, cam, rng):
        flag(ctx, cam, rng)

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.stance = rng.uniform(0.11, 0.16)

    def pose(self, t):
        # angle of the arms in the swing plane: 0 down at the ball, positive to the figure's right (back swing)
        a = float(keys(t, [(0.0, 0.0), (0.14, 0.0), (0.4, 2.35), (0.46, 2.35), (0.56, 0.0), (0.68, -2.3), (0.88, -2.4)])) * min(self.amp, 1.04)
        s = -1 if self.flip else 1  # a left-handed player mirrors
        lean = 0.52 - 0.3 * max(0.0, -a / 2.4)
        turn = -s * a * 0.38
        plane = 0.62  # tilt of the swing plane towards the ball
        d = np.array((-s * math.sin(a), -math.cos(a) * math.cos(plane * 0.6), math.cos(a) * math.sin(plane * 0.75) + 0.18))
        d = d / np.linalg.norm(d)
        b = self.body
        neck = np.array((0, b.hip_height - 0.03 + b.torso * math.cos(lean), b.torso * math.sin(lean)))
        grip = neck + d * b.arm * 0.93 + np.array((0, -0.03, 0.02))
        wrist_cock = a * 1.45 if abs(a) < 1.2 else math.copysign(1.74 + (abs(a) - 1.2) * 1.15, a)
        c = np.array((-s * math.sin(wrist_cock), -math.cos(wrist_cock) * 0.78, math.cos(wrist_cock) * 0.55 + 0.1))
        c = c / np.linalg.norm(c)
        x = self.stance
        p = Pose(pelvis=(s * 0.04 * -a / 2.4, b.hip_height - 0.035, -0.07), lean=lean, twist=turn, head_pitch=0.25,
                 hands=(tuple(grip), tuple(grip + np.array((0, -0.03, 0.01)))), hands_absolute=True,
                 feet=((x, 0, 0), (-x, 0, 0)), elbows=((0.5, -0.7, -0.3), (-0.5, -0.7, -0.3)), toes=((0.3, 0, 1), (-0.3, 0, 1)))
        p.props['club'] = (grip, grip + c * 0.46 * b.leg / 0.49)
        return p

    def props(self, t, pose):
        g, h = pose.props['club']

        def club(ctx, cam, j):
            a, b = cam.project(g), cam.project(h)
            line(ctx, a, b, max(1.3, 0.011 * a[3]), (0.25, 0.25, 0.27))
            ball(ctx, b, 0.026, (0.45, 0.45, 0.47))

        def tee(ctx, cam, j):
            if (t % 1.0) < 0.56:
                ball(ctx, cam.project((0, 0.015, 0.42)), 0.016, (0.95, 0.95, 0.95))
        return [(tuple(g), club), ((0, 0, 0.42), tee)]


class Handstand(Activity):
    NAME = 'Handstand'
    PERIOD = (2.0, 3.4)
    YAWS = ((-3.14, 3.14),)
    TOP = 1.35

    def __init__(self, body, rng):
        super().__init__(body, rng)
        self.kind = int(rng.integers(3))  # hold, scissors, push-ups
        self.grip = rng.uniform(0.1, 0.15)

    def pose(self, t):
        b = self.body
        s = math.sin(2 * PI * t)
        dip = 0.12 * (0.5 - 0.5 * math.cos(2 * PI * t)) if self.kind == 2 else 0.0
        top = b.arm * 0.97 + 0.02 - dip
        sway = 0.015 * s + self.sway(t, 0.01)
        y = top + b.torso - 0.03
        split = (0.16 + 0.3 * s) if self.kind == 1 else 0.03 * s
        legs = tuple((k * 0.05, y + b.leg * (0.97 - abs(split) * 0.35) - ANKLE, sway + k * split * 0.7) for k in (1, -1))
        hands = tuple((k * self.grip, 0.02, 0.02) for k in (1, -1))
        return Pose(pelvis=(0, y, sway), lean=PI + 0.05 * s, head_pitch=-0.25, hands=(hands[0], hands[1]), hands_absolute=True, feet=legs,
                    knees=((0, 0, -1), (0, 0, -1)), elbows=((0.8, 0.1, 0.6), (-0.8, 0.1, 0.6)), toes=((0, 0.9, -0.3), (0, 0.9, -0.3)))

    def place(self, ctx, cam, rng):  # thick gymnastics mats
        c = tone(rng, pick(rng, (0.12, 0.25, 0.6), (0.65, 0.12, 0.12), (0.1, 0.45, 0.3)))
        mat(ctx, cam, -0.9, 0.9, -0.55, 0.55, c, 0.07)
        floor_line(ctx, cam, (0, -0.55), (0, 0.55), 0.02, shade(c, 0.5))


ACTIVITIES = [BodyWeightSquats, Bowling, Boxing, GolfSwing, HandWaving, Handstand, JumpingJack, Lunges, PullUps, Walking]
