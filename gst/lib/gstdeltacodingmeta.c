/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/**
 * SECTION:gstdeltacodingmeta
 * @title: GstDeltaCodingMeta
 * @short_description: what the codec says about a picture
 *
 * #GstDeltaCodingMeta is put on coded buffers by `deltaextract` and comes out of any decoder that is
 * built on #GstVideoDecoder on the decoded frame it belongs to.  Its #GstDeltaPicture says of every 8x8
 * block in which picture the block's samples got their present values, and holds the motion vectors,
 * quantisers and macroblock flags.
 *
 * The meta speaks about samples at positions.  Its API therefore has the tags "video", "size" and
 * "orientation": an element that changes pixels, sizes or orientation and does not know the meta drops
 * it.  A consumer must still check gst_delta_picture_get_crop() against its caps.
 */

#include "gstdeltacodingmeta.h"
#include <gst/video/gstvideometa.h>
#include "coding/picture.h"

G_STATIC_ASSERT ((int) GST_DELTA_PICTURE_TYPE_UNKNOWN ==
    (int) DCN_PICTURE_UNKNOWN);
G_STATIC_ASSERT ((int) GST_DELTA_PICTURE_TYPE_I == (int) DCN_PICTURE_I);
G_STATIC_ASSERT ((int) GST_DELTA_PICTURE_TYPE_P == (int) DCN_PICTURE_P);
G_STATIC_ASSERT ((int) GST_DELTA_PICTURE_TYPE_B == (int) DCN_PICTURE_B);
G_STATIC_ASSERT ((int) GST_DELTA_PICTURE_TYPE_D == (int) DCN_PICTURE_D);
G_STATIC_ASSERT ((int) GST_DELTA_MACROBLOCK_INTRA == DCN_MB_INTRA);
G_STATIC_ASSERT ((int) GST_DELTA_MACROBLOCK_SKIPPED == DCN_MB_SKIPPED);
G_STATIC_ASSERT ((int) GST_DELTA_MACROBLOCK_CODED == DCN_MB_CODED);

G_DEFINE_BOXED_TYPE (GstDeltaPicture, gst_delta_picture,
    gst_delta_picture_ref, gst_delta_picture_unref);

GType
gst_delta_picture_type_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_DELTA_PICTURE_TYPE_UNKNOWN, "GST_DELTA_PICTURE_TYPE_UNKNOWN",
        "unknown"},
    {GST_DELTA_PICTURE_TYPE_I, "GST_DELTA_PICTURE_TYPE_I", "I"},
    {GST_DELTA_PICTURE_TYPE_P, "GST_DELTA_PICTURE_TYPE_P", "P"},
    {GST_DELTA_PICTURE_TYPE_B, "GST_DELTA_PICTURE_TYPE_B", "B"},
    {GST_DELTA_PICTURE_TYPE_D, "GST_DELTA_PICTURE_TYPE_D", "D"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstDeltaPictureType",
            values));
  return type;
}

