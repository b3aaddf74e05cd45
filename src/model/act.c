/* deltacnn: activations of one number.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/program.h"
#include <math.h>

static float
power(float x, float exponent)
{
  if (exponent == 2)
    return x * x;
  if (exponent == 3)
    return x * x * x;
  if (exponent == 0.5f)
    return sqrtf(x);
  if (exponent == -0.5f)
    return 1 / sqrtf(x);
  if (exponent == -1)
    return 1 / x;
  return powf(x, exponent);
}

/* log(1 + exp(x)); above 20 the 1 is lost in rounding, and from 89 on exp(x) would overflow. */
static float
softplus(float x)
{
  return x > 20 ? x : log1pf(expf(x));
}

/* NaN stays NaN. */
static float
limit(float x, float lo, float hi)
{
  return x < lo ? lo : x > hi ? hi : x;
}

float
dcn_act_value(const DcnAct *act, float x)
{
  const float a = act->alpha, b = act->beta;
  switch (act->kind) {
  case DCN_ACT_NONE:
  case DCN_ACT_PRELU: /* has a slope per channel */
    return x;
  case DCN_ACT_RELU:
    return x < 0 ? 0 : x;
  case DCN_ACT_LEAKY_RELU:
    return x < 0 ? a * x : x;
  case DCN_ACT_CLIP:
    return limit(x, a, b);
  case DCN_ACT_SIGMOID:
    return 1 / (1 + expf(-x));
  case DCN_ACT_TANH:
    return tanhf(x);
  case DCN_ACT_HARD_SIGMOID:
    return limit(a * x + b, 0, 1);
  case DCN_ACT_HARD_SWISH:
    return x * limit(x / 6 + 0.5f, 0, 1);
  case DCN_ACT_SWISH:
    return x / (1 + expf(-x));
  case DCN_ACT_QUANTIZE:
    return rintf(limit(x / a, act->lo, act->hi)) * b;
  case DCN_ACT_ELU:
    return x < 0 ? a * expm1f(x) : b * x;
  case DCN_ACT_SOFTPLUS:
    return softplus(x);
  case DCN_ACT_SOFTSIGN:
    return x / (1 + fabsf(x));
  case DCN_ACT_MISH:
    return x * tanhf(softplus(x));
  case DCN_ACT_GELU:
    return 0.5f * x * (1 + erff(x * (float)G_SQRT2 / 2));
  case DCN_ACT_GELU_TANH:
    return 0.5f * x * (1 + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
  case DCN_ACT_THRESHOLD:
    return x > a || isnan(x) ? x : 0;
  case DCN_ACT_ERF:
    return erff(x);
  case DCN_ACT_EXP:
    return expf(x);
  case DCN_ACT_LOG:
    return logf(x);
  case DCN_ACT_POWER:
    return power(x, a);
  case DCN_ACT_ABS:
    return fabsf(x);
  case DCN_ACT_FLOOR:
    return floorf(x);
  case DCN_ACT_CEIL:
    return ceilf(x);
  case DCN_ACT_ROUND:
    return limit(rintf(x), a, b);
  }
  return x;
}
