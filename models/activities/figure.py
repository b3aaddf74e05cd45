# SPDX-License-Identifier: LGPL-2.1-or-later
"""An articulated human figure: proportions, inverse kinematics, projection and drawing.

Body frame: x to the figure's left, y up, z forward; unit: the height of a standing figure of standard
proportions; the origin is the ground below the pelvis at the start of the clip.  A pose gives the pelvis, the
torso's angles and where the hands and feet are; knees and elbows follow from two-bone inverse kinematics.
"""
import math
from dataclasses import dataclass, field

import cairo
import numpy as np

ANKLE = 0.04


@dataclass
class Body:
    """Proportions (lengths in standing heights) and looks of one person."""
    leg: float = 0.49       # hip to ankle
    torso: float = 0.29     # hip centre to shoulder centre
    arm: float = 0.36       # shoulder to wrist
    shoulder: float = 0.115  # half widths
    hip: float = 0.058
    head: float = 0.066     # radius
    girth: float = 1.0
    skin: tuple = (0.8, 0.6, 0.5)
    hair: tuple = (0.2, 0.12, 0.08)
    hair_style: int = 0     # 0 short, 1 long, 2 bald, 3 cap
    top: tuple = (0.6, 0.1, 0.1)
    top_stripe: tuple | None = None
    sleeve: float = 0.5     # 0 none, 0.5 upper arm, 1 all of it
    bottom: tuple = (0.1, 0.1, 0.4)
    trouser: float = 1.0    # 0.5 shorts, 1 long
    shoe: tuple = (0.1, 0.1, 0.1)

    @property
    def hip_height(self):
        return self.leg + ANKLE

    @staticmethod
    def random(rng):
        skin = [(0.94, 0.77, 0.66), (0.87, 0.68, 0.55), (0.76, 0.57, 0.42), (0.56, 0.38, 0.26), (0.36, 0.24, 0.17)]
        hair = [(0.08, 0.06, 0.05), (0.25, 0.15, 0.08), (0.45, 0.28, 0.12), (0.8, 0.65, 0.35), (0.55, 0.55, 0.55)]
        child = rng.random() < 0.15

        def cloth():
            h, s, v = rng.random(), rng.uniform(0.0, 0.85), rng.uniform(0.12, 0.95)
            k = [(5 + h * 6) % 6, (3 + h * 6) % 6, (1 + h * 6) % 6]
            return tuple(v - v * s * max(0.0, min(q, 4 - q, 1.0)) for q in k)
        return Body(
            leg=0.49 * rng.uniform(0.9, 1.08) * (0.88 if child else 1), torso=0.29 * rng.uniform(0.92, 1.08),
            arm=0.36 * rng.uniform(0.92, 1.07) * (0.9 if child else 1), shoulder=rng.uniform(0.098, 0.13),
            hip=rng.uniform(0.05, 0.07), head=rng.uniform(0.06, 0.072) * (1.25 if child else 1),
            girth=rng.uniform(0.8, 1.35), skin=skin[rng.integers(5)], hair=hair[rng.integers(5)],
            hair_style=int(rng.integers(4)), top=cloth(), top_stripe=cloth() if rng.random() < 0.25 else None,
            sleeve=[0.0, 0.5, 0.5, 1.0][rng.integers(4)], bottom=cloth(),
            trouser=[0.5, 1.0, 1.0][rng.integers(3)], shoe=cloth())


@dataclass
class Pose:
    """Positions in the body frame; hands: relative to their shoulder unless hands_absolute."""
    pelvis: tuple = (0.0, 0.53, 0.0)
    lean: float = 0.0      # radians forward
    roll: float = 0.0      # to the left
    twist: float = 0.0     # shoulders against pelvis, to the left
    turn: float = 0.0      # the whole body
    head_pitch: float = 0.0
    hands: tuple = ((0.12, -0.95, 0.05), (-0.12, -0.95, 0.05))  # left, right; in arm lengths
    hands_absolute: bool = False  # then in body frame units
    feet: tuple = ((0.07, 0.0, 0.0), (-0.07, 0.0, 0.0))         # ankle ground points, body frame units
    knees: tuple = ((0.15, 0.0, 1.0), (-0.15, 0.0, 1.0))        # pole directions
    elbows: tuple = ((0.4, -0.3, -1.0), (-0.4, -0.3, -1.0))
    toes: tuple = ((0.15, 0.0, 1.0), (-0.15, 0.0, 1.0))
    props: dict = field(default_factory=dict)  # name -> positions, body frame


