/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/**
 * SECTION:element-deltaoverlay
 * @title: deltaoverlay
 * @short_description: draws what deltacnn found, and how little work it took
 *
 * Draws the #GstDeltaCnnMeta of each frame on it: the most likely classes with
 * their confidences, the picture type that the codec chose, the share of blocks
 * that changed and the share of multiplies that was done.  On request
 * (`show=labels+stats+blocks`) it tints the blocks that changed.
 *
 * Text is in proportion to the frame.  A frame without a #GstDeltaCnnMeta
 * passes untouched, and so does one that is too small for text.
 *
 * Pixels are blended into the frame.  Where the caps carry the feature
 * `meta:GstVideoOverlayComposition`, a #GstVideoOverlayCompositionMeta is
 * attached instead and the sink blends.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.mpg ! mpegpsdemux ! mpegvideoparse ! deltaextract ! avdec_mpeg2video ! deltacnn model-file=model.onnx ! deltaoverlay show=labels+stats+blocks ! videoconvert ! autovideosink
 * ]|
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! deltacnn model-file=model.onnx ! deltaoverlay top-labels=1 font-scale=1.5 ! videoconvert ! autovideosink
 * ]|
 *
 * Since: 0.1
 */

#include "gstdeltaoverlay.h"
#include <gst/video/video.h>
#include "gstdeltacnnmeta.h"
#include "panels.h"
#include "tint.h"

GST_DEBUG_CATEGORY_STATIC (gst_delta_overlay_debug);
#define GST_CAT_DEFAULT gst_delta_overlay_debug

#define DEFAULT_SHOW (GST_DELTA_OVERLAY_SHOW_LABELS | GST_DELTA_OVERLAY_SHOW_STATS)
#define DEFAULT_TOP_LABELS 3
#define DEFAULT_FONT_DESC "Sans"
#define DEFAULT_FONT_SCALE 1.0
#define MAX_TOP_LABELS 20

enum
{
  PROP_0,
  PROP_SHOW,
  PROP_TOP_LABELS,
  PROP_FONT_DESC,
  PROP_FONT_SCALE
};

/* A panel as it was drawn last. */
typedef struct
{
  gchar *key;                   /* NULL: not drawn yet */
  GstVideoOverlayRectangle *rectangle;  /* NULL: does not fit */
} Panel;

struct _GstDeltaOverlay
{
  GstBaseTransform parent;

  /* protected by the object lock */
  guint show;                   /* GstDeltaOverlayShow */
  guint top_labels;
  gchar *font_desc;
  gdouble font_scale;
  gboolean restyled;            /* panels are out of date */

  /* streaming thread only */
  GstVideoInfo info;
  gboolean attach;              /* the caps carry the composition feature */
  gboolean map_failed;          /* and it was said */
  PangoContext *context;
  Panel labels, stats;
  gint stats_top;               /* what the stats were drawn for */
};

GType
gst_delta_overlay_show_get_type (void)
{
  static gsize type = 0;
  static const GFlagsValue values[] = {
    {GST_DELTA_OVERLAY_SHOW_LABELS,
        "The most likely classes and their confidences", "labels"},
    {GST_DELTA_OVERLAY_SHOW_STATS,
        "Picture type and shares of work", "stats"},
    {GST_DELTA_OVERLAY_SHOW_BLOCKS, "The blocks that changed", "blocks"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type)) {
    GType t = g_flags_register_static ("GstDeltaOverlayShow", values);
    g_once_init_leave (&type, t);
  }
  return type;
}

G_DEFINE_FINAL_TYPE (GstDeltaOverlay, gst_delta_overlay,
    GST_TYPE_BASE_TRANSFORM);
GST_ELEMENT_REGISTER_DEFINE (deltaoverlay, "deltaoverlay", GST_RANK_NONE,
    GST_TYPE_DELTA_OVERLAY);

/* Everything that gst_video_overlay_composition_blend() takes, but for palettes:
 * it would give a whole frame the palette of its last line. */
