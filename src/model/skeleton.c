/* deltacnn: a model's messages without the elements of its large constants.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The decoder takes a message as a whole and copies all that is in it.  So what it gets is a copy of the model in which
 * a large constant has, in the place of its elements, two numbers that say where they are.  Messages around it become
 * shorter; their lengths are written in the five bytes that the longest takes, which a varint may. */
#include "model/skeleton.h"
#include "model/tensor.h"
#include <string.h>

/* Bytes of elements that are left where they are. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define LARGE 24
#else
#define LARGE 4096
#endif
#define WINDOW 16384

/* Wire types. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef enum { MODEL, GRAPH, FUNCTION, NODE, ATTRIBUTE, TENSOR, OTHER } Kind;

/* Fields of messages that lead to tensors. */
static const struct {
  Kind kind;
  uint32_t field;
  Kind of;
} inner[] = {
    {MODEL, 7, GRAPH},   {MODEL, 25, FUNCTION}, {GRAPH, 1, NODE},       {GRAPH, 5, TENSOR},
    {FUNCTION, 7, NODE}, {NODE, 5, ATTRIBUTE},  {ATTRIBUTE, 5, TENSOR},
};

/* Fields of a tensor. */
enum { DATA_TYPE = 2, FLOAT_DATA = 4, RAW_DATA = 9, PLACE_BEGIN = 100001, PLACE_SIZE = 100002 };

typedef struct {
  DcnSource *source;
  size_t size;
  uint8_t window[WINDOW]; /* bytes [begin, begin + count) of the source */
  size_t begin, count;
  uint8_t *out;
  size_t n_out, room;
  GError *error;
} Walk;

/* A field: [begin, end) with its tag, value from `value` on, or the number itself. */
typedef struct {
  uint32_t field;
  int type;
  size_t begin, value, end;
  uint64_t number;
} Field;

static gboolean
byte_at(Walk *walk, size_t at, uint8_t *byte)
{
  if (at < walk->begin || at - walk->begin >= walk->count) {
    walk->count = 0;
    const size_t n = MIN(WINDOW, walk->size - at);
    if (!dcn_source_read(walk->source, at, n, walk->window, &walk->error))
      return FALSE;
    walk->begin = at;
    walk->count = n;
  }
  *byte = walk->window[at - walk->begin];
  return TRUE;
}

