/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <gst/gst.h>
#include "gstdeltacodingmeta.h"

G_BEGIN_DECLS

/* Writes a PNG of a raw video sample with the changed blocks tinted and the motion vectors drawn over it.
 * picture  what the codec says of it, or NULL
 * changed  one byte per 8x8 block of the picture's grid, or NULL: all changed
 * FALSE with an error where the frame cannot be converted or the file not be written. */
gboolean inspect_picture_write (const gchar * file, GstSample * sample, GstDeltaPicture * picture,
    const guint8 * changed, GError ** error);

G_END_DECLS
