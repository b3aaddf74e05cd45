/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element deltacnn does with a frame, done with the frames of a clip as
 * clip-samples.h hands them out.
 */
#pragma once

#include "step.h"

G_BEGIN_DECLS

/* One clip's stream.  All 0 but for the first two at its begin. */
typedef struct
{
  GstDeltaCnnClassifier *classifier;    /* the caller's */
  GstDeltaCnnStepSettings settings;
  GstDeltaCnnStream kept;       /* cleared by clip_step_clear() */
  gboolean anew;                /* the last frame was the first, or the first of its size: it has
                                 * nothing to do with the one before */
} ClipStep;

typedef enum
{
  CLIP_STEP_ERROR,
  CLIP_STEP_PASSED,             /* the buffer does not hold a frame as its caps say; in the element
                                 * it would pass without a result */
  CLIP_STEP_DONE
} ClipStepOutcome;

/* pad: where sample came to, whose upstream is asked for who may have changed samples.
 * tensor: only up to the tensor, for who runs the network himself; no outcome in out
 * then.  ERROR with a sentence in error where frames of this size cannot be classified;
 * out is set with DONE only. */
ClipStepOutcome clip_step (ClipStep * self, GstPad * pad, GstSample * sample,
    gboolean tensor, GstDeltaCnnStep * out, GError ** error);

/* Forgets the clip; the next frame is the first. */
void clip_step_clear (ClipStep * self);

G_END_DECLS
