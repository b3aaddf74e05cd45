/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A buffer is taken apart into its units (NAL units; for MPEG video, what follows a start code), which are changed, left out,
 * sent twice or in another order, and put together again with start codes or length fields that may be wrong.
 */
#include "damage.h"
#include <string.h>

typedef enum
{
  FORMAT_MPEG,
  FORMAT_BYTE_STREAM,
  FORMAT_AVC
} Format;

struct _Damage
{
  GRand *rand;
  guint one_in, nal_length;
  Format format;
  guint length_in, length_out;  /* bytes of a length field */
  guint buffers;
  GPtrArray *last;              /* of GBytes: units of the buffer before */
  GPtrArray *headers;           /* parameter sets and sequence headers that have been seen */
};

Damage *
damage_new (guint32 seed, guint one_in, guint nal_length)
{
  Damage *self = g_new0 (Damage, 1);

  self->rand = g_rand_new_with_seed (seed);
  self->one_in = one_in;
  self->nal_length = nal_length;
  self->last = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->headers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  return self;
}

void
damage_free (Damage * self)
{
  g_rand_free (self->rand);
  g_ptr_array_unref (self->last);
  g_ptr_array_unref (self->headers);
  g_free (self);
}

static guint
below (Damage * self, guint n)
{
  return n ? (guint) g_rand_int_range (self->rand, 0, (gint32) n) : 0;
}

static GPtrArray *
take_apart (Damage * self, const guint8 * data, gsize size)
{
  GPtrArray *units =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  gsize start = 0, at = 0;
  gboolean open = FALSE;

  if (self->format == FORMAT_AVC) {
    while (at + self->length_in <= size) {
      gsize length = 0;

      for (guint i = 0; i < self->length_in; i++)
        length = length << 8 | data[at + i];
      at += self->length_in;
      length = MIN (length, size - at);
      g_ptr_array_add (units, g_bytes_new (data + at, length));
      at += length;
    }
    return units;
  }
  for (at = 0; at + 3 <= size; at++) {
    if (data[at] != 0 || data[at + 1] != 0 || data[at + 2] != 1)
      continue;
    if (open)
      g_ptr_array_add (units, g_bytes_new (data + start, at - start));
    open = TRUE;
    start = at + 3;
    at += 2;
  }
  if (open)
    g_ptr_array_add (units, g_bytes_new (data + start, size - start));
  return units;
}

static gboolean
is_header (Damage * self, GBytes * unit)
{
  const guint8 *data = g_bytes_get_data (unit, NULL);

  if (g_bytes_get_size (unit) < 4)
    return FALSE;
  if (self->format == FORMAT_MPEG)
    return data[0] == 0xb3 || data[0] == 0xb5 || data[0] == 0xb8;
  return (data[0] & 31) == 7 || (data[0] & 31) == 8;
}

/* A unit with something wrong within. */
static GBytes *
spoil (Damage * self, GBytes * unit)
{
  static const struct
  {
    guint8 bytes[8];
    guint n;
  } inserted[] = {
    {{0, 0, 1}, 3}, {{0, 0, 1, 0x09, 0xf0}, 5}, {{0, 0, 0, 1, 0x41}, 5}, {{0,
            0, 1, 0x01}, 4}, {{0, 0, 1, 0}, 4}, {{0, 0, 1, 0xb2, 1}, 5},
    {{0, 0, 1, 0xb5, 0x80}, 5}, {{0, 0, 0}, 3}, {{0, 0, 2}, 3}, {{0, 0, 3}, 3},
    {{0, 0, 3, 0, 0, 3}, 6}, {{0, 0, 3, 4}, 4}, {{0}, 1}, {{0xff, 0xff}, 2},
    {{0, 0, 1, 0xb7}, 4}, {{0, 0, 1, 0x67}, 4}, {{0, 0, 1, 0x0a}, 4}, {{0, 0, 1,
            0x80}, 4}, {{0, 0, 1, 0xaf, 0x22}, 5}
  };
  GByteArray *bytes = g_bytes_unref_to_array (g_bytes_ref (unit));
  guint at = below (self, bytes->len + 1), n;

  switch (below (self, 9)) {
    case 0:
    case 1:
    case 2:{
      guint which = below (self, G_N_ELEMENTS (inserted));

      n = inserted[which].n;
      g_byte_array_append (bytes, inserted[which].bytes, n);
      memmove (bytes->data + at + n, bytes->data + at, bytes->len - n - at);
      memcpy (bytes->data + at, inserted[which].bytes, n);
      break;
    }
    case 3:{                   /* the same at the end */
      guint which = below (self, G_N_ELEMENTS (inserted));

      g_byte_array_append (bytes, inserted[which].bytes, inserted[which].n);
      break;
    }
    case 4:                    /* in place of what was there */
      n = MIN (3, bytes->len - at);
      if (n == 3)
        memcpy (bytes->data + at, "\0\0\1", 3);
      break;
    case 5:
      g_byte_array_set_size (bytes, at);
      break;
    case 6:{                   /* 7.3.1: emulation_prevention_three_byte lost */
      for (guint i = 0; i + 3 <= bytes->len; i++)
        if (bytes->data[i] == 0 && bytes->data[i + 1] == 0
            && bytes->data[i + 2] == 3) {
          g_byte_array_remove_index (bytes, i + 2);
          break;
        }
      break;
    }
    case 7:{                   /* in the first bytes, where headers are */
      at = below (self, MIN (bytes->len, 12));
      if (at < bytes->len)
        bytes->data[at] ^= 1 << below (self, 8);
      break;
    }
    default:
      if (at < bytes->len)
        bytes->data[at] ^= 1 << below (self, 8);
      break;
  }
  return g_byte_array_free_to_bytes (bytes);
}

