/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin: deltaextract, deltacnn and deltaoverlay.
 */
#include "plugin.h"

GST_ELEMENT_REGISTER_DECLARE (deltaextract);
GST_ELEMENT_REGISTER_DECLARE (deltacnn);
GST_ELEMENT_REGISTER_DECLARE (deltaoverlay);

gboolean
deltacnn_elements_register (GstPlugin * plugin)
{
  gboolean any = FALSE;

  any |= GST_ELEMENT_REGISTER (deltaextract, plugin);
  any |= GST_ELEMENT_REGISTER (deltacnn, plugin);
  any |= GST_ELEMENT_REGISTER (deltaoverlay, plugin);
  return any;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, deltacnn,
    "CNN classification that reuses what the video codec says did not change",
    deltacnn_elements_register, VERSION, "LGPL", PACKAGE,
    "https://gstreamer.freedesktop.org/")
