/* deltacnn: tests of the inner loops of frame to tensor: each form gives what the definition says, to the bit.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "frame/colors.h"
#include "frame/columns.h"
#include "frame/rows.h"
#include "frame/whole.h"
#include "frame/wide.h"
#include <math.h>
#include <string.h>

/* All forms of the inner loop give the same bits, and write n floats only. */
static void
test_columns(void)
{
  const DcnColumnsFunc *all = dcn_columns_all();
  GRand *rand = g_rand_new_with_seed(2);
  int n_forms = 0;
  while (all[n_forms])
    n_forms++;
  g_test_message("%d forms on this CPU", n_forms);
  g_assert_true(all[0] == dcn_columns_best());
  for (int taps = 1; taps < 40; taps++)
    for (int n = 1; n < 200; n += 1 + n / 4) {
      size_t stride = (size_t)n + taps % 3;
      uint8_t *source = g_malloc(stride * taps);
      float *weights = g_new(float, taps), *out = g_new(float, n + 1);
      for (size_t i = 0; i < stride * taps; i++)
        source[i] = (uint8_t)g_rand_int(rand);
      for (int t = 0; t < taps; t++)
        weights[t] = (float)g_rand_double(rand);
      for (int form = 0; form < n_forms; form++) {
        for (int i = 0; i <= n; i++)
          out[i] = -5;
        all[form](source, (ptrdiff_t)stride, weights, taps, out, n);
        g_assert_cmpfloat(out[n], ==, -5);
        for (int i = 0; i < n; i++) {
          volatile float sum = (float)source[i] * weights[0], product;
          for (int t = 1; t < taps; t++) {
            product = (float)source[t * stride + i] * weights[t];
            sum = sum + product;
          }
          g_assert_cmpfloat(out[i], ==, sum);
        }
      }
      g_free(source);
      g_free(weights);
      g_free(out);
    }
  g_rand_free(rand);
}

/* All forms of the other one, too.  Where step is 1 they may read on, up to filter.padded floats; else they read no
 * float that is not a tap. */
static void
test_rows(void)
{
  const DcnRowsFunc *all = dcn_rows_all();
  GRand *rand = g_rand_new_with_seed(3);
  g_assert_true(all[0] == dcn_rows_best());
  for (int samples = 1; samples < 300; samples += 1 + samples / 3)
    for (int size = 1; size < 120; size += 1 + size / 2) {
      DcnAxisFilter filter;
      g_assert_true(dcn_axis_filter_init(&filter, size, samples, samples * 0.05, samples * 0.98));
      for (int step = 1; step <= 4; step++) {
        int begin = g_rand_int_range(rand, 0, size), end = g_rand_int_range(rand, begin, size) + 1;
        int last = filter.first[end - 1] + dcn_axis_filter_taps(&filter, end - 1) - 1;
        if (step == 1)
          last = filter.first[end - 1] + (int)filter.padded - 1;
        size_t n = (size_t)(last - filter.first[begin]) * step + 1;
        float *columns = g_new(float, n), *out = g_new(float, end - begin + 1);
        for (size_t i = 0; i < n; i++)
          columns[i] = i % step ? NAN : (float)g_rand_double(rand);
        for (int form = 0; all[form]; form++) {
          out[end - begin] = -5;
          all[form](&filter, columns, step, begin, end, out);
          g_assert_cmpfloat(out[end - begin], ==, -5);
          for (int x = begin; x < end; x++) {
            volatile float sum = 0, p[8];
            for (int t = 0; t < dcn_axis_filter_taps(&filter, x); t += 8) {
              for (int k = 0; k < 8; k++)
                p[k] = t + k >= dcn_axis_filter_taps(&filter, x)
                           ? 0
                           : filter.weights[filter.offset[x] + t + k] *
                                 columns[(filter.first[x] - filter.first[begin] + t + k) * step];
              for (int width = 1; width < 8; width *= 2)
                for (int k = 0; k < 8; k += 2 * width)
                  p[k] = p[k] + p[k + width];
              sum = sum + p[0];
            }
            g_assert_cmpfloat(out[x - begin], ==, sum);
          }
        }
        g_free(columns);
        g_free(out);
      }
      dcn_axis_filter_clear(&filter);
    }
  g_rand_free(rand);
}

/* Whole weights are the same filter: each output's, over their sum, to what floats keep. */
static void
check_whole(const DcnAxisFilter *filter)
{
  for (int i = 0; i < filter->size; i++) {
    int taps = dcn_axis_filter_taps(filter, i), sum = 0;
    for (int t = 0; t < (int)filter->whole_padded; t++) {
      int w = filter->whole_by_output[(size_t)i * filter->whole_padded + t];
      double exact = t < taps ? filter->weights[filter->offset[i] + t] : 0;
      if (t < taps)
        g_assert_cmpint(w, ==, filter->whole[filter->offset[i] + t]);
      g_assert_cmpfloat_with_epsilon(w / (double)filter->whole_sum, exact, 1e-7);
      sum += w;
    }
    g_assert_cmpint(sum, ==, filter->whole_sum);
  }
}

