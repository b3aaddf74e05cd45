/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rivals: frames on their way through src/rivals
 */

#include "rivals.h"
#include <string.h>
#include "coding/picture.h"
#include "rivals/histogram.h"
#include "rivals/image.h"
#include "rivals/keyed.h"
#include "rivals/shifted.h"

GST_DEBUG_CATEGORY_EXTERN (gst_delta_cnn_debug);
#define GST_CAT_DEFAULT gst_delta_cnn_debug

/* DeepMon's; docs/rivals.md. */
#define HISTOGRAM_GRID 8
#define HISTOGRAM_INTERVAL 10
#define HISTOGRAM_DISTANCE 0.005

struct _GstDeltaCnnRivals
{
  GstDeltaCnnClassifier *classifier;
  DcnFrameInfo info;
  guint cols, rows;
  guint8 *blocks;               /* [rows * cols] of the last decision */
  GstDeltaCnnSource source;     /* of the last frame */

  /* Each made on first use. */
  DcnHistogram *histogram;
  DcnShifted *shifted;
  DcnKeyed *keyed;
};

/* One frame. */
typedef struct
{
  GstDeltaCnnRivals *rivals;
  const GstDeltaCnnRivalSettings *settings;
  const GstDeltaCnnInput *input;
  guint top_k;
  gint threads;
  GstDeltaCnnDecision *decision;
  GstDeltaCnnOutcome *outcome;
  GstClockTime *time_changes;
} Frame;

GstDeltaCnnRivals *
gst_delta_cnn_rivals_new (GstDeltaCnnClassifier * c, const DcnFrameInfo * info)
{
  GstDeltaCnnRivals *rivals = g_new0 (GstDeltaCnnRivals, 1);

  rivals->classifier = c;
  rivals->info = *info;
  rivals->cols = (info->width + 7) / 8;
  rivals->rows = (info->height + 7) / 8;
  rivals->blocks = g_malloc0 ((gsize) rivals->cols * rivals->rows);
  return rivals;
}

void
gst_delta_cnn_rivals_free (GstDeltaCnnRivals * rivals)
{
  if (!rivals)
    return;
  dcn_histogram_free (rivals->histogram);
  dcn_shifted_free (rivals->shifted);
  dcn_keyed_free (rivals->keyed);
  g_free (rivals->blocks);
  g_free (rivals);
}

gboolean
gst_delta_cnn_rivals_select (GstDeltaCnnRivals * rivals,
    GstDeltaCnnSource source)
{
  GstDeltaCnnSource before = rivals->source;

  rivals->source = source;
  return source != before && (gst_delta_cnn_source_is_rival (before)
      || gst_delta_cnn_source_is_rival (source));
}

static gdouble
threshold (const Frame * f, gdouble usual)
{
  return f->settings->threshold < 0.0 ? usual : f->settings->threshold;
}

static gint
interval (const Frame * f, gint usual)
{
  guint given = f->settings->interval;

  return given ? (gint) MIN (given, G_MAXINT) : usual;
}

/* What is told about a frame: which blocks were made anew. */
static void
decide_all (const Frame * f, gboolean changed)
{
  GstDeltaCnnRivals *r = f->rivals;

  memset (r->blocks, changed, (gsize) r->cols * r->rows);
  f->decision->blocks = r->blocks;
  f->decision->n_changed = changed ? r->cols * r->rows : 0;
}