/* One that says nothing, or something out of place. */
static GBytes *
make_unit (Damage * self)
{
  static const guint8 nal_types[] = { 0x09, 0x0a, 0x0b, 0x0c, 0x06, 0x00, 0x1f,
    0x0e, 0x14, 0x02, 0x6f, 0x41, 0x65, 0x61, 0x13, 0xe1
  };
  static const guint8 codes[] = { 0xb0, 0xb1, 0xb2, 0xb4, 0xb5, 0xb6, 0xb7,
    0xb8, 0xb9, 0xbb, 0xe0, 0x00, 0x01, 0xaf, 0xb3
  };
  guint8 bytes[10];
  guint n = 1 + below (self, sizeof (bytes));

  for (guint i = 0; i < sizeof (bytes); i++)
    bytes[i] = below (self, 256);
  bytes[0] = self->format == FORMAT_MPEG ?
      codes[below (self, sizeof (codes))] :
      nal_types[below (self, sizeof (nal_types))];
  if (bytes[0] == 0x06)
    bytes[1] = 6;               /* SEI: recovery point */
  return g_bytes_new (bytes, n);
}

static void
rearrange (Damage * self, GPtrArray * units)
{
  guint at = below (self, units->len);

  switch (below (self, 10)) {
    case 0:                    /* an empty one */
      g_ptr_array_insert (units, at, g_bytes_new (NULL, 0));
      break;
    case 1:
      if (units->len)
        g_ptr_array_remove_index (units, at);
      break;
    case 2:
      if (units->len)
        g_ptr_array_insert (units, below (self, units->len + 1),
            g_bytes_ref (g_ptr_array_index (units, at)));
      break;
    case 3:
      if (units->len) {
        GBytes *unit = g_ptr_array_steal_index (units, at);

        g_ptr_array_insert (units, below (self, units->len + 1), unit);
      }
      break;
    case 4:                    /* from the picture before */
      if (self->last->len)
        g_ptr_array_insert (units, at,
            g_bytes_ref (g_ptr_array_index (self->last, below (self,
                        self->last->len))));
      break;
    case 5:                    /* all of it */
      for (guint i = 0; i < self->last->len; i++)
        g_ptr_array_insert (units, i,
            g_bytes_ref (g_ptr_array_index (self->last, i)));
      break;
    case 6:
      if (self->headers->len)
        g_ptr_array_insert (units, below (self, units->len + 1),
            g_bytes_ref (g_ptr_array_index (self->headers, below (self,
                        self->headers->len))));
      break;
    case 7:                    /* a header that was seen, with another value in it */
      if (self->headers->len)
        g_ptr_array_insert (units, at, spoil (self,
                g_ptr_array_index (self->headers, below (self,
                        self->headers->len))));
      break;
    case 8:                    /* nothing of a picture */
      g_ptr_array_set_size (units, 0);
      g_ptr_array_add (units, make_unit (self));
      break;
    default:
      g_ptr_array_insert (units, below (self, units->len + 1),
          make_unit (self));
      break;
  }
}

