/* deltacnn: the scaling filter of one axis of one plane.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sample i of a plane covers [i, i + 1); its centre is i + 0.5.  An output covers an interval of
 * the plane. Where the interval is a sample wide or wider, each sample weighs as much of the
 * interval as it covers (a box with fractional edges: nothing aliases, nothing is skipped).  Where
 * it is narrower, the output is interpolated linearly between the two samples whose centres lie
 * around the interval's middle.  What lies outside of the plane takes the value of the edge sample.
 */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
  int size;       /* outputs */
  int *first;     /* [size] first sample of each; never decreases, and neither does first + taps */
  int *offset;    /* [size + 1] into weights; output i has offset[i + 1] - offset[i] >= 1 taps */
  float *weights; /* > 0, each output's sum to 1 */
  int most;       /* taps of any output */
  float *by_tap;  /* [most][size] the same weights; 0 beyond an output's taps */
  /* [size + 7][padded] again, likewise, aligned; padded: most, rounded up to 4 or a multiple of 8 */
  float *by_output;
  size_t padded;
  /* The same weights times whole_sum, where that makes whole numbers below 2^14 of them all: [size * most] as weights, and
   * [size + 7][whole_padded] as by_output, whole_padded being 4 or a multiple of 8.  whole_sum is below 2^16; it is 0 where no
   * such number does. */
  int whole_sum;
  uint16_t *whole;
  int16_t *whole_by_output;
  size_t whole_padded;
  /* `whole` in bytes, NULL where they are too large: each is at most 127, and no two neighbours make more than 128, so that
   * 16 bits hold a byte times either; whole_sum is at most 255: 16 bits hold the sum of samples less 128. */
  uint8_t *narrow;
} DcnAxisFilter;

/* Plans outputs that divide [begin, end) of a plane with so many samples evenly.  size and samples
 * >= 1, begin < end.  FALSE, and a filter that may be cleared, when memory is short. */
gboolean dcn_axis_filter_init(DcnAxisFilter *filter, int size, int samples, double begin,
                              double end);
/* Whether both have whole weights, and 32 bits hold the sum of samples times the weights of either. */
gboolean dcn_axis_filters_are_whole(const DcnAxisFilter *across, const DcnAxisFilter *down);
void dcn_axis_filter_clear(DcnAxisFilter *filter); /* a zeroed one is fine */

static inline int
dcn_axis_filter_taps(const DcnAxisFilter *filter, int i)
{
  return filter->offset[i + 1] - filter->offset[i];
}
