/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tool.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <stdlib.h>
#include <unistd.h>

gboolean
tool_bad_use (GError ** error, const gchar * format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (G_OPTION_ERROR,
          G_OPTION_ERROR_BAD_VALUE, format, args));
  va_end (args);
  return FALSE;
}

static gboolean
show_version (const gchar * option, const gchar * value, gpointer data,
    GError ** error)
{
  g_print ("%s %s\n", g_get_prgname (), VERSION);
  exit (EXIT_SUCCESS);
}

gboolean
tool_parse (const GOptionEntry * entries, const gchar * parameters,
    const gchar * summary, int *argc, char ***argv, GError ** error)
{
  static const GOptionEntry version[] = {
    {"version", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, show_version,
        "Print the version and exit", NULL},
    {NULL}
  };
  GOptionContext *context = g_option_context_new (parameters);
  gboolean ok;

  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, version, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  ok = g_option_context_parse (context, argc, argv, error);
  g_option_context_free (context);
  if (ok && *argc > 1)
    return tool_bad_use (error, "what is '%s'? "
        "Only options are taken (see --help)", (*argv)[1]);
  return ok;
}

static gint interrupted;        /* atomic */

static gboolean
on_signal (gpointer user_data)
{
  g_atomic_int_set (&interrupted, TRUE);
  return G_SOURCE_CONTINUE;
}

/* A context of its own: no one need run the main one while work is done. */
static gpointer
watch_signals (gpointer user_data)
{
  for (;;)
    g_main_context_iteration (user_data, TRUE);
  return NULL;
}

void
tool_catch_interrupt (void)
{
  static const int signals[] = { SIGINT, SIGTERM };
  GMainContext *context = g_main_context_new ();
  guint i;

  for (i = 0; i < G_N_ELEMENTS (signals); i++) {
    GSource *source = g_unix_signal_source_new (signals[i]);

    g_source_set_callback (source, on_signal, NULL, NULL);
    g_source_attach (source, context);
    g_source_unref (source);
  }
  g_thread_unref (g_thread_new ("signals", watch_signals, context));
}

gboolean
tool_is_interrupted (void)
{
  return g_atomic_int_get (&interrupted);
}

gboolean
tool_check_output (const gchar * file, GError ** error)
{
  gchar *folder = g_path_get_dirname (file);
  const gchar *why = NULL;
  gboolean ok = FALSE;

  if (g_file_test (file, G_FILE_TEST_IS_DIR))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY,
        "cannot write %s: it is a folder", file);
  else if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    why = "does not exist";
  else if (g_access (folder, W_OK | X_OK) != 0)
    why = "is read-only";
  else
    ok = TRUE;
  if (why)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "cannot write %s: the folder %s %s", file, folder, why);
  g_free (folder);
  return ok;
}

static gboolean shown;          /* there is a line to wipe */

gboolean
tool_progress_due (void)
{
  static gint64 last;
  gint64 now = g_get_monotonic_time ();

  if (now - last < G_USEC_PER_SEC / 10 || !isatty (STDERR_FILENO))
    return FALSE;
  last = now;
  return TRUE;
}

void
tool_progress (const gchar * format, ...)
{
  va_list args;
  gchar *line;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("\r\033[K%s", line);
  g_free (line);
  shown = TRUE;
}

const gchar *
tool_progress_bar (gchar bar[TOOL_BAR + 1], gdouble share)
{
  gint i;

  for (i = 0; i < TOOL_BAR; i++)
    bar[i] = i < share * TOOL_BAR ? '#' : '.';
  bar[TOOL_BAR] = 0;
  return bar;
}

void
tool_progress_wipe (void)
{
  if (shown)
    g_printerr ("\r\033[K");
  shown = FALSE;
}

void
tool_warn (const gchar * who, gchar * text)
{
  static GMutex lock;
  static GHashTable *said;

  g_mutex_lock (&lock);
  if (!said)
    said = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (text && !g_hash_table_contains (said, text)) {
    tool_progress_wipe ();
    g_printerr ("warning: %s%s%s\n", who ? who : "", who ? ": " : "", text);
    g_hash_table_add (said, g_strdup (text));
  }
  g_mutex_unlock (&lock);
  g_free (text);
}

int
tool_end (const gchar * name, gboolean ok, GError * error)
{
  tool_progress_wipe ();
  if (ok)
    return EXIT_SUCCESS;
  g_printerr ("%s: %s\n", name, error ? error->message :
      "interrupted; nothing was written");
  g_clear_error (&error);
  return EXIT_FAILURE;
}
