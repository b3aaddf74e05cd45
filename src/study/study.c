/* deltacnn: runs a network with the study's convolutions.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/study.h"
#include "model/onnx.h"
#include "study/blas.h"
#include "study/difference.h"
#include "study/heuristic.h"
#include "study/sparse.h"
#include "util/error.h"
#include "util/parallel.h"
#include <string.h>

struct _DcnStudy {
  DcnNet *net;
  int n_ops;
  DcnStudyLayer **layers; /* [n_ops], owned each; NULL: the engine's */
  DcnStudyTimes *times;   /* [n_ops] */
  DcnStudyScratch scratch;
  const DcnKernels *kernels;
  uint64_t inputs; /* of all layers */

  DcnState *state; /* whose convolutions these are, or NULL */
  DcnStudyMode mode;
  unsigned since_full;
  /* of the run at work */
  gboolean full;
  uint64_t inputs_changed;
};

static gboolean
same_shapes(const DcnProgram *a, const DcnProgram *b)
{
  if (a->n_ops != b->n_ops || a->n_values != b->n_values || a->input != b->input)
    return FALSE;
  for (int i = 0; i < a->n_values; i++) {
    const DcnValue *x = &a->values[i], *y = &b->values[i];
    if (x->n != y->n || x->h != y->h || x->w != y->w || x->c != y->c)
      return FALSE;
  }
  for (int i = 0; i < a->n_ops; i++) {
    const DcnOp *x = &a->ops[i], *y = &b->ops[i];
    if (x->kind != y->kind || x->n_inputs != y->n_inputs || x->output != y->output ||
        memcmp(x->inputs, y->inputs, sizeof(int) * (size_t)x->n_inputs) != 0)
      return FALSE;
  }
  return TRUE;
}

DcnStudy *
dcn_study_new(DcnNet *net, DcnProgram *program, GError **error)
{
  DcnStudy *study = NULL;
  if (!same_shapes(dcn_net_program(net), program)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "the model is not the one that the network was made of");
    goto done;
  }
  study = g_new0(DcnStudy, 1);
  study->net = dcn_net_ref(net);
  study->n_ops = program->n_ops;
  study->layers = g_new0(DcnStudyLayer *, (gsize)MAX(program->n_ops, 1));
  study->times = g_new0(DcnStudyTimes, (gsize)MAX(program->n_ops, 1));
  study->kernels = dcn_kernels_get();
  for (int i = 0; i < program->n_ops; i++) {
    DcnOp *op = &program->ops[i];
    if (!dcn_study_layer_fits(program, op))
      continue;
    study->layers[i] = dcn_study_layer_new(program, op, error);
    if (!study->layers[i]) {
      g_clear_pointer(&study, dcn_study_free);
      goto done;
    }
    dcn_conv_clear_weights(&op->u.conv); /* or all would be there twice */
    study->inputs += (uint64_t)study->layers[i]->in_pixels * (uint64_t)study->layers[i]->in_c;
  }
done:
  dcn_program_free(program);
  return study;
}

DcnStudy *
dcn_study_load(DcnNet *net, const char *path, GError **error)
{
  const DcnProgram *loaded = dcn_net_program(net);
  const DcnValue *input = &loaded->values[loaded->input];
  /* as the network was */
  const DcnOnnxOptions options = {
      .classifier = TRUE, .input_height = input->h, .input_width = input->w};
  DcnProgram *program = dcn_onnx_load_file(path, &options, error);
  return program ? dcn_study_new(net, program, error) : NULL;
}

void
dcn_study_free(DcnStudy *study)
{
  if (!study)
    return;
  for (int i = 0; i < study->n_ops; i++)
    dcn_study_layer_free(study->layers[i]);
  g_free(study->layers);
  g_free(study->times);
  dcn_study_scratch_clear(&study->scratch);
  dcn_net_unref(study->net);
  g_free(study);
}

gboolean
dcn_study_prepare(DcnStudy *study, DcnStudyMode mode, int threads, GError **error)
{
  threads = dcn_parallel_threads(threads);
  for (int i = 0; i < study->n_ops; i++) {
    DcnStudyLayer *layer = study->layers[i];
    if (!layer)
      continue;
    gboolean sparse = mode != DCN_STUDY_BLAS && !layer->connected;
    if (sparse && !dcn_study_layer_cache(layer, error))
      return FALSE;
    if (!dcn_study_scratch_fit(&study->scratch, layer, threads, sparse)) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY,
                  "the unfolded input of a convolution does not fit into memory");
      return FALSE;
    }
  }
  return TRUE;
}

