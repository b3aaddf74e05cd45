/* deltacnn: a network: shapes checked, weights packed, memory planned.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/error.h"
#include "util/memory.h"
#include <string.h>

gboolean
dcn_no_memory(GError **error)
{
  g_set_error_literal(error, DCN_ERROR, DCN_ERROR_MEMORY, "not enough memory for the network");
  return FALSE;
}

static gboolean
bad(GError **error, const DcnOp *op, const char *what)
{
  g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "'%s': %s",
              op && op->name ? op->name : "network", what);
  return FALSE;
}

/* Offsets of elements are 32 bits in several tables. */
static gboolean
plan_value(const DcnValue *value, DcnNetValue *nv, GError **error)
{
  nv->n = value->n;
  nv->h = value->h;
  nv->w = value->w;
  nv->c = value->c;
  if (nv->n < 1 || nv->h < 1 || nv->w < 1 || nv->c < 1 || nv->c > INT32_MAX / 64) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "value '%s' has an impossible shape",
                value->name);
    return FALSE;
  }
  nv->pitch = nv->c <= 4 ? nv->c : dcn_channel_pitch(nv->c);
  nv->words = dcn_mask_words(nv->c);
  nv->row_words = dcn_bits_words(nv->w);
  nv->ref_pitch = nv->delta_pitch = nv->pitch;
  nv->delta_of = -1;
  nv->view_of = -1;
  size_t pixels;
  if (!dcn_size_mul((size_t)nv->n * nv->h, (size_t)nv->w, &pixels) || pixels > INT32_MAX ||
      !dcn_size_mul(pixels, (size_t)nv->pitch, &nv->floats) || nv->floats > INT32_MAX) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY, "value '%s' is too large", value->name);
    return FALSE;
  }
  nv->pixels = (int)pixels;
  return TRUE;
}

static gboolean
same_pixels(const DcnNetValue *a, const DcnNetValue *b)
{
  return a->n == b->n && a->h == b->h && a->w == b->w;
}

static gboolean
repeats(int b, int out)
{
  return b == 1 || b == out;
}

/* The loader promises all this; a program from elsewhere need not. */
static gboolean
check_op(const DcnNet *net, const DcnOp *op, GError **error)
{
  const DcnProgram *program = net->program;
  if (op->output < 0 || op->output >= program->n_values || op->n_inputs < 1)
    return bad(error, op, "has no input or output");
  for (int i = 0; i < op->n_inputs; i++)
    if (op->inputs[i] < 0 || op->inputs[i] >= program->n_values ||
        !net->values[op->inputs[i]].produced)
      return bad(error, op, "reads a value that is not there yet");
  if (net->values[op->output].produced)
    return bad(error, op, "writes a value that is there already");
  const DcnNetValue *in = dcn_op_in(net, op), *out = dcn_op_out(net, op);
  switch (op->kind) {
  case DCN_OP_CONV: {
    const DcnConv *v = &op->u.conv;
    if (v->kh < 1 || v->kw < 1 || v->kh > 4096 || v->kw > 4096 || v->stride_h < 1 ||
        v->stride_w < 1 || v->dil_h < 1 || v->dil_w < 1 || v->groups < 1 || in->c % v->groups ||
        out->c % v->groups || in->n != out->n || (!v->weights && !v->stored))
      return bad(error, op, "has an impossible convolution");
    break;
  }
  case DCN_OP_MAX_POOL:
  case DCN_OP_AVG_POOL: {
    const DcnPool *v = &op->u.pool;
    if (v->kh < 1 || v->kw < 1 || v->kh > 4096 || v->kw > 4096 || v->stride_h < 1 ||
        v->stride_w < 1 || v->dil_h < 1 || v->dil_w < 1 || in->c != out->c || in->n != out->n)
      return bad(error, op, "has an impossible pool");
    break;
  }
  case DCN_OP_GLOBAL_AVG:
    if (in->c != out->c || in->n != out->n || out->h != 1 || out->w != 1)
      return bad(error, op, "has shapes that do not fit");
    break;
  case DCN_OP_AFFINE:
  case DCN_OP_ACT:
  case DCN_OP_LRN:
  case DCN_OP_SOFTMAX:
  case DCN_OP_LOG_SOFTMAX:
  case DCN_OP_LAYER_NORM:
    if (in->c != out->c || !same_pixels(in, out) || (op->kind == DCN_OP_LRN && op->u.lrn.size < 1))
      return bad(error, op, "has shapes that do not fit");
    break;
  case DCN_OP_BINARY: {
    const DcnBinary *v = &op->u.binary;
    const DcnNetValue *b = op->n_inputs > 1 ? &net->values[op->inputs[1]] : NULL;
    if (in->c != out->c || !same_pixels(in, out) || !repeats(v->bn, out->n) ||
        !repeats(v->bh, out->h) || !repeats(v->bw, out->w) || !repeats(v->bc, out->c) ||
        (!v->constant && !b) ||
        (!v->constant && (b->n != v->bn || b->h != v->bh || b->w != v->bw || b->c != v->bc)))
      return bad(error, op, "has shapes that do not fit");
    break;
  }
  case DCN_OP_CONCAT:
  case DCN_OP_GATHER:
    break;
  case DCN_OP_MATMUL: {
    const DcnMatMul *v = &op->u.matmul;
    if (v->batch < 1 || v->rows < 1 || v->k < 1 || v->m < 1 || !repeats(v->a_batch, v->batch) ||
        !repeats(v->b_batch, v->batch) || (!v->a_constant && !v->b_constant && op->n_inputs < 2))
      return bad(error, op, "has shapes that do not fit");
    break;
  }
  default:
    return bad(error, op, "is of a kind this engine does not know");
  }
  if (op->act.kind == DCN_ACT_PRELU && !op->act.slope)
    return bad(error, op, "has no slopes");
  if (op->act.kind == DCN_ACT_QUANTIZE &&
      !(op->act.alpha > 0 && op->act.lo >= -DCN_QUANTIZE_MAX && op->act.hi <= DCN_QUANTIZE_MAX &&
        op->act.lo <= op->act.hi))
    return bad(error, op, "rounds to levels that are too many");
  return TRUE;
}

