/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * step: one frame, from what is known about it to its result
 */

#include "step.h"
#include "formats.h"
#include "layout.h"

/* Interlaced frames of 4:2:0 have an even number of chroma lines in memory, which decoders learn too late: GStreamer's for
 * libavcodec writes the third plane as if there were as many as the height asks for, and so, where that is odd, a line
 * too early, unless the buffer itself says where its planes are.  Then a block's last line of it is another block's
 * first one. */
static gboolean
is_misplaced (const GstVideoInfo * info, GstBuffer * buffer)
{
  return GST_VIDEO_INFO_IS_INTERLACED (info)
      && GST_VIDEO_INFO_N_PLANES (info) == 3
      && GST_VIDEO_INFO_COMP_HEIGHT (info, 1) < GST_VIDEO_INFO_HEIGHT (info)
      && GST_VIDEO_INFO_COMP_HEIGHT (info, 1) % 2 == 1
      && !gst_buffer_get_video_meta (buffer);
}

static void
read_input (const GstVideoInfo * info, GstBuffer * buffer,
    const DcnFrame * samples, GstDeltaCnnInput * input)
{
  GstDeltaCodingMeta *coding = gst_buffer_get_delta_coding_meta (buffer);

  input->samples = samples;
  input->picture = coding ? coding->picture : NULL;
  input->corrupted = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  input->discont = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  input->cropped = gst_buffer_get_video_crop_meta (buffer) != NULL;
  input->misplaced = is_misplaced (info, buffer);
  input->untouched = FALSE;
}

gboolean
gst_delta_cnn_step_map (const GstVideoInfo * info, GstBuffer * buffer,
    GstDeltaCnnStepFrame * frame)
{
  GstDeltaCnnVisible visible;

  if (!gst_delta_cnn_layout_map (info, buffer, &frame->mapped))
    return FALSE;
  gst_delta_cnn_formats_visible (info, buffer,
      GST_VIDEO_FRAME_WIDTH (&frame->mapped),
      GST_VIDEO_FRAME_HEIGHT (&frame->mapped), &visible);
  if (!gst_delta_cnn_formats_describe (info, &visible, &frame->info)) {
    gst_video_frame_unmap (&frame->mapped);
    return FALSE;
  }
  gst_delta_cnn_formats_planes (&frame->mapped, &visible, &frame->samples);
  read_input (info, buffer, &frame->samples, &frame->input);
  return TRUE;
}

void
gst_delta_cnn_step_unmap (GstDeltaCnnStepFrame * frame)
{
  gst_video_frame_unmap (&frame->mapped);
}

/* Frames of so many times the tensor's pixels are compared as tensors. */
#define BY_TENSOR_FROM 4

static gboolean
compares_tensors (GstDeltaCnnClassifier * classifier, const DcnFrameInfo * info)
{
  const DcnTensorSpec *spec = gst_delta_cnn_classifier_get_spec (classifier);

  return (gint64) info->width * info->height >=
      (gint64) spec->width * spec->height * BY_TENSOR_FROM;
}

static gint
tell_blocks (gpointer classifier, guint8 * blocks)
{
  return gst_delta_cnn_classifier_get_changed (classifier, blocks);
}

void
gst_delta_cnn_stream_clear (GstDeltaCnnStream * stream)
{
  g_clear_pointer (&stream->changes, gst_delta_cnn_changes_free);
  g_clear_pointer (&stream->rivals, gst_delta_cnn_rivals_free);
}

void
gst_delta_cnn_step_restart (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier)
{
  if (stream->changes)
    gst_delta_cnn_changes_reset (stream->changes);
  gst_delta_cnn_classifier_reset (classifier);
}

gboolean
gst_delta_cnn_step_plan (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier, const DcnFrameInfo * info,
    GError ** error)
{
  if (stream->changes && gst_delta_cnn_changes_fits (stream->changes, info))
    return TRUE;
  gst_delta_cnn_stream_clear (stream);
  if (!gst_delta_cnn_classifier_set_frame (classifier, info, error)) {
    g_prefix_error (error, "frames of %dx%d cannot be classified: ",
        info->width, info->height);
    return FALSE;
  }
  stream->changes = gst_delta_cnn_changes_new (info,
      compares_tensors (classifier, info));
  stream->rivals = gst_delta_cnn_rivals_new (classifier, info);
  return TRUE;
}

/* Blocks that the codec claimed not to have changed did: start over with this
 * frame. */
