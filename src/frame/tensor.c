/* deltacnn: frame to tensor, incrementally.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For each row of the tensor, and each run of pixels in it to be computed: scale down the columns
 * of the source that the run reaches (contiguous bytes of several rows, the part that vectorises),
 * then along the row, plane by plane, then convert the colours.  A run's length and place do not
 * enter into the arithmetic of a pixel. */
#include "frame/tensor.h"
#include "frame/columns.h"
#include "frame/filter.h"
#include "frame/layout.h"
#include "frame/rows.h"
#include "util/error.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

#define TENSOR_MAX 16384 /* pixels each way */
/* Pixels that are worth a second thread. */
#define GRAIN_PIXELS 4096
/* Gaps between runs up to which scaling goes on. */
#define GAP_PIXELS 12

typedef struct {
  int first, last; /* inclusive */
} Span;

typedef struct {
  float *columns;      /* one row of the widest plane, scaled vertically */
  float *component[3]; /* [tensor width] each, scaled */
} Scratch;

/* The conversion of a pixel: sample(0..255) = sum of matrix * component + bias, then clamped. */
typedef struct {
  float matrix[3][3], bias[3];
} Colors;

struct _DcnFrameToTensor {
  DcnTensorSpec spec;
  DcnLayout layout;
  int n_components;                 /* that enter into the tensor: luma alone for gray */
  int n_planes;                     /* that those lie in */
  DcnAxisFilter across[3], down[3]; /* per plane */
  Colors colors;
  int block_cols, block_rows;
  Span *span_x, *span_y; /* [width], [height]: columns, rows of blocks that a pixel's taps lie in */
  uint8_t *columns_changed; /* [block_cols]: union of the block rows of a tensor row */
  Span *reached; /* [block_cols]: pixels of a row that a column of blocks reaches; may be empty */
  int *todo;     /* rows with something to compute */
  Scratch *scratch;
  int n_scratch;
  size_t scratch_columns;
  DcnColumnsFunc scale_columns;
  DcnRowsFunc scale_rows;
};

/* --- planning -----------------------------------------------------------------------------------
 */

/* A position of the frame in samples of a chroma plane.  A chroma sample's centre lies `siting`
 * luma samples right of the centre of the first luma sample of its group. */
static double
to_plane(double luma, int sub, double siting)
{
  return sub == 0 ? luma : (luma - (siting + 0.5)) / (1 << sub) + 0.5;
}

static gboolean
plan_filters(DcnFrameToTensor *convert, const DcnFrameInfo *info)
{
  const DcnTensorSpec *spec = &convert->spec;
  double width = info->width, height = info->height;
  if (spec->resize == DCN_RESIZE_CROP) {
    width = MIN(width, (double)info->height * spec->width / spec->height) * spec->crop_fraction;
    height = MIN(height, (double)info->width * spec->height / spec->width) * spec->crop_fraction;
  }
  double left = (info->width - width) / 2, top = (info->height - height) / 2;
  for (int p = 0; p < convert->n_planes; p++) {
    const DcnPlane *plane = &convert->layout.plane[p];
    if (!dcn_axis_filter_init(&convert->across[p], spec->width, plane->width,
                              to_plane(left, plane->sub_x, info->chroma_x),
                              to_plane(left + width, plane->sub_x, info->chroma_x)) ||
        !dcn_axis_filter_init(&convert->down[p], spec->height, plane->height,
                              to_plane(top, plane->sub_y, info->chroma_y),
                              to_plane(top + height, plane->sub_y, info->chroma_y)))
      return FALSE;
  }
  return TRUE;
}

/* Which blocks the taps of output i lie in, over all planes.  Sample s of a plane belongs to the
 * block of the first luma sample of its group, which is how changed blocks are defined. */
static Span
plan_span(const DcnFrameToTensor *convert, const DcnAxisFilter *filters, gboolean horizontal, int i)
{
  Span span = {G_MAXINT, 0};
  for (int p = 0; p < convert->n_planes; p++) {
    int sub = horizontal ? convert->layout.plane[p].sub_x : convert->layout.plane[p].sub_y;
    int first = filters[p].first[i], last = first + dcn_axis_filter_taps(&filters[p], i) - 1;
    span.first = MIN(span.first, (first << sub) / 8);
    span.last = MAX(span.last, (last << sub) / 8);
  }
  return span;
}

/* The other way round: the first x whose taps lie in this column of blocks or right of it, the last
 * whose taps lie in it or left of it.  Spans move on with x, so [first, last] is what it reaches,
 * and that of a run of columns goes from the first one's first to the last one's last, also where
 * some of them lie outside of what is taken from the frame. */
