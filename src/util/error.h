/* deltacnn: error domain of the engine.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every engine function that can fail returns FALSE or NULL with a GError of this domain and writes its
 * outputs on success only.  The message is a sentence a user can act on. */
#pragma once
#include <glib.h>

#define DCN_ERROR (dcn_error_quark())

typedef enum {
  DCN_ERROR_INVALID,     /* the input breaks its own format: truncated, corrupt, out of range */
  DCN_ERROR_UNSUPPORTED, /* well formed, but a feature that this engine does not have (named in the message) */
  DCN_ERROR_IO,          /* a file that cannot be read or written */
  DCN_ERROR_MEMORY       /* sizes that overflow, or an allocation that failed */
} DcnError;

GQuark dcn_error_quark(void);

/* As g_propagate_error(); bytes that the message quotes from a file and that are no UTF-8 text are replaced. */
void dcn_error_propagate(GError **error, GError *reason);
