# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stands, lies and is held in a place: lines, balls, floors, mats, racks, bars, doors, nets.

Positions are in the body frame (see figure.py) or, for what stands at the wall, relative to the camera: at_wall()
gives the point u to the right, h above the ground, on the wall.  floor() and face() cut what they draw where the
wall stands and before it reaches the camera.
"""
import math

import cairo
import numpy as np

from figure import rot_y, shade


def line(ctx, a, b, width, color):
    ctx.set_line_cap(cairo.LINE_CAP_ROUND)
    ctx.set_line_width(width)
    ctx.set_source_rgb(*color)
    ctx.move_to(*a[:2])
    ctx.line_to(*b[:2])
    ctx.stroke()


def ball(ctx, p, radius, color):
    r = radius * p[3]
    g = cairo.RadialGradient(p[0] - r * 0.35, p[1] - r * 0.4, r * 0.1, p[0], p[1], r)
    g.add_color_stop_rgb(0, *shade(color, 1.7))
    g.add_color_stop_rgb(1, *shade(color, 0.7))
    ctx.new_path()
    ctx.arc(p[0], p[1], r, 0, 7)
    ctx.set_source(g)
    ctx.fill()


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def tone(rng, color, spread=0.25):
    """The colour as this maker paints it."""
    return tuple(np.clip(np.array(color) * rng.uniform(1 - spread, 1 + spread) + rng.uniform(-0.05, 0.05, 3), 0.02, 0.98))


def depth(cam, p):
    return cam.project(p)[2]


def face(ctx, cam, points, color, edge=None, edge_width=1.0):
    """A flat polygon, cut at the wall and in front of the camera."""
    near, far = cam.distance * 0.72, -cam.wall
    for limit, sign in ((near, 1), (far, -1)):
        out = []
        for a, b in zip(points, points[1:] + points[:1]):
            a, b = np.asarray(a, float), np.asarray(b, float)
            da, db = sign * (limit - depth(cam, a)), sign * (limit - depth(cam, b))
            if da >= 0:
                out.append(a)
            if (da >= 0) != (db >= 0):
                out.append(a + (b - a) * (da / (da - db)))
        points = out
        if len(points) < 3:
            return
    ctx.new_path()
    for p in points:
        ctx.line_to(*cam.project(p)[:2])
    ctx.close_path()
    ctx.set_source_rgb(*color)
    ctx.fill_preserve()
    if edge:
        ctx.set_source_rgb(*edge)
        ctx.set_line_width(edge_width)
        ctx.stroke()
    ctx.new_path()


def floor(ctx, cam, x0, x1, z0, z1, color, edge=None, y=0.0, edge_width=1.0):
    face(ctx, cam, [(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], color, edge, edge_width)


def floor_line(ctx, cam, a, b, width, color):
    """A painted line from a to b = (x, z) of a width in units."""
    d = np.array((b[0] - a[0], b[1] - a[1]), float)
    n = np.array((-d[1], d[0])) / np.linalg.norm(d) * width / 2
    face(ctx, cam, [(a[0] + n[0], 0, a[1] + n[1]), (b[0] + n[0], 0, b[1] + n[1]), (b[0] - n[0], 0, b[1] - n[1]), (a[0] - n[0], 0, a[1] - n[1])], color)


def mat(ctx, cam, x0, x1, z0, z1, color, thick=0.03):
    """A mat whose top is at ground level: its edges are seen below it."""
    for a, b in (((x0, z0), (x1, z0)), ((x1, z0), (x1, z1)), ((x1, z1), (x0, z1)), ((x0, z1), (x0, z0))):
        face(ctx, cam, [(a[0], 0, a[1]), (b[0], 0, b[1]), (b[0], -thick, b[1]), (a[0], -thick, a[1])], shade(color, 0.6))
    floor(ctx, cam, x0, x1, z0, z1, color, shade(color, 0.75))


def view(cam, u, h, w):
    """The point u right of, h above and w in front of the origin as the camera sees it."""
    return rot_y(np.array((u, h, w), float), -cam.yaw)


def at_wall(cam, u, h, before=0.0):
    """A point on the wall (or on the far end of the ground that is drawn), before units in front of it."""
    w = -min(cam.wall, 2.6) + before
    return view(cam, u, h, w * math.cos(cam.elevation))


def wall_box(ctx, cam, u0, u1, h0, h1, color, edge=None, before=0.0, edge_width=1.5):
    face(ctx, cam, [at_wall(cam, u0, h0, before + 0.02), at_wall(cam, u1, h0, before + 0.02), at_wall(cam, u1, h1, before + 0.02),
                    at_wall(cam, u0, h1, before + 0.02)], color, edge, edge_width)


def wall_line(ctx, cam, u0, h0, u1, h1, width, color, before=0.0):
    a, b = cam.project(at_wall(cam, u0, h0, before)), cam.project(at_wall(cam, u1, h1, before))
    line(ctx, a, b, width * a[3], color)


def disc(ctx, cam, centre, axis, radius, color, hole=None):
    """A round plate across an axis."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    e = np.cross(axis, (0.0, 1.0, 0.0))
    e = e / max(np.linalg.norm(e), 1e-6)
    f = np.cross(axis, e)
    for r, c in ((radius, color), (radius * 0.62, shade(color, 0.8)), (radius * 0.22, hole or (0.6, 0.6, 0.62))):
        ctx.new_path()
        for k in range(20):
            q = cam.project(np.asarray(centre) + (e * math.cos(k * math.pi / 10) + f * math.sin(k * math.pi / 10)) * r)
            ctx.line_to(*q[:2])
        ctx.close_path()
        ctx.set_source_rgb(*c)
        ctx.fill_preserve()
        ctx.set_source_rgb(*shade(c, 0.5))
        ctx.set_line_width(1.2)
        ctx.stroke()


