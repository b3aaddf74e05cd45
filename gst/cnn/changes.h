/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which blocks of a frame changed since the one that the caches stand for.
 *
 * The caches of the network stand for the last frame that was processed.  What
 * is known about that frame is (a) its coding picture, where the codec told and
 * could be believed, (b) a copy of its samples, where one was kept, and (c) the
 * tensor that the network was given.  This unit owns the first two, and answers for
 * each new frame which 8x8 blocks may differ.  An answer is never more than what (a)
 * or (b) prove: whatever is not known changed; or it leaves it to (c): the frame is
 * made a tensor as a whole, and blocks of which the network sees a change are told
 * afterwards.  Comparing large frames takes longer than that.
 *
 * Not thread-safe: belongs to one stream.
 */
#pragma once

#include <gst/gst.h>
#include "gstdeltacodingmeta.h"
#include "frame/frame.h"
#include "sources.h"

G_BEGIN_DECLS

typedef struct _GstDeltaCnnChanges GstDeltaCnnChanges;

/* One frame, as far as the decision is concerned. */
typedef struct
{
  const DcnFrame *samples;
  GstDeltaPicture *picture;     /* of the coding meta, or NULL */
  gboolean corrupted;           /* GST_BUFFER_FLAG_CORRUPTED */
  gboolean discont;             /* GST_BUFFER_FLAG_DISCONT */
  gboolean cropped;             /* a GstVideoCropMeta: positions are not the codec's */
  gboolean misplaced;           /* chroma may lie a line off, see step.c */
  gboolean untouched;           /* nothing between decoder and here changes samples */
} GstDeltaCnnInput;

typedef struct
{
  GstDeltaCnnUsed used;
  const guint8 *blocks;         /* [rows * cols], 1 where a block may have changed;
                                 * NULL: everything; valid until the next call */
  guint n_changed, n_blocks;
  gboolean open;                /* used is PIXEL, blocks are for now NULL: see _settle() */
  const gchar *reason;          /* static: why the codec's word was not used, or NULL */
} GstDeltaCnnDecision;

/* info: the frames to come, sizes in [1, 16384].  by_tensor: where no codec tells,
 * decisions are left open in place of comparing samples. */
GstDeltaCnnChanges *gst_delta_cnn_changes_new (const DcnFrameInfo * info,
    gboolean by_tensor);
void gst_delta_cnn_changes_free (GstDeltaCnnChanges * changes);

/* Whether it was made for such frames. */
gboolean gst_delta_cnn_changes_fits (const GstDeltaCnnChanges * changes,
    const DcnFrameInfo * info);

/* Grid of 8x8 blocks over the frame. */
void gst_delta_cnn_changes_get_grid (GstDeltaCnnChanges * changes,
    guint * cols, guint * rows);

/* Flush, new stream: nothing is known about the last frame, and what was
 * distrusted gets a new chance. */
void gst_delta_cnn_changes_reset (GstDeltaCnnChanges * changes);

/* Compares a frame with the last one and makes it the last one: the caller
 * must update its caches with this frame, or call reset().
 * everything: the caller recomputes all anyway (dense); nothing is compared. */
void gst_delta_cnn_changes_decide (GstDeltaCnnChanges * changes,
    GstDeltaCnnSource source, gboolean everything,
    const GstDeltaCnnInput * input, GstDeltaCnnDecision * decision);

/* For an open decision, when the tensor is that of its frame: settles which blocks
 * changed, told by tell (context, blocks), which sets the map [rows * cols] and returns
 * how many did. */
typedef gint (*GstDeltaCnnTellFunc) (gpointer context, guint8 * blocks);
void gst_delta_cnn_changes_settle (GstDeltaCnnChanges * changes,
    GstDeltaCnnTellFunc tell, gpointer context,
    GstDeltaCnnDecision * decision);

/* A map [rows * cols] of blocks of the last decision to look at again: 1 in a
 * sample of those that the codec claimed to be unchanged, else 0.  All of them in
 * the first frames after a reset and where there is reason to doubt (frames were
 * lost, a picture came a second time); otherwise 1/32, others on each frame, all in
 * 32 frames, or with source=auto, where nothing between decoder and here can be seen to
 * change samples, 1/256, all in 256 frames.  NULL when there is nothing to check. */
const guint8 *gst_delta_cnn_changes_sample (GstDeltaCnnChanges * changes);

/* A claim did not hold for the frame of the last decision, whose samples these are.
 * The caller computes everything for it.
 * TRUE where nothing but another element explains it: the frames are not what the
 * decoder put out, or the metas belong to others.  Codec sources are then not
 * believed until reset().  FALSE where lost pictures explain it: they are believed
 * again, though still checked whole. */
gboolean gst_delta_cnn_changes_refute (GstDeltaCnnChanges * changes,
    const DcnFrame * samples);

G_END_DECLS
