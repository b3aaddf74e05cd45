/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/**
 * SECTION:element-deltaextract
 * @title: deltaextract
 * @short_description: reads from coded video what changes from picture to picture
 *
 * Sits between a parser and a decoder.  Coded buffers pass untouched and without delay; on each one that
 * holds a picture comes a #GstDeltaCodingMeta, which any decoder built on #GstVideoDecoder carries to the
 * decoded frame: picture type, for every 8x8 block the picture that its samples stem from, motion vectors
 * and quantisers.
 *
 * Nothing may drop or change coded buffers between this element and the decoder: the claims are about
 * what decoding exactly these buffers gives.
 *
 * MPEG-1 and MPEG-2 video and H.264 are understood.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.mpg ! mpegpsdemux ! mpegvideoparse ! deltaextract ! avdec_mpeg2video ! deltacnn model-file=model.onnx ! deltaoverlay ! videoconvert ! autovideosink
 * ]|
 *
 * Since: 0.1
 */

#include "gstdeltaextract.h"
#include <string.h>
#include "gstdeltacodingmeta.h"
#include "h264headers.h"
#include "mpeg2headers.h"

GST_DEBUG_CATEGORY (gst_delta_extract_debug);
#define GST_CAT_DEFAULT gst_delta_extract_debug

enum
{
  PROP_0,
  PROP_STATS
};

typedef enum
{
  CODEC_NONE,
  CODEC_MPEG2,
  CODEC_H264
} Codec;

#define N_TYPES (DCN_PICTURE_D + 1)

struct _GstDeltaExtract
{
  GstElement parent;

  GstPad *sinkpad, *srcpad;

  /* streaming thread only */
  Codec codec;
  DeltaMpeg2 *mpeg2;
  DeltaH264 *h264;
  gboolean reverse;             /* the segment plays backwards */
  gboolean half;                /* the last picture waits for its second field */

  /* protected by the object lock */
  guint64 pictures[N_TYPES];
  guint64 not_understood;
  GHashTable *reasons;          /* static string -> GSIZE_TO_POINTER count */
  guint64 buffers, bytes;
  GstClockTime time_spent, time_last;
};

#define CODED_CAPS \
    "video/mpeg, mpegversion = (int) { 1, 2 }, systemstream = (boolean) false, " \
    "parsed = (boolean) true; " \
    "video/x-h264, parsed = (boolean) true, alignment = (string) au"

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (CODED_CAPS));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (CODED_CAPS));

G_DEFINE_FINAL_TYPE (GstDeltaExtract, gst_delta_extract, GST_TYPE_ELEMENT);
GST_ELEMENT_REGISTER_DEFINE (deltaextract, "deltaextract", GST_RANK_NONE,
    GST_TYPE_DELTA_EXTRACT);

static const gchar *
type_name (DcnPictureType type)
{
  static const gchar *const names[N_TYPES] = { "unknown", "I", "P", "B", "D" };

  return (guint) type < N_TYPES ? names[type] : names[0];
}

static void
count_reason (GstDeltaExtract * self, const gchar * reason)
{
  GST_DEBUG_OBJECT (self, "not understood: %s", reason);
  GST_OBJECT_LOCK (self);
  self->not_understood++;
  g_hash_table_insert (self->reasons, (gpointer) reason,
      GSIZE_TO_POINTER (GPOINTER_TO_SIZE (g_hash_table_lookup (self->reasons,
                  reason)) + 1));
  GST_OBJECT_UNLOCK (self);
}

/* A first field whose second one never came. */
static void
count_half (GstDeltaExtract * self)
{
  if (self->half)
    count_reason (self, "second field missing");
  self->half = FALSE;
}

static void
count_result (GstDeltaExtract * self, const DeltaResult * result)
{
  DcnPicture *picture = result->picture;

  if (!picture) {
    count_half (self);
    if (!g_str_equal (result->reason, "no picture"))
      count_reason (self, result->reason);
    return;
  }
  if (result->second_field)
    self->half = FALSE;
  count_half (self);
  if (!g_atomic_int_get (&picture->complete)) {
    self->half = TRUE;
    return;
  }
  if (!picture->known) {
    count_reason (self, picture->unknown_reason ? picture->unknown_reason :
        "unknown");
    return;
  }
  GST_OBJECT_LOCK (self);
  if (picture->type < N_TYPES)
    self->pictures[picture->type]++;
  GST_OBJECT_UNLOCK (self);
}

static void
gst_delta_extract_reset (GstDeltaExtract * self, const gchar * why)
{
  GST_DEBUG_OBJECT (self, "%s: new epoch", why);
  count_half (self);
  if (self->mpeg2)
    delta_mpeg2_reset (self->mpeg2);
  if (self->h264)
    delta_h264_reset (self->h264);
}

