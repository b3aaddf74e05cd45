/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * settings: the properties that can be set while the element runs
 */

#include "settings.h"
#include "util/parallel.h"

#define DEFAULT_MODE GST_DELTA_CNN_MODE_DELTA
#define DEFAULT_ENGINE GST_DELTA_CNN_ENGINE_NATIVE
#define DEFAULT_TOLERANCE 0.0
#define DEFAULT_MARGIN -1.0
#define DEFAULT_SOURCE GST_DELTA_CNN_SOURCE_AUTO
#define DEFAULT_RENEW_INTERVAL 0
#define DEFAULT_MATCH_THRESHOLD -1.0
#define DEFAULT_TOP_K 5
#define DEFAULT_THREADS 0
#define DEFAULT_POST_MESSAGES FALSE

void
gst_delta_cnn_settings_init (GstDeltaCnnSettings * settings)
{
  settings->step.mode = DEFAULT_MODE;
  settings->step.engine = DEFAULT_ENGINE;
  settings->step.study_gop = GST_DELTA_CNN_STUDY_GOP;
  settings->step.source = DEFAULT_SOURCE;
  settings->step.rival.interval = DEFAULT_RENEW_INTERVAL;
  settings->step.rival.threshold = DEFAULT_MATCH_THRESHOLD;
  settings->step.top_k = DEFAULT_TOP_K;
  settings->step.threads = DEFAULT_THREADS;
  settings->tolerance = DEFAULT_TOLERANCE;
  settings->margin = DEFAULT_MARGIN;
  settings->post_messages = DEFAULT_POST_MESSAGES;
}

