/* deltacnn: a network with packed weights, shared by streams.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/net.h"
#include "model/onnx.h"
#include "util/error.h"
#include "util/memory.h"
#include <string.h>

struct _DcnNet {
  int refs; /* atomic */
  DcnProgram *program;
};

struct _DcnState {
  DcnNet *net;
  float *input;
};

DcnNet *
dcn_net_new(DcnProgram *program, GError **error)
{
  DcnNet *net = g_new0(DcnNet, 1);
  net->refs = 1;
  net->program = program;
  return net;
}

DcnNet *
dcn_net_load(const char *path, GError **error)
{
  DcnProgram *program = dcn_onnx_load_file(path, NULL, error);
  return program ? dcn_net_new(program, error) : NULL;
}

DcnNet *
dcn_net_ref(DcnNet *net)
{
  g_atomic_int_inc(&net->refs);
  return net;
}

void
dcn_net_unref(DcnNet *net)
{
  if (!net || !g_atomic_int_dec_and_test(&net->refs))
    return;
  dcn_program_free(net->program);
  g_free(net);
}

const DcnProgram *
dcn_net_program(const DcnNet *net)
{
  return net->program;
}

size_t
dcn_net_weight_bytes(const DcnNet *net)
{
  return 0;
}

uint64_t
dcn_net_macs(const DcnNet *net)
{
  uint64_t macs = 0;
  for (int i = 0; i < net->program->n_ops; i++)
    macs += dcn_op_macs(net->program, &net->program->ops[i]);
  return macs;
}

DcnState *
dcn_state_new(DcnNet *net, GError **error)
{
  const DcnValue *v = &net->program->values[net->program->input];
  DcnState *state = g_new0(DcnState, 1);
  state->net = dcn_net_ref(net);
  state->input = dcn_aligned_new0((size_t)v->n * v->h * v->w * dcn_channel_pitch(v->c), sizeof(float));
  return state;
}

void
dcn_state_free(DcnState *state)
{
  if (!state)
    return;
  dcn_net_unref(state->net);
  dcn_aligned_free(state->input);
  g_free(state);
}

void
dcn_state_reset(DcnState *state)
{
}

size_t
dcn_state_cache_bytes(const DcnState *state)
{
  return 0;
}

void
dcn_state_set_tolerance(DcnState *state, double tolerance)
{
}

gboolean
dcn_state_set_value_tolerance(DcnState *state, const char *value_name, double tolerance)
{
  return FALSE;
}

float *
dcn_state_input(DcnState *state)
{
  return state->input;
}

void
dcn_state_run(DcnState *state, const uint8_t *touched, DcnMode mode, int threads, DcnRunInfo *info)
{
  if (info)
    memset(info, 0, sizeof *info);
}

void
dcn_state_output(const DcnState *state, int output, float *out)
{
  const DcnValue *v = &state->net->program->values[state->net->program->outputs[output]];
  memset(out, 0, sizeof(float) * v->n * v->h * v->w * v->c);
}

gboolean
dcn_state_value(const DcnState *state, int value, float *out)
{
  return FALSE;
}