static GstBuffer *
gst_delta_extract_picture (GstDeltaExtract * self, GstBuffer * buffer)
{
  GstClockTime start = gst_util_get_timestamp (), spent;
  DeltaResult result;
  GstMapInfo map;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    gst_delta_extract_reset (self, "unreadable buffer");
    count_reason (self, "unreadable buffer");
    return buffer;
  }
  if (self->codec == CODEC_MPEG2)
    delta_mpeg2_buffer (self->mpeg2, map.data, map.size, &result);
  else
    delta_h264_buffer (self->h264, map.data, map.size, &result);
  gst_buffer_unmap (buffer, &map);

  count_result (self, &result);
  if (!result.picture)
    return buffer;

  spent = gst_util_get_timestamp () - start;
  dcn_picture_add_time (result.picture, spent);
  /* For scripts: a GstStructure, as in GstTracer's records. */
  GST_LOG_OBJECT (self, "deltaextract-frame, pts=(guint64)%" G_GUINT64_FORMAT
      ", epoch=(guint64)%" G_GUINT64_FORMAT ", number=(uint)%u"
      ", picture-type=(string)%s, known=(boolean)%d"
      ", bytes=(guint64)%" G_GSIZE_FORMAT ", time-extract=(guint64)%"
      G_GUINT64_FORMAT ";", GST_BUFFER_PTS (buffer), result.picture->epoch,
      result.picture->number, type_name (result.picture->type),
      result.picture->known, gst_buffer_get_size (buffer), spent);
  /* Only the buffer's own structure is copied where it is shared; the memory is not. */
  buffer = gst_buffer_make_writable (buffer);
  gst_buffer_add_delta_coding_meta (buffer, result.picture);
  dcn_picture_unref (result.picture);
  return buffer;
}

static GstFlowReturn
gst_delta_extract_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstDeltaExtract *self = GST_DELTA_EXTRACT (parent);
  GstClockTime start = gst_util_get_timestamp ();
  gsize size = gst_buffer_get_size (buffer);

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT))
    gst_delta_extract_reset (self, "discontinuity");
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED))
    gst_delta_extract_reset (self, "corrupted buffer");

  switch (self->codec) {
    case CODEC_MPEG2:
    case CODEC_H264:
      /* Backwards, groups of pictures come last one first, and decoders reorder them as they like. */
      if (self->reverse)
        count_reason (self, "reverse playback");
      else
        buffer = gst_delta_extract_picture (self, buffer);
      break;
    case CODEC_NONE:
      gst_buffer_unref (buffer);
      return GST_FLOW_NOT_NEGOTIATED;
  }

  GST_OBJECT_LOCK (self);
  self->buffers++;
  self->bytes += size;
  self->time_last = gst_util_get_timestamp () - start;
  self->time_spent += self->time_last;
  GST_OBJECT_UNLOCK (self);

  return gst_pad_push (self->srcpad, buffer);
}

static gboolean
gst_delta_extract_set_caps (GstDeltaExtract * self, GstCaps * caps)
{
  GstStructure *s = gst_caps_get_structure (caps, 0);
  const GValue *codec_data;

  gst_delta_extract_reset (self, "new caps");
  if (gst_structure_has_name (s, "video/mpeg")) {
    self->codec = CODEC_MPEG2;
    if (self->mpeg2)
      delta_mpeg2_new_caps (self->mpeg2);
    else
      self->mpeg2 = delta_mpeg2_new ();
    codec_data = gst_structure_get_value (s, "codec_data");
    if (codec_data && GST_VALUE_HOLDS_BUFFER (codec_data)) {
      GstMapInfo map;

      if (gst_buffer_map (gst_value_get_buffer (codec_data), &map,
              GST_MAP_READ)) {
        delta_mpeg2_headers (self->mpeg2, map.data, map.size);
        gst_buffer_unmap (gst_value_get_buffer (codec_data), &map);
      }
    }
  } else if (gst_structure_has_name (s, "video/x-h264")) {
    self->codec = CODEC_H264;
    if (!self->h264)
      self->h264 = delta_h264_new ();
    if (!delta_h264_set_caps (self->h264, s))
      GST_WARNING_OBJECT (self, "codec_data not usable");
  } else {
    self->codec = CODEC_NONE;
    return FALSE;
  }
  return TRUE;
}

