/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A clip's first video stream, decoded, with its coding metas:
 *
 *   filesrc ! parsebin ! [h264parse !] [deltaextract !] decoder ! what the caller adds
 *
 * Built as the streams of the file show up.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _ClipPipeline ClipPipeline;

/* Adds what is behind the decoder to the pipeline, from its last element to its
 * first, so that each is ready when data reaches it, and returns the first.  NULL
 * after clip_pipeline_fail(), or after an element's own error.  Called in a
 * streaming thread, once. */
typedef GstElement *(*ClipPipelineAdd) (ClipPipeline * self, gpointer user_data);

/* To be called once, after gst_init: the elements are linked into the program.  FALSE
 * and a sentence where this build has none. */
gboolean clip_pipeline_setup (GError ** error);

/* NULL and a sentence in error where there is no such file. */
ClipPipeline *clip_pipeline_new (const gchar * clip, ClipPipelineAdd add,
    gpointer user_data, GError ** error);
void clip_pipeline_free (ClipPipeline * self);
/* Before run: the decoder of streams that deltaextract reads. */
void clip_pipeline_set_decoder (ClipPipeline * self, const gchar * factory);

/* Runs to the end of the clip, to clip_pipeline_end(), to SIGINT or SIGTERM.  FALSE and a
 * sentence a user can act on in error.  Once. */
gboolean clip_pipeline_run (ClipPipeline * self, GError ** error);

/* After run; is_coded also from the caller's part. */
gboolean clip_pipeline_is_coded (ClipPipeline * self);  /* deltaextract reads the codec */
gboolean clip_pipeline_interrupted (ClipPipeline * self);       /* by a signal */
gdouble clip_pipeline_seconds (ClipPipeline * self);    /* from the first data to the end */
gdouble clip_pipeline_extract_seconds (ClipPipeline * self);    /* of it, in deltaextract */
/* Its stats, owned by the pipeline; NULL where there was none. */
const GstStructure *clip_pipeline_extract_stats (ClipPipeline * self);

/* For the caller's part; from any thread.
 * make: an element in the pipeline; NULL after fail() where it is missing.
 * add_bin: a bin from a description, linked after an element; NULL after fail().
 * fail: takes error over; the first one counts.
 * end: sends end of stream through all that is there. */
GstElement *clip_pipeline_make (ClipPipeline * self, const gchar * factory);
GstElement *clip_pipeline_add_bin (ClipPipeline * self, GstElement * before,
    const gchar * description);
void clip_pipeline_fail (ClipPipeline * self, GError * error);
void clip_pipeline_end (ClipPipeline * self);
/* Errors of this element do not speak of the clip, so its name is not put in front. */
void clip_pipeline_set_speaker (ClipPipeline * self, GstElement * element);
gboolean clip_pipeline_have_factory (const gchar * name);

G_END_DECLS
