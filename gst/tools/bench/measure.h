/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs frames through a model as deltacnn does, and times it.  Beside it the same
 * frames in dense mode, one frame here, one there, so that whatever the machine does
 * meanwhile meets both.
 */
#pragma once

#include "frames.h"
#include "common/op-sums.h"
#include "modes.h"

G_BEGIN_DECLS

/* Nothing here is owned. */
typedef struct
{
  const gchar *model;
  GstDeltaCnnMode mode;
  GstDeltaCnnEngine engine;
  guint study_gop;
  GstDeltaCnnSource source;
  gdouble tolerance, margin;    /* -1: as calibrated */
  gint threads;                 /* 0: all cores */
  guint runs;                   /* passes over the frames */
  gboolean alone;               /* no dense run beside it */
  void (*progress) (guint done, guint all, gpointer user_data); /* or NULL */
  gpointer user_data;
} BenchSettings;

/* Of one frame, ns. */
typedef struct
{
  guint64 changes;              /* which blocks changed */
  guint64 tensor;               /* frame to tensor, with the checks of the codec's word */
  guint64 network;
} BenchTimes;

/* One of the two: as asked for, and dense. */
typedef struct
{
  BenchTimes *frames;           /* [n_frames] of the pass with the median total */
  OpSums *ops;                 /* [n_ops] sums over all frames but the first and all passes */
} BenchSide;

typedef struct
{
  guint n_frames, runs;
  GstDeltaCnnClassifier *classifier;    /* for names and shapes; owned */
  gint width, height;           /* of the first frame */
  gint threads;                 /* really used */
  BenchSide side;
  BenchSide *dense;             /* NULL: there was none; may be &side */
  BenchSide twin;
  /* Over all frames but the first, which has nothing to reuse. */
  guint64 macs, macs_dense, values_changed, values, blocks_changed, blocks;
  guint reuse[3];               /* by GstDeltaCnnReuse */
  guint used[3];                /* by GstDeltaCnnUsed */
  guint mismatches;
  guint redone;                 /* once more without tolerances */
  /* Against dense, over all frames.  An error is the largest difference of an output
   * over the largest output of that frame, before a final softmax. */
  gdouble top1_agreement, max_rel_error, mean_rel_error;
  gdouble mean_margin;          /* dense: the best class's confidence less the next one's */
  gboolean before_softmax;
} BenchResult;

/* Two frames at least.  NULL and a sentence for the user in error;
 * without one where tool_is_interrupted(). */
BenchResult *bench_measure (const BenchSettings * settings,
    BenchFrames * frames, GError ** error);
void bench_result_free (BenchResult * result);

static inline guint64
bench_times_total (const BenchTimes * times)
{
  return times->changes + times->tensor + times->network;
}

G_END_DECLS
