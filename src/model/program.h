/* deltacnn: a network ready to be packed and run: static shapes, constants folded, a closed set of
 * operators. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The model loader lowers ONNX to this; net/ packs and executes it.  Neither knows the other.
 *
 * Physical layout of every value: n images of h rows of w pixels of c channels (NHWC).  How ONNX
 * dims map to it: rank 4 [N,C,H,W] n,c,h,w; rank 3 [N,C,L] n,c,w with h = 1; rank 2 [A,K] w = A
 * pixels of c = K channels, n = h = 1; rank 1 [K] c = K; rank 0 one element; rank 5 and more
 * [N,C,d2,..] h = d2, w = product of the rest.  Values of rank 3 and more of which the last dimension is the
 * channels, as tokens have it, are marked: [N,L,C] n,w,c, [N,H,W,C] n,h,w,c, [N,H,d2,..,C] w = product of the
 * d's; their elements lie in logical order.  "Element index" below means the position ((n*h +
 * y)*w + x)*c + channel without any padding. */
#pragma once
#include "model/source.h"
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#define DCN_MAX_RANK 8

typedef struct {
  char *name; /* the ONNX value name, owned */
  int rank;
  int dims[DCN_MAX_RANK]; /* logical ONNX shape */
  gboolean last;          /* rank 3 and more: the last dimension is the channels, not the second one */
  int n, h, w, c;         /* physical shape */
} DcnValue;

typedef enum {
  DCN_ACT_NONE,
  DCN_ACT_RELU,
  DCN_ACT_LEAKY_RELU, /* alpha */
  DCN_ACT_CLIP,       /* alpha = min, beta = max */
  DCN_ACT_PRELU,      /* slope[c] */
  DCN_ACT_SIGMOID,
  DCN_ACT_TANH,
  DCN_ACT_HARD_SIGMOID, /* max(0, min(1, alpha * x + beta)) */
  DCN_ACT_HARD_SWISH,   /* x * max(0, min(1, x / 6 + 0.5)) */
  DCN_ACT_SWISH,        /* x * sigmoid(x); SiLU */
  DCN_ACT_QUANTIZE,     /* max(lo, min(hi, x / alpha)), rounded to the nearest whole number (of two to the
                           even one), times beta; lo and hi are whole */
  /* The rest joins a convolution as well, but is not computed by the convolution itself. */
  DCN_ACT_ELU,       /* x >= 0 ? beta * x : alpha * (exp(x) - 1) */
  DCN_ACT_SOFTPLUS,  /* log(1 + exp(x)) */
  DCN_ACT_SOFTSIGN,  /* x / (1 + |x|) */
  DCN_ACT_MISH,      /* x * tanh(softplus(x)) */
  DCN_ACT_GELU,      /* x / 2 * (1 + erf(x / sqrt(2))) */
  DCN_ACT_GELU_TANH, /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) */
  DCN_ACT_THRESHOLD, /* x > alpha ? x : 0 */
  DCN_ACT_ERF,
  DCN_ACT_EXP,
  DCN_ACT_LOG,
  DCN_ACT_POWER, /* x ^ alpha */
  DCN_ACT_ABS,
  DCN_ACT_FLOOR,
  DCN_ACT_CEIL,
  DCN_ACT_ROUND /* to the nearest whole number, halves to even, then limited to [alpha, beta] */
} DcnActKind;

#define DCN_QUANTIZE_MAX (1 << 20) /* so that sums of floats round in DCN_ACT_QUANTIZE */

typedef struct {
  DcnActKind kind;
  float alpha, beta;
  float *slope; /* [c] for PRELU, owned by the op */
  float lo, hi; /* QUANTIZE; at most DCN_QUANTIZE_MAX away from 0 */
} DcnAct;

typedef enum {
  DCN_OP_CONV,       /* input 0; also Gemm and MatMul with a constant right factor, as 1x1 */
  DCN_OP_MAX_POOL,   /* input 0 */
  DCN_OP_AVG_POOL,   /* input 0 */
  DCN_OP_GLOBAL_AVG, /* input 0: mean over h and w; output h = w = 1 */
  DCN_OP_AFFINE,     /* input 0: x * scale[c] + shift[c], then act */
  DCN_OP_ACT,        /* input 0: act alone, where it could not be fused */
  DCN_OP_BINARY,     /* inputs 0 and 1, or 0 and a constant; then act */
  DCN_OP_LRN,        /* input 0, across channels */
  DCN_OP_SOFTMAX,    /* input 0, over the channels of each pixel */
  DCN_OP_LOG_SOFTMAX,
  DCN_OP_LAYER_NORM, /* input 0: (x - mean) / sqrt(variance + epsilon), both over the channels of each pixel */
  DCN_OP_CONCAT,     /* all inputs, each placed at an origin of the output */
  DCN_OP_GATHER, /* input 0: data movement of any kind (reshape, transpose, slice, pad, expand,
                    shuffle) */
  DCN_OP_MATMUL, /* two values, or value and constant, that could not become a CONV; see below */
  DCN_OP_COUNT
} DcnOpKind;