/* most: bytes that it may have. */
static gboolean
read_varint(Walk *walk, size_t *at, size_t end, int most, uint64_t *value)
{
  *value = 0;
  for (int i = 0; i < most && *at < end; i++) {
    uint8_t byte;
    if (!byte_at(walk, *at, &byte))
      return FALSE;
    (*at)++;
    *value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (!(byte & 0x80))
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_field(Walk *walk, size_t at, size_t end, Field *f)
{
  uint64_t tag;
  f->begin = at;
  if (!read_varint(walk, &at, end, 5, &tag))
    return FALSE;
  f->field = (uint32_t)tag >> 3;
  f->type = (int)(tag & 7);
  f->number = 0;
  f->value = at;
  switch (f->type) {
  case VARINT:
    if (!read_varint(walk, &at, end, 10, &f->number))
      return FALSE;
    break;
  case FIXED64:
  case FIXED32:
    f->number = f->type == FIXED64 ? 8 : 4;
    if (end - at < f->number)
      return FALSE;
    at += f->number;
    break;
  case BYTES:
    if (!read_varint(walk, &at, end, 5, &f->number) || f->number > G_MAXINT32 ||
        f->number > end - at)
      return FALSE;
    f->value = at;
    at += f->number;
    break;
  default: /* the decoder knows no others either */
    return FALSE;
  }
  f->end = at;
  return TRUE;
}

/* Room for n bytes more; NULL where there is none. */
static uint8_t *
extend(Walk *walk, size_t n)
{
  if (n > walk->room - walk->n_out) {
    const size_t room = MAX(walk->n_out + n, walk->room + walk->room / 2);
    uint8_t *out = room > G_MAXINT32 ? NULL : g_try_realloc(walk->out, room);
    if (!out)
      return NULL;
    walk->out = out;
    walk->room = room;
  }
  walk->n_out += n;
  return walk->out + walk->n_out - n;
}

static gboolean
copy(Walk *walk, size_t begin, size_t end)
{
  if (begin == end)
    return TRUE;
  uint8_t *to = extend(walk, end - begin);
  if (!to)
    return FALSE;
  if (begin >= walk->begin && end - walk->begin <= walk->count) {
    memcpy(to, walk->window + (begin - walk->begin), end - begin);
    return TRUE;
  }
  return dcn_source_read(walk->source, begin, end - begin, to, &walk->error);
}

static gboolean
write_varint(Walk *walk, uint64_t value, int bytes)
{
  uint8_t *to = extend(walk, (size_t)bytes);
  for (int i = 0; to && i < bytes; i++, value >>= 7)
    to[i] = (uint8_t)((value & 0x7f) | (i + 1 < bytes ? 0x80 : 0));
  return to != NULL;
}

static gboolean
copy_tensor(Walk *walk, size_t begin, size_t end)
{
  Field f, raw = {0}, typed = {0};
  int n_raw = 0, n_typed = 0;
  uint64_t data_type = 0;
  for (size_t at = begin; at < end; at = f.end) {
    if (!read_field(walk, at, end, &f))
      return FALSE;
    if (f.field == DATA_TYPE && f.type == VARINT) {
      data_type = f.number;
    } else if (f.field == RAW_DATA) {
      raw = f;
      n_raw++;
    } else if (f.field == FLOAT_DATA) {
      typed = f;
      n_typed++;
    }
  }
  /* Floats in a list of their own are written as raw ones are. */
  const Field *data = n_raw == 1 && n_typed == 0 ? &raw
                      : n_typed == 1 && n_raw == 0 && data_type == DCN_ONNX_FLOAT &&
                              typed.number % sizeof(float) == 0
                          ? &typed
                          : NULL;
  if (!data || data->type != BYTES || data->number < LARGE)
    return copy(walk, begin, end);
  return copy(walk, begin, data->begin) && copy(walk, data->end, end) &&
         write_varint(walk, PLACE_BEGIN << 3 | VARINT, 5) && write_varint(walk, data->value, 10) &&
         write_varint(walk, PLACE_SIZE << 3 | VARINT, 5) && write_varint(walk, data->number, 10);
}

static Kind
kind_of(Kind kind, const Field *f)
{
  for (size_t i = 0; f->type == BYTES && i < G_N_ELEMENTS(inner); i++)
    if (inner[i].kind == kind && inner[i].field == f->field)
      return inner[i].of;
  return OTHER;
}

/* Goes as deep as the kinds are nested: five levels. */
static gboolean
copy_message(Walk *walk, Kind kind, size_t begin, size_t end)
{
  if (kind == TENSOR)
    return copy_tensor(walk, begin, end);
  Field f;
  for (size_t at = begin; at < end; at = f.end) {
    if (!read_field(walk, at, end, &f))
      return FALSE;
    const Kind child = kind_of(kind, &f);
    if (child == OTHER) {
      if (!copy(walk, f.begin, f.end))
        return FALSE;
      continue;
    }
    if (!write_varint(walk, f.field << 3 | BYTES, 5))
      return FALSE;
    const size_t length_at = walk->n_out;
    if (!write_varint(walk, 0, 5) || !copy_message(walk, child, f.value, f.end))
      return FALSE;
    const size_t n_out = walk->n_out;
    walk->n_out = length_at;
    write_varint(walk, n_out - length_at - 5, 5); /* in its room */
    walk->n_out = n_out;
  }
  return TRUE;
}

Dcn__Onnx__Model *
dcn_skeleton_unpack(DcnSource *source, GError **error)
{
  Walk *walk = g_new0(Walk, 1);
  walk->source = source;
  walk->size = dcn_source_size(source);
  Dcn__Onnx__Model *model = NULL;
  if (copy_message(walk, MODEL, 0, walk->size) && walk->n_out > 0)
    model = dcn__onnx__model__unpack(NULL, walk->n_out, walk->out);
  if (walk->error)
    g_propagate_error(error, walk->error);
  g_free(walk->out);
  g_free(walk);
  return model;
}