static GstCaps *
make_template_caps (void)
{
  GstCaps *caps = gst_caps_from_string (GST_VIDEO_CAPS_MAKE
      (GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS));
  GstCaps *any;
  GstStructure *structure = gst_caps_get_structure (caps, 0);
  const GValue *all = gst_structure_get_value (structure, "format");
  GValue formats = G_VALUE_INIT;
  guint i;

  g_value_init (&formats, GST_TYPE_LIST);
  for (i = 0; i < gst_value_list_get_size (all); i++) {
    const GValue *format = gst_value_list_get_value (all, i);
    const GstVideoFormatInfo *info =
        gst_video_format_get_info (gst_video_format_from_string
        (g_value_get_string (format)));

    if (!GST_VIDEO_FORMAT_INFO_HAS_PALETTE (info))
      gst_value_list_append_value (&formats, format);
  }
  gst_structure_take_value (structure, "format", &formats);
  any = gst_caps_copy (caps);
  gst_caps_set_features_simple (any, gst_caps_features_new_any ());
  gst_caps_append (caps, any);
  return caps;
}

static void
clear_panel (Panel * panel)
{
  g_clear_pointer (&panel->key, g_free);
  g_clear_pointer (&panel->rectangle, gst_video_overlay_rectangle_unref);
}

/* --- negotiation ----------------------------------------------------------- */

/* caps with the composition feature added or taken away where it is not so. */
static GstCaps *
with_feature (GstCaps * caps, gboolean wanted)
{
  GstCaps *out = gst_caps_new_empty ();
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    GstCapsFeatures *features = gst_caps_get_features (caps, i);

    if (gst_caps_features_is_any (features)
        || gst_caps_features_contains (features,
            GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION) == wanted)
      continue;
    features = gst_caps_features_copy (features);
    if (wanted)
      gst_caps_features_add (features,
          GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION);
    else
      gst_caps_features_remove (features,
          GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION);
    gst_caps_append_structure_full (out,
        gst_structure_copy (gst_caps_get_structure (caps, i)), features);
  }
  return out;
}

/* A frame may leave with the feature that it came without, never without one
 * that it came with: what others attached must not get lost. */
static GstCaps *
gst_delta_overlay_transform_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * filter)
{
  GstCaps *out = gst_caps_copy (caps);

  out = gst_caps_merge (out, with_feature (caps, direction == GST_PAD_SINK));
  if (filter) {
    GstCaps *both =
        gst_caps_intersect_full (filter, out, GST_CAPS_INTERSECT_FIRST);

    gst_caps_unref (out);
    out = both;
  }
  return out;
}

static gboolean
gst_delta_overlay_set_caps (GstBaseTransform * trans, GstCaps * incaps,
    GstCaps * outcaps)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (trans);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, incaps)) {
    GST_ERROR_OBJECT (self, "cannot parse caps %" GST_PTR_FORMAT, incaps);
    return FALSE;
  }
  self->info = info;
  self->attach = gst_caps_features_contains (gst_caps_get_features (outcaps, 0),
      GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION);
  self->map_failed = FALSE;
  clear_panel (&self->labels);
  clear_panel (&self->stats);
  GST_DEBUG_OBJECT (self, "%s %dx%d, %s",
      gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (&info)),
      info.width, info.height, self->attach ? "attaching" : "blending");
  return TRUE;
}

static gboolean
gst_delta_overlay_get_unit_size (GstBaseTransform * trans, GstCaps * caps,
    gsize * size)
{
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps))
    return FALSE;
  *size = GST_VIDEO_INFO_SIZE (&info);
  return TRUE;
}

/* --- drawing --------------------------------------------------------------- */

/* Takes key. */
static gboolean
panel_is_current (Panel * panel, gchar * key)
{
  if (g_strcmp0 (panel->key, key) == 0) {
    g_free (key);
    return TRUE;
  }
  clear_panel (panel);
  panel->key = key;
  return FALSE;
}

