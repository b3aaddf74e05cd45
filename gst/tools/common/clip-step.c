/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip-step.h"
#include "upstream.h"

ClipStepOutcome
clip_step (ClipStep * self, GstPad * pad, GstSample * sample,
    gboolean tensor, GstDeltaCnnStep * out, GError ** error)
{
  GstDeltaCnnStepFrame frame;
  GstVideoInfo info;
  const gchar *why;
  gboolean ok;

  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (sample))
      || !gst_delta_cnn_step_map (&info, gst_sample_get_buffer (sample),
          &frame))
    return CLIP_STEP_PASSED;
  self->anew = !self->kept.changes
      || !gst_delta_cnn_changes_fits (self->kept.changes, &frame.info);
  ok = gst_delta_cnn_step_plan (&self->kept, self->classifier, &frame.info,
      error);
  if (ok) {
    if (frame.input.picture
        && self->settings.source == GST_DELTA_CNN_SOURCE_AUTO)
      frame.input.untouched = gst_delta_cnn_upstream_untouched (pad, &why);
    (tensor ? gst_delta_cnn_step_tensor : gst_delta_cnn_step)
        (&self->kept, self->classifier, &self->settings, &frame.input, out);
  }
  gst_delta_cnn_step_unmap (&frame);
  return ok ? CLIP_STEP_DONE : CLIP_STEP_ERROR;
}

void
clip_step_clear (ClipStep * self)
{
  gst_delta_cnn_stream_clear (&self->kept);
}
