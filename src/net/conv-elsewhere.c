/* deltacnn: a convolution of a full run that somebody else computes: the study's way, or a rival's.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/parallel.h"

typedef struct {
  const DcnJob *job;
  const DcnConvCall *call;
} Loop;

static void
activate(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnConvCall *call = loop->call;
  for (int p = begin; p < end; p++)
    dcn_act_run(job->kernels, &job->op->op->act, call->sums + (size_t)p * call->sums_pitch,
                call->out + (size_t)p * call->out_pitch, job->out->net->c);
}

gboolean
dcn_conv_elsewhere(DcnJob *job, uint64_t *inputs_changed)
{
  const DcnState *state = job->state;
  DcnConvCall call = {
      .op = job->op->index,
      .in = job->in->ref,
      .in_pitch = (size_t)job->in->net->ref_pitch,
      .out = job->out->ref,
      .out_pitch = (size_t)job->out->net->ref_pitch,
      .threads = state->threads,
      .sums = job->out->ref,
      .sums_pitch = (size_t)job->out->net->ref_pitch,
      .macs = job->op->macs,
      .inputs_changed = *inputs_changed,
  };
  if (!state->conv(state->conv_context, &call))
    return FALSE;
  job->count = job->out->net->pixels;
  Loop loop = {job, &call};
  if (call.sums != call.out || !dcn_act_is_none(&job->op->op->act))
    dcn_parallel_for(state->threads, job->count, dcn_grain((size_t)job->out->net->c * 2), activate,
                     &loop);
  dcn_worker(job, 0)->macs += call.macs;
  *inputs_changed = call.inputs_changed;
  return TRUE;
}
