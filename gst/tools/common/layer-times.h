/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the network's time goes: by layer, and by type of layer.
 */
#pragma once

#include "op-sums.h"

G_BEGIN_DECLS

/* One layer or type of layer; times and counts are means per frame. */
typedef struct
{
  const gchar *name;            /* of a layer: the program's */
  gchar *type;                  /* "conv 3x3", "pool 2x2", "fully connected", ... */
  gchar *shape;                 /* of a layer: input and output, "64x55x55 -> 192x55x55" */
  gchar *kernel;                /* "igemm", "dgemm", "mixed (40 % dgemm)", or how it is run */
  gint layers;                  /* 1, or of this type */
  gdouble ms, share;            /* as asked for; share of all layers */
  gdouble gflops;               /* of the multiplies that were done; 0: it has none */
  gdouble dense_ms, dense_gflops;       /* < 0: not measured */
  gdouble changed;              /* share of the inputs' values that were propagated to it */
  gdouble weight;               /* the inputs' values, for means */
  /* Where the study's layers ran: of a frame that was done in this way; 0 where none was. */
  gboolean study;
  gint unfolded, sparse;        /* frames done with im2col and sgemm, and with sparse matrices */
  gdouble unfold_ms, dense_product_ms;
  gdouble to_sparse_ms, sparse_product_ms;
  gdouble rest_ms;              /* of a frame in the mean: bias, activation, copies */
  gdouble density;              /* share of the sparse matrix's elements that are not 0 */
} LayerTimes;

/* A GArray of LayerTimes in the order of execution, of a network's ops; sums [n_ops]
 * over so many frames; dense_sums: those of the same frames in dense mode, or NULL.
 * runs: how often each of the frames is in the sums.  Free with g_array_unref(). */
GArray *layer_times (DcnNet * net, const OpSums * sums,
    const OpSums * dense_sums, guint n_frames, guint runs);

/* The same by type of layer, sorted by time. */
GArray *layer_times_by_type (const GArray * layers);

/* The name of each part of the study's times, and what it took; for tables and JSON. */
#define LAYER_STUDY_PARTS 5
extern const gchar *const layer_study_parts[LAYER_STUDY_PARTS];
gdouble layer_study_part (const LayerTimes * layer, gint part);

G_END_DECLS
