/* deltacnn: lowers activations, arithmetic and batch normalisation.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

int
dcn_loader_add_act(DcnLoader *loader, int x, DcnAct act, const char *role)
{
  if (x < 0 || loader->error) {
    g_free(act.slope);
    return -1;
  }
  const DcnShape shape = dcn_loader_shape(loader, x);
  const int output = dcn_loader_add_value(loader, role, &shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_ACT, 1, &x, output);
  if (!op) {
    g_free(act.slope);
    return -1;
  }
  op->act = act;
  return output;
}

int
dcn_loader_add_affine(DcnLoader *loader, int x, float *scale, float *shift, const char *role)
{
  int output = -1;
  DcnOp *op = NULL;
  if (x >= 0 && !loader->error) {
    const DcnShape shape = dcn_loader_shape(loader, x);
    output = dcn_loader_add_value(loader, role, &shape);
    op = dcn_loader_add_op(loader, DCN_OP_AFFINE, 1, &x, output);
  }
  if (!op) {
    g_free(scale);
    g_free(shift);
    return -1;
  }
  const int channels = dcn_loader_get(loader, x)->c;
  if (!scale) {
    scale = g_new(float, channels);
    for (int i = 0; i < channels; i++)
      scale[i] = 1;
  }
  op->u.affine.scale = scale;
  op->u.affine.shift = shift ? shift : g_new0(float, channels);
  return output;
}

gboolean
dcn_lower_activation(DcnLoader *loader)
{
  const char *type = loader->node->op_type;
  DcnAct act = {0};
  if (strcmp(type, "Relu") == 0) {
    act.kind = DCN_ACT_RELU;
  } else if (strcmp(type, "LeakyRelu") == 0) {
    act.kind = DCN_ACT_LEAKY_RELU;
    act.alpha = dcn_attr_float(loader, "alpha", 0.01f);
  } else if (strcmp(type, "Sigmoid") == 0) {
    act.kind = DCN_ACT_SIGMOID;
  } else if (strcmp(type, "Tanh") == 0) {
    act.kind = DCN_ACT_TANH;
  } else if (strcmp(type, "HardSwish") == 0) {
    act.kind = DCN_ACT_HARD_SWISH;
  } else {
    act.kind = DCN_ACT_HARD_SIGMOID;
    act.alpha = dcn_attr_float(loader, "alpha", 0.2f);
    act.beta = dcn_attr_float(loader, "beta", 0.5f);
  }
  const int x = dcn_loader_any_float_value(loader, 0);
  return dcn_loader_set_value(loader, 0, dcn_loader_add_act(loader, x, act, NULL), FALSE);
}

/* Bounds are attributes until opset 10, then optional inputs. */
static gboolean
read_bound(DcnLoader *loader, int input, const char *name, float *bound)
{
  if (loader->opset < 11) {
    *bound = dcn_attr_float(loader, name, *bound);
    return !loader->error;
  }
  if (!dcn_loader_has_input(loader, input))
    return TRUE;
  DcnTensor *tensor = dcn_loader_need_constant(loader, input, name);
  if (tensor && tensor->count != 1)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "\"%s\" is not one number", name);
  if (tensor)
    *bound = (float)dcn_tensor_get(tensor, 0);
  return tensor != NULL;
}

gboolean
dcn_lower_clip(DcnLoader *loader)
{
  DcnAct act = {.kind = DCN_ACT_CLIP, .alpha = -INFINITY, .beta = INFINITY};
  if (!read_bound(loader, 1, "min", &act.alpha) || !read_bound(loader, 2, "max", &act.beta))
    return FALSE;
  if (isnan(act.alpha) || isnan(act.beta))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its bounds are not numbers");
  /* min above max: the result is max everywhere. */
  if (act.alpha > act.beta)
    act.alpha = act.beta;
  const int x = dcn_loader_any_float_value(loader, 0);
  return dcn_loader_set_value(loader, 0, dcn_loader_add_act(loader, x, act, NULL), FALSE);
}