/* Scaling in whole numbers is exact in all forms, on samples at their limits too, and writes nothing else. */
static void
test_whole(void)
{
  static const struct {
    int size, samples;
    gboolean narrow;
  } axes[] = {{96, 640, TRUE},   {96, 320, TRUE},  {96, 480, TRUE},  {96, 360, TRUE},
              {128, 640, TRUE},  {128, 360, TRUE}, {224, 640, TRUE}, {224, 480, TRUE},
              {224, 1080, TRUE}, {224, 160, TRUE}, {96, 96, TRUE},   {7, 3, TRUE},
              {227, 640, FALSE}, {1, 300, FALSE}};
  const DcnWhole *all = dcn_whole_all();
  GRand *rand = g_rand_new_with_seed(5);
  g_assert_true(all == dcn_whole_best());
  for (guint a = 0; a < G_N_ELEMENTS(axes); a++) {
    DcnAxisFilter filter;
    int samples = axes[a].samples, pitch = samples + 13;
    g_assert_true(dcn_axis_filter_init(&filter, axes[a].size, samples, 0, samples));
    g_assert_cmpint(filter.narrow != NULL, ==, axes[a].narrow);
    check_whole(&filter);
    for (int round = 0; filter.narrow && round < 40; round++) {
      uint8_t *source = g_malloc((gsize)pitch * filter.most);
      for (int i = 0; i < pitch * filter.most; i++)
        source[i] = round == 0 ? 0 : round == 1 ? 255 : (uint8_t)g_rand_int(rand);
      int y = g_rand_int_range(rand, 0, filter.size), taps = dcn_axis_filter_taps(&filter, y);
      int n = round < 4 ? samples : g_rand_int_range(rand, 1, samples + 1);
      int begin = g_rand_int_range(rand, 0, filter.size),
          end = g_rand_int_range(rand, begin, filter.size) + 1;
      size_t read = (size_t)(filter.first[end - 1] - filter.first[begin]) + filter.whole_padded;
      int16_t *columns = g_new(int16_t, n + 1), *across = g_new(int16_t, read);
      float *out = g_new(float, end - begin + 1);
      int most = 128 * filter.whole_sum;
      for (size_t i = 0; i < read; i++)
        across[i] = (int16_t)(round == 0   ? -most
                              : round == 1 ? MIN(most, 32767)
                                           : g_rand_int_range(rand, -most, most));
      for (int form = 0; all[form].columns; form++) {
        columns[n] = 77;
        all[form].columns(source, pitch, filter.narrow + filter.offset[y], taps, columns, n);
        g_assert_cmpint(columns[n], ==, 77);
        for (int i = 0; i < n; i++) {
          int sum = 0;
          for (int t = 0; t < taps; t++)
            sum += filter.whole[filter.offset[y] + t] * (source[t * pitch + i] - 128);
          g_assert_cmpint(columns[i], ==, sum);
        }
        out[end - begin] = -5;
        all[form].rows(&filter, across, begin, end, 1000 + round, 0.125f, out);
        g_assert_cmpfloat(out[end - begin], ==, -5);
        for (int x = begin; x < end; x++) {
          int sum = 1000 + round;
          for (int t = 0; t < dcn_axis_filter_taps(&filter, x); t++)
            sum += filter.whole[filter.offset[x] + t] *
                   across[filter.first[x] - filter.first[begin] + t];
          g_assert_cmpfloat(out[x - begin], ==, (float)sum * 0.125f);
        }
      }
      g_free(source);
      g_free(columns);
      g_free(across);
      g_free(out);
    }
    dcn_axis_filter_clear(&filter);
  }
  g_rand_free(rand);
}