/* Convolution over h and w of each image.  Output size is in the output value. */
typedef struct {
  int kh, kw, stride_h, stride_w, pad_top, pad_left, dil_h, dil_w;
  int groups;     /* groups == input c == output c: depthwise */
  float *weights; /* [out c][in c / groups][kh][kw], owned; NULL while they are only stored */
  float *bias;    /* [out c] or NULL, owned */
  DcnStored *stored; /* where the weights lie in a file, owned; NULL once they have been read */
} DcnConv;

/* Output size is in the output value; the window may reach outside on every side. */
typedef struct {
  int kh, kw, stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right, dil_h, dil_w;
  gboolean count_include_pad; /* average: padding counts in the divisor (what ceil_mode adds beyond
                                 it never) */
} DcnPool;

typedef enum {
  DCN_BINARY_ADD,
  DCN_BINARY_SUB,
  DCN_BINARY_MUL,
  DCN_BINARY_DIV,
  DCN_BINARY_MIN, /* NaN where either is */
  DCN_BINARY_MAX,
  DCN_BINARY_POW /* a ^ b */
} DcnBinaryKind;

/* out[i] = a[i] op b[i]; input 0 (a) has the output's physical shape; b may repeat along whole
 * axes. */
typedef struct {
  DcnBinaryKind kind;
  gboolean swap;   /* out = b op a */
  float *constant; /* b where the op has one input: [bn*bh*bw*bc] element order, owned; else NULL */
  int bn, bh, bw, bc; /* physical shape of b; each equals the output's or is 1 */
} DcnBinary;

typedef struct {
  int size;
  float alpha, beta, bias;
} DcnLrn;

/* out element i = index[i] >= 0 ? in element index[i] : fill */
typedef struct {
  int32_t *index; /* [elements of the output], owned */
  float fill;
} DcnGather;

typedef struct {
  int n, y, x, c;
} DcnOrigin;

/* out[b][i][j] = scale * sum_k a[b][i][k] * b[b][k][j], or with `softmax` that of these rows; batches are already equal or one side has 1.  Pixel
 * b * rows + i of the output has m channels.  b_constant: [b_batch * k * m] where the op has one input.
 * a_index, b_index: [a_batch * rows * k], [b_batch * k * m] element indices of the value that is read; NULL: the
 * elements in their logical order. */
typedef struct {
  int batch, a_batch, b_batch, rows, k, m;
  float scale;
  gboolean softmax;
  int32_t *a_index, *b_index; /* owned or NULL */
  float *b_constant; /* owned or NULL */
  float *a_constant; /* owned or NULL: input 0 is then the right factor */
} DcnMatMul;

typedef struct {
  DcnOpKind kind;
  char *name; /* node name or the output's, for messages and tables; owned */
  int n_inputs;
  int *inputs; /* value indices, owned */
  int output;  /* value index */
  DcnAct act;  /* applied last, for CONV, AFFINE, ACT, BINARY */
  union {
    DcnConv conv;
    DcnPool pool;
    DcnBinary binary;
    DcnLrn lrn;
    struct {
      float epsilon;
    } norm;
    DcnGather gather;
    DcnMatMul matmul;
    struct {
      float *scale, *shift; /* [c], owned */
    } affine;
    struct {
      DcnOrigin *origins; /* [n_inputs], owned */
    } concat;
  } u;
} DcnOp;

/* Ops are in execution order; each value is the input or written by exactly one op. */
typedef struct {
  char *model_name; /* file name without folder, owned */
  int n_values;
  DcnValue *values; /* owned */
  int n_ops;
  DcnOp *ops; /* owned */
  int input;  /* value index; for image models n = 1, c = 1, 3 or 4 */
  gboolean integer_input; /* the model calls its elements integers: bytes of a picture, 0 to 255 */
  /* What the first nodes say about the picture that they take, by how they scale and shift it: its largest number,
   * 1 or 255, and whether its first channel is blue.  0: nothing.  A guess, for models without a description. */
  double input_max;
  gboolean input_bgr;
  int n_file_outputs;     /* how many the model has, of which n_outputs were kept */
  int n_outputs;
  int *outputs; /* value indices, owned; an output may be the input itself */
} DcnProgram;

void dcn_program_free(DcnProgram *program); /* NULL is fine */
void dcn_op_clear(DcnOp *op);               /* frees what the op owns */
/* Reads weights that are only stored.  FALSE with DCN_ERROR_IO or DCN_ERROR_MEMORY. */
gboolean dcn_conv_load(DcnConv *conv, GError **error);
void dcn_conv_clear_weights(DcnConv *conv); /* frees them, wherever they are */

/* Sets the logical shape (rank in 0..DCN_MAX_RANK, dims >= 1, their product in int) and with it the
 * physical one. */
void dcn_value_set_dims(DcnValue *value, int rank, const int *dims);
/* The same; last: as in DcnValue, without effect for ranks below 3. */
void dcn_value_set_layout(DcnValue *value, int rank, const int *dims, gboolean last);

/* strides: [rank]; the element index of the logical position (i0, i1, ..) is i0 * strides[0] + i1 *
 * strides[1] + .. */
void dcn_value_strides(const DcnValue *value, int *strides);
size_t dcn_value_elements(const DcnValue *value);

/* One number through an activation of any kind but PRELU. */
float dcn_act_value(const DcnAct *act, float x);

/* Multiplies (and adds) of one dense pass of one op: CONV and MATMUL exactly, others 0. */
uint64_t dcn_op_macs(const DcnProgram *program, const DcnOp *op);
