/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs a clip through a model once.
 */
#pragma once

#include "contact-sheet.h"

G_BEGIN_DECLS

/* What deltacnn said of one frame.  label lives as long as the RunResult. */
typedef struct
{
  guint number;                 /* from 0, display order */
  GstClockTime time;            /* from the first frame on */
  gint picture_type;            /* GstDeltaPictureType */
  gint reuse;                   /* GstDeltaCnnReuse */
  gboolean redone;              /* a second time, without tolerances */
  gdouble changed, multiplies;  /* shares, 0 to 1 */
  guint index;
  const gchar *label;           /* interned */
  gdouble confidence;
  GstClockTime time_tensor, time_network;
} RunFrame;

typedef void (*RunFrameFunc) (const RunFrame * frame, gpointer user_data);

/* Nothing here is owned. */
typedef struct
{
  const gchar *clip, *model;
  const gchar *labels;          /* or NULL */
  const gchar *source;          /* or NULL */
  gdouble tolerance, margin;    /* -1: as calibrated */
  gint threads;
  gint max_frames;              /* 0: all */
  gboolean dense;
  gboolean show_blocks;
  const gchar *video;           /* annotated video to write, or NULL */
  ContactSheet *sheet;          /* to fill, or NULL */
  RunFrameFunc frame_func;      /* called in a streaming thread, or NULL */
  gpointer user_data;
} RunSettings;

typedef struct
{
  GArray *frames;               /* of RunFrame */
  gdouble seconds;              /* from the first frame's data to the end */
  gdouble extract_seconds;      /* of it, in deltaextract */
  gboolean coded;               /* deltaextract was in the pipeline */
  gboolean interrupted;         /* by a signal */
} RunResult;

/* After clip_pipeline_setup().  NULL and a sentence a user can act on in error when the clip or the model
 * cannot be used. */
RunResult *run_pipeline (const RunSettings * settings, GError ** error);
void run_result_free (RunResult * result);

G_END_DECLS