gboolean
dcn_lower_prelu(DcnLoader *loader)
{
  const int x = dcn_loader_float_value(loader, 0);
  DcnTensor *slope = dcn_loader_need_constant(loader, 1, "its slope");
  if (x < 0 || !slope)
    return FALSE;
  const DcnShape shape = dcn_loader_shape(loader, x);
  const int64_t channels = dcn_loader_get(loader, x)->c;
  const int channel_axis = shape.rank >= 2 ? 1 : 0;

  /* One slope, or one per channel: [C,1,1] from opset 7 on, [C] before. */
  gboolean per_channel =
      slope->count == 1 || (loader->opset < 7 && slope->count == (size_t)channels);
  if (!per_channel && slope->count == (size_t)channels) {
    const int axis = channel_axis - (shape.rank - slope->rank);
    per_channel = axis >= 0 && axis < slope->rank && slope->dims[axis] == channels;
  }
  if (per_channel) {
    DcnAct act = {.kind = DCN_ACT_PRELU, .slope = g_new(float, channels)};
    for (int64_t i = 0; i < channels; i++)
      act.slope[i] = (float)dcn_tensor_get(slope, slope->count == 1 ? 0 : (size_t)i);
    return dcn_loader_set_value(loader, 0, dcn_loader_add_act(loader, x, act, NULL), FALSE);
  }

  /* Any other slope: max(x, 0) + slope * min(x, 0). */
  const int above = dcn_loader_add_act(loader, x, (DcnAct){.kind = DCN_ACT_RELU}, "above");
  const int below = dcn_loader_add_act(
      loader, x, (DcnAct){.kind = DCN_ACT_CLIP, .alpha = -INFINITY, .beta = 0}, "below");
  if (above < 0 || below < 0)
    return FALSE;
  const int scaled = dcn_loader_add_binary(loader, DCN_BINARY_MUL, (DcnOperand){below, NULL},
                                           (DcnOperand){-1, slope}, "scaled");
  if (scaled < 0)
    return FALSE;
  const int sum = dcn_loader_add_binary(loader, DCN_BINARY_ADD, (DcnOperand){above, NULL},
                                        (DcnOperand){scaled, NULL}, NULL);
  return dcn_loader_set_value(loader, 0, sum, FALSE);
}

gboolean
dcn_binary_is_affine(const DcnBinary *binary)
{
  return binary->kind <= DCN_BINARY_MUL || (binary->kind == DCN_BINARY_DIV && !binary->swap);
}

DcnShape
dcn_operand_shape(DcnLoader *loader, DcnOperand operand)
{
  DcnShape shape = {0};
  if (operand.value >= 0)
    return dcn_loader_shape(loader, operand.value);
  shape.rank = operand.tensor->rank;
  memcpy(shape.dims, operand.tensor->dims, sizeof shape.dims);
  return shape;
}

/* The physical shape that b's broadcast dimensions make: FALSE where a row of pixels merges
 * dimensions of which only some repeat (rank 5 and more). */
static gboolean
physical_shape(const DcnShape *shape, const DcnShape *out, DcnValue *physical)
{
  int dims[DCN_MAX_RANK] = {0};
  gboolean all = TRUE, none = TRUE;
  const int first = out->last ? 2 : 3, end = out->last ? out->rank - 1 : out->rank;
  for (int d = 0; d < out->rank; d++) {
    const int axis = d - (out->rank - shape->rank);
    dims[d] = axis < 0 ? 1 : (int)shape->dims[axis];
    if (d >= first && d < end && dims[d] != out->dims[d])
      all = FALSE;
    if (d >= first && d < end && dims[d] != 1)
      none = FALSE;
  }
  memset(physical, 0, sizeof *physical);
  dcn_value_set_layout(physical, out->rank, dims, out->last);
  return all || none;
}

