/* deltacnn: the scaling filter of one axis of one plane.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/filter.h"
#include "util/memory.h"
#include <math.h>
#include <string.h>

/* Shares of a sample below this are rounding of the interval's ends, not coverage. */
#define SLIVER 1e-9

/* Adds weight for a sample, moved to the edge where it is outside.  Taps come in rising order, so
 * that those moved to the same edge are neighbours in the list. */
static void
add_tap(double *weights, int *first, int *count, int sample, int samples, double weight)
{
  if (weight <= SLIVER)
    return;
  sample = CLAMP(sample, 0, samples - 1);
  if (*count == 0)
    *first = sample;
  int k = sample - *first;
  if (k == *count)
    weights[(*count)++] = 0;
  weights[k] += weight;
}

/* Products that are whole but for what doubles lose. */
#define WHOLE_ERROR 1e-6
#define WHOLE_MOST  16383 /* a weight */
#define SUM_MOST    65535
/* In bytes: */
#define NARROW_SUM_MOST  255
#define NARROW_PAIR_MOST 128

static gboolean
are_whole(const double *exact, int n, int sum)
{
  for (int k = 0; k < n; k++)
    if (fabs(exact[k] * sum - (double)lround(exact[k] * sum)) > WHOLE_ERROR)
      return FALSE;
  return TRUE;
}

/* Those of each output sum up (they may not where a weight is next to nothing). */
static gboolean
sum_up(const DcnAxisFilter *filter)
{
  for (int i = 0; i < filter->size; i++) {
    int total = 0;
    for (int k = filter->offset[i]; k < filter->offset[i + 1]; k++)
      total += filter->whole[k];
    if (total != filter->whole_sum)
      return FALSE;
  }
  return TRUE;
}

static gboolean
are_narrow(const DcnAxisFilter *filter)
{
  if (filter->whole_sum > NARROW_SUM_MOST)
    return FALSE;
  for (int i = 0; i < filter->size; i++)
    for (int k = filter->offset[i], before = 0; k < filter->offset[i + 1]; k++) {
      int w = filter->whole[k];
      if (w >= NARROW_PAIR_MOST || before + w > NARROW_PAIR_MOST)
        return FALSE;
      before = w;
    }
  return TRUE;
}

/* exact: as filter->weights, in double */
static gboolean
make_whole(DcnAxisFilter *filter, const double *exact)
{
  int sum = 1, size = filter->size, all = filter->offset[size];
  double most = 0;
  for (int k = 0; k < all; k++)
    most = MAX(most, exact[k]);
  int sum_most = (int)MIN(SUM_MOST, WHOLE_MOST / most);
  while (sum <= sum_most && !are_whole(exact, all, sum))
    sum++;
  if (sum > sum_most)
    return TRUE;
  size_t padded = filter->most <= 4 ? 4 : ((size_t)filter->most + 7) / 8 * 8;
  filter->whole = dcn_aligned_new0((size_t)all, sizeof *filter->whole);
  filter->whole_by_output = dcn_aligned_new0(((size_t)size + 7) * padded, sizeof(int16_t));
  if (!filter->whole || !filter->whole_by_output)
    return FALSE;
  for (int i = 0; i < size; i++)
    for (int k = filter->offset[i]; k < filter->offset[i + 1]; k++) {
      filter->whole[k] = (uint16_t)lround(exact[k] * sum);
      filter->whole_by_output[(size_t)i * padded + (size_t)(k - filter->offset[i])] =
          (int16_t)filter->whole[k];
    }
  filter->whole_padded = padded;
  filter->whole_sum = sum;
  if (!sum_up(filter)) {
    filter->whole_sum = 0;
    return TRUE;
  }
  if (!are_narrow(filter))
    return TRUE;
  filter->narrow = dcn_aligned_new0((size_t)all, 1);
  for (int k = 0; k < all && filter->narrow; k++)
    filter->narrow[k] = (uint8_t)filter->whole[k];
  return filter->narrow != NULL;
}