static void
plan_reached(DcnFrameToTensor *convert)
{
  int width = convert->spec.width;
  for (int c = 0, first = 0, last = -1; c < convert->block_cols; c++) {
    while (first < width && convert->span_x[first].last < c)
      first++;
    while (last + 1 < width && convert->span_x[last + 1].first <= c)
      last++;
    convert->reached[c] = (Span){first, last};
  }
}

/* ITU-R BT.601 2.5, BT.709 3: Y' from -16/219, C from -128/224 of full scale; kr, kb of the matrix.
 */
static void
plan_colors(DcnFrameToTensor *convert, const DcnFrameInfo *info)
{
  float(*m)[3] = convert->colors.matrix;
  float *bias = convert->colors.bias;
  memset(&convert->colors, 0, sizeof convert->colors);
  if (info->format == DCN_FORMAT_RGB) {
    if (convert->spec.order == DCN_COLOR_GRAY) {
      m[0][0] = 0.299f;
      m[0][1] = 0.587f;
      m[0][2] = 0.114f;
      return;
    }
    m[0][0] = m[1][1] = m[2][2] = 1;
  } else {
    gboolean full = info->full_range;
    double luma = full ? 1 : 255.0 / 219, chroma = full ? 1 : 255.0 / 224, black = full ? 0 : 16;
    double kr = info->kr, kb = info->kb, kg = 1 - kr - kb;
    double c[3][3] = {{luma, 0, 2 * (1 - kr) * chroma},
                      {luma, -2 * (1 - kb) * kb / kg * chroma, -2 * (1 - kr) * kr / kg * chroma},
                      {luma, 2 * (1 - kb) * chroma, 0}};
    for (int i = 0; i < 3; i++) {
      double b = -luma * black;
      m[i][0] = (float)luma;
      for (int j = 1; j < 3 && convert->n_components == 3; j++) {
        m[i][j] = (float)c[i][j];
        b -= c[i][j] * 128;
      }
      bias[i] = (float)b;
    }
  }
  if (convert->spec.order == DCN_COLOR_BGR) {
    for (int j = 0; j < 3; j++) {
      float swap = m[0][j];
      m[0][j] = m[2][j];
      m[2][j] = swap;
    }
    float swap = bias[0];
    bias[0] = bias[2];
    bias[2] = swap;
  }
}

static gboolean
add_scratch(DcnFrameToTensor *convert)
{
  Scratch scratch;
  size_t width = (size_t)convert->spec.width;
  scratch.columns = dcn_aligned_new0(convert->scratch_columns, sizeof(float));
  float *components = dcn_aligned_new0(width * 3, sizeof(float));
  if (!scratch.columns || !components) {
    dcn_aligned_free(scratch.columns);
    dcn_aligned_free(components);
    return FALSE;
  }
  for (int c = 0; c < 3; c++)
    scratch.component[c] = components + width * c;
  convert->scratch[convert->n_scratch++] = scratch;
  return TRUE;
}

static const char *
check_spec(const DcnTensorSpec *spec)
{
  if (spec->width < 1 || spec->height < 1 || spec->width > TENSOR_MAX || spec->height > TENSOR_MAX)
    return "the tensor's size is out of range";
  if (spec->channels != (spec->order == DCN_COLOR_GRAY ? 1 : 3))
    return "the tensor's channels do not match its colour order";
  if (spec->channel_stride < spec->channels)
    return "the tensor's channels overlap";
  if (spec->resize == DCN_RESIZE_CROP && !(spec->crop_fraction > 0 && spec->crop_fraction <= 1))
    return "the crop fraction is not above 0 and at most 1";
  return NULL;
}

