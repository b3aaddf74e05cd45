/* deltacnn: the state of one model load, and what the operator families build programs with.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A name of the model stands for a constant tensor or for a value of the program.  Nodes are
 * lowered in topological order: a node whose result is known becomes a constant, any other becomes
 * operators of the program.
 *
 * Errors are sticky: the first one stays in loader->error, and every function here does nothing and
 * returns its failure (FALSE, NULL or -1) once it is set.  So a lowering may ask for all it needs
 * and check at the end. */
#pragma once
#include "model/onnx.h"
#include "model/tensor.h"

/* What a name stands for. */
typedef struct {
  DcnTensor *tensor;          /* a constant; owned */
  Dcn__Onnx__Tensor *pending; /* an initializer that nobody has asked for yet; the model's */
  int value;                  /* a value of the program; -1 for a constant */
  gboolean integer; /* the value holds integers (an integer graph input before its Cast) */
  int uses;         /* nodes and outputs that still read it */
  gboolean quantized; /* the value holds levels: those of another value, */
  int exact;          /* this one, which is (level - zero_point) * scale */
  float scale;
  int zero_point;
  GPtrArray *list; /* of char *: a list of tensors, each by the name of its entry; owned; else NULL */
} DcnEntry;

typedef struct {
  int rank;
  int64_t dims[DCN_MAX_RANK];
  gboolean last; /* of a value: as in DcnValue */
} DcnShape;

typedef struct {
  const DcnOnnxOptions *options; /* never NULL */
  Dcn__Onnx__Graph *graph;
  int opset;
  DcnExternal *external;
  size_t budget;               /* elements that may still be generated */
  GHashTable *entries;         /* name -> DcnEntry */
  GArray *values;              /* of DcnValue */
  GArray *ops;                 /* of DcnOp */
  int input;                   /* value index */
  int64_t file_batch;          /* pictures at a time in the file, where it is run with one; else 0 */
  gboolean integer_input;      /* its elements are of an integer type in the model */
  GHashTable *numbers;         /* name of a node's output -> double *: see dcn_loader_note_number() */
  guint n_listed;              /* entries made for lists: lower-sequence.c */
  GHashTable *relaid;          /* value -> the same with its channels elsewhere; both + 1 */
  GArray *outputs;             /* of int: value indices */
  const Dcn__Onnx__Node *node; /* being lowered */
  const char *output_name;     /* graph output being read, for messages; else NULL */
  GError *error;               /* sticky */
} DcnLoader;

/* Sets the error, unless one is set; the message is preceded by operator and node.  Returns FALSE.
 */
