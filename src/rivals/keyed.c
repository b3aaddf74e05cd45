/* deltacnn: what source=motion does with a frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/keyed.h"
#include "rivals/geometry.h"
#include "rivals/match.h"
#include "rivals/track.h"
#include "rivals/warp.h"
#include "util/memory.h"
#include <string.h>

struct _DcnKeyed {
  const DcnProgram *program;
  DcnTensorSpec spec;
  DcnPlacement placement;
  int entry; /* the op of which the output is warped; -1: none, results are reused */
  DcnSight sight;
  int w, h, c; /* of that output */

  DcnTrack *track;
  DcnField *coded;    /* of the codec's grid; made when that is known */
  DcnField *searched; /* of the blocks that are searched for */
  DcnMatch *match;
  double *sums; /* scratch for either */
  size_t n_sums;
  float *x, *y;                   /* [h * w] vectors of the frame at hand */
  float *standing[2];             /* [h * w] x, y: of what stands in the state */
  float *activations;             /* [h * w * c] of the key frame */
  float *tensor;                  /* of the key frame */
  uint8_t *samples, *key_samples; /* images: of the frame at hand, of the key frame */
  gboolean have_key;              /* there is a key frame */
  int age;                        /* frames since */
};

static size_t
tensor_floats(const DcnTensorSpec *spec)
{
  return (size_t)spec->width * spec->height * spec->channel_stride;
}

static gboolean
make_room(DcnKeyed *k)
{
  size_t bytes = (size_t)k->spec.width * k->spec.height * k->spec.channels;
  size_t n = (size_t)k->w * k->h;
  k->tensor = dcn_aligned_new0(tensor_floats(&k->spec), sizeof(float));
  k->samples = dcn_aligned_new0(bytes, 1);
  k->key_samples = dcn_aligned_new0(bytes, 1);
  k->activations = dcn_aligned_new0(n * (size_t)k->c, sizeof(float));
  k->x = g_new0(float, n);
  k->y = g_new0(float, n);
  k->standing[0] = g_new0(float, n);
  k->standing[1] = g_new0(float, n);
  return k->tensor && k->samples && k->key_samples && k->activations;
}

DcnKeyed *
dcn_keyed_new(const DcnNet *net, const DcnFrameInfo *info, const DcnTensorSpec *spec)
{
  const DcnProgram *program = dcn_net_program(net);
  DcnSight *sights = g_new(DcnSight, (size_t)program->n_values);
  DcnKeyed *k = g_new0(DcnKeyed, 1);
  k->program = program;
  k->spec = *spec;
  k->placement = dcn_placement(info, spec);
  dcn_sights(program, sights);
  k->entry = dcn_last_image(program, sights);
  k->w = k->h = k->c = 1;
  if (k->entry >= 0) {
    const DcnValue *v = &program->values[program->ops[k->entry].output];
    k->sight = sights[program->ops[k->entry].output];
    k->w = v->w;
    k->h = v->h;
    k->c = v->c;
  }
  g_free(sights);
  k->track = dcn_track_new();
  k->match = dcn_match_new(spec->width, spec->height, DCN_KEYED_BLOCK);
  k->searched = dcn_field_new(k->match->cols, k->match->rows);
  k->searched->width = k->searched->height = DCN_KEYED_BLOCK;
  if (!make_room(k))
    g_clear_pointer(&k, dcn_keyed_free);
  return k;
}

void
dcn_keyed_free(DcnKeyed *k)
{
  if (!k)
    return;
  dcn_track_free(k->track);
  dcn_match_free(k->match);
  dcn_field_free(k->searched);
  dcn_field_free(k->coded);
  dcn_aligned_free(k->tensor);
  dcn_aligned_free(k->samples);
  dcn_aligned_free(k->key_samples);
  dcn_aligned_free(k->activations);
  g_free(k->x);
  g_free(k->y);
  g_free(k->standing[0]);
  g_free(k->standing[1]);
  g_free(k->sums);
  g_free(k);
}

void
dcn_keyed_reset(DcnKeyed *k)
{
  dcn_track_reset(k->track);
  k->have_key = FALSE;
}

