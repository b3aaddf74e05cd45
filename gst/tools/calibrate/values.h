/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which values get a tolerance, and in what proportions to begin with.
 */
#pragma once

#include "frames.h"

G_BEGIN_DECLS

/* Logarithms of factors: for the input; for values that no convolution multiplies, which
 * only pooling, depthwise and the like read; for the last value over the first. */
enum
{ CAL_SHAPE_INPUT, CAL_SHAPE_LIGHT, CAL_SHAPE_SLOPE, CAL_N_SHAPES };

/* Numbers values that can be named, by when they are made, in at most so many groups;
 * group: [n_values of the program], -1 for all others.  What was only moved has been
 * tested before, and outputs are not.  Returns how many groups there are. */
guint cal_values_group (const DcnProgram * program, guint most, gint * group);

/* Whether some convolution multiplies the value, which may be moved before. */
gboolean cal_value_is_multiplied (const CalFrames * frames, gint value);

/* out: [n_values] a factor for each; logs: [CAL_N_SHAPES]; light: [n_values] TRUE where
 * CAL_SHAPE_LIGHT is for it. */
void cal_values_shape (const DcnProgram * program, const double *logs,
    const gboolean * light, double *out);

/* The proportions of the tolerances that the .modelinfo has from an earlier calibration,
 * 1 the largest of those that are in a group, which is *most.  FALSE, and 1 for all, where
 * it has none. */
gboolean cal_values_known_shape (const CalFrames * frames, const gint * group,
    double *out, double *most);

G_END_DECLS