/* So is scaling in wider ones, up to sums that fill 32 bits. */
static void
test_wide(void)
{
  static const int axes[][2] = {{96, 640},    {227, 640}, {299, 1920},  {227, 3840}, {299, 320},
                                {416, 135},   {512, 120}, {1021, 1020}, {1, 300},    {5, 3},
                                {4000, 4001}, {1, 1900},  {640, 853}};
  const DcnWide *all = dcn_wide_all();
  GRand *rand = g_rand_new_with_seed(8);
  g_assert_true(all == dcn_wide_best());
  for (guint a = 0; a < G_N_ELEMENTS(axes); a++) {
    DcnAxisFilter filter;
    int samples = axes[a][1], pitch = samples + 5;
    g_assert_true(dcn_axis_filter_init(&filter, axes[a][0], samples, 0, samples));
    check_whole(&filter);
    for (int round = 0; round < 20; round++) {
      int y = round == 0 ? 0 : g_rand_int_range(rand, 0, filter.size);
      int taps = dcn_axis_filter_taps(&filter, y), n = g_rand_int_range(rand, 1, 200);
      int begin = g_rand_int_range(rand, 0, filter.size),
          end = g_rand_int_range(rand, begin, MIN(filter.size, begin + 60)) + 1;
      int most = INT32_MAX / filter.whole_sum;
      size_t read = (size_t)(filter.first[end - 1] - filter.first[begin]) + filter.whole_padded;
      uint8_t *source = g_malloc((gsize)pitch * (gsize)taps);
      int32_t *columns = g_new(int32_t, n + 1), *across = g_new(int32_t, read);
      float *out = g_new(float, end - begin + 1);
      n = MIN(n, samples);
      for (int i = 0; i < pitch * taps; i++)
        source[i] = round == 0 ? 255 : (uint8_t)g_rand_int(rand);
      for (size_t i = 0; i < read; i++)
        across[i] = round == 0 ? most : g_rand_int_range(rand, 0, most);
      for (int form = 0; all[form].columns; form++) {
        columns[n] = 77;
        all[form].columns(source, pitch, filter.whole + filter.offset[y], taps, columns, n);
        g_assert_cmpint(columns[n], ==, 77);
        for (int i = 0; i < n; i++) {
          int64_t sum = 0;
          for (int t = 0; t < taps; t++)
            sum += filter.whole[filter.offset[y] + t] * source[t * pitch + i];
          g_assert_cmpint(columns[i], ==, sum);
        }
        out[end - begin] = -5;
        all[form].rows(&filter, across, begin, end, 0.125f, out);
        g_assert_cmpfloat(out[end - begin], ==, -5);
        for (int x = begin; x < end; x++) {
          int64_t sum = 0;
          for (int t = 0; t < dcn_axis_filter_taps(&filter, x); t++)
            sum += (int64_t)filter.whole[filter.offset[x] + t] *
                   across[filter.first[x] - filter.first[begin] + t];
          g_assert_cmpfloat(out[x - begin], ==, (float)sum * 0.125f);
        }
      }
      g_free(source);
      g_free(columns);
      g_free(across);
      g_free(out);
    }
    dcn_axis_filter_clear(&filter);
  }
  g_rand_free(rand);
}

/* Interleaved columns are taken apart in all forms, and nothing behind the last one is read or written. */
static void
test_apart(void)
{
  const DcnWhole *whole = dcn_whole_all();
  const DcnWide *wide = dcn_wide_all();
  for (int step = 1; step <= 4; step++)
    for (int n = 1; n < 150; n += 1 + n / 9) {
      gsize size = (gsize)((n - 1) * step + 1);
      int16_t *columns = g_new(int16_t, size), *out = g_new(int16_t, n + 1);
      int32_t *wide_columns = g_new(int32_t, size), *wide_out = g_new(int32_t, n + 1);
      for (gsize i = 0; i < size; i++) {
        columns[i] = (int16_t)(i - 300);
        wide_columns[i] = 100000 + (int32_t)i;
      }
      for (int form = 0; whole[form].apart; form++) {
        out[n] = -5;
        whole[form].apart(columns, step, out, n);
        g_assert_cmpint(out[n], ==, -5);
        for (int i = 0; i < n; i++)
          g_assert_cmpint(out[i], ==, i * step - 300);
      }
      for (int form = 0; wide[form].apart; form++) {
        wide_out[n] = -5;
        wide[form].apart(wide_columns, step, wide_out, n);
        g_assert_cmpint(wide_out[n], ==, -5);
        for (int i = 0; i < n; i++)
          g_assert_cmpint(wide_out[i], ==, 100000 + i * step);
      }
      g_free(columns);
      g_free(out);
      g_free(wide_columns);
      g_free(wide_out);
    }
}

/* What the documentation says of one channel of a pixel. */
static int
expected_sample(const DcnColors *colors, const float *const component[3], int x, int c)
{
  volatile float v = colors->matrix[c][0] * component[0][x], product;
  for (int j = 1; j < colors->n_components; j++) {
    product = colors->matrix[c][j] * component[j][x];
    v = v + product;
  }
  v = v + colors->bias[c];
  return (int)nearbyint(CLAMP(v, 0, 255)); /* halves to even */
}

/* All forms of the colour conversion give the same bits, halves included, and write the pixels that are not known or
 * known to be others, nothing else. */
