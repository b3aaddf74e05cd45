/* deltacnn: reads the .modelinfo key file beside a model.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/modelinfo.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

#define SECTION_GENERAL "modelinfo"
#define SECTION_OURS    DCN_MODELINFO_SECTION

static gboolean
parse_number(const char *text, double *out)
{
  char *end = NULL;
  char *copy = g_strstrip(g_strdup(text));
  const double value = g_ascii_strtod(copy, &end);
  const gboolean ok = end != copy && *end == '\0' && isfinite(value);
  g_free(copy);
  if (ok)
    *out = value;
  return ok;
}

/* The text of a key; *text is NULL where it is absent.  FALSE where it is no text. */
static gboolean
get_text(GKeyFile *keys, const char *file, const char *section, const char *key, char **text,
         GError **error)
{
  GError *reason = NULL;
  *text = g_key_file_get_string(keys, section, key, &reason);
  const gboolean absent =
      g_error_matches(reason, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND) ||
      g_error_matches(reason, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND);
  const gboolean ok = *text || absent;
  if (!ok)
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: [%s] %s is not text: %s", file, section,
                key, reason->message);
  g_clear_error(&reason);
  return ok;
}

/* ranges=min,max;min,max;..: what 0 and 255 become, per channel. */
static gboolean
parse_ranges(DcnModelInfo *info, const char *file, const char *section, const char *text,
             int n_channels, GError **error)
{
  char **pairs = g_strsplit(text, ";", -1);
  int n = (int)g_strv_length(pairs);
  gboolean ok = TRUE;

  while (n > 0 && *g_strstrip(pairs[n - 1]) == '\0')
    n--; /* key files end lists in a separator */
  if (n != 1 && n_channels && n != n_channels) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "%s: [%s] ranges has %d pairs of min,max, but the tensor has %d channels", file,
                section, n, n_channels);
    ok = FALSE;
  } else if (n > (int)G_N_ELEMENTS(info->range_min)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: [%s] ranges has more than %d pairs", file,
                section, (int)G_N_ELEMENTS(info->range_min));
    ok = FALSE;
  }
  for (int i = 0; ok && i < n; i++) {
    char **bounds = g_strsplit(pairs[i], ",", -1);
    if (g_strv_length(bounds) != 2 || !parse_number(bounds[0], &info->range_min[i]) ||
        !parse_number(bounds[1], &info->range_max[i])) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "%s: [%s] ranges: \"%s\" is not a pair min,max of two numbers", file, section,
                  pairs[i]);
      ok = FALSE;
    }
    g_strfreev(bounds);
  }
  g_strfreev(pairs);
  if (ok) {
    info->has_ranges = TRUE;
    info->n_ranges = n;
  }
  return ok;
}

/* Index of the key's value in a NULL-terminated list of words; -1 where the key is absent. */
static gboolean
parse_word(GKeyFile *keys, const char *file, const char *key, const char *const *words, int *out,
           GError **error)
{
  char *text;
  *out = -1;
  if (!get_text(keys, file, SECTION_OURS, key, &text, error))
    return FALSE;
  if (!text)
    return TRUE;
  g_strstrip(text);
  for (int i = 0; words[i] && *out < 0; i++)
    if (g_ascii_strcasecmp(text, words[i]) == 0)
      *out = i;
  if (*out < 0) {
    char *known = g_strjoinv(", ", (char **)words);
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: [%s] %s: \"%s\" is none of %s", file,
                SECTION_OURS, key, text, known);
    g_free(known);
  }
  g_free(text);
  return *out >= 0;
}

/* tolerance=NAME,VALUE;..  Names may hold commas, so the last one of an entry separates, and
 * semicolons, which key files escape in lists. */
static gboolean
parse_tolerances(DcnModelInfo *info, GKeyFile *keys, const char *file, GError **error)
{
  GError *reason = NULL;
  gboolean ok = TRUE;

  if (!g_key_file_has_key(keys, SECTION_OURS, "tolerance", NULL))
    return TRUE;
  char **entries = g_key_file_get_string_list(keys, SECTION_OURS, "tolerance", NULL, &reason);
  if (reason) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: [%s] tolerance is not a list: %s", file,
                SECTION_OURS, reason->message);
    g_clear_error(&reason);
    g_strfreev(entries);
    return FALSE;
  }
  for (int i = 0; ok && entries && entries[i]; i++) {
    char *entry = g_strstrip(entries[i]);
    if (*entry == '\0')
      continue;
    char *comma = strrchr(entry, ',');
    double value = 0;
    if (!comma || comma == entry || !parse_number(comma + 1, &value) || value < 0) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "%s: [%s] tolerance: \"%s\" is not NAME,VALUE with a value of 0 or more", file,
                  SECTION_OURS, entry);
      ok = FALSE;
    } else {
      double *stored = g_new(double, 1);
      *stored = value;
      g_hash_table_insert(info->tolerances, g_strchomp(g_strndup(entry, comma - entry)), stored);
    }
  }
  g_strfreev(entries);
  return ok;
}

