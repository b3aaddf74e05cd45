/* deltacnn tests: runs the operator cases of Debian's libonnx-testdata through an executor.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnxcases.h"
#include "model/onnx.h"
#include "onnx.pb-c.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

#define TESTDATA "/usr/share/libonnx-testdata/data"

/* The operators that the engine promises. A case that uses any other one is none of ours. */
static const char *const operators[] = {
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Concat",
    "ConcatFromSequence",
    "Constant",
    "ConstantFill",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "MeanVarianceNormalization",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "Round",
    "ScatterND",
    "Selu",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "Shape",
    "Sigmoid",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "SplitToSequence",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Upsample",
};

static gboolean
is_listed(const char *op_type)
{
  for (size_t i = 0; i < G_N_ELEMENTS(operators); i++)
    if (strcmp(operators[i], op_type) == 0)
      return TRUE;
  return FALSE;
}

typedef struct {
  char *bytes;
  size_t size;
} Blob;

static gboolean
read_blob(const char *folder, const char *kind, int i, Blob *blob)
{
  char *path = g_strdup_printf("%s/%s_%d.pb", folder, kind, i);
  const gboolean ok = g_file_get_contents(path, &blob->bytes, &blob->size, NULL);
  g_free(path);
  return ok;
}

static char *
compare(const DcnValue *value, const float *got, const Blob *blob)
{
  GError *error = NULL;
  float *wanted;
  int dims[DCN_MAX_RANK], rank;
  char *wrong = NULL;
  if (!dcn_onnx_read_tensor((const uint8_t *)blob->bytes, blob->size, &wanted, dims, &rank,
                            &error)) {
    wrong = g_strdup_printf("expected output: %s", error->message);
    g_error_free(error);
    return wrong;
  }
  if (rank != value->rank || memcmp(dims, value->dims, rank * sizeof *dims) != 0)
    wrong = g_strdup_printf("shape of %s: rank %d instead of %d, or other sizes", value->name,
                            value->rank, rank);
  /* Half precision is computed in single precision here. */
  Dcn__Onnx__Tensor *proto =
      dcn__onnx__tensor__unpack(NULL, blob->size, (const uint8_t *)blob->bytes);
  const double tolerance = proto->data_type == 10 ? 1e-3 : 1e-4;
  dcn__onnx__tensor__free_unpacked(proto, NULL);
  const size_t count = wrong ? 0 : dcn_value_elements(value);
  double largest = 0;
  for (size_t i = 0; i < count; i++)
    if (isfinite(wanted[i]))
      largest = fmax(largest, fabs(wanted[i]));
  for (size_t i = 0; i < count && !wrong; i++) {
    /* Written so that a NaN on one side only is a difference. */
    const gboolean same = got[i] == wanted[i] || (isnan(got[i]) && isnan(wanted[i])) ||
                          fabs((double)got[i] - wanted[i]) <= tolerance * largest + 1e-6;
    if (!same)
      wrong = g_strdup_printf("element %zu is %g, expected %g", i, got[i], wanted[i]);
  }
  g_free(wanted);
  return wrong;
}

/* Whether the model uses listed operators only, on numbers of kinds we have. */
static char *
why_not_ours(const Dcn__Onnx__Model *model)
{
  for (size_t i = 0; i < model->graph->n_node; i++)
    if (!is_listed(model->graph->node[i]->op_type))
      return g_strdup_printf("uses %s", model->graph->node[i]->op_type);
  /* The corners of a size that is no whole number: onnxruntime aligns those of the whole one, and so do we. */
  const char *name = model->graph->name ? model->graph->name : "";
  if (g_str_has_prefix(name, "test_resize_downsample_scales_") &&
      g_str_has_suffix(name, "_align_corners"))
    return g_strdup("onnxruntime differs from ONNX here");
  /* The case's numbers wrap around where the operator saturates. */
  if (g_str_has_prefix(name, "test_qlinearmatmul_") && strstr(name, "_int8_"))
    return g_strdup("expects an overflow that the operator excludes");
  /* Sequences, optionals, strings; bfloat16, which the data files hold as integers; and, of later
   * versions of ONNX, numbers of 8 and 4 bits. */
  for (size_t i = 0; i < model->graph->n_input; i++) {
    const Dcn__Onnx__Type *type = model->graph->input[i]->type;
    const int element = type && type->tensor_type ? type->tensor_type->elem_type : 0;
    if (element == 0 || element == 8 || element >= 16)
      return g_strdup("its input is not a tensor of numbers that are supported");
  }
  return NULL;
}

