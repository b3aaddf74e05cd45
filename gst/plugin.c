/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin: deltaextract, deltacnn and deltaoverlay.
 */
#include "plugin.h"

GST_ELEMENT_REGISTER_DECLARE (deltaextract);
#ifdef HAVE_DELTACNN
GST_ELEMENT_REGISTER_DECLARE (deltacnn);
#endif
#ifdef HAVE_DELTAOVERLAY
GST_ELEMENT_REGISTER_DECLARE (deltaoverlay);
#endif

gboolean
deltacnn_elements_register (GstPlugin * plugin)
{
  gboolean any = FALSE;

  any |= GST_ELEMENT_REGISTER (deltaextract, plugin);
#ifdef HAVE_DELTACNN
  any |= GST_ELEMENT_REGISTER (deltacnn, plugin);
#endif
#ifdef HAVE_DELTAOVERLAY
  any |= GST_ELEMENT_REGISTER (deltaoverlay, plugin);
#endif
  return any;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, deltacnn,
    "CNN classification that reuses what the video codec says did not change",
    deltacnn_elements_register, VERSION, "LGPL", PACKAGE,
    "https://gstreamer.freedesktop.org/")