static const DcnOpClass *
class_of(const DcnNet *net, const DcnOp *op)
{
  switch (op->kind) {
  case DCN_OP_CONV:
    return dcn_depthwise_fits(net, op) ? &dcn_depthwise_class
           : dcn_fc_fits(net, op)      ? &dcn_fc_class
           : dcn_first_fits(net, op)   ? &dcn_first_class
                                       : &dcn_conv_class;
  case DCN_OP_MAX_POOL:
  case DCN_OP_AVG_POOL:
    return &dcn_pool_class;
  case DCN_OP_GLOBAL_AVG:
    return &dcn_global_avg_class;
  case DCN_OP_AFFINE:
    return &dcn_affine_class;
  case DCN_OP_ACT:
    return &dcn_act_class;
  case DCN_OP_BINARY:
    return &dcn_binary_class;
  case DCN_OP_LRN:
    return &dcn_lrn_class;
  case DCN_OP_SOFTMAX:
  case DCN_OP_LOG_SOFTMAX:
    return &dcn_softmax_class;
  case DCN_OP_LAYER_NORM:
    return &dcn_layer_norm_class;
  case DCN_OP_CONCAT:
    return &dcn_concat_class;
  case DCN_OP_GATHER:
    return &dcn_gather_class;
  default:
    return &dcn_matmul_class;
  }
}

/* Gives each value whose deltas are read a place in the arena that no other value uses between its
 * own op and the last reader: first fit over the places taken by the values alive then. */
static void
plan_arena(DcnNet *net)
{
  const DcnProgram *program = net->program;
  int n = program->n_ops, n_live = 0;
  int *live = g_new(int, (size_t)program->n_values);
  gboolean *placed = g_new0(gboolean, (size_t)program->n_values);
  for (int i = -1; i < n; i++) {
    int value = i < 0 ? program->input : program->ops[i].output;
    DcnNetValue *nv = &net->values[value];
    int kept = 0;
    for (int j = 0; j < n_live; j++)
      if (net->values[live[j]].last_delta_use >= i)
        live[kept++] = live[j];
    n_live = kept;
    if (nv->delta_of >= 0) { /* the first of the parts makes the place */
      value = nv->delta_of;
      nv = &net->values[value];
    }
    if (!nv->wants_delta || placed[value])
      continue;
    placed[value] = TRUE;
    size_t size = (nv->floats + 15) / 16 * 16, at = 0;
    int slot = 0; /* live[] is sorted by offset */
    for (; slot < n_live; slot++) {
      const DcnNetValue *other = &net->values[live[slot]];
      if (other->delta_offset >= at + size)
        break;
      at = other->delta_offset + (other->floats + 15) / 16 * 16;
    }
    memmove(live + slot + 1, live + slot, sizeof(int) * (size_t)(n_live - slot));
    live[slot] = value;
    n_live++;
    nv->delta_offset = at;
    net->arena_floats = MAX(net->arena_floats, at + size);
  }
  net->arena_floats += 4; /* first layers read four floats at a time */
  for (int i = 0; i < program->n_values; i++) {
    DcnNetValue *nv = &net->values[i];
    if (nv->delta_of >= 0)
      nv->delta_offset = net->values[nv->delta_of].delta_offset + (size_t)nv->view_channel;
  }
  g_free(live);
  g_free(placed);
}

