/* deltacnn: sliding windows: which input each output reads, and which outputs a change reaches.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"
#include <stdlib.h>
#include <string.h>

static int *
axis_table(int out, int taps, int stride, int pad, int dilation, int in)
{
  size_t count;
  int *table =
      dcn_size_mul((size_t)out, (size_t)taps, &count) ? dcn_aligned_new0(count, sizeof(int)) : NULL;
  if (!table)
    return NULL;
  for (int o = 0; o < out; o++)
    for (int t = 0; t < taps; t++) {
      int64_t i = (int64_t)o * stride - pad + (int64_t)t * dilation;
      table[(size_t)o * taps + t] = i >= 0 && i < in ? (int)i : -1;
    }
  return table;
}

gboolean
dcn_window_init(DcnWindow *window, const DcnNetValue *in, const DcnNetValue *out, int kh, int kw,
                int stride_h, int stride_w, int pad_top, int pad_left, int dil_h, int dil_w)
{
  memset(window, 0, sizeof *window);
  window->kh = kh;
  window->kw = kw;
  window->in_h = in->h;
  window->in_w = in->w;
  window->out_h = out->h;
  window->out_w = out->w;
  window->iy = axis_table(out->h, kh, stride_h, pad_top, dil_h, in->h);
  window->ix = axis_table(out->w, kw, stride_w, pad_left, dil_w, in->w);
  if (!window->iy || !window->ix)
    return FALSE;
  int begin = 0, end = out->w;
  while (begin < end &&
         (window->ix[(size_t)begin * kw] < 0 || window->ix[(size_t)begin * kw + kw - 1] < 0))
    begin++;
  while (end > begin &&
         (window->ix[(size_t)(end - 1) * kw] < 0 || window->ix[(size_t)end * kw - 1] < 0))
    end--;
  window->inner_begin = begin;
  window->inner_end = end;
  window->step = stride_w;
  return TRUE;
}

void
dcn_window_clear(DcnWindow *window)
{
  dcn_aligned_free(window->iy);
  dcn_aligned_free(window->ix);
}

int
dcn_window_reach(const DcnWindow *window, const DcnValueState *in, uint8_t *columns, int32_t *list)
{
  int count = 0, images = in->net->n, w = window->in_w;
  gboolean point =
      window->kw == 1 && window->out_w == w && window->ix[0] == 0 && (w == 1 || window->ix[1] == 1);
  for (int n = 0; n < images; n++)
    for (int oy = 0; oy < window->out_h; oy++) {
      const int *iy = window->iy + (size_t)oy * window->kh;
      const uint8_t *flags =
          NULL; /* columns of the input rows under this output row that changed */
      for (int ky = 0; ky < window->kh; ky++) {
        if (iy[ky] < 0 || in->row_changed[n * window->in_h + iy[ky]] == 0)
          continue;
        const uint8_t *row = in->changed + ((size_t)n * window->in_h + iy[ky]) * w;
        if (!flags) {
          flags = row;
        } else {
          if (flags != columns)
            memcpy(columns, flags, (size_t)w);
          for (int x = 0; x < w; x++)
            columns[x] |= row[x];
          flags = columns;
        }
      }
      if (!flags)
        continue;
      int32_t base = (int32_t)((n * window->out_h + oy) * window->out_w);
      if (point) {
        for (int ox = 0; ox < w; ox++)
          if (flags[ox])
            list[count++] = base + ox;
        continue;
      }
      for (int ox = 0; ox < window->out_w; ox++) {
        const int *ix = window->ix + (size_t)ox * window->kw;
        for (int kx = 0; kx < window->kw; kx++)
          if (ix[kx] >= 0 && flags[ix[kx]]) {
            list[count++] = base + ox;
            break;
          }
      }
    }
  return count;
}