DcnFrameToTensor *
dcn_frame_to_tensor_new(const DcnFrameInfo *info, const DcnTensorSpec *spec, GError **error)
{
  DcnLayout layout;
  const char *wrong = dcn_layout_init(&layout, info);
  if (!wrong)
    wrong = check_spec(spec);
  if (wrong) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "Cannot convert %dx%d frames to a %dx%dx%d tensor: %s.", info->width, info->height,
                spec->width, spec->height, spec->channels, wrong);
    return NULL;
  }
  DcnFrameToTensor *convert = g_new0(DcnFrameToTensor, 1);
  convert->spec = *spec;
  convert->layout = layout;
  convert->n_components = layout.n_components;
  convert->n_planes = layout.n_planes;
  if (spec->order == DCN_COLOR_GRAY && info->format != DCN_FORMAT_RGB)
    convert->n_components = convert->n_planes = 1;
  convert->block_cols = (info->width + 7) / 8;
  convert->block_rows = (info->height + 7) / 8;
  convert->scale_columns = dcn_columns_best();
  convert->scale_rows = dcn_rows_best();
  plan_colors(convert, info);

  for (int p = 0; p < convert->n_planes; p++) {
    size_t bytes = (size_t)layout.plane[p].width * layout.plane[p].step;
    convert->scratch_columns = MAX(convert->scratch_columns, bytes);
  }
  convert->span_x = dcn_aligned_new0((size_t)spec->width, sizeof(Span));
  convert->span_y = dcn_aligned_new0((size_t)spec->height, sizeof(Span));
  convert->columns_changed = dcn_aligned_new0((size_t)convert->block_cols, 1);
  convert->reached = dcn_aligned_new0((size_t)convert->block_cols, sizeof(Span));
  convert->todo = dcn_aligned_new0((size_t)spec->height, sizeof(int));
  convert->scratch = g_new0(Scratch, DCN_PARALLEL_MAX);
  if (!convert->span_x || !convert->span_y || !convert->columns_changed || !convert->reached ||
      !convert->todo || !plan_filters(convert, info) || !add_scratch(convert)) {
    dcn_frame_to_tensor_free(convert);
    g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY, "Not enough memory to convert %dx%d frames.",
                info->width, info->height);
    return NULL;
  }
  for (int x = 0; x < spec->width; x++)
    convert->span_x[x] = plan_span(convert, convert->across, TRUE, x);
  for (int y = 0; y < spec->height; y++)
    convert->span_y[y] = plan_span(convert, convert->down, FALSE, y);
  plan_reached(convert);
  return convert;
}

void
dcn_frame_to_tensor_free(DcnFrameToTensor *convert)
{
  if (!convert)
    return;
  for (int p = 0; p < 3; p++) {
    dcn_axis_filter_clear(&convert->across[p]);
    dcn_axis_filter_clear(&convert->down[p]);
  }
  for (int i = 0; i < convert->n_scratch; i++) {
    dcn_aligned_free(convert->scratch[i].columns);
    dcn_aligned_free(convert->scratch[i].component[0]);
  }
  g_free(convert->scratch);
  dcn_aligned_free(convert->span_x);
  dcn_aligned_free(convert->span_y);
  dcn_aligned_free(convert->columns_changed);
  dcn_aligned_free(convert->reached);
  dcn_aligned_free(convert->todo);
  g_free(convert);
}

/* --- computing ----------------------------------------------------------------------------------
 */

