/* deltacnn benchmark: one first layer on a large frame, over the share of it that changes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   study-layer [--width 3840] [--height 2160] [--kernel 11] [--stride 4] [--outputs 64] [--relu]
 *               [--threads 1] [--frames 5] [--shares 0.001,0.01,...] [--pattern blocks|pixels]
 *               [--no-dense] [--no-others] [--csv FILE] [--markdown]
 *   study-layer --break-even [--sizes WxH,WxH,...] [--pattern blocks|pixels] [--csv FILE] ...
 *
 * The layer that the original study could not make faster by sparsity (its Fig. 8): 64 kernels of 3x11x11 on a
 * 3840x2160 frame, here with AlexNet's stride 4 and padding 2.  Changes are whole 16x16 blocks on
 * their grid, or single pixels anywhere.  Every frame is run in all ways in turn; medians:
 *
 *   delta     this engine, by differences; all of dcn_state_run(): the test of the input, the layer, and the marks of
 *             its output
 *   dense     this engine, in full
 *   sparse    the study's layer (src/study): making the sparse matrix, multiplying it, and the rest
 *   blas      what it was compared with: im2col, OpenBLAS's sgemm, and the rest
 *
 * Beside delta stands what it cannot fall below: the outputs that a change reaches have to be
 * read and written, at the rate that reading and writing all of them has in this run; and the
 * multiplies have to be done, at the rate of the dense run.
 *
 * --relu: a layer as it stands in a network, which keeps its sums beside its values.  Without, the
 * layer's sums are its values.
 *
 * --break-even: for a number of frame sizes, the sparsity (share of the input that does not change) from which on
 * delta is faster than dense, and the study's sparse layer than blas.
 *
 * CSV, one row for each pattern and share; all times in ms:
 *   pattern (blocks, pixels), width, height, kernel, stride, outputs, threads, relu,
 *   sparsity (1 - changed), changed (share of input pixels), reached (share of outputs that those reach),
 *   multiplies (share of a dense run's that delta did), density (share of the sparse matrix that is not 0),
 *   delta_ms, dense_ms, to_sparse_ms, sparse_product_ms, sparse_ms, unfold_ms, dense_product_ms, blas_ms,
 *   memory_ms, compute_ms (the two bounds of delta)
 * CSV of --break-even, one row for each pattern and size:
 *   pattern, width, height, kernel, stride, outputs, threads, relu, dense_ms, blas_ms,
 *   delta_break_even, sparse_break_even (a sparsity from 0 to 1; empty: faster at none that was tried) */
#include "kernels/kernels.h"
#include "study-subject.h"
#include <stdio.h>

static StudyShape shape = {3840, 2160, 11, 4, 64, 1, FALSE};
static int frames = 5;
static gboolean no_others, no_dense, markdown, break_even;
static char *csv_path, *share_list, *size_list, *only;

static const GOptionEntry entries[] = {
    {"width", 0, 0, G_OPTION_ARG_INT, &shape.width, "of the frame", "N"},
    {"height", 0, 0, G_OPTION_ARG_INT, &shape.height, "of the frame", "N"},
    {"kernel", 0, 0, G_OPTION_ARG_INT, &shape.kernel, "rows and columns of a kernel", "N"},
    {"stride", 0, 0, G_OPTION_ARG_INT, &shape.stride, "of the layer", "N"},
    {"outputs", 0, 0, G_OPTION_ARG_INT, &shape.outputs, "kernels", "N"},
    {"relu", 0, 0, G_OPTION_ARG_NONE, &shape.relu, "with an activation", NULL},
    {"threads", 0, 0, G_OPTION_ARG_INT, &shape.threads, "threads", "N"},
    {"frames", 0, 0, G_OPTION_ARG_INT, &frames, "per share", "N"},
    {"shares", 0, 0, G_OPTION_ARG_STRING, &share_list, "shares that change", "S,S,..."},
    {"pattern", 0, 0, G_OPTION_ARG_STRING, &only, "blocks or pixels", "NAME"},
    {"no-others", 0, 0, G_OPTION_ARG_NONE, &no_others, "without the study's ways", NULL},
    {"no-dense", 0, 0, G_OPTION_ARG_NONE, &no_dense, "for profilers", NULL},
    {"break-even", 0, 0, G_OPTION_ARG_NONE, &break_even, "over frame sizes", NULL},
    {"sizes", 0, 0, G_OPTION_ARG_STRING, &size_list, "for --break-even", "WxH,WxH,..."},
    {"csv", 0, 0, G_OPTION_ARG_FILENAME, &csv_path, "writes the figures there, too", "FILE"},
    {"markdown", 0, 0, G_OPTION_ARG_NONE, &markdown, "tables in Markdown", NULL},
    {NULL},
};

