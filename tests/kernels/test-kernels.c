/* deltacnn tests: every kernel of every table that this CPU runs, and the choice of the table.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#define RUN_CHECK(kernel)                                                                          \
  static void test_##kernel(const void *k)                                                         \
  {                                                                                                \
    check_##kernel(k);                                                                             \
  }
DCN_KERNEL_LIST(RUN_CHECK)

static void
test_tables_are_complete(void)
{
  const DcnKernels *const *all = dcn_kernels_all();
  g_assert_nonnull(all[0]);
  for (int i = 0; all[i]; i++) {
    g_assert_cmpint(all[i]->mr, >, 0);
    g_assert_cmpint(all[i]->nr, >, 0);
    g_assert_cmpint(all[i]->dr, >, 0);
    /* Weights are aligned by rows of nr. */
    g_assert_cmpint(32 % all[i]->nr, ==, 0);
#define ASSERT_SET(kernel) g_assert_true(all[i]->kernel != NULL);
    DCN_KERNEL_LIST(ASSERT_SET)
    g_assert_true(dcn_kernels_by_isa(all[i]->isa) == all[i]);
    if (!all[i + 1])
      g_assert_cmpstr(all[i]->isa, ==, "portable");
  }
  g_assert_null(dcn_kernels_by_isa("no such instruction set"));
}

/* The choice is made once per process: each case asks in a new one. */
static void
test_environment(const void *isa)
{
  if (g_test_subprocess()) {
    const DcnKernels *wanted = dcn_kernels_by_isa(isa);
    g_assert_true(dcn_kernels_get() == (wanted ? wanted : dcn_kernels_all()[0]));
    g_assert_cmpstr(g_getenv("DCN_KERNELS"), ==, isa);
    return;
  }
  if (g_getenv("DCN_TEST_EMULATED")) {
    g_test_skip("an emulated program cannot start itself");
    return;
  }
  char *old = g_strdup(g_getenv("DCN_KERNELS"));
  g_setenv("DCN_KERNELS", isa, TRUE);
  g_test_trap_subprocess(NULL, 0, 0);
  if (old)
    g_setenv("DCN_KERNELS", old, TRUE);
  else
    g_unsetenv("DCN_KERNELS");
  g_free(old);
  g_test_trap_assert_passed();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kernels/tables-are-complete", test_tables_are_complete);
  static const char *const asked[] = {"portable", "avx2", "avx512", "neon", "8087"};
  for (guint i = 0; i < G_N_ELEMENTS(asked); i++) {
    char *path = g_strdup_printf("/kernels/environment/%s", asked[i]);
    g_test_add_data_func(path, asked[i], test_environment);
    g_free(path);
  }
  const DcnKernels *const *all = dcn_kernels_all();
  for (int i = 0; all[i]; i++) {
#define ADD_CHECK(kernel)                                                                          \
  {                                                                                                \
    char *path = g_strdup_printf("/kernels/%s/" #kernel, all[i]->isa);                             \
    g_test_add_data_func(path, all[i], test_##kernel);                                             \
    g_free(path);                                                                                  \
  }
    DCN_KERNEL_LIST(ADD_CHECK)
  }
  return g_test_run();
}
