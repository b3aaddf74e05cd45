/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tools have in common as programs: options, progress, the last word.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sets an error of G_OPTION_ERROR: a sentence about how the tool was called.  FALSE. */
gboolean tool_bad_use (GError ** error, const gchar * format, ...)
    G_GNUC_PRINTF (2, 3);

/* Parses entries, and GStreamer's own options, out of argv.  parameters: as for
 * g_option_context_new(); summary: for --help, or NULL.  Words that are no options are
 * left to a G_OPTION_REMAINING of entries; without one, they are an error.  --version is
 * answered here, and ends the program. */
gboolean tool_parse (const GOptionEntry * entries, const gchar * parameters,
    const gchar * summary, int *argc, char ***argv, GError ** error);

/* From here on SIGINT and SIGTERM are only noted, so that work can end in good order.
 * Once, from main(); asked from any thread. */
void tool_catch_interrupt (void);
gboolean tool_is_interrupted (void);

/* Better known before hours of work: FALSE and a sentence where file cannot be made, or
 * made anew. */
gboolean tool_check_output (const gchar * file, GError ** error);

/* Progress: one line of the terminal, written over each time.  For one thread at a
 * time.  due: a tenth of a second has gone by since the last that was, and somebody
 * watches, at least through standard error.  bar: share is 0 to 1. */
#define TOOL_BAR 30
gboolean tool_progress_due (void);
void tool_progress (const gchar * format, ...) G_GNUC_PRINTF (1, 2);
const gchar *tool_progress_bar (gchar bar[TOOL_BAR + 1], gdouble share);
void tool_progress_wipe (void);

/* Prints a warning on standard error, unless the same text has been printed before: tools
 * that run an element several times get its warnings as often.  who: an element's name, or
 * NULL.  Takes text; NULL says nothing. */
void tool_warn (const gchar * who, gchar * text);

/* What main() returns.  Where not ok, says why: error, which is freed, or without one
 * that it was interrupted, and wrote nothing. */
int tool_end (const gchar * name, gboolean ok, GError * error);

G_END_DECLS
