/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ranking: the best of many outputs
 */

#include "ranking.h"
#include <math.h>

static gboolean
better (const float *outputs, guint a, guint b)
{
  /* Not-a-number is worse than anything, so that the order stays one. */
  gboolean nan_a = isnan (outputs[a]), nan_b = isnan (outputs[b]);

  if (nan_a || nan_b)
    return nan_a == nan_b ? a < b : nan_b;
  return outputs[a] != outputs[b] ? outputs[a] > outputs[b] : a < b;
}

static void
sink_down (const float *outputs, guint * heap, guint n, guint i)
{
  guint item = heap[i];

  while (2 * i + 1 < n) {
    guint child = 2 * i + 1;

    /* The worst of the heap is on top. */
    if (child + 1 < n && better (outputs, heap[child], heap[child + 1]))
      child++;
    if (!better (outputs, item, heap[child]))
      break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = item;
}

void
gst_delta_cnn_rank (const gfloat * outputs, guint n, guint k, guint * order)
{
  guint i;

  for (i = 0; i < k; i++)
    order[i] = i;
  for (i = k / 2; i-- > 0;)
    sink_down (outputs, order, k, i);
  for (i = k; i < n; i++) {
    if (better (outputs, i, order[0])) {
      order[0] = i;
      sink_down (outputs, order, k, 0);
    }
  }
  for (i = k; i-- > 1;) {
    guint worst = order[0];

    order[0] = order[i];
    sink_down (outputs, order, i, 0);
    order[i] = worst;
  }
}
