/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tolerances and the margin, as a user sets them: what they save, and what they may
 * not change.
 */
#include "frames.h"
#include <math.h>
#include "guard.h"

/* What is done for a frame in which one block changed. */
static gdouble
work (const gchar * model, gdouble tolerance)
{
  GstHarness *h = frames_harness (model, "tolerance", tolerance, NULL);
  GstBuffer *out;
  gdouble multiplies;

  gst_buffer_unref (frames_push (h, frames_make (0, -1)));
  out = frames_push (h, frames_make (1, 19));
  multiplies = gst_buffer_get_delta_cnn_meta (out)->multiplies;
  gst_buffer_unref (out);
  gst_harness_teardown (h);
  return multiplies;
}

/* -1 takes the .modelinfo's tolerances, for values that it names and for others; any
 * other is for all, and they do not count. */
static void
test_calibrated (void)
{
  gdouble exact = work ("tiny.onnx", 0.0), others;

  g_assert_cmpfloat (exact, >, 0.0);
  g_assert_cmpfloat (work ("calibrated.onnx", 0.0), ==, exact);
  g_assert_cmpfloat (work ("calibrated.onnx", 1e-6), >, 0.5 * exact);
  g_assert_cmpfloat (work ("calibrated.onnx", -1.0), ==, 0.0);
  g_assert_cmpfloat (work ("others.onnx", 0.0), ==, exact);
  others = work ("others.onnx", -1.0);
  g_assert_cmpfloat (others, >, 0.0);
  g_assert_cmpfloat (others, <, 0.8 * exact);
}

/* Between calibrated and exact while frames flow: what was let pass is made up for.
 * -1 without calibration is a warning then, and exact. */
static void
test_calibrated_while_running (void)
{
  GstHarness *h = frames_harness ("calibrated.onnx", "tolerance", -1.0, NULL);
  GstHarness *bare = frames_harness ("tiny.onnx", NULL);
  GstBus *bus = gst_bus_new ();
  GstBuffer *out;
  GstMessage *message;
  guint i;

  gst_buffer_unref (frames_push (h, frames_make (0, -1)));
  out = frames_push (h, frames_make (1, 19));
  g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
      GST_DELTA_CNN_REUSE_REUSED);
  gst_buffer_unref (out);
  g_object_set (h->element, "tolerance", 0.0, NULL);
  out = frames_push (h, frames_make (2, 19));
  g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
      GST_DELTA_CNN_REUSE_FULL);
  gst_buffer_unref (out);
  gst_harness_teardown (h);

  gst_element_set_bus (bare->element, bus);
  gst_buffer_unref (frames_push (bare, frames_make (0, -1)));
  g_object_set (bare->element, "tolerance", -1.0, NULL);
  for (i = 1; i < 3; i++) {
    out = frames_push (bare, frames_make (i, 18 + i));
    g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
        GST_DELTA_CNN_REUSE_PARTIAL);
    gst_buffer_unref (out);
  }
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING));
  gst_element_set_bus (bare->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (bare);
}

/* The largest difference between the confidences of two results; more than 1 where the
 * best class is another. */
static gdouble
difference (GstBuffer * a, GstBuffer * b)
{
  GstDeltaCnnMeta *x = gst_buffer_get_delta_cnn_meta (a);
  GstDeltaCnnMeta *y = gst_buffer_get_delta_cnn_meta (b);
  gdouble largest = x->results[0].index == y->results[0].index ? 0.0 : 2.0;
  guint i, j;

  for (i = 0; i < x->n_results; i++)
    for (j = 0; j < y->n_results; j++)
      if (x->results[i].index == y->results[j].index)
        largest = MAX (largest, fabs ((gdouble) x->results[i].confidence
                - y->results[j].confidence));
  return largest;
}

/* Pushes frames from first to last into both.  Returns the largest difference. */
static gdouble
largest_difference (GstHarness * a, GstHarness * b, guint first, guint last)
{
  gdouble largest = 0.0;
  guint i;

  for (i = first; i <= last; i++) {
    GstBuffer *x = frames_push (a, frames_make (i, i * 5)), *y =
        frames_push (b, frames_make (i, i * 5));

    largest = MAX (largest, difference (x, y));
    gst_buffer_unref (x);
    gst_buffer_unref (y);
  }
  return largest;
}

/* A margin makes tolerances harmless that let nothing pass, and does so only where it is
 * asked for; who turns it on while frames flow gets the next frame right. */
