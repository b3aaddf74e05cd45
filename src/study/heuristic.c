/* deltacnn: channel means of a difference; one thread.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/heuristic.h"
#include <math.h>
#include <string.h>

/* Floats are added up over so many pixels; more of them would lose digits. */
#define PIXELS 256

void
dcn_study_means(const DcnStudyLayer *layer, const float *in, size_t in_pitch,
                DcnStudyScratch *scratch)
{
  uint64_t start = dcn_study_now_ns();
  float *means = scratch->difference.means;
  int c = layer->in_c;
  memset(means, 0, sizeof(float) * (size_t)c);
  for (int c0 = 0; c0 < c; c0 += 16) {
    int n = MIN(16, c - c0);
    double sum[16] = {0};
    for (int p0 = 0; p0 < layer->in_pixels; p0 += PIXELS) {
      float part[16] = {0};
      for (int p = p0; p < MIN(p0 + PIXELS, layer->in_pixels); p++) {
        const float *x = in + (size_t)p * in_pitch + c0;
        const float *last = layer->last + (size_t)p * (size_t)c + c0;
        if (n == 16)
          for (int i = 0; i < 16; i++)
            part[i] += fabsf(x[i] - last[i]);
        else
          for (int i = 0; i < n; i++)
            part[i] += fabsf(x[i] - last[i]);
      }
      for (int i = 0; i < n; i++)
        sum[i] += part[i];
    }
    for (int i = 0; i < n; i++)
      means[c0 + i] = (float)(sum[i] / layer->in_pixels);
  }
  scratch->workers[0]->making_ns += dcn_study_now_ns() - start;
}
