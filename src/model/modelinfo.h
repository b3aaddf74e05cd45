/* deltacnn: the .modelinfo key file beside a model.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The format that GStreamer 1.28 introduced (a [modelinfo] section with version, then a section per
 * tensor: dir, type, dims, ranges = min,max per channel separated by semicolons, which map 0..255),
 * and our section:
 *
 *   [deltacnn]
 *   color=rgb | bgr | gray
 *   resize=crop | stretch
 *   crop-fraction=0.875
 *   labels=FILE                 relative to the .modelinfo
 *   activation=none | softmax | sigmoid
 *                               what the confidences need; default: softmax unless the model ends
 *                               in one
 *   weights=float32 | float16   float16: those of fully connected layers may be rounded to half precision, for half of
 *                               the memory and time that they take; default: float32
 *   tolerance=NAME,VALUE;...    calibrated, per value of the network; the name * stands for all
 *                               that are not named (without it those have 0); a semicolon in a
 *                               name is written \;
 *
 *   margin=0.2                  calibrated with them, 0 to 1: a class that leads the next one by no more than this share
 *                               of what both have is made sure of without tolerances; default: 0, never
 *
 * Every key is optional. */
#pragma once
#include "frame/tensor.h"

typedef struct {
  gboolean has_ranges;
  double range_min[4], range_max[4];
  int n_ranges;
  int height, width; /* of dims=; 0 where it is absent or has free sizes itself */
  gboolean has_color;
  DcnColorOrder color;
  DcnResize resize;       /* default DCN_RESIZE_STRETCH */
  double crop_fraction;   /* default 1 */
  char *labels_file;      /* absolute or relative to the current folder, resolved; owned; NULL where
                             absent */
  int activation;         /* -1 not given, 0 none, 1 softmax, 2 sigmoid */
  gboolean half_weights;  /* default FALSE */
  GHashTable *tolerances; /* value name -> double*, owned; empty where the key is absent */
  double margin;          /* 0 to 1; 0 where the key is absent */
} DcnModelInfo;

#define DCN_MODELINFO_SECTION "deltacnn"
/* In tolerances: the name of all that are not named. */
#define DCN_MODELINFO_OTHERS "*"
/* A key file is text that a person wrote; anything larger is some other file under that name. */
#define DCN_MODELINFO_MAX_BYTES (1 << 20)

/* Reads MODEL.modelinfo (the model path with ".modelinfo" appended, or with ".onnx" replaced by
 * it).  A missing file gives the defaults; an empty or malformed one is DCN_ERROR_INVALID with the
 * line or key at fault. input_name: section with the ranges; n_channels: how many are expected (one
 * pair serves for all), 0 where that is not known yet. */
DcnModelInfo *dcn_modelinfo_load(const char *model_path, const char *input_name, int n_channels,
                                 GError **error);
void dcn_modelinfo_free(DcnModelInfo *info);

/* The same from memory; `file` is the name in error messages. */
DcnModelInfo *dcn_modelinfo_parse(const char *file, const char *text, size_t size,
                                  const char *input_name, int n_channels, GError **error);

/* The file that dcn_modelinfo_load() would read; NULL where there is none.  Free with g_free(). */
char *dcn_modelinfo_find(const char *model_path);

/* One entry of tolerance=. */
typedef struct {
  const char *name; /* not owned */
  double tolerance; /* >= 0, three digits of it are written */
} DcnTolerance;

/* FALSE for names that a key file cannot hold: not UTF-8, empty, with white space at an end or
 * control characters, or the one for all others. */
gboolean dcn_modelinfo_can_name(const char *name);

/* Writes `to`: what stands in `from` (may be the same file, or NULL for nothing) with tolerance= set
 * to the n entries, and margin= where it is above 0 (three digits of it are written; else there is none), byte for
 * byte as it was otherwise.  Above the keys stands `note` as comments, one per line of it, in place of those of the
 * last time.  The file is complete at every moment:
 * it is written under another name and moved.  FALSE with DCN_ERROR_IO, or DCN_ERROR_INVALID where
 * `from` is not a key file; `to` is then as it was. */
gboolean dcn_modelinfo_write_tolerances(const char *from, const char *to,
                                        const DcnTolerance *tolerances, int n, double margin,
                                        const char *note, GError **error);

/* The text of a .modelinfo for a network whose last layer was replaced, from that of its base: byte
 * for byte as it was but for
 *   [deltacnn] labels=LABELS, activation=softmax where it was sigmoid, and no tolerance=
 *   dims= in the section of the output, where there is one: its n_dims sizes
 * text may be NULL: the base has none.  NULL with DCN_ERROR_INVALID where it is no key file, or
 * labels cannot stand in one.  Free with g_free(). */
char *dcn_modelinfo_derive(const char *file, const char *text, const char *labels,
                           const char *output_name, const int *dims, int n_dims, GError **error);

/* Reads labels, one per line (UTF-8, CRLF accepted, trailing empty lines dropped). NULL-terminated;
 * free with g_strfreev().  Fewer or more than n_expected lines is DCN_ERROR_INVALID and says
 * both counts. */
char **dcn_labels_load(const char *path, int n_expected, GError **error);