static void
step_histogram (Frame * f)
{
  GstDeltaCnnRivals *r = f->rivals;
  GstDeltaCnnClassifier *c = r->classifier;
  GstClockTime start = gst_util_get_timestamp ();

  if (!r->histogram)
    r->histogram = dcn_histogram_new (&r->info, HISTOGRAM_GRID);
  if (gst_delta_cnn_classifier_needs_full (c))
    dcn_histogram_reset (r->histogram);
  f->decision->blocks = r->blocks;
  f->decision->n_changed = dcn_histogram_update (r->histogram,
      f->input->samples, threshold (f, HISTOGRAM_DISTANCE),
      interval (f, HISTOGRAM_INTERVAL), r->blocks);
  *f->time_changes = gst_util_get_timestamp () - start;
  if (f->decision->n_changed > 0)
    gst_delta_cnn_classifier_tensor_only (c, f->input->samples,
        gst_delta_cnn_classifier_needs_full (c) ? NULL : r->blocks, f->threads);
  gst_delta_cnn_classifier_run (c, DCN_MODE_DELTA, f->top_k, f->threads,
      f->outcome);
}

/* Blocks of the frame, from those of the tensor that their centres lie in; what lies
 * outside of the tensor is not looked at. */
static void
decide_by_match (const Frame * f, const DcnTensorSpec * spec,
    const DcnMatch * match)
{
  GstDeltaCnnRivals *r = f->rivals;
  DcnPlacement at = dcn_placement (&r->info, spec);
  guint x, y, n = 0;

  for (y = 0; y < r->rows; y++) {
    for (x = 0; x < r->cols; x++) {
      gdouble tx = (x * 8 + 4 - at.left) * at.scale_x;
      gdouble ty = (y * 8 + 4 - at.top) * at.scale_y;
      guint8 *block = &r->blocks[(gsize) y * r->cols + x];

      *block = tx >= 0.0 && ty >= 0.0 && tx < spec->width && ty < spec->height
          && !match->matched[(gint) ty / match->size * match->cols
          + (gint) tx / match->size];
      n += *block;
    }
  }
  f->decision->blocks = r->blocks;
  f->decision->n_changed = n;
}

static void
step_diamond (Frame * f)
{
  GstDeltaCnnRivals *r = f->rivals;
  GstDeltaCnnClassifier *c = r->classifier;
  const DcnTensorSpec *spec = gst_delta_cnn_classifier_get_spec (c);
  GstClockTime start;
  DcnShiftedKind kind = DCN_SHIFTED_FULL;

  if (!r->shifted)
    r->shifted = dcn_shifted_new (gst_delta_cnn_classifier_get_net (c), spec);
  gst_delta_cnn_classifier_tensor (c, f->input->samples, NULL, f->threads);
  start = gst_util_get_timestamp ();
  decide_all (f, TRUE);
  if (r->shifted) {             /* else memory was short */
    if (gst_delta_cnn_classifier_needs_full (c))
      dcn_shifted_reset (r->shifted);
    kind = dcn_shifted_look (r->shifted,
        gst_delta_cnn_classifier_get_tensor (c),
        interval (f, DCN_SHIFTED_INTERVAL), threshold (f, DCN_SHIFTED_PSNR));
    decide_by_match (f, spec, dcn_shifted_match (r->shifted));
  }
  *f->time_changes = gst_util_get_timestamp () - start;
  switch (kind) {
    case DCN_SHIFTED_SAME:
      gst_delta_cnn_classifier_reuse (c, f->top_k, f->outcome);
      break;
    case DCN_SHIFTED_SOME:
      gst_delta_cnn_classifier_run_known (c, dcn_shifted_compute, r->shifted,
          f->top_k, f->threads, f->outcome);
      break;
    default:
      gst_delta_cnn_classifier_run (c, DCN_MODE_DENSE, f->top_k, f->threads,
          f->outcome);
      break;
  }
}

/* The picture, where its vectors are about this frame. */
static const DcnPicture *
fitting_picture (const GstDeltaCnnRivals * r, const GstDeltaCnnInput * input)
{
  const DcnPicture *p = input->picture;

  if (!p || input->corrupted || input->cropped
      || !gst_delta_picture_is_complete (input->picture) || !p->known
      || p->crop_width != r->info.width || p->crop_height != r->info.height)
    return NULL;
  return p;
}

