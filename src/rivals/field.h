/* deltacnn: where the parts of an image were in an earlier one.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <stdint.h>

/* Block (col, row) covers [left + col * width, + width) x [top + row * height, + height) of the
 * tensor; what is at p now was at p + (x, y) then.  All in tensor pixels. */
typedef struct {
  int cols, rows;
  double left, top, width, height;
  float *x, *y;   /* [rows * cols] */
  uint8_t *known; /* [rows * cols] 0: nobody knows */
} DcnField;

/* A field of so many blocks, all unknown; the caller frees it. */
DcnField *dcn_field_new(int cols, int rows);
void dcn_field_free(DcnField *field); /* NULL is fine */
