/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "report.h"
#include "train.h"

/* More columns than that are no table any more. */
#define MOST_COLUMNS 12
#define LABEL_WIDTH 20

void
transfer_confusion_init (TransferConfusion * confusion, guint n_classes)
{
  confusion->n_classes = n_classes;
  confusion->frames = g_new0 (guint, (gsize) n_classes * n_classes);
  confusion->clips = g_new0 (guint, (gsize) n_classes * n_classes);
}

void
transfer_confusion_clear (TransferConfusion * confusion)
{
  g_clear_pointer (&confusion->frames, g_free);
  g_clear_pointer (&confusion->clips, g_free);
}

static guint
best (const gdouble * values, guint n)
{
  guint i, found = 0;

  for (i = 1; i < n; i++)
    if (values[i] > values[found])
      found = i;
  return found;
}

void
transfer_confusion_add (TransferConfusion * confusion, guint truth,
    const float *scores, guint n, gboolean sure)
{
  guint m = confusion->n_classes, i, c;
  gdouble *confidences = g_new (gdouble, m), *sum = g_new0 (gdouble, m);

  for (i = 0; i < n; i++, scores += m) {
    if (!sure)
      transfer_softmax (scores, m, confidences);
    for (c = 0; c < m; c++) {
      if (sure)
        confidences[c] = scores[c];
      sum[c] += confidences[c];
    }
    confusion->frames[(gsize) truth * m + best (confidences, m)]++;
  }
  confusion->clips[(gsize) truth * m + best (sum, m)]++;
  g_free (confidences);
  g_free (sum);
}

gdouble
transfer_confusion_right (const guint * counts, guint n_classes)
{
  guint64 right = 0, all = 0;
  guint i, j;

  for (i = 0; i < n_classes; i++)
    for (j = 0; j < n_classes; j++) {
      all += counts[(gsize) i * n_classes + j];
      right += i == j ? counts[(gsize) i * n_classes + j] : 0;
    }
  return all ? (gdouble) right / all : 0.0;
}

static gchar *
padded (const gchar * label, gint width, gboolean right)
{
  gchar *cut = g_utf8_substring (label, 0, MIN (g_utf8_strlen (label, -1),
          width));
  gchar *space = g_strnfill (width - g_utf8_strlen (cut, -1), ' ');
  gchar *text = right ? g_strconcat (space, cut, NULL)
      : g_strconcat (cut, space, NULL);

  g_free (cut);
  g_free (space);
  return text;
}

static gdouble
row_right (const guint * row, guint n, guint truth)
{
  guint all = 0, i;

  for (i = 0; i < n; i++)
    all += row[i];
  return all ? 100.0 * row[truth] / all : 0.0;
}

static void
print_table (const guint * counts, guint n, gchar ** labels, gint width)
{
  guint i, j;

  for (i = 0; i < n; i++) {
    const guint *row = counts + (gsize) i * n;
    gchar *label = padded (labels[i], width, FALSE);

    g_print ("  %s", label);
    for (j = 0; j < n; j++)
      g_print (" %*u", MAX (width, 5), row[j]);
    g_print ("  %5.1f %%\n", row_right (row, n, i));
    g_free (label);
  }
}

static void
print_matrix (const TransferConfusion * confusion, gchar ** labels)
{
  guint n = confusion->n_classes, i;
  gint width = 5, column;

  for (i = 0; i < n; i++)
    width = MAX (width, (gint) g_utf8_strlen (labels[i], -1));
  width = MIN (width, LABEL_WIDTH);
  column = MAX (width, 5);
  g_print ("\n  %*s", width, "");
  for (i = 0; i < n; i++) {
    gchar *label = padded (labels[i], column, TRUE);

    g_print (" %s", label);
    g_free (label);
  }
  g_print ("  right\n");
  g_print ("frames\n");
  print_table (confusion->frames, n, labels, width);
  g_print ("clips\n");
  print_table (confusion->clips, n, labels, width);
}

/* What a class is most often taken for. */
static void
print_list (const TransferConfusion * confusion, gchar ** labels)
{
  guint n = confusion->n_classes, i, j;

  g_print ("\n  %-*s frames   clips  mostly taken for\n", LABEL_WIDTH,
      "right of class");
  for (i = 0; i < n; i++) {
    const guint *frames = confusion->frames + (gsize) i * n;
    gchar *label = padded (labels[i], LABEL_WIDTH, FALSE);
    guint other = i ? 0 : 1;

    for (j = 0; j < n; j++)
      if (j != i && frames[j] > frames[other])
        other = j;
    g_print ("  %s %5.1f %% %5.1f %%  %s\n", label, row_right (frames, n, i),
        row_right (confusion->clips + (gsize) i * n, n, i),
        frames[other] ? labels[other] : "-");
    g_free (label);
  }
}

void
transfer_confusion_print (const TransferConfusion * confusion, gchar ** labels)
{
  if (confusion->n_classes <= MOST_COLUMNS)
    print_matrix (confusion, labels);
  else
    print_list (confusion, labels);
}
