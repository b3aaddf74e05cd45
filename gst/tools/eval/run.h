/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs decoded clips through an element deltacnn that is set up one way.
 */
#pragma once

#include "common/op-sums.h"
#include "common/clip-frames.h"
#include "way.h"

G_BEGIN_DECLS

/* One frame; kept for all frames of all clips, so small. */
typedef struct
{
  guint8 picture_type, reuse;   /* GstDeltaPictureType, GstDeltaCnnReuse */
  gint32 best;                  /* class; -1: the frame got no result */
  gfloat multiplies;            /* share of a dense run's */
  /* ms; as the element says, tensor without changes; all of it by our own clock */
  gfloat changes, tensor, network, element;
} EvalFrame;

static inline gdouble
eval_frame_ms (const EvalFrame * frame)
{
  return frame->changes + frame->tensor + frame->network;
}

typedef struct _EvalRunner EvalRunner;

typedef struct
{
  const gchar *model, *labels;  /* labels: NULL for the .modelinfo's */
  gint threads;                 /* 0: all cores */
  guint n_classes;
} EvalSetup;

/* One way's element, started.  NULL and a sentence in error. */
EvalRunner *eval_runner_new (const EvalSetup * setup, const EvalWay * way,
    GError ** error);
void eval_runner_free (EvalRunner * runner);

/* All frames of a clip from a fresh start, in the calling thread; fewer where
 * tool_is_interrupted().
 * frames  EvalFrames are appended, one for each
 * scores  [n_classes] set to the mean of the frames' confidences
 * FALSE and a sentence in error. */
gboolean eval_runner_clip (EvalRunner * runner, const ClipFrames * clip,
    GArray * frames, gdouble * scores, GError ** error);

/* Times and counts of each layer, sums over the frames of the last clip; for names and
 * shapes, the element's classifier. */
const OpSums *eval_runner_ops (EvalRunner * runner);
/* [frames of the last clip][n_ops] ms; 0 where an op had nothing to do. */
const gfloat *eval_runner_op_ms (EvalRunner * runner);
GstDeltaCnnClassifier *eval_runner_classifier (EvalRunner * runner);

G_END_DECLS
