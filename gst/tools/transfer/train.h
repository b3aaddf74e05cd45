/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Softmax regression: the weights of a last layer for given features.
 *
 * Minimised is, over samples i of class y with weights r that make all classes count
 * the same,
 *
 *   sum r[i] * -log p(y[i] | x[i]) / sum r[i]  +  l2 / 2 * sum W^2
 *
 * on features brought to mean 0 and deviation 1 (of the samples to learn from), bias
 * without a penalty.  It has one minimum, which L-BFGS (Nocedal and Wright, Numerical
 * Optimization, algorithm 7.4) finds; nothing is random.  l2 goes down in steps, each
 * starting from the last one's weights, until the loss of the validation samples falls
 * no more: the early stopping.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint n;
  float *x;                     /* [n][n_features] */
  guint *y;                     /* [n] < n_classes */
} TransferSamples;

typedef struct
{
  float *weights;               /* [n_classes][n_features] for features as they come, owned */
  float *bias;                  /* [n_classes], owned */
  gdouble l2;                   /* chosen */
  gdouble loss, validation_loss;        /* without the penalty */
  guint iterations;             /* of all steps */
} TransferLayer;

/* FALSE: stop. */
typedef gboolean (*TransferStep) (gdouble l2, guint iteration,
    gdouble loss, gpointer user_data);

/* x of both is standardised in place.  l2 < 0: the one with which the validation samples
 * fare best.  FALSE where step said so.  threads: 0 for all cores; the result is the same
 * on any number. */
gboolean transfer_train (TransferSamples * training,
    TransferSamples * validation, guint n_features, guint n_classes,
    gdouble l2, gint threads, TransferStep step, gpointer user_data,
    TransferLayer * layer);
void transfer_layer_clear (TransferLayer * layer);

/* Confidences [n_classes] of scores. */
void transfer_softmax (const float *scores, guint n_classes,
    gdouble * confidences);

G_END_DECLS
