/* deltacnn: where the parts of an image were in an earlier one.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/field.h"

DcnField *
dcn_field_new(int cols, int rows)
{
  DcnField *field = g_new0(DcnField, 1);
  size_t n = (size_t)cols * rows;
  field->cols = cols;
  field->rows = rows;
  field->x = g_new0(float, n);
  field->y = g_new0(float, n);
  field->known = g_new0(uint8_t, n);
  return field;
}

void
dcn_field_free(DcnField *field)
{
  if (!field)
    return;
  g_free(field->x);
  g_free(field->y);
  g_free(field->known);
  g_free(field);
}
