/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties that can be set while the element runs.
 */
#pragma once

#include "step.h"

G_BEGIN_DECLS

typedef struct
{
  GstDeltaCnnStepSettings step;
  gdouble tolerance;            /* -1: calibrated ones */
  gdouble margin;               /* -1: as calibrated */
  gboolean post_messages;
} GstDeltaCnnSettings;

typedef enum
{
  GST_DELTA_CNN_SETTING_MODE,
  GST_DELTA_CNN_SETTING_ENGINE,
  GST_DELTA_CNN_SETTING_STUDY_GOP,
  GST_DELTA_CNN_SETTING_TOLERANCE,
  GST_DELTA_CNN_SETTING_MARGIN,
  GST_DELTA_CNN_SETTING_SOURCE,
  GST_DELTA_CNN_SETTING_RENEW_INTERVAL,
  GST_DELTA_CNN_SETTING_MATCH_THRESHOLD,
  GST_DELTA_CNN_SETTING_TOP_K,
  GST_DELTA_CNN_SETTING_THREADS,
  GST_DELTA_CNN_SETTING_POST_MESSAGES,
  GST_DELTA_CNN_N_SETTINGS
} GstDeltaCnnSetting;

/* The defaults. */
void gst_delta_cnn_settings_init (GstDeltaCnnSettings * settings);

/* Installs GST_DELTA_CNN_N_SETTINGS properties; their numbers are first and on. */
void gst_delta_cnn_settings_install (GObjectClass * object_class, guint first);

/* value: of the property's type.  FALSE where there is no such setting; nothing is
 * touched then. */
gboolean gst_delta_cnn_settings_set (GstDeltaCnnSettings * settings,
    GstDeltaCnnSetting id, const GValue * value);
gboolean gst_delta_cnn_settings_get (const GstDeltaCnnSettings * settings,
    GstDeltaCnnSetting id, GValue * value);

G_END_DECLS