static void
head(const char *name)
{
  if (markdown)
    printf(
        "\n%s\n\n| changed %% | outputs reached %% | multiplies %% | delta ms | dense ms | times "
        "dense | GFLOP/s | memory ms | compute ms | to sparse ms | sparse product ms | study's "
        "sparse ms | im2col ms | sgemm ms | blas ms |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        name);
  else
    printf("\n%s\n%9s %9s %9s %9s %9s %9s %9s %9s %9s %10s %9s %9s %9s %9s %9s\n", name, "changed%",
           "reached%", "mult.%", "delta ms", "dense ms", "x dense", "GFLOP/s", "memory ms",
           "comp. ms", "to sparse", "product", "sparse", "im2col", "sgemm", "blas");
}

static void
report(const StudySubject *s, gboolean blocks, double share, double rate, FILE *csv)
{
  StudyFigures f = study_measure((StudySubject *)s, blocks, share, frames, !no_dense);
  double values = (double)s->out_h * s->out_w * shape.outputs;
  double flops = 2 * values * 3 * shape.kernel * shape.kernel;
  double memory = f.reached * values * sizeof(float) * (shape.relu ? 4 : 2) / rate * 1e3;
  double compute = f.multiplies * f.dense;
  printf(markdown
             ? "| %.4g | %.4g | %.4g | %.3f | %.1f | %.2f | %.1f | %.2f | %.2f | %.1f | %.1f | "
               "%.1f | %.1f | %.1f | %.1f |\n"
             : "%9.4g %9.4g %9.4g %9.3f %9.1f %9.2f %9.1f %9.2f %9.2f %10.1f %9.1f %9.1f %9.1f "
               "%9.1f %9.1f\n",
         f.changed * 100, f.reached * 100, f.multiplies * 100, f.delta, f.dense, f.dense / f.delta,
         f.multiplies * flops / f.delta / 1e6, memory, compute, f.to_sparse, f.sparse_product,
         f.sparse, f.unfold, f.dense_product, f.blas);
  fflush(stdout);
  if (csv)
    fprintf(csv,
            "%s,%d,%d,%d,%d,%d,%d,%d,%.6f,%.6f,%.6f,%.6f,%.6f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,"
            "%.4f,%.4f,%.4f\n",
            blocks ? "blocks" : "pixels", shape.width, shape.height, shape.kernel, shape.stride,
            shape.outputs, shape.threads, shape.relu, 1 - f.changed, f.changed, f.reached,
            f.multiplies, f.density, f.delta, f.dense, f.to_sparse, f.sparse_product, f.sparse,
            f.unfold, f.dense_product, f.blas, memory, compute);
}

static gboolean
over_shares(void)
{
  StudySubject *s = study_subject_new(&shape, !no_others);
  if (!s)
    return FALSE;
  FILE *csv = csv_path ? fopen(csv_path, "w") : NULL;
  if (csv_path && !csv) {
    fprintf(stderr, "cannot write %s\n", csv_path);
    study_subject_free(s);
    return FALSE;
  }
  if (csv)
    fprintf(csv, "pattern,width,height,kernel,stride,outputs,threads,relu,sparsity,changed,reached,"
                 "multiplies,density,delta_ms,dense_ms,to_sparse_ms,sparse_product_ms,sparse_ms,"
                 "unfold_ms,dense_product_ms,blas_ms,memory_ms,compute_ms\n");
  double floats =
      (double)shape.width * shape.height * 3 + (double)s->out_h * s->out_w * shape.outputs;
  double caches = (double)dcn_state_cache_bytes(s->delta), rate = study_memory_rate(s);
  printf(
      "%s%d kernels of 3x%dx%d, stride %d, on %dx%d; kernels %s, %d thread(s)%s; caches %.0f MB, "
      "%.2f of the activations\n",
      markdown ? "## One first layer\n\n" : "", shape.outputs, shape.kernel, shape.kernel,
      shape.stride, shape.width, shape.height, dcn_kernels_get()->isa, shape.threads,
      shape.relu ? ", with ReLU" : "", caches / 1e6, caches / (sizeof(float) * floats));
  printf(
      "%s%d x %d outputs of %d floats; reading and writing all of them: %.1f GB/s (one thread)\n",
      markdown ? "\n" : "", s->out_w, s->out_h, shape.outputs, rate / 1e9);
  char **shares = g_strsplit(
      share_list ? share_list : "0,0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.3,0.5,0.7,0.9,0.95,1",
      ",", -1);
  for (int blocks = 1; blocks >= 0; blocks--) {
    if (!study_wanted(only, blocks))
      continue;
    head(blocks ? "Changes in 16x16 blocks" : "Scattered single pixels");
    for (int i = 0; shares[i]; i++)
      report(s, blocks, g_ascii_strtod(shares[i], NULL), rate, csv);
  }
  g_strfreev(shares);
  study_subject_free(s);
  return !csv || fclose(csv) == 0;
}

int
main(int argc, char **argv)
{
  GError *error = NULL;
  GOptionContext *context = g_option_context_new("- one first layer over the share of change");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 1 ||
      shape.width < shape.kernel || shape.height < shape.kernel || shape.stride < 1 ||
      shape.outputs < 1 || shape.kernel < 2 || frames < 1 || shape.threads < 1 ||
      (only && !g_str_equal(only, "blocks") && !g_str_equal(only, "pixels"))) {
    fprintf(stderr, "%s\n", error ? error->message : "see --help");
    return 2;
  }
  g_option_context_free(context);
  gboolean ok = break_even ? study_break_even(&shape,
                                              size_list ? size_list
                                                        : "227x227,320x240,640x480,1280x720,"
                                                          "1920x1080,2560x1440,3840x2160",
                                              only, frames, csv_path, markdown)
                           : over_shares();
  return !ok;
}
