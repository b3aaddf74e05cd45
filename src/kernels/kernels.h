/* deltacnn: the inner loops, behind a table filled from the CPU's features.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activations are NHWC; a pixel is `cp` floats of which the first c count and the rest are zero.
 * cp is dcn_channel_pitch(c).  Masks hold one bit per channel of a pixel, in words of 64,
 * dcn_mask_words(c) of them.  No kernel reads or writes outside of what its comment says; no
 * alignment is needed but where said; inputs and outputs do not overlap but where said.
 *
 * Numbers.  Every table gives the bits of the portable one in max_pool, sum_pool, bias_clamp, add,
 * mul and diff, with denormals and infinities; a NaN is a NaN there, but which one is not said.
 * igemm, rgemm, dgemm, wgemm, pgemm, gemv, gemv_half, gemv_bytes, depthwise, depthwise_rows and depthwise_wide sum in
 * ascending order of taps, then channels (rows for gemv, gemv_half, gemv_bytes), with or without FMA: tables differ by rounding, each within (terms + 2) * 2^-24 * (sum of the
 * magnitudes) of the exact sum.  igemm, gemv, gemv_half, gemv_bytes and depthwise give an output the same bits whatever
 * its place in a tile, whatever pixels and columns are, and whatever other pixels hold; rgemm gives
 * it the same bits whatever the run, with one tap or more than 8 columns those of igemm, else it may sum even and odd
 * channels apart; depthwise_rows gives the bits of depthwise with rows and pixels of zeros around the image,
 * depthwise_wide as depthwise without the taps outside of it.  The transforms, winograd_in, winograd_out, points_in and
 * points_out, differ between tables by rounding, and give a value the same bits whatever lies beside it. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#define DCN_MR_MAX 16 /* largest igemm tile, pixels */
#define DCN_DR_MAX 8  /* largest dgemm tile, pixels */

static inline int
dcn_channel_pitch(int c)
{
  return c <= 4 ? 4 : c <= 8 ? 8 : (c + 15) / 16 * 16;
}

static inline int
dcn_mask_words(int c)
{
  return (c + 63) / 64;
}

/* What diff works on; ld*: floats from one pixel to the next. */
typedef struct {
  const float *x;
  size_t ldx;
  float lo, hi; /* limits as for bias_clamp */
  float *ref;
  size_t ldr;
  float *delta; /* NULL: not wanted */
  size_t ldd;
  uint64_t *mask;   /* [pixels][dcn_mask_words(channels)], all written */
  uint8_t *changed; /* [pixels]: set to 1 where any channel changed, else left alone */
  float tolerance;
  const int32_t *list; /* NULL, or which pixels: of ref, delta, mask and changed number list[i] */
  gboolean x_listed;   /* of x as well, else number i */
} DcnDiff;

/* The activations that are not limits alone; what `squash` computes. */
typedef enum {
  DCN_SQUASH_SIGMOID,      /* 1 / (1 + exp(-x)) */
  DCN_SQUASH_SWISH,        /* x / (1 + exp(-x)) */
  DCN_SQUASH_SOFTPLUS,     /* log(1 + exp(x)) */
  DCN_SQUASH_MISH,         /* x * tanh(log(1 + exp(x))) */
  DCN_SQUASH_TANH,
  DCN_SQUASH_ERF,
  DCN_SQUASH_GELU,         /* x / 2 * (1 + erf(x / sqrt(2))) */
  DCN_SQUASH_GELU_TANH,    /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) */
  DCN_SQUASH_ELU,          /* a * (exp(x) - 1) below 0, b * x above */
  DCN_SQUASH_LEAKY,        /* a * x below 0, x above */
  DCN_SQUASH_HARD_SIGMOID, /* max(0, min(1, a * x + b)) */
  DCN_SQUASH_HARD_SWISH    /* x * max(0, min(1, a * x + b)) */
} DcnSquash;

