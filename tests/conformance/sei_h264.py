# SPDX-License-Identifier: LGPL-2.1-or-later
"""SEI messages (ITU-T H.264 annex D) for streams that have none, or others."""

import re


class Bits:
    """Writes bits; exp-Golomb codes as in 9.1."""

    def __init__(self):
        self.text = ""

    def u(self, count, value):
        self.text += format(value, "0%db" % count)

    def ue(self, value):
        code = format(value + 1, "b")
        self.text += "0" * (len(code) - 1) + code

    def se(self, value):
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def payload(self):
        """Whole bytes, D.1.1: a one and zeros follow where there are bits left."""
        text = self.text
        if len(text) % 8:
            text += "1"
            text += "0" * (-len(text) % 8)
        return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


def film_grain(cancel=False):
    """film_grain_characteristics(), D.1.21: coarse grain in luma, for this and the pictures behind it."""
    bits = Bits()
    bits.u(1, int(cancel))
    if not cancel:
        bits.u(2, 0)  # film_grain_model_id: frequency filtering
        bits.u(1, 0)  # separate_colour_description_present_flag
        bits.u(2, 0)  # blending_mode_id: additive
        bits.u(4, 2)  # log2_scale_factor
        bits.u(3, 4)  # comp_model_present_flag of Y, Cb and Cr
        bits.u(8, 0)  # num_intensity_intervals_minus1
        bits.u(3, 2)  # num_model_values_minus1
        bits.u(8, 0)  # intensity_interval_lower_bound
        bits.u(8, 255)
        bits.se(100)  # comp_model_value: strength, and two frequencies
        bits.se(8)
        bits.se(8)
        bits.ue(1)  # film_grain_characteristics_repetition_period
    return message(19, bits.payload())


def message(kind, payload):
    """A NAL unit with its start code."""
    raw = bytes([kind, len(payload)]) + payload + b"\x80"
    return b"\0\0\1\x06" + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", raw)


def before_pictures(stream, added):
    """The stream with added[n] before its picture n, counted in coding order; each picture is one slice."""
    out, at, picture = b"", 0, 0
    for match in re.finditer(rb"\x00\x00\x01(.)", stream, re.DOTALL):
        if match[1][0] & 31 not in (1, 5):
            continue
        if picture in added:
            out += stream[at:match.start()] + added[picture]
            at = match.start()
        picture += 1
    return out + stream[at:]
