/* deltacnn: the test of an image that is the network's input, in NEON.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Eight pixels are compared at once, of which most are as they were.  Where a pixel differs, it and the three beside it are
 * taken over without branches. */
#include "kernels/neon.h"
#include "kernels/unroll.h"
#include <arm_neon.h>
#include <string.h>

#define AT_ONCE 8

typedef struct {
  uint32x4_t used; /* all ones in lanes that are channels */
  float32x4_t tolerance;
  uint32x4_t total; /* changed channels, in any lane */
} Test;

/* How far each of a pixel's channels is from what it was; of lanes beyond `channels`, anything. */
DCN_TEMPLATE float32x4_t
distance(const float *x, const float *ref)
{
  return vabdq_f32(vld1q_f32(x), vld1q_f32(ref));
}

/* The largest of four pixels' distances; a NaN stays. */
DCN_TEMPLATE float32x4_t
farthest(const float *x, const float *ref, const int channels)
{
  float32x4_t a = vmaxq_f32(distance(x, ref), distance(x + 4, ref + channels));
  float32x4_t b =
      vmaxq_f32(distance(x + 8, ref + 2 * channels), distance(x + 12, ref + 3 * channels));
  return vmaxq_f32(a, b);
}

DCN_TEMPLATE uint32x4_t
beyond(const Test *test, float32x4_t distance)
{
  return vbicq_u32(test->used, vcleq_f32(distance, test->tolerance));
}

DCN_TEMPLATE void
store_channels(float *p, float32x4_t v, const int channels)
{
  if (channels == 4) {
    vst1q_f32(p, v);
    return;
  }
  if (channels >= 2)
    vst1_f32(p, vget_low_f32(v));
  if (channels == 1)
    vst1q_lane_f32(p, v, 0);
  else if (channels == 3)
    vst1q_lane_f32(p + 2, v, 2);
}