static inline float
clamp_sample(float v)
{
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* Colours and normalisation of pixels [begin, end) of a row. */
static void
convert_colors(const DcnFrameToTensor *convert, const Scratch *scratch, int begin, int end,
               float *row)
{
  const DcnTensorSpec *spec = &convert->spec;
  const float *restrict p = scratch->component[0], *restrict q = scratch->component[1];
  const float *restrict r = scratch->component[2];
  ptrdiff_t stride = spec->channel_stride;
  for (int c = 0; c < spec->channels; c++) {
    const float *m = convert->colors.matrix[c], bias = convert->colors.bias[c];
    float m0 = m[0], m1 = m[1], m2 = m[2], scale = spec->scale[c], offset = spec->offset[c];
    float *restrict out = row + c;
    if (convert->n_components == 1) {
      for (int x = begin; x < end; x++)
        out[x * stride] = clamp_sample(m0 * p[x] + bias) * scale + offset;
    } else {
      for (int x = begin; x < end; x++)
        out[x * stride] = clamp_sample(m0 * p[x] + m1 * q[x] + m2 * r[x] + bias) * scale + offset;
    }
  }
}

/* Scales pixels [begin, end) of row y into the scratch components. */
static void
scale_run(const DcnFrameToTensor *convert, const DcnFrame *frame, int y, int begin, int end,
          const Scratch *scratch)
{
  for (int p = 0; p < convert->n_planes; p++) {
    const DcnAxisFilter *down = &convert->down[p], *across = &convert->across[p];
    int step = convert->layout.plane[p].step;
    int first = across->first[begin];
    int n = across->first[end - 1] + dcn_axis_filter_taps(across, end - 1) - first;
    const uint8_t *source =
        frame->plane[p] + (ptrdiff_t)down->first[y] * frame->stride[p] + (ptrdiff_t)first * step;
    convert->scale_columns(source, frame->stride[p], down->weights + down->offset[y],
                           dcn_axis_filter_taps(down, y), scratch->columns, n * step);
    for (int c = 0; c < convert->n_components; c++) {
      const DcnComponent *component = &convert->layout.component[c];
      if (component->plane == p)
        convert->scale_rows(across, scratch->columns + component->offset, step, begin, end,
                            scratch->component[c] + begin);
    }
  }
}

typedef struct {
  const DcnFrameToTensor *convert;
  const DcnFrame *frame;
  const uint8_t *touched;
  float *tensor;
} Job;

/* The end of the run of pixels of one kind (touched or not) that begins at x. */
static int
run_end(const uint8_t *touched, int x, int width)
{
  const uint8_t *end = memchr(touched + x, !touched[x], (size_t)(width - x));
  return end ? (int)(end - touched) : width;
}

static void
compute_rows(void *context, int begin, int end, int worker)
{
  const Job *job = context;
  const DcnFrameToTensor *convert = job->convert;
  const Scratch *scratch = &convert->scratch[worker];
  int width = convert->spec.width;
  for (int i = begin; i < end; i++) {
    int y = convert->todo[i];
    const uint8_t *touched = job->touched + (size_t)y * width;
    for (int x = touched[0] ? 0 : run_end(touched, 0, width); x < width;) {
      /* Short gaps are scaled too: that costs less than starting anew.  They are not written. */
      int stop = run_end(touched, x, width),
          next = stop < width ? run_end(touched, stop, width) : width;
      while (next < width && next - stop <= GAP_PIXELS) {
        stop = run_end(touched, next, width);
        next = stop < width ? run_end(touched, stop, width) : width;
      }
      scale_run(convert, job->frame, y, x, stop, scratch);
      while (x < stop) {
        int run = run_end(touched, x, width);
        convert_colors(convert, scratch, x, run,
                       job->tensor + (size_t)y * width * convert->spec.channel_stride);
        x = run < width ? run_end(touched, run, width) : width;
      }
    }
  }
}

/* Marks the pixels of tensor row y whose taps lie in a changed block; returns how many. */
static int
touch_row(DcnFrameToTensor *convert, const uint8_t *changed, int y, uint8_t *touched)
{
  int cols = convert->block_cols, filled = 0, n = 0;
  Span rows = convert->span_y[y];
  const uint8_t *any = changed + (size_t)rows.first * cols;
  if (rows.last > rows.first) {
    memcpy(convert->columns_changed, any, (size_t)cols);
    for (int r = rows.first + 1; r <= rows.last; r++) {
      const uint8_t *row = changed + (size_t)r * cols;
      for (int c = 0; c < cols; c++)
        convert->columns_changed[c] |= row[c];
    }
    any = convert->columns_changed;
  }
  memset(touched, 0, (size_t)convert->spec.width);
  for (int c = 0; c < cols; c++) {
    if (!any[c])
      continue;
    /* Neighbouring blocks reach some of the same pixels. */
    int from = MAX(convert->reached[c].first, filled);
    while (c + 1 < cols && any[c + 1])
      c++;
    int count = convert->reached[c].last + 1 - from;
    if (count <= 0)
      continue;
    memset(touched + from, 1, (size_t)count);
    filled = from + count;
    n += count;
  }
  return n;
}

static gboolean
any_changed(const uint8_t *changed, size_t n)
{
  uint8_t any = 0;
  for (size_t i = 0; i < n; i++)
    any |= changed[i];
  return any != 0;
}

int
dcn_frame_to_tensor_run(DcnFrameToTensor *convert, const DcnFrame *frame, const uint8_t *changed,
                        float *tensor, uint8_t *touched, int threads)
{
  int width = convert->spec.width, height = convert->spec.height;
  int n = 0, n_rows = 0;
  if (!changed) {
    memset(touched, 1, (size_t)width * height);
    for (int y = 0; y < height; y++)
      convert->todo[n_rows++] = y;
    n = width * height;
  } else if (any_changed(changed, (size_t)convert->block_cols * convert->block_rows)) {
    int n_row = 0;
    for (int y = 0; y < height; y++) {
      Span rows = convert->span_y[y], above = convert->span_y[MAX(y - 1, 0)];
      uint8_t *row = touched + (size_t)y * width;
      if (y > 0 && rows.first == above.first && rows.last == above.last)
        memcpy(row, row - width, (size_t)width); /* often so when enlarging */
      else
        n_row = touch_row(convert, changed, y, row);
      if (n_row > 0)
        convert->todo[n_rows++] = y;
      n += n_row;
    }
  } else {
    memset(touched, 0, (size_t)width * height);
  }
  threads = MIN(dcn_parallel_threads(threads), 1 + n / GRAIN_PIXELS);
  while (convert->n_scratch < threads && add_scratch(convert))
    ;
  threads = MIN(threads, convert->n_scratch);
  Job job = {convert, frame, touched, tensor};
  dcn_parallel_for(threads, n_rows, 1, compute_rows, &job);
  return n;
}
