/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "result.h"

void
delta_result_add (DeltaResult * result, DcnPicture * picture,
    gboolean second_field)
{
  if (result->picture == picture)
    return;
  result->pictures++;
  dcn_picture_unref (result->picture);
  result->picture = dcn_picture_ref (picture);
  result->second_field = second_field;
}

gboolean
delta_result_settle (DeltaResult * result)
{
  if (result->pictures > 1) {
    /* Which of them the decoder puts out with this buffer's metas, and whether it decodes them all, is its
     * own affair. */
    result->reason = "several pictures in one buffer";
  } else if (result->pictures == 0 && !result->reason) {
    result->reason = "no picture";
    return TRUE;
  }
  if (result->reason) {
    /* The buffer with its first field may have it already. */
    if (result->picture)
      g_atomic_int_set (&result->picture->complete, 0);
    g_clear_pointer (&result->picture, dcn_picture_unref);
    return FALSE;
  }
  if (!result->picture->known)
    result->reason = result->picture->unknown_reason;
  return TRUE;
}
