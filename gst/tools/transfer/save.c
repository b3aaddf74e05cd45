/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "save.h"

#include <gio/gio.h>
#include <string.h>

/* A quoted field, RFC 4180. */
static void
append_text (GString * out, const gchar * text)
{
  g_string_append_c (out, '"');
  for (; *text; text++) {
    if (*text == '"')
      g_string_append_c (out, '"');
    g_string_append_c (out, *text);
  }
  g_string_append (out, "\",");
}

static GString *
make_csv (const TransferClips * clips)
{
  GString *out = g_string_new ("label,clip,group,validation,frame\n");
  guint i, j;

  for (i = 0; i < clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (clips->clips, i);

    for (j = 0; j < clip->rows.n; j++) {
      append_text (out, clips->labels[clip->label]);
      append_text (out, clip->name);
      append_text (out, clip->group);
      g_string_append_printf (out, "%d,%u\n", clip->validation,
          clip->rows.frames[j]);
    }
  }
  return out;
}

/* The format: numpy.lib.format, version 1.0.  The head ends at a multiple of 64. */
static GString *
make_npy (const TransferClips * clips)
{
  GString *out = g_string_new_len ("\x93NUMPY\x01\x00", 8);
  gsize n = 0, i, k;
  guint width = 0;
  gchar *head, *padded;

  for (i = 0; i < clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (clips->clips, i);

    n += clip->rows.n;
    width = clip->rows.width;
  }
  head = g_strdup_printf ("{'descr': '<f4', 'fortran_order': False, 'shape': "
      "(%" G_GSIZE_FORMAT ", %u), }", n, width);
  padded = g_strdup_printf ("%-117s\n", head);
  g_string_append_c (out, strlen (padded) & 0xff);
  g_string_append_c (out, strlen (padded) >> 8);
  g_string_append (out, padded);
  for (i = 0; i < clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (clips->clips, i);

    for (k = 0; k < (gsize) clip->rows.n * width; k++) {
      guint32 bits;

      memcpy (&bits, &clip->rows.values[k], sizeof bits);
      bits = GUINT32_TO_LE (bits);
      g_string_append_len (out, (const gchar *) &bits, sizeof bits);
    }
  }
  g_free (head);
  g_free (padded);
  return out;
}

static gboolean
save (const gchar * name, const gchar * suffix, GString * content,
    GError ** error)
{
  gchar *path = g_strconcat (name, suffix, NULL);
  GError *reason = NULL;
  gboolean ok = g_file_set_contents (path, content->str, content->len, &reason);

  if (!ok) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "cannot write the features: %s", reason->message);
    g_clear_error (&reason);
  }
  g_string_free (content, TRUE);
  g_free (path);
  return ok;
}

gboolean
transfer_save (const TransferClips * clips, const gchar * name, GError ** error)
{
  return save (name, ".npy", make_npy (clips), error)
      && save (name, ".csv", make_csv (clips), error);
}
