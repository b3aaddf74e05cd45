/* deltacnn: full runs of 3x3 convolutions by Winograd's way: tiles of inputs and weights are transformed so that the
 * products of (m + 2)^2 small matrices do for 9 m^2.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Some tiles at a time: their inputs are transformed, then for each block of output channels multiplied, point by
 * point, and transformed back; so many that what is transformed stays in the second-level cache, and transformed
 * weights, which are larger than plain ones, are read seldom. */
#include "kernels/winograd.h"
#include "net/winograd.h"
#include "util/memory.h"
#include "util/parallel.h"

/* What a value takes that is transformed, and a sum that is stored and transformed back, and to set up a tile, in
 * multiplies of igemm; fitted to AVX-512.  Narrower vectors multiply slower than that, but move hardly less. */
#define IN_COST     12.0
#define OUT_COST    20.0
#define TILE_COST   3000.0
#define NARROW_COST 0.6
/* Below this gain it is not taken. */
#define LEAST_GAIN 1.15
/* So many multiplies have to be saved in a frame for each float of memory (of AVX-512: a time, that is). */
#define MEMORY_COST 12.0
/* What a chunk's transformed inputs and sums may take, about: half of a large second-level cache; of a small network,
 * this share of its values, so that they are not outweighed. */
#define CHUNK_BYTES (768u << 10)
#define CHUNK_SHARE 6
/* More weights than that come from far away whenever they are read. */
#define NEAR_BYTES (512u << 10)

static size_t
tile_floats(const DcnKernels *k, const DcnWinograd *w)
{
  return (size_t)w->points * ((size_t)w->pitch + (size_t)k->nr);
}

/* Multiplies, and what reading weights takes over that: while one is read from far away, so many multiplies can be
 * done, a third of them for nothing otherwise. */
static double
matrix_cost(const DcnKernels *k, double weights, double uses, int reads)
{
  double wait = 8 + k->nr / 2, far = MAX(uses, wait) + MIN(uses, wait) / 3;
  int far_reads = weights * sizeof(float) > NEAR_BYTES ? reads : 1;
  return weights * (far * far_reads + uses * (reads - far_reads));
}

static double
whole_vectors(const DcnKernels *k, int columns)
{
  int lanes = k->nr / 2;
  return (double)((columns + lanes - 1) / lanes * lanes);
}

static double
moving_cost(const DcnKernels *k)
{
  return k->nr / 2 < 16 ? NARROW_COST : 1;
}

/* What `tiles` of them take, cut into chunks. */
static double
cost_of(const DcnKernels *k, const DcnWinograd *w, int groups, int cg, int mg, int tiles)
{
  int chunks = (tiles + w->chunk_tiles - 1) / w->chunk_tiles;
  double columns = whole_vectors(k, mg), per_group = (double)tiles * w->points;
  return groups *
         (matrix_cost(k, (double)w->points * cg * columns, (double)tiles / MAX(chunks, 1), chunks) +
          (per_group * (cg * IN_COST + columns * OUT_COST) + tiles * TILE_COST) * moving_cost(k));
}

static double
direct_cost(const DcnKernels *k, int pixels, int block_pixels, int groups, int cg, int mg)
{
  int blocks = (pixels + block_pixels - 1) / block_pixels;
  return groups * matrix_cost(k, 9.0 * cg * whole_vectors(k, mg), (double)pixels / blocks, blocks);
}

