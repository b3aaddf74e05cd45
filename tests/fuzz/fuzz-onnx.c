/* deltacnn tests: libFuzzer target of the model loader.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes give a program that keeps its promises, or an error with a message; small programs are
 * run too. */
#include "checkprogram.h"
#include "fuzz.h"
#include "model/onnx.h"
#include "reference.h"
#include <stdio.h>
#include <stdlib.h>

/* Multiplies, or elements touched, of a program that is still run. */
#define SMALL_WORK 200000

static uint64_t
work_of(const DcnProgram *program)
{
  uint64_t work = 0;
  for (int v = 0; v < program->n_values; v++)
    work += dcn_value_elements(&program->values[v]);
  for (int i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];
    const uint64_t elements = dcn_value_elements(&program->values[op->output]);
    const uint64_t channels = (uint64_t)program->values[op->inputs[0]].c;
    work += dcn_op_macs(program, op);
    if (op->kind == DCN_OP_MAX_POOL || op->kind == DCN_OP_AVG_POOL)
      work += elements * op->u.pool.kh * op->u.pool.kw;
    if (op->kind == DCN_OP_SOFTMAX || op->kind == DCN_OP_LOG_SOFTMAX)
      work += elements * channels;
    if (op->kind == DCN_OP_LRN)
      work += elements * op->u.lrn.size;
  }
  return work;
}

static void
load(const uint8_t *data, size_t size, const DcnOnnxOptions *options)
{
  GError *error = NULL;
  DcnProgram *program = dcn_onnx_load_memory(data, size, "fuzz.onnx", options, &error);
  if (program) {
    const char *wrong = check_program(program);
    if (wrong) {
      fprintf(stderr, "the program breaks a rule: %s\n", wrong);
      abort();
    }
    if (options->classifier && program->n_outputs > program->n_file_outputs) {
      fprintf(stderr, "%d outputs are kept of %d\n", program->n_outputs, program->n_file_outputs);
      abort();
    }
    if (work_of(program) < SMALL_WORK) {
      float *input = g_new0(float, dcn_value_elements(&program->values[program->input]));
      float **values = reference_run(program, input);
      reference_free(program, values);
      g_free(input);
    }
    dcn_program_free(program);
  }
  if ((program != NULL) == (error != NULL) || (error && !g_utf8_validate(error->message, -1, NULL)))
    abort();
  g_clear_error(&error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  /* As tests and as the element load; and with nothing simplified, which leaves other programs to be run. */
  load(data, size, &(DcnOnnxOptions){.input_height = 16, .input_width = 12});
  load(data, size, &(DcnOnnxOptions){.classifier = TRUE});
  load(data, size, &(DcnOnnxOptions){.input_height = 5, .input_width = 16, .literal = TRUE});

  GError *error = NULL;
  float *elements;
  int dims[DCN_MAX_RANK], rank;
  if (dcn_onnx_read_tensor(data, size, &elements, dims, &rank, &error))
    g_free(elements);
  g_clear_error(&error);
  return 0;
}
