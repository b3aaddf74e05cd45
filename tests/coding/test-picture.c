/* Pictures: comparing, counting references, epochs.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coding/picture.h"
#include <string.h>

static DcnPicture *
complete_picture(uint64_t epoch, uint32_t number, int width, int height)
{
  DcnPicture *picture = dcn_picture_new(epoch, number, DCN_PICTURE_P, width, height);
  g_assert_nonnull(picture);
  g_atomic_int_set(&picture->complete, 1);
  return picture;
}

static void
test_new(void)
{
  DcnPicture *picture = dcn_picture_new(3, 7, DCN_PICTURE_B, 33, 17);
  g_assert_cmpint(picture->cols, ==, 5);
  g_assert_cmpint(picture->rows, ==, 3);
  g_assert_cmpint(picture->mb_cols, ==, 3);
  g_assert_cmpint(picture->mb_rows, ==, 2);
  g_assert_cmpint(picture->crop_width, ==, 33);
  g_assert_cmpint(picture->crop_height, ==, 17);
  g_assert_true(picture->known);
  g_assert_false(picture->complete);
  for (int i = 0; i < 15; i++)
    g_assert_cmpuint(picture->born[i], ==, 7);
  for (int i = 0; i < 6; i++)
    g_assert_cmpuint(picture->quantiser[i] | picture->mb_flags[i], ==, 0);
  dcn_picture_unref(picture);
  dcn_picture_unref(NULL);

  picture = dcn_picture_new(1, 0, DCN_PICTURE_I, 16384, 16384);
  g_assert_nonnull(picture);
  g_assert_cmpuint(picture->born[2048 * 2048 - 1], ==, 0);
  dcn_picture_unref(picture);
}

static void
test_compare(void)
{
  DcnPicture *a = complete_picture(1, 0, 20, 12);
  DcnPicture *b = complete_picture(1, 1, 20, 12);
  uint8_t changed[6];
  int n = -1;
  g_assert_true(dcn_picture_compare(a, b, changed, &n));
  g_assert_cmpint(n, ==, 6);
  b->born[0] = b->born[4] = 0;
  static const uint8_t expected[6] = {0, 1, 1, 1, 0, 1};
  g_assert_true(dcn_picture_compare(a, b, changed, &n));
  g_assert_cmpint(n, ==, 4);
  g_assert_cmpmem(changed, 6, expected, 6);
  g_assert_true(dcn_picture_compare(b, a, changed, NULL));
  g_assert_cmpmem(changed, 6, expected, 6);
  g_assert_true(dcn_picture_compare(a, a, changed, &n));
  g_assert_cmpint(n, ==, 0);
  dcn_picture_unref(a);
  dcn_picture_unref(b);
}

/* What must not be compared leaves the output alone. */
static void
test_compare_refused(void)
{
  DcnPicture *a = complete_picture(1, 0, 16, 16);
  DcnPicture *others[] = {
      complete_picture(2, 0, 16, 16),                                 /* epoch */
      complete_picture(1, 0, 15, 16),                                 /* size, with an equal grid */
      complete_picture(1, 0, 16, 15), complete_picture(1, 0, 16, 16), /* not complete */
      complete_picture(1, 0, 16, 16),                                 /* crop */
  };
  others[3]->complete = 0;
  others[4]->crop_x = 1;
  for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
    uint8_t changed[4] = {9, 9, 9, 9};
    int n = 77;
    g_assert_false(dcn_picture_compare(a, others[i], changed, &n));
    g_assert_false(dcn_picture_compare(others[i], a, changed, &n));
    g_assert_cmpint(n, ==, 77);
    g_assert_cmpint(changed[0] + changed[1] + changed[2] + changed[3], ==, 36);
    dcn_picture_unref(others[i]);
  }
  dcn_picture_unref(a);
}

static void
test_unknown(void)
{
  DcnPicture *a = complete_picture(1, 4, 32, 16);
  memset(a->born, 0, 8 * sizeof *a->born);
  DcnVector vector = {.w = 16, .h = 16};
  g_array_append_val(a->vectors, vector);
  dcn_picture_set_unknown(a, "a reason");
  g_assert_false(a->known);
  g_assert_cmpstr(a->unknown_reason, ==, "a reason");
  g_assert_cmpuint(a->vectors->len, ==, 0);
  g_assert_cmpint(a->mb_cols, ==, 0);
  g_assert_cmpint(a->mb_rows, ==, 0);
  /* Born now, and without comparison: of a damaged picture a decoder may show more than one
   * version. */
  for (int i = 0; i < 8; i++)
    g_assert_cmpuint(a->born[i], ==, 4);
  DcnPicture *b = complete_picture(1, 0, 32, 16);
  uint8_t changed[8];
  g_assert_false(dcn_picture_compare(a, b, changed, NULL));
  g_assert_false(dcn_picture_compare(b, a, changed, NULL));
  g_assert_false(dcn_picture_compare(a, a, changed, NULL));
  dcn_picture_unref(a);
  dcn_picture_unref(b);
}

#define N_THREADS 4
#define N_ROUNDS  20000

static gpointer
ref_and_unref(gpointer data)
{
  for (int i = 0; i < N_ROUNDS; i++)
    dcn_picture_unref(dcn_picture_ref(data));
  dcn_picture_unref(data);
  return NULL;
}

/* A lost count frees too early or never, which the sanitizer build sees. */
static void
test_references(void)
{
  DcnPicture *picture = complete_picture(1, 0, 64, 64);
  GThread *threads[N_THREADS];
  for (int i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new("refs", ref_and_unref, dcn_picture_ref(picture));
  for (int i = 0; i < N_THREADS; i++)
    g_thread_join(threads[i]);
  g_assert_cmpint(picture->refs, ==, 1);
  dcn_picture_unref(picture);
}

static gpointer
take_epochs(gpointer data)
{
  uint64_t *epochs = data;
  for (int i = 0; i < 1000; i++)
    epochs[i] = dcn_epoch_new();
  return NULL;
}

static int
by_value(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void
test_epochs(void)
{
  static uint64_t epochs[N_THREADS * 1000];
  GThread *threads[N_THREADS];
  for (int i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new("epochs", take_epochs, epochs + 1000 * i);
  for (int i = 0; i < N_THREADS; i++)
    g_thread_join(threads[i]);
  qsort(epochs, G_N_ELEMENTS(epochs), sizeof *epochs, by_value);
  g_assert_cmpuint(epochs[0], >=, 1);
  for (gsize i = 1; i < G_N_ELEMENTS(epochs); i++)
    g_assert_cmpuint(epochs[i], >, epochs[i - 1]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/coding/picture/new", test_new);
  g_test_add_func("/coding/picture/compare", test_compare);
  g_test_add_func("/coding/picture/compare-refused", test_compare_refused);
  g_test_add_func("/coding/picture/unknown", test_unknown);
  g_test_add_func("/coding/picture/references", test_references);
  g_test_add_func("/coding/epochs", test_epochs);
  return g_test_run();
}