gboolean
gst_delta_cnn_settings_set (GstDeltaCnnSettings * settings,
    GstDeltaCnnSetting id, const GValue * value)
{
  switch (id) {
    case GST_DELTA_CNN_SETTING_MODE:
      settings->step.mode = g_value_get_enum (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_ENGINE:
      settings->step.engine = g_value_get_enum (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_STUDY_GOP:
      settings->step.study_gop = g_value_get_uint (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_TOLERANCE:
      settings->tolerance = g_value_get_double (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_MARGIN:
      settings->margin = g_value_get_double (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_SOURCE:
      settings->step.source = g_value_get_enum (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_RENEW_INTERVAL:
      settings->step.rival.interval = g_value_get_uint (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_MATCH_THRESHOLD:
      settings->step.rival.threshold = g_value_get_double (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_TOP_K:
      settings->step.top_k = g_value_get_uint (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_THREADS:
      settings->step.threads = g_value_get_uint (value);
      return TRUE;
    case GST_DELTA_CNN_SETTING_POST_MESSAGES:
      settings->post_messages = g_value_get_boolean (value);
      return TRUE;
    default:
      return FALSE;
  }
}

gboolean
gst_delta_cnn_settings_get (const GstDeltaCnnSettings * settings,
    GstDeltaCnnSetting id, GValue * value)
{
  switch (id) {
    case GST_DELTA_CNN_SETTING_MODE:
      g_value_set_enum (value, settings->step.mode);
      return TRUE;
    case GST_DELTA_CNN_SETTING_ENGINE:
      g_value_set_enum (value, settings->step.engine);
      return TRUE;
    case GST_DELTA_CNN_SETTING_STUDY_GOP:
      g_value_set_uint (value, settings->step.study_gop);
      return TRUE;
    case GST_DELTA_CNN_SETTING_TOLERANCE:
      g_value_set_double (value, settings->tolerance);
      return TRUE;
    case GST_DELTA_CNN_SETTING_MARGIN:
      g_value_set_double (value, settings->margin);
      return TRUE;
    case GST_DELTA_CNN_SETTING_SOURCE:
      g_value_set_enum (value, settings->step.source);
      return TRUE;
    case GST_DELTA_CNN_SETTING_RENEW_INTERVAL:
      g_value_set_uint (value, settings->step.rival.interval);
      return TRUE;
    case GST_DELTA_CNN_SETTING_MATCH_THRESHOLD:
      g_value_set_double (value, settings->step.rival.threshold);
      return TRUE;
    case GST_DELTA_CNN_SETTING_TOP_K:
      g_value_set_uint (value, settings->step.top_k);
      return TRUE;
    case GST_DELTA_CNN_SETTING_THREADS:
      g_value_set_uint (value, settings->step.threads);
      return TRUE;
    case GST_DELTA_CNN_SETTING_POST_MESSAGES:
      g_value_set_boolean (value, settings->post_messages);
      return TRUE;
    default:
      return FALSE;
  }
}

void
gst_delta_cnn_settings_install (GObjectClass * object_class, guint first)
{
  const GParamFlags live = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS
      | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_MODE, g_param_spec_enum ("mode", "Mode",
          "How much of the network is computed", GST_TYPE_DELTA_CNN_MODE,
          DEFAULT_MODE, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_ENGINE, g_param_spec_enum ("engine",
          "Engine",
          "What computes mode=dense; the sparse modes compute full frames with "
          "blas, mode=delta has its own kernels", GST_TYPE_DELTA_CNN_ENGINE,
          DEFAULT_ENGINE, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_STUDY_GOP, g_param_spec_uint ("study-gop",
          "Study GOP",
          "In the modes sparse and sparse-heuristic I pictures are computed in "
          "full; where no coding meta tells of them, one frame in so many is",
          1, G_MAXINT, GST_DELTA_CNN_STUDY_GOP, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_TOLERANCE, g_param_spec_double ("tolerance",
          "Tolerance",
          "Differences of a layer's values up to this, relative to their rms, "
          "are not propagated; 0 is numerically exact; -1 takes each value's own "
          "from the .modelinfo, where deltacnn-calibrate puts them", -1.0,
          G_MAXFLOAT, DEFAULT_TOLERANCE, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_MARGIN, g_param_spec_double ("margin",
          "Margin",
          "With a tolerance: where the best class leads the next one by no more "
          "than this share of what both have, the frame is run again without, so "
          "that its result is exact; 0: never, 1: always; -1: what the .modelinfo "
          "says with tolerance=-1, else 0", -1.0, 1.0, DEFAULT_MARGIN, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_SOURCE, g_param_spec_enum ("source",
          "Source", "Where the element learns what changed",
          GST_TYPE_DELTA_CNN_SOURCE, DEFAULT_SOURCE, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_RENEW_INTERVAL,
      g_param_spec_uint ("renew-interval", "Renew interval",
          "Approximate sources: frames after which results are made anew "
          "(histogram: of a cell; diamond: all; motion: from one key frame to "
          "the next); 0: 10, 10, 4", 0, G_MAXINT, DEFAULT_RENEW_INTERVAL,
          live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_MATCH_THRESHOLD,
      g_param_spec_double ("match-threshold", "Match threshold",
          "Approximate sources: what still counts as the same (histogram: "
          "chi-square distance; diamond: PSNR of a block in dB; motion: share of "
          "the image that may be coded anew or not be found before a frame "
          "becomes a key frame, 1: any); -1: 0.005, 20, 1", -1.0, G_MAXFLOAT,
          DEFAULT_MATCH_THRESHOLD, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_TOP_K, g_param_spec_uint ("top-k", "Top k",
          "How many classes to report", 1, G_MAXINT, DEFAULT_TOP_K, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_THREADS, g_param_spec_uint ("threads",
          "Threads", "Threads to compute with (0: all cores)", 0,
          DCN_PARALLEL_MAX, DEFAULT_THREADS, live));
  g_object_class_install_property (object_class,
      first + GST_DELTA_CNN_SETTING_POST_MESSAGES,
      g_param_spec_boolean ("post-messages", "Post messages",
          "Post an element message \"deltacnn\" for every frame",
          DEFAULT_POST_MESSAGES, live));
}
