/* deltacnn: first layers: which changes fall into which windows, and adding them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Up to 64 output pixels are a group.  For each tap of the window a word says in which of their windows the pixel
 * there changed, and the tap's weights are read once for all of these.  The words come from the image's rows of
 * bits: those of output pixels that lie side by side, as every stride-th bit. */
#include "net/first.h"
#include <string.h>

/* What a tap of a pixel takes, and what a tap takes besides, in multiplies of igemm per input and output channel, by
 * vectors of output channels that a tap's weights fill (bench-kernels --kernel=wgemm); alike: two rows of taps are. */
#define TAP_COST 2.5
static inline double
bit_cost(const DcnKernels *kernels, gboolean alike)
{
  return kernels->nr >= 32 ? (alike ? 1.2 : 1.25) : kernels->nr >= 16 ? (alike ? 1.3 : 1.6) : 1.5;
}

/* The words of pixels that lie side by side: bits of one input row that begin at the first one's window. */
typedef struct {
  uint64_t bits[DCN_FIRST_ROW_WORDS];
  int words;
} Columns;

/* Returns whether there are any. */
static inline gboolean
take_columns(const uint64_t *bits, int words, int64_t x, int n, Columns *columns)
{
  uint64_t any = 0;
  columns->words = dcn_bits_words(n);
  for (int i = 0; i < columns->words; i++) {
    int64_t at = (x >> 6) + i;
    int shift = (int)(x & 63);
    uint64_t v = at < 0 || at + 1 >= words ? dcn_bits_at(bits, words, x + i * 64)
                                           : bits[at] >> shift | bits[at + 1] << 1 << (63 - shift);
    if (i == columns->words - 1)
      v &= dcn_bits_last(n);
    columns->bits[i] = v;
    any |= v;
  }
  return any != 0;
}

static inline gboolean
same_columns(const Columns *a, const Columns *b)
{
  uint64_t differ = 0;
  for (int i = 0; i < a->words; i++)
    differ |= a->bits[i] ^ b->bits[i];
  return differ == 0;
}

/* planes[r]: bits r, r + step, r + 2 * step, ... */
static void
split_columns(const Columns *columns, int step, int used, uint64_t *planes)
{
  if (step == 1) {
    planes[0] = columns->bits[0];
    return;
  }
  for (int r = 0; r < used; r++)
    planes[r] = 0;
  if (step == 4 || step == 2) {
    for (int i = 0; i < columns->words; i++)
      for (int r = 0; r < used; r++)
        planes[r] |= step == 4 ? dcn_bits_fourth(columns->bits[i] >> r) << 16 * i
                               : dcn_bits_even(columns->bits[i] >> r) << 32 * i;
    return;
  }
  for (int i = 0; i < columns->words; i++)
    for (uint64_t v = columns->bits[i]; v; v &= v - 1) {
      int at = i * 64 + __builtin_ctzll(v), q = at / step, r = at - q * step;
      if (r < used)
        planes[r] |= UINT64_C(1) << q;
    }
}

/* Deltas come from memory where the image is large: the rows that the windows of the row above did not hold are asked
 * for while the group before is at work. */
static inline void
ask_for_deltas(const DcnJob *job, int row, int64_t x, const Columns *columns, int c)
{
  const float *delta = job->in->delta + (size_t)row * (size_t)job->in->net->w * (size_t)c;
  for (int i = 0; i < columns->words; i++) {
    uint64_t v = columns->bits[i];
    if (v == 0)
      continue;
    int64_t first = x + i * 64 + __builtin_ctzll(v), last = x + i * 64 + 63 - __builtin_clzll(v);
    const float *end = delta + (last + 1) * c;
    for (const float *p = delta + first * c; p < end; p += 16)
      __builtin_prefetch(p, 0, 2);
    __builtin_prefetch(end - 1, 0, 2);
  }
}

/* Changes in the rows of n windows side by side, the first of them at pixel number `at` of the group. */
static void
mark_run(const DcnJob *job, const DcnFirstPlan *plan, const uint64_t *bits, const DcnCursor *cursor,
         int at, int n, uint64_t *marks)
{
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = job->in;
  const int *iy = win->iy + (size_t)cursor->y * win->kh;
  int kw = win->kw, step = win->step, used = MIN(step, kw), words = in->net->row_words;
  int64_t x = win->first_column + (int64_t)cursor->x * step;
  uint64_t taps[32], planes[32], all = dcn_bits_last(n);
  Columns both[2], *before = NULL, *columns = &both[0];
  for (int ky = 0; ky < win->kh; ky++) {
    int row = cursor->image * win->in_h + iy[ky];
    if (iy[ky] < 0 || in->row_changed[row] == 0 ||
        !take_columns(bits + (size_t)row * words, words, x, (n - 1) * step + kw, columns))
      continue;
    if (ky >= win->kh - plan->stride_h)
      ask_for_deltas(job, row, x, columns, plan->c);
    /* Blocks of changes make rows alike. */
    if (!before || !same_columns(columns, before)) {
      split_columns(columns, step, used, planes);
      for (int kx = 0, r = 0, q = 0; kx < kw; kx++) {
        taps[kx] = (planes[r] >> q & all) << at;
        if (++r == step) {
          r = 0;
          q++;
        }
      }
      before = columns;
      columns = &both[before == both];
    }
    uint64_t *to = marks + (size_t)ky * kw;
    for (int kx = 0; kx < kw; kx++)
      to[kx] |= taps[kx];
  }
}

