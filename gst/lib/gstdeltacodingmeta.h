/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the codec says about a picture, as a meta on coded buffers and, after any
 * decoder, on the decoded frames.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* The library is built with hidden symbols; what is declared with this is its ABI. */
#ifndef GST_DELTA_CNN_API
#if defined (_WIN32) || defined (__CYGWIN__)
#define GST_DELTA_CNN_API
#else
#define GST_DELTA_CNN_API __attribute__ ((visibility ("default")))
#endif
#endif

#define GST_TYPE_DELTA_PICTURE (gst_delta_picture_get_type ())
#define GST_TYPE_DELTA_PICTURE_TYPE (gst_delta_picture_type_get_type ())
#define GST_TYPE_DELTA_MACROBLOCK_FLAGS (gst_delta_macroblock_flags_get_type ())
#define GST_DELTA_CODING_META_API_TYPE (gst_delta_coding_meta_api_get_type ())
#define GST_DELTA_CODING_META_INFO (gst_delta_coding_meta_get_info ())

/**
 * GstDeltaPictureType:
 * @GST_DELTA_PICTURE_TYPE_UNKNOWN: not known
 * @GST_DELTA_PICTURE_TYPE_I: intra picture
 * @GST_DELTA_PICTURE_TYPE_P: predicted picture
 * @GST_DELTA_PICTURE_TYPE_B: bidirectionally predicted picture
 * @GST_DELTA_PICTURE_TYPE_D: MPEG-1 DC picture
 *
 * Since: 0.1
 */
typedef enum {
  GST_DELTA_PICTURE_TYPE_UNKNOWN = 0,
  GST_DELTA_PICTURE_TYPE_I = 1,
  GST_DELTA_PICTURE_TYPE_P = 2,
  GST_DELTA_PICTURE_TYPE_B = 3,
  GST_DELTA_PICTURE_TYPE_D = 4
} GstDeltaPictureType;

/**
 * GstDeltaMacroblockFlags:
 * @GST_DELTA_MACROBLOCK_INTRA: coded without prediction
 * @GST_DELTA_MACROBLOCK_SKIPPED: not coded at all
 * @GST_DELTA_MACROBLOCK_CODED: at least one coded residual block
 *
 * Since: 0.1
 */
typedef enum {
  GST_DELTA_MACROBLOCK_INTRA = 1 << 0,
  GST_DELTA_MACROBLOCK_SKIPPED = 1 << 1,
  GST_DELTA_MACROBLOCK_CODED = 1 << 2
} GstDeltaMacroblockFlags;

/**
 * GstDeltaPicture:
 *
 * What the codec says about one decoded picture; opaque, reference counted and
 * never changed once complete.
 *
 * Since: 0.1
 */
typedef struct _DcnPicture GstDeltaPicture;

/**
 * GstDeltaCodingMeta:
 * @meta: parent
 * @picture: the picture, owned by the meta
 *
 * Since: 0.1
 */
typedef struct {
  GstMeta meta;
  GstDeltaPicture *picture;
} GstDeltaCodingMeta;

/**
 * GstDeltaVector:
 * @x: left edge of the partition, luma samples of the frame
 * @y: top edge, luma samples of the frame
 * @w: width
 * @h: height in lines of the frame
 * @ref_number: number of the reference picture, or G_MAXUINT32 when it was lost
 * @mv_x_qpel: horizontal component, quarter samples
 * @mv_y_qpel: vertical component, quarter samples (of the field where @field is not 0)
 * @direction: 0 forward (list 0), 1 backward (list 1)
 * @field: 0 frame, 1 predicts the top field's lines, 2 the bottom field's
 * @ref_field: 0 frame, 1, 2 the field of the reference
 *
 * One motion vector of one partition.
 *
 * Since: 0.1
 */
typedef struct {
  guint x, y, w, h;
  guint32 ref_number;
  gint mv_x_qpel, mv_y_qpel;
  guint direction;
  guint field, ref_field;
} GstDeltaVector;