static void
test_color_forms(void)
{
  const DcnColorsFunc *all = dcn_colors_all();
  GRand *rand = g_rand_new_with_seed(4);
  g_assert_true(all[0] == dcn_colors_best());
  for (int round = 0; round < 300; round++) {
    DcnColors colors = {.n_components = round % 3 ? 3 : 1, .channels = round % 4 ? 3 : 1};
    int n = g_rand_int_range(rand, 1, 150), guard = 9;
    size_t stride = (size_t)(round % 5 ? 4 : colors.channels + round % 2);
    size_t floats = (size_t)n * stride + (size_t)guard;
    float *in = g_new(float, 3 * n), *out = g_new(float, floats);
    uint32_t *before = g_new(uint32_t, n), *known = g_new(uint32_t, n + 1);
    uint8_t *differs = g_malloc((gsize)n + 1);
    const float *component[3] = {in, in + n, in + 2 * n};
    for (int c = 0; c < 3; c++) {
      for (int j = 0; j < 3; j++)
        colors.matrix[c][j] = (float)g_rand_double_range(rand, -2, 2);
      colors.bias[c] = (float)g_rand_double_range(rand, -200, 200);
      colors.scale[c] = (float)g_rand_double_range(rand, 0.01, 2);
      colors.offset[c] = (float)g_rand_double_range(rand, -3, 3);
    }
    for (int i = 0; i < 3 * n; i++)
      in[i] = (float)g_rand_double_range(rand, 0, 255);
    if (round % 6 == 0) { /* sums that lie halfway, at and beyond both ends */
      for (int c = 0; c < 3; c++) {
        for (int j = 0; j < 3; j++)
          colors.matrix[c][j] = j == c % colors.n_components;
        colors.bias[c] = (float)g_rand_int_range(rand, -3, 4);
      }
      for (int i = 0; i < 3 * n; i++)
        in[i] = (float)g_rand_int_range(rand, 0, 511) / 2;
    }
    if (round % 6 == 1 || round % 6 == 2) { /* Y U V to RGB or BGR, and halves likewise */
      int side = 1 + round / 6 % 2, halves = round % 6 == 2;
      for (int c = 0; c < 3; c++) {
        colors.matrix[c][0] = halves ? 1 : 1.164f;
        colors.bias[c] = halves ? -150 : colors.bias[c];
      }
      colors.matrix[0][side] = colors.matrix[2][3 - side] = halves ? 1 : 1.6f;
      colors.matrix[0][3 - side] = colors.matrix[2][side] = 0;
      for (int i = 0; i < 3 * n && halves; i++)
        in[i] = (float)g_rand_int_range(rand, 0, 511) / 2;
    }
    int n_same = 0;
    for (int i = 0; i < n; i++) {
      int kind = round % 7 == 0 ? 2 : g_rand_int_range(rand, 0, 3);
      before[i] = 0; /* not known */
      for (int c = 0; c < colors.channels && kind < 2; c++)
        before[i] |= (uint32_t)expected_sample(&colors, component, i, c) << 8 * c;
      before[i] |= kind < 2 ? DCN_COLORS_KNOWN : 0;
      if (kind == 1) /* one of the samples was another, by 1 */
        before[i] ^= 1u << 8 * g_rand_int_range(rand, 0, colors.channels);
      n_same += kind == 0;
    }
    for (int form = 0; all[form]; form++) {
      for (size_t i = 0; i < floats; i++)
        out[i] = -5;
      memcpy(known, before, (gsize)n * sizeof *known);
      known[n] = 7;
      memset(differs, 9, (gsize)n + 1);
      g_assert_cmpint(all[form](&colors, component, known, out, stride, n, differs), ==,
                      n - n_same);
      g_assert_cmpuint(known[n], ==, 7);
      g_assert_cmpint(differs[n], ==, 9);
      for (int x = 0; x < n; x++) {
        uint32_t now = DCN_COLORS_KNOWN;
        for (int c = 0; c < colors.channels; c++)
          now |= (uint32_t)expected_sample(&colors, component, x, c) << 8 * c;
        g_assert_cmphex(known[x], ==, now);
        g_assert_cmpint(differs[x], ==, before[x] != now);
      }
      for (size_t i = 0; i < floats; i++) {
        size_t x = i / stride, c = i % stride;
        if (x >= (size_t)n || !differs[x] || c >= (size_t)colors.channels) {
          g_assert_cmpfloat(out[i], ==, -5);
          continue;
        }
        volatile float v = (float)expected_sample(&colors, component, (int)x, (int)c);
        v = v * colors.scale[c];
        v = v + colors.offset[c];
        g_assert_cmpfloat(out[i], ==, v);
      }
    }
    g_free(in);
    g_free(out);
    g_free(before);
    g_free(known);
    g_free(differs);
  }
  g_rand_free(rand);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/frame/forms/columns", test_columns);
  g_test_add_func("/frame/forms/rows", test_rows);
  g_test_add_func("/frame/forms/whole", test_whole);
  g_test_add_func("/frame/forms/wide", test_wide);
  g_test_add_func("/frame/forms/apart", test_apart);
  g_test_add_func("/frame/forms/colors", test_color_forms);
  return g_test_run();
}