/* Lets the inputs of channel concatenations be written where they end up.  Not those of which ref
 * is written in another way than pixel by pixel (the input, matrix products), and each only once.
 */
static void
plan_views(DcnNet *net)
{
  const DcnProgram *program = net->program;
  for (int i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];
    if (op->kind == DCN_OP_MATMUL || op->kind == DCN_OP_COUNT)
      continue;
    for (int j = i + 1; j < program->n_ops && net->values[op->output].view_of < 0; j++) {
      const DcnOp *concat = &program->ops[j];
      if (concat->kind != DCN_OP_CONCAT)
        continue;
      DcnNetValue *in = &net->values[op->output];
      const DcnNetValue *out = &net->values[concat->output];
      for (int k = 0; k < concat->n_inputs; k++) {
        const DcnOrigin *o = &concat->u.concat.origins[k];
        if (concat->inputs[k] != op->output || !same_pixels(in, out) || o->n || o->y || o->x ||
            o->c < 0 || o->c > out->c - in->c)
          continue;
        in->view_of = concat->output;
        in->view_channel = o->c;
        break;
      }
    }
  }
  /* Concatenations come after their inputs, so the last has its final pitch first. */
  for (int i = program->n_ops - 1; i >= 0; i--) {
    DcnNetValue *nv = &net->values[program->ops[i].output];
    nv->ref_pitch = nv->view_of >= 0 ? net->values[nv->view_of].ref_pitch : nv->pitch;
  }
}

/* Where a concatenation's deltas are read, those of inputs made in place are written there too: not where it is a
 * part of another itself, then they are copied; nor those of pixels without holes, which first layers rely on. */
static void
plan_concat_deltas(DcnNet *net)
{
  const DcnProgram *program = net->program;
  for (int i = program->n_ops - 1; i >= 0; i--) {
    const DcnOp *op = &program->ops[i];
    if (op->kind != DCN_OP_CONCAT || !net->values[op->output].wants_delta)
      continue;
    for (int k = 0; k < op->n_inputs; k++) {
      DcnNetValue *in = &net->values[op->inputs[k]];
      if (in->view_of != op->output)
        continue;
      in->wants_delta = TRUE;
      in->last_delta_use = MAX(in->last_delta_use, i);
      DcnNetValue *out = &net->values[op->output];
      if (out->delta_of >= 0 || in->c <= 4)
        continue;
      in->delta_of = op->output;
      in->delta_pitch = out->delta_pitch;
      out->last_delta_use = MAX(out->last_delta_use, in->last_delta_use);
    }
  }
}

/* The input's masks are 8 bytes a pixel: for a large image that is much. */
static void
plan_masks(DcnNet *net)
{
  const DcnProgram *program = net->program;
  DcnNetValue *input = &net->values[program->input];
  input->no_mask = input->c <= 4 && !input->output;
  for (int i = 0; i < program->n_ops; i++)
    for (int j = 0; j < program->ops[i].n_inputs; j++)
      if (program->ops[i].inputs[j] == program->input && net->ops[i].class != &dcn_first_class)
        input->no_mask = FALSE;
  for (int i = 0; i < program->n_ops; i++)
    if (net->ops[i].class == &dcn_first_class && dcn_first_in_place(&net->ops[i]))
      net->values[program->ops[i].output].no_mask = TRUE;
}

/* Smaller images lie in the caches. */
#define LATE_PIXELS (256 * 256)

/* Nobody else may read an input whose cells are tested late; diff_image looks at pixels by fours. */
static void
plan_late_tests(DcnNet *net)
{
  const DcnProgram *program = net->program;
  DcnNetValue *input = &net->values[program->input];
  const DcnNetOp *reader = NULL;
  int readers = 0;
  for (int i = 0; i < program->n_ops; i++)
    for (int j = 0; j < program->ops[i].n_inputs; j++)
      if (program->ops[i].inputs[j] == program->input) {
        reader = &net->ops[i];
        readers++;
      }
  if (readers == 1 && input->no_mask && input->wants_delta && input->pixels > LATE_PIXELS)
    dcn_first_cells(reader, &input->cell_w, &input->cell_h);
  if (input->cell_w % 4 != 0)
    input->cell_w = 0;
}

/* Of one op at a time; fully connected layers, which have most of them, read their own. */
static gboolean
read_weights(const DcnNet *net, DcnNetOp *op, GError **error)
{
  if (op->op->kind != DCN_OP_CONV || op->class == &dcn_fc_class ||
      dcn_conv_load(&op->op->u.conv, error))
    return TRUE;
  g_prefix_error(error, "%s: ", net->program->model_name);
  return FALSE;
}