def rot_x(v, a):
    c, s = math.cos(a), math.sin(a)
    return np.array((v[0], v[1] * c - v[2] * s, v[1] * s + v[2] * c))


def rot_y(v, a):
    c, s = math.cos(a), math.sin(a)
    return np.array((v[0] * c + v[2] * s, v[1], -v[0] * s + v[2] * c))


def rot_z(v, a):
    c, s = math.cos(a), math.sin(a)
    return np.array((v[0] * c - v[1] * s, v[0] * s + v[1] * c, v[2]))


def two_bone(a, target, l1, l2, pole):
    """Middle joint and end point of a chain from a towards target that bends towards pole."""
    a, target = np.asarray(a, float), np.asarray(target, float)
    d = target - a
    dist = max(np.linalg.norm(d), 1e-6)
    n = d / dist
    reach = min(max(dist, abs(l1 - l2) + 1e-3), (l1 + l2) * 0.999)
    pole = np.asarray(pole, float)
    side = pole - n * pole.dot(n)
    k = np.linalg.norm(side)
    side = side / k if k > 1e-6 else np.array((0.0, 0.0, 1.0))
    along = (l1 * l1 - l2 * l2 + reach * reach) / (2 * reach)
    out = math.sqrt(max(l1 * l1 - along * along, 0.0))
    return a + n * along + side * out, a + n * reach


def joints(body, pose):
    """All joints of a pose in the body frame, as a dict of arrays."""
    p = np.asarray(pose.pelvis, float)

    def torso_dir(v, twist):
        v = rot_y(np.asarray(v, float), pose.turn + twist)
        v = rot_z(v, -pose.roll)
        # lean happens about the body's own lateral axis
        return rot_y(rot_x(rot_y(v, -pose.turn), pose.lean), pose.turn)
    j = {'pelvis': p}
    up = torso_dir((0, 1, 0), 0)
    j['neck'] = p + up * body.torso
    head_up = rot_y(rot_x(rot_y(up, -pose.turn), pose.head_pitch), pose.turn)
    j['head'] = j['neck'] + up * 0.04 + head_up * body.head * 1.15
    j['face'] = torso_dir((0, 0, 1), pose.twist)
    for i, (s, n) in enumerate(((1, 'l'), (-1, 'r'))):
        hip = p + rot_z(rot_y(np.array((s * body.hip, 0, 0)), pose.turn), -pose.roll * 0.3)
        sh = j['neck'] + torso_dir((s * body.shoulder, -0.03, 0), pose.twist)
        j['hip' + n], j['sh' + n] = hip, sh
        foot = np.asarray(pose.feet[i], float) + np.array((0, ANKLE, 0))
        j['knee' + n], j['ankle' + n] = two_bone(hip, foot, body.leg * 0.5, body.leg * 0.5, rot_y(pose.knees[i], pose.turn))
        j['toe' + n] = j['ankle' + n] + rot_y(np.asarray(pose.toes[i], float), pose.turn) * 0.085 + np.array((0, -0.02, 0))
        hand = np.asarray(pose.hands[i], float)
        target = hand if pose.hands_absolute else sh + rot_y(hand * body.arm, pose.turn)
        j['elbow' + n], j['wrist' + n] = two_bone(sh, target, body.arm * 0.53, body.arm * 0.47, rot_y(pose.elbows[i], pose.turn))
    return j


@dataclass
class Camera:
    yaw: float = 0.0        # 0: the figure faces the camera, pi/2: it faces right
    elevation: float = 0.1
    scale: float = 150.0    # pixels per unit
    distance: float = 5.0
    x: float = 160.0        # where the body frame's origin lies on screen
    y: float = 215.0
    wall: float = 40.0      # units behind the origin at which the ground ends

    def project(self, v):
        """Returns x, y, depth (larger: nearer), local scale."""
        v = rot_y(np.asarray(v, float), self.yaw)
        c, s = math.cos(self.elevation), math.sin(self.elevation)
        depth = v[2] * c + v[1] * s
        k = self.distance / (self.distance - depth)
        return self.x + v[0] * k * self.scale, self.y - (v[1] * c - v[2] * s) * k * self.scale, depth, k * self.scale


