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
  window->first_column = -pad_left;
  window->dilation = dil_w;
  return TRUE;
}

void
dcn_window_clear(DcnWindow *window)
{
  dcn_aligned_free(window->iy);
  dcn_aligned_free(window->ix);
}

/* Columns of the input rows under an output row in which something changed, by rows of bits; NULL:
 * none.  They are in the value's own bits where it is one row, else in scratch. */
static const uint64_t *
changed_columns(const DcnWindow *window, const DcnValueState *in, int image, int oy,
                uint64_t *scratch)
{
  const int *iy = window->iy + (size_t)oy * window->kh;
  const uint64_t *columns = NULL;
  int words = in->net->row_words;
  for (int ky = 0; ky < window->kh; ky++) {
    int row = image * window->in_h + iy[ky];
    if (iy[ky] < 0 || in->row_changed[row] == 0)
      continue;
    const uint64_t *bits = in->bits + (size_t)row * words;
    if (!columns) {
      columns = bits;
      continue;
    }
    for (int i = 0; i < words; i++)
      scratch[i] = columns[i] | bits[i];
    columns = scratch;
  }
  return columns;
}

/* Bit i is set where input column at + i begins a window of kw columns that holds a set bit. */
static inline uint64_t
windows_at(const DcnWindow *window, const uint64_t *columns, int words, int64_t at)
{
  uint64_t any = 0;
  if (window->dilation == 1 && window->kw <= 64) { /* each step doubles what was seen */
    uint64_t low = dcn_bits_at(columns, words, at), high = dcn_bits_at(columns, words, at + 64);
    if ((low | high) == 0)
      return 0;
    for (int seen = 1, shift; seen < window->kw; seen += shift) {
      shift = MIN(seen, window->kw - seen);
      low |= low >> shift | high << (64 - shift);
      high |= high >> shift;
    }
    return low;
  }
  for (int kx = 0; kx < window->kw; kx++)
    any |= dcn_bits_at(columns, words, at + (int64_t)kx * window->dilation);
  return any;
}

/* Output columns whose windows hold a changed column, as a row of bits. */
static void
reached_columns(const DcnWindow *window, const uint64_t *columns, int words, uint64_t *reached)
{
  int64_t at = window->first_column;
  int out_words = dcn_bits_words(window->out_w);
  if (window->step <= 2) {
    for (int i = 0; i < out_words; i++, at += 64 * window->step)
      reached[i] = window->step == 1
                       ? windows_at(window, columns, words, at)
                       : dcn_bits_even(windows_at(window, columns, words, at)) |
                             dcn_bits_even(windows_at(window, columns, words, at + 64)) << 32;
    reached[out_words - 1] &= dcn_bits_last(window->out_w);
    return;
  }
  if (window->step == 4) {
    for (int i = 0; i < out_words; i++) {
      reached[i] = 0;
      for (int j = 0; j < 64; j += 16, at += 64)
        reached[i] |= dcn_bits_fourth(windows_at(window, columns, words, at)) << j;
    }
    reached[out_words - 1] &= dcn_bits_last(window->out_w);
    return;
  }
  memset(reached, 0, sizeof *reached * (size_t)out_words);
  int at_once = 63 / window->step + 1;
  for (int ox = 0; ox < window->out_w; ox += at_once, at += (int64_t)at_once * window->step) {
    uint64_t windows = windows_at(window, columns, words, at);
    for (int i = 0; windows && i < MIN(at_once, window->out_w - ox); i++)
      reached[(ox + i) >> 6] |= (windows >> (i * window->step) & 1) << ((ox + i) & 63);
  }
}

#ifdef __SIZEOF_INT128__
/* For rows of up to 128 columns, which are one number where the CPU has 64 bits: the same as reached_columns(), for all
 * output rows of an image.  Most layers of small networks have no others, and so few changes that finding them is a good
 * part of the work. */
typedef unsigned __int128 Row;

static inline Row
narrow_row(const DcnWindow *window, Row columns)
{
  Row any = 0;
  int at = window->first_column;
  for (int kx = 0; kx < window->kw; kx++, at += window->dilation)
    any |= at < 0 ? columns << -at : columns >> at;
  return any;
}

static int
narrow_rows(const DcnWindow *window, const uint64_t *bits, int words, uint64_t *reached)
{
  int count = 0, kh = window->kh, out_words = dcn_bits_words(window->out_w);
  uint64_t last = dcn_bits_last(window->out_w);
  const int *iy = window->iy;
  for (int oy = 0; oy < window->out_h; oy++, iy += kh, reached += out_words) {
    uint64_t low = 0, high = 0;
    for (int ky = 0; ky < kh; ky++)
      if (iy[ky] >= 0) {
        low |= bits[iy[ky] * words];
        high |= words > 1 ? bits[iy[ky] * words + 1] : 0;
      }
    reached[0] = reached[out_words - 1] = 0;
    if ((low | high) == 0)
      continue;
    Row row = narrow_row(window, (Row)high << 64 | low);
    if (window->step == 1) {
      reached[0] = (uint64_t)row;
      if (out_words > 1)
        reached[1] = (uint64_t)(row >> 64);
    } else {
      reached[0] = dcn_bits_even((uint64_t)row) | dcn_bits_even((uint64_t)(row >> 64)) << 32;
    }
    reached[out_words - 1] &= last;
    for (int i = 0; i < out_words; i++)
      count += dcn_bits_count(reached[i]);
  }
  return count;
}

/* Whether narrow_rows() does this window, whose shifts are smaller than a row's bits. */
static gboolean
is_narrow(const DcnWindow *window, int words)
{
  int out_words = dcn_bits_words(window->out_w);
  return words <= 2 && (window->step == 1 ? out_words <= 2 : window->step == 2 && out_words == 1) &&
         window->first_column > -64 &&
         window->first_column + (int64_t)window->kw * window->dilation < 128 && window->kw <= 11 &&
         window->kw > 1;
}
#endif

int
dcn_window_reach(const DcnWindow *window, const DcnValueState *in, uint64_t *scratch,
                 uint64_t *reached)
{
  int count = 0, words = in->net->row_words, out_words = dcn_bits_words(window->out_w);
  gboolean point = window->kw == 1 && window->step == 1 && window->first_column == 0 &&
                   window->out_w == window->in_w;
#ifdef __SIZEOF_INT128__
  if (is_narrow(window, words)) {
    size_t in_words = (size_t)window->in_h * (size_t)words;
    for (int image = 0; image < in->net->n;
         image++, reached += (size_t)window->out_h * (size_t)out_words)
      count += narrow_rows(window, in->bits + (size_t)image * in_words, words, reached);
    return count;
  }
#endif
  for (int image = 0; image < in->net->n; image++)
    for (int oy = 0; oy < window->out_h; oy++, reached += out_words) {
      const uint64_t *columns = changed_columns(window, in, image, oy, scratch);
      if (!columns) {
        memset(reached, 0, sizeof *reached * (size_t)out_words);
        continue;
      }
      if (point)
        memcpy(reached, columns, sizeof *reached * (size_t)out_words);
      else
        reached_columns(window, columns, words, reached);
      for (int i = 0; i < out_words; i++)
        count += dcn_bits_count(reached[i]);
    }
  return count;
}
