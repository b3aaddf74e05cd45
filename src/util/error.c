/* deltacnn: error domain of the engine.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/error.h"

GQuark
dcn_error_quark(void)
{
  return g_quark_from_static_string("dcn-error-quark");
}

void
dcn_error_propagate(GError **error, GError *reason)
{
  char *valid = g_utf8_make_valid(reason->message, -1);
  g_free(reason->message);
  reason->message = valid;
  g_propagate_error(error, reason);
}