/* A composition is never empty: the first rectangle makes it. */
static GstVideoOverlayComposition *
add_rectangle (GstVideoOverlayComposition * composition,
    GstVideoOverlayRectangle * rectangle)
{
  if (!composition)
    return gst_video_overlay_composition_new (rectangle);
  gst_video_overlay_composition_add_rectangle (composition, rectangle);
  return composition;
}

/* What to draw for meta, or NULL for nothing. */
static GstVideoOverlayComposition *
gst_delta_overlay_compose (GstDeltaOverlay * self, const GstDeltaCnnMeta * meta)
{
  GstVideoOverlayComposition *composition = NULL;
  GPtrArray *rectangles;
  DeltaPanelStyle style;
  gchar *font_desc, *key = NULL;
  guint show, top_labels, i;

  GST_OBJECT_LOCK (self);
  show = self->show;
  top_labels = self->top_labels;
  font_desc = g_strdup (self->font_desc);
  style.scale = self->font_scale;
  if (self->restyled) {
    clear_panel (&self->labels);
    clear_panel (&self->stats);
    self->restyled = FALSE;
  }
  GST_OBJECT_UNLOCK (self);

  if (!self->context) {
    PangoFontMap *map = pango_cairo_font_map_new ();

    self->context = pango_font_map_create_context (map);
    g_object_unref (map);
  }
  style.context = self->context;
  style.font = font_desc;
  style.width = self->info.width;
  style.height = self->info.height;

  rectangles = g_ptr_array_new_with_free_func (
      (GDestroyNotify) gst_video_overlay_rectangle_unref);
  if ((show & GST_DELTA_OVERLAY_SHOW_BLOCKS) && meta->blocks) {
    gsize size;
    const guint8 *blocks = g_bytes_get_data (meta->blocks, &size);

    if (meta->cols > 0 && meta->rows > 0 && size / meta->cols >= meta->rows)
      delta_tint_blocks (rectangles, blocks, meta->cols, meta->rows,
          style.width, style.height);
  }
  if (show & GST_DELTA_OVERLAY_SHOW_LABELS)
    key = delta_panel_labels_key (meta, top_labels);
  if (!key)
    clear_panel (&self->labels);
  else if (!panel_is_current (&self->labels, key))
    self->labels.rectangle = delta_panel_draw_labels (key, &style);
  if (self->labels.rectangle)
    g_ptr_array_add (rectangles,
        gst_video_overlay_rectangle_ref (self->labels.rectangle));
  if (show & GST_DELTA_OVERLAY_SHOW_STATS) {
    gint top = 0;

    if (self->labels.rectangle) {
      gint y;
      guint h;

      gst_video_overlay_rectangle_get_render_rectangle (self->labels.rectangle,
          NULL, &y, NULL, &h);
      top = y + (gint) h;
    }
    if (top != self->stats_top)
      clear_panel (&self->stats);
    self->stats_top = top;
    key = delta_panel_stats_key (meta);
    if (!panel_is_current (&self->stats, key))
      self->stats.rectangle = delta_panel_draw_stats (key, &style, top);
    if (self->stats.rectangle)
      g_ptr_array_add (rectangles,
          gst_video_overlay_rectangle_ref (self->stats.rectangle));
  }
  for (i = 0; i < rectangles->len; i++)
    composition =
        add_rectangle (composition, g_ptr_array_index (rectangles, i));
  g_ptr_array_unref (rectangles);
  g_free (font_desc);
  return composition;
}

/* Adds to what another element attached.  A copy of its composition would copy
 * its rectangles, and a sink upload them for every frame: share them. */
