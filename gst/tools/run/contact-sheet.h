/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A PNG with evenly spread frames of a video of unknown length, each with a caption.
 */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

typedef struct _ContactSheet ContactSheet;

/* columns x rows frames.  Free with contact_sheet_free(). */
ContactSheet *contact_sheet_new (guint columns, guint rows);
void contact_sheet_free (ContactSheet * sheet);

/* To be asked once for each frame, in order: TRUE when the frame is one to be added. */
gboolean contact_sheet_wants (ContactSheet * sheet);

/* frame: BGRx, mapped, copied.  caption is shown under it. */
void contact_sheet_add (ContactSheet * sheet, const GstVideoFrame * frame, const gchar * caption);

/* Writes the PNG.  FALSE and a sentence in error without frames or when the file cannot be written. */
gboolean contact_sheet_write (ContactSheet * sheet, const gchar * path, GError ** error);

G_END_DECLS
