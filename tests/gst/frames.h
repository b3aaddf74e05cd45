/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A deltacnn in a harness, and small frames pushed into it one by one.
 */
#pragma once

#include "common.h"

#define FRAMES_W 64
#define FRAMES_H 48
#define FRAMES_BYTES (FRAMES_W * FRAMES_H * 3)
#define FRAMES_CAPS "video/x-raw,format=RGB,width=64,height=48,framerate=25/1"

/* deltacnn on one thread with a model of the tests' folder; then properties as for
 * g_object_set(). */
GstHarness *frames_harness (const gchar * model, const gchar * first_property,
    ...);

/* Frame number n, a smooth picture; the square (8 x 8 samples, row by row) of the
 * given number is bright, where it is one. */
GstBuffer *frames_make (guint n, gint square);

/* Pushes a frame and returns the one that comes out. */
GstBuffer *frames_push (GstHarness * h, GstBuffer * buffer);