/* Shapes with a size of 0: nothing to compute, and to the loader a free dimension. */
static gboolean
is_empty(const Blob *blob)
{
  Dcn__Onnx__Tensor *proto =
      dcn__onnx__tensor__unpack(NULL, blob->size, (const uint8_t *)blob->bytes);
  gboolean empty = FALSE;
  for (size_t i = 0; proto && i < proto->n_dims; i++)
    empty = empty || proto->dims[i] == 0;
  if (proto)
    dcn__onnx__tensor__free_unpacked(proto, NULL);
  return empty;
}

static char *
execute(DcnProgram *program, const Blob *input, const char *data_set, OnnxCaseRun run, void *user)
{
  const DcnValue *first = &program->values[program->input];
  float *data = NULL;
  int dims[DCN_MAX_RANK], rank;
  GError *error = NULL;
  char *wrong = NULL;
  if (!input) {
    data = g_new0(float, 1);
  } else if (!dcn_onnx_read_tensor((const uint8_t *)input->bytes, input->size, &data, dims, &rank,
                                   &error)) {
    wrong = g_strdup_printf("input: %s", error->message);
    g_error_free(error);
  } else if (rank != first->rank || memcmp(dims, first->dims, rank * sizeof *dims) != 0) {
    wrong = g_strdup("the program's input has another shape than the data");
  }
  if (wrong) {
    g_free(data);
    dcn_program_free(program);
    return wrong;
  }
  /* The executor owns the program: keep what is needed to compare. */
  const int n = program->n_outputs;
  DcnValue *values = g_new0(DcnValue, n);
  float **outputs = g_new0(float *, n);
  for (int i = 0; i < n; i++) {
    values[i] = program->values[program->outputs[i]];
    values[i].name = g_strdup(values[i].name);
    outputs[i] = g_new0(float, dcn_value_elements(&values[i]));
  }
  if (!run(program, data, outputs, user, &error)) {
    wrong = g_strdup_printf("run: %s", error ? error->message : "failed");
    g_clear_error(&error);
  }
  for (int i = 0; i < n; i++) {
    Blob blob;
    if (!wrong && read_blob(data_set, "output", i, &blob)) {
      wrong = compare(&values[i], outputs[i], &blob);
      g_free(blob.bytes);
    } else if (!wrong) {
      wrong = g_strdup_printf("output_%d.pb is missing", i);
    }
    g_free(outputs[i]);
    g_free(values[i].name);
  }
  g_free(outputs);
  g_free(values);
  g_free(data);
  return wrong;
}

/* A LayerNormalization's mean and deviation are what training wants: only its result is asked for. */
static void
keep_first_output(Dcn__Onnx__Graph *graph, Blob *blob, const Dcn__Onnx__Model *model)
{
  const size_t all = graph->n_output;
  if (graph->n_node != 1 || strcmp(graph->node[0]->op_type, "LayerNormalization") != 0)
    return;
  graph->n_output = 1;
  g_free(blob->bytes);
  blob->size = dcn__onnx__model__get_packed_size(model);
  blob->bytes = g_malloc(blob->size);
  dcn__onnx__model__pack(model, (uint8_t *)blob->bytes);
  graph->n_output = all;
}

