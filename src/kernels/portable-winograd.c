/* deltacnn: the transforms of Winograd convolutions in portable C.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/portable.h"
#include <string.h>

#define NR    8
#define LANES 4
/* Four floats at any address. */
typedef float Vector __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t Truth __attribute__((vector_size(16), aligned(4), may_alias));
typedef int Mask; /* how many lanes */

#define load(p)       (*(const Vector *)(p))
#define store(p, v)   (*(Vector *)(p) = (v))
#define zero()        ((Vector){0, 0, 0, 0})
#define splat(x)      ((Vector){x, x, x, x})
#define first(n)      (n)
#define MADD(c, x, b) ((c) + (x) * (b))

static inline Vector
load_first(const float *p, Mask n)
{
  float lanes[LANES] = {0};
  memcpy(lanes, p, (size_t)n * sizeof(float));
  return load(lanes);
}

static inline void
store_first(float *p, Mask n, Vector v)
{
  float lanes[LANES];
  store(lanes, v);
  memcpy(p, lanes, (size_t)n * sizeof(float));
}

static inline Vector
clamp(Vector x, Vector lo, Vector hi)
{
  Truth above = hi < x;
  x = (Vector)(((Truth)hi & above) | ((Truth)x & ~above));
  Truth below = lo > x;
  return (Vector)(((Truth)lo & below) | ((Truth)x & ~below));
}

#include "kernels/winograd-template.h"
#include "kernels/points-template.h"

void
dcn_f32_winograd_in__portable(int m, const float *const *d, float *v, size_t ldv, int channels)
{
  winograd_in(m, d, v, ldv, channels);
}

gboolean
dcn_f32_winograd_out__portable(int m, const float *sums, const float *bias, float lo, float hi,
                               float *const *out, size_t at, int columns)
{
  return winograd_out(m, sums, bias, lo, hi, out, at, columns);
}

void
dcn_f32_points_in__portable(const float *x, size_t step, int count, int n, float *v, size_t ldv)
{
  points_in(x, step, count, n, v, ldv);
}

void
dcn_f32_points_out__portable(const float *values, size_t ldv, float *const *out, size_t at,
                             int columns)
{
  points_out(values, ldv, out, at, columns);
}