def barbell(centre, axis, half, radius, color):
    """A bar with plates, as items for a figure's props: the bar and each end are sorted by depth by themselves."""
    centre, axis = np.asarray(centre, float), np.asarray(axis, float) / np.linalg.norm(axis)

    def bar(ctx, cam, j):
        a, b = cam.project(centre - axis * half), cam.project(centre + axis * half)
        line(ctx, a, b, 0.022 * a[3], (0.62, 0.62, 0.64))

    def end(s):
        def fn(ctx, cam, j):
            near = 1 if depth(cam, centre + axis * s) > depth(cam, centre) else -1
            for k in ((0.9, 0.98) if near > 0 else (0.98, 0.9)):
                disc(ctx, cam, centre + axis * s * half * k, axis, radius * (1.0 if k < 0.95 else 0.75), color if k < 0.95 else shade(color, 1.3))
        return fn
    return [(tuple(centre), bar), (tuple(centre + axis * half), end(1)), (tuple(centre - axis * half), end(-1))]


def dumbbell_rack(ctx, cam, rng, u, shelves=2, width=1.1):
    c = tone(rng, (0.2, 0.2, 0.22), 0.4)
    for s in (-0.5, 0.5):
        wall_line(ctx, cam, u + s * width, 0, u + s * width, 0.28 * shelves + 0.05, 0.04, c, 0.2)
    for k in range(shelves):
        h = 0.16 + 0.28 * k
        wall_line(ctx, cam, u - width / 2, h, u + width / 2, h, 0.04, c, 0.2)
        n = int(width / 0.13)
        for i in range(n):
            p = cam.project(at_wall(cam, u - width / 2 + (i + 0.5) * width / n, h + 0.055, 0.22))
            ball(ctx, p, 0.042 + 0.012 * (i / n), (0.1, 0.1, 0.11))


def rack(ctx, cam, rng, u):
    """A tall rack with a loaded barbell on its hooks."""
    c, w = tone(rng, pick(rng, (0.75, 0.72, 0.1), (0.7, 0.12, 0.1), (0.15, 0.15, 0.17), (0.8, 0.8, 0.82))), rng.uniform(0.3, 0.38)
    for s in (-1, 1):
        wall_line(ctx, cam, u + s * w, 0, u + s * w, 1.45, 0.06, c, 0.2)
    wall_line(ctx, cam, u - w, 1.45, u + w, 1.45, 0.06, c, 0.2)
    h, plate = rng.uniform(0.7, 0.95), tone(rng, pick(rng, (0.1, 0.1, 0.12), (0.6, 0.1, 0.1), (0.15, 0.25, 0.55)))
    wall_line(ctx, cam, u - 0.65, h, u + 0.65, h, 0.022, (0.62, 0.62, 0.64), 0.25)
    for k in (-0.6, -0.53, 0.53, 0.6):
        wall_line(ctx, cam, u + k, h - 0.13, u + k, h + 0.13, 0.045, plate, 0.25)