static gboolean
gst_delta_extract_sink_event (GstPad * pad, GstObject * parent,
    GstEvent * event)
{
  GstDeltaExtract *self = GST_DELTA_EXTRACT (parent);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:{
      GstCaps *caps, *old = gst_pad_get_current_caps (self->srcpad);
      gboolean same, ok = TRUE;

      gst_event_parse_caps (event, &caps);
      same = old && gst_caps_is_equal (old, caps);
      gst_clear_caps (&old);
      if (!same)
        ok = gst_delta_extract_set_caps (self, caps);
      if (!ok) {
        gst_event_unref (event);
        return FALSE;
      }
      break;
    }
    case GST_EVENT_SEGMENT:{
      const GstSegment *segment;

      gst_event_parse_segment (event, &segment);
      self->reverse = segment->rate < 0.0;
      gst_delta_extract_reset (self, "segment");
      break;
    }
    case GST_EVENT_STREAM_START:
    case GST_EVENT_FLUSH_STOP:
    case GST_EVENT_GAP:
    case GST_EVENT_EOS:
      gst_delta_extract_reset (self, GST_EVENT_TYPE_NAME (event));
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstStructure *
gst_delta_extract_get_stats (GstDeltaExtract * self)
{
  GstStructure *stats, *reasons = gst_structure_new_empty ("reasons");
  GHashTableIter iter;
  gpointer reason, count;

  GST_OBJECT_LOCK (self);
  g_hash_table_iter_init (&iter, self->reasons);
  while (g_hash_table_iter_next (&iter, &reason, &count)) {
    /* field names of structures are words */
    gchar *name = g_strcanon (g_strdup (reason), G_CSET_a_2_z G_CSET_A_2_Z
        G_CSET_DIGITS, '-');

    gst_structure_set (reasons, name, G_TYPE_UINT64,
        (guint64) GPOINTER_TO_SIZE (count), NULL);
    g_free (name);
  }
  stats = gst_structure_new ("deltaextract-stats",
      "pictures-i", G_TYPE_UINT64, self->pictures[DCN_PICTURE_I],
      "pictures-p", G_TYPE_UINT64, self->pictures[DCN_PICTURE_P],
      "pictures-b", G_TYPE_UINT64, self->pictures[DCN_PICTURE_B],
      "pictures-d", G_TYPE_UINT64, self->pictures[DCN_PICTURE_D],
      "not-understood", G_TYPE_UINT64, self->not_understood,
      "reasons", GST_TYPE_STRUCTURE, reasons,
      "buffers", G_TYPE_UINT64, self->buffers,
      "bytes", G_TYPE_UINT64, self->bytes,
      "time-spent", G_TYPE_UINT64, self->time_spent,
      "time-last", G_TYPE_UINT64, self->time_last,
      "time-mean", G_TYPE_UINT64, self->buffers ?
      self->time_spent / self->buffers : 0, NULL);
  GST_OBJECT_UNLOCK (self);
  gst_structure_free (reasons);
  return stats;
}

static void
gst_delta_extract_get_property (GObject * object, guint id, GValue * value,
    GParamSpec * pspec)
{
  switch (id) {
    case PROP_STATS:
      g_value_take_boxed (value,
          gst_delta_extract_get_stats (GST_DELTA_EXTRACT (object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

static GstStateChangeReturn
gst_delta_extract_change_state (GstElement * element, GstStateChange transition)
{
  GstDeltaExtract *self = GST_DELTA_EXTRACT (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    GST_OBJECT_LOCK (self);
    memset (self->pictures, 0, sizeof (self->pictures));
    self->not_understood = self->buffers = self->bytes = 0;
    self->time_spent = self->time_last = 0;
    g_hash_table_remove_all (self->reasons);
    GST_OBJECT_UNLOCK (self);
  }

  ret = GST_ELEMENT_CLASS (gst_delta_extract_parent_class)->change_state
      (element, transition);

  /* the pads are inactive now: no streaming thread */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    g_clear_pointer (&self->mpeg2, delta_mpeg2_free);
    g_clear_pointer (&self->h264, delta_h264_free);
    self->codec = CODEC_NONE;
    self->half = self->reverse = FALSE;
  }
  return ret;
}

static void
gst_delta_extract_finalize (GObject * object)
{
  GstDeltaExtract *self = GST_DELTA_EXTRACT (object);

  delta_mpeg2_free (self->mpeg2);
  delta_h264_free (self->h264);
  g_hash_table_unref (self->reasons);
  G_OBJECT_CLASS (gst_delta_extract_parent_class)->finalize (object);
}

static void
gst_delta_extract_class_init (GstDeltaExtractClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_delta_extract_debug, "deltaextract", 0,
      "what changes from picture to picture");

  object_class->get_property = gst_delta_extract_get_property;
  object_class->finalize = gst_delta_extract_finalize;

  /**
   * GstDeltaExtract:stats:
   *
   * Since the element left READY, all guint64: pictures-i, pictures-p, pictures-b, pictures-d (understood
   * ones by type), not-understood, buffers, bytes, time-spent (nanoseconds in this element, of
   * it time-last for the last buffer, and time-mean a buffer); and reasons, a
   * #GstStructure with a count for each reason why a picture was not understood.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Pictures by type, pictures not understood and why, time spent",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_delta_extract_change_state);
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class,
      "Coding metadata extractor", "Codec/Metadata/Video",
      "Puts what the codec says changed from picture to picture on coded video buffers",
      "The deltacnn authors");
}

static void
gst_delta_extract_init (GstDeltaExtract * self)
{
  self->reasons = g_hash_table_new (g_str_hash, g_str_equal);

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (gst_delta_extract_chain));
  gst_pad_set_event_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (gst_delta_extract_sink_event));
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
