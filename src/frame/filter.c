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
  if (!filter->first || !filter->offset || !filter->weights || !weights) {
    dcn_aligned_free(weights);
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
      filter->weights[filter->offset[i] + k] = (float)(weights[k] / sum);
    filter->offset[i + 1] = filter->offset[i] + count;
  }
  dcn_aligned_free(weights);
  for (int i = 0; i < size; i++)
    filter->most = MAX(filter->most, dcn_axis_filter_taps(filter, i));
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
  memset(filter, 0, sizeof *filter);
}