static void
attach (GstBuffer * buffer, GstVideoOverlayComposition * composition)
{
  GstVideoOverlayCompositionMeta *meta =
      gst_buffer_get_video_overlay_composition_meta (buffer);
  GstVideoOverlayComposition *all = NULL;
  guint i;

  if (!meta) {
    gst_buffer_add_video_overlay_composition_meta (buffer, composition);
    return;
  }
  for (i = 0; i < gst_video_overlay_composition_n_rectangles (meta->overlay);
      i++)
    all = add_rectangle (all,
        gst_video_overlay_composition_get_rectangle (meta->overlay, i));
  for (i = 0; i < gst_video_overlay_composition_n_rectangles (composition); i++)
    all = add_rectangle (all,
        gst_video_overlay_composition_get_rectangle (composition, i));
  gst_video_overlay_composition_unref (meta->overlay);
  meta->overlay = all;
}

static gboolean
gst_delta_overlay_draws_on (GstDeltaOverlay * self, GstBuffer * buffer)
{
  gboolean show;

  GST_OBJECT_LOCK (self);
  show = self->show != 0;
  GST_OBJECT_UNLOCK (self);
  return show && gst_buffer_get_delta_cnn_meta (buffer) != NULL;
}

/* A buffer that nothing is drawn on leaves as it came; another one is made
 * writable.  The copy shares its memory: attaching needs no more, and mapping
 * for writing copies what is shared. */
static GstFlowReturn
gst_delta_overlay_prepare_output_buffer (GstBaseTransform * trans,
    GstBuffer * inbuf, GstBuffer ** outbuf)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (trans);

  if (!gst_buffer_is_writable (inbuf)
      && gst_delta_overlay_draws_on (self, inbuf))
    *outbuf = gst_buffer_copy (inbuf);
  else
    *outbuf = inbuf;
  return *outbuf ? GST_FLOW_OK : GST_FLOW_ERROR;
}

static GstFlowReturn
gst_delta_overlay_transform_ip (GstBaseTransform * trans, GstBuffer * buffer)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (trans);
  GstVideoOverlayComposition *composition;
  GstVideoFrame frame;

  /* Also where show was set since the buffer was prepared. */
  if (!gst_buffer_is_writable (buffer)
      || !gst_delta_overlay_draws_on (self, buffer))
    return GST_FLOW_OK;
  composition = gst_delta_overlay_compose (self,
      gst_buffer_get_delta_cnn_meta (buffer));
  if (!composition)
    return GST_FLOW_OK;

  if (self->attach) {
    attach (buffer, composition);
  } else if (gst_video_frame_map (&frame, &self->info, buffer,
          GST_MAP_READWRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    if (!gst_video_overlay_composition_blend (composition, &frame))
      GST_WARNING_OBJECT (self, "blending failed");
    gst_video_frame_unmap (&frame);
  } else if (!self->map_failed) {
    self->map_failed = TRUE;
    GST_ELEMENT_WARNING (self, STREAM, FORMAT,
        ("Cannot draw on these frames: their memory cannot be written."),
        ("put a videoconvert or a download element before deltaoverlay"));
  }
  gst_video_overlay_composition_unref (composition);
  return GST_FLOW_OK;
}

/* --- life cycle and properties --------------------------------------------- */

static gboolean
gst_delta_overlay_stop (GstBaseTransform * trans)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (trans);

  clear_panel (&self->labels);
  clear_panel (&self->stats);
  g_clear_object (&self->context);
  return TRUE;
}