/* One input pixel in the windows of up to 64 output pixels. */
typedef struct {
  int32_t at;      /* where its channels begin, floats from a window's pointer */
  int32_t weight;  /* where their rows of weights begin, floats; a multiple of nr */
  uint64_t pixels; /* bit i: output pixel i is concerned */
} DcnTap;

/* A rectangle of taps: its inputs and its weights. */
typedef struct {
  int rows, n;   /* both > 0; n: floats of a row */
  size_t ldd;    /* floats from one row of inputs to the next */
  size_t step;   /* floats from one output's inputs to the next one's */
  const float *w; /* [rows][n][nr], rows `ldw` floats apart; aligned to DCN_ALIGN, ldw a multiple of nr */
  size_t ldw;
  gboolean anew; /* sums begin at 0, whatever the outputs hold */
} DcnPatch;

/* Rows of a depthwise convolution with a window of 3x3, and what lies under them. */
typedef struct {
  const float *const *lines; /* [rows][3] the input rows under each output row, in_w pixels each */
  size_t step;               /* floats from one input pixel to the next */
  int in_w, out_w;
  int stride; /* 1 or 2 input pixels from one output pixel to the next */
  int left;   /* 0 or 1: so many columns lies the first window left of the image.  The last one ends at most one column
               * right of it: (out_w - 1) * stride - left + 2 <= in_w */
  const float *w; /* [9] rows of `ldw` floats, as for depthwise */
  size_t ldw;
  const float *bias; /* NULL for zero */
  float lo, hi;      /* limits as for bias_clamp */
  float *out;        /* pixels `ldo` floats apart, rows one after another */
  size_t ldo;
  gboolean far; /* inputs and outputs are not in the nearer caches: each row asks for what the next one needs */
} DcnDepthwiseRows;

/* A run of output pixels of a row of a depthwise convolution with a larger window. */
typedef struct {
  const float *const *lines; /* [kh] the input rows under it, in_w pixels each; NULL: outside of the image */
  size_t step;               /* floats from one input pixel to the next */
  int in_w;
  int kh, kw;      /* kw: 5, 7 or 9 */
  int stride;      /* 1 or 2 input pixels from one output pixel to the next */
  int left;        /* so many columns lies the first window left of lines[]; negative: right of their begin */
  const float *w;  /* [kh * kw] rows of `ldw` floats, as for depthwise */
  size_t ldw;
  const float *bias; /* NULL for zero */
  float lo, hi;      /* limits as for bias_clamp */
  float *out;        /* pixels `ldo` floats apart */
  size_t ldo;
  int pixels;
  /* What the next row needs that is not in the nearer caches, asked for on the way; NULL: nothing: inputs under its
   * outputs, and where these go. */
  const float *next[2], *next_out;
} DcnDepthwiseWide;

/* Rows of a 3x3 convolution in groups of few channels, each of as many outputs as inputs. */
typedef struct {
  int group; /* channels of a group: 4, 8 or 16 */
  const float *const *lines; /* [(rows - 1) * stride + 3] input rows, in_w pixels each; output row r reads from r * stride
                              * on; NULL: outside of the image */
  size_t step;               /* floats from one input pixel to the next */
  int in_w;
  int stride; /* 1 or 2 input pixels from one output pixel to the next */
  int left;   /* 0 or 1: so many columns lies the first window left of the image.  The last one ends at most one column
               * right of it: (pixels - 1) * stride - left + 2 <= in_w */
  const float *w; /* [channels / 16][3][group][3][16]: by rows of the window, input channels, columns; aligned to
                   * DCN_ALIGN */
  const float *bias; /* NULL for zero */
  float lo, hi;      /* limits as for bias_clamp */
  float *out;        /* pixels `ldo` floats apart, rows `row` */
  size_t ldo, row;
  int rows, pixels; /* output rows, and pixels of each */
} DcnGroupedRows;

