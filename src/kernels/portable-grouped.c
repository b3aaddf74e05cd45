/* deltacnn: convolutions of 3x3 in groups of few channels, in portable C.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/portable.h"

#define LANES 4
/* Four floats at any address. */
typedef float Vector __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t Truth __attribute__((vector_size(16), aligned(4), may_alias));

#define load(p)      (*(const Vector *)(p))
#define store(p, v)  (*(Vector *)(p) = (v))
#define zero()       ((Vector){0, 0, 0, 0})
#define splat(x)     ((Vector){x, x, x, x})
#define broadcast(p) splat(*(p))
#define fma(c, x, b) ((c) + (x) * (b))
#define GROUPED_ROWS 1

static inline Vector
clamp(Vector x, Vector lo, Vector hi)
{
  Truth above = hi < x;
  x = (Vector)(((Truth)hi & above) | ((Truth)x & ~above));
  Truth below = lo > x;
  return (Vector)(((Truth)lo & below) | ((Truth)x & ~below));
}

#include "kernels/grouped-rows-template.h"

void
dcn_f32_grouped_rows_4c__portable(const DcnGroupedRows *d, int channels)
{
  grouped_run(d, channels);
}