static gboolean
parse_ours(DcnModelInfo *info, GKeyFile *keys, const char *file, GError **error)
{
  static const char *const colors[] = {"rgb", "bgr", "gray", NULL};
  static const char *const resizes[] = {"stretch", "crop", NULL};
  static const char *const activations[] = {"none", "softmax", "sigmoid", NULL};
  static const char *const weights[] = {"float32", "float16", NULL};
  gboolean ok = TRUE;
  int word;

  if (!parse_word(keys, file, "color", colors, &word, error))
    return FALSE;
  if (word >= 0) {
    info->has_color = TRUE;
    info->color = (DcnColorOrder[]){DCN_COLOR_RGB, DCN_COLOR_BGR, DCN_COLOR_GRAY}[word];
  }
  if (!parse_word(keys, file, "resize", resizes, &word, error))
    return FALSE;
  if (word >= 0)
    info->resize = word == 1 ? DCN_RESIZE_CROP : DCN_RESIZE_STRETCH;
  if (!parse_word(keys, file, "activation", activations, &info->activation, error))
    return FALSE;
  if (!parse_word(keys, file, "weights", weights, &word, error))
    return FALSE;
  info->half_weights = word == 1;

  char *text;
  if (!get_text(keys, file, SECTION_OURS, "crop-fraction", &text, error))
    return FALSE;
  if (text) {
    ok = parse_number(text, &info->crop_fraction) && info->crop_fraction > 0 &&
         info->crop_fraction <= 1;
    if (!ok)
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "%s: [%s] crop-fraction: \"%s\" is not a number above 0 and up to 1", file,
                  SECTION_OURS, text);
    g_free(text);
  }
  ok = ok && get_text(keys, file, SECTION_OURS, "labels", &text, error);
  if (ok && text) {
    g_strstrip(text);
    if (*text == '\0') {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: [%s] labels names no file", file,
                  SECTION_OURS);
      ok = FALSE;
    } else if (g_path_is_absolute(text)) {
      info->labels_file = g_strdup(text);
    } else {
      char *folder = g_path_get_dirname(file);
      info->labels_file = g_build_filename(folder, text, NULL);
      g_free(folder);
    }
    g_free(text);
  }
  ok = ok && get_text(keys, file, SECTION_OURS, "margin", &text, error);
  if (ok && text) {
    ok = parse_number(text, &info->margin) && info->margin >= 0 && info->margin <= 1;
    if (!ok)
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "%s: [%s] margin: \"%s\" is not a number from 0 to 1", file, SECTION_OURS, text);
    g_free(text);
  }
  return ok && parse_tolerances(info, keys, file, error);
}

/* The section that describes the input: the one of its name, else the only one with dir=input
 * (files are often shared between exports of one network whose tensor names differ). Free with
 * g_free(). */
static char *
find_input_section(GKeyFile *keys, const char *input_name)
{
  if (input_name && g_key_file_has_group(keys, input_name))
    return g_strdup(input_name);
  char **groups = g_key_file_get_groups(keys, NULL);
  char *found = NULL;
  int n = 0;
  for (int i = 0; groups[i]; i++) {
    char *dir = g_key_file_get_string(keys, groups[i], "dir", NULL);
    if (dir && g_ascii_strcasecmp(g_strstrip(dir), "input") == 0 && n++ == 0)
      found = g_strdup(groups[i]);
    g_free(dir);
  }
  g_strfreev(groups);
  if (n > 1)
    g_clear_pointer(&found, g_free);
  return found;
}

/* dims=1,3,HEIGHT,WIDTH, or 1,HEIGHT,WIDTH,3: for inputs whose size the model leaves free.  What is no such list is for
 * others to read. */
static void
parse_dims(DcnModelInfo *info, const char *text)
{
  char **words = g_strsplit(text, ",", -1);
  double dims[4];
  gboolean ok = g_strv_length(words) == 4;
  /* The batch is one picture, whatever it says: -1, often. */
  for (int d = 0; ok && d < 4; d++)
    ok = parse_number(words[d], &dims[d]) &&
         (d == 0 || (dims[d] >= 1 && dims[d] <= 1 << 16 && dims[d] == (int)dims[d]));
  if (ok) {
    const int height_axis = dims[1] == 1 || dims[1] == 3 ? 2 : 1;
    info->height = (int)dims[height_axis];
    info->width = (int)dims[height_axis + 1];
  }
  g_strfreev(words);
}

