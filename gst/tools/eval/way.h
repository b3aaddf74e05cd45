/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A way to classify the frames of a clip: properties of the element deltacnn.
 *
 * Written as words between slashes: values of its enumerations by name ("delta",
 * "dense", "pixel"), NAME=VALUE for any property, "calibrated" for tolerance=-1.  What
 * there is the element says, so that whatever it learns is known here.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct
{
  gchar *name;                  /* as written */
  GArray *settings;             /* of EvalSetting */
} EvalWay;

typedef struct
{
  const gchar *property;        /* interned */
  GValue value;
} EvalSetting;

/* ways: separated by commas.  The first is "dense", which the others are compared with,
 * whether it is among them or not.  NULL and a sentence that tells what there is. */
GPtrArray *eval_ways_parse (const gchar * ways, GError ** error);

/* All modes, engines and sources; and delta with the tolerances of the .modelinfo where
 * the model is calibrated. */
GPtrArray *eval_ways_default (gboolean calibrated);

/* Sets the properties. */
void eval_way_apply (const EvalWay * way, GstElement * element);

/* What the way sets a property to, or else its default, as text.  Free with g_free();
 * NULL where the element has no such property. */
gchar *eval_way_get (const EvalWay * way, const gchar * property);

/* TRUE where the tolerances of the .modelinfo are asked for. */
gboolean eval_way_is_calibrated (const EvalWay * way);

G_END_DECLS