static void
step_motion (Frame * f)
{
  GstDeltaCnnRivals *r = f->rivals;
  GstDeltaCnnClassifier *c = r->classifier;
  gboolean have_tensor = FALSE;
  GstClockTime start;
  DcnKeyedKind kind = DCN_KEYED_KEY;

  if (!r->keyed)
    r->keyed = dcn_keyed_new (gst_delta_cnn_classifier_get_net (c), &r->info,
        gst_delta_cnn_classifier_get_spec (c));
  start = gst_util_get_timestamp ();
  if (r->keyed) {               /* else memory was short */
    if (gst_delta_cnn_classifier_needs_full (c))
      dcn_keyed_reset (r->keyed);
    kind = dcn_keyed_begin (r->keyed, fitting_picture (r, f->input),
        interval (f, DCN_KEYED_INTERVAL), threshold (f, 1.0));
  }
  *f->time_changes = gst_util_get_timestamp () - start;
  if (kind == DCN_KEYED_SEARCH) {
    gst_delta_cnn_classifier_tensor (c, f->input->samples, NULL, f->threads);
    have_tensor = TRUE;
    start = gst_util_get_timestamp ();
    kind = dcn_keyed_search (r->keyed, gst_delta_cnn_classifier_get_tensor (c),
        threshold (f, 1.0));
    *f->time_changes += gst_util_get_timestamp () - start;
  }
  decide_all (f, kind == DCN_KEYED_KEY);
  switch (kind) {
    case DCN_KEYED_SAME:
      gst_delta_cnn_classifier_reuse (c, f->top_k, f->outcome);
      break;
    case DCN_KEYED_WARP:
      gst_delta_cnn_classifier_run_known (c, dcn_keyed_compute, r->keyed,
          f->top_k, f->threads, f->outcome);
      break;
    default:
      if (!have_tensor)
        gst_delta_cnn_classifier_tensor (c, f->input->samples, NULL,
            f->threads);
      if (r->keyed && dcn_keyed_is_last_key (r->keyed,
              gst_delta_cnn_classifier_get_tensor (c))) {
        decide_all (f, FALSE);
        gst_delta_cnn_classifier_reuse (c, f->top_k, f->outcome);
      } else {
        gst_delta_cnn_classifier_run (c, DCN_MODE_DENSE, f->top_k, f->threads,
            f->outcome);
      }
      if (r->keyed)
        dcn_keyed_done (r->keyed, gst_delta_cnn_classifier_get_state (c),
            gst_delta_cnn_classifier_get_tensor (c));
      break;
  }
}

void
gst_delta_cnn_rivals_step (GstDeltaCnnRivals * rivals,
    GstDeltaCnnSource source, const GstDeltaCnnRivalSettings * settings,
    const GstDeltaCnnInput * input, guint top_k, gint threads,
    GstDeltaCnnDecision * decision, GstDeltaCnnOutcome * outcome,
    GstClockTime * time_changes)
{
  Frame f = { rivals, settings, input, top_k, threads, decision, outcome,
    time_changes
  };
  gboolean first = gst_delta_cnn_classifier_needs_full (rivals->classifier);

  memset (decision, 0, sizeof *decision);
  decision->n_blocks = rivals->cols * rivals->rows;
  switch (source) {
    case GST_DELTA_CNN_SOURCE_HISTOGRAM:
      decision->used = GST_DELTA_CNN_USED_HISTOGRAM;
      step_histogram (&f);
      break;
    case GST_DELTA_CNN_SOURCE_DIAMOND:
      decision->used = GST_DELTA_CNN_USED_DIAMOND;
      step_diamond (&f);
      break;
    default:
      decision->used = GST_DELTA_CNN_USED_MOTION;
      step_motion (&f);
      break;
  }
  if (first) {
    decision->used = GST_DELTA_CNN_USED_NONE;
    decision->blocks = NULL;
    decision->n_changed = decision->n_blocks;
  }
}
