/* deltacnn tests: H.264 elementary streams, as far as headers go.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A reader of its own, so that the tests of src/h264 need no GStreamer: bit by bit, from the syntax tables of ITU-T H.264
 * 7.3. */
#pragma once
#include "h264/decode.h"

typedef struct {
  DcnH264Sps sps[32];
  DcnH264Pps pps[256];
  gboolean have_sps[32], have_pps[256];
} StreamHeaders;

/* One NAL unit of a byte stream from *at on; *at moves behind it.  Returns NULL at the end.  *size does not count the
 * zeros that follow. */
const uint8_t *stream_next_nal(const uint8_t *data, size_t size, size_t *at, size_t *nal_size);

/* Parameter sets are kept.  TRUE for a slice (nal_unit_type 1, 5; 2 too, with type 2) whose parameter sets are there; then
 * *header is set, and *header_bits counts as dcn_h264_slice_data() wants it. */
gboolean stream_nal(StreamHeaders *headers, const uint8_t *nal, size_t size, DcnH264SliceHeader *header,
                    size_t *header_bits);

const DcnH264Pps *stream_pps(const StreamHeaders *headers, const DcnH264SliceHeader *header);
const DcnH264Sps *stream_sps(const StreamHeaders *headers, const DcnH264SliceHeader *header);
