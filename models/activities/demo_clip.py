#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Renders the shipped demo clips: one person, not in the training set, does several things one after the other in
front of a camera that does not move.

    demo_clip.py OUT
        OUT/demo.ts            indoors, MPEG-2 with GOP 15 and no B pictures
        OUT/demo-outdoors.mpg  outdoors, MPEG-2 with GOP 12 and 2 B pictures
    demo_clip.py --calibration OUT
        OUT/calibration-NN.ts  twelve more of the kind, other persons and places, every third in H.264: 00 to 05 for
                               deltacnn-calibrate, 06 to 11 to see what it found
"""
import math
import os
import sys

from figure import Body, Camera
from motions import ACTIVITIES
from render import FPS, Clip, encode, seed
from scene import WIDTH

BY_NAME = {a.NAME: a for a in ACTIVITIES}
SCALE, GROUND = 148.0, 224.0


def sequence(group, outdoor, parts, noise):
    """parts: (activity, seconds, yaw).  Yields RGB frames.  The place stays; what an activity needs is brought there."""
    body = Body.random(seed('person', group))
    elevation, distance = 0.1, 5.0
    wall = 30.0 if outdoor else 2.5
    for k, (name, seconds, yaw) in enumerate(parts):
        frames = round(seconds * FPS)
        view = Camera(yaw, elevation, SCALE, distance, WIDTH / 2, GROUND, wall)
        c = Clip(BY_NAME[name], group, 50 + k, frames, body=body, view=view, place=(seed('demo scene', group), outdoor, False))
        c.scene.noise, c.scene.gain, c.scene.gamma = noise, 1.1, 0.9
        c.scene.pan[:] = 0
        c.scene.develop()
        c.follow = False
        if name == 'Walking':
            c.act.travel, c.act.stride, c.act.flip = True, 0.6, False
            c.act.start = -(frames / c.period) * 0.3 - c.phase * 0.6
        for i in range(frames):
            yield c.frame(i)


def calibration_clips(out):
    names = sorted(BY_NAME)
    for n in range(12):
        # every activity of the ten in three clips
        parts = [(names[(n * 5 + k * (1 if n < 6 else 3)) % len(names)], 2.4, (-0.4, 0.3, 0.9, 1.4, 0.1)[k]) for k in range(5)]
        outdoor = n % 2 == 1
        form = ('h264', 40, 2, 24) if n % 3 == 2 else ('mpeg2', 15, 0, 6)
        encode(os.path.join(out, f'calibration-{n:02d}.ts'), sequence(261 + n, outdoor, parts, 0.6 if outdoor else 0.8),
               seed('calibration', n), *form)


def main():
    out = sys.argv[-1]
    os.makedirs(out, exist_ok=True)
    if sys.argv[1] == '--calibration':
        calibration_clips(out)
        return
    encode(os.path.join(out, 'demo.ts'),
           sequence(251, False, [('HandWaving', 2.6, 0.2), ('JumpingJack', 3.0, -0.2), ('BodyWeightSquats', 4.0, 0.9),
                                ('Boxing', 3.0, 1.1), ('Lunges', 3.6, 1.4), ('Handstand', 3.0, 0.4)], 0.8), None, 'mpeg2', 15, 0, 6)
    encode(os.path.join(out, 'demo-outdoors.mpg'),
           sequence(254, True, [('Walking', 3.0, math.pi / 2), ('PullUps', 4.0, 0.3), ('GolfSwing', 5.0, 0.3),
                               ('JumpingJack', 2.6, 0.0)], 0.6), None, 'mpeg2', 12, 2, 6)


if __name__ == '__main__':
    main()