def wall_bars(ctx, cam, rng, u0, u1, top=1.5):
    wood = tone(rng, (0.72, 0.5, 0.28))
    for u in np.linspace(u0, u1, 4):
        wall_line(ctx, cam, u, 0, u, top, 0.05, shade(wood, 0.75))
    for h in np.arange(0.08, top, 0.11):
        wall_line(ctx, cam, u0, h, u1, h, 0.026, wood)


def ropes(ctx, cam, rng):
    """A boxing ring's ropes behind the boxer, with a padded post."""
    colors = [tone(rng, c) for c in ((0.8, 0.1, 0.1), (0.85, 0.85, 0.85), (0.1, 0.2, 0.7))]
    for h, c in zip((0.35, 0.58, 0.81), colors):
        wall_line(ctx, cam, -3, h, 3, h, 0.035, c, 0.5)
    u = rng.uniform(0.5, 0.9) * (1 if rng.random() < 0.5 else -1)
    wall_line(ctx, cam, u, 0.0, u, 0.95, 0.1, pick(rng, *colors), 0.5)


def door(ctx, cam, rng, u):
    """A front door with frame, pane, handle and steps."""
    c, frame = pick(rng, *(tone(rng, k) for k in ((0.55, 0.1, 0.1), (0.1, 0.3, 0.2), (0.12, 0.2, 0.45), (0.5, 0.32, 0.16)))), tone(rng, (0.88, 0.87, 0.83), 0.1)
    wall_box(ctx, cam, u - 0.36, u + 0.36, 0, 1.38, frame, shade(frame, 0.6))
    wall_box(ctx, cam, u - 0.28, u + 0.28, 0, 1.3, c, shade(c, 0.5))
    for h0, h1 in ((0.12, 0.55), (0.7, 1.18)):
        glass = h0 > 0.5 and rng.random() < 0.6
        wall_box(ctx, cam, u - 0.19, u + 0.19, h0, h1, (0.65, 0.75, 0.8) if glass else shade(c, 0.85), shade(c, 0.6))
    ball(ctx, cam.project(at_wall(cam, u + 0.23, 0.62, 0.04)), 0.025, (0.75, 0.65, 0.3))
    for s in (-1, 1):  # potted plants
        if rng.random() < 0.7:
            x = u + s * rng.uniform(0.5, 0.62)
            wall_box(ctx, cam, x - 0.08, x + 0.08, 0, 0.18, tone(rng, (0.6, 0.32, 0.2)), before=0.1)
            g = tone(rng, (0.15, 0.4, 0.12))
            for _ in range(12):
                ball(ctx, cam.project(at_wall(cam, x + rng.normal(0, 0.07), 0.3 + rng.normal(0, 0.08), 0.1)), 0.05, shade(g, rng.uniform(0.7, 1.2)))
    p = view(cam, 0, 0, 0)
    m = tone(rng, (0.4, 0.3, 0.2))
    face(ctx, cam, [view(cam, -0.34, 0, -0.22), view(cam, 0.34, 0, -0.22), view(cam, 0.34, 0, 0.2), view(cam, -0.34, 0, 0.2)], m, shade(m, 0.6), 2)


def court(ctx, cam, rng, color, lines, spacing=0.95):
    """A sports hall's floor: painted lines and a circle."""
    c = pick(rng, *lines)
    o = rng.uniform(-0.4, 0.4, 2)
    for k in (-2, 0, 1):
        floor_line(ctx, cam, (-6, o[1] + k * spacing), (6, o[1] + k * spacing), 0.055, c)
        floor_line(ctx, cam, (o[0] + k * spacing, -6), (o[0] + k * spacing, 6), 0.055, pick(rng, *lines))
    pts = [(o[0] + 0.8 * math.cos(k * math.pi / 16), 0, o[1] + 0.8 * math.sin(k * math.pi / 16)) for k in range(33)]
    for a, b in zip(pts, pts[1:]):
        floor_line(ctx, cam, (a[0], a[2]), (b[0], b[2]), 0.05, c)