/* G g G^T; g: [3][3], u: [points] */
static void
transform_weights(int m, const float *g, double *u)
{
  const double a2 = DCN_WINOGRAD_A * DCN_WINOGRAD_A, b2 = DCN_WINOGRAD_B * DCN_WINOGRAD_B;
  double rows[DCN_WINOGRAD_MOST + 2][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  int side = m + 2;
  if (m ==
      4) { /* a row of powers of each point, divided by the product of its differences to the others */
    const double points[] = {0, DCN_WINOGRAD_A, -DCN_WINOGRAD_A, DCN_WINOGRAD_B, -DCN_WINOGRAD_B};
    const double products[] = {a2 * b2, 2 * a2 * (a2 - b2), 2 * a2 * (a2 - b2), 2 * b2 * (b2 - a2),
                               2 * b2 * (b2 - a2)};
    for (int i = 0; i < 5; i++)
      for (int j = 0; j < 3; j++)
        rows[i][j] = (j == 0 ? 1 : j == 1 ? points[i] : points[i] * points[i]) / products[i];
    rows[5][0] = rows[5][1] = 0;
    rows[5][2] = 1;
  }
  for (int i = 0; i < side; i++) {
    double t[3];
    for (int x = 0; x < 3; x++)
      t[x] = rows[i][0] * g[x] + rows[i][1] * g[3 + x] + rows[i][2] * g[6 + x];
    for (int j = 0; j < side; j++)
      u[i * side + j] = t[0] * rows[j][0] + t[1] * rows[j][1] + t[2] * rows[j][2];
  }
}

static void
pack(const DcnWinograd *w, const DcnConv *conv, int groups, int blocks, int cg, int mg, int nr)
{
  double u[DCN_WINOGRAD_POINTS];
  for (int m = 0; m < groups * mg; m++) {
    int group = m / mg, b = m % mg / nr, j = m % mg % nr;
    float *to = w->weights + ((size_t)group * blocks + b) * w->block_floats + j;
    for (int c = 0; c < cg; c++) {
      transform_weights(w->m, conv->weights + ((size_t)m * cg + c) * 9, u);
      for (int i = 0; i < w->points; i++)
        to[((size_t)i * cg + c) * nr] = (float)u[i];
    }
  }
}

static size_t
choose_chunk_bytes(const DcnNet *net)
{
  size_t floats = 0;
  for (int i = 0; i < net->program->n_values; i++)
    floats += net->values[i].view_of < 0 ? net->values[i].floats : 0;
  return MIN(CHUNK_BYTES, floats * sizeof(float) / CHUNK_SHARE);
}

static void
set_size(DcnWinograd *w, const DcnKernels *k, const DcnNetValue *in, const DcnNetValue *out, int m,
         int groups, size_t chunk_bytes)
{
  int cg = in->c / groups;
  w->m = m;
  w->points = (m + 2) * (m + 2);
  w->tiles_y = (out->h + m - 1) / m;
  w->tiles_x = (out->w + m - 1) / m;
  w->tiles = out->n * w->tiles_y * w->tiles_x;
  w->pitch = (cg + 15) / 16 * 16;
  w->block_floats = (size_t)w->points * cg * k->nr;
  double chunks =
      (double)w->tiles * (double)(tile_floats(k, w) * sizeof(float)) / (double)MAX(chunk_bytes, 1);
  int whole = (int)CLAMP(chunks + 0.5, 1, w->tiles);
  w->chunk_tiles = (w->tiles + whole - 1) / whole;
}

static int asked = -2; /* atomic; dcn_winograd_ask(), -2: by the environment */

void
dcn_winograd_ask(int m)
{
  g_atomic_int_set(&asked, m);
}

static int
asked_for(void)
{
  int m = g_atomic_int_get(&asked);
  if (m != -2)
    return m;
  const char *text = g_getenv("DCN_WINOGRAD");
  return g_strcmp0(text, "0") == 0   ? 0
         : g_strcmp0(text, "2") == 0 ? 2
         : g_strcmp0(text, "4") == 0 ? 4
                                     : -1;
}

DcnWinograd *
dcn_winograd_new(DcnNet *net, const DcnOp *op, int block_pixels, double *cost)
{
  const DcnConv *conv = &op->u.conv;
  const DcnNetValue *in = dcn_op_in(net, op), *out = dcn_op_out(net, op);
  const DcnKernels *k = net->kernels;
  if (conv->kh != 3 || conv->kw != 3 || conv->stride_h != 1 || conv->stride_w != 1 ||
      conv->dil_h != 1 || conv->dil_w != 1)
    return NULL;
  int groups = conv->groups, cg = in->c / groups, mg = out->c / groups,
      blocks = (mg + k->nr - 1) / k->nr;
  double direct = direct_cost(k, out->pixels, block_pixels, groups, cg, mg), least = direct;
  double taken = direct;
  DcnWinograd best = {0};
  int wanted = asked_for();
  size_t chunk_bytes = choose_chunk_bytes(net);
  for (int m = 2; m <= DCN_WINOGRAD_MOST; m += 2) {
    if (wanted >= 0 && m != wanted)
      continue;
    DcnWinograd w = {.pad_top = conv->pad_top, .pad_left = conv->pad_left};
    set_size(&w, k, in, out, m, groups, chunk_bytes);
    double c = cost_of(k, &w, groups, cg, mg, w.tiles),
           memory = (double)w.block_floats * blocks * groups * MEMORY_COST * moving_cost(k);
    if (m == wanted || (c * LEAST_GAIN < direct && c + memory < least)) {
      least = c + memory;
      taken = c;
      best = w;
    }
  }
  size_t floats;
  if (best.m == 0 || !dcn_size_mul(best.block_floats, (size_t)blocks * groups, &floats) ||
      !(best.weights = dcn_aligned_new0(floats, sizeof(float))))
    return NULL; /* then there is the plain way */
  pack(&best, conv, groups, blocks, cg, mg, k->nr);
  best.weight_bytes = floats * sizeof(float);
  best.always = best.m == wanted;
  best.plain_pixel = 9.0 * cg * whole_vectors(k, mg);
  DcnNeeds *needs = &net->needs;
  needs->floats = MAX(needs->floats,
                      (size_t)best.chunk_tiles * tile_floats(k, &best) + (size_t)best.points * 16);
  needs->tiles = MAX(needs->tiles, (size_t)best.tiles);
  needs->pointers = MAX(needs->pointers, (size_t)best.points * (best.chunk_tiles + k->mr));
  *cost = taken;
  return g_memdup2(&best, sizeof best);
}

void
dcn_winograd_free(DcnWinograd *winograd)
{
  if (!winograd)
    return;
  dcn_aligned_free(winograd->weights);
  g_free(winograd);
}

typedef struct {
  const DcnWinogradRun *run;
  int tiles, chunks, parts; /* chunks of tiles, parts of output channels */
  int failed;               /* atomic */
} Loop;

/* Output pixel of a tile's corner, as row and column of an image. */
typedef struct {
  int image, y, x;
} Corner;

static Corner
corner(const DcnWinograd *w, int tile)
{
  int row = tile / w->tiles_x;
  return (Corner){row / w->tiles_y, row % w->tiles_y * w->m, tile % w->tiles_x * w->m};
}

/* Floats from one point's inputs to the next: an odd number of cache lines, or those of one tile would meet in a few
 * sets of the first-level cache. */
static size_t
point_floats(const DcnWinograd *w, int n)
{
  return ((size_t)n * w->pitch / 16 | 1) * 16;
}

static Corner
corner_of(const DcnWinogradRun *run, int i)
{
  return corner(run->winograd, run->tiles ? run->tiles[i].tile : i);
}

/* Transformed inputs of tiles [begin, begin + n): [points][n][pitch]. */
static void
transform_inputs(const DcnWinogradRun *run, int begin, int n, int group, float *v)
{
  const DcnJob *job = run->job;
  const DcnWinograd *w = run->winograd;
  const DcnNetValue *in = job->in->net;
  const float *zero = job->state->zero, *base = job->in->ref + (size_t)group * run->cg;
  size_t pitch = (size_t)in->ref_pitch;
  int side = w->m + 2;
  for (int t = 0; t < n; t++, v += w->pitch) {
    Corner at = corner_of(run, begin + t);
    const float *d[DCN_WINOGRAD_POINTS];
    int top = at.y - w->pad_top, left = at.x - w->pad_left;
    for (int i = 0; i < side; i++) {
      int y = top + i;
      const float *row = base + ((ptrdiff_t)at.image * in->h + y) * in->w * (ptrdiff_t)pitch;
      gboolean inside = y >= 0 && y < in->h;
      for (int j = 0; j < side; j++) {
        int x = left + j;
        d[i * side + j] = inside && x >= 0 && x < in->w ? row + (size_t)x * pitch : zero;
      }
    }
    job->kernels->winograd_in(w->m, d, v, point_floats(w, n), run->cg);
  }
}

/* The lists igemm reads: [points][tiles of mr][mr]. */
static void
point_to_inputs(const DcnWinogradRun *run, int n, const float *v, const float **a)
{
  const DcnWinograd *w = run->winograd;
  int mr = run->job->kernels->mr, count = (n + mr - 1) / mr;
  for (int p = 0; p < w->points; p++, v += point_floats(w, n))
    for (int i = 0; i < count; i++) {
      int first = n * i / count, last = n * (i + 1) / count - 1;
      for (int j = 0; j < mr; j++)
        *a++ = v + (size_t)MIN(first + j, last) * w->pitch;
    }
}

/* Sums of block b of the output channels: [n][points][nr]. */
static void
multiply(const DcnWinogradRun *run, int n, const float *weights, gboolean more,
         const float *const *a, float *sums, int columns)
{
  const DcnWinograd *w = run->winograd;
  const DcnKernels *k = run->job->kernels;
  int mr = k->mr, nr = k->nr, count = (n + mr - 1) / mr;
  size_t step = (size_t)run->cg * nr, ldo = (size_t)w->points * nr;
  for (int p = 0; p < w->points; p++, weights += step, sums += nr)
    for (int i = 0; i < count; i++, a += mr) {
      int first = n * i / count, last = n * (i + 1) / count;
      /* Each of the first four tiles asks for a quarter of the next point's weights. */
      const float *ahead =
          i < 4 && (more || p + 1 < w->points) ? weights + step + i * (step / 4) : NULL;
      k->igemm(a, 1, run->cg, weights, ahead, NULL, -HUGE_VALF, HUGE_VALF,
               sums + (size_t)first * ldo, ldo, last - first, columns);
    }
}

static gboolean
transform_sums(const DcnWinogradRun *run, int begin, int n, const float *sums, const float *bias,
               int column, int columns)
{
  const DcnJob *job = run->job;
  const DcnWinograd *w = run->winograd;
  const DcnNetValue *out = job->out->net;
  int m = w->m, nr = job->kernels->nr;
  gboolean finite = TRUE;
  for (int t = 0; t < n; t++, sums += (size_t)w->points * nr) {
    Corner at = corner_of(run, begin + t);
    uint32_t wanted = run->tiles ? run->tiles[begin + t].wanted : ~UINT32_C(0);
    float *pixels[DCN_WINOGRAD_MOST * DCN_WINOGRAD_MOST];
    for (int i = 0; i < m; i++) {
      size_t row = ((size_t)at.image * out->h + at.y + i) * out->w + at.x;
      for (int j = 0; j < m; j++)
        pixels[i * m + j] = at.y + i < out->h && at.x + j < out->w && (wanted >> (i * m + j) & 1)
                                ? run->sums + (row + j) * run->stride
                                : NULL;
    }
    finite &= job->kernels->winograd_out(m, sums, bias, run->lo, run->hi, pixels, (size_t)column,
                                         columns);
  }
  return finite;
}

static void
chunks(void *context, int first, int end, int number)
{
  Loop *loop = context;
  const DcnWinogradRun *run = loop->run;
  const DcnWinograd *w = run->winograd;
  DcnWorker *worker = dcn_worker(run->job, number);
  int nr = run->job->kernels->nr, all = run->groups * run->blocks;
  float *v = worker->floats;
  for (int item = first; item < end; item++) {
    int chunk = item / loop->parts, part = item % loop->parts;
    int begin = (int)((int64_t)loop->tiles * chunk / loop->chunks);
    int n = (int)((int64_t)loop->tiles * (chunk + 1) / loop->chunks) - begin;
    int from = (int)((int64_t)all * part / loop->parts),
        to = (int)((int64_t)all * (part + 1) / loop->parts);
    float *sums = v + (size_t)w->points * point_floats(w, n);
    point_to_inputs(run, n, v, worker->pointers);
    for (int i = from; i < to; i++) {
      int group = i / run->blocks, b = i % run->blocks;
      int columns = MIN(nr, run->mg - b * nr);
      if (i == from || b == 0)
        transform_inputs(run, begin, n, group, v);
      multiply(run, n, w->weights + (size_t)i * w->block_floats, i + 1 < to, worker->pointers, sums,
               columns);
      if (!transform_sums(run, begin, n, sums, run->bias + (size_t)i * nr, group * run->mg + b * nr,
                          columns))
        g_atomic_int_set(&loop->failed, 1);
      worker->blocks_igemm++;
    }
  }
}

gboolean
dcn_winograd_run(const DcnWinogradRun *run)
{
  const DcnWinograd *w = run->winograd;
  int threads = run->job->state->threads, all = run->groups * run->blocks;
  int tiles = run->tiles ? run->n_tiles : w->tiles;
  Loop loop = {.run = run,
               .tiles = tiles,
               .chunks = (tiles + w->chunk_tiles - 1) / w->chunk_tiles,
               .parts = 1};
  /* A tile's outputs depend neither on how tiles are cut into chunks nor on how channels are cut into parts.  To cut
   * channels takes transforming inputs twice, to cut tiles reading weights twice. */
  double cost = (double)w->block_floats * all * tiles;
  if (threads > 1 && cost > 2.0 * dcn_grain(0)) {
    if (loop.chunks == 1 && all >= threads)
      loop.parts = threads;
    else
      loop.chunks = MIN(tiles, (loop.chunks + threads - 1) / threads * threads);
  }
  int items = loop.chunks * loop.parts;
  double per_item = cost / MAX(items, 1);
  dcn_parallel_for(threads, items, dcn_grain((size_t)MAX(per_item, 1)), chunks, &loop);
  if (loop.failed)
    return FALSE;
  dcn_worker(run->job, 0)->tiles += tiles;
  return TRUE;
}

double
dcn_winograd_cost(const DcnWinogradRun *run, int n)
{
  return cost_of(run->job->kernels, run->winograd, run->groups, run->cg, run->mg, n);
}