static gboolean
plan_net(DcnNet *net, GError **error)
{
  DcnProgram *program = net->program;
  DcnNeeds *needs = &net->needs;
  if (program->n_values < 1 || program->input < 0 || program->input >= program->n_values)
    return bad(error, NULL, "has no input");
  for (int i = 0; i < program->n_values; i++) {
    DcnNetValue *nv = &net->values[i];
    if (!plan_value(&program->values[i], nv, error))
      return FALSE;
    needs->channels = MAX(needs->channels, (size_t)nv->pitch);
    needs->list = MAX(needs->list, (size_t)nv->pixels);
    needs->row_words = MAX(needs->row_words, (size_t)nv->row_words);
    needs->marks = MAX(needs->marks, (size_t)nv->n * nv->h * nv->row_words);
  }
  net->values[program->input].produced = TRUE;
  for (int i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];
    if (!check_op(net, op, error))
      return FALSE;
    net->values[op->output].produced = TRUE;
    net->values[op->output].moved = op->kind == DCN_OP_CONCAT || op->kind == DCN_OP_GATHER;
  }
  plan_views(net);
  for (int i = 0; i < program->n_ops; i++) {
    DcnOp *op = &program->ops[i];
    DcnNetOp *net_op = &net->ops[i];
    net_op->op = op;
    net_op->index = i;
    net_op->macs = dcn_op_macs(program, op);
    net_op->class = class_of(net, op);
    if (!read_weights(net, net_op, error) || !net_op->class->prepare(net, net_op, error))
      return FALSE;
    if (net_op->class == &dcn_fc_class || net_op->reads_deltas ||
        (net_op->class == &dcn_conv_class && net_op->acc_floats)) {
      DcnNetValue *in = &net->values[op->inputs[0]];
      in->wants_delta = TRUE;
      in->last_delta_use = i;
    }
    net->weight_bytes += net_op->weight_bytes;
    net->macs += net_op->macs;
    net_op->full_ns = dcn_cost_full(net, net_op);
    net->full_ns += net_op->full_ns;
    net->changed_ns += dcn_cost_changed(net, net_op);
  }
  const float *weights = NULL;
  for (int i = program->n_ops - 1; i >= 0; i--) {
    net->ops[i].next_weights = weights;
    weights = net->ops[i].weights ? net->ops[i].weights : weights;
  }
  for (int i = 0; i < program->n_outputs; i++) {
    int o = program->outputs[i];
    if (o < 0 || o >= program->n_values || !net->values[o].produced)
      return bad(error, NULL, "has an output that nothing makes");
    net->values[o].output = TRUE;
  }
  for (int i = 0; i < program->n_values; i++)
    if (net->values[i].produced)
      net->total_values += (uint64_t)net->values[i].pixels * net->values[i].c;
  plan_masks(net);
  plan_late_tests(net);
  plan_concat_deltas(net);
  plan_arena(net);
  return TRUE;
}

DcnNet *
dcn_net_new_with(DcnProgram *program, const DcnKernels *kernels, DcnWeights weights, GError **error)
{
  DcnNet *net = g_new0(DcnNet, 1);
  net->refs = 1;
  net->kernels = kernels;
  net->weights = weights;
  net->program = program;
  net->values = g_new0(DcnNetValue, (size_t)MAX(program->n_values, 1));
  net->ops = g_new0(DcnNetOp, (size_t)MAX(program->n_ops, 1));
  if (!plan_net(net, error)) {
    dcn_net_free(net);
    return NULL;
  }
  return net;
}

DcnNet *
dcn_net_new(DcnProgram *program, GError **error)
{
  return dcn_net_new_with(program, dcn_kernels_get(), DCN_WEIGHTS_FLOAT32, error);
}

void
dcn_net_free(DcnNet *net)
{
  for (int i = 0; i < net->program->n_ops; i++) {
    DcnNetOp *op = &net->ops[i];
    if (!op->plan)
      continue;
    if (op->class->clear)
      op->class->clear(op);
    else
      g_free(op->plan);
  }
  dcn_program_free(net->program);
  g_free(net->values);
  g_free(net->ops);
  g_free(net->key);
  g_free(net);
}

const DcnProgram *
dcn_net_program(const DcnNet *net)
{
  return net->program;
}

const char *
dcn_net_op_class(const DcnNet *net, int op)
{
  return net->ops[op].class->name;
}

size_t
dcn_net_weight_bytes(const DcnNet *net)
{
  return net->weight_bytes;
}

uint64_t
dcn_net_macs(const DcnNet *net)
{
  return net->macs;
}
