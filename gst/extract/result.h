/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a codec's header layer found in one coded buffer.
 */
#pragma once

#include <gst/gst.h>
#include "coding/picture.h"

G_BEGIN_DECLS

/* Reasons are static strings. */
typedef struct {
  DcnPicture *picture;     /* owned by the caller, NULL where the buffer stands for no picture or for several */
  gboolean second_field;   /* picture was handed out before, with its first field */
  const gchar *reason;     /* why there is no picture, or why it is not known; NULL otherwise */
} DeltaResult;

G_END_DECLS