typedef struct {
  const char *isa; /* "portable", "avx2", "avx512", "neon" */
  int mr, nr;      /* igemm tile: mr pixels x nr output channels; weights are packed for nr */
  int dr, dn;      /* dgemm tile: dr pixels x dn * nr output channels; dn is 1 or 2 */

  /* Indirect GEMM, one tile.
   * out[i][j] = clamp(init[j] + sum over t < taps, k < channels of a[t*mr + i][k] * w[t][k][j])
   *
   * a        [taps * mr] pixel pointers, each to `channels` readable floats
   *          (all mr valid; repeat one for a tail)
   * w        [taps][channels][nr], aligned to DCN_ALIGN
   * ahead    weights that will be wanted next, or NULL: the kernel asks for about a quarter as many
   *          floats from there on as it reads from w, while it works
   * init     [nr], or NULL for zero
   * lo, hi   limits as for bias_clamp
   * out      pixel i's channels at out + i*ldo; written for i < pixels, j < columns only
   *          (pixels <= mr, columns <= nr) */
  void (*igemm)(const float *const *a, int taps, int channels, const float *w, const float *ahead,
                const float *init, float lo, float hi, float *out, size_t ldo, int pixels,
                int columns);

  /* The same for a run of output pixels whose inputs lie evenly, of any length.
   * out[p*ldo + j] = clamp(init[j] + sum over t < taps, k < channels of a[t][p*step + k] * w[t][k][j]),
   * p < pixels, j < columns <= nr
   *
   * a        [taps] pointers to the first output pixel's inputs; from one output pixel to the next all move by
   *          `step` floats, by which they may overlap
   * ahead    weights that will be read or outputs that will be written next, or NULL: the kernel asks for about as many
   *          floats from there on as it reads from w or, if these are more, writes to out, while it works */
  void (*rgemm)(const float *const *a, int taps, size_t step, int channels, const float *w,
                const float *ahead, const float *init, float lo, float hi, float *out, size_t ldo,
                int pixels, int columns);

  /* Delta GEMM, one tile: adds the products of changed channels only.
   * out[i][j] += sum over t < taps, set bits k of mask[t] of d[t*dr + i][k] * w[t][k][j]
   *
   * d        [taps * dr] pixel pointers to deltas; in channels that a pixel did not change its
   *          delta is 0 (all dr valid; repeat one for a tail)
   * mask     [taps][words], union over the tile's pixels; bits >= channels are 0
   * w        as for igemm; columns nr.. are at w + next in the same form
   * out      [dr] pointers to `columns` floats; read and written for i < pixels, j < columns only
   *          (pixels <= dr, columns <= dn * nr) */
  void (*dgemm)(const float *const *d, const uint64_t *mask, int taps, int words, int channels,
                const float *w, size_t next, float *const *out, int pixels, int columns);

  /* Delta GEMM by taps, for layers of few input channels.
   * out[i][j] += sum over t < count, k < channels of d[i][taps[t].at + k] * w[taps[t].weight + k*nr + j],
   * for the bits i of taps[t].pixels
   *
   * d        [64] pointers to windows; looked at where a tap says so only
   * channels 1..4
   * w        as for igemm; columns nr.. are at w + next in the same form
   * out      [64] pointers to `columns` floats, likewise (columns <= dn * nr) */
  void (*wgemm)(const float *const *d, const DcnTap *taps, int count, int channels, const float *w,
                size_t next, float *const *out, int columns);

  /* Delta GEMM of patches: for outputs that see the same rectangle of changed inputs, wherever these are.
   * out[i][at + j] += sum over r < rows, k < n of d[i*step + r*ldd + k] * w[r*ldw + k*nr + j], i < pixels,
   * j < columns <= nr
   *
   * out      [pixels] pointers, of any number; what lies at one that is given twice is not said
   * ask      [asks] lines of memory that will be wanted next; the kernel asks for some of them while it works */
  void (*pgemm)(const float *d, const DcnPatch *patch, float *const *out, size_t at,
                int pixels, int columns, const float *const *ask, int asks);

  /* The transforms of a Winograd convolution F(m x m, 3x3), m = 2 or 4, at the points of winograd.h.
   * With the matrices of these points, s = m + 2, tiles d and v of s x s, y of m x m pixels:
   *
   * winograd_in: v = B^T d B, one tile, k < channels
   * d        [s * s] pixel pointers, row by row, to `channels` readable floats each
   * v        element i of the tile is at v + i*ldv
   *
   * winograd_out: y = clamp(A^T sums A + bias), j < columns
   * sums     [s * s], element i at sums + i*nr; columns <= nr
   * bias     [columns], or NULL for zero
   * lo, hi   limits as for bias_clamp
   * out      [m * m] pixel pointers, or NULL where the pixel is not wanted; written at out[i] + at
   * Returns FALSE where a sum, before clamping, is infinite or NaN: pixels that do not see what made
   * it so may then be wrong as well. */
  void (*winograd_in)(int m, const float *const *d, float *v, size_t ldv, int channels);
  gboolean (*winograd_out)(int m, const float *sums, const float *bias, float lo, float hi,
                           float *const *out, size_t at, int columns);

  /* The transforms of products of polynomials in one dimension, of at most DCN_POINT_COUNT coefficients, at the points
   * of points.h.
   *
   * points_in: v[p*ldv + k] = sum over i < count of x[i*step + k] * t[p]^i, k < n, at each point t[p]; 0 < count
   *
   * points_out: out[i][at + j] += the product's coefficient i, j < columns, whose value at point t[p], over the product
   * of t[p] - t[q] for all q but p, is values[p*ldv + j]
   * out      [DCN_POINT_COUNT], or NULL for a coefficient that is not wanted */
  void (*points_in)(const float *x, size_t step, int count, int n, float *v, size_t ldv);
  void (*points_out)(const float *values, size_t ldv, float *const *out, size_t at, int columns);

  /* Matrix times sparse vector, for fully connected layers.
   * y[j] += sum over i < count of x[i] * w[index[i]*ldw + j], j < columns
   *
   * ldw      a multiple of 16; w is aligned to DCN_ALIGN */
  void (*gemv)(const uint32_t *index, const float *x, int count, const float *w, size_t ldw,
               float *y, int columns);

  /* The same with weights of half precision (binary16), each made a float before it is multiplied.
   *
   * w        finite; columns up to the next multiple of 8 are readable in each row */
  void (*gemv_half)(const uint32_t *index, const float *x, int count, const uint16_t *w, size_t ldw,
                    float *y, int columns);

  /* The same with weights of a byte, as quantised models have them.
   * y[j] += scale[j] * sum over some i, in turn, of x[i] * (w[index[i]*ldw + j] - zero[j]), until all i were summed
   *
   * zero, scale  [columns]; zero is a whole number of at most 2^16 either side of 0
   * w            columns up to the next multiple of 8 are readable in each row */
  void (*gemv_bytes)(const uint32_t *index, const float *x, int count, const uint8_t *w, size_t ldw,
                     const float *zero, const float *scale, float *y, int columns);

  /* Depthwise convolution of a run of output pixels, with its activation.
   * out[p*ldo + k] = clamp(bias[k] + sum over t < taps of a[t][p*step + k] * w[t*ldw + k]),
   * p < pixels, k < channels; clamp as in bias_clamp
   *
   * a        [taps] pointers to the first output pixel's inputs; from one output pixel to the next
   *          all move by `step` floats
   * bias     [channels], or NULL for zero */
  void (*depthwise)(const float *const *a, int taps, size_t step, const float *w, size_t ldw,
                    const float *bias, float lo, float hi, float *out, size_t ldo, int pixels,
                    int channels);

  /* The same for whole rows: what lies left and right of the image is 0. */
  void (*depthwise_rows)(const DcnDepthwiseRows *d, int rows, int channels);

  /* The same for windows of 5, 7 or 9 columns, a row at a time; what lies outside of the image is left out of the
   * sums. */
  void (*depthwise_wide)(const DcnDepthwiseWide *d, int channels);

  /* The same in groups; channels is a multiple of 16.  Sums run over window rows, then channels, then columns. */
  void (*grouped_rows)(const DcnGroupedRows *d, int channels);

  /* Pools of one output pixel over taps >= 1 pixel pointers, k < channels.
   * out[k] = max_t a[t][k]            NaN wins; of zeros of either sign the first stays
   * out[k] = scale * sum_t a[t][k] */
  void (*max_pool)(const float *const *a, int taps, float *out, int channels);
  void (*sum_pool)(const float *const *a, int taps, float scale, float *out, int channels);

  /* y[k] = max(lo, min(hi, x[k] + bias[k])), k < n (ReLU: lo 0, hi +inf; none: -inf, +inf).
   * NaN stays NaN; a lo of 0 leaves -0.  bias NULL for none.  x == y is fine. */
  void (*bias_clamp)(const float *x, const float *bias, float lo, float hi, float *y, int n);

  /* y[k] = a[k] + b[k] and y[k] = a[k] * b[k], k < n; y may be a or b. */
  void (*add)(const float *a, const float *b, float *y, int n);
  void (*mul)(const float *a, const float *b, float *y, int n);

  /* y[k] = squash(x[k]), k < n; x == y is fine; a and b are finite, and looked at where the formula has them.
   * Off by less than 1e-6 of the exact value (both kinds of Gelu: of x), or by 2e-38 (times |x| for swish and mish, times
   * |a| for elu); NaN stays NaN; swish, mish and Gelu of -infinity may be 0 or not finite. */
  void (*squash)(DcnSquash kind, const float *x, float a, float b, float *y, int n);

  /* Over the n channels of a pixel; x == y is fine.
   * softmax: y[k] = exp(x[k] - top) / sum over i of exp(x[i] - top), top being the largest; off by less than
   * 2e-6 + (top - x[k]) * 2^-24 of it, or 2e-38; never a number below the least normal one but 0.
   * normalise: y[k] = (x[k] - mean) / sqrt(variance + epsilon), that of all of them; sums are of 4 to 32 parts of x in
   * floats, which are added in double.
   * All are NaN where one of x is NaN (or, of softmax, infinity). */
  void (*softmax)(const float *x, float *y, int n);
  void (*normalise)(const float *x, float epsilon, float *y, int n);

  /* The closed loop's test, for a run of pixels that lie one after another, or for listed ones.  With y = clamp(x), a
   * channel has changed where !(|y - ref| <= tolerance).
   * Where changed   delta = y - ref, then ref = y, and the channel's bit of mask is set
   * elsewhere       delta = 0, ref stays, the bit is clear
   * Returns the number of changed channels of all pixels. */
  int (*diff)(const DcnDiff *d, int pixels, int channels);

  /* The same for an image that is the network's input: up to 1024 pixels of up to 4 channels, in ref and
   * delta without gaps, in x 4 floats each, of which those beyond `channels` mean nothing.  There are no
   * limits; lo, hi, ld* and the list are not looked at.  Made for few changes:
   *
   * bits            [(pixels + 63) / 64] in: the pixels to look at; others of the same four, counted from the first
   *                 pixel on, equal ref, and may be looked at, too.  Out: those in which something changed
   * mask, changed   0 on entry, or NULL; they stay so for a pixel in which nothing changed
   * delta           written at least for the pixels in which something changed;
   *                 for others it may be written with 0 */
  int (*diff_image)(const DcnDiff *d, int pixels, int channels, uint64_t *bits);
} DcnKernels;

/* The best table for this CPU; the environment variable DCN_KERNELS=portable|avx2|avx512 asks for
 * another one that the CPU can run (for tests); where it cannot, a message says so.  Thread-safe.
 */
const DcnKernels *dcn_kernels_get(void);

/* A table by isa name, or NULL where the CPU or the build lacks it. */
const DcnKernels *dcn_kernels_by_isa(const char *isa);

/* All tables this CPU can run, best first, NULL-terminated; portable is always the last. */
const DcnKernels *const *dcn_kernels_all(void);
