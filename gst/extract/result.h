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
  guint pictures;          /* that ended in the buffer; both fields of one count once */
} DeltaResult;

/* A picture ended, or another field of the one before did. */
void delta_result_add (DeltaResult * result, DcnPicture * picture, gboolean second_field);

/* At the buffer's end: the one picture that it stands for, known or not, or none.  FALSE where a picture came and
 * cannot be told from others, or something was read that a decoder may take in another way: then what follows has
 * nothing to do with what came before, and the caller resets its extractor. */
gboolean delta_result_settle (DeltaResult * result);

G_END_DECLS
