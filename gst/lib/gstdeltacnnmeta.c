/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gstdeltacnnmeta: the classification of a frame, as a meta on it
 */

/**
 * SECTION:gstdeltacnnmeta
 * @title: GstDeltaCnnMeta
 * @short_description: The classification of a video frame
 *
 * The `deltacnn` element adds a #GstDeltaCnnMeta to every frame it classified.
 * It says nothing about positions in the frame, so it has no tags and survives
 * every conversion between the element and whoever reads it.
 *
 * Since: 0.1
 */

#include "gstdeltacnnmeta.h"

GType
gst_delta_cnn_reuse_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_DELTA_CNN_REUSE_FULL, "GST_DELTA_CNN_REUSE_FULL", "full"},
    {GST_DELTA_CNN_REUSE_PARTIAL, "GST_DELTA_CNN_REUSE_PARTIAL", "partial"},
    {GST_DELTA_CNN_REUSE_REUSED, "GST_DELTA_CNN_REUSE_REUSED", "reused"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type)) {
    GType t = g_enum_register_static ("GstDeltaCnnReuse", values);
    g_once_init_leave (&type, t);
  }
  return type;
}

GType
gst_delta_cnn_meta_api_get_type (void)
{
  static gsize type = 0;
  /* No tags: true of the frame as a whole, whatever becomes of its pixels. */
  static const gchar *tags[] = { NULL };

  if (g_once_init_enter (&type)) {
    GType t = gst_meta_api_type_register ("GstDeltaCnnMetaAPI", tags);
    g_once_init_leave (&type, t);
  }
  return type;
}

static gboolean
gst_delta_cnn_meta_init (GstMeta * meta, gpointer params, GstBuffer * buffer)
{
  GstDeltaCnnMeta *self = (GstDeltaCnnMeta *) meta;

  self->model = NULL;
  self->n_results = 0;
  self->results = NULL;
  self->picture_type = GST_DELTA_PICTURE_TYPE_UNKNOWN;
  self->changed = 1.0;
  self->multiplies = 1.0;
  self->reuse = GST_DELTA_CNN_REUSE_FULL;
  self->redone = FALSE;
  self->time_extract = GST_CLOCK_TIME_NONE;
  self->time_changes = GST_CLOCK_TIME_NONE;
  self->time_tensor = GST_CLOCK_TIME_NONE;
  self->time_network = GST_CLOCK_TIME_NONE;
  self->cols = self->rows = 0;
  self->blocks = NULL;
  return TRUE;
}

static void
gst_delta_cnn_meta_free (GstMeta * meta, GstBuffer * buffer)
{
  GstDeltaCnnMeta *self = (GstDeltaCnnMeta *) meta;
  guint i;

  for (i = 0; i < self->n_results; i++)
    g_free ((gchar *) self->results[i].label);
  g_clear_pointer (&self->results, g_free);
  self->n_results = 0;
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->blocks, g_bytes_unref);
}

static gboolean
gst_delta_cnn_meta_transform (GstBuffer * dest, GstMeta * meta,
    GstBuffer * buffer, GQuark type, gpointer data)
{
  GstDeltaCnnMeta *self = (GstDeltaCnnMeta *) meta;
  GstDeltaCnnMeta *copy;

  /* Copies of a region too (some decoders and payloaders copy metas with a
   * region of size 0), and scaling: the frame is still the same picture. */
  copy = gst_buffer_add_delta_cnn_meta (dest, self->model, self->results,
      self->n_results);
  if (!copy)
    return FALSE;
  copy->picture_type = self->picture_type;
  copy->changed = self->changed;
  copy->multiplies = self->multiplies;
  copy->reuse = self->reuse;
  copy->redone = self->redone;
  copy->time_extract = self->time_extract;
  copy->time_changes = self->time_changes;
  copy->time_tensor = self->time_tensor;
  copy->time_network = self->time_network;
  if (GST_META_TRANSFORM_IS_COPY (type)) {
    /* The block map is the one part that speaks of positions. */
    copy->cols = self->cols;
    copy->rows = self->rows;
    copy->blocks = self->blocks ? g_bytes_ref (self->blocks) : NULL;
  }
  return TRUE;
}

const GstMetaInfo *
gst_delta_cnn_meta_get_info (void)
{
  static const GstMetaInfo *info = NULL;

  if (g_once_init_enter ((GstMetaInfo **) & info)) {
    const GstMetaInfo *mi = gst_meta_register (GST_DELTA_CNN_META_API_TYPE,
        "GstDeltaCnnMeta", sizeof (GstDeltaCnnMeta), gst_delta_cnn_meta_init,
        gst_delta_cnn_meta_free, gst_delta_cnn_meta_transform);
    g_once_init_leave ((GstMetaInfo **) & info, (GstMetaInfo *) mi);
  }
  return info;
}

/**
 * gst_buffer_add_delta_cnn_meta:
 * @buffer: a writable #GstBuffer
 * @model: (nullable): name of the model
 * @results: (array length=n_results) (nullable): the most likely classes, best first
 * @n_results: number of @results
 *
 * Adds a #GstDeltaCnnMeta with copies of @model and @results.  The other fields
 * say that everything was computed; set them afterwards.
 *
 * Returns: (transfer none): the new meta, owned by @buffer
 *
 * Since: 0.1
 */
GstDeltaCnnMeta *
gst_buffer_add_delta_cnn_meta (GstBuffer * buffer, const gchar * model,
    const GstDeltaCnnResult * results, guint n_results)
{
  GstDeltaCnnMeta *meta;
  guint i;

  g_return_val_if_fail (GST_IS_BUFFER (buffer), NULL);
  g_return_val_if_fail (n_results == 0 || results != NULL, NULL);

  meta = (GstDeltaCnnMeta *) gst_buffer_add_meta (buffer,
      GST_DELTA_CNN_META_INFO, NULL);
  if (!meta)
    return NULL;
  meta->model = g_strdup (model);
  meta->results = n_results ? g_new (GstDeltaCnnResult, n_results) : NULL;
  meta->n_results = n_results;
  for (i = 0; i < n_results; i++) {
    meta->results[i] = results[i];
    meta->results[i].label = g_strdup (results[i].label);
  }
  return meta;
}

/**
 * gst_buffer_get_delta_cnn_meta:
 * @buffer: a #GstBuffer
 *
 * Where several classifiers followed each other, this is the first one's; use
 * gst_buffer_iterate_meta_filtered() with #GST_DELTA_CNN_META_API_TYPE for all.
 *
 * Returns: (transfer none) (nullable): the classification of @buffer, if any
 *
 * Since: 0.1
 */
GstDeltaCnnMeta *
gst_buffer_get_delta_cnn_meta (GstBuffer * buffer)
{
  g_return_val_if_fail (GST_IS_BUFFER (buffer), NULL);
  return (GstDeltaCnnMeta *) gst_buffer_get_meta (buffer,
      GST_DELTA_CNN_META_API_TYPE);
}

/**
 * gst_delta_cnn_meta_get_result:
 * @meta: a #GstDeltaCnnMeta
 * @i: index into its results, 0 for the most likely class
 *
 * The same as `meta->results[i]`, for languages that cannot index the array.
 *
 * Returns: (transfer none) (nullable): the result, which lives as long as @meta;
 *   %NULL where there are not that many
 *
 * Since: 0.1
 */
const GstDeltaCnnResult *
gst_delta_cnn_meta_get_result (const GstDeltaCnnMeta * meta, guint i)
{
  g_return_val_if_fail (meta != NULL, NULL);
  return i < meta->n_results ? &meta->results[i] : NULL;
}