void
dcn_study_reset(DcnStudy *study)
{
  study->since_full = 0;
}

static void
keep_input(DcnStudyLayer *layer, const float *in, size_t in_pitch)
{
  size_t c = (size_t)layer->in_c;
  for (size_t p = 0; p < (size_t)layer->in_pixels; p++)
    memcpy(layer->last + p * c, in + p * in_pitch, sizeof(float) * c);
}

static void
run_dense(DcnStudy *study, DcnStudyLayer *layer, DcnConvCall *call, DcnStudyTimes *times)
{
  gboolean keep = study->mode != DCN_STUDY_BLAS && !layer->connected;
  float *out = keep ? layer->sums : call->out;
  size_t pitch = keep ? (size_t)layer->out_c : call->out_pitch;
  dcn_study_blas(layer, call->in, call->in_pitch, out, pitch, call->threads, &study->scratch);
  dcn_study_scratch_stop(&study->scratch, &times->unfold_ns, &times->dense_product_ns);
  call->sums = out;
  call->sums_pitch = pitch;
  if (keep)
    keep_input(layer, call->in, call->in_pitch);
}

static void
run_sparse(DcnStudy *study, DcnStudyLayer *layer, DcnConvCall *call, DcnStudyTimes *times)
{
  DcnStudyScratch *scratch = &study->scratch;
  const float *means = NULL;
  if (study->mode == DCN_STUDY_HEURISTIC) {
    dcn_study_means(layer, call->in, call->in_pitch, scratch);
    means = scratch->difference.means;
  }
  call->inputs_changed =
      dcn_study_difference(layer, call->in, call->in_pitch, means, call->threads, scratch);
  if (call->inputs_changed > 0)
    dcn_study_sparse(layer, study->kernels, call->threads, scratch);
  times->nonzeros =
      dcn_study_scratch_stop(scratch, &times->to_sparse_ns, &times->sparse_product_ns);
  times->elements = (uint64_t)layer->out_pixels * (uint64_t)layer->groups * (uint64_t)layer->terms;
  call->macs = times->nonzeros * (uint64_t)layer->mg;
  call->sums = layer->sums;
  call->sums_pitch = (size_t)layer->out_c;
}

static gboolean
convolve(void *context, DcnConvCall *call)
{
  DcnStudy *study = context;
  DcnStudyLayer *layer = study->layers[call->op];
  DcnStudyTimes *times = &study->times[call->op];
  *times = (DcnStudyTimes){0};
  if (!layer)
    return FALSE;
  dcn_study_scratch_start(&study->scratch);
  if (study->full || layer->connected)
    run_dense(study, layer, call, times);
  else
    run_sparse(study, layer, call, times);
  study->inputs_changed += call->inputs_changed;
  return TRUE;
}

void
dcn_study_run(DcnStudy *study, DcnState *state, DcnStudyMode mode, gboolean full, int threads,
              DcnRunInfo *info)
{
  DcnRunInfo own;
  info = info ? info : &own;
  if (study->state != state) {
    study->since_full = 0;
    dcn_state_set_conv(state, convolve, study);
    study->state = state;
  }
  /* Where memory is short the engine does it. */
  if (!dcn_study_prepare(study, mode, threads, NULL)) {
    dcn_study_detach(study, state);
    dcn_state_run(state, NULL, DCN_MODE_DENSE, threads, info);
    return;
  }
  study->full = full || mode == DCN_STUDY_BLAS || mode != study->mode || study->since_full == 0;
  study->mode = mode;
  study->inputs_changed = 0;
  dcn_state_run(state, NULL, DCN_MODE_DENSE, threads, info);
  study->since_full = study->full ? 1 : MIN(study->since_full + 1, G_MAXUINT - 1);
  info->full = study->full;
  info->values = study->inputs;
  info->values_changed = study->inputs_changed;
}

void
dcn_study_detach(DcnStudy *study, DcnState *state)
{
  if (study->state == state)
    dcn_state_set_conv(state, NULL, NULL);
  study->state = NULL;
  study->since_full = 0;
}

unsigned
dcn_study_since_full(const DcnStudy *study)
{
  return study->since_full;
}

const DcnStudyTimes *
dcn_study_times(const DcnStudy *study)
{
  return study->times;
}

size_t
dcn_study_bytes(const DcnStudy *study)
{
  size_t bytes = dcn_study_scratch_bytes(&study->scratch);
  for (int i = 0; i < study->n_ops; i++)
    if (study->layers[i])
      bytes += dcn_study_layer_bytes(study->layers[i]);
  return bytes;
}