/* Takes four pixels over, from the first one on; returns a bit for each that differs. */
DCN_TEMPLATE unsigned
take_four(Test *test, const DcnDiff *d, int first, const int channels)
{
  static const uint8_t weights[16] = {1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
  const float *x = d->x + (size_t)first * 4;
  float *ref = d->ref + (size_t)first * (size_t)channels;
  uint64_t *mask = d->mask ? d->mask + first : NULL;
  uint8_t *changed = d->changed ? d->changed + first : NULL;
  float32x4_t new[4], old[4];
  uint32x4_t differs[4];
  DCN_UNROLL
  for (int i = 0; i < 4; i++) {
    new[i] = vld1q_f32(x + 4 * i);
    old[i] = vld1q_f32(ref + i * channels);
  }
  DCN_UNROLL
  for (int i = 0; i < 4; i++) {
    differs[i] = beyond(test, vabdq_f32(new[i], old[i]));
    test->total = vsubq_u32(test->total, differs[i]);
  }
  if (d->delta) {
    float *delta = d->delta + (size_t)first * (size_t)channels;
    DCN_UNROLL
    for (int i = 0; i < 4; i++) {
      uint32x4_t difference = vreinterpretq_u32_f32(vsubq_f32(new[i], old[i]));
      store_channels(delta + i * channels, vreinterpretq_f32_u32(vandq_u32(difference, differs[i])),
                     channels);
    }
  }
  DCN_UNROLL
  for (int i = 0; i < 4; i++)
    store_channels(ref + i * channels, vbslq_f32(differs[i], new[i], old[i]), channels);
  uint16x8_t low = vcombine_u16(vmovn_u32(differs[0]), vmovn_u32(differs[1]));
  uint16x8_t high = vcombine_u16(vmovn_u32(differs[2]), vmovn_u32(differs[3]));
  uint8x16_t sums = vcombine_u8(vmovn_u16(low), vmovn_u16(high));
  sums = vandq_u8(sums, vld1q_u8(weights));
  sums = vpaddq_u8(sums, sums);
  sums = vpaddq_u8(sums, sums);
  uint32_t masks = vgetq_lane_u32(vreinterpretq_u32_u8(sums), 0); /* a byte for each pixel */
  if (mask) {
    DCN_UNROLL
    for (int i = 0; i < 4; i++)
      mask[i] = masks >> 8 * i & 15u;
  }
  /* A byte of 1 for each that has a bit. */
  uint32_t any = ((masks + UINT32_C(0x0f0f0f0f)) & UINT32_C(0x10101010)) >> 4;
  if (changed) {
    uint32_t before;
    memcpy(&before, changed, sizeof before);
    before |= any;
    memcpy(changed, &before, sizeof before);
  }
  return any * UINT32_C(0x01020408) >> 24; /* bit i of the uppermost byte is byte i's */
}

/* Eight pixels; look: those to be looked at.  Four floats of the last one's can be read.  Returns which differ. */
DCN_TEMPLATE unsigned
test_eight(Test *test, const DcnDiff *d, int first, unsigned look, const int channels)
{
  const float *x = d->x + (size_t)first * 4, *ref = d->ref + (size_t)first * (size_t)channels;
  uint32x4_t low = beyond(test, farthest(x, ref, channels));
  uint32x4_t high = beyond(test, farthest(x + 16, ref + 4 * channels, channels));
  uint8x8_t any = vmovn_u16(vcombine_u16(vmovn_u32(low), vmovn_u32(high)));
  uint64_t bytes = vget_lane_u64(vreinterpret_u64_u8(any), 0);
  unsigned pixels = 0;
  if (bytes == 0)
    return 0;
  if ((bytes & 0xffffffffu) != 0 && (look & 15u) != 0)
    pixels = take_four(test, d, first, channels);
  if (bytes >> 32 != 0 && (look & 0xf0u) != 0)
    pixels |= take_four(test, d, first + 4, channels) << 4;
  return pixels;
}

/* The last pixels, in copies that go on with zeros. */
DCN_TEMPLATE unsigned
test_last(Test *test, const DcnDiff *d, int first, int n, unsigned look, const int channels)
{
  float x[AT_ONCE * 4] = {0}, ref[AT_ONCE * 4] = {0}, delta[AT_ONCE * 4] = {0};
  uint64_t mask[AT_ONCE] = {0};
  uint8_t changed[AT_ONCE] = {0};
  size_t at = (size_t)first * (size_t)channels,
         bytes = sizeof(float) * (size_t)n * (size_t)channels;
  const DcnDiff copy = {.x = x, .ref = ref, .delta = delta, .mask = mask, .changed = changed};
  memcpy(x, d->x + (size_t)first * 4, sizeof(float) * 4 * (size_t)n);
  memcpy(ref, d->ref + at, bytes);
  unsigned pixels = test_eight(test, &copy, 0, look, channels);
  if (pixels == 0)
    return 0;
  memcpy(d->ref + at, ref, bytes);
  if (d->delta)
    memcpy(d->delta + at, delta, bytes);
  if (d->mask)
    memcpy(d->mask + first, mask, sizeof *mask * (size_t)n);
  for (int i = 0; d->changed && i < n; i++)
    d->changed[first + i] |= changed[i];
  return pixels;
}

DCN_TEMPLATE int
diff_image(const DcnDiff *d, int pixels, uint64_t *bits, const int channels)
{
  static const uint32_t lanes[8] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
  Test test = {vld1q_u32(lanes + 4 - channels), vdupq_n_f32(d->tolerance), vdupq_n_u32(0)};
  for (int base = 0; base < pixels; base += 64) {
    uint64_t look = bits[base / 64], out = 0;
    while (look) {
      int shift = __builtin_ctzll(look) & ~(AT_ONCE - 1), first = base + shift;
      unsigned eight = look >> shift & 0xff;
      look &= ~(UINT64_C(0xff) << shift);
      uint64_t differ =
          (pixels - first - (AT_ONCE - 1)) * channels >= 4
              ? test_eight(&test, d, first, eight, channels)
              : test_last(&test, d, first, MIN(pixels - first, AT_ONCE), eight, channels);
      out |= differ << shift;
    }
    bits[base / 64] = out;
  }
  return (int)vaddvq_u32(test.total);
}

int
dcn_f32_diff_image_8p__neon(const DcnDiff *d, int pixels, int channels, uint64_t *bits)
{
  switch (channels) {
  case 1:
    return diff_image(d, pixels, bits, 1);
  case 2:
    return diff_image(d, pixels, bits, 2);
  case 3:
    return diff_image(d, pixels, bits, 3);
  default:
    return diff_image(d, pixels, bits, 4);
  }
}