static int
add_constant_binary(DcnLoader *loader, DcnBinaryKind kind, int x, DcnTensor *constant,
                    gboolean swap, const DcnShape *out, const char *role)
{
  DcnShape shape = {.rank = constant->rank};
  memcpy(shape.dims, constant->dims, sizeof shape.dims);
  DcnValue physical;
  DcnTensor *expanded = NULL;
  if (!physical_shape(&shape, out, &physical)) {
    expanded = dcn_expand_tensor(loader, constant, out);
    if (!expanded)
      return -1;
    constant = expanded;
    shape = *out;
    physical_shape(&shape, out, &physical);
  }
  /* Elements in physical order. */
  float *elements = g_try_new(float, constant->count);
  int strides[DCN_MAX_RANK], position[DCN_MAX_RANK] = {0};
  int output = -1;
  if (!elements) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "no memory for a constant");
    goto out;
  }
  dcn_value_strides(&physical, strides);
  for (size_t i = 0; i < constant->count; i++) {
    size_t at = 0;
    for (int d = 0; d < shape.rank; d++)
      at += (size_t)position[d] * strides[d + out->rank - shape.rank];
    elements[at] = (float)dcn_tensor_get(constant, i);
    for (int d = shape.rank - 1; d >= 0 && ++position[d] == shape.dims[d]; d--)
      position[d] = 0;
  }

  x = dcn_expand_value(loader, x, out, "expanded");
  if (x < 0)
    goto out;
  const int channels = dcn_loader_get(loader, x)->c;
  const DcnBinary binary = {.kind = kind, .swap = swap};
  if ((kind == DCN_BINARY_MIN || kind == DCN_BINARY_MAX) && constant->count == 1 &&
      !isnan(elements[0])) {
    const gboolean maximum = kind == DCN_BINARY_MAX;
    const DcnAct act = {.kind = DCN_ACT_CLIP,
                        .alpha = maximum ? elements[0] : -INFINITY,
                        .beta = maximum ? INFINITY : elements[0]};
    output = dcn_loader_add_act(loader, x, act, role);
  } else if (physical.n == 1 && physical.h == 1 && physical.w == 1 &&
             dcn_binary_is_affine(&binary)) {
    /* Per channel: it may join a convolution. */
    float *scale = g_new(float, channels), *shift = g_new(float, channels);
    for (int i = 0; i < channels; i++) {
      const float value = elements[physical.c == 1 ? 0 : i];
      scale[i] = 1;
      shift[i] = 0;
      if (kind == DCN_BINARY_ADD)
        shift[i] = value;
      else if (kind == DCN_BINARY_SUB && swap)
        scale[i] = -1, shift[i] = value;
      else if (kind == DCN_BINARY_SUB)
        shift[i] = -value;
      else if (kind == DCN_BINARY_MUL)
        scale[i] = value;
      else
        scale[i] = 1 / value;
    }
    output = dcn_loader_add_affine(loader, x, scale, shift, role);
  } else {
    output = dcn_loader_add_value(loader, role, out);
    DcnOp *op = dcn_loader_add_op(loader, DCN_OP_BINARY, 1, &x, output);
    if (op) {
      op->u.binary = (DcnBinary){.kind = kind,
                                 .swap = swap,
                                 .constant = g_steal_pointer(&elements),
                                 .bn = physical.n,
                                 .bh = physical.h,
                                 .bw = physical.w,
                                 .bc = physical.c};
    }
  }
out:
  g_free(elements);
  dcn_tensor_unref(expanded);
  return output;
}