char *
onnx_case_run(const char *model_file, const char *data_set, gboolean all_bound, OnnxCaseRun run,
              void *user, gboolean *skipped)
{
  Blob model_blob, blobs[16];
  const char *names[16];
  const uint8_t *tensors[16];
  size_t sizes[16];
  int n = 0, bound = 0;
  char *wrong = NULL;

  *skipped = FALSE;
  if (!g_file_get_contents(model_file, &model_blob.bytes, &model_blob.size, NULL)) {
    *skipped = TRUE;
    return g_strdup("no model");
  }
  Dcn__Onnx__Model *model =
      dcn__onnx__model__unpack(NULL, model_blob.size, (const uint8_t *)model_blob.bytes);
  if (model && model->graph)
    keep_first_output(model->graph, &model_blob, model);
  if (!model || !model->graph)
    wrong = g_strdup("not a model");
  else if ((wrong = why_not_ours(model)))
    *skipped = TRUE;
  while (!wrong && n < 16 && read_blob(data_set, "input", n, &blobs[n]))
    n++;
  if (!wrong && all_bound && n == 0 && model->graph->n_input > 0) {
    wrong = g_strdup("no data");
    *skipped = TRUE;
  }
  if (!wrong && !all_bound && n > 0 && is_empty(&blobs[0])) {
    wrong = g_strdup("its input is empty");
    *skipped = TRUE;
  }
  DcnOnnxOptions options = {.bound_names = names, .bound_tensors = tensors, .bound_sizes = sizes};
  if (!wrong) {
    /* Data files go with the inputs in order; initializers are no inputs then. */
    for (int i = all_bound ? 0 : 1; i < n && i < (int)model->graph->n_input; i++) {
      names[bound] = model->graph->input[i]->name;
      tensors[bound] = (const uint8_t *)blobs[i].bytes;
      sizes[bound++] = blobs[i].size;
    }
    options.n_bound = bound;
    GError *error = NULL;
    DcnProgram *program = dcn_onnx_load_memory((const uint8_t *)model_blob.bytes, model_blob.size,
                                               "case", &options, &error);
    if (program) {
      wrong = execute(program, all_bound || n == 0 ? NULL : &blobs[0], data_set, run, user);
    } else {
      *skipped = g_error_matches(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED);
      wrong = g_strdup(error->message);
      g_error_free(error);
    }
  }
  for (int i = 0; i < n; i++)
    g_free(blobs[i].bytes);
  if (model)
    dcn__onnx__model__free_unpacked(model, NULL);
  g_free(model_blob.bytes);
  return wrong;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_folder(const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  GDir *dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir)))
    g_ptr_array_add(names, g_strdup(name));
  if (dir)
    g_dir_close(dir);
  g_ptr_array_sort(names, by_name);
  return names;
}

static gboolean
run_folders(OnnxCaseRun run, void *user, gboolean constant, OnnxCaseCounts *counts)
{
  static const char *const folders[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
  memset(counts, 0, sizeof *counts);
  if (!g_file_test(TESTDATA "/node", G_FILE_TEST_IS_DIR))
    return FALSE;
  for (size_t f = 0; f < G_N_ELEMENTS(folders); f++) {
    char *folder = g_build_filename(TESTDATA, folders[f], NULL);
    GPtrArray *names = list_folder(folder);
    OnnxCaseCounts here = {0};
    int foreign = 0;
    for (guint i = 0; i < names->len; i++) {
      char *model = g_build_filename(folder, g_ptr_array_index(names, i), "model.onnx", NULL);
      char *data = g_build_filename(folder, g_ptr_array_index(names, i), "test_data_set_0", NULL);
      gboolean skipped, folded_skipped;
      char *wrong = onnx_case_run(model, data, constant, run, user, &skipped);
      if (skipped && !constant && !g_str_has_prefix(wrong, "uses ")) {
        /* Not as a computation; perhaps with everything constant (shapes, indices, integers). */
        char *folded = onnx_case_run(model, data, TRUE, run, user, &folded_skipped);
        if (!folded_skipped) {
          g_free(wrong);
          wrong = folded;
          skipped = FALSE;
        } else {
          g_free(folded);
        }
      }
      if (skipped && g_str_has_prefix(wrong, "uses ")) {
        foreign++;
      } else if (skipped) {
        here.skipped++;
        g_print("# skipped %s: %s\n", (char *)g_ptr_array_index(names, i), wrong);
      } else {
        here.run++;
        if (wrong) {
          here.failed++;
          g_print("# FAILED %s: %s\n", (char *)g_ptr_array_index(names, i), wrong);
        } else {
          here.passed++;
        }
      }
      g_free(wrong);
      g_free(model);
      g_free(data);
    }
    g_print("# %s: %d cases run, %d passed, %d failed, %d skipped; %d use other operators\n",
            folders[f], here.run, here.passed, here.failed, here.skipped, foreign);
    counts->run += here.run;
    counts->passed += here.passed;
    counts->failed += here.failed;
    counts->skipped += here.skipped;
    g_ptr_array_unref(names);
    g_free(folder);
  }
  g_print("# all: %d cases run, %d passed, %d failed, %d skipped\n", counts->run, counts->passed,
          counts->failed, counts->skipped);
  return TRUE;
}

gboolean
onnx_cases_run_all(OnnxCaseRun run, void *user, OnnxCaseCounts *counts)
{
  return run_folders(run, user, FALSE, counts);
}

gboolean
onnx_cases_run_constant(OnnxCaseRun run, void *user, OnnxCaseCounts *counts)
{
  return run_folders(run, user, TRUE, counts);
}
