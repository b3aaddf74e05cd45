/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip-frames.h"
#include "clip-samples.h"
#include "upstream.h"

#include <unistd.h>

typedef struct
{
  ClipFrames *frames;
  guint max_frames;
  guint64 bytes, max_bytes;
  ClipFramesProgress progress;
  gpointer user_data;
} Load;

static gboolean
keep_sample (GstPad * pad, GstSample * sample, gpointer user_data,
    GError ** error)
{
  Load *load = user_data;
  ClipFrames *frames = load->frames;
  const gchar *why;

  /* the pipeline may change on the way: every frame counts */
  frames->untouched &= gst_delta_cnn_upstream_untouched (pad, &why);
  load->bytes += gst_buffer_get_size (gst_sample_get_buffer (sample));
  g_ptr_array_add (frames->samples, gst_sample_ref (sample));
  if (load->progress)
    load->progress (frames->samples->len, load->user_data);
  frames->memory_full = load->bytes > load->max_bytes;
  return frames->samples->len != load->max_frames && !frames->memory_full;
}

ClipFrames *
clip_frames_load (const gchar * clip, guint max_frames,
    ClipFramesProgress progress, gpointer user_data, GError ** error)
{
  Load load = { 0 };
  ClipSamples read;
  ClipFrames *frames = g_new0 (ClipFrames, 1);

  load.frames = frames;
  load.max_frames = max_frames;
  load.max_bytes = (guint64) sysconf (_SC_PHYS_PAGES) / 4
      * (guint64) sysconf (_SC_PAGESIZE);
  load.progress = progress;
  load.user_data = user_data;
  frames->samples = g_ptr_array_new_with_free_func (
      (GDestroyNotify) gst_sample_unref);
  frames->untouched = TRUE;
  if (!clip_samples_read (clip, keep_sample, &load, &read, error)) {
    clip_frames_free (frames);
    return NULL;
  }
  frames->coded = read.coded;
  frames->interrupted = read.interrupted;
  return frames;
}

void
clip_frames_free (ClipFrames * frames)
{
  if (!frames)
    return;
  g_ptr_array_unref (frames->samples);
  g_free (frames);
}
