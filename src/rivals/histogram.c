/* deltacnn: which parts of a frame look like those their results were made of, by colour histogram.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/histogram.h"
#include "frame/layout.h"
#include <string.h>

#define BINS  16 /* per component */
#define SHIFT 4  /* 256 samples to BINS */

typedef struct {
  uint32_t bins[3][BINS];
} Counts;

typedef struct {
  Counts counts; /* of the frame that the results were made of */
  int age;       /* frames; -1: there are none */
} Cell;

struct _DcnHistogram {
  DcnLayout layout;
  int cols, rows;           /* 8x8 blocks */
  int cell_cols, cell_rows; /* cells */
  int *left, *top;          /* [cell_cols + 1], [cell_rows + 1] first block of each, owned */
  Cell *cells;              /* [cell_rows * cell_cols], owned */
};

/* Cells as equal as can be; none is empty. */
static int *
cut(int blocks, int cells)
{
  int *at = g_new(int, cells + 1);
  for (int i = 0; i <= cells; i++)
    at[i] = (int)((int64_t)blocks * i / cells);
  return at;
}

DcnHistogram *
dcn_histogram_new(const DcnFrameInfo *info, int grid)
{
  DcnHistogram *h = g_new0(DcnHistogram, 1);
  if (dcn_layout_init(&h->layout, info)) {
    g_free(h);
    return NULL;
  }
  h->cols = (info->width + 7) / 8;
  h->rows = (info->height + 7) / 8;
  h->cell_cols = CLAMP(grid, 1, h->cols);
  h->cell_rows = CLAMP(grid, 1, h->rows);
  h->left = cut(h->cols, h->cell_cols);
  h->top = cut(h->rows, h->cell_rows);
  h->cells = g_new0(Cell, (size_t)h->cell_cols * h->cell_rows);
  dcn_histogram_reset(h);
  return h;
}

void
dcn_histogram_free(DcnHistogram *histogram)
{
  if (!histogram)
    return;
  g_free(histogram->left);
  g_free(histogram->top);
  g_free(histogram->cells);
  g_free(histogram);
}

void
dcn_histogram_reset(DcnHistogram *histogram)
{
  for (int i = 0; i < histogram->cell_cols * histogram->cell_rows; i++)
    histogram->cells[i].age = -1;
}

/* Samples of one component under blocks [x0, x1) x [y0, y1). */
static void
count(const DcnHistogram *h, const DcnFrame *frame, int component, int x0, int x1, int y0, int y1,
      uint32_t bins[BINS])
{
  const DcnComponent *c = &h->layout.component[component];
  const DcnPlane *plane = &h->layout.plane[c->plane];
  uint32_t odd[BINS] = {0}; /* apart, so that equal neighbours need not wait for each other */
  memset(bins, 0, sizeof(uint32_t) * BINS);
  int left = MIN(x0 * 8 >> plane->sub_x, plane->width);
  int right = MIN(x1 * 8 >> plane->sub_x, plane->width);
  int bottom = MIN(y1 * 8 >> plane->sub_y, plane->height);
  for (int y = y0 * 8 >> plane->sub_y; y < bottom; y++) {
    const uint8_t *row =
        frame->plane[c->plane] + (ptrdiff_t)y * frame->stride[c->plane] + c->offset;
    int x = left;
    for (; x + 1 < right; x += 2) {
      bins[row[(size_t)x * plane->step] >> SHIFT]++;
      odd[row[(size_t)(x + 1) * plane->step] >> SHIFT]++;
    }
    if (x < right)
      bins[row[(size_t)x * plane->step] >> SHIFT]++;
  }
  for (int i = 0; i < BINS; i++)
    bins[i] += odd[i];
}

static double
chi_square(const uint32_t *a, const uint32_t *b)
{
  double sum_a = 0, sum_b = 0, distance = 0;
  for (int i = 0; i < BINS; i++) {
    sum_a += a[i];
    sum_b += b[i];
  }
  for (int i = 0; i < BINS && sum_a > 0 && sum_b > 0; i++) {
    double p = a[i] / sum_a, q = b[i] / sum_b;
    if (p + q > 0)
      distance += (p - q) * (p - q) / (p + q);
  }
  return distance;
}

static gboolean
alike(const DcnHistogram *h, const Counts *a, const Counts *b, double most)
{
  double distance = 0;
  for (int c = 0; c < h->layout.n_components; c++)
    distance += chi_square(a->bins[c], b->bins[c]);
  return distance <= most * h->layout.n_components;
}

int
dcn_histogram_update(DcnHistogram *h, const DcnFrame *frame, double distance, int expiry,
                     uint8_t *changed)
{
  int n_changed = 0;
  for (int row = 0; row < h->cell_rows; row++)
    for (int col = 0; col < h->cell_cols; col++) {
      Cell *cell = &h->cells[row * h->cell_cols + col];
      int x0 = h->left[col], x1 = h->left[col + 1], y0 = h->top[row], y1 = h->top[row + 1];
      Counts now = {0};
      for (int c = 0; c < h->layout.n_components; c++)
        count(h, frame, c, x0, x1, y0, y1, now.bins[c]);
      gboolean hit =
          cell->age >= 0 && cell->age + 1 < expiry && alike(h, &now, &cell->counts, distance);
      cell->age = hit ? cell->age + 1 : 0;
      if (!hit) {
        cell->counts = now;
        n_changed += (x1 - x0) * (y1 - y0);
      }
      for (int y = y0; y < y1; y++)
        memset(changed + (size_t)y * h->cols + x0, !hit, (size_t)(x1 - x0));
    }
  return n_changed;
}
