/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltacnn-inspect writes of each frame.
 */
#pragma once

#include <gst/video/video.h>
#include <stdio.h>
#include "gstdeltacodingmeta.h"

G_BEGIN_DECLS

/* One line of JSON to the standard output.
 * number   of the frame in display order, from 0
 * picture  what the codec says of it, or NULL
 * changed  share of its blocks that changed, 0 to 1 */
void inspect_write_line (guint64 number, GstBuffer * buffer,
    const GstVideoInfo * info, GstDeltaPicture * picture, gdouble changed);

/* The born map: little-endian uint32, [rows][cols] blocks of 8x8.  FALSE with errno set. */
gboolean inspect_write_born (FILE * file, GstDeltaPicture * picture);

/* Motion vectors as CSV: their head, and a line for each one of a frame.  FALSE with
 * errno set. */
#define INSPECT_VECTORS "frame,x,y,w,h,ref_number,mv_x_qpel,mv_y_qpel,direction"
gboolean inspect_write_vectors (FILE * file, guint64 number,
    GstDeltaPicture * picture);

G_END_DECLS