/* But for the layout. */
static gboolean
same_shape(const DcnShape *a, const DcnShape *b)
{
  return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

int
dcn_loader_add_binary(DcnLoader *loader, DcnBinaryKind kind, DcnOperand a, DcnOperand b,
                      const char *role)
{
  if (loader->error)
    return -1;
  DcnShape sa = dcn_operand_shape(loader, a), sb = dcn_operand_shape(loader, b), out;
  size_t count;
  if (!dcn_shape_broadcast(&sa, &sb, &out)) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "the shapes of its inputs do not fit together");
    return -1;
  }
  if (!dcn_shape_count(out.rank, out.dims, &count) || count == 0) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "its output is empty or too large");
    return -1;
  }
  if (b.value < 0)
    return add_constant_binary(loader, kind, a.value, b.tensor, FALSE, &out, role);
  if (a.value < 0)
    return add_constant_binary(loader, kind, b.value, a.tensor, TRUE, &out, role);

  /* Input 0 of the op has the output's shape; where neither has, it is made so. */
  gboolean swap = FALSE;
  if (!same_shape(&sa, &out) && same_shape(&sb, &out)) {
    const DcnOperand other = a;
    a = b;
    b = other;
    sb = sa;
    swap = TRUE;
  }
  int inputs[2] = {dcn_expand_value(loader, a.value, &out, "expanded"), b.value};
  DcnValue physical;
  if (inputs[0] < 0)
    return -1;
  if (!physical_shape(&sb, &out, &physical)) {
    inputs[1] = dcn_expand_value(loader, inputs[1], &out, "expanded");
    physical = *dcn_loader_get(loader, inputs[0]);
  } else {
    /* Rank alone can change the layout: give b the output's. */
    DcnShape aligned = {.rank = out.rank, .last = out.last};
    for (int d = 0; d < out.rank; d++)
      aligned.dims[d] = physical.dims[d];
    inputs[1] = dcn_reshape_value(loader, inputs[1], &aligned, "aligned");
  }
  if (inputs[1] < 0)
    return -1;
  const int output = dcn_loader_add_value(loader, role, &out);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_BINARY, 2, inputs, output);
  if (!op)
    return -1;
  op->u.binary = (DcnBinary){.kind = kind,
                             .swap = swap,
                             .bn = physical.n,
                             .bh = physical.h,
                             .bw = physical.w,
                             .bc = physical.c};
  return output;
}

/* An operand of the current node. */
static gboolean
read_operand(DcnLoader *loader, int i, DcnOperand *operand)
{
  DcnEntry *entry = dcn_loader_input(loader, i);
  if (!entry)
    return FALSE;
  if (entry->integer)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "arithmetic on integers is not supported");
  operand->tensor = entry->tensor;
  operand->value = entry->tensor ? -1 : entry->value;
  return TRUE;
}

/* Until opset 6 the second operand was aligned with the first one's axis `axis`, not with its last
 * ones. */
static DcnTensor *
align_old_operand(DcnLoader *loader, int rank, DcnTensor *tensor)
{
  const int64_t axis = dcn_attr_int(loader, "axis", -1);
  if (loader->opset >= 7 || axis < 0 || axis + tensor->rank > rank)
    return dcn_tensor_ref(tensor);
  int64_t dims[DCN_MAX_RANK];
  const int n = rank - (int)axis;
  for (int d = 0; d < n; d++)
    dims[d] = d < tensor->rank ? tensor->dims[d] : 1;
  return dcn_tensor_reshape(tensor, n, dims);
}

/* The same for a value. */
static int
align_old_value(DcnLoader *loader, int rank, int value)
{
  const int64_t axis = dcn_attr_int(loader, "axis", -1);
  const DcnShape old = dcn_loader_shape(loader, value);
  DcnShape shape = {.rank = rank - (int)axis};
  if (loader->opset >= 7 || axis < 0 || axis + old.rank > rank)
    return value;
  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = d < old.rank ? old.dims[d] : 1;
  return dcn_reshape_value(loader, value, &shape, "aligned");
}

