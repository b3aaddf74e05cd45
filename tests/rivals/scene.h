/* A textured world and a camera that looks at part of it, for tests of what finds movement.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "rivals/image.h"

typedef struct {
  int size;         /* of the world, each way */
  uint8_t *samples; /* [size][size][3] */
} Scene;

/* Smooth enough that a search finds its way, and nowhere flat; the same for equal seeds. */
Scene *scene_new(guint32 seed, int size);
void scene_free(Scene *scene);

/* What a camera at (x, y) sees: [h][w][3]. */
void scene_look(const Scene *scene, int x, int y, int w, int h, uint8_t *samples);

/* As a tensor of three channels, samples / 255. */
DcnTensorSpec scene_spec(int w, int h);
void scene_tensor(const uint8_t *samples, const DcnTensorSpec *spec, float *tensor);