static void
gst_delta_overlay_set_property (GObject * object, guint prop_id,
    const GValue * value, GParamSpec * pspec)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (object);

  GST_OBJECT_LOCK (self);
  switch (prop_id) {
    case PROP_SHOW:
      self->show = g_value_get_flags (value);
      break;
    case PROP_TOP_LABELS:
      self->top_labels = g_value_get_uint (value);
      break;
    case PROP_FONT_DESC:
      g_free (self->font_desc);
      self->font_desc = g_value_dup_string (value);
      if (!self->font_desc)
        self->font_desc = g_strdup (DEFAULT_FONT_DESC);
      self->restyled = TRUE;
      break;
    case PROP_FONT_SCALE:
      self->font_scale = g_value_get_double (value);
      self->restyled = TRUE;
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_delta_overlay_get_property (GObject * object, guint prop_id,
    GValue * value, GParamSpec * pspec)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (object);

  GST_OBJECT_LOCK (self);
  switch (prop_id) {
    case PROP_SHOW:
      g_value_set_flags (value, self->show);
      break;
    case PROP_TOP_LABELS:
      g_value_set_uint (value, self->top_labels);
      break;
    case PROP_FONT_DESC:
      g_value_set_string (value, self->font_desc);
      break;
    case PROP_FONT_SCALE:
      g_value_set_double (value, self->font_scale);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_delta_overlay_finalize (GObject * object)
{
  GstDeltaOverlay *self = GST_DELTA_OVERLAY (object);

  clear_panel (&self->labels);
  clear_panel (&self->stats);
  g_clear_object (&self->context);
  g_free (self->font_desc);
  G_OBJECT_CLASS (gst_delta_overlay_parent_class)->finalize (object);
}

static void
gst_delta_overlay_class_init (GstDeltaOverlayClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  GstCaps *caps;
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_PLAYING;

  object_class->set_property = gst_delta_overlay_set_property;
  object_class->get_property = gst_delta_overlay_get_property;
  object_class->finalize = gst_delta_overlay_finalize;

  /**
   * GstDeltaOverlay:show:
   *
   * What to draw.  `blocks` tints the 8x8 blocks that changed since the frame
   * before.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SHOW,
      g_param_spec_flags ("show", "Show",
          "What to draw: labels, stats (picture type and shares of work), blocks (those that changed)",
          GST_TYPE_DELTA_OVERLAY_SHOW, DEFAULT_SHOW, flags));

  /**
   * GstDeltaOverlay:top-labels:
   *
   * How many of the most likely classes to draw, where the frame has room.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TOP_LABELS,
      g_param_spec_uint ("top-labels", "Top labels",
          "How many of the most likely classes to draw", 1, MAX_TOP_LABELS,
          DEFAULT_TOP_LABELS, flags));

  /**
   * GstDeltaOverlay:font-desc:
   *
   * Pango description of the font, without a size: text is in proportion to
   * the frame, see #GstDeltaOverlay:font-scale.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_FONT_DESC,
      g_param_spec_string ("font-desc", "Font description",
          "Pango description of the font; its size does not count",
          DEFAULT_FONT_DESC, flags));

  /**
   * GstDeltaOverlay:font-scale:
   *
   * Size of the text.  1 is a 24th of the frame's height.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_FONT_SCALE,
      g_param_spec_double ("font-scale", "Font scale",
          "Size of the text; 1 is a 24th of the frame's height", 0.1, 10,
          DEFAULT_FONT_SCALE, flags));

  gst_element_class_set_static_metadata (element_class, "Delta overlay",
      "Filter/Editor/Video",
      "Draws classifications, shares of work and changed blocks on frames",
      "The deltacnn authors");
  caps = make_template_caps ();
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);
  gst_type_mark_as_plugin_api (GST_TYPE_DELTA_OVERLAY_SHOW, 0);

  trans_class->transform_caps = gst_delta_overlay_transform_caps;
  trans_class->set_caps = gst_delta_overlay_set_caps;
  trans_class->get_unit_size = gst_delta_overlay_get_unit_size;
  trans_class->prepare_output_buffer = gst_delta_overlay_prepare_output_buffer;
  trans_class->transform_ip = gst_delta_overlay_transform_ip;
  trans_class->stop = gst_delta_overlay_stop;

  GST_DEBUG_CATEGORY_INIT (gst_delta_overlay_debug, "deltaoverlay", 0,
      "draws results of deltacnn");
}

static void
gst_delta_overlay_init (GstDeltaOverlay * self)
{
  self->show = DEFAULT_SHOW;
  self->top_labels = DEFAULT_TOP_LABELS;
  self->font_desc = g_strdup (DEFAULT_FONT_DESC);
  self->font_scale = DEFAULT_FONT_SCALE;
  gst_video_info_init (&self->info);
}