/* At the border a window begins outside of the image; its taps are inside. */
static inline const float *
window_at(const DcnJob *job, ptrdiff_t corner)
{
  return (const float *)((uintptr_t)job->in->delta +
                         (uintptr_t)(corner * (ptrdiff_t)sizeof(float)));
}

static inline int
add_tap(const DcnFirstPlan *plan, DcnFirstGroup *group, int tap)
{
  uint64_t marks = group->marks[tap];
  if (marks == 0)
    return 0;
  group->taps[group->count] = plan->taps[tap];
  group->taps[group->count++].pixels = marks;
  return dcn_bits_count(marks);
}

/* Taps two by two, as the kernel takes them: those of two rows that are alike, else neighbours in a row. */
static void
list_taps(const DcnKernels *kernels, const DcnFirstPlan *plan, DcnFirstGroup *group)
{
  int kh = plan->window.kh, kw = plan->window.kw, all = 0;
  double cost = 0;
  group->count = 0;
  for (int ky = 0; ky < kh; ky++) {
    const uint64_t *row = group->marks + (size_t)ky * kw;
    gboolean alike = ky + 1 < kh && memcmp(row, row + kw, sizeof *row * (size_t)kw) == 0;
    int bits = 0;
    for (int kx = 0; kx < kw; kx++) {
      bits += add_tap(plan, group, ky * kw + kx);
      if (alike)
        bits += add_tap(plan, group, (ky + 1) * kw + kx);
    }
    ky += alike;
    all += bits;
    cost += bit_cost(kernels, alike) * bits;
    int count = group->count;
    if (count % 2) { /* one that is for no pixel */
      group->taps[count] = group->taps[count - 1];
      group->taps[group->count++].pixels = 0;
    }
  }
  group->multiplies = (uint64_t)all * (uint64_t)plan->c;
  group->cost = (cost + TAP_COST * group->count) * plan->c;
}

void
dcn_first_plan_group(const DcnJob *job, const DcnFirstPlan *plan, const uint64_t *bits,
                     const int32_t *pixels, int most, DcnFirstGroup *group)
{
  const DcnWindow *win = &plan->window;
  int taps = win->kh * win->kw, n = 0;
  int longest = 64 - (win->kw - 1) / win->step;
  DcnCursor cursor = DCN_CURSOR_INIT;
  most = MIN(most, 64);
  memset(group->marks, 0, sizeof *group->marks * (size_t)taps);
  for (int run = 0; n < most && run < longest; n += run) {
    dcn_cursor_move(&cursor, win, pixels[n]);
    int limit = MIN(MIN(most - n, longest), win->out_w - cursor.x);
    run = 1;
    while (run < limit && pixels[n + run] == pixels[n] + run)
      run++;
    mark_run(job, plan, bits, &cursor, n, run, group->marks);
    ptrdiff_t row =
        (ptrdiff_t)cursor.image * win->in_h + (ptrdiff_t)cursor.y * plan->stride_h - plan->pad_top;
    ptrdiff_t corner = row * win->in_w + win->first_column + (ptrdiff_t)cursor.x * win->step;
    for (int i = 0; i < run; i++)
      group->windows[n + i] = window_at(job, (corner + (ptrdiff_t)i * win->step) * plan->c);
  }
  group->pixels = pixels;
  group->n_pixels = n;
  list_taps(job->kernels, plan, group);
}

/* Taps between which sums of the next group are asked for: a few lines at a time, as more would wait for each other. */
#define AT_ONCE 4

void
dcn_first_add(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstGroup *group,
              const DcnFirstGroup *next, float *sums, size_t stride)
{
  const DcnKernels *k = job->kernels;
  int width = k->dn * k->nr, asked = 0, n_next = next ? next->n_pixels : 0;
  int calls = (plan->m + width - 1) / width * ((group->count + AT_ONCE - 1) / AT_ONCE);
  int ask = calls ? (n_next + calls - 1) / calls : 0;
  float *out[64];
  for (int m = 0; m < plan->m; m += width) {
    for (int i = 0; i < group->n_pixels; i++)
      out[i] = sums + (size_t)group->pixels[i] * stride + (size_t)m;
    for (int t = 0; t < group->count; t += AT_ONCE) {
      for (int end = MIN(asked + ask, n_next); asked < end; asked++)
        for (int j = 0; j < plan->m; j += 16)
          __builtin_prefetch(sums + (size_t)next->pixels[asked] * stride + j, 0, 2);
      k->wgemm(group->windows, group->taps + t, MIN(AT_ONCE, group->count - t), plan->c,
               plan->weights + (size_t)(m / k->nr) * plan->block_floats, plan->block_floats, out,
               MIN(width, plan->m - m));
    }
  }
}
