/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The best of many outputs.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The indices of the k <= n best of n outputs into order[0..k), best first, in
 * n log k; of equal ones the first, and not-a-number last. */
void gst_delta_cnn_rank (const gfloat * outputs, guint n, guint k, guint * order);

G_END_DECLS
