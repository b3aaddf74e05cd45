/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What stands between a decoder and a pad.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* TRUE when every way upstream from the sink pad leads to a video decoder over
 * elements that are known to hand samples on untouched.  Cheap enough for every
 * frame.  why: set to the name of the factory that is in the way, a static
 * string, or to NULL where that is not known. */
gboolean gst_delta_cnn_upstream_untouched (GstPad * sinkpad,
    const gchar ** why);

G_END_DECLS
