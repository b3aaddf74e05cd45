/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Registers every element of the project.  plugin is NULL in a program that has them linked in. */
gboolean deltacnn_elements_register (GstPlugin * plugin);

G_END_DECLS
