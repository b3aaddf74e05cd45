/* deltacnn: what the codec says about one decoded picture.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coding/picture.h"

DcnPicture *
dcn_picture_new(uint64_t epoch, uint32_t number, DcnPictureType type, int coded_width,
                int coded_height)
{
  g_return_val_if_fail(coded_width > 0 && coded_width <= 16384, NULL);
  g_return_val_if_fail(coded_height > 0 && coded_height <= 16384, NULL);
  DcnPicture *picture = g_new0(DcnPicture, 1);
  picture->refs = 1;
  picture->epoch = epoch;
  picture->number = number;
  picture->type = type;
  picture->known = TRUE;
  picture->n_past = -1;
  picture->coded_width = picture->crop_width = coded_width;
  picture->coded_height = picture->crop_height = coded_height;
  picture->cols = (coded_width + 7) / 8;
  picture->rows = (coded_height + 7) / 8;
  size_t blocks = (size_t)picture->cols * (size_t)picture->rows;
  picture->born = g_try_new(uint32_t, blocks);
  picture->mb_cols = (coded_width + 15) / 16;
  picture->mb_rows = (coded_height + 15) / 16;
  size_t mbs = (size_t)picture->mb_cols * (size_t)picture->mb_rows;
  picture->quantiser = g_try_new0(uint8_t, mbs);
  picture->mb_flags = g_try_new0(uint8_t, mbs);
  picture->vectors = g_array_new(FALSE, FALSE, sizeof(DcnVector));
  if (!picture->born || !picture->quantiser || !picture->mb_flags) {
    dcn_picture_unref(picture);
    return NULL;
  }
  for (size_t i = 0; i < blocks; i++)
    picture->born[i] = number;
  return picture;
}

DcnPicture *
dcn_picture_ref(DcnPicture *picture)
{
  g_atomic_int_inc(&picture->refs);
  return picture;
}

void
dcn_picture_unref(DcnPicture *picture)
{
  if (!picture || !g_atomic_int_dec_and_test(&picture->refs))
    return;
  g_free(picture->born);
  g_free(picture->quantiser);
  g_free(picture->mb_flags);
  if (picture->vectors)
    g_array_unref(picture->vectors);
  g_free(picture);
}

void
dcn_picture_add_time(DcnPicture *picture, uint64_t ns)
{
  int before = g_atomic_int_get(&picture->read_ns);
  int most = (int)MIN(ns, (uint64_t)(G_MAXINT - before));
  g_atomic_int_add(&picture->read_ns, most);
}

void
dcn_picture_set_unknown(DcnPicture *picture, const char *reason)
{
  size_t blocks = (size_t)picture->cols * (size_t)picture->rows;
  for (size_t i = 0; i < blocks; i++)
    picture->born[i] = picture->number;
  g_array_set_size(picture->vectors, 0);
  picture->mb_cols = picture->mb_rows = 0;
  picture->known = FALSE;
  picture->unknown_reason = reason;
}

gboolean
dcn_picture_compare(const DcnPicture *a, const DcnPicture *b, uint8_t *changed, int *n_changed)
{
  if (!g_atomic_int_get(&a->complete) || !g_atomic_int_get(&b->complete))
    return FALSE;
  /* A decoder may put out more than one frame for a picture that it could not decode, different ones. */
  if (!a->known || !b->known)
    return FALSE;
  if (a->epoch != b->epoch || a->coded_width != b->coded_width ||
      a->coded_height != b->coded_height || a->crop_x != b->crop_x || a->crop_y != b->crop_y ||
      a->crop_width != b->crop_width || a->crop_height != b->crop_height)
    return FALSE;
  size_t blocks = (size_t)a->cols * (size_t)a->rows;
  const uint32_t
      *restrict x = a->born,
                *restrict y = b->born; /* loops over bytes vectorise where nothing else may alias */
  uint8_t *restrict out = changed;
  int n = 0;
  for (size_t i = 0; i < blocks; i++)
    out[i] = x[i] != y[i];
  for (size_t i = 0; i < blocks; i++)
    n += out[i];
  if (n_changed)
    *n_changed = n;
  return TRUE;
}

uint64_t
dcn_epoch_new(void)
{
  static GMutex lock;
  static uint64_t last; /* protected by lock */
  g_mutex_lock(&lock);
  uint64_t epoch = ++last;
  g_mutex_unlock(&lock);
  return epoch;
}