GST_DELTA_CNN_API
GType gst_delta_picture_get_type (void);
GST_DELTA_CNN_API
GType gst_delta_picture_type_get_type (void);
GST_DELTA_CNN_API
GType gst_delta_macroblock_flags_get_type (void);
GST_DELTA_CNN_API
GType gst_delta_coding_meta_api_get_type (void);
GST_DELTA_CNN_API
const GstMetaInfo *gst_delta_coding_meta_get_info (void);

GST_DELTA_CNN_API
GstDeltaCodingMeta *gst_buffer_add_delta_coding_meta (GstBuffer * buffer, GstDeltaPicture * picture);
GST_DELTA_CNN_API
GstDeltaCodingMeta *gst_buffer_get_delta_coding_meta (GstBuffer * buffer);

GST_DELTA_CNN_API
GstDeltaPicture *gst_delta_picture_ref (GstDeltaPicture * picture);
GST_DELTA_CNN_API
void gst_delta_picture_unref (GstDeltaPicture * picture);

GST_DELTA_CNN_API
gboolean gst_delta_picture_is_complete (GstDeltaPicture * picture);
GST_DELTA_CNN_API
gboolean gst_delta_picture_is_known (GstDeltaPicture * picture);
GST_DELTA_CNN_API
const gchar *gst_delta_picture_get_unknown_reason (GstDeltaPicture * picture);
GST_DELTA_CNN_API
GstDeltaPictureType gst_delta_picture_get_picture_type (GstDeltaPicture * picture);
GST_DELTA_CNN_API
guint64 gst_delta_picture_get_epoch (GstDeltaPicture * picture);
GST_DELTA_CNN_API
GstClockTime gst_delta_picture_get_extract_time (GstDeltaPicture * picture);
GST_DELTA_CNN_API
guint32 gst_delta_picture_get_number (GstDeltaPicture * picture);
GST_DELTA_CNN_API
void gst_delta_picture_get_coded_size (GstDeltaPicture * picture, guint * width, guint * height);
GST_DELTA_CNN_API
void gst_delta_picture_get_crop (GstDeltaPicture * picture, guint * x, guint * y, guint * width, guint * height);
GST_DELTA_CNN_API
void gst_delta_picture_get_grid (GstDeltaPicture * picture, guint * cols, guint * rows);
GST_DELTA_CNN_API
const guint32 *gst_delta_picture_get_born (GstDeltaPicture * picture, gsize * n_blocks);
GST_DELTA_CNN_API
guint gst_delta_picture_get_n_vectors (GstDeltaPicture * picture);
GST_DELTA_CNN_API
gboolean gst_delta_picture_get_vector (GstDeltaPicture * picture, guint i, GstDeltaVector * vector);
GST_DELTA_CNN_API
const guint8 *gst_delta_picture_get_quantisers (GstDeltaPicture * picture, guint * mb_cols, guint * mb_rows);
GST_DELTA_CNN_API
const guint8 *gst_delta_picture_get_macroblock_flags (GstDeltaPicture * picture, guint * mb_cols, guint * mb_rows);
GST_DELTA_CNN_API
GBytes *gst_delta_picture_get_quantisers_bytes (GstDeltaPicture * picture, guint * mb_cols, guint * mb_rows);
GST_DELTA_CNN_API
GBytes *gst_delta_picture_get_macroblock_flags_bytes (GstDeltaPicture * picture, guint * mb_cols, guint * mb_rows);
GST_DELTA_CNN_API
gboolean gst_delta_picture_compare (GstDeltaPicture * a, GstDeltaPicture * b, guint8 * changed, gsize n_blocks, guint * n_changed);
GST_DELTA_CNN_API
GBytes *gst_delta_picture_compare_bytes (GstDeltaPicture * a, GstDeltaPicture * b);

G_END_DECLS
