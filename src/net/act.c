/* deltacnn: activations.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include <math.h>
#include <string.h>

gboolean
dcn_act_is_none(const DcnAct *act)
{
  return act->kind == DCN_ACT_NONE;
}

gboolean
dcn_act_limits(const DcnAct *act, float *lo, float *hi)
{
  *lo = act->kind == DCN_ACT_RELU ? 0 : act->kind == DCN_ACT_CLIP ? act->alpha : -INFINITY;
  *hi = act->kind == DCN_ACT_CLIP ? act->beta : INFINITY;
  return act->kind == DCN_ACT_NONE || act->kind == DCN_ACT_RELU || act->kind == DCN_ACT_CLIP;
}

gboolean
dcn_act_keeps_zero(const DcnAct *act)
{
  switch (act->kind) {
  case DCN_ACT_SIGMOID:
  case DCN_ACT_HARD_SIGMOID:
  case DCN_ACT_SOFTPLUS:
  case DCN_ACT_EXP:
  case DCN_ACT_LOG:
    return FALSE;
  case DCN_ACT_CLIP:
  case DCN_ACT_ROUND:
    return act->alpha <= 0 && act->beta >= 0;
  case DCN_ACT_QUANTIZE:
    return act->lo <= 0 && act->hi >= 0;
  case DCN_ACT_POWER:
    return act->alpha > 0;
  default:
    return TRUE;
  }
}

/* In [2^23, 2^24) floats are the whole numbers, so a sum that lies there is rounded to one, halves to even. */
static void
quantize(const DcnAct *act, const float *x, float *y, int n)
{
  const float middle = 12582912; /* 1.5 * 2^23 */
  const float divisor = act->alpha, step = act->beta, lo = act->lo, hi = act->hi;
  for (int i = 0; i < n; i++) {
    float level =
        x[i] / divisor; /* as the operator is defined: times 1 / divisor rounds elsewhere */
    level = level > lo ? level : lo;
    level = level < hi ? level : hi;
    y[i] = ((level + middle) - middle) * step;
  }
}

/* y = act(x) for the n channels of one pixel (or, but for PRELU, any run of values); x == y is
 * fine. */
void
dcn_act_run(const DcnKernels *kernels, const DcnAct *act, const float *x, float *y, int n)
{
  float a = act->alpha, b = act->beta;
  switch (act->kind) {
  case DCN_ACT_NONE:
    if (x != y)
      memcpy(y, x, sizeof(float) * (size_t)n);
    break;
  case DCN_ACT_RELU:
    kernels->bias_clamp(x, NULL, 0, INFINITY, y, n);
    break;
  case DCN_ACT_CLIP:
    kernels->bias_clamp(x, NULL, a, b, y, n);
    break;
  case DCN_ACT_LEAKY_RELU:
    kernels->squash(DCN_SQUASH_LEAKY, x, a, 0, y, n);
    break;
  case DCN_ACT_PRELU:
    for (int i = 0; i < n; i++)
      y[i] = x[i] < 0 ? act->slope[i] * x[i] : x[i];
    break;
  case DCN_ACT_SIGMOID:
    kernels->squash(DCN_SQUASH_SIGMOID, x, 0, 0, y, n);
    break;
  case DCN_ACT_SWISH:
    kernels->squash(DCN_SQUASH_SWISH, x, 0, 0, y, n);
    break;
  case DCN_ACT_TANH:
    kernels->squash(DCN_SQUASH_TANH, x, 0, 0, y, n);
    break;
  case DCN_ACT_SOFTPLUS:
    kernels->squash(DCN_SQUASH_SOFTPLUS, x, 0, 0, y, n);
    break;
  case DCN_ACT_MISH:
    kernels->squash(DCN_SQUASH_MISH, x, 0, 0, y, n);
    break;
  case DCN_ACT_ERF:
    kernels->squash(DCN_SQUASH_ERF, x, 0, 0, y, n);
    break;
  case DCN_ACT_GELU:
    kernels->squash(DCN_SQUASH_GELU, x, 0, 0, y, n);
    break;
  case DCN_ACT_GELU_TANH:
    kernels->squash(DCN_SQUASH_GELU_TANH, x, 0, 0, y, n);
    break;
  case DCN_ACT_ELU:
    kernels->squash(DCN_SQUASH_ELU, x, a, b, y, n);
    break;
  case DCN_ACT_HARD_SIGMOID:
    kernels->squash(DCN_SQUASH_HARD_SIGMOID, x, a, b, y, n);
    break;
  case DCN_ACT_HARD_SWISH:
    kernels->squash(DCN_SQUASH_HARD_SWISH, x, 1.0f / 6.0f, 0.5f, y, n);
    break;
  case DCN_ACT_QUANTIZE:
    quantize(act, x, y, n);
    break;
  default:
    for (int i = 0; i < n; i++)
      y[i] = dcn_act_value(act, x[i]);
    break;
  }
}
