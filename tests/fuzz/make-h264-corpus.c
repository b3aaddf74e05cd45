/* deltacnn tests: writes seeds for the H.264 slice data target: pictures of byte streams of small size.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   make-h264-corpus FOLDER PICTURES FILE...      the first PICTURES pictures of each file */
#include "h264-seed.h"
#include "stream.h"
#include <stdio.h>
#include <stdlib.h>

static void
append_slice(GByteArray *seed, const DcnH264Pps *pps, const DcnH264SliceHeader *h,
             const uint8_t *nal, size_t size, size_t header_bits)
{
  uint8_t d[H264_SEED_SLICE] = {
      (uint8_t)((int)h->slice_type | (pps->entropy_coding_mode_flag ? 8 : 0) |
                (pps->transform_8x8_mode_flag ? 16 : 0) | h->cabac_init_idc << 5),
      (uint8_t)h->first_mb_in_slice,
      (uint8_t)(pps->pic_init_qp_minus26 + h->slice_qp_delta),
      (uint8_t)h->num_ref_idx_active_minus1[0],
      (uint8_t)h->num_ref_idx_active_minus1[1],
      (uint8_t)header_bits,
      (uint8_t)(header_bits >> 8),
      (uint8_t)size,
      (uint8_t)(size >> 8),
  };
  g_byte_array_append(seed, d, sizeof d);
  g_byte_array_append(seed, nal, (guint)size);
}

static void
append_picture(GByteArray *seed, const DcnH264Sps *sps, const DcnH264SliceHeader *h)
{
  uint8_t d[H264_SEED_PICTURE] = {
      (uint8_t)(sps->chroma_format_idc | (sps->separate_colour_plane_flag ? 4 : 0) |
                (sps->direct_8x8_inference_flag ? 8 : 0) | (sps->frame_mbs_only_flag ? 0 : 16) |
                (sps->mb_adaptive_frame_field_flag ? 32 : 0) | (h->field_pic_flag ? 64 : 0)),
      (uint8_t)(sps->bit_depth_luma_minus8 | sps->bit_depth_chroma_minus8 << 4),
      (uint8_t)sps->pic_width_in_mbs_minus1,
      (uint8_t)sps->pic_height_in_map_units_minus1,
  };
  g_byte_array_append(seed, d, sizeof d);
}

static void
write_seed(const char *folder, const char *path, int picture, const GByteArray *seed)
{
  char *name = g_path_get_basename(path),
       *out = g_strdup_printf("%s/%s-%d.bin", folder, name, picture);
  if (seed->len && !g_file_set_contents(out, (const char *)seed->data, seed->len, NULL))
    exit(1);
  g_free(name);
  g_free(out);
}

int
main(int argc, char **argv)
{
  if (argc < 4) {
    fprintf(stderr, "usage: %s FOLDER PICTURES FILE...\n", argv[0]);
    return 2;
  }
  for (int i = 3; i < argc; i++) {
    StreamHeaders *headers = g_new0(StreamHeaders, 1);
    DcnH264SliceHeader last = {0}, header;
    GByteArray *seed = g_byte_array_new();
    char *data;
    gsize size;
    size_t at = 0, nal_size, bits;
    const uint8_t *nal;
    int picture = 0;
    if (!g_file_get_contents(argv[i], &data, &size, NULL))
      return 1;
    while (picture < atoi(argv[2]) &&
           (nal = stream_next_nal((const uint8_t *)data, size, &at, &nal_size))) {
      if (!stream_nal(headers, nal, nal_size, &header, &bits))
        continue;
      const DcnH264Sps *sps = stream_sps(headers, &header);
      if (seed->len && dcn_h264_first_slice_of_picture(sps, &last, &header)) {
        write_seed(argv[1], argv[i], picture++, seed);
        g_byte_array_set_size(seed, 0);
      }
      if (!seed->len)
        append_picture(seed, sps, &header);
      append_slice(seed, stream_pps(headers, &header), &header, nal, nal_size, bits);
      last = header;
    }
    g_byte_array_unref(seed);
    g_free(data);
    g_free(headers);
  }
  return 0;
}
