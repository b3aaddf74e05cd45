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
  GstPlugin *installed;

  /* A program with the elements in it runs those, not an installed plugin's:
   * loading that as well would register their types twice. */
  if (!plugin && (installed =
          gst_registry_find_plugin (gst_registry_get (), "deltacnn"))) {
    gst_registry_remove_plugin (gst_registry_get (), installed);
    gst_object_unref (installed);
  }
  any |= GST_ELEMENT_REGISTER (deltaextract, plugin);
  any |= GST_ELEMENT_REGISTER (deltacnn, plugin);
  any |= GST_ELEMENT_REGISTER (deltaoverlay, plugin);
  return any;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, deltacnn,
    "CNN classification that reuses what the video codec says did not change",
    deltacnn_elements_register, VERSION, "LGPL", PACKAGE,
    "https://gstreamer.freedesktop.org/")
