/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sources: where the element learns what changed
 */

#include "sources.h"

GType
gst_delta_cnn_source_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_DELTA_CNN_SOURCE_AUTO,
          "The coding meta where it can be believed, else comparing pixels",
        "auto"},
    {GST_DELTA_CNN_SOURCE_CODEC,
        "The coding meta; without it everything changed", "codec"},
    {GST_DELTA_CNN_SOURCE_PIXEL,
        "Comparing pixels, of large frames as the network sees them", "pixel"},
    {GST_DELTA_CNN_SOURCE_HISTOGRAM,
        "Approximate: colour histograms, as DeepMon", "histogram"},
    {GST_DELTA_CNN_SOURCE_DIAMOND,
          "Approximate: blocks found again by diamond search, as DeepCache",
        "diamond"},
    {GST_DELTA_CNN_SOURCE_MOTION,
        "Approximate: key frames, their activations moved by motion vectors "
          "in between, as EVA2 and Euphrates", "motion"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type)) {
    GType t = g_enum_register_static ("GstDeltaCnnSource", values);
    g_once_init_leave (&type, t);
  }
  return type;
}

const gchar *
gst_delta_cnn_used_name (GstDeltaCnnUsed used)
{
  switch (used) {
    case GST_DELTA_CNN_USED_CODEC:
      return "codec";
    case GST_DELTA_CNN_USED_PIXEL:
      return "pixel";
    case GST_DELTA_CNN_USED_HISTOGRAM:
      return "histogram";
    case GST_DELTA_CNN_USED_DIAMOND:
      return "diamond";
    case GST_DELTA_CNN_USED_MOTION:
      return "motion";
    default:
      return "none";
  }
}

gboolean
gst_delta_cnn_source_is_rival (GstDeltaCnnSource source)
{
  return source == GST_DELTA_CNN_SOURCE_HISTOGRAM
      || source == GST_DELTA_CNN_SOURCE_DIAMOND
      || source == GST_DELTA_CNN_SOURCE_MOTION;
}
