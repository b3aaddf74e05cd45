/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "features.h"
#include "common/clip-samples.h"
#include "common/clip-step.h"
#include "common/tool.h"

#include <gio/gio.h>
#include <string.h>

typedef struct
{
  const TransferReading *how;
  ClipStep step;
  TransferProgress progress;
  gpointer user_data;
  guint seen, stride;
  gsize room;                   /* rows */
  TransferRows *rows;
} Read;

/* How long a clip is shows at its end: once there are too many rows, every second one
 * goes, and so does every second of the frames to come. */
static void
thin_out (Read * read)
{
  TransferRows *rows = read->rows;
  guint i;

  read->stride *= 2;
  for (i = 0; 2 * i < rows->n; i++) {
    memmove (rows->values + (gsize) i * rows->width,
        rows->values + (gsize) 2 * i * rows->width,
        rows->width * sizeof (float));
    rows->frames[i] = rows->frames[2 * i];
  }
  rows->n = i;
}

static void
keep (Read * read)
{
  TransferRows *rows = read->rows;
  const gfloat *outputs = gst_delta_cnn_classifier_get_outputs
      (read->step.classifier, &rows->width);

  if (rows->n == read->room) {
    read->room = MAX (32, read->room * 2);
    rows->values = g_renew (float, rows->values, read->room * rows->width);
    rows->frames = g_renew (guint, rows->frames, read->room);
  }
  memcpy (rows->values + (gsize) rows->n * rows->width, outputs,
      rows->width * sizeof (float));
  rows->frames[rows->n++] = read->seen;
  if (!read->how->step && rows->n > read->how->most)
    thin_out (read);
}

/* Frames between those that are taken are as if the decoder had dropped them: coding
 * pictures compare across them. */
static gboolean
take_sample (GstPad * pad, GstSample * sample, gpointer user_data,
    GError ** error)
{
  Read *read = user_data;
  ClipStepOutcome outcome = CLIP_STEP_PASSED;
  GstDeltaCnnStep step;

  if (tool_is_interrupted ())
    return FALSE;
  if (read->seen % read->stride == 0)
    outcome = clip_step (&read->step, pad, sample, FALSE, &step, error);
  if (outcome == CLIP_STEP_DONE)
    keep (read);
  read->seen++;
  if (read->progress)
    read->progress (read->seen, read->user_data);
  return outcome != CLIP_STEP_ERROR;
}

gboolean
transfer_read (GstDeltaCnnClassifier * classifier, const TransferReading * how,
    const gchar * clip, TransferProgress progress, gpointer user_data,
    TransferRows * rows, GError ** error)
{
  Read read = { 0 };
  ClipSamples samples;
  gboolean ok;

  memset (rows, 0, sizeof *rows);
  read.how = how;
  read.step.classifier = classifier;
  read.step.settings.source = GST_DELTA_CNN_SOURCE_AUTO;
  read.step.settings.mode = GST_DELTA_CNN_MODE_DELTA;
  read.step.settings.top_k = 1;
  read.step.settings.threads = how->threads;
  read.progress = progress;
  read.user_data = user_data;
  read.stride = how->step ? how->step : 1;
  read.rows = rows;
  ok = clip_samples_read (clip, take_sample, &read, &samples, error);
  clip_step_clear (&read.step);
  if (samples.interrupted || tool_is_interrupted ()) {
    g_clear_error (error);
    ok = FALSE;
  } else if (ok && rows->n == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be read", clip);
    ok = FALSE;
  }
  if (!ok)
    transfer_rows_clear (rows);
  return ok;
}