static GBytes *
put_together (Damage * self, GPtrArray * units, gboolean framing)
{
  static const guint8 junk[] = { 0, 0, 1, 0, 0, 0, 0, 1, 0x80, 0xff, 3 };
  GByteArray *bytes = g_byte_array_new ();
  guint wrong = framing ? below (self, units->len + 2) : G_MAXUINT;
  guint how = below (self, 7);

  for (guint i = 0; i < units->len; i++) {
    gsize size;
    const guint8 *data = g_bytes_get_data (g_ptr_array_index (units, i), &size);

    if (self->format != FORMAT_AVC) {
      static const guint8 code[] = { 0, 0, 0, 0, 0, 1 };
      guint n = i == wrong ? below (self, 7) : i == 0
          && self->format == FORMAT_BYTE_STREAM ? 4 : 3;

      g_byte_array_append (bytes, code + 6 - n, n);
    } else if (i == wrong && how == 0) {
      g_byte_array_append (bytes, (const guint8 *) "\0\0\0\1", 4);
    } else {
      guint64 length = size;
      guint8 field[4];

      if (i == wrong)
        length = how == 1 ? 0 : how == 2 ? G_MAXUINT64 - below (self, 9)
            : how == 3 ? size + 1 + below (self, 8)
            : how == 4 ? size - MIN (size, 1 + below (self, 8))
            : how == 5 ? below (self, size + 1) : size + 1000;
      for (guint k = 0; k < self->length_out; k++)
        field[k] = length >> 8 * (self->length_out - 1 - k);
      g_byte_array_append (bytes, field, self->length_out);
    }
    if (size)
      g_byte_array_append (bytes, data, size);
  }
  if (wrong != G_MAXUINT && wrong >= units->len) {
    guint at = below (self, sizeof (junk)), n =
        1 + below (self, sizeof (junk) - at);

    /* at the end, or before the first start code */
    if (how & 1)
      g_byte_array_prepend (bytes, junk + at, n);
    else
      g_byte_array_append (bytes, junk + at, n);
  }
  return g_byte_array_free_to_bytes (bytes);
}

/* What `avc` caps say of the length of length fields: the lower bits of byte 4 (ISO/IEC 14496-15 5.2.4.1). */
static void
learn_caps (Damage * self, GstPadProbeInfo * info)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  GstCaps *caps;
  const GstStructure *s;
  const GValue *value;
  const gchar *format;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return;
  gst_event_parse_caps (event, &caps);
  s = gst_caps_get_structure (caps, 0);
  format = gst_structure_get_string (s, "stream-format");
  self->format = gst_structure_has_name (s, "video/mpeg") ? FORMAT_MPEG
      : g_strcmp0 (format, "byte-stream") ? FORMAT_AVC : FORMAT_BYTE_STREAM;
  value = gst_structure_get_value (s, "codec_data");
  if (self->format == FORMAT_AVC && value) {
    GstBuffer *data = gst_buffer_copy_deep (gst_value_get_buffer (value));
    guint8 lengths = 0xff;

    gst_buffer_extract (data, 4, &lengths, 1);
    self->length_in = self->length_out = (lengths & 3) + 1;
    if (self->nal_length && self->nal_length != self->length_in) {
      self->length_out = self->nal_length;
      lengths = (lengths & ~3) | (self->length_out - 1);
      gst_buffer_fill (data, 4, &lengths, 1);
      caps = gst_caps_copy (caps);
      gst_caps_set_simple (caps, "codec_data", GST_TYPE_BUFFER, data, NULL);
      gst_event_unref (event);
      GST_PAD_PROBE_INFO_DATA (info) = gst_event_new_caps (caps);
      gst_caps_unref (caps);
    }
    gst_buffer_unref (data);
  }
}

static gpointer
ref_unit (gconstpointer unit, gpointer unused)
{
  return g_bytes_ref ((GBytes *) unit);
}

static GstPadProbeReturn
on_data (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  Damage *self = user_data;
  GstBuffer *buffer, *made;
  GPtrArray *units, *good;
  GBytes *bytes;
  GstMapInfo map;
  gboolean framing = FALSE, harm;

  if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
    learn_caps (self, info);
    return GST_PAD_PROBE_OK;
  }
  buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return GST_PAD_PROBE_OK;
  units = take_apart (self, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  good = g_ptr_array_copy (units, ref_unit, NULL);
  for (guint i = 0; i < units->len; i++)
    if (self->headers->len < 64 && is_header (self, units->pdata[i]))
      g_ptr_array_add (self->headers, g_bytes_ref (units->pdata[i]));

  harm = self->buffers++ > 0 && below (self, self->one_in) == 0;
  if (harm) {
    for (guint n = 1 + below (self, 2); n > 0; n--) {
      switch (below (self, 3)) {
        case 0:
          if (units->len) {
            /* the last one more often than others */
            guint i = below (self, 2) ? units->len - 1 :
                below (self, units->len);
            GBytes *spoilt = spoil (self, units->pdata[i]);

            g_bytes_unref (units->pdata[i]);
            units->pdata[i] = spoilt;
          }
          break;
        case 1:
          rearrange (self, units);
          break;
        default:
          framing = TRUE;
          break;
      }
    }
  }
  if (harm || self->length_in != self->length_out) {
    bytes = put_together (self, units, framing);
    made = gst_buffer_new_wrapped_bytes (bytes);
    g_bytes_unref (bytes);
    gst_buffer_copy_into (made, buffer, GST_BUFFER_COPY_METADATA, 0, -1);
    gst_buffer_unref (buffer);
    GST_PAD_PROBE_INFO_DATA (info) = made;
  }
  g_ptr_array_unref (units);
  g_ptr_array_unref (self->last);
  self->last = good;
  return GST_PAD_PROBE_OK;
}

void
damage_attach (Damage * self, GstPad * sinkpad)
{
  gst_pad_add_probe (sinkpad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
      self, NULL);
}