def flag(ctx, cam, rng):
    """A golf green: mown stripes, sand, a flag in its hole."""
    g = tone(rng, (0.3, 0.55, 0.2), 0.2)
    for k in range(-8, 9, 2):
        floor(ctx, cam, k * 0.5, k * 0.5 + 0.5, -14, 5, g)
    for _ in range(rng.integers(1, 3)):
        u, w, r = rng.uniform(-2.2, 2.2), -rng.uniform(1.2, 2.2), rng.uniform(0.35, 0.7)
        face(ctx, cam, [view(cam, u + r * math.cos(k * math.pi / 9), 0, w + 0.45 * r * math.sin(k * math.pi / 9)) for k in range(18)], tone(rng, (0.85, 0.77, 0.55), 0.1))
    u = rng.uniform(0.45, 0.95) * (1 if rng.random() < 0.5 else -1)
    w = -rng.uniform(0.8, 1.8)
    a, b = cam.project(view(cam, u, 0, w)), cam.project(view(cam, u, 0.95, w))
    ctx.save()
    ctx.translate(a[0], a[1])
    ctx.scale(1, 0.4)
    ctx.arc(0, 0, 0.07 * a[3], 0, 7)
    ctx.restore()
    ctx.set_source_rgb(0.08, 0.1, 0.06)
    ctx.fill()
    line(ctx, a, b, max(1.5, 0.016 * a[3]), (0.92, 0.92, 0.88))
    s = 0.28 * b[3] * (1 if rng.random() < 0.5 else -1)
    ctx.move_to(b[0], b[1]), ctx.line_to(b[0] + s, b[1] + 0.08 * b[3]), ctx.line_to(b[0], b[1] + 0.17 * b[3])
    ctx.set_source_rgb(*pick(rng, (0.85, 0.1, 0.1), (0.9, 0.8, 0.1), (0.95, 0.95, 0.95), (0.15, 0.25, 0.7)))
    ctx.fill()


def alley(ctx, cam, rng, wood):
    """Bowling lanes beside each other with gutters, marks and pins."""
    for n in range(-3, 4):
        x = n * 0.85 - 0.05
        c = tone(rng, wood, 0.05)
        floor(ctx, cam, x - 0.35, x + 0.35, -0.1, 9, c, shade(c, 0.6))
        for k in (-0.21, -0.07, 0.07, 0.21):
            floor_line(ctx, cam, (x + k, -0.1), (x + k, 9), 0.012, shade(c, 0.75))
        for s in (-0.385, 0.385):
            floor(ctx, cam, x + s - 0.035, x + s + 0.035, 0.0, 9, (0.12, 0.12, 0.13))
        for k in range(-2, 3):
            z = 1.2 - abs(k) * 0.12
            face(ctx, cam, [(x + k * 0.13 - 0.03, 0, z), (x + k * 0.13 + 0.03, 0, z), (x + k * 0.13, 0, z + 0.16)], (0.35, 0.1, 0.08))
    c = tone(rng, wood, 0.1)
    floor(ctx, cam, -4, 4, -4, -0.1, shade(c, 0.9))
    floor_line(ctx, cam, (-4, -0.1), (4, -0.1), 0.05, (0.1, 0.1, 0.1))
    # the pins stand where the lanes end: at the wall or four units away
    for n in range(-3, 4):
        x = n * 0.85 - 0.05
        z = 4.0
        while depth(cam, (x, 0, z)) < -cam.wall + 0.3 and z > 1.2:
            z -= 0.2
        if depth(cam, (x, 0, z)) > cam.distance * 0.5:
            continue
        for r in range(4):
            for k in range(r + 1):
                q = (x + (k - r / 2) * 0.1, 0, z + r * 0.07 - 0.2)
                a, b = cam.project(q), cam.project((q[0], 0.2, q[2]))
                line(ctx, a, b, 0.045 * a[3], (0.93, 0.92, 0.88))
                line(ctx, cam.project((q[0], 0.14, q[2])), cam.project((q[0], 0.15, q[2])), 0.047 * a[3], (0.8, 0.1, 0.1))


