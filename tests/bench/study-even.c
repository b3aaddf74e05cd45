/* deltacnn benchmark: from which sparsity on it pays, over the size of the frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study-subject.h"
#include <stdio.h>

/* Ascending sparsities that are tried. */
static const double tried[] = {0,   0.1,  0.2,  0.3,  0.4,  0.5,   0.6,   0.7,  0.8,
                               0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999};
enum { N_TRIED = G_N_ELEMENTS(tried) };

/* The sparsity at which ratio, the time against the other way's, falls below 1 for good; between two that were tried
 * as if it fell in a straight line.  Negative where it is not below at the last one. */
static double
crossing(const double *sparsity, const double *ratio)
{
  if (ratio[N_TRIED - 1] >= 1)
    return -1;
  for (int i = N_TRIED - 1; i > 0; i--)
    if (ratio[i - 1] >= 1)
      return sparsity[i - 1] +
             (sparsity[i] - sparsity[i - 1]) * (ratio[i - 1] - 1) / (ratio[i - 1] - ratio[i]);
  return sparsity[0];
}

static void
print_even(FILE *file, double even, gboolean table)
{
  if (even >= 0)
    fprintf(file, table ? "%.1f %%" : "%.5f", table ? even * 100 : even);
  else if (table)
    fprintf(file, "none");
}

static gboolean
one_size(const StudyShape *shape, gboolean blocks, int frames, FILE *csv, gboolean markdown)
{
  StudySubject *s = study_subject_new(shape, TRUE);
  if (!s)
    return FALSE;
  double sparsity[N_TRIED], delta[N_TRIED], sparse[N_TRIED], dense_ms = 0, blas_ms = 0;
  /* A partial run in every frame, or the crossing would be where the engine chose to do it in full. */
  dcn_state_set_adaptive(s->delta, FALSE);
  for (int i = 0; i < N_TRIED; i++) {
    StudyFigures f = study_measure(s, blocks, 1 - tried[i], frames, TRUE);
    sparsity[i] = 1 - f.changed;
    delta[i] = f.delta / f.dense;
    sparse[i] = f.sparse / f.blas;
    dense_ms += f.dense / N_TRIED;
    blas_ms += f.blas / N_TRIED;
  }
  double even[2] = {crossing(sparsity, delta), crossing(sparsity, sparse)};
  const char *pattern = blocks ? "blocks" : "pixels";
  printf(markdown ? "| %s | %dx%d | %.2f | %.2f | " : "%-7s %5dx%-5d %10.2f %10.2f   ", pattern,
         shape->width, shape->height, dense_ms, blas_ms);
  print_even(stdout, even[0], TRUE);
  printf(markdown ? " | " : "   ");
  print_even(stdout, even[1], TRUE);
  printf(markdown ? " |\n" : "\n");
  fflush(stdout);
  if (csv) {
    fprintf(csv, "%s,%d,%d,%d,%d,%d,%d,%d,%.4f,%.4f,", pattern, shape->width, shape->height,
            shape->kernel, shape->stride, shape->outputs, shape->threads, shape->relu, dense_ms,
            blas_ms);
    print_even(csv, even[0], FALSE);
    fprintf(csv, ",");
    print_even(csv, even[1], FALSE);
    fprintf(csv, "\n");
  }
  study_subject_free(s);
  return TRUE;
}

gboolean
study_break_even(const StudyShape *shape, const char *sizes, const char *pattern, int frames,
                 const char *csv_path, gboolean markdown)
{
  FILE *csv = csv_path ? fopen(csv_path, "w") : NULL;
  if (csv_path && !csv) {
    fprintf(stderr, "cannot write %s\n", csv_path);
    return FALSE;
  }
  if (csv)
    fprintf(csv, "pattern,width,height,kernel,stride,outputs,threads,relu,dense_ms,blas_ms,"
                 "delta_break_even,sparse_break_even\n");
  printf(markdown
             ? "| changes | frame | dense ms | blas ms | delta is faster from | the study's "
               "sparse is faster from |\n|---|---|---|---|---|---|\n"
             : "sparsity from which on delta is faster than dense, and the study's sparse layer "
               "than blas\nchanges frame         dense ms    blas ms   delta   sparse\n");
  gboolean ok = TRUE;
  char **list = g_strsplit(sizes, ",", -1);
  for (int blocks = 1; blocks >= 0; blocks--)
    for (int i = 0; study_wanted(pattern, blocks) && list[i] && ok; i++) {
      StudyShape one = *shape;
      char end;
      if (sscanf(list[i], "%dx%d%c", &one.width, &one.height, &end) != 2 ||
          one.width < one.kernel || one.height < one.kernel || one.width > 16384 ||
          one.height > 16384) {
        fprintf(stderr, "%s is not a size\n", list[i]);
        ok = FALSE;
      } else {
        ok = one_size(&one, blocks, frames, csv, markdown);
      }
    }
  g_strfreev(list);
  return (!csv || fclose(csv) == 0) && ok;
}
