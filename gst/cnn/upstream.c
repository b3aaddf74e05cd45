/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * upstream: what stands between a decoder and a pad
 *
 * The coding meta speaks of the samples that the decoder put out.  Elements that
 * draw in place (clocks, subtitles, logos) hand the meta on although it no longer
 * holds, and nothing on the buffer shows that.  What does show is the pipeline.
 */

#include "upstream.h"
#include <gst/base/gstbasetransform.h>
#include <gst/video/gstvideodecoder.h>

/* A pipeline that is deeper than this between decoder and classifier is not
 * looked through. */
#define DEPTH_MAX 64

/* They queue, drop, repeat, retime or route buffers, and never write samples. */
static const gchar *const harmless[] = {
  "capsfilter", "clocksync", "concat", "deltacnn", "deltaextract",
  "errorignore",
  "funnel", "identity", "input-selector", "multiqueue", "output-selector",
  "progressreport", "queue", "queue2", "streamsynchronizer", "tee", "valve",
  "videorate", "watchdog", NULL
};

static gboolean source_untouched (GstPad * srcpad, gint depth,
    const gchar ** why);

/* The pad that really feeds a sink pad (through ghost pads), or NULL. */
static GstPad *
real_peer (GstPad * sinkpad)
{
  GstPad *pad = gst_pad_get_peer (sinkpad);
  gint depth = 0;

  while (pad && depth++ < DEPTH_MAX) {
    GstPad *next;

    if (GST_IS_GHOST_PAD (pad)) {
      /* The source ghost pad of a bin: what it shows is inside. */
      next = gst_ghost_pad_get_target (GST_GHOST_PAD (pad));
    } else if (GST_IS_PROXY_PAD (pad)) {
      /* The inner side of a bin's sink ghost pad: go on outside of it. */
      GstProxyPad *outer = gst_proxy_pad_get_internal (GST_PROXY_PAD (pad));

      next = outer ? gst_pad_get_peer (GST_PAD (outer)) : NULL;
      g_clear_pointer (&outer, gst_object_unref);
    } else {
      return pad;
    }
    gst_object_unref (pad);
    pad = next;
  }
  g_clear_pointer (&pad, gst_object_unref);
  return NULL;
}

static gboolean
hands_on_untouched (GstElement * element, const gchar ** why)
{
  GstElementFactory *factory = gst_element_get_factory (element);

  /* Converters, balances and their like that have nothing to do. */
  if (GST_IS_BASE_TRANSFORM (element)
      && gst_base_transform_is_passthrough (GST_BASE_TRANSFORM (element)))
    return TRUE;
  *why = factory ? g_intern_string (GST_OBJECT_NAME (factory)) : NULL;
  return *why && g_strv_contains (harmless, *why);
}

static gboolean
sink_untouched (GstPad * sinkpad, gint depth, const gchar ** why)
{
  GstPad *peer = real_peer (sinkpad);
  gboolean untouched;

  if (!peer)
    return FALSE;
  untouched = source_untouched (peer, depth, why);
  gst_object_unref (peer);
  return untouched;
}

/* All sink pads of the element that feed srcpad. */
static gboolean
inputs_untouched (GstPad * srcpad, gint depth, const gchar ** why)
{
  GstIterator *it = gst_pad_iterate_internal_links (srcpad);
  GValue item = G_VALUE_INIT;
  gboolean untouched = TRUE, done = FALSE;
  guint inputs = 0;

  if (!it)
    return FALSE;
  while (!done) {
    switch (gst_iterator_next (it, &item)) {
      case GST_ITERATOR_OK:
        inputs++;
        if (!sink_untouched (g_value_get_object (&item), depth + 1, why)) {
          untouched = FALSE;
          done = TRUE;
        }
        g_value_reset (&item);
        break;
      case GST_ITERATOR_RESYNC:
        gst_iterator_resync (it);
        inputs = 0;
        break;
      case GST_ITERATOR_ERROR:
        untouched = FALSE;
        done = TRUE;
        break;
      case GST_ITERATOR_DONE:
        done = TRUE;
        break;
    }
  }
  g_value_unset (&item);
  gst_iterator_free (it);
  return untouched && inputs > 0;
}

static gboolean
source_untouched (GstPad * srcpad, gint depth, const gchar ** why)
{
  GstElement *element;
  gboolean untouched;

  if (depth > DEPTH_MAX)
    return FALSE;
  element = gst_pad_get_parent_element (srcpad);
  if (!element)
    return FALSE;
  if (GST_IS_VIDEO_DECODER (element))
    untouched = TRUE;
  else
    untouched = hands_on_untouched (element, why)
        && inputs_untouched (srcpad, depth, why);
  gst_object_unref (element);
  return untouched;
}

gboolean
gst_delta_cnn_upstream_untouched (GstPad * sinkpad, const gchar ** why)
{
  *why = NULL;
  if (!sink_untouched (sinkpad, 0, why))
    return FALSE;
  *why = NULL;
  return TRUE;
}
