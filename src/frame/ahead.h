/* deltacnn: asking for the next rows of a frame while one row of the tensor is computed.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A few lines of 64 bytes are asked for at a time, between the steps of the work at hand: memory then does not stand
 * still while the CPU computes, nor the CPU while more is asked for than can be under way. */
#pragma once
#include "frame/filter.h"
#include "frame/frame.h"
#include "frame/layout.h"
#include <stddef.h>

/* What is still to be asked for: in each plane `rows` rows, from `row` on, of so many lines of 64 bytes. */
typedef struct {
  const uint8_t *row[3];
  ptrdiff_t stride[3];
  int rows[3], lines[3];
  int n_planes;
  int plane, line; /* the next one */
  int per_step;    /* lines */
} DcnAhead;

/* Plans what the taps of pixels [begin, end) of row y of the tensor need and those of row y - 1 did not take.
 *
 * across, down  [n_planes] the filters of each plane
 * n_planes      of those of `layout`; 0: there is nothing to ask for, and y may be behind the last row
 * steps         calls of dcn_ahead_step() after which all has been asked for */
void dcn_ahead_plan(DcnAhead *ahead, const DcnFrame *frame, const DcnLayout *layout, const DcnAxisFilter *across,
                    const DcnAxisFilter *down, int n_planes, int y, int begin, int end, int steps);

/* Asks for the next lines. */
static inline void
dcn_ahead_step(DcnAhead *ahead)
{
  for (int n = ahead->per_step; n > 0;) {
    int p = ahead->plane;
    if (p == ahead->n_planes)
      return;
    if (ahead->rows[p] == 0) {
      ahead->plane++;
      continue;
    }
    int last = MIN(ahead->line + n, ahead->lines[p]);
    n -= last - ahead->line;
    for (int i = ahead->line; i < last; i++)
      __builtin_prefetch(ahead->row[p] + (ptrdiff_t)i * 64);
    ahead->line = last;
    if (last == ahead->lines[p]) {
      ahead->line = 0;
      ahead->row[p] += ahead->stride[p];
      ahead->rows[p]--;
    }
  }
}
