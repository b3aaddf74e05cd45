/* deltacnn: one copy of a model per process.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table holds no references: a network leaves it, under the lock, in the same step as its last
 * reference goes, so that who finds one there can take a reference. */
#include "net/internal.h"
#include "model/onnx.h"
#include "util/error.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static GMutex lock;
static GCond loaded;
static GHashTable
    *table; /* key -> DcnNet*, or &loading while somebody loads it; protected by lock */
static DcnNet loading;

static char *
file_key(const char *path, DcnWeights weights, int height, int width, char **canonical,
         GError **error)
{
  struct stat st;
  *canonical = realpath(path, NULL);
  if (!*canonical || stat(*canonical, &st) < 0) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read model '%s': %s", path,
                g_strerror(errno));
    free(*canonical);
    *canonical = NULL;
    return NULL;
  }
  return g_strdup_printf("%s\n%d %dx%d %lld %lld.%09ld %llu %llu", *canonical, (int)weights, height,
                         width, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                         (long)st.st_mtim.tv_nsec, (unsigned long long)st.st_ino,
                         (unsigned long long)st.st_dev);
}

DcnNet *
dcn_net_load(const char *path, DcnWeights weights, GError **error)
{
  return dcn_net_load_sized(path, weights, 0, 0, error);
}

DcnNet *
dcn_net_load_sized(const char *path, DcnWeights weights, int height, int width, GError **error)
{
  char *canonical, *key = file_key(path, weights, height, width, &canonical, error);
  if (!key)
    return NULL;
  g_mutex_lock(&lock);
  if (!table)
    table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  DcnNet *net;
  while ((net = g_hash_table_lookup(table, key)) == &loading)
    g_cond_wait(&loaded, &lock);
  if (net) {
    g_atomic_int_inc(&net->refs);
    g_mutex_unlock(&lock);
    g_free(key);
    free(canonical);
    return net;
  }
  g_hash_table_insert(table, g_strdup(key), &loading);
  g_mutex_unlock(&lock);

  const DcnOnnxOptions options = {
      .classifier = TRUE, .weights_later = TRUE, .input_height = height, .input_width = width};
  DcnProgram *program = dcn_onnx_load_file(canonical, &options, error);
  net = program ? dcn_net_new_with(program, dcn_kernels_get(), weights, error) : NULL;

  /* Where it failed, those who wait try for themselves and get the reason. */
  g_mutex_lock(&lock);
  if (net) {
    net->key = key;
    g_hash_table_insert(table, g_strdup(key), net);
  } else {
    g_hash_table_remove(table, key);
    g_free(key);
  }
  g_cond_broadcast(&loaded);
  g_mutex_unlock(&lock);
  free(canonical);
  return net;
}

DcnNet *
dcn_net_ref(DcnNet *net)
{
  g_atomic_int_inc(&net->refs);
  return net;
}

void
dcn_net_unref(DcnNet *net)
{
  if (!net)
    return;
  g_mutex_lock(&lock);
  gboolean last = g_atomic_int_dec_and_test(&net->refs);
  if (last && net->key)
    g_hash_table_remove(table, net->key);
  g_mutex_unlock(&lock);
  if (last)
    dcn_net_free(net);
}
