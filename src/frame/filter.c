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
#define WHOLE_ERROR     1e-6
#define WHOLE_SUM_MOST  255
#define WHOLE_PAIR_MOST 128

/* exact: as filter->weights, in double */
static gboolean
are_whole(const DcnAxisFilter *filter, const double *exact, int sum)
{
  for (int i = 0; i < filter->size; i++) {
    long total = 0, before = 0;
    for (int k = filter->offset[i]; k < filter->offset[i + 1]; k++) {
      long w = lround(exact[k] * sum);
      if (fabs(exact[k] * sum - (double)w) > WHOLE_ERROR || w >= WHOLE_PAIR_MOST ||
          before + w > WHOLE_PAIR_MOST)
        return FALSE;
      total += w;
      before = w;
    }
    if (total != sum)
      return FALSE;
  }
  return TRUE;
}

static gboolean
make_whole(DcnAxisFilter *filter, const double *exact)
{
  int sum = 1, size = filter->size, all = filter->offset[size];
  while (sum <= WHOLE_SUM_MOST && !are_whole(filter, exact, sum))
    sum++;
  if (sum > WHOLE_SUM_MOST)
    return TRUE;
  size_t padded = filter->most <= 4 ? 4 : ((size_t)filter->most + 7) / 8 * 8;
  filter->whole = dcn_aligned_new0((size_t)all, 1);
  filter->whole_by_output = dcn_aligned_new0(((size_t)size + 7) * padded, sizeof(int16_t));
  if (!filter->whole || !filter->whole_by_output)
    return FALSE;
  for (int i = 0; i < size; i++)
    for (int k = filter->offset[i]; k < filter->offset[i + 1]; k++) {
      filter->whole[k] = (uint8_t)lround(exact[k] * sum);
      filter->whole_by_output[(size_t)i * padded + (size_t)(k - filter->offset[i])] =
          filter->whole[k];
    }
  filter->whole_padded = padded;
  filter->whole_sum = sum;
  return TRUE;
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
  dcn_aligned_free(filter->whole_by_output);
  memset(filter, 0, sizeof *filter);
}
