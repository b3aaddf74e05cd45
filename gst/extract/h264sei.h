/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Supplemental enhancement information of H.264 that changes which samples decoders put out (ITU-T H.264 annex D).
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All zero at the start of a stream; goes on from one SEI to the next. */
typedef struct
{
  gboolean film_grain;          /* grain is asked for, and not cancelled since */
  gint x264_build;              /* of the encoder, 0: another one, or not said */
} DeltaH264Sei;

/**
 * delta_h264_sei_read:
 * @sei: (inout): what was read before
 * @nal: a NAL unit of type 6, with its header
 * @size: its bytes
 *
 * Reads as far as messages go, whatever the bytes.  That grain is cancelled is believed only of a unit whose messages end with it.
 */
void delta_h264_sei_read (DeltaH264Sei * sei, const guint8 * nal, gsize size);

/**
 * delta_h264_sei_doubt:
 * @sei: what was read
 * @b_slice: of a B slice
 * @chroma_format_idc: of the sequence
 *
 * Returns: (nullable): why nothing can be said of the picture's samples, or %NULL.
 */
const gchar *delta_h264_sei_doubt (const DeltaH264Sei * sei, gboolean b_slice,
    gint chroma_format_idc);

G_END_DECLS
