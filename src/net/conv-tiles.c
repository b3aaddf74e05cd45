/* deltacnn: what the matrix kernels read for a block of output pixels: pointers to values, or to
 * differences with the masks that say which of them are not zero.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/bits.h"
#include "net/conv.h"
#include <string.h>

typedef struct {
  size_t first;       /* number of the image's first pixel */
  const int *iy, *ix; /* window tables of this output pixel */
} Place;

static inline Place
place(DcnCursor *cursor, const DcnWindow *win, int pixel)
{
  dcn_cursor_move(cursor, win, pixel);
  return (Place){(size_t)cursor->image * win->in_h * win->in_w,
                 win->iy + (size_t)cursor->y * win->kh, win->ix + (size_t)cursor->x * win->kw};
}

/* The window of one output pixel: pointer t at a[t * mr]. */
static void
point_window(const DcnJob *job, const DcnConvPlan *plan, const Place *at, const float *image,
             const float **a)
{
  int mr = job->kernels->mr, pitch = job->in->net->ref_pitch;
  int kh = plan->window.kh, kw = plan->window.kw;
  const float *zero = job->state->zero;
  size_t line = (size_t)plan->window.in_w * pitch;
  for (int ky = 0; ky < kh; ky++) {
    const float *row = image + (size_t)MAX(at->iy[ky], 0) * line;
    for (int kx = 0; kx < kw; kx++, a += mr)
      *a = at->iy[ky] < 0 || at->ix[kx] < 0 ? zero : row + (size_t)at->ix[kx] * pitch;
  }
}

void
dcn_conv_point_to_values(const DcnJob *job, int begin, int np, int group, const float **pointers)
{
  const DcnConvPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  int mr = job->kernels->mr, taps = plan->taps, tiles = dcn_conv_tiles(np, mr);
  size_t pitch = (size_t)job->in->net->ref_pitch, offset = (size_t)group * plan->cg;
  const float *zero = job->state->zero, *base = job->in->ref + offset;
  size_t step = (size_t)win->step * pitch;
  const float **before = NULL; /* the pointers of the pixel before */
  DcnCursor cursor = DCN_CURSOR_INIT;
  for (int tile = 0; tile < tiles; tile++) {
    int i = dcn_conv_tile_begin(np, tiles, tile), end = dcn_conv_tile_begin(np, tiles, tile + 1);
    const float **a = pointers + (size_t)tile * taps * mr, **first = a;
    for (; i < end; before = a++, i++) {
      int pixel = dcn_job_pixel(job, begin + i);
      if (plan->point) {
        *a = base + (size_t)pixel * pitch;
        continue;
      }
      int last = cursor.pixel, last_x = cursor.x;
      Place at = place(&cursor, win, pixel);
      /* From one output pixel to its right neighbour all move by the same step, but for borders. */
      if (pixel == last + 1 && cursor.x == last_x + 1 && last_x >= win->inner_begin &&
          cursor.x < win->inner_end)
        for (int t = 0; t < taps; t++) {
          const float *p = before[t * mr];
          a[t * mr] = p == zero ? p : p + step;
        }
      else
        point_window(job, plan, &at, base + at.first * pitch, a);
    }
    /* The kernels want all mr pointers to be valid: the tail repeats a pixel. */
    for (; a < first + mr; a++)
      for (int t = 0; t < taps; t++)
        a[t * mr] = before[t * mr];
  }
}

/* or |= bits [first, first + count) of mask, moved down to bit 0. */
static inline void
or_bits(uint64_t * or, const uint64_t *mask, int first, int count)
{
  int words = dcn_mask_words(count), shift = first & 63, from = first >> 6,
      last = (first + count - 1) >> 6;
  for (int i = 0; i < words; i++) {
    uint64_t v = mask[from + i] >> shift;
    if (shift && from + i + 1 <= last)
      v |= mask[from + i + 1] << (64 - shift);
    if (i == words - 1 && (count & 63))
      v &= (UINT64_C(1) << (count & 63)) - 1;
    or [i] |= v;
  }
}

uint64_t
dcn_conv_point_to_deltas(const DcnJob *job, int begin, int np, int group, DcnWorker *worker,
                         uint64_t *padded)
{
  const DcnConvPlan *plan = job->op->plan;
  const DcnValueState *in = job->in;
  int dr = job->kernels->dr, taps = plan->taps, words = plan->words, in_words = in->net->words;
  int pitch = in->net->delta_pitch, kh = plan->window.kh, kw = plan->window.kw,
      in_w = plan->window.in_w;
  size_t offset = (size_t)group * plan->cg;
  const float *zero = job->state->zero;
  gboolean whole = plan->groups == 1;
  uint64_t multiplies = 0;
  DcnCursor cursor = DCN_CURSOR_INIT;
  *padded = 0;
  for (int tile = 0; tile * dr < np; tile++) {
    const float **d = worker->pointers + (size_t)tile * taps * dr;
    uint64_t *masks = worker->masks + (size_t)tile * taps * words;
    int n = MIN(dr, np - tile * dr);
    memset(masks, 0, sizeof *masks * (size_t)taps * words);
    for (int i = 0; i < dr; i++) {
      if (i >= n) {
        for (int t = 0; t < taps; t++)
          d[t * dr + i] = zero;
        continue;
      }
      Place at = place(&cursor, &plan->window, dcn_job_pixel(job, begin + tile * dr + i));
      int t = 0;
      for (int ky = 0; ky < kh; ky++) {
        for (int kx = 0; kx < kw; kx++, t++) {
          size_t q = at.first + (size_t)(at.iy[ky] * (ptrdiff_t)in_w + at.ix[kx]);
          if (at.iy[ky] < 0 || at.ix[kx] < 0 || !in->changed[q]) {
            d[t * dr + i] = zero;
            continue;
          }
          d[t * dr + i] = in->delta + q * pitch + offset;
          const uint64_t *m = in->mask + q * in_words;
          uint64_t *u = masks + (size_t)t * words;
          if (whole)
            for (int j = 0; j < words; j++)
              u[j] |= m[j];
          else
            or_bits(u, m, (int)offset, plan->cg);
        }
      }
    }
    uint64_t bits = 0;
    for (int j = 0; j < taps * words; j++)
      bits += (uint64_t)dcn_bits_count(masks[j]);
    multiplies += bits * (uint64_t)n;
    *padded += bits * (uint64_t)dr;
  }
  return multiplies;
}