def footpath(ctx, cam, rng):
    """A path along the walk between verges, with a fence or lamps behind."""
    c, k = tone(rng, (0.62, 0.58, 0.52)), tone(rng, (0.78, 0.76, 0.72), 0.1)
    floor(ctx, cam, -0.38, 0.38, -9, 9, c)
    for x in (-0.4, 0.4):
        floor_line(ctx, cam, (x, -9), (x, 9), 0.05, k)
    for z in np.arange(-9, 9, 0.45):
        floor_line(ctx, cam, (-0.38, z), (0.38, z), 0.012, shade(c, 0.75))
    side = -1 if cam.yaw > 0 else 1  # the far side of a walker seen from the side
    far = [x for x in (-1.0, 1.0) if depth(cam, (x, 0, 0)) < 0]
    x = far[0] if far else side
    if rng.random() < 0.6:
        c = tone(rng, pick(rng, (0.85, 0.84, 0.8), (0.45, 0.3, 0.18)), 0.15)
        for z in np.arange(-6, 6, 0.22):
            a, b = cam.project((x, 0, z)), cam.project((x, 0.42, z))
            line(ctx, a, b, 0.05 * a[3], c)
        for h in (0.13, 0.33):
            line(ctx, cam.project((x, h, -6)), cam.project((x, h, 6)), 0.04 * cam.scale, shade(c, 0.85))
    else:
        for z in np.arange(-6, 6, 1.6) + rng.uniform(0, 1.5):
            a, b = cam.project((x, 0, z)), cam.project((x, 1.6, z))
            line(ctx, a, b, 0.04 * a[3], (0.18, 0.2, 0.2))
            ball(ctx, b, 0.09, (0.85, 0.83, 0.7))


def tennis_court(ctx, cam, rng):
    """Court, lines and the net across it in front of the player."""
    c = pick(rng, (0.62, 0.3, 0.18), (0.18, 0.38, 0.6), (0.2, 0.45, 0.3))
    c = tone(rng, c, 0.15)
    floor(ctx, cam, -6, 6, -6, 8, shade(c, 0.85))
    floor(ctx, cam, -2.5, 2.5, -0.5, 8, c)
    for a, b in (((-2.5, -0.5), (2.5, -0.5)), ((-2.5, -0.5), (-2.5, 8)), ((2.5, -0.5), (2.5, 8)), ((0, 0.6), (0, 1.6)), ((-2, 0.6), (2, 0.6))):
        floor_line(ctx, cam, a, b, 0.06, (0.93, 0.93, 0.92))
    # the net is set up across the view, behind the player
    n = (0.1, 0.12, 0.12)
    for u in np.arange(-3.2, 3.2, 0.09):
        wall_line(ctx, cam, u, 0, u, 0.52, 0.006, n, 0.9)
    for h in np.arange(0.05, 0.5, 0.09):
        wall_line(ctx, cam, -3.2, h, 3.2, h, 0.006, n, 0.9)
    wall_line(ctx, cam, -3.2, 0.52, 3.2, 0.52, 0.045, (0.95, 0.95, 0.95), 0.9)


def platform(ctx, cam, rng):
    """A weight lifter's platform and discs leaning at the wall."""
    w = tone(rng, (0.68, 0.48, 0.28))
    floor(ctx, cam, -1.25, 1.25, -0.8, 0.8, (0.12, 0.12, 0.13))
    floor(ctx, cam, -0.6, 0.6, -0.8, 0.8, w, shade(w, 0.6))
    for k in np.arange(-0.6, 0.61, 0.15):
        floor_line(ctx, cam, (k, -0.8), (k, 0.8), 0.008, shade(w, 0.7))
    for _ in range(rng.integers(2, 6)):
        u = rng.uniform(-1.3, 1.3)
        disc(ctx, cam, at_wall(cam, u, 0.14, 0.15), view(cam, 0.3, 0, 1), 0.14, tone(rng, pick(rng, (0.7, 0.1, 0.1), (0.1, 0.2, 0.6), (0.8, 0.7, 0.1), (0.1, 0.1, 0.1))))
