/* deltacnn: activations of a key frame, moved along with the image.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/warp.h"
#include <math.h>
#include <string.h>

/* Sums of x, y and of how many are known, over the blocks above and left of each. */
static void
sum_up(const DcnField *field, double *sums)
{
  size_t line = (size_t)field->cols + 1;
  memset(sums, 0, sizeof *sums * 3 * line);
  for (int r = 0; r < field->rows; r++) {
    double row[3] = {0};
    double *to = sums + 3 * line * ((size_t)r + 1), *above = to - 3 * line;
    to[0] = to[1] = to[2] = 0;
    for (int c = 0; c < field->cols; c++) {
      size_t i = (size_t)r * field->cols + (size_t)c;
      if (field->known[i]) {
        row[0] += field->x[i];
        row[1] += field->y[i];
        row[2] += 1;
      }
      for (int k = 0; k < 3; k++)
        to[3 * (c + 1) + k] = above[3 * (c + 1) + k] + row[k];
    }
  }
}

/* Blocks of which the centre lies in [begin, begin + size); the nearest where there is none. */
static void
blocks_in(double begin, double size, double first, double step, int n, int *from, int *to)
{
  double at = (begin - first) / step - 0.5, past = (begin + size - first) / step - 0.5;
  *from = (int)CLAMP(ceil(at), 0, n);
  *to = (int)CLAMP(ceil(past), 0, n);
  if (*from >= *to) {
    *from = (int)CLAMP(floor((at + past) / 2 + 0.5), 0, n - 1);
    *to = *from + 1;
  }
}

void
dcn_field_pool(const DcnField *field, const DcnSight *sight, int w, int h, double *sums, float *x,
               float *y)
{
  size_t line = (size_t)field->cols + 1;
  sum_up(field, sums);
  for (int v = 0; v < h; v++) {
    int top, bottom;
    blocks_in(sight->begin_y + (double)v * sight->step_y, sight->size_y, field->top, field->height,
              field->rows, &top, &bottom);
    for (int u = 0; u < w; u++) {
      int left, right;
      double mean[3];
      blocks_in(sight->begin_x + (double)u * sight->step_x, sight->size_x, field->left,
                field->width, field->cols, &left, &right);
      for (int k = 0; k < 3; k++) {
        const double *s = sums + k;
        mean[k] = s[3 * ((size_t)bottom * line + (size_t)right)] -
                  s[3 * ((size_t)top * line + (size_t)right)] -
                  s[3 * ((size_t)bottom * line + (size_t)left)] +
                  s[3 * ((size_t)top * line + (size_t)left)];
      }
      gboolean any = mean[2] > 0.5;
      x[v * w + u] = any ? (float)(mean[0] / mean[2] / sight->step_x) : 0;
      y[v * w + u] = any ? (float)(mean[1] / mean[2] / sight->step_y) : 0;
    }
  }
}

void
dcn_warp(const float *from, const float *x, const float *y, const DcnPixels *to)
{
  int w = to->w, h = to->h;
  size_t c = (size_t)to->c;
  for (int v = 0; v < h; v++)
    for (int u = 0; u < w; u++) {
      size_t p = (size_t)v * w + (size_t)u;
      float at_x = CLAMP((float)u + x[p], 0.0f, (float)(w - 1));
      float at_y = CLAMP((float)v + y[p], 0.0f, (float)(h - 1));
      int x0 = (int)at_x, y0 = (int)at_y;
      float fx = at_x - (float)x0, fy = at_y - (float)y0;
      const float *a = from + ((size_t)y0 * w + (size_t)x0) * c;
      const float *b = fx > 0 ? a + c : a; /* beyond the last pixel there is none */
      const float *below = fy > 0 ? a + (size_t)w * c : a, *d = below + (b - a);
      float *out = to->pixels + p * (size_t)to->pitch;
      if (fx == 0 && fy == 0) {
        memcpy(out, a, sizeof(float) * c);
        continue;
      }
      for (size_t i = 0; i < c; i++) {
        float upper = a[i] + fx * (b[i] - a[i]), lower = below[i] + fx * (d[i] - below[i]);
        out[i] = upper + fy * (lower - upper);
      }
    }
}
