/* deltacnn: a network with packed weights, and the state of one stream that runs it.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One idea: a dense pass is a delta pass in which everything changed.  A value (an edge of the
 * graph) keeps what was last propagated along it (ref).  A frame's work is: for every value in
 * execution order, compute the outputs that changed inputs can reach, test each against ref with
 * the value's tolerance, and propagate what differs by more.  The loop is closed: what was
 * propagated becomes the reference, so errors do not accumulate.
 *
 * DcnNet is immutable, reference counted and shared between streams; DcnState belongs to one stream
 * and is not thread-safe.  No allocation per frame. */
#pragma once
#include "kernels/kernels.h"
#include "model/program.h"
#include <stddef.h>

typedef struct _DcnNet DcnNet;
typedef struct _DcnState DcnState;

/* What the weights of fully connected layers are kept as, half of the memory and of the time of networks like AlexNet
 * and VGG.  FLOAT32: as the model has them; half precision where that holds every weight of a layer exactly, as in
 * files with weights of that type.  FLOAT16: rounded to half precision, 11 bits (layers with weights beyond its range
 * are left as they are). */
typedef enum { DCN_WEIGHTS_FLOAT32, DCN_WEIGHTS_FLOAT16 } DcnWeights;

/* Packs a program's weights for this CPU.  Takes the program over (also on error).
 * Full runs do 3x3 convolutions by Winograd's way where a model of its cost says so; the transformed weights come on top
 * of the plain ones (net/winograd.h).  The environment variable DCN_WINOGRAD=0 forgoes that, 2 or 4 ask for tiles of
 * 2x2 or 4x4 outputs wherever it is possible (for tests). */
DcnNet *dcn_net_new(DcnProgram *program, GError **error);

/* The same with another table of kernels (tests; benchmarks), or other weights. */
DcnNet *dcn_net_new_with(DcnProgram *program, const DcnKernels *kernels, DcnWeights weights,
                         GError **error);

/* Loads an ONNX file, or hands out the one that is already loaded: one copy of the weights per
 * process, file and kind of weights (compared by canonical path, size, modification time and inode).  Thread-safe.
 */
DcnNet *dcn_net_load(const char *path, DcnWeights weights, GError **error);
/* The same for a model that may leave height and width of its input free: they are these then (0: not known). */
DcnNet *dcn_net_load_sized(const char *path, DcnWeights weights, int height, int width,
                           GError **error);
DcnNet *dcn_net_ref(DcnNet *net);
void dcn_net_unref(DcnNet *net); /* NULL is fine */

const DcnProgram *
dcn_net_program(const DcnNet *net); /* shapes, names; weights may have been freed after packing */
size_t dcn_net_weight_bytes(const DcnNet *net);
uint64_t dcn_net_macs(const DcnNet *net); /* multiplies of a dense frame */

typedef enum { DCN_MODE_DELTA, DCN_MODE_DENSE, DCN_MODE_EXACT } DcnMode;

/* caches for one stream; NULL with DCN_ERROR_MEMORY. Keeps a reference to net. */
DcnState *dcn_state_new(DcnNet *net, GError **error);
void dcn_state_free(DcnState *state);
void dcn_state_reset(DcnState *state); /* the next run is a full one; as if new */
size_t dcn_state_cache_bytes(const DcnState *state);

/* tolerance >= 0, relative to the rms of each value (measured on full passes); 0: exact.
 * Per-value ones (names as in the program) override it; a negative one stops doing so.  What only data movement made
 * (concatenation, reshape) has tolerance 0 unless given, network outputs always.  A concatenation whose inputs
 * are made in place is tested with its inputs: a tolerance given for it has no effect, one for an input has. */
void dcn_state_set_tolerance(DcnState *state, double tolerance);
gboolean dcn_state_set_value_tolerance(DcnState *state, const char *value_name, double tolerance);

/* All tolerances of the runs to come times this, 0 to 1, at first 1.  What tolerances let pass before stays let pass:
 * only after a full run are errors in proportion. */
void dcn_state_scale_tolerances(DcnState *state, double factor);

/* Whether a delta run in which so much has changed that a full one is cheaper is done as a full
 * one.  On at first; tests and measurements of partial runs turn it off. */
void dcn_state_set_adaptive(DcnState *state, gboolean adaptive);

/* The input tensor: [n][h][w][pitch] floats, pitch = dcn_channel_pitch(c), which the caller updates
 * in place. */
float *dcn_state_input(DcnState *state);

/* Multiplies count as the model states them: taps that fall on padding count, lanes and tile rows
 * that only fill up a register do not.  A delta tile counts the channels it multiplied, times its
 * pixels, so also the zeros of pixels that did not change a channel their neighbour did.  A full
 * run counts as macs_dense, although fully connected layers skip zero inputs in it. */
typedef struct {
  uint64_t macs;       /* multiplies done in this run */
  uint64_t macs_dense; /* of a dense run */
  uint64_t values_changed,
      values;      /* (pixel, channel) values propagated, and in all, over all values */
  double cost;     /* guess of what it took, as a share of what a full run takes: from counts, never clocks */
  gboolean full;   /* everything was recomputed */
  gboolean reused; /* nothing differed: the last outputs stand */
  gboolean exact;  /* no tolerance has let anything pass since the last full run: the outputs are those of tolerance 0 */
} DcnRunInfo;

