/* Which outputs a change reaches, against the definition of a window, on rows wider and narrower
 * than a word of marks. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"

static int
between(int low, int high)
{
  return g_test_rand_int_range(low, high + 1);
}

/* Marks of which a share is set, in rows that are often empty or full. */
static DcnValueState
marked_value(DcnNetValue *nv)
{
  DcnValueState v = {.net = nv};
  v.changed = g_malloc0((size_t)nv->pixels + 7);
  v.bits = g_new0(uint64_t, (size_t)nv->n * nv->h * nv->row_words);
  v.row_changed = g_new0(int, (size_t)nv->n * nv->h);
  v.mask = g_new0(uint64_t, (size_t)nv->pixels);
  for (int row = 0; row < nv->n * nv->h; row++) {
    int share = (const int[]){0, 0, 2, 20, 80, 100}[between(0, 5)];
    for (int x = 0; x < nv->w; x++)
      v.changed[row * nv->w + x] = between(1, 100) <= share;
  }
  return v;
}

static DcnNetValue
image(int n, int h, int w)
{
  return (DcnNetValue){.n = n,
                       .h = h,
                       .w = w,
                       .c = 1,
                       .pixels = n * h * w,
                       .words = 1,
                       .row_words = dcn_bits_words(w)};
}

static void
test_reach(void)
{
  /* of patches, and where a word of marks is a whole number of steps, or less than one */
  static const int long_steps[] = {6, 7, 8, 9, 12, 16, 31, 32, 33, 63, 64, 65, 90};
  uint64_t listed = 0;
  for (int round = 0; round < 3000; round++) {
    gboolean long_step = round % 8 == 7;
    int most_w = long_step ? 700 : round % 4 ? 70 : 200;
    DcnNetValue in = image(between(1, 2), between(1, 12), between(1, most_w));
    int kh = between(1, 4), kw = between(1, round % 7 ? 4 : 11), dil_h = between(1, 2);
    int dil_w = between(1, round % 5 ? 2 : 40), stride_h = between(1, 3), stride_w = between(1, 5);
    if (long_step)
      stride_w = long_steps[between(0, G_N_ELEMENTS(long_steps) - 1)];
    int top = between(0, kh), left = between(0, kw * dil_w), right = between(0, kw * dil_w);
    int rows = in.h + 2 * top - (kh - 1) * dil_h - 1, columns = in.w + left + right;
    columns -= (kw - 1) * dil_w + 1;
    if (rows < 0 || columns < 0)
      continue;
    DcnNetValue out = image(in.n, rows / stride_h + 1, columns / stride_w + 1);
    DcnWindow window;
    g_assert_true(
        dcn_window_init(&window, &in, &out, kh, kw, stride_h, stride_w, top, left, dil_h, dil_w));
    DcnValueState v = marked_value(&in);
    dcn_value_finish(&v);
    uint64_t *scratch = g_new(uint64_t, in.row_words);
    uint64_t *marks = g_new(uint64_t, (size_t)out.n * out.h * out.row_words);
    int32_t *list = g_new(int32_t, (size_t)out.pixels + DCN_BITS_LIST_SLACK);
    int count = dcn_window_reach(&window, &v, scratch, marks), in_list = 0, expected = 0;
    for (int row = 0; row < out.n * out.h; row++)
      in_list =
          dcn_bits_list(marks + row * out.row_words, out.row_words, row * out.w, list, in_list);
    g_assert_cmpint(in_list, ==, count);
    for (int p = 0; p < out.pixels; p++) {
      int ox = p % out.w, oy = p / out.w % out.h, n = p / out.w / out.h;
      gboolean reached = FALSE;
      for (int t = 0; t < kh * kw; t++) {
        int y = oy * stride_h - top + t / kw * dil_h, x = ox * stride_w - left + t % kw * dil_w;
        if (y >= 0 && y < in.h && x >= 0 && x < in.w)
          reached |= v.changed[(n * in.h + y) * in.w + x];
      }
      if (!reached)
        continue;
      g_assert_cmpint(expected, <, count);
      g_assert_cmpint(list[expected++], ==, p);
    }
    g_assert_cmpint(count, ==, expected);
    listed += (uint64_t)count;
    dcn_window_clear(&window);
    g_free(v.changed);
    g_free(v.bits);
    g_free(v.row_changed);
    g_free(v.mask);
    g_free(scratch);
    g_free(marks);
    g_free(list);
  }
  g_assert_cmpuint(listed, >, 10000);
}