gboolean
dcn_lower_binary(DcnLoader *loader)
{
  const char *type = loader->node->op_type;
  const DcnBinaryKind kind = strcmp(type, "Add") == 0   ? DCN_BINARY_ADD
                             : strcmp(type, "Sub") == 0 ? DCN_BINARY_SUB
                             : strcmp(type, "Mul") == 0 ? DCN_BINARY_MUL
                             : strcmp(type, "Pow") == 0 ? DCN_BINARY_POW
                                                        : DCN_BINARY_DIV;
  DcnOperand a, b;
  if (!read_operand(loader, 0, &a) || !read_operand(loader, 1, &b))
    return FALSE;
  const DcnTensor *constant = a.tensor ? a.tensor : b.tensor;
  if (constant && constant->count == 1)
    dcn_loader_note_number(loader, dcn_tensor_get(constant, 0));
  int source;
  float epsilon;
  if (kind == DCN_BINARY_DIV && !a.tensor && !b.tensor && !loader->options->literal &&
      dcn_find_layer_norm(loader, dcn_operand_shape(loader, a).rank, &source, &epsilon)) {
    source = dcn_relaid_value(loader, source, TRUE, "last");
    return dcn_loader_set_value(loader, 0, dcn_loader_add_layer_norm(loader, source, epsilon, NULL),
                                FALSE);
  }
  DcnTensor *aligned = NULL;
  if (b.tensor) {
    const DcnShape shape = dcn_operand_shape(loader, a);
    b.tensor = aligned = align_old_operand(loader, shape.rank, b.tensor);
  } else {
    b.value = align_old_value(loader, dcn_operand_shape(loader, a).rank, b.value);
    if (b.value < 0)
      return FALSE;
  }
  gboolean ok;
  if (a.tensor && b.tensor)
    ok = dcn_loader_set_tensor(loader, 0, dcn_fold_binary(loader, kind, a.tensor, b.tensor));
  else
    ok = dcn_loader_set_value(loader, 0, dcn_loader_add_binary(loader, kind, a, b, NULL), FALSE);
  dcn_tensor_unref(aligned);
  return ok && !loader->error;
}

gboolean
dcn_lower_variadic(DcnLoader *loader)
{
  const char *type = loader->node->op_type;
  const DcnBinaryKind kind = strcmp(type, "Min") == 0   ? DCN_BINARY_MIN
                             : strcmp(type, "Max") == 0 ? DCN_BINARY_MAX
                                                        : DCN_BINARY_ADD;
  DcnOperand sum;
  const int n = (int)loader->node->n_input;
  if (!read_operand(loader, 0, &sum))
    return FALSE;
  if (n == 1)
    return dcn_lower_identity(loader);
  if (sum.tensor)
    dcn_tensor_ref(sum.tensor);
  for (int i = 1; i < n && !loader->error; i++) {
    DcnOperand next;
    char *role = i + 1 < n ? g_strdup_printf("part%d", i) : NULL;
    if (!read_operand(loader, i, &next)) {
      g_free(role);
      break;
    }
    DcnTensor *old = sum.tensor;
    if (sum.tensor && next.tensor) {
      sum.tensor = dcn_fold_binary(loader, kind, sum.tensor, next.tensor);
    } else {
      sum.value = dcn_loader_add_binary(loader, kind, sum, next, role);
      sum.tensor = NULL;
    }
    dcn_tensor_unref(old);
    g_free(role);
    if (!sum.tensor && sum.value < 0)
      break;
  }
  if (sum.tensor)
    return dcn_loader_set_tensor(loader, 0, sum.tensor);
  return dcn_loader_set_value(loader, 0, sum.value, FALSE);
}

