/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every clip in every way, and what came of it.
 *
 * A clip is decoded once, by the real pipeline; then one way after the other takes its
 * frames, each clip beginning with another way, so that whatever the machine does
 * meanwhile meets all of them.
 */
#pragma once

#include "clips.h"
#include "run.h"

G_BEGIN_DECLS

/* A frame and the clip it is of. */
typedef struct
{
  EvalFrame frame;
  guint clip;                   /* of EvalResult.clips */
  guint number;                 /* in it */
} EvalRecord;

/* One way. */
typedef struct
{
  const EvalWay *way;
  EvalRunner *runner;           /* for names and shapes of layers */
  GArray *records;              /* of EvalRecord, in the same order for all ways */
  guint right, same;            /* frames: of their class; of the class that dense gives them */
  guint clips_right, clips_same;
  guint *class_right;           /* [classes] frames */
  OpSums *ops;                 /* [n_ops] sums over all frames */
  GArray *op_ms;                /* of gfloat, [frames][n_ops]; NULL: layers are not asked for */
} EvalTally;

typedef struct
{
  const EvalClip *clip;
  guint n_frames;
  gint label;                   /* that dense gives the clip */
  gboolean coded, untouched;    /* deltaextract read it; nothing changed samples */
  gboolean cut;                 /* memory did not do for all of it */
} EvalDone;

typedef struct
{
  const EvalClips *clips;
  gint n_ops;
  guint n_frames;
  gint width, height;           /* of the first clip */
  GArray *done;                 /* of EvalDone, clips that count */
  GPtrArray *bad;               /* of gchar *, a sentence for each of the others */
  guint *class_frames;          /* [classes] */
  GArray *tallies;              /* of EvalTally; the first is dense */
  gboolean interrupted;         /* by a signal: to be thrown away */
} EvalResult;

/* what: the clip, or the clip and the way; share of all that is done. */
typedef void (*EvalProgress) (const gchar * what, gdouble share);

/* max_frames of each clip, 0: all.  layers: keep each frame's times of each.  A clip
 * that cannot be read or classified is left out and named.  NULL and a sentence in error where no clip is left, or an element does not
 * start. */
EvalResult *eval_measure (const EvalSetup * setup, const EvalClips * clips,
    const GPtrArray * ways, guint max_frames, gboolean layers,
    EvalProgress progress, GError ** error);
void eval_result_free (EvalResult * result);

/* Over all frames of a way, the first ones of clips, which have nothing to reuse,
 * included. */
typedef struct
{
  gdouble mean, median, p99;    /* ms */
  gdouble changes, tensor, network, element;    /* means of the parts, and by the clock */
  gdouble first;                /* mean of the clips' first frames */
  gdouble by_type[5];           /* mean by GstDeltaPictureType; NaN: there were none */
  gdouble multiplies;           /* share of dense */
  guint reuse[3];               /* frames by GstDeltaCnnReuse */
} EvalSummary;

void eval_summarise (const EvalTally * tally, EvalSummary * summary);

/* ms of a layer in a frame: the median and the 99th percentile; NaN where layers were
 * not asked for. */
void eval_layer_percentiles (const EvalResult * result, const EvalTally * tally,
    gint op, gdouble * median, gdouble * p99);

G_END_DECLS
