/* deltacnn: numbers of half precision, binary16 of IEEE 754.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * In whole numbers, so that loops over them become vectors, and denormal numbers stay what they are
 * where a host has switched the CPU to flush them. */
#pragma once
#include <stdint.h>
#include <string.h>

static inline float
dcn_half_to_float(uint16_t half)
{
  uint32_t magnitude = half & 0x7fffu, sign = (half & 0x8000u) << 16;
  uint32_t bits = (magnitude << 13) + (112u << 23);
  if (magnitude >= 0x7c00)
    bits += 112u << 23; /* infinite, NaN: the largest exponent of both */
  float value;
  memcpy(&value, &bits, sizeof value);
  /* Below 2^-14 the fraction has no leading one: here it got one, which goes again. */
  if (magnitude < 0x400) {
    bits += 1u << 23;
    memcpy(&value, &bits, sizeof value);
    value -= 0x1p-14f;
  }
  memcpy(&bits, &value, sizeof bits);
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* To the nearest, ties to even; 65520 and above become infinite. */
static inline uint16_t
dcn_float_to_half(float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000)
    return sign | 0x7e00;
  if (bits >= 0x477ff000)
    return sign | 0x7c00;
  if (bits < 0x38800000) {
    /* Below 2^-14 all are multiples of 2^-24, which is the distance of floats from 0.5 on. */
    float sum;
    memcpy(&sum, &bits, sizeof sum);
    sum += 0.5f;
    memcpy(&bits, &sum, sizeof bits);
    return (uint16_t)(sign | (bits - 0x3f000000));
  }
  bits += 0xfff + (bits >> 13 & 1);
  return (uint16_t)(sign | ((bits >> 13) - (112 << 10)));
}