static void
test_margin (void)
{
  GstHarness *exact = frames_harness ("tiny.onnx", "top-k", 6, NULL);
  GstHarness *h =
      frames_harness ("tiny.onnx", "top-k", 6, "tolerance", 1000.0, NULL);
  GstHarness *none =
      frames_harness ("guarded.onnx", "top-k", 6, "tolerance", -1.0,
      "margin", 0.0, NULL);
  GstHarness *guarded =
      frames_harness ("guarded.onnx", "top-k", 6, "tolerance", -1.0,
      NULL);
  GstHarness *other =
      frames_harness ("guarded.onnx", "top-k", 6, "tolerance", 1000.0,
      NULL);
  GstBuffer *x, *y;

  g_assert_cmpfloat (largest_difference (exact, h, 0, 3), >, 1e-3);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 0);
  g_object_set (h->element, "margin", 1.0, NULL);
  x = frames_push (exact, frames_make (4, 20));
  y = frames_push (h, frames_make (4, 20));
  g_assert_cmpfloat (difference (x, y), <, 1e-4);
  g_assert_true (gst_buffer_get_delta_cnn_meta (y)->redone);
  g_assert_false (gst_buffer_get_delta_cnn_meta (x)->redone);
  g_assert_cmpfloat (gst_buffer_get_delta_cnn_meta (y)->multiplies, >=, 1.0);
  gst_buffer_unref (x);
  gst_buffer_unref (y);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 1);
  /* The next ones are exact at once. */
  g_assert_cmpfloat (largest_difference (exact, h, 5, 8), <, 1e-4);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 1);
  g_assert_cmpuint (test_stat (h->element, "partial"), >=, 4);
  g_object_set (h->element, "margin", 0.0, NULL);
  g_assert_cmpfloat (largest_difference (exact, h, 0, 3), >, 1e-3);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 1);
  gst_harness_teardown (exact);
  gst_harness_teardown (h);

  /* The .modelinfo's goes with its tolerances, and can be overruled. */
  exact = frames_harness ("tiny.onnx", "top-k", 6, NULL);
  g_assert_cmpfloat (largest_difference (exact, guarded, 0, 5), <, 1e-4);
  g_assert_cmpfloat (largest_difference (none, other, 0, 5), <, 1e-4);
  g_assert_cmpfloat (largest_difference (none, guarded, 6, 8), >, 1e-3);
  g_assert_cmpuint (test_stat (none->element, "redone"), ==, 0);
  gst_harness_teardown (exact);
  gst_harness_teardown (none);
  gst_harness_teardown (guarded);
  gst_harness_teardown (other);
}

static void
guard_frame (GstDeltaCnnGuard * guard, const GstDeltaCnnModel * model,
    DcnState * state, float a, float b, GstDeltaCnnGuarded * info)
{
  float *input = dcn_state_input (state), outputs[3];
  const guint8 touched = 1;

  input[0] = a;
  input[1] = b;
  gst_delta_cnn_guard_run (guard, model, state, &touched, NULL, 1, outputs,
      info);
  g_assert_cmpfloat (fabs (outputs[0] - a), <, 0.2);
  g_assert_cmpfloat (fabs (outputs[1] - b), <, 0.2);
}

/* How much of the tolerances a lead leaves, and when a frame is run again: the arithmetic, with scores that are
 * the input.  A lead of a and b is (a - b) / (a + b). */
static void
test_guard (void)
{
  GstDeltaCnnModel model = { 0 };
  GstDeltaCnnGuard guard = {.margin = 0.2 };
  GstDeltaCnnGuarded info;
  GError *error = NULL;
  DcnState *state;

  gst_delta_cnn_model_load (&model, test_file ("direct.onnx"), NULL, NULL,
      &error);
  g_assert_no_error (error);
  model.activation = GST_DELTA_CNN_ACTIVATION_NONE;
  state = dcn_state_new (model.net, &error);
  g_assert_no_error (error);
  dcn_state_set_adaptive (state, FALSE);
  dcn_state_set_tolerance (state, 0.5);

  /* a lead that bears all of the tolerances */
  guard_frame (&guard, &model, state, 0.8, 0.4, &info);
  g_assert_false (info.redone);
  g_assert_cmpfloat (guard.tightened, ==, 0.0);
  g_assert_cmpfloat_with_epsilon (gst_delta_cnn_guard_passed (&guard), 0.2,
      1e-9);
  /* another class, and be it far ahead, has to be made sure of */
  guard_frame (&guard, &model, state, 0.1, 0.9, &info);
  g_assert_true (info.redone);
  g_assert_cmpuint (guard.best, ==, 1);
  /* hardly any lead: no tolerances */
  guard_frame (&guard, &model, state, 0.5, 0.52, &info);
  g_assert_true (info.redone);
  g_assert_cmpfloat (guard.tightened, ==, 1.0);
  g_assert_cmpfloat (gst_delta_cnn_guard_passed (&guard), ==, 0.0);
  /* some: 0.8 atanh(0.08 / 1.08) / atanh(0.2) of them */
  guard_frame (&guard, &model, state, 0.5, 0.58, &info);
  g_assert_false (info.redone);
  g_assert_true (info.run.exact);
  g_assert_cmpfloat_with_epsilon (guard.tightened, 1.0 - 0.29290, 1e-4);
  g_assert_cmpfloat_with_epsilon (gst_delta_cnn_guard_passed (&guard), 0.05931,
      1e-4);
  /* a little less is still passed, and does not tighten what is let pass already */
  guard_frame (&guard, &model, state, 0.8, 0.912, &info);
  g_assert_false (info.redone);
  g_assert_false (info.run.exact);
  g_assert_cmpfloat_with_epsilon (guard.tightened, 1.0 - 0.29290, 1e-4);
  /* more loosens it */
  guard_frame (&guard, &model, state, 0.1, 0.9, &info);
  g_assert_false (info.redone);
  g_assert_cmpfloat (guard.tightened, ==, 0.0);
  dcn_state_free (state);
  gst_delta_cnn_model_clear (&model);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/tolerances/calibrated", test_calibrated);
  g_test_add_func ("/tolerances/calibrated-while-running",
      test_calibrated_while_running);
  g_test_add_func ("/tolerances/margin", test_margin);
  g_test_add_func ("/tolerances/guard", test_guard);
  return test_run ();
}
