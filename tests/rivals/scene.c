/* A textured world and a camera.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"
#include "kernels/kernels.h"
#include <string.h>

#define STEP 12 /* pixels between the points of the texture */

Scene *
scene_new(guint32 seed, int size)
{
  Scene *scene = g_new0(Scene, 1);
  GRand *rand = g_rand_new_with_seed(seed);
  int points = size / STEP + 2;
  double *value = g_new(double, points *points * 3);
  for (int i = 0; i < points * points * 3; i++)
    value[i] = g_rand_double_range(rand, 10, 245);
  scene->size = size;
  scene->samples = g_malloc((gsize)size * size * 3);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++)
      for (int c = 0; c < 3; c++) {
        double fx = x % STEP / (double)STEP, fy = y % STEP / (double)STEP;
        const double *v = value + (y / STEP * points + x / STEP) * 3 + c;
        double top = v[0] * (1 - fx) + v[3] * fx;
        double bottom = v[points * 3] * (1 - fx) + v[points * 3 + 3] * fx;
        scene->samples[(y * size + x) * 3 + c] = (uint8_t)(top * (1 - fy) + bottom * fy);
      }
  g_free(value);
  g_rand_free(rand);
  return scene;
}

void
scene_free(Scene *scene)
{
  g_free(scene->samples);
  g_free(scene);
}

void
scene_look(const Scene *scene, int x, int y, int w, int h, uint8_t *samples)
{
  g_assert_cmpint(MIN(x, y), >=, 0);
  g_assert_cmpint(MAX(x + w, y + h), <=, scene->size);
  for (int row = 0; row < h; row++)
    memcpy(samples + row * w * 3, scene->samples + ((y + row) * scene->size + x) * 3, (gsize)w * 3);
}

DcnTensorSpec
scene_spec(int w, int h)
{
  DcnTensorSpec spec = {.width = w,
                        .height = h,
                        .channels = 3,
                        .channel_stride = dcn_channel_pitch(3),
                        .crop_fraction = 1};
  for (int c = 0; c < 3; c++)
    spec.scale[c] = 1 / 255.0f;
  return spec;
}

void
scene_tensor(const uint8_t *samples, const DcnTensorSpec *spec, float *tensor)
{
  for (int p = 0; p < spec->width * spec->height; p++)
    for (int c = 0; c < 3; c++)
      tensor[p * spec->channel_stride + c] = (float)samples[p * 3 + c] / 255.0f;
}
