/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the network's time goes: by layer, and by type of layer.
 */
#pragma once

#include "bench-measure.h"

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
} BenchLayer;

/* GArrays of BenchLayer, in the order of execution, and sorted by time.  Free with
 * g_array_unref(). */
GArray *bench_layers (const BenchResult * result);
GArray *bench_layer_types (const GArray * layers);

G_END_DECLS
