/* deltacnn: what source=diamond does with a frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/shifted.h"
#include "rivals/reuse.h"
#include "util/memory.h"
#include <string.h>

struct _DcnShifted {
  DcnTensorSpec spec;
  DcnReuse *reuse;
  DcnMatch *match;
  uint8_t *samples[2]; /* of the frame at hand and of the last one, by turns */
  int now;             /* which of the two */
  uint8_t *known;      /* [height * width] */
  gboolean valid;      /* there is a last frame */
  gboolean
      exact; /* nothing that was not quite the same has been reused since the last full frame */
  int age;   /* frames since then */
};

DcnShifted *
dcn_shifted_new(const DcnNet *net, const DcnTensorSpec *spec)
{
  DcnShifted *s = g_new0(DcnShifted, 1);
  size_t pixels = (size_t)spec->width * spec->height;
  s->spec = *spec;
  s->reuse = dcn_reuse_new(net);
  s->match = dcn_match_new(spec->width, spec->height, DCN_SHIFTED_BLOCK);
  s->known = dcn_aligned_new0(pixels, 1);
  for (int i = 0; i < 2; i++)
    s->samples[i] = dcn_aligned_new0(pixels, (size_t)spec->channels);
  if (!s->reuse || !s->known || !s->samples[0] || !s->samples[1])
    g_clear_pointer(&s, dcn_shifted_free);
  return s;
}

void
dcn_shifted_free(DcnShifted *s)
{
  if (!s)
    return;
  dcn_reuse_free(s->reuse);
  dcn_match_free(s->match);
  dcn_aligned_free(s->known);
  dcn_aligned_free(s->samples[0]);
  dcn_aligned_free(s->samples[1]);
  g_free(s);
}

void
dcn_shifted_reset(DcnShifted *s)
{
  s->valid = FALSE;
  s->match->offset = (DcnOffset){0, 0};
}

static void
match_all(DcnMatch *match, gboolean matched)
{
  int n = match->cols * match->rows;
  memset(match->matched, matched, (size_t)n);
  match->n_matched = matched ? n : 0;
  match->offset = (DcnOffset){0, 0};
}

static void
know_matched(DcnShifted *s, const DcnImage *image)
{
  memset(s->known, 0, (size_t)image->width * image->height);
  for (int i = 0; i < s->match->cols * s->match->rows; i++) {
    if (!s->match->matched[i])
      continue;
    DcnBlock block = dcn_match_block(s->match, image, i);
    for (int y = block.y; y < block.y + block.h; y++)
      memset(s->known + (size_t)y * image->width + block.x, 1, (size_t)block.w);
  }
}

DcnShiftedKind
dcn_shifted_look(DcnShifted *s, const float *tensor, int interval, double psnr)
{
  gboolean had_last = s->valid;
  s->now = !s->now;
  s->valid = TRUE;
  dcn_image_from_tensor(&s->spec, tensor, s->samples[s->now]);
  DcnImage now = {s->spec.width, s->spec.height, s->spec.channels, s->samples[s->now]}, then = now;
  then.samples = s->samples[!s->now];
  size_t bytes = (size_t)now.width * now.height * now.channels;
  gboolean same = had_last && memcmp(now.samples, then.samples, bytes) == 0;
  s->age++;
  if (had_last && same && (s->exact || s->age < interval)) {
    match_all(s->match, TRUE);
    return DCN_SHIFTED_SAME;
  }
  if (had_last && s->age < interval) {
    dcn_match_search(s->match, &now, &then, psnr, FALSE);
    dcn_match_agree(s->match, &now, &then, psnr);
    if (s->match->n_matched > 0) {
      know_matched(s, &now);
      dcn_reuse_begin(s->reuse, s->known, s->match->offset);
      s->exact = FALSE;
      return DCN_SHIFTED_SOME;
    }
  }
  match_all(s->match, FALSE);
  s->age = 0;
  s->exact = TRUE;
  return DCN_SHIFTED_FULL;
}

DcnCompute
dcn_shifted_compute(void *context, int op, const DcnPixels *out, uint64_t *marks, int row_words)
{
  DcnShifted *s = context;
  return dcn_reuse_compute(s->reuse, op, out, marks, row_words);
}

const DcnMatch *
dcn_shifted_match(const DcnShifted *s)
{
  return s->match;
}