/* The field's vectors become those of the activations. */
static DcnKeyedKind
pool(DcnKeyed *k, const DcnField *field)
{
  size_t n = (size_t)k->w * k->h * sizeof(float);
  size_t n_sums = 3 * ((size_t)field->cols + 1) * ((size_t)field->rows + 1);
  if (k->entry < 0)
    return DCN_KEYED_SAME;
  if (n_sums > k->n_sums) {
    k->sums = g_renew(double, k->sums, n_sums);
    k->n_sums = n_sums;
  }
  dcn_field_pool(field, &k->sight, k->w, k->h, k->sums, k->x, k->y);
  if (memcmp(k->x, k->standing[0], n) == 0 && memcmp(k->y, k->standing[1], n) == 0)
    return DCN_KEYED_SAME;
  memcpy(k->standing[0], k->x, n);
  memcpy(k->standing[1], k->y, n);
  return DCN_KEYED_WARP;
}

DcnKeyedKind
dcn_keyed_begin(DcnKeyed *k, const DcnPicture *picture, int interval, double threshold)
{
  gboolean of_use = dcn_track_add(k->track, picture);
  k->age++;
  if (!k->have_key || k->age >= interval)
    return DCN_KEYED_KEY;
  if (!picture)
    return DCN_KEYED_SEARCH;
  if (!of_use || dcn_track_coded_since_key(k->track) > threshold)
    return DCN_KEYED_KEY;
  int cols, rows;
  dcn_track_grid(k->track, &cols, &rows);
  if (!k->coded || k->coded->cols != cols || k->coded->rows != rows) {
    dcn_field_free(k->coded);
    k->coded = dcn_field_new(cols, rows);
  }
  if (!dcn_track_to_key(k->track, &k->placement, k->coded))
    return DCN_KEYED_KEY;
  return pool(k, k->coded);
}

DcnKeyedKind
dcn_keyed_search(DcnKeyed *k, const float *tensor, double threshold)
{
  DcnImage now = {k->spec.width, k->spec.height, k->spec.channels, k->samples}, key = now;
  DcnMatch *m = k->match;
  int n = m->cols * m->rows;
  key.samples = k->key_samples;
  dcn_image_from_tensor(&k->spec, tensor, k->samples);
  dcn_match_search(m, &now, &key, DCN_KEYED_PSNR, TRUE);
  if (1 - (double)m->n_found / n > threshold)
    return DCN_KEYED_KEY;
  for (int i = 0; i < n; i++) {
    k->searched->x[i] = (float)m->offsets[i].x;
    k->searched->y[i] = (float)m->offsets[i].y;
    k->searched->known[i] = m->found[i];
  }
  return pool(k, k->searched);
}

gboolean
dcn_keyed_is_last_key(DcnKeyed *k, const float *tensor)
{
  size_t n = (size_t)k->w * k->h;
  if (!k->have_key || memcmp(tensor, k->tensor, tensor_floats(&k->spec) * sizeof(float)) != 0)
    return FALSE;
  for (size_t i = 0; i < n; i++)
    if (k->standing[0][i] != 0 || k->standing[1][i] != 0)
      return FALSE;
  return TRUE;
}

void
dcn_keyed_done(DcnKeyed *k, DcnState *state, const float *tensor)
{
  size_t n = (size_t)k->w * k->h;
  DcnPixels out;
  k->have_key = TRUE;
  k->age = 0;
  dcn_track_set_key(k->track);
  memcpy(k->tensor, tensor, tensor_floats(&k->spec) * sizeof(float));
  dcn_image_from_tensor(&k->spec, tensor, k->key_samples);
  memset(k->match->offsets, 0,
         sizeof *k->match->offsets * (size_t)(k->match->cols * k->match->rows));
  memset(k->standing[0], 0, n * sizeof(float));
  memset(k->standing[1], 0, n * sizeof(float));
  if (k->entry < 0 || !dcn_state_pixels(state, k->program->ops[k->entry].output, &out))
    return;
  for (size_t p = 0; p < n; p++)
    memcpy(k->activations + p * (size_t)k->c, out.pixels + p * (size_t)out.pitch,
           sizeof(float) * (size_t)k->c);
}

DcnCompute
dcn_keyed_compute(void *context, int op, const DcnPixels *out, uint64_t *marks, int row_words)
{
  DcnKeyed *k = context;
  if (op > k->entry)
    return DCN_COMPUTE_ALL;
  if (op == k->entry)
    dcn_warp(k->activations, k->x, k->y, out);
  return DCN_COMPUTE_NONE;
}
