/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltacnn-calibrate searches on: the tensors of all frames of its clips, as
 * differences from frame to frame, and what the network says of each in dense mode.
 */
#pragma once

#include "changes.h"
#include "classify.h"
#include "net/net.h"

G_BEGIN_DECLS

typedef struct
{
  gboolean restart;             /* the frame before is another clip's, or was left out */
  guint8 *touched;              /* [pixels] 1 where the tensor was recomputed; NULL where it was
                                 * nowhere, and for a restart */
  gboolean whole;               /* values are of all pixels, else of touched ones */
  guint n_values;               /* pixels in values */
  float *values;                /* [n_values][channels] */
  float *scores;                /* [n_scores] of a dense run */
  guint best;                   /* of these, the class */
  gdouble margin;               /* by so much it leads */
  guint run;                    /* of frames of one kind, which take turns */
  gboolean held_out;            /* not to be searched on */
} CalFrame;

typedef struct
{
  GstDeltaCnnClassifier *classifier;    /* owned */
  const GstDeltaCnnModel *model;        /* its */
  DcnNet *net;                  /* the same */
  gchar *tensor;                /* name of the input, owned */
  guint pixels, channels, pitch;        /* of the tensor */
  gint scores_value;            /* of the program: its output, or what a final softmax reads */
  gboolean before_softmax;      /* the latter */
  guint n_scores;
  gdouble threshold;            /* of the one score, where there is only one */
  gdouble spread;               /* rms of a frame's scores around their mean, over all frames */
  gdouble typical_margin;       /* median over all frames */
  GPtrArray *frames;            /* of CalFrame */
  guint n_runs;                 /* CalFrame.run is below */
  guint n_clips, n_held_out, n_left_out;
  gboolean by_codec;            /* any change was taken from the codec */
  gboolean interrupted;
} CalFrames;

/* Called after each frame, in a streaming thread. */
typedef void (*CalProgress) (const gchar * clip, guint n_frames,
    gpointer user_data);

/* max_frames of each clip, 0: all.  max_bytes of tensors: where more would be needed,
 * runs of frames are left out.  threads: 0 for all cores.  NULL and
 * a sentence for the user in error. */
CalFrames *cal_frames_load (const gchar * model, gchar ** clips,
    GstDeltaCnnSource source, guint max_frames, gsize max_bytes, gint threads,
    CalProgress progress, gpointer user_data, GError ** error);
void cal_frames_free (CalFrames * frames);

/* The class that scores name, and by how much it leads over the next. */
guint cal_best (const CalFrames * frames, const float *scores,
    gdouble * margin);
/* By how much a given class leads over the best other; negative: it does not. */
gdouble cal_lead (const CalFrames * frames, const float *scores, guint best);
/* The same as a share of what both have of the confidence, -1 to 1: what margins are
 * compared with (gst_delta_cnn_model_lead()). */
gdouble cal_share (const CalFrames * frames, const float *scores, guint best);

G_END_DECLS