static void
start_over (GstDeltaCnnChanges * changes, GstDeltaCnnClassifier * classifier,
    const DcnFrame * samples, gint threads, GstDeltaCnnStep * step)
{
  GstDeltaCnnDecision *decision = &step->decision;

  step->mismatch = TRUE;
  step->foreign = gst_delta_cnn_changes_refute (changes, samples);
  gst_delta_cnn_classifier_reset (classifier);
  gst_delta_cnn_classifier_tensor (classifier, samples, NULL, threads);
  decision->used = GST_DELTA_CNN_USED_NONE;
  decision->blocks = NULL;
  decision->n_changed = decision->n_blocks;
  decision->reason = "the picture was found not to fit the frame";
}

void
gst_delta_cnn_step_tensor (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, const GstDeltaCnnInput * input,
    GstDeltaCnnStep * step)
{
  GstDeltaCnnChanges *changes = stream->changes;
  GstDeltaCnnDecision *decision = &step->decision;
  /* The study's layers find differences for themselves. */
  gboolean dense = settings->mode != GST_DELTA_CNN_MODE_DELTA;
  gboolean everything, was_whole = FALSE;
  const guint8 *sample;
  GstClockTime start;

  step->mismatch = step->foreign = FALSE;
  start = gst_util_get_timestamp ();
  gst_delta_cnn_changes_decide (changes, settings->source, dense, input,
      decision);
  step->time_changes = gst_util_get_timestamp () - start;

  /* Which pixels half of the blocks reach need not be found out. */
  everything = dense || gst_delta_cnn_classifier_needs_full (classifier)
      || decision->n_changed > decision->n_blocks / 2;
  if (everything || decision->n_changed > 0) {
    gst_delta_cnn_classifier_tensor (classifier, input->samples,
        everything ? NULL : decision->blocks, settings->threads);
    was_whole = gst_delta_cnn_classifier_was_whole (classifier);
  }
  if (decision->open) {
    start = gst_util_get_timestamp ();
    gst_delta_cnn_changes_settle (changes, tell_blocks, classifier, decision);
    step->time_changes += gst_util_get_timestamp () - start;
  }
  /* Where nothing is taken over from the last frame, no claim of the codec matters. */
  sample = was_whole ? NULL : gst_delta_cnn_changes_sample (changes);
  if (sample && !gst_delta_cnn_classifier_verify (classifier, input->samples,
          sample))
    start_over (changes, classifier, input->samples, settings->threads, step);
}

/* The study computes I pictures in full.  Without a coding meta, so many frames are
 * taken for a group of pictures. */
static gboolean
is_intra (GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, GstDeltaPicture * picture)
{
  guint gop = settings->study_gop ? settings->study_gop :
      GST_DELTA_CNN_STUDY_GOP;

  if (picture)
    return gst_delta_picture_get_picture_type (picture) ==
        GST_DELTA_PICTURE_TYPE_I;
  return gst_delta_cnn_classifier_since_full (classifier) >= gop;
}

void
gst_delta_cnn_step (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, const GstDeltaCnnInput * input,
    GstDeltaCnnStep * step)
{
  /* In other modes nothing is reused, or by values: rivals have no say there. */
  gboolean rival = settings->mode == GST_DELTA_CNN_MODE_DELTA
      && gst_delta_cnn_source_is_rival (settings->source);

  if (gst_delta_cnn_rivals_select (stream->rivals, rival ? settings->source
          : GST_DELTA_CNN_SOURCE_AUTO))
    gst_delta_cnn_step_restart (stream, classifier);
  if (rival) {
    step->mismatch = step->foreign = FALSE;
    gst_delta_cnn_rivals_step (stream->rivals, settings->source,
        &settings->rival, input, settings->top_k, settings->threads,
        &step->decision, &step->outcome, &step->time_changes);
    return;
  }
  gst_delta_cnn_step_tensor (stream, classifier, settings, input, step);
  if (gst_delta_cnn_mode_is_study (settings->mode, settings->engine))
    gst_delta_cnn_classifier_run_study (classifier, settings->mode,
        is_intra (classifier, settings, input->picture), settings->top_k,
        settings->threads, &step->outcome);
  else
    gst_delta_cnn_classifier_run (classifier,
        settings->mode == GST_DELTA_CNN_MODE_DENSE ? DCN_MODE_DENSE :
        DCN_MODE_DELTA, settings->top_k, settings->threads, &step->outcome);
}