GType
gst_delta_macroblock_flags_get_type (void)
{
  static gsize type = 0;
  static const GFlagsValue values[] = {
    {GST_DELTA_MACROBLOCK_INTRA, "GST_DELTA_MACROBLOCK_INTRA", "intra"},
    {GST_DELTA_MACROBLOCK_SKIPPED, "GST_DELTA_MACROBLOCK_SKIPPED", "skipped"},
    {GST_DELTA_MACROBLOCK_CODED, "GST_DELTA_MACROBLOCK_CODED", "coded"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
        g_flags_register_static ("GstDeltaMacroblockFlags", values));
  return type;
}

GType
gst_delta_coding_meta_api_get_type (void)
{
  static gsize type = 0;
  /* GstVideoDecoder hands on metas whose tags are among these; elements that resize, crop, rotate or
   * convert drop what has a tag of the thing they change. */
  static const gchar *tags[] = {
    GST_META_TAG_VIDEO_STR,
    GST_META_TAG_VIDEO_SIZE_STR,
    GST_META_TAG_VIDEO_ORIENTATION_STR,
    NULL
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
        gst_meta_api_type_register ("GstDeltaCodingMetaAPI", tags));
  return type;
}

static gboolean
gst_delta_coding_meta_init (GstMeta * meta, gpointer params, GstBuffer * buffer)
{
  ((GstDeltaCodingMeta *) meta)->picture = NULL;
  return TRUE;
}

static void
gst_delta_coding_meta_free (GstMeta * meta, GstBuffer * buffer)
{
  dcn_picture_unref (((GstDeltaCodingMeta *) meta)->picture);
}

/* What the meta says holds for the samples of one picture as the decoder put them out.  So it follows
 * copies and nothing else: a transform of another kind (GstVideoMetaTransform's scale, and kinds not yet
 * invented) means that samples moved or changed.
 *
 * Stateful v4l2 decoders hand the metas of the coded buffer on with a region copy of no bytes, so region
 * copies must be accepted.  The ones that leave out the start of the buffer are refused: a parser that
 * cuts a buffer up copies regions, and of several pieces only one can stand for the picture. */
static gboolean
gst_delta_coding_meta_transform (GstBuffer * dest, GstMeta * meta,
    GstBuffer * src, GQuark type, gpointer data)
{
  GstDeltaCodingMeta *from = (GstDeltaCodingMeta *) meta;
  GstMetaTransformCopy *copy = data;

  if (!GST_META_TRANSFORM_IS_COPY (type))
    return FALSE;
  if (copy && copy->region && copy->offset != 0)
    return FALSE;
  if (!from->picture)
    return FALSE;
  return gst_buffer_add_delta_coding_meta (dest, from->picture) != NULL;
}

const GstMetaInfo *
gst_delta_coding_meta_get_info (void)
{
  static const GstMetaInfo *info = NULL;

  if (g_once_init_enter ((GstMetaInfo **) & info)) {
    const GstMetaInfo *registered =
        gst_meta_register (GST_DELTA_CODING_META_API_TYPE, "GstDeltaCodingMeta",
        sizeof (GstDeltaCodingMeta), gst_delta_coding_meta_init,
        gst_delta_coding_meta_free, gst_delta_coding_meta_transform);
    g_once_init_leave ((GstMetaInfo **) & info, (GstMetaInfo *) registered);
  }
  return info;
}

/**
 * gst_buffer_add_delta_coding_meta:
 * @buffer: a writable #GstBuffer
 * @picture: the picture that @buffer holds
 *
 * Puts @picture on @buffer, in place of one that was there.  The meta takes a reference of its own.
 *
 * Returns: (transfer none): the meta, owned by @buffer; %NULL where @buffer is not writable
 *
 * Since: 0.1
 */
GstDeltaCodingMeta *
gst_buffer_add_delta_coding_meta (GstBuffer * buffer, GstDeltaPicture * picture)
{
  GstDeltaCodingMeta *meta;

  g_return_val_if_fail (GST_IS_BUFFER (buffer), NULL);
  g_return_val_if_fail (gst_buffer_is_writable (buffer), NULL);
  g_return_val_if_fail (picture != NULL, NULL);

  meta = gst_buffer_get_delta_coding_meta (buffer);
  if (!meta)
    meta = (GstDeltaCodingMeta *) gst_buffer_add_meta (buffer,
        GST_DELTA_CODING_META_INFO, NULL);
  if (!meta)
    return NULL;
  dcn_picture_ref (picture);
  dcn_picture_unref (meta->picture);
  meta->picture = picture;
  return meta;
}

/**
 * gst_buffer_get_delta_coding_meta:
 * @buffer: a #GstBuffer
 *
 * Returns: (transfer none) (nullable): what the codec says about the picture in @buffer
 *
 * Since: 0.1
 */
GstDeltaCodingMeta *
gst_buffer_get_delta_coding_meta (GstBuffer * buffer)
{
  g_return_val_if_fail (GST_IS_BUFFER (buffer), NULL);
  return (GstDeltaCodingMeta *) gst_buffer_get_meta (buffer,
      GST_DELTA_CODING_META_API_TYPE);
}

/**
 * gst_delta_picture_ref:
 * @picture: a picture
 *
 * Pictures may be held longer than the buffer that brought them, and used in any thread.
 *
 * Returns: (transfer full): @picture
 *
 * Since: 0.1
 */
GstDeltaPicture *
gst_delta_picture_ref (GstDeltaPicture * picture)
{
  g_return_val_if_fail (picture != NULL, NULL);
  return dcn_picture_ref (picture);
}

/**
 * gst_delta_picture_unref:
 * @picture: (transfer full): a picture
 *
 * Gives a reference back; the last one frees the picture and all that it owns.
 *
 * Since: 0.1
 */
void
gst_delta_picture_unref (GstDeltaPicture * picture)
{
  g_return_if_fail (picture != NULL);
  dcn_picture_unref (picture);
}

/**
 * gst_delta_picture_is_complete:
 * @picture: a picture
 *
 * A frame coded as two fields that come in two buffers is one picture on both; it becomes complete when
 * the second field has been seen.  What is said of blocks, macroblocks and vectors is there only then; before, such
 * functions return nothing, zero or %FALSE.  Epoch, number, type, sizes and grid are there from the start.
 *
 * Returns: whether all of the picture has been seen
 *
 * Since: 0.1
 */
gboolean
gst_delta_picture_is_complete (GstDeltaPicture * picture)
{
  g_return_val_if_fail (picture != NULL, FALSE);
  return g_atomic_int_get (&picture->complete) != 0;
}

/**
 * gst_delta_picture_is_known:
 * @picture: a picture
 *
 * Returns: %FALSE where the picture was not understood; nothing is claimed of its blocks then
 *
 * Since: 0.1
 */
gboolean
gst_delta_picture_is_known (GstDeltaPicture * picture)
{
  return gst_delta_picture_is_complete (picture) && picture->known;
}

/**
 * gst_delta_picture_get_unknown_reason:
 * @picture: a picture
 *
 * Returns: (nullable): why the picture is not known, %NULL where it is
 *
 * Since: 0.1
 */
const gchar *
gst_delta_picture_get_unknown_reason (GstDeltaPicture * picture)
{
  if (!gst_delta_picture_is_complete (picture))
    return "second field missing";
  return picture->known ? NULL : picture->unknown_reason;
}

/**
 * gst_delta_picture_get_picture_type:
 * @picture: a picture
 *
 * Returns: how the picture is coded; of a field pair, how its first field is
 *
 * Since: 0.1
 */
GstDeltaPictureType
gst_delta_picture_get_picture_type (GstDeltaPicture * picture)
{
  /* set when the picture is made and not changed after */
  g_return_val_if_fail (picture != NULL, GST_DELTA_PICTURE_TYPE_UNKNOWN);
  return (GstDeltaPictureType) picture->type;
}

/**
 * gst_delta_picture_get_epoch:
 * @picture: a picture
 *
 * Returns: a number, unique in the process, of the run of pictures that compare with each other
 *
 * Since: 0.1
 */
guint64
gst_delta_picture_get_epoch (GstDeltaPicture * picture)
{
  g_return_val_if_fail (picture != NULL, 0);
  return picture->epoch;
}

/**
 * gst_delta_picture_get_extract_time:
 * @picture: a picture
 *
 * Returns: the time that deltaextract spent on reading the picture from the coded stream
 *
 * Since: 0.1
 */
GstClockTime
gst_delta_picture_get_extract_time (GstDeltaPicture * picture)
{
  g_return_val_if_fail (picture != NULL, 0);
  return g_atomic_int_get (&picture->read_ns);
}

/**
 * gst_delta_picture_get_number:
 * @picture: a picture
 *
 * Returns: the picture's place in decoding order within its epoch, from 0
 *
 * Since: 0.1
 */
guint32
gst_delta_picture_get_number (GstDeltaPicture * picture)
{
  g_return_val_if_fail (picture != NULL, 0);
  return picture->number;
}

/**
 * gst_delta_picture_get_coded_size:
 * @picture: a picture
 * @width: (out) (optional): luma samples
 * @height: (out) (optional): luma samples
 *
 * Size of the decoded picture before cropping.
 *
 * Since: 0.1
 */
void
gst_delta_picture_get_coded_size (GstDeltaPicture * picture, guint * width,
    guint * height)
{
  g_return_if_fail (picture != NULL);
  if (width)
    *width = picture->coded_width;
  if (height)
    *height = picture->coded_height;
}

/**
 * gst_delta_picture_get_crop:
 * @picture: a picture
 * @x: (out) (optional): left edge
 * @y: (out) (optional): top edge
 * @width: (out) (optional): width
 * @height: (out) (optional): height
 *
 * The part of the coded picture that decoders put out, in luma samples.  Block (0, 0) starts at the
 * coded picture's corner, not at the crop's.
 *
 * Since: 0.1
 */
void
gst_delta_picture_get_crop (GstDeltaPicture * picture, guint * x, guint * y,
    guint * width, guint * height)
{
  g_return_if_fail (picture != NULL);
  if (x)
    *x = picture->crop_x;
  if (y)
    *y = picture->crop_y;
  if (width)
    *width = picture->crop_width;
  if (height)
    *height = picture->crop_height;
}

/**
 * gst_delta_picture_get_grid:
 * @picture: a picture
 * @cols: (out) (optional): 8x8 blocks per row
 * @rows: (out) (optional): rows of blocks
 *
 * The grid that covers the coded size: blocks at its right and lower edge may lie partly outside of it.
 *
 * Since: 0.1
 */
void
gst_delta_picture_get_grid (GstDeltaPicture * picture, guint * cols,
    guint * rows)
{
  g_return_if_fail (picture != NULL);
  if (cols)
    *cols = picture->cols;
  if (rows)
    *rows = picture->rows;
}

/**
 * gst_delta_picture_get_born:
 * @picture: a picture
 * @n_blocks: (out): length of the array
 *
 * For each 8x8 luma block, row by row, the number of the picture whose decoding gave the block's samples
 * (luma and the chroma under it) their present values.
 *
 * Returns: (array length=n_blocks) (transfer none) (nullable): owned by @picture; %NULL while the picture
 *   is not complete
 *
 * Since: 0.1
 */
const guint32 *
gst_delta_picture_get_born (GstDeltaPicture * picture, gsize * n_blocks)
{
  gboolean complete = gst_delta_picture_is_complete (picture);

  if (n_blocks)
    *n_blocks = complete ? (gsize) picture->cols * picture->rows : 0;
  return complete ? picture->born : NULL;
}

/**
 * gst_delta_picture_get_n_vectors:
 * @picture: a picture
 *
 * Returns: how many motion vectors there are; 0 while the picture is not complete or known
 *
 * Since: 0.1
 */
guint
gst_delta_picture_get_n_vectors (GstDeltaPicture * picture)
{
  return gst_delta_picture_is_complete (picture) ? picture->vectors->len : 0;
}

/**
 * gst_delta_picture_get_vector:
 * @picture: a picture
 * @i: index, below gst_delta_picture_get_n_vectors()
 * @vector: (out caller-allocates): set on success
 *
 * Returns: %FALSE where there is no vector @i
 *
 * Since: 0.1
 */
gboolean
gst_delta_picture_get_vector (GstDeltaPicture * picture, guint i,
    GstDeltaVector * vector)
{
  const DcnVector *from;

  g_return_val_if_fail (vector != NULL, FALSE);
  if (i >= gst_delta_picture_get_n_vectors (picture))
    return FALSE;
  from = &g_array_index (picture->vectors, DcnVector, i);
  *vector = (GstDeltaVector) {
  from->x, from->y, from->w, from->h, from->ref_number,
        from->mv_x_qpel, from->mv_y_qpel, from->direction, from->field,
        from->ref_field};
  return TRUE;
}

static const guint8 *
macroblocks (GstDeltaPicture * picture, const guint8 * array, guint * mb_cols,
    guint * mb_rows)
{
  gboolean known = gst_delta_picture_is_known (picture) && array;

  if (mb_cols)
    *mb_cols = known ? picture->mb_cols : 0;
  if (mb_rows)
    *mb_rows = known ? picture->mb_rows : 0;
  return known ? array : NULL;
}

/**
 * gst_delta_picture_get_quantisers: (skip)
 * @picture: a picture
 * @mb_cols: (out) (optional): macroblocks per row
 * @mb_rows: (out) (optional): rows of macroblocks
 *
 * The quantiser of each 16x16 macroblock, row by row: quantiser_scale (1 to 112) of MPEG-1 and 2, QP_Y (0 to 51 with
 * 8 bits a sample) of H.264.
 *
 * Returns: (nullable): @mb_cols * @mb_rows bytes, owned by @picture; %NULL where it is not known
 *
 * Since: 0.1
 */
const guint8 *
gst_delta_picture_get_quantisers (GstDeltaPicture * picture, guint * mb_cols,
    guint * mb_rows)
{
  g_return_val_if_fail (picture != NULL, NULL);
  return macroblocks (picture, picture->quantiser, mb_cols, mb_rows);
}

/**
 * gst_delta_picture_get_macroblock_flags: (skip)
 * @picture: a picture
 * @mb_cols: (out) (optional): macroblocks per row
 * @mb_rows: (out) (optional): rows of macroblocks
 *
 * Flags of each 16x16 macroblock, row by row, see #GstDeltaMacroblockFlags.
 *
 * Returns: (nullable): @mb_cols * @mb_rows bytes, owned by @picture; %NULL where it is not known
 *
 * Since: 0.1
 */
const guint8 *
gst_delta_picture_get_macroblock_flags (GstDeltaPicture * picture,
    guint * mb_cols, guint * mb_rows)
{
  g_return_val_if_fail (picture != NULL, NULL);
  return macroblocks (picture, picture->mb_flags, mb_cols, mb_rows);
}

/**
 * gst_delta_picture_compare: (skip)
 * @a: a picture
 * @b: another picture
 * @changed: (array length=n_blocks) (out caller-allocates) (optional): set to 1 for each 8x8 block that may
 *   differ and to 0 for each that is sample-identical, row by row
 * @n_blocks: length of @changed; must be columns times rows of the grid, or 0 with @changed %NULL
 * @n_changed: (out) (optional): how many blocks may differ
 *
 * Compares two pictures of one stream, in any order and at any distance.
 *
 * Returns: %FALSE, with nothing written, where the pictures do not compare (another epoch, size or crop, one not
 *   complete or not known): everything may differ
 *
 * Since: 0.1
 */
gboolean
gst_delta_picture_compare (GstDeltaPicture * a, GstDeltaPicture * b,
    guint8 * changed, gsize n_blocks, guint * n_changed)
{
  gsize blocks;
  guint8 *scratch = NULL;
  gboolean comparable;
  int n = 0;

  g_return_val_if_fail (a != NULL, FALSE);
  g_return_val_if_fail (b != NULL, FALSE);

  blocks = (gsize) a->cols * a->rows;
  if (changed && n_blocks != blocks)
    return FALSE;
  if (!changed) {
    scratch = g_try_malloc (blocks);
    if (!scratch)
      return FALSE;
  }
  comparable = dcn_picture_compare (a, b, changed ? changed : scratch, &n);
  g_free (scratch);
  if (comparable && n_changed)
    *n_changed = n;
  return comparable;
}

/**
 * gst_delta_picture_compare_bytes: (rename-to gst_delta_picture_compare)
 * @a: a picture
 * @b: another picture
 *
 * gst_delta_picture_compare() for languages that do not hand in memory.
 *
 * Returns: (transfer full) (nullable): one byte per 8x8 block, row by row: 1 where it may differ, 0 where it is
 *   sample-identical; %NULL where the pictures do not compare
 *
 * Since: 0.1
 */
GBytes *
gst_delta_picture_compare_bytes (GstDeltaPicture * a, GstDeltaPicture * b)
{
  gsize blocks;
  guint8 *changed;

  g_return_val_if_fail (a != NULL, NULL);
  g_return_val_if_fail (b != NULL, NULL);

  blocks = (gsize) a->cols * a->rows;
  changed = g_try_malloc (blocks);
  if (changed && gst_delta_picture_compare (a, b, changed, blocks, NULL))
    return g_bytes_new_take (changed, blocks);
  g_free (changed);
  return NULL;
}

static GBytes *
macroblock_bytes (const guint8 * array, guint mb_cols, guint mb_rows)
{
  return array ? g_bytes_new (array, (gsize) mb_cols * mb_rows) : NULL;
}

/**
 * gst_delta_picture_get_quantisers_bytes: (rename-to gst_delta_picture_get_quantisers)
 * @picture: a picture
 * @mb_cols: (out): macroblocks per row
 * @mb_rows: (out): rows of macroblocks
 *
 * gst_delta_picture_get_quantisers() for languages with arrays of their own.
 *
 * Returns: (transfer full) (nullable): one byte per macroblock; %NULL where the picture is not known
 *
 * Since: 0.1
 */
GBytes *
gst_delta_picture_get_quantisers_bytes (GstDeltaPicture * picture,
    guint * mb_cols, guint * mb_rows)
{
  const guint8 *array;

  g_return_val_if_fail (mb_cols != NULL && mb_rows != NULL, NULL);
  array = gst_delta_picture_get_quantisers (picture, mb_cols, mb_rows);
  return macroblock_bytes (array, *mb_cols, *mb_rows);
}

/**
 * gst_delta_picture_get_macroblock_flags_bytes: (rename-to gst_delta_picture_get_macroblock_flags)
 * @picture: a picture
 * @mb_cols: (out): macroblocks per row
 * @mb_rows: (out): rows of macroblocks
 *
 * gst_delta_picture_get_macroblock_flags() for languages with arrays of their own.
 *
 * Returns: (transfer full) (nullable): one byte of #GstDeltaMacroblockFlags per macroblock; %NULL where the
 *   picture is not known
 *
 * Since: 0.1
 */
GBytes *
gst_delta_picture_get_macroblock_flags_bytes (GstDeltaPicture * picture,
    guint * mb_cols, guint * mb_rows)
{
  const guint8 *array;

  g_return_val_if_fail (mb_cols != NULL && mb_rows != NULL, NULL);
  array = gst_delta_picture_get_macroblock_flags (picture, mb_cols, mb_rows);
  return macroblock_bytes (array, *mb_cols, *mb_rows);
}
