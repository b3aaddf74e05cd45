/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "frames.h"
#include "coding/picture.h"

#include <math.h>
#include <string.h>

#define SEED 20210604

struct _BenchFrames
{
  /* a clip */
  ClipFrames *clip;
  GstDeltaCnnStepFrame mapped;
  gboolean is_mapped;

  /* made */
  guint n;
  DcnFrameInfo info;
  DcnFrame samples;
  guint8 *planes[3];            /* owned */
  gint *order;                  /* [blocks] their numbers, the changed ones first */
  gint cols, rows, changed;     /* 16x16 blocks; how many change a frame */
  GRand *rand;
  guint64 epoch;
  DcnPicture *picture;          /* of the last frame; owned */
};

BenchFrames *
bench_frames_new_clip (ClipFrames * clip)
{
  BenchFrames *frames = g_new0 (BenchFrames, 1);

  frames->clip = clip;
  frames->n = clip->samples->len;
  return frames;
}

static gboolean
get_clip_frame (BenchFrames * frames, guint i, BenchFrame * frame)
{
  GstSample *sample = g_ptr_array_index (frames->clip->samples, i);
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstVideoInfo info;

  if (frames->is_mapped)
    gst_delta_cnn_step_unmap (&frames->mapped);
  frames->is_mapped = FALSE;
  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (sample))
      || !gst_delta_cnn_step_map (&info, buffer, &frames->mapped))
    return FALSE;
  frames->is_mapped = TRUE;
  frame->info = frames->mapped.info;
  frame->input = frames->mapped.input;
  frame->input.untouched = frames->clip->untouched;
  return TRUE;
}

/* A smooth texture of its own in each block, with noise, about as strong as in real
 * pictures: each plane gets a level, a slope in both directions and a grain. */
static void
paint_block (BenchFrames * frames, gint block)
{
  gint plane;

  for (plane = 0; plane < 3; plane++) {
    gint sub = plane ? frames->info.sub_x : 0;
    gint width = (frames->info.width + sub) >> sub;
    gint height = (frames->info.height + sub) >> sub;
    gint size = 16 >> sub;
    gint x0 = block % frames->cols * size, y0 = block / frames->cols * size;
    gint spread = plane ? 40 : 90;
    gdouble level = 128 + g_rand_double_range (frames->rand, -spread, spread);
    gdouble dx = g_rand_double_range (frames->rand, -3, 3);
    gdouble dy = g_rand_double_range (frames->rand, -3, 3);
    gint x, y;

    for (y = y0; y < MIN (y0 + size, height); y++)
      for (x = x0; x < MIN (x0 + size, width); x++)
        frames->planes[plane][(gsize) y * frames->samples.stride[plane] + x] =
            CLAMP (level + dx * (x - x0) + dy * (y - y0)
            + g_rand_int_range (frames->rand, -4, 5), 0, 255);
  }
}

static void
start_made (BenchFrames * frames)
{
  gint i;

  if (frames->rand)
    g_rand_free (frames->rand);
  frames->rand = g_rand_new_with_seed (SEED);
  for (i = 0; i < frames->cols * frames->rows; i++) {
    frames->order[i] = i;
    paint_block (frames, i);
  }
  dcn_picture_unref (frames->picture);
  frames->epoch = dcn_epoch_new ();
  frames->picture = dcn_picture_new (frames->epoch, 0, DCN_PICTURE_I,
      frames->info.width, frames->info.height);
}

static void
change_made (BenchFrames * frames)
{
  DcnPicture *last = frames->picture, *picture;
  gint i, n = frames->cols * frames->rows;

  picture = dcn_picture_new (frames->epoch, last->number + 1, DCN_PICTURE_P,
      frames->info.width, frames->info.height);
  memcpy (picture->born, last->born,
      sizeof *last->born * last->cols * last->rows);
  for (i = 0; i < frames->changed; i++) {
    gint j = g_rand_int_range (frames->rand, i, n), block = frames->order[j];
    gint x, y, x0 = block % frames->cols * 2, y0 = block / frames->cols * 2;

    frames->order[j] = frames->order[i];
    frames->order[i] = block;
    paint_block (frames, block);
    for (y = y0; y < MIN (y0 + 2, picture->rows); y++)
      for (x = x0; x < MIN (x0 + 2, picture->cols); x++)
        picture->born[y * picture->cols + x] = picture->number;
  }
  dcn_picture_unref (last);
  frames->picture = picture;
}

BenchFrames *
bench_frames_new_made (gint width, gint height, gdouble sparsity, guint n)
{
  BenchFrames *frames = g_new0 (BenchFrames, 1);
  gint i;

  frames->n = n;
  frames->info.format = DCN_FORMAT_I420;
  frames->info.width = width;
  frames->info.height = height;
  frames->info.sub_x = frames->info.sub_y = 1;
  frames->info.kr = 0.299;
  frames->info.kb = 0.114;
  frames->info.chroma_y = 0.5;
  frames->cols = (width + 15) / 16;
  frames->rows = (height + 15) / 16;
  frames->changed = lrint ((1 - sparsity) * frames->cols * frames->rows);
  frames->order = g_new (gint, frames->cols * frames->rows);
  for (i = 0; i < 3; i++) {
    gint w = i ? (width + 1) / 2 : width, h = i ? (height + 1) / 2 : height;

    frames->planes[i] = g_malloc ((gsize) w * h);
    frames->samples.plane[i] = frames->planes[i];
    frames->samples.stride[i] = w;
  }
  return frames;
}

static gboolean
get_made_frame (BenchFrames * frames, guint i, BenchFrame * frame)
{
  if (i == 0)
    start_made (frames);
  else
    change_made (frames);
  g_atomic_int_set (&frames->picture->complete, TRUE);
  frame->info = frames->info;
  memset (&frame->input, 0, sizeof frame->input);
  frame->input.samples = &frames->samples;
  frame->input.picture = frames->picture;
  frame->input.untouched = TRUE;
  return TRUE;
}

gboolean
bench_frames_get (BenchFrames * frames, guint i, BenchFrame * frame)
{
  return frames->clip ? get_clip_frame (frames, i, frame)
      : get_made_frame (frames, i, frame);
}

guint
bench_frames_count (BenchFrames * frames)
{
  return frames->n;
}

void
bench_frames_free (BenchFrames * frames)
{
  gint i;

  if (!frames)
    return;
  if (frames->is_mapped)
    gst_delta_cnn_step_unmap (&frames->mapped);
  clip_frames_free (frames->clip);
  for (i = 0; i < 3; i++)
    g_free (frames->planes[i]);
  g_free (frames->order);
  if (frames->rand)
    g_rand_free (frames->rand);
  dcn_picture_unref (frames->picture);
  g_free (frames);
}
