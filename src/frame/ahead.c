/* deltacnn: asking for the next rows of a frame while one row of the tensor is computed.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/ahead.h"

void
dcn_ahead_plan(DcnAhead *ahead, const DcnFrame *frame, const DcnLayout *layout,
               const DcnAxisFilter *across, const DcnAxisFilter *down, int n_planes, int y,
               int begin, int end, int steps)
{
  int lines = 0;
  ahead->plane = ahead->line = 0;
  ahead->n_planes = n_planes;
  for (int p = 0; p < n_planes; p++) {
    int step = layout->plane[p].step, left = across[p].first[begin] * step;
    int right = (across[p].first[end - 1] + dcn_axis_filter_taps(&across[p], end - 1)) * step;
    int above = down[p].first[y - 1] + dcn_axis_filter_taps(&down[p], y - 1);
    int from = MAX(down[p].first[y], above);
    ahead->stride[p] = frame->stride[p];
    ahead->row[p] = frame->plane[p] + (ptrdiff_t)from * frame->stride[p] + left;
    ahead->rows[p] = down[p].first[y] + dcn_axis_filter_taps(&down[p], y) - from;
    ahead->lines[p] = (right - left + 63) / 64;
    lines += ahead->rows[p] * ahead->lines[p];
  }
  ahead->per_step = (lines + steps - 1) / steps;
}
