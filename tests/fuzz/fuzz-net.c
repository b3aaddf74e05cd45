/* deltacnn tests: libFuzzer target of the engine, and of what finds and replaces a classifier's last layer.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whatever program comes of a model's bytes can be packed and run, in all ways, within its memory; and a model with
 * another last layer loads where the editor says that it made one. */
#include "fuzz.h"
#include "model/head.h"
#include "model/onnx.h"
#include "net/net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Elements and multiplies of programs that are run. */
#define SMALL_WORK 100000
#define N_FRAMES   4

static uint64_t
work_of(const DcnProgram *program)
{
  uint64_t work = 0;
  for (int v = 0; v < program->n_values; v++)
    work += dcn_value_elements(&program->values[v]) * 8;
  for (int i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];
    const uint64_t elements = dcn_value_elements(&program->values[op->output]);
    work += dcn_op_macs(program, op);
    if (op->kind == DCN_OP_MAX_POOL || op->kind == DCN_OP_AVG_POOL)
      work += elements * op->u.pool.kh * op->u.pool.kw;
    if (op->kind == DCN_OP_LRN)
      work += elements * op->u.lrn.size;
    if (op->kind == DCN_OP_CONV)
      work += (uint64_t)op->u.conv.kh * op->u.conv.kw * 64;
  }
  return work;
}

/* Takes the program over. */
static void
run(DcnProgram *program, uint32_t seed)
{
  GError *error = NULL;
  DcnNet *net = dcn_net_new_with(program, dcn_kernels_get(), (DcnWeights)(seed & 1), &error);
  DcnState *state = net ? dcn_state_new(net, &error) : NULL;
  if ((state != NULL) == (error != NULL))
    abort();
  if (state) {
    const DcnProgram *p = dcn_net_program(net);
    const DcnValue *in = &p->values[p->input];
    const size_t pixels = (size_t)in->n * in->h * in->w, pitch = dcn_channel_pitch(in->c);
    uint8_t *touched = g_malloc(pixels);
    dcn_state_set_adaptive(state, seed >> 1 & 1);
    dcn_state_set_tolerance(state, seed >> 2 & 1 ? 0.1 : 0);
    for (int frame = 0; frame < N_FRAMES; frame++) {
      for (size_t i = 0; i < pixels; i++) {
        seed = seed * 1664525 + 1013904223;
        touched[i] = frame == 0 || (seed >> 28) == 0;
        for (int c = 0; touched[i] && c < in->c; c++)
          dcn_state_input(state)[i * pitch + (size_t)c] = (float)(seed >> 8 & 255) - 100;
      }
      dcn_state_run(state, touched, (DcnMode)(seed >> 16 & 3 ? DCN_MODE_DELTA : seed >> 18 & 1), 1,
                    NULL);
    }
    for (int o = 0; o < p->n_outputs; o++) {
      float *out = g_new(float, dcn_value_elements(&p->values[p->outputs[o]]));
      dcn_state_output(state, o, out);
      g_free(out);
    }
    g_free(touched);
  }
  dcn_state_free(state);
  dcn_net_unref(net);
  g_clear_error(&error);
}

static void
edit_head(const uint8_t *data, size_t size, int n_layers)
{
  const int file = memfd_create("model", MFD_CLOEXEC);
  char *path = g_strdup_printf("/proc/self/fd/%d", file);
  GError *error = NULL;
  DcnHead *head = NULL;
  if (file >= 0 && write(file, data, size) == (ssize_t)size)
    head = dcn_head_open(path, n_layers, &error);
  g_free(path);
  close(file);
  if (error && !g_utf8_validate(error->message, -1, NULL))
    abort();
  g_clear_error(&error);
  if (!head)
    return;
  const DcnHeadInfo *info = dcn_head_info(head);
  if (!info->name || info->n_classes < 1 || info->n_features < 1)
    abort();
  size_t made = 0;
  uint8_t *bytes = dcn_head_features(head, &made, &error);
  if ((bytes != NULL) == (error != NULL))
    abort();
  g_clear_error(&error);
  g_free(bytes);
  if (info->n_features < 10000) {
    float *weights = g_new0(float, (size_t)info->n_features * 3);
    bytes = dcn_head_replace(head, 3, weights, weights, &made, &error);
    if ((bytes != NULL) == (error != NULL))
      abort();
    if (bytes)
      dcn_program_free(dcn_onnx_load_memory(bytes, made, "made.onnx",
                                            &(DcnOnnxOptions){.classifier = TRUE}, NULL));
    g_clear_error(&error);
    g_free(bytes);
    g_free(weights);
  }
  dcn_head_free(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const DcnOnnxOptions options = {.input_height = 16, .input_width = 12, .classifier = size & 1};
  DcnProgram *program = dcn_onnx_load_memory(data, size, "fuzz.onnx", &options, NULL);
  uint32_t seed = (uint32_t)size;
  for (size_t i = 0; i < size; i++)
    seed = seed * 31 + data[i];
  if (program && work_of(program) < SMALL_WORK)
    run(program, seed);
  else
    dcn_program_free(program);
  edit_head(data, size, 1 + (int)(seed >> 3 & 1));
  return 0;
}
