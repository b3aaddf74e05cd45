/* deltacnn: weights that are whole multiples of a step, as those of quantised models are.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a byte holds each of the weights, to the bit: those of all outputs in steps of one size, or those of each output.
 * Then weight i of output j is (float)(byte - zero[j]) * scale[j], with byte = dcn_steps_byte(weight, zero[j], scale[j]).
 *
 * weights      [outputs][inputs]
 * zero, scale  [outputs], set where TRUE is returned; zero is a whole number, which may lie outside of a byte (as gemv_bytes takes it) */
gboolean dcn_steps_fit(const float *weights, size_t outputs, size_t inputs, float *zero, float *scale);

/* Whether some of one output's weights are so few kinds that they may be such ones. */
gboolean dcn_steps_possible(const float *weights, size_t count);

uint8_t dcn_steps_byte(float weight, float zero, float scale);