def shade(color, f):
    return tuple(min(1.0, max(0.0, c * f)) for c in color)


def capsule(ctx, a, b, ra, rb, color, light):
    """A tapered limb from a to b (projected points) with shading across it."""
    (x0, y0), (x1, y1) = a, b
    ang = math.atan2(y1 - y0, x1 - x0)
    nx, ny = -math.sin(ang), math.cos(ang)
    r = max(ra, rb)
    mx, my = (x0 + x1) / 2, (y0 + y1) / 2
    g = cairo.LinearGradient(mx - nx * r, my - ny * r, mx + nx * r, my + ny * r)
    side = nx * light[0] + ny * light[1]
    lo, hi = shade(color, 1 - 0.28 * side), shade(color, 1 + 0.28 * side)
    g.add_color_stop_rgb(0, *lo)
    g.add_color_stop_rgb(0.5, *shade(color, 1.05))
    g.add_color_stop_rgb(1, *hi)
    ctx.new_path()
    ctx.arc(x0, y0, ra, ang + math.pi / 2, ang + 3 * math.pi / 2)
    ctx.arc(x1, y1, rb, ang - math.pi / 2, ang + math.pi / 2)
    ctx.close_path()
    ctx.set_source(g)
    ctx.fill_preserve()
    ctx.set_source_rgba(*shade(color, 0.45), 0.55)
    ctx.set_line_width(0.8)
    ctx.stroke()


