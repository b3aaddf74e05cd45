/* deltacnn: typed access to a node's attributes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "util/error.h"
#include <string.h>

enum { ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_STRING = 3, ATTR_INTS = 7 };

const Dcn__Onnx__Attribute *
dcn_attr_find(DcnLoader *loader, const char *name)
{
  for (size_t i = 0; i < loader->node->n_attribute; i++) {
    const Dcn__Onnx__Attribute *attribute = loader->node->attribute[i];
    if (attribute->name && strcmp(attribute->name, name) == 0)
      return attribute;
  }
  return NULL;
}

/* The first IR version had no type field; there the content decides. */
static const Dcn__Onnx__Attribute *
find_typed(DcnLoader *loader, const char *name, int type, gboolean has_content)
{
  const Dcn__Onnx__Attribute *attribute = dcn_attr_find(loader, name);
  if (attribute && attribute->type != type && !(attribute->type == 0 && has_content)) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "attribute \"%s\" has the wrong type", name);
    return NULL;
  }
  return attribute;
}

gboolean
dcn_attr_has(DcnLoader *loader, const char *name)
{
  return dcn_attr_find(loader, name) != NULL;
}

int64_t
dcn_attr_int(DcnLoader *loader, const char *name, int64_t otherwise)
{
  const Dcn__Onnx__Attribute *attribute = find_typed(loader, name, ATTR_INT, TRUE);
  return attribute ? attribute->i : otherwise;
}

float
dcn_attr_float(DcnLoader *loader, const char *name, float otherwise)
{
  const Dcn__Onnx__Attribute *attribute = find_typed(loader, name, ATTR_FLOAT, TRUE);
  return attribute ? attribute->f : otherwise;
}

char *
dcn_attr_string(DcnLoader *loader, const char *name, const char *otherwise)
{
  const Dcn__Onnx__Attribute *attribute = find_typed(loader, name, ATTR_STRING, TRUE);
  if (!attribute)
    return g_strdup(otherwise);
  return attribute->s.len > 0 ? g_strndup((const char *)attribute->s.data, attribute->s.len)
                              : g_strdup("");
}

gboolean
dcn_attr_string_is(DcnLoader *loader, const char *name, const char *otherwise, const char *wanted)
{
  char *text = dcn_attr_string(loader, name, otherwise);
  const gboolean same = strcmp(text, wanted) == 0;
  g_free(text);
  return same;
}

int
dcn_attr_ints(DcnLoader *loader, const char *name, int64_t *out)
{
  const Dcn__Onnx__Attribute *attribute = find_typed(loader, name, ATTR_INTS, TRUE);
  if (!attribute)
    return -1;
  if (attribute->n_ints > 2 * DCN_MAX_RANK) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "attribute \"%s\" has too many elements", name);
    return -1;
  }
  if (attribute->n_ints > 0)
    memcpy(out, attribute->ints, attribute->n_ints * sizeof *out);
  return (int)attribute->n_ints;
}