gboolean
dcn_axis_filters_are_whole(const DcnAxisFilter *across, const DcnAxisFilter *down)
{
  return across->whole_sum > 0 && down->whole_sum > 0 &&
         (int64_t)across->whole_sum * down->whole_sum * UINT8_MAX <= INT32_MAX;
}

gboolean
dcn_axis_filter_init(DcnAxisFilter *filter, int size, int samples, double begin, double end)
{
  double span = (end - begin) / size;
  memset(filter, 0, sizeof *filter);
  filter->size = size;
  if (span > samples + 2.0)
    return FALSE; /* no caller asks for more than the plane; bounds the memory */
  size_t most = (size_t)ceil(span) + 2; /* taps of one output */
  filter->first = dcn_aligned_new0((size_t)size, sizeof *filter->first);
  filter->offset = dcn_aligned_new0((size_t)size + 1, sizeof *filter->offset);
  filter->weights = dcn_aligned_new0((size_t)size * most, sizeof *filter->weights);
  double *weights = dcn_aligned_new0(most, sizeof *weights);
  double *exact = dcn_aligned_new0((size_t)size * most, sizeof *exact);
  if (!filter->first || !filter->offset || !filter->weights || !weights || !exact) {
    dcn_aligned_free(weights);
    dcn_aligned_free(exact);
    return FALSE;
  }
  for (int i = 0; i < size; i++) {
    double low = begin + i * span, high = i + 1 == size ? end : begin + (i + 1) * span;
    int count = 0;
    if (span >= 1 - SLIVER) {
      for (int s = (int)floor(low); s < high; s++)
        add_tap(weights, &filter->first[i], &count, s, samples, MIN(s + 1, high) - MAX(s, low));
    } else {
      double centre = (low + high) / 2 - 0.5, base = floor(centre);
      add_tap(weights, &filter->first[i], &count, (int)base, samples, 1 - (centre - base));
      add_tap(weights, &filter->first[i], &count, (int)base + 1, samples, centre - base);
    }
    double sum = 0;
    for (int k = 0; k < count; k++)
      sum += weights[k];
    for (int k = 0; k < count; k++)
      filter->weights[filter->offset[i] + k] =
          (float)(exact[filter->offset[i] + k] = weights[k] / sum);
    filter->offset[i + 1] = filter->offset[i] + count;
  }
  dcn_aligned_free(weights);
  for (int i = 0; i < size; i++)
    filter->most = MAX(filter->most, dcn_axis_filter_taps(filter, i));
  gboolean made = make_whole(filter, exact);
  dcn_aligned_free(exact);
  if (!made)
    return FALSE;
  filter->padded = filter->most <= 4 ? 4 : ((size_t)filter->most + 7) / 8 * 8;
  filter->by_tap = dcn_aligned_new0((size_t)size * filter->most, sizeof *filter->by_tap);
  filter->by_output = dcn_aligned_new0(((size_t)size + 7) * filter->padded, sizeof(float));
  if (!filter->by_tap || !filter->by_output)
    return FALSE;
  for (int i = 0; i < size; i++)
    for (int t = 0; t < dcn_axis_filter_taps(filter, i); t++)
      filter->by_tap[(size_t)t * size + i] = filter->by_output[(size_t)i * filter->padded + t] =
          filter->weights[filter->offset[i] + t];
  return TRUE;
}

void
dcn_axis_filter_clear(DcnAxisFilter *filter)
{
  dcn_aligned_free(filter->first);
  dcn_aligned_free(filter->offset);
  dcn_aligned_free(filter->weights);
  dcn_aligned_free(filter->by_tap);
  dcn_aligned_free(filter->by_output);
  dcn_aligned_free(filter->whole);
  dcn_aligned_free(filter->narrow);
  dcn_aligned_free(filter->whole_by_output);
  memset(filter, 0, sizeof *filter);
}
