/* deltacnn: what a model's first nodes say about the picture that they want.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Many exports normalise in the graph: (x - mean) / std of numbers up to 1 or up to 255, x / 255, or a BatchNormalization
 * of the picture.  Means of pictures lie in the middle of their range, so the mean that is taken off says which range it
 * is; where none is, the factor does.  And the blue of photographs is darker than the red of them: the means that
 * networks trained on ImageNet subtract, 0.485, 0.456, 0.406 of red, green, blue, say which comes first. */
#include "model/loader.h"
#include <math.h>

/* A chain that ends sooner or later; longer ones are no normalisation. */
#define MAX_CHAIN 16
#define CHANNELS  4

/* The op that alone reads a value; -1: none or several. */
static int
only_reader(const DcnLoader *loader, int value)
{
  int found = -1;
  for (guint i = 0; i < loader->ops->len; i++) {
    const DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    for (int k = 0; k < op->n_inputs; k++)
      if (op->inputs[k] == value) {
        if (found >= 0)
          return -1;
        found = (int)i;
      }
  }
  return found;
}

/* Whether a movement leaves each number in its channel. */
static gboolean
keeps_channels(DcnLoader *loader, const DcnOp *op)
{
  const DcnValue *from = dcn_loader_get(loader, op->inputs[0]);
  const DcnValue *to = dcn_loader_get(loader, op->output);
  const size_t n = dcn_value_elements(to);
  if (from->c != to->c || from->rank != to->rank)
    return FALSE;
  for (size_t i = 0; i < n; i++)
    if (op->u.gather.index[i] >= 0 && op->u.gather.index[i] % to->c != (int)(i % (size_t)to->c))
      return FALSE;
  return TRUE;
}

void
dcn_guess_input(DcnLoader *loader, double *max, gboolean *bgr)
{
  double scale[CHANNELS], shift[CHANNELS], mean[CHANNELS], largest = 0, factor = 0;
  const int channels = loader->input >= 0 ? dcn_loader_get(loader, loader->input)->c : 0;
  gboolean known = FALSE;
  int value = loader->input;
  *max = 0;
  *bgr = FALSE;
  if (channels < 1 || channels > CHANNELS)
    return;
  for (int c = 0; c < channels; c++) {
    scale[c] = 1;
    shift[c] = 0;
  }
  for (int step = 0; step < MAX_CHAIN; step++) {
    const int reader = only_reader(loader, value);
    const DcnOp *op = reader < 0 ? NULL : &g_array_index(loader->ops, DcnOp, reader);
    if (!op || (op->kind != DCN_OP_AFFINE && op->kind != DCN_OP_GATHER) ||
        (op->kind == DCN_OP_GATHER && !keeps_channels(loader, op)))
      break;
    value = op->output;
    if (op->kind == DCN_OP_GATHER)
      continue;
    known = TRUE;
    for (int c = 0; c < channels; c++) {
      scale[c] *= op->u.affine.scale[c];
      shift[c] = shift[c] * op->u.affine.scale[c] + op->u.affine.shift[c];
    }
    if (op->act.kind != DCN_ACT_NONE)
      break;
  }
  for (int c = 0; known && c < channels; c++) {
    mean[c] = -shift[c] / scale[c];
    largest = fmax(largest, fabs(mean[c]));
    factor = fmax(factor, fabs(scale[c]));
    if (!isfinite(mean[c]))
      return;
  }
  if (!known)
    return;
  *max = largest > 2 || factor < 1.0 / 20 ? 255 : 1;
  *bgr = channels == 3 && mean[2] - mean[0] > 0.05 * *max && largest < *max;
}