/* Runs one frame.
 * touched  [n*h*w] bytes, != 0 where an input pixel may differ from the last run; NULL: anywhere
 * mode     DENSE recomputes everything from the input and leaves valid caches behind; convolutions
 *          then take the next change of a pixel from values once, because DENSE runs write no
 *          accumulators.  DELTA may still do a full run: the first, and see
 *          dcn_state_set_adaptive().  EXACT is DELTA at tolerance 0, whatever is set; where tolerances have let
 *          something pass since the last full run it does one, as DENSE does: what they let pass was not kept.
 * threads  as in dcn_parallel_for
 * info     may be NULL */
void dcn_state_run(DcnState *state, const uint8_t *touched, DcnMode mode, int threads,
                   DcnRunInfo *info);
/* Words of 64 bits, each of which stands for 64 pixels of a row of w. */
static inline int
dcn_near_words(int w)
{
  return (w + 4095) / 4096;
}

/* The same where somebody knows about where touched is set, of which to read all takes as long as much of the rest where
 * the input is large.
 * near     [n*h][dcn_near_words(w)] bit i & 63 of word i >> 6 of a row: whether any of its bytes 64 * i to 64 * i + 63 may
 *          be set; NULL: any.  Where touched is NULL it is not read. */
void dcn_state_run_near(DcnState *state, const uint8_t *touched, const uint64_t *near, DcnMode mode,
                        int threads, DcnRunInfo *info);

/* One convolution to be done by somebody else than this engine; see dcn_state_set_conv(). */
typedef struct {
  int op;          /* index in the program */
  const float *in; /* the input value's pixels, in_pitch floats apart */
  size_t in_pitch;
  float *out; /* where the op's values will be, out_pitch floats apart; channels beyond the value's c are not to be
                 written */
  size_t out_pitch;
  int threads;
  /* Set by the function: */
  const float *sums; /* the sums, bias included, before the activation; at first out: it may write them there */
  size_t sums_pitch;
  uint64_t macs;           /* multiplies done; at first those of a dense pass */
  uint64_t inputs_changed; /* input values that it made use of; at first all */
} DcnConvCall;

/* Returns FALSE, with nothing written, where the engine shall do it after all. */
typedef gboolean (*DcnConvFunc)(void *context, DcnConvCall *call);

/* Has all convolutions (DCN_OP_CONV: fully connected layers are among them) done by a function, which is called in
 * the order of execution from the thread that runs the state; the engine adds the activation and does everything
 * else.  As long as one is set all runs are full ones.  NULL: by the engine again.  Either way the state is reset. */
void dcn_state_set_conv(DcnState *state, DcnConvFunc func, void *context);

/* A value as it is kept: [n * h * w] pixels, `pitch` floats apart, of c channels; what lies between belongs to others. */
typedef struct {
  int n, h, w, c;
  int pitch;
  float *pixels;
} DcnPixels;

/* FALSE where the value was fused away. */
gboolean dcn_state_pixels(DcnState *state, int value, DcnPixels *pixels);

/* For who knows outputs without computing them: asked before each op (by index in the program), in
 * order, and free to write what it knows to out (dcn_state_pixels() of the op's output).
 *   DCN_COMPUTE_ALL     the op is computed
 *   DCN_COMPUTE_MARKED  only the pixels marked: bit x % 64 of marks[row * row_words + x / 64], rows
 *                       image by image, clear before the call.  Only where dcn_net_op_marks(), and
 *                       without dcn_state_set_conv(); else
 *                       all are computed
 *   DCN_COMPUTE_NONE    the op's output stands as it is; that of a concatenation made in place only
 *                       where its inputs do */
typedef enum { DCN_COMPUTE_ALL, DCN_COMPUTE_MARKED, DCN_COMPUTE_NONE } DcnCompute;
typedef DcnCompute (*DcnComputeFunc)(void *context, int op, const DcnPixels *out, uint64_t *marks,
                                     int row_words);
/* Whether an op slides a window over an image, so that some of its pixels can be left out. */
gboolean dcn_net_op_marks(const DcnNet *net, int op);

/* Runs one frame from values alone, the input as it is in dcn_state_input(), with what `func` says
 * is known.  What an earlier run left in values that are not computed stays, so the first run of a
 * state must compute everything.  dcn_state_run() cannot go on from here: its next run is a full
 * one. */
void dcn_state_run_known(DcnState *state, DcnComputeFunc func, void *context, int threads,
                         DcnRunInfo *info);

/* How an op (by index in the program) is run: "conv", "depthwise", "fc", ...; static. */
const char *dcn_net_op_class(const DcnNet *net, int op);

/* What one op (by index in the program) did in the last run; for profiles. */
typedef struct {
  uint64_t ns, macs; /* in a full run what goes pixel by pixel is often done with the convolution before it, and ns then
                        counted there */
  int pixels;                 /* output pixels recomputed */
  uint64_t inputs_changed;    /* (pixel, channel) values of its inputs that were propagated */
  uint64_t blocks_igemm,
      blocks_dgemm; /* convolutions: pixel blocks done from values, from differences */
  int tiles;        /* by Winograd's way: tiles of outputs, which are also among blocks_igemm */
} DcnOpStat;
const DcnOpStat *
dcn_state_op_stats(const DcnState *state); /* [n_ops of the program], owned by the state */

/* Copies output number `output` in logical (ONNX row-major) order; out holds as many floats as the
 * value has elements. */
void dcn_state_output(const DcnState *state, int output, float *out);

/* A value after the last run in logical order, by index in the program (tests, golden activations).
 * FALSE where the value was fused away or is not kept. */
gboolean dcn_state_value(const DcnState *state, int value, float *out);