gboolean dcn_loader_fail(DcnLoader *loader, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Takes over what a callee reported, with the same prefix. */
gboolean dcn_loader_fail_with(DcnLoader *loader, GError *error);

/* For classifiers (ends.c).  Outputs that ArgMax or TopK give, as they are or moved or cast, become what these rank:
 * confidences come of that. */
void dcn_ends_skip_ranking(Dcn__Onnx__Graph *graph);
/* Keeps of the program's outputs the one that DcnOnnxOptions.classifier says. */
void dcn_ends_choose(DcnLoader *loader);

/* Inputs of the current node.
 * --------------------------------------------------------------------------------- */
gboolean dcn_loader_has_input(DcnLoader *loader, int i);
/* DcnEntry.list of an input; NULL, without an error, for anything else. */
GPtrArray *dcn_loader_list(DcnLoader *loader, int i);
/* NULL, with an error, for an input that is absent. */
DcnEntry *dcn_loader_input(DcnLoader *loader, int i);
/* The same for those who look at a constant's shape alone, or take it as it is: its elements may not have been read
 * yet (DcnTensor.stored), until dcn_loader_read(). */
DcnEntry *dcn_loader_unread_input(DcnLoader *loader, int i);
gboolean dcn_loader_read(DcnLoader *loader, DcnTensor *tensor);
/* The constant of an input, owned by the loader; NULL where it is absent or not constant (no
 * error). */
DcnTensor *dcn_loader_constant(DcnLoader *loader, int i);
/* Same, but not being constant is an error that calls it `what`. */
DcnTensor *dcn_loader_need_constant(DcnLoader *loader, int i, const char *what);
/* A constant's elements as floats, which the caller owns (g_free); taken over without a copy where
 * nobody else reads them. */
float *dcn_loader_take_floats(DcnLoader *loader, int i, const char *what);
/* The same of a convolution's weights, which stay in the file where they are there: weights or stored is set. */
gboolean dcn_loader_take_weights(DcnLoader *loader, int i, const char *what, DcnConv *conv);
/* Small integer constant: at most DCN_MAX_RANK elements.  -1 and an error where it does not fit,
 * else the count. */
int dcn_loader_need_ints(DcnLoader *loader, int i, const char *what, int64_t *out);
/* The value of an input; a constant is made one.  Its channels are its second dimension (from rank 2 on).  -1 on
 * error. */
int dcn_loader_value(DcnLoader *loader, int i);
/* Same, and an integer value is an error. */
int dcn_loader_float_value(DcnLoader *loader, int i);
/* Same, for those who do not care which dimension the channels are: DcnShape.last may be set. */
int dcn_loader_any_value(DcnLoader *loader, int i);
int dcn_loader_any_float_value(DcnLoader *loader, int i);
/* Logical shape of constant or value. */
gboolean dcn_loader_input_shape(DcnLoader *loader, int i, DcnShape *shape);

/* Outputs of the current node.
 * -------------------------------------------------------------------------------- */
gboolean dcn_loader_set_value(DcnLoader *loader, int i, int value, gboolean integer);
/* levels is what output i of the node stands for, exact the same dequantised. */
gboolean dcn_loader_set_quantized(DcnLoader *loader, int i, int levels, int exact, float scale,
                                  int zero_point);
/* Output i of the node is made of levels like those of input `like`; exact is what they stand for. */
gboolean dcn_loader_set_levels(DcnLoader *loader, int i, int exact, const DcnEntry *like);
gboolean dcn_loader_set_tensor(DcnLoader *loader, int i,
                               DcnTensor *tensor); /* takes the reference; NULL: fails */
/* Whether anybody reads output i. */
gboolean dcn_loader_output_used(DcnLoader *loader, int i);

/* Attributes of the current node: the default where absent, an error where of another type.
 * -------------------- */
gboolean dcn_attr_has(DcnLoader *loader, const char *name);
int64_t dcn_attr_int(DcnLoader *loader, const char *name, int64_t otherwise);
float dcn_attr_float(DcnLoader *loader, const char *name, float otherwise);
/* "" style strings; the result is owned by the caller. */
char *dcn_attr_string(DcnLoader *loader, const char *name, const char *otherwise);
gboolean dcn_attr_string_is(DcnLoader *loader, const char *name, const char *otherwise,
                            const char *wanted);
/* Count, at most DCN_MAX_RANK * 2, of the integers copied to out; -1 where absent (or failed). */
int dcn_attr_ints(DcnLoader *loader, const char *name, int64_t *out);
const Dcn__Onnx__Attribute *dcn_attr_find(DcnLoader *loader, const char *name);

/* Building.
 * ---------------------------------------------------------------------------------------------------
 */
/* A new value; dims must be >= 1.  role is added to the name of the node's first output where not
 * NULL.  -1 on error (empty or too large). */
int dcn_loader_add_value(DcnLoader *loader, const char *role, const DcnShape *shape);
/* A new op that writes output; the pointer is good until the next op is added.  NULL on error. */
DcnOp *dcn_loader_add_op(DcnLoader *loader, DcnOpKind kind, int n_inputs, const int *inputs,
                         int output);
DcnValue *dcn_loader_get(DcnLoader *loader, int value);
DcnShape dcn_loader_shape(DcnLoader *loader, int value);
/* A value that always holds the tensor. */
int dcn_loader_materialise(DcnLoader *loader, DcnTensor *tensor, const char *role);

/* Common pieces.
 * ---------------------------------------------------------------------------------------------- */
/* act applied to x: a new value. */
int dcn_loader_add_act(DcnLoader *loader, int x, DcnAct act, const char *role);
/* x * scale[c] + shift[c] per physical channel; the arrays are taken over (NULL: ones, zeros). */
int dcn_loader_add_affine(DcnLoader *loader, int x, float *scale, float *shift, const char *role);
/* Softmax over the last dimension of two or more. */
int dcn_loader_add_softmax(DcnLoader *loader, int x, const char *role);
/* x with mean 0 and variance 1 over the channels of each pixel. */
int dcn_loader_add_layer_norm(DcnLoader *loader, int x, float epsilon, const char *role);
/* Mean or maximum of each channel over all pixels of an image. */
int dcn_loader_add_global(DcnLoader *loader, int x, gboolean maximum, const char *role);
/* Numpy broadcasting; each side is a value or (where >= 0 does not hold) a constant. */
typedef struct {
  int value; /* -1: constant */
  DcnTensor *tensor;
} DcnOperand;
DcnShape dcn_operand_shape(DcnLoader *loader, DcnOperand operand);
int dcn_loader_add_binary(DcnLoader *loader, DcnBinaryKind kind, DcnOperand a, DcnOperand b,
                          const char *role);

/* Numpy's matmul of what has rank 2 at least; not both are constant. */
int dcn_loader_add_product(DcnLoader *loader, DcnOperand a, DcnOperand b, const char *role);

/* Whether a constant per channel makes it x * scale + shift. */
gboolean dcn_binary_is_affine(const DcnBinary *binary);

/* Numpy broadcasting of two shapes; the channels come out last where one has them there. */
gboolean dcn_shape_broadcast(const DcnShape *a, const DcnShape *b, DcnShape *out);
/* Normalises an axis in [-rank, rank) to [0, rank); fails otherwise. */
gboolean dcn_loader_axis(DcnLoader *loader, int64_t axis, int rank, int *out);

/* One function per operator type. */
typedef gboolean (*DcnLower)(DcnLoader *loader);
DcnLower dcn_lower_find(const char *op_type);

gboolean dcn_lower_conv(DcnLoader *loader);
gboolean dcn_lower_conv_transpose(DcnLoader *loader);
gboolean dcn_lower_max_pool(DcnLoader *loader);
gboolean dcn_lower_average_pool(DcnLoader *loader);
gboolean dcn_lower_global_average_pool(DcnLoader *loader);
gboolean dcn_lower_global_max_pool(DcnLoader *loader);
gboolean dcn_lower_reduce(DcnLoader *loader);

gboolean dcn_lower_activation(DcnLoader *loader);
gboolean dcn_lower_clip(DcnLoader *loader);
gboolean dcn_lower_prelu(DcnLoader *loader);
gboolean dcn_lower_binary(DcnLoader *loader);
gboolean dcn_lower_variadic(DcnLoader *loader); /* Sum, Min, Max */
gboolean dcn_lower_unary(DcnLoader *loader);
gboolean dcn_lower_neg(DcnLoader *loader);
gboolean dcn_lower_celu(DcnLoader *loader);
gboolean dcn_lower_pow(DcnLoader *loader);
gboolean dcn_lower_batch_normalization(DcnLoader *loader);
gboolean dcn_lower_lrn(DcnLoader *loader);
gboolean dcn_lower_layer_normalization(DcnLoader *loader);
gboolean dcn_lower_softmax(DcnLoader *loader);
gboolean dcn_lower_instance_normalization(DcnLoader *loader);
gboolean dcn_lower_group_normalization(DcnLoader *loader);
gboolean dcn_lower_mean_variance_normalization(DcnLoader *loader);
gboolean dcn_lower_image_scaler(DcnLoader *loader);

gboolean dcn_lower_gemm(DcnLoader *loader);
gboolean dcn_lower_matmul(DcnLoader *loader);
gboolean dcn_lower_einsum(DcnLoader *loader);
gboolean dcn_lower_attention(DcnLoader *loader);
/* The current node computes with one constant number besides a value; which, is asked when a later node is lowered. */
void dcn_loader_note_number(DcnLoader *loader, double number);
/* Whether the current node, a Div of what has this rank, ends a layer normalisation that is spelled out. */
gboolean dcn_find_layer_norm(DcnLoader *loader, int rank, int *source, float *epsilon);

gboolean dcn_lower_identity(DcnLoader *loader);
gboolean dcn_lower_dropout(DcnLoader *loader);
gboolean dcn_lower_reshape(DcnLoader *loader);
gboolean dcn_lower_flatten(DcnLoader *loader);
gboolean dcn_lower_squeeze(DcnLoader *loader);
gboolean dcn_lower_unsqueeze(DcnLoader *loader);
gboolean dcn_lower_transpose(DcnLoader *loader);
gboolean dcn_lower_slice(DcnLoader *loader);
gboolean dcn_lower_split(DcnLoader *loader);
gboolean dcn_lower_gather(DcnLoader *loader);
gboolean dcn_lower_expand(DcnLoader *loader);
gboolean dcn_lower_tile(DcnLoader *loader);
gboolean dcn_lower_pad(DcnLoader *loader);
gboolean dcn_lower_concat(DcnLoader *loader);
gboolean dcn_lower_depth_to_space(DcnLoader *loader);
gboolean dcn_lower_space_to_depth(DcnLoader *loader);
gboolean dcn_lower_resize(DcnLoader *loader); /* Upsample as well */

/* Lists of tensors. */
gboolean dcn_lower_sequence_construct(DcnLoader *loader); /* SequenceEmpty as well */
gboolean dcn_lower_sequence_insert(DcnLoader *loader);
gboolean dcn_lower_sequence_erase(DcnLoader *loader);
gboolean dcn_lower_sequence_at(DcnLoader *loader);
gboolean dcn_lower_sequence_length(DcnLoader *loader);
gboolean dcn_lower_sequence_identity(DcnLoader *loader);
gboolean dcn_lower_concat_from_sequence(DcnLoader *loader);
gboolean dcn_lower_split_to_sequence(DcnLoader *loader);

gboolean dcn_lower_quantize(DcnLoader *loader);
gboolean dcn_lower_dequantize(DcnLoader *loader);
gboolean dcn_lower_integer_arithmetic(DcnLoader *loader); /* always an error */

gboolean dcn_lower_constant(DcnLoader *loader);
gboolean dcn_lower_constant_fill(DcnLoader *loader);
gboolean dcn_lower_constant_of_shape(DcnLoader *loader);
gboolean dcn_lower_shape(DcnLoader *loader);
gboolean dcn_lower_size(DcnLoader *loader);
gboolean dcn_lower_range(DcnLoader *loader);
gboolean dcn_lower_cast(DcnLoader *loader);
gboolean dcn_lower_cast_like(DcnLoader *loader);
gboolean dcn_lower_choice(DcnLoader *loader); /* Where, comparisons, logic, Mod; of constants */
gboolean dcn_lower_scatter_nd(DcnLoader *loader); /* of constants */
/* The reduction of a constant by the current node; NULL on error. */
DcnTensor *dcn_fold_reduce(DcnLoader *loader, const DcnTensor *input, const gboolean *reduced,
                           gboolean keep);
/* A constant of numbers to be filled in; NULL on error. */
DcnTensor *dcn_fold_new(DcnLoader *loader, gboolean is_int, int rank, const int64_t *dims);
/* Elementwise arithmetic on two constants; NULL on error. */
DcnTensor *dcn_fold_binary(DcnLoader *loader, DcnBinaryKind kind, DcnTensor *a, DcnTensor *b);

/* graph.c: order in which the nodes that the outputs need are to be lowered. */
gboolean dcn_graph_sort(DcnLoader *loader, GArray *order); /* of int: node indices */

/* input-range.c: DcnProgram.input_max and input_bgr; before arithmetic is fused, after movements are. */
void dcn_guess_input(DcnLoader *loader, double *max, gboolean *bgr);

/* fuse-*.c: rewrites the ops; each keeps what the program computes. */
void dcn_fuse_movement(DcnLoader *loader);
void dcn_fuse_hoist(DcnLoader *loader);
void dcn_fuse_swish(DcnLoader *loader);
void dcn_fuse_padding(DcnLoader *loader);
void dcn_fuse_products(DcnLoader *loader);
void dcn_fuse_arithmetic(DcnLoader *loader);
void dcn_prune(DcnLoader *loader);

/* Helpers of the passes: which op writes a value (-1: the input), and how many read it (outputs
 * count). */
typedef struct {
  int *producer; /* [n_values] */
  int *uses;     /* [n_values] */
  int *reader;   /* [n_values] one op that reads it; -1: none */
} DcnUses;
DcnUses *dcn_uses_new(DcnLoader *loader);
void dcn_uses_free(DcnUses *uses);