def draw_figure(ctx, body, pose, camera, light=(-0.6, -0.8), props=()):
    """Draws figure and props (a list of (depth point, function of ctx)) from far to near."""
    j = joints(body, pose)
    P = {k: camera.project(v) for k, v in j.items() if k != 'face'}
    g = body.girth
    items = []

    def limb(a, b, ra, rb, color, bias=0.0, cover=None):
        """cover: the limb (joint name) that this one dresses, and so is drawn right after"""
        pa, pb = (P[q] if isinstance(q, str) else camera.project(q) for q in (a, b))
        items.append(((pa[2] + (P[cover] if cover else pb)[2]) / 2 + bias,
                      lambda: capsule(ctx, pa[:2], pb[:2], ra * pa[3], rb * pb[3], color, light)))
    for n in 'lr':
        hip, knee, ankle = j['hip' + n], j['knee' + n], j['ankle' + n]
        limb('knee' + n, 'ankle' + n, 0.037 * g, 0.024 * g, body.bottom if body.trouser == 1.0 else body.skin)
        limb('hip' + n, 'knee' + n, 0.056 * g, 0.038 * g, body.bottom if body.trouser == 1.0 else body.skin, 0.005)
        if body.trouser == 0.5:
            limb('hip' + n, hip + (knee - hip) * 0.75, 0.06 * g, 0.05 * g, body.bottom, 0.006, 'knee' + n)
        limb('ankle' + n, 'toe' + n, 0.026, 0.02, body.shoe, 0.002)
        sh, elbow, wrist = j['sh' + n], j['elbow' + n], j['wrist' + n]
        limb('elbow' + n, 'wrist' + n, 0.027 * g, 0.02 * g, body.top if body.sleeve == 1.0 else body.skin, 0.012)
        limb('sh' + n, 'elbow' + n, 0.036 * g, 0.027 * g, body.top if body.sleeve == 1.0 else body.skin, 0.006)
        if body.sleeve == 0.5:
            limb('sh' + n, sh + (elbow - sh) * 0.6, 0.041 * g, 0.036 * g, body.top, 0.007, 'elbow' + n)
        d = wrist - elbow
        limb('wrist' + n, wrist + d / max(np.linalg.norm(d), 1e-6) * 0.04, 0.024, 0.018, body.skin, 0.013)

    def torso():
        pts = [P[k] for k in ('shl', 'shr', 'hipr', 'hipl')]
        xs, ys = [p[0] for p in pts], [p[1] for p in pts]
        s = pts[0][3]
        ctx.new_path()
        ctx.move_to(xs[0], ys[0])
        for x, y in zip(xs[1:], ys[1:]):
            ctx.line_to(x, y)
        ctx.close_path()
        grad = cairo.LinearGradient(min(xs) - 8, min(ys), max(xs) + 8, max(ys))
        grad.add_color_stop_rgb(0, *shade(body.top, 1.2 if light[0] < 0 else 0.75))
        grad.add_color_stop_rgb(1, *shade(body.top, 0.75 if light[0] < 0 else 1.2))
        ctx.set_source(grad)
        ctx.set_line_join(cairo.LINE_JOIN_ROUND)
        ctx.set_line_width(0.09 * g * s)
        ctx.stroke_preserve()
        ctx.fill()
        if body.top_stripe:
            ctx.set_source_rgb(*body.top_stripe)
            ctx.set_line_width(0.03 * s)
            for f in (0.3, 0.6):
                ctx.move_to(xs[0] + (xs[3] - xs[0]) * f, ys[0] + (ys[3] - ys[0]) * f)
                ctx.line_to(xs[1] + (xs[2] - xs[1]) * f, ys[1] + (ys[2] - ys[1]) * f)
                ctx.stroke()
        # hips in the colour of the trousers
        ctx.set_source_rgb(*body.bottom)
        ctx.set_line_width(0.1 * g * s)
        ctx.set_line_cap(cairo.LINE_CAP_ROUND)
        ctx.move_to(xs[3], ys[3])
        ctx.line_to(xs[2], ys[2])
        ctx.stroke()
    items.append(((P['neck'][2] + P['pelvis'][2]) / 2, torso))
    limb('neck', 'head', 0.03, 0.03, body.skin, -0.002)

    def head():
        x, y, _, s = P['head']
        nx, ny = P['neck'][:2]
        ang = math.atan2(ny - y, nx - x) - math.pi / 2  # 0: upright
        f = rot_y(j['face'], camera.yaw)
        ctx.save()
        ctx.translate(x, y)
        ctx.rotate(ang)
        r = body.head * s
        if body.hair_style == 1:
            ctx.save()
            ctx.scale(1.05, 1.5)
            ctx.arc(-f[0] * 0.25 * r, 0.1 * r, r, 0, 7)
            ctx.restore()
            ctx.set_source_rgb(*body.hair)
            ctx.fill()
        ctx.save()
        ctx.scale(0.86, 1.12)
        ctx.arc(0, 0, r, 0, 7)
        ctx.restore()
        ctx.set_source_rgb(*body.skin)
        ctx.fill()
        if body.hair_style != 2:
            ctx.save()
            ctx.scale(0.86, 1.12)
            ctx.arc(0, 0, r, 0, 7)
            ctx.restore()
            ctx.clip()
            ctx.set_source_rgb(*(body.hair if body.hair_style != 3 else body.shoe))
            cover = 0.45 if f[2] > 0 else 1.5  # from behind hair covers the head
            ctx.rectangle(-2 * r, -2 * r, 4 * r, 2 * r - r * 0.9 + cover * r)
            ctx.fill()
            if abs(f[0]) > 0.3:  # side view: the back of the head
                ctx.rectangle(-2 * r if f[0] > 0 else 0.25 * r, -2 * r, 1.75 * r, 2.3 * r)
                ctx.fill()
            ctx.reset_clip()
        ctx.restore()
        if f[2] > -0.2:
            ctx.set_source_rgb(0.1, 0.08, 0.08)
            for e in (-0.35, 0.35):
                ex = (f[0] * 0.6 + e * max(f[2], 0.15)) * r * 0.86
                ctx.arc(x + ex * math.cos(ang), y + ex * math.sin(ang) - 0.05 * r, 0.09 * r, 0, 7)
                ctx.fill()
    items.append((P['head'][2] + 0.02, head))
    for point, fn in props:
        q = camera.project(point)
        items.append((q[2], lambda fn=fn: fn(ctx, camera, j)))
    for _, fn in sorted(items, key=lambda i: i[0]):
        fn()
    return j
