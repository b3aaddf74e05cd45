/* deltacnn: values: change marks, and the way from the physical layout to ONNX's order.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include <string.h>

/* Marks are cleared whole where their masks are of at most so many bytes, and as many more for each row that changed:
 * that takes less than to look where they are. */
#define SMALL_BYTES 4096
#define ROW_BYTES   400

static void
clear_all(DcnValueState *v)
{
  const DcnNetValue *nv = v->net;
  size_t pixels = (size_t)nv->pixels, rows = (size_t)nv->n * (size_t)nv->h;
  if (v->changed)
    memset(v->changed, 0, pixels);
  if (v->mask)
    memset(v->mask, 0, pixels * (size_t)nv->words * sizeof *v->mask);
  memset(v->bits, 0, rows * (size_t)nv->row_words * sizeof *v->bits);
  memset(v->row_changed, 0, rows * sizeof *v->row_changed);
}

/* Only what was set, in units of 64 pixels. */
static void
clear_rows(DcnValueState *v)
{
  const DcnNetValue *nv = v->net;
  for (int row = 0; row < nv->n * nv->h; row++) {
    if (v->row_changed[row] == 0)
      continue;
    uint64_t *bits = v->bits + (size_t)row * nv->row_words;
    for (int i = 0; i < nv->row_words; i++) {
      if (bits[i] == 0)
        continue;
      size_t first = (size_t)row * nv->w + (size_t)i * 64, n = (size_t)MIN(64, nv->w - i * 64);
      if (v->changed)
        memset(v->changed + first, 0, n);
      if (v->mask)
        memset(v->mask + first * nv->words, 0, n * nv->words * sizeof *v->mask);
      bits[i] = 0;
    }
    v->row_changed[row] = 0;
  }
}

void
dcn_value_clear_marks(DcnValueState *v)
{
  if (v->n_changed == 0)
    return;
  const DcnNetValue *nv = v->net;
  size_t rows = (size_t)MIN(v->n_changed, nv->n * nv->h),
         bytes = (size_t)nv->pixels * (size_t)nv->words * sizeof *v->mask;
  if (bytes <= SMALL_BYTES + rows * ROW_BYTES)
    clear_all(v);
  else
    clear_rows(v);
  v->n_changed = 0;
  v->values_changed = 0;
}

void
dcn_value_finish(DcnValueState *v)
{
  const DcnNetValue *nv = v->net;
  const uint8_t *changed = v->changed;
  uint64_t *bits = v->bits;
  int total = 0;
  for (int row = 0; row < nv->n * nv->h; row++, changed += nv->w, bits += nv->row_words) {
    int n = dcn_bits_pack(changed, nv->w, bits);
    v->row_changed[row] = n;
    total += n;
  }
  v->n_changed = total;
}

/* Rank 3 and more is [N][C][rest]; below that, and where the channels are last, the element order is the logical one
 * (program.h). */
void
dcn_value_to_logical(const DcnValue *value, const DcnNetValue *nv, const float *ref, float *out)
{
  size_t plane = (size_t)nv->h * nv->w;
  if (value->rank < 3 || value->last) {
    for (int p = 0; p < nv->pixels; p++)
      memcpy(out + (size_t)p * nv->c, ref + (size_t)p * nv->ref_pitch, sizeof(float) * nv->c);
    return;
  }
  for (int n = 0; n < nv->n; n++)
    for (size_t i = 0; i < plane; i++) {
      const float *pixel = ref + ((size_t)n * plane + i) * nv->ref_pitch;
      float *o = out + (size_t)n * nv->c * plane + i;
      for (int c = 0; c < nv->c; c++)
        o[(size_t)c * plane] = pixel[c];
    }
}

size_t
dcn_value_logical_offset(const DcnValue *value, const DcnNetValue *nv, size_t logical)
{
  size_t c, pixel;
  if (value->rank < 3 || value->last) {
    c = logical % nv->c;
    pixel = logical / nv->c;
  } else {
    size_t plane = (size_t)nv->h * nv->w;
    c = logical / plane % nv->c;
    pixel = logical / plane / nv->c * plane + logical % plane;
  }
  return pixel * nv->ref_pitch + c;
}