/* spatial=0, until opset 8: all parameters are as large as one picture. */
static gboolean
normalise_each_value(DcnLoader *loader, int x, double epsilon)
{
  DcnShape shape = dcn_loader_shape(loader, x);
  const DcnTensor *parameter[4];
  size_t count;
  shape.rank--;
  memmove(shape.dims, shape.dims + 1, (size_t)shape.rank * sizeof *shape.dims);
  if (!dcn_shape_count(shape.rank, shape.dims, &count))
    return FALSE;
  for (int i = 0; i < 4; i++) {
    parameter[i] = dcn_loader_need_constant(loader, i + 1, "a parameter");
    if (parameter[i] && (parameter[i]->is_int || parameter[i]->count != count))
      dcn_loader_fail(loader, DCN_ERROR_INVALID,
                      "with spatial=0 a parameter has to have as many numbers as a picture, %d",
                      (int)count);
  }
  DcnTensor *scale = dcn_fold_new(loader, FALSE, shape.rank, shape.dims);
  DcnTensor *shift = dcn_fold_new(loader, FALSE, shape.rank, shape.dims);
  for (size_t i = 0; !loader->error && i < count; i++) {
    const double factor = parameter[0]->f[i] / sqrt(parameter[3]->f[i] + epsilon);
    scale->f[i] = (float)factor;
    shift->f[i] = (float)(parameter[1]->f[i] - parameter[2]->f[i] * factor);
  }
  int y = loader->error ? -1
                        : dcn_loader_add_binary(loader, DCN_BINARY_MUL, (DcnOperand){x, NULL},
                                                (DcnOperand){-1, scale}, "scaled");
  if (y >= 0)
    y = dcn_loader_add_binary(loader, DCN_BINARY_ADD, (DcnOperand){y, NULL},
                              (DcnOperand){-1, shift}, NULL);
  dcn_tensor_unref(scale);
  dcn_tensor_unref(shift);
  return dcn_loader_set_value(loader, 0, y, FALSE);
}

gboolean
dcn_lower_batch_normalization(DcnLoader *loader)
{
  const int x = dcn_loader_float_value(loader, 0);
  static const char *const names[] = {"its scale", "its bias", "its mean", "its variance"};
  const float *parameter[4];
  const double epsilon = dcn_attr_float(loader, "epsilon", 1e-5f);
  if (x < 0)
    return FALSE;
  if (dcn_attr_int(loader, "training_mode", 0) != 0)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "training mode is not supported; export the model for inference");
  if (dcn_loader_get(loader, x)->rank < 2)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its input has no channels");
  if (dcn_attr_int(loader, "spatial", 1) == 0 && dcn_loader_get(loader, x)->rank > 2)
    return normalise_each_value(loader, x, epsilon);
  const int channels = dcn_loader_get(loader, x)->c;
  for (int i = 0; i < 4; i++) {
    DcnTensor *tensor = dcn_loader_need_constant(loader, i + 1, names[i]);
    if (!tensor)
      return FALSE;
    if (tensor->is_int || tensor->count != (size_t)channels)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "%s does not have one number per channel (%d)", names[i], channels);
    parameter[i] = tensor->f;
  }
  float *scale = g_new(float, channels), *shift = g_new(float, channels);
  for (int i = 0; i < channels; i++) {
    const double factor = parameter[0][i] / sqrt(parameter[3][i] + epsilon);
    scale[i] = (float)factor;
    shift[i] = (float)(parameter[1][i] - parameter[2][i] * factor);
  }
  return dcn_loader_set_value(loader, 0, dcn_loader_add_affine(loader, x, scale, shift, NULL),
                              FALSE);
}

/* An experimental operator of the first opsets that Windows' converters write: x * scale + bias[c]. */
gboolean
dcn_lower_image_scaler(DcnLoader *loader)
{
  const int x = dcn_loader_float_value(loader, 0);
  const float factor = dcn_attr_float(loader, "scale", 1);
  const Dcn__Onnx__Attribute *bias = dcn_attr_find(loader, "bias");
  if (x < 0 || loader->error)
    return FALSE;
  const int channels = dcn_loader_get(loader, x)->c;
  if (bias && bias->n_floats != (size_t)channels)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "attribute \"bias\" does not have one number per channel (%d)",
                           channels);
  float *scale = g_new(float, channels), *shift = g_new0(float, channels);
  for (int c = 0; c < channels; c++) {
    scale[c] = factor;
    if (bias)
      shift[c] = bias->floats[c];
  }
  return dcn_loader_set_value(loader, 0, dcn_loader_add_affine(loader, x, scale, shift, NULL),
                              FALSE);
}
