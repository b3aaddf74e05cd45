/* deltacnn: the .modelinfo key file beside a model.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The format that GStreamer 1.28 introduced (a [modelinfo] section with version, then a section per
 * tensor: dir, type, dims, ranges = min,max per channel separated by semicolons, which map 0..255),
 * and our section: [deltacnn] color=rgb | bgr | gray resize=crop | stretch crop-fraction=0.875
 *   labels=FILE                 (relative to the .modelinfo)
 *   activation=none | softmax | sigmoid   (what the confidences need; default: softmax unless the
 * model ends in one) tolerance=NAME,VALUE;...    (calibrated, per value) Every key is optional. */
#pragma once
#include "frame/tensor.h"

typedef struct {
  gboolean has_ranges;
  double range_min[4], range_max[4];
  int n_ranges;
  gboolean has_color;
  DcnColorOrder color;
  DcnResize resize;       /* default DCN_RESIZE_STRETCH */
  double crop_fraction;   /* default 1 */
  char *labels_file;      /* absolute or relative to the current folder, resolved; owned; NULL where
                             absent */
  int activation;         /* -1 not given, 0 none, 1 softmax, 2 sigmoid */
  GHashTable *tolerances; /* value name -> double*, owned */
} DcnModelInfo;

/* Reads MODEL.modelinfo (the model path with ".modelinfo" appended, or with ".onnx" replaced by
 * it).  A missing file gives the defaults; an empty or malformed one is DCN_ERROR_INVALID with the
 * line or key at fault. input_name: section with the ranges; n_channels: how many are expected (one
 * pair serves for all). */
DcnModelInfo *dcn_modelinfo_load(const char *model_path, const char *input_name, int n_channels,
                                 GError **error);
void dcn_modelinfo_free(DcnModelInfo *info);

/* Reads labels, one per line (UTF-8, CRLF accepted, trailing empty lines dropped). NULL-terminated;
 * free with g_strfreev().  Fewer than n_expected lines is DCN_ERROR_INVALID and says both counts.
 */
char **dcn_labels_load(const char *path, int n_expected, GError **error);
