/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element tests share: models and clips made at test time, and the check
 * of a deltacnn against a dense twin on the same frames.
 */
#pragma once

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include "gstdeltacnnmeta.h"
#include "gstdeltacodingmeta.h"

/* GStreamer, the project's elements, g_test, and a folder with the models; then
 * test_run() runs the tests and cleans up. */
void test_init (int *argc, char ***argv);
int test_run (void);

/* Path of a file in the folder; lives until the end of the program. */
const gchar *test_file (const gchar * name);

/* Runs ffmpeg to make the file `name` in the folder, once per program.  options
 * are what stands between the program name and the output file.  NULL where there
 * is no ffmpeg, or it cannot do this: the test is then marked as skipped. */
const gchar *test_clip (const gchar * name, const gchar * options);

/* MPEG-2, a still background with something small that moves, B pictures,
 * 352x288, 25 frames a second. */
const gchar *test_moving_clip (void);

/* TRUE where all elements are installed, else marks the test as skipped. */
gboolean test_have (const gchar * const *elements);

/* Several deltacnn in a row, "delta" (and "pixel") and "dense": the outputs of all
 * must equal the last one's, which computes everything.  Rounding leaves differences
 * of a few 1e-6 of the largest output; more than `most` is wrong. */
typedef struct
{
  GMutex lock;
  gdouble most;                 /* 1e-5, where nothing else is set */
  guint frames, full, partial, reused;
  guint wrong;                  /* frames that differ by more */
  guint first_wrong;
  gdouble worst;
  guint other_label;            /* frames with another label, but for ties */
  gdouble multiplies[4];        /* sums of shares, of the first ones in the row */
  GstElement *row[4];           /* owned */
  guint n_row;
} Twins;

void twins_init (Twins * twins);
void twins_clear (Twins * twins);
void twins_compare (Twins * twins, GstBuffer * buffer);

/* TWINS_PAIR goes into a pipeline description; twins_watch() connects the check
 * behind the element "dense". */
#define TWINS_PAIR(model, source) \
    "deltacnn name=delta source=" source " top-k=100 threads=1 model-file=" model \
    " ! deltacnn name=dense mode=dense top-k=100 threads=1 model-file=" model
void twins_watch (Twins * twins, GstElement * pipeline);

/* A counter of the element's stats. */
guint64 test_stat (GstElement * element, const gchar * field);

/* Parses, or fails the test. */
GstElement *test_pipeline (const gchar * format, ...) G_GNUC_PRINTF (1, 2);

/* Plays until EOS; fails the test on an error message, or when no message comes for
 * so many seconds.  Returns how many warnings came. */
extern guint test_patience_s;
guint test_play (GstElement * pipeline);
void test_set_state (GstElement * pipeline, GstState state);
