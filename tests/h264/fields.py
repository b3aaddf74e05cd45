#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Field pictures (PAFF), which no encoder at hand makes: fields.py TOP BOTTOM OUT

TOP and BOTTOM are byte streams that x264 made in CAVLC, frames only, of one size and one sequence of picture types: they become
the top and bottom fields of the frames of OUT.  Slice data in CAVLC is the same in frames and in fields, and all of it is
copied; only headers are written anew.  The scan of coefficients differs, so what is decoded looks worse than what went in, but
it is decoded by any decoder, and by all alike.
"""

import sys


class Reader:
    """Bits of a NAL unit without its emulation prevention bytes."""

    def __init__(self, nal):
        data = bytearray()
        zeros = 0
        for byte in nal:
            if zeros >= 2 and byte == 3:
                zeros = 0
                continue
            zeros = zeros + 1 if byte == 0 else 0
            data.append(byte)
        self.bits = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def u(self, n):
        self.at += n
        return int(self.bits[self.at - n:self.at], 2) if n else 0

    def ue(self):
        zeros = self.bits.index("1", self.at) - self.at
        self.at += zeros
        return self.u(zeros + 1) - 1

    def rest(self):
        """To rbsp_stop_one_bit, which is included."""
        return self.bits[self.at:self.bits.rindex("1") + 1]


class Writer:
    def __init__(self):
        self.bits = ""

    def u(self, n, value):
        self.bits += f"{value:0{n}b}" if n else ""

    def ue(self, value):
        code = f"{value + 1:b}"
        self.bits += "0" * (len(code) - 1) + code

    def nal(self):
        """With a start code and emulation prevention bytes."""
        bits = self.bits + "0" * (-len(self.bits) % 8)
        out = bytearray(b"\0\0\0\1")
        zeros = 0
        for i in range(0, len(bits), 8):
            byte = int(bits[i:i + 8], 2)
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes(out)


def copy_ue(r, w):
    value = r.ue()
    w.ue(value)
    return value


def copy_u(r, w, n):
    value = r.u(n)
    w.u(n, value)
    return value


def sequence(nal):
    """The sequence parameter set for fields of that size, and what slice headers need of it."""
    r, w, s = Reader(nal), Writer(), {}
    copy_u(r, w, 8)
    profile = copy_u(r, w, 8)
    copy_u(r, w, 16)
    copy_ue(r, w)
    if profile >= 100:
        copy_ue(r, w)
        copy_ue(r, w)
        copy_ue(r, w)
        copy_u(r, w, 1)
        assert copy_u(r, w, 1) == 0, "scaling lists"
    s["frame_num"] = copy_ue(r, w) + 4
    s["poc_type"] = copy_ue(r, w)
    assert s["poc_type"] in (0, 2)
    s["poc_lsb"] = copy_ue(r, w) + 4 if s["poc_type"] == 0 else 0
    copy_ue(r, w)
    copy_u(r, w, 1)
    copy_ue(r, w)
    copy_ue(r, w)  # frame rows become map units of fields
    assert r.u(1) == 1, "frames only"
    w.u(1, 0)
    w.u(1, 0)  # mb_adaptive_frame_field_flag
    assert copy_u(r, w, 1) == 1, "direct_8x8_inference_flag"
    w.bits += r.rest()
    return w.nal(), s


def slice_of_field(nal, s, bottom):
    r, w = Reader(nal), Writer()
    r.u(1)
    ref_idc, kind = r.u(2), r.u(5)
    idr = kind == 5
    keeps_idr = idr and not bottom  # the second field of an IDR picture is not IDR, 7.4.1.2.4
    w.u(3, ref_idc)
    w.u(5, 5 if keeps_idr else 1)
    copy_ue(r, w)
    slice_type = copy_ue(r, w) % 5
    copy_ue(r, w)
    copy_u(r, w, s["frame_num"])
    w.u(1, 1)
    w.u(1, bottom)
    if idr:
        idr_pic_id = r.ue()
        if keeps_idr:
            w.ue(idr_pic_id)
    if s["poc_type"] == 0:
        w.u(s["poc_lsb"], (r.u(s["poc_lsb"]) + bottom) % (1 << s["poc_lsb"]))
    if idr and bottom:
        assert slice_type == 2
        r.u(2)
        w.u(1, 0)  # adaptive_ref_pic_marking_mode_flag
    w.bits += r.rest()
    return w.nal()


def pictures(path):
    """NAL units of a byte stream: (sequence and picture parameter sets, slices by picture)."""
    with open(path, "rb") as file:
        data = file.read()
    sets, slices = {}, []
    for nal in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        kind = nal[0] & 31
        if kind in (7, 8):
            sets.setdefault(kind, nal)
        elif kind in (1, 5):
            r = Reader(nal[:40])
            r.u(8)
            if r.ue() == 0:
                slices.append([])
            slices[-1].append(nal)
    return sets, slices


def pps(nal):
    r = Reader(nal)
    r.u(8)
    r.ue()
    r.ue()
    assert r.u(1) == 0, "CAVLC"
    return b"\0\0\0\1" + nal


def interleave(top_path, bottom_path, out_path):
    sets, top = pictures(top_path)
    _, bottom = pictures(bottom_path)
    sps, s = sequence(sets[7])
    out = sps + pps(sets[8])
    for fields in zip(top, bottom):
        for parity, slices in enumerate(fields):
            for nal in slices:
                out += slice_of_field(nal, s, parity)
    with open(out_path, "wb") as file:
        file.write(out)


if __name__ == "__main__":
    interleave(*sys.argv[1:4])