static gboolean
parse_file(DcnModelInfo *info, const char *file, const char *text, size_t size,
           const char *input_name, int n_channels, GError **error)
{
  GKeyFile *keys = g_key_file_new();
  GError *reason = NULL;
  gboolean ok = FALSE;

  if (!g_key_file_load_from_data(keys, text, size, G_KEY_FILE_NONE, &reason)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s is not a key file: %s", file,
                reason->message);
    g_clear_error(&reason);
    goto out;
  }
  char **groups = g_key_file_get_groups(keys, NULL);
  const gboolean empty = groups[0] == NULL;
  g_strfreev(groups);
  if (empty) {
    g_set_error(
        error, DCN_ERROR, DCN_ERROR_INVALID,
        "%s is empty: give it at least a section of the input tensor with its ranges, or remove it",
        file);
    goto out;
  }
  char *version;
  if (!get_text(keys, file, SECTION_GENERAL, "version", &version, error))
    goto out;
  if (version) {
    double number = 0;
    const gboolean known = parse_number(version, &number) && number >= 1 && number < 2;
    if (!known)
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "%s: [%s] version \"%s\" is not known; 1.0 is", file, SECTION_GENERAL, version);
    g_free(version);
    if (!known)
      goto out;
  }
  char *section = find_input_section(keys, input_name);
  char *ranges = NULL;
  ok = (!section || get_text(keys, file, section, "ranges", &ranges, error)) &&
       (!ranges || parse_ranges(info, file, section, ranges, n_channels, error)) &&
       parse_ours(info, keys, file, error);
  char *dims = ok && section ? g_key_file_get_string(keys, section, "dims", NULL) : NULL;
  if (dims)
    parse_dims(info, dims);
  g_free(dims);
  g_free(ranges);
  g_free(section);
out:
  g_key_file_free(keys);
  return ok;
}

char *
dcn_modelinfo_find(const char *model_path)
{
  char *file = g_strconcat(model_path, ".modelinfo", NULL);
  if (!g_file_test(file, G_FILE_TEST_EXISTS) && g_str_has_suffix(model_path, ".onnx")) {
    g_free(file);
    file =
        g_strdup_printf("%.*s.modelinfo", (int)(strlen(model_path) - strlen(".onnx")), model_path);
  }
  if (!g_file_test(file, G_FILE_TEST_EXISTS))
    g_clear_pointer(&file, g_free);
  return file;
}

static DcnModelInfo *
defaults(void)
{
  DcnModelInfo *info = g_new0(DcnModelInfo, 1);
  info->resize = DCN_RESIZE_STRETCH;
  info->crop_fraction = 1;
  info->activation = -1;
  info->tolerances = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return info;
}

DcnModelInfo *
dcn_modelinfo_parse(const char *file, const char *text, size_t size, const char *input_name,
                    int n_channels, GError **error)
{
  DcnModelInfo *info = defaults();
  GError *reason = NULL;
  if (!parse_file(info, file, text, size, input_name, n_channels, &reason)) {
    g_clear_pointer(&info, dcn_modelinfo_free);
    dcn_error_propagate(error, reason);
  }
  return info;
}

DcnModelInfo *
dcn_modelinfo_load(const char *model_path, const char *input_name, int n_channels, GError **error)
{
  DcnModelInfo *info = NULL;
  char *file = dcn_modelinfo_find(model_path);
  if (!file)
    return defaults();

  GError *reason = NULL;
  char *text = NULL;
  size_t size = 0;
  if (!g_file_test(file, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "%s is not a file", file);
  } else if (!g_file_get_contents(file, &text, &size, &reason)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the model's description: %s",
                reason->message);
    g_clear_error(&reason);
  } else if (size > DCN_MODELINFO_MAX_BYTES) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "%s is not a key file: it has %" G_GSIZE_FORMAT " bytes", file, size);
  } else {
    info = dcn_modelinfo_parse(file, text, size, input_name, n_channels, error);
  }
  g_free(text);
  g_free(file);
  return info;
}

void
dcn_modelinfo_free(DcnModelInfo *info)
{
  if (!info)
    return;
  g_free(info->labels_file);
  g_hash_table_unref(info->tolerances);
  g_free(info);
}
