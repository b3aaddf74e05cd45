/* deltacnn: which function lowers which operator.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To add an operator: write its function in the file of its family, name it here, and find its
 * cases in the operator tests. */
#include "model/loader.h"
#include <string.h>

static const struct {
  const char *op_type;
  DcnLower lower;
} table[] = {
    {"Conv", dcn_lower_conv},
    {"ConvTranspose", dcn_lower_conv_transpose},
    {"MaxPool", dcn_lower_max_pool},
    {"AveragePool", dcn_lower_average_pool},
    {"GlobalAveragePool", dcn_lower_global_average_pool},
    {"GlobalMaxPool", dcn_lower_global_max_pool},
    {"ReduceMean", dcn_lower_reduce},
    {"ReduceSum", dcn_lower_reduce},
    {"ReduceMax", dcn_lower_reduce},
    {"ReduceMin", dcn_lower_reduce},
    {"ReduceProd", dcn_lower_reduce},
    {"ReduceL1", dcn_lower_reduce},
    {"ReduceL2", dcn_lower_reduce},
    {"ReduceSumSquare", dcn_lower_reduce},

    {"Relu", dcn_lower_activation},
    {"LeakyRelu", dcn_lower_activation},
    {"Sigmoid", dcn_lower_activation},
    {"Tanh", dcn_lower_activation},
    {"HardSigmoid", dcn_lower_activation},
    {"HardSwish", dcn_lower_activation},
    {"Clip", dcn_lower_clip},
    {"PRelu", dcn_lower_prelu},
    {"Celu", dcn_lower_celu},
    {"Abs", dcn_lower_unary},
    {"Ceil", dcn_lower_unary},
    {"Elu", dcn_lower_unary},
    {"Erf", dcn_lower_unary},
    {"Exp", dcn_lower_unary},
    {"Floor", dcn_lower_unary},
    {"Gelu", dcn_lower_unary},
    {"Log", dcn_lower_unary},
    {"Mish", dcn_lower_unary},
    {"Reciprocal", dcn_lower_unary},
    {"Round", dcn_lower_unary},
    {"Selu", dcn_lower_unary},
    {"Softplus", dcn_lower_unary},
    {"Softsign", dcn_lower_unary},
    {"Sqrt", dcn_lower_unary},
    {"ThresholdedRelu", dcn_lower_unary},
    {"Neg", dcn_lower_neg},
    {"Pow", dcn_lower_pow},
    {"Add", dcn_lower_binary},
    {"Sub", dcn_lower_binary},
    {"Mul", dcn_lower_binary},
    {"Div", dcn_lower_binary},
    {"Sum", dcn_lower_variadic},
    {"Min", dcn_lower_variadic},
    {"Max", dcn_lower_variadic},
    {"BatchNormalization", dcn_lower_batch_normalization},
    {"InstanceNormalization", dcn_lower_instance_normalization},
    {"GroupNormalization", dcn_lower_group_normalization},
    {"MeanVarianceNormalization", dcn_lower_mean_variance_normalization},
    {"ImageScaler", dcn_lower_image_scaler},
    {"LRN", dcn_lower_lrn},
    {"LayerNormalization", dcn_lower_layer_normalization},
    {"Softmax", dcn_lower_softmax},
    {"LogSoftmax", dcn_lower_softmax},

    {"Gemm", dcn_lower_gemm},
    {"MatMul", dcn_lower_matmul},
    {"Einsum", dcn_lower_einsum},
    {"Attention", dcn_lower_attention},

    {"Identity", dcn_lower_identity},
    {"Dropout", dcn_lower_dropout},
    {"Reshape", dcn_lower_reshape},
    {"Flatten", dcn_lower_flatten},
    {"Squeeze", dcn_lower_squeeze},
    {"Unsqueeze", dcn_lower_unsqueeze},
    {"Transpose", dcn_lower_transpose},
    {"Slice", dcn_lower_slice},
    {"Split", dcn_lower_split},
    {"Gather", dcn_lower_gather},
    {"Expand", dcn_lower_expand},
    {"Tile", dcn_lower_tile},
    {"Pad", dcn_lower_pad},
    {"Concat", dcn_lower_concat},
    {"DepthToSpace", dcn_lower_depth_to_space},
    {"SpaceToDepth", dcn_lower_space_to_depth},
    {"SequenceConstruct", dcn_lower_sequence_construct},
    {"SequenceEmpty", dcn_lower_sequence_construct},
    {"SequenceInsert", dcn_lower_sequence_insert},
    {"SequenceErase", dcn_lower_sequence_erase},
    {"SequenceAt", dcn_lower_sequence_at},
    {"SequenceLength", dcn_lower_sequence_length},
    {"ConcatFromSequence", dcn_lower_concat_from_sequence},
    {"SplitToSequence", dcn_lower_split_to_sequence},
    {"Resize", dcn_lower_resize},
    {"Upsample", dcn_lower_resize},

    {"QuantizeLinear", dcn_lower_quantize},
    {"DequantizeLinear", dcn_lower_dequantize},
    {"ConvInteger", dcn_lower_integer_arithmetic},
    {"MatMulInteger", dcn_lower_integer_arithmetic},
    {"DynamicQuantizeLinear", dcn_lower_integer_arithmetic},

    {"Constant", dcn_lower_constant},
    {"ConstantFill", dcn_lower_constant_fill},
    {"ConstantOfShape", dcn_lower_constant_of_shape},
    {"Shape", dcn_lower_shape},
    {"Size", dcn_lower_size},
    {"Range", dcn_lower_range},
    {"Cast", dcn_lower_cast},
    {"CastLike", dcn_lower_cast_like},
    {"Where", dcn_lower_choice},
    {"Equal", dcn_lower_choice},
    {"Less", dcn_lower_choice},
    {"LessOrEqual", dcn_lower_choice},
    {"Greater", dcn_lower_choice},
    {"GreaterOrEqual", dcn_lower_choice},
    {"And", dcn_lower_choice},
    {"Or", dcn_lower_choice},
    {"Xor", dcn_lower_choice},
    {"Not", dcn_lower_choice},
    {"Mod", dcn_lower_choice},
    {"ScatterND", dcn_lower_scatter_nd},
};

DcnLower
dcn_lower_find(const char *op_type)
{
  for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
    if (strcmp(table[i].op_type, op_type) == 0)
      return table[i].lower;
  return NULL;
}
