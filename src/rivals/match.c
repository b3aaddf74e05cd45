/* deltacnn: which blocks of an image are found in the last one.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/match.h"
#include "rivals/diamond.h"
#include <math.h>

DcnMatch *
dcn_match_new(int width, int height, int size)
{
  DcnMatch *match = g_new0(DcnMatch, 1);
  match->size = size;
  match->cols = (width + size - 1) / size;
  match->rows = (height + size - 1) / size;
  size_t n = (size_t)match->cols * match->rows;
  match->matched = g_new0(uint8_t, n);
  match->found = g_new0(uint8_t, n);
  match->offsets = g_new0(DcnOffset, n);
  return match;
}

void
dcn_match_free(DcnMatch *match)
{
  if (!match)
    return;
  g_free(match->matched);
  g_free(match->found);
  g_free(match->offsets);
  g_free(match);
}

DcnBlock
dcn_match_block(const DcnMatch *match, const DcnImage *image, int block)
{
  int x = block % match->cols * match->size, y = block / match->cols * match->size;
  return (DcnBlock){x, y, MIN(match->size, image->width - x), MIN(match->size, image->height - y)};
}

static gboolean
matches(const DcnImage *image, const DcnBlock *block, uint64_t error, double psnr)
{
  return error != DCN_BLOCK_OUTSIDE &&
         dcn_psnr(error, (size_t)block->w * block->h * image->channels) > psnr;
}

void
dcn_match_search(DcnMatch *match, const DcnImage *now, const DcnImage *then, double psnr,
                 gboolean from_before)
{
  match->n_found = 0;
  for (int i = 0; i < match->cols * match->rows; i++) {
    DcnBlock block = dcn_match_block(match, now, i);
    DcnOffset starts[3] = {{0, 0}, match->offset, match->offsets[i]};
    uint64_t error;
    match->offsets[i] = dcn_diamond_search(now, then, &block, starts, from_before ? 3 : 2, &error);
    match->found[i] = matches(now, &block, error, psnr);
    match->n_found += match->found[i];
  }
}

static int
count_at(const DcnMatch *match, const DcnImage *now, const DcnImage *then, double psnr,
         DcnOffset offset, uint8_t *matched)
{
  int n = 0;
  for (int i = 0; i < match->cols * match->rows; i++) {
    DcnBlock block = dcn_match_block(match, now, i);
    gboolean same =
        matches(now, &block, dcn_block_error(now, then, &block, offset, DCN_BLOCK_OUTSIDE), psnr);
    if (matched)
      matched[i] = (uint8_t)same;
    n += same;
  }
  return n;
}

/* The mean of the blocks' offsets, and once more of those no farther from it than it is long; the
 * paper's movement. */
static DcnOffset
mean(const DcnMatch *match)
{
  double x = 0, y = 0, nx = 0, ny = 0;
  int n = 0;
  for (int i = 0; i < match->cols * match->rows; i++)
    if (match->found[i]) {
      x += match->offsets[i].x;
      y += match->offsets[i].y;
      n++;
    }
  if (n == 0)
    return (DcnOffset){0, 0};
  x /= n;
  y /= n;
  n = 0;
  for (int i = 0; i < match->cols * match->rows; i++) {
    const DcnOffset *o = &match->offsets[i];
    if (match->found[i] && fabs(o->x - x) + fabs(o->y - y) < fabs(x) + fabs(y)) {
      nx += o->x;
      ny += o->y;
      n++;
    }
  }
  if (n > 0) {
    x = nx / n;
    y = ny / n;
  }
  return (DcnOffset){(int)lround(x), (int)lround(y)};
}

/* The offset that most blocks have, of those that moved. */
static DcnOffset
mode(const DcnMatch *match)
{
  DcnOffset best = {0, 0};
  int n = match->cols * match->rows, most = 0;
  for (int i = 0; i < n; i++) {
    const DcnOffset *o = &match->offsets[i];
    if (!match->found[i] || (o->x == 0 && o->y == 0) || (o->x == best.x && o->y == best.y))
      continue;
    int same = 0;
    for (int j = i; j < n; j++)
      same += match->found[j] && match->offsets[j].x == o->x && match->offsets[j].y == o->y;
    if (same > most) {
      most = same;
      best = *o;
    }
  }
  return best;
}

/* A false match far away shifts the mean, a still background the mode: so both are tried, and no
 * movement, and that is taken at which most blocks match. */
void
dcn_match_agree(DcnMatch *match, const DcnImage *now, const DcnImage *then, double psnr)
{
  DcnOffset candidates[3] = {{0, 0}, mode(match), mean(match)};
  int best = -1;
  for (int i = 0; i < 3; i++) {
    int n = count_at(match, now, then, psnr, candidates[i], NULL);
    if (n > best) {
      best = n;
      match->offset = candidates[i];
    }
  }
  match->n_matched = count_at(match, now, then, psnr, match->offset, match->matched);
}
