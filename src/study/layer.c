/* deltacnn: the study's convolutions: geometry, kernel matrix, what is kept of the last frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/layer.h"
#include "util/error.h"
#include "util/memory.h"

gboolean
dcn_study_layer_fits(const DcnProgram *program, const DcnOp *op)
{
  int in = program->values[op->inputs[0]].c, out = program->values[op->output].c;
  return op->kind == DCN_OP_CONV &&
         !(op->u.conv.groups > 1 && op->u.conv.groups == in && in == out);
}

/* [out * kernel] where each output position reads along one axis. */
static int *
positions(int in, int out, int kernel, int stride, int dilation, int pad)
{
  size_t count;
  int *at = dcn_size_mul((size_t)out, (size_t)kernel, &count) ? g_try_new(int, count) : NULL;
  for (int o = 0; at && o < out; o++)
    for (int k = 0; k < kernel; k++) {
      int64_t i = (int64_t)o * stride + (int64_t)k * dilation - pad;
      at[(size_t)o * (size_t)kernel + (size_t)k] = i >= 0 && i < in ? (int)i : -1;
    }
  return at;
}

static gboolean
fail(GError **error, DcnError code, const DcnOp *op, const char *what)
{
  g_set_error(error, DCN_ERROR, code, "convolution '%s' %s", op->name ? op->name : "", what);
  return FALSE;
}

static gboolean
set_shape(DcnStudyLayer *layer, const DcnProgram *program, const DcnOp *op, GError **error)
{
  const DcnConv *conv = &op->u.conv;
  const DcnValue *in = &program->values[op->inputs[0]], *out = &program->values[op->output];
  if (!conv->weights || conv->kh < 1 || conv->kw < 1 || conv->kh > 4096 || conv->kw > 4096 ||
      conv->groups < 1 || in->c % conv->groups || out->c % conv->groups || in->n != out->n)
    return fail(error, DCN_ERROR_INVALID, op, "is not one");
  layer->in_h = in->h;
  layer->in_w = in->w;
  layer->out_h = out->h;
  layer->out_w = out->w;
  layer->in_pixels = in->n * in->h * in->w; /* fit: the network has the same */
  layer->out_pixels = out->n * out->h * out->w;
  layer->in_c = in->c;
  layer->out_c = out->c;
  layer->groups = conv->groups;
  layer->cg = in->c / conv->groups;
  layer->mg = out->c / conv->groups;
  layer->kh = conv->kh;
  layer->kw = conv->kw;
  layer->stride_w = conv->stride_w;
  layer->pad_left = conv->pad_left;
  layer->dil_w = conv->dil_w;
  layer->taps = conv->kh * conv->kw;
  size_t terms;
  if (!dcn_size_mul((size_t)layer->taps, (size_t)layer->cg, &terms) || terms > G_MAXINT)
    return fail(error, DCN_ERROR_MEMORY, op, "is too large");
  layer->terms = (int)terms;
  layer->point = layer->taps == 1 && in->h == out->h && in->w == out->w && conv->stride_h == 1 &&
                 conv->stride_w == 1 && conv->pad_top == 0 && conv->pad_left == 0;
  layer->connected = layer->out_pixels == 1;
  return TRUE;
}

DcnStudyLayer *
dcn_study_layer_new(const DcnProgram *program, const DcnOp *op, GError **error)
{
  const DcnConv *conv = &op->u.conv;
  DcnStudyLayer *layer = g_new0(DcnStudyLayer, 1);
  if (!set_shape(layer, program, op, error)) {
    dcn_study_layer_free(layer);
    return NULL;
  }
  layer->ldw = ((size_t)layer->mg + 15) / 16 * 16;
  layer->rows =
      positions(layer->in_h, layer->out_h, conv->kh, conv->stride_h, conv->dil_h, conv->pad_top);
  layer->columns =
      positions(layer->in_w, layer->out_w, conv->kw, conv->stride_w, conv->dil_w, conv->pad_left);
  layer->bias = dcn_aligned_new0((size_t)layer->out_c, sizeof(float));
  size_t floats;
  if (!layer->rows || !layer->columns || !layer->bias ||
      !dcn_size_mul((size_t)layer->terms, layer->ldw, &layer->group_floats) ||
      !dcn_size_mul(layer->group_floats, (size_t)layer->groups, &floats) ||
      !(layer->weights = dcn_aligned_new0(floats, sizeof(float)))) {
    fail(error, DCN_ERROR_MEMORY, op, "does not fit into memory");
    dcn_study_layer_free(layer);
    return NULL;
  }
  /* A transpose; in strips of 16 outputs, so that a cache line is written once. */
  for (int g = 0; g < layer->groups; g++)
    for (int j0 = 0; j0 < layer->mg; j0 += 16)
      for (int c = 0; c < layer->cg; c++)
        for (int t = 0; t < layer->taps; t++) {
          float *to = layer->weights + (size_t)g * layer->group_floats +
                      ((size_t)t * layer->cg + c) * layer->ldw;
          for (int j = j0; j < MIN(j0 + 16, layer->mg); j++)
            to[j] = conv->weights[(((size_t)g * layer->mg + j) * layer->cg + c) * layer->taps + t];
        }
  for (int m = 0; conv->bias && m < layer->out_c; m++)
    layer->bias[m] = conv->bias[m];
  return layer;
}

void
dcn_study_layer_free(DcnStudyLayer *layer)
{
  if (!layer)
    return;
  g_free(layer->rows);
  g_free(layer->columns);
  dcn_aligned_free(layer->weights);
  dcn_aligned_free(layer->bias);
  dcn_aligned_free(layer->last);
  dcn_aligned_free(layer->sums);
  g_free(layer);
}

gboolean
dcn_study_layer_cache(DcnStudyLayer *layer, GError **error)
{
  if (!layer->last)
    layer->last = dcn_aligned_new0((size_t)layer->in_pixels * layer->in_c, sizeof(float));
  if (!layer->sums)
    layer->sums = dcn_aligned_new0((size_t)layer->out_pixels * layer->out_c, sizeof(float));
  if (layer->last && layer->sums)
    return TRUE;
  g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY, "a layer's last frame does not fit into memory");
  return FALSE;
}

size_t
dcn_study_layer_bytes(const DcnStudyLayer *layer)
{
  size_t floats = layer->group_floats * (size_t)layer->groups;
  if (layer->last)
    floats += (size_t)layer->in_pixels * layer->in_c;
  if (layer->sums)
    floats += (size_t)layer->out_pixels * layer->out_c;
  return floats * sizeof(float);
}