/* Counts are those of the bytes, and clearing leaves nothing. */
static void
test_marks(void)
{
  for (int w = 1; w <= 200; w++) {
    DcnNetValue nv = image(1, 5, w);
    DcnValueState v = marked_value(&nv);
    dcn_value_finish(&v);
    int total = 0;
    for (int row = 0; row < nv.h; row++) {
      int count = 0;
      for (int x = 0; x < w; x++) {
        uint64_t word = v.bits[row * nv.row_words + x / 64];
        g_assert_cmpint(v.changed[row * w + x], ==, word >> x % 64 & 1);
        count += v.changed[row * w + x];
        v.mask[row * w + x] = v.changed[row * w + x];
      }
      g_assert_cmpint(v.row_changed[row], ==, count);
      total += count;
    }
    g_assert_cmpint(v.n_changed, ==, total);
    dcn_value_clear_marks(&v);
    g_assert_cmpint(v.n_changed, ==, 0);
    for (int row = 0; row < nv.h; row++)
      g_assert_cmpint(v.row_changed[row], ==, 0);
    for (int p = 0; p < nv.pixels; p++)
      g_assert_true(v.changed[p] == 0 && v.mask[p] == 0);
    for (int i = 0; i < nv.h * nv.row_words; i++)
      g_assert_cmpuint(v.bits[i], ==, 0);
    g_free(v.changed);
    g_free(v.bits);
    g_free(v.row_changed);
    g_free(v.mask);
  }
}

/* Runs cover every set column once and clear ones only in gaps no longer than asked for. */
static void
test_runs(void)
{
  for (int round = 0; round < 2000; round++) {
    int w = between(1, 200), share = between(0, 100), gap = between(0, 5), covered = 0;
    uint64_t bits[4] = {0};
    for (int x = 0; x < w; x++)
      bits[x / 64] |= (uint64_t)(between(1, 100) <= share) << x % 64;
    DcnBitsRun run = DCN_BITS_RUN_INIT;
    for (int x = 0; dcn_bits_next_run(bits, dcn_bits_words(w), gap, &run);) {
      g_assert_cmpint(run.begin, <, run.end);
      g_assert_cmpint(run.end, <=, w);
      for (; x < run.begin; x++)
        g_assert_false(bits[x / 64] >> x % 64 & 1);
      int clear = 0;
      for (; x < run.end; x++) {
        gboolean set = bits[x / 64] >> x % 64 & 1;
        covered += set;
        clear = set ? 0 : clear + 1;
        g_assert_cmpint(clear, <=, x == run.begin || x == run.end - 1 ? 0 : gap);
      }
    }
    int total = 0;
    for (int i = 0; i < 4; i++)
      total += __builtin_popcountll(bits[i]);
    g_assert_cmpint(covered, ==, total);
  }
}

/* However many bytes there are, wherever they begin and whatever else than 0 they are. */
static void
test_count_bytes(void)
{
  static uint8_t bytes[20000];
  for (int round = 0; round < 300; round++) {
    int begin = between(0, 40), n = round % 5 ? between(0, 300) : between(0, 19000), count = 0;
    int share = round % 3 ? between(0, 100) : 100;
    for (int i = 0; i < begin + n + 20; i++) {
      bytes[i] = between(1, 100) <= share ? (uint8_t)between(1, 255) : 0;
      count += i >= begin && i < begin + n && bytes[i];
    }
    g_assert_cmpint(dcn_bits_count_bytes(bytes + begin, n), ==, count);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/window/reach", test_reach);
  g_test_add_func("/net/window/marks", test_marks);
  g_test_add_func("/net/window/runs", test_runs);
  g_test_add_func("/net/window/count-bytes", test_count_bytes);
  return g_test_run();
}
