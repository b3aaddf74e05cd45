/* A small RTSP server for the tests: /mpeg2, /h264 and /h264-b (with
 * B pictures, CAVLC) serve moving test pictures.  Prints its port, the first argument or a free one, then serves until it
 * is killed or, at the latest, for two minutes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

#define PICTURES "( videotestsrc pattern=ball is-live=true " \
    "! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! "

static void
mount (GstRTSPMountPoints * mounts, const gchar * path, const gchar * launch)
{
  GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new ();

  gst_rtsp_media_factory_set_launch (factory, launch);
  gst_rtsp_mount_points_add_factory (mounts, path, factory);
}

static gboolean
on_timeout (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

int
main (int argc, char **argv)
{
  GMainLoop *loop;
  GstRTSPServer *server;
  GstRTSPMountPoints *mounts;

  gst_init (&argc, &argv);
  loop = g_main_loop_new (NULL, FALSE);
  server = gst_rtsp_server_new ();
  gst_rtsp_server_set_address (server, "127.0.0.1");
  gst_rtsp_server_set_service (server, argc > 1 ? argv[1] : "0");
  mounts = gst_rtsp_server_get_mount_points (server);
  mount (mounts, "/mpeg2",
      PICTURES "mpeg2enc format=3 bitrate=1000 b-per-refframe=0 "
      "! mpegvideoparse ! rtpmpvpay name=pay0 pt=32 )");
  mount (mounts, "/h264",
      PICTURES "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=12 "
      "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )");
  mount (mounts, "/h264-b",
      PICTURES "x264enc speed-preset=veryfast key-int-max=12 bframes=2 "
      "b-adapt=false rc-lookahead=3 sync-lookahead=0 cabac=false bitrate=800 "
      "! video/x-h264,profile=main "
      "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )");
  g_object_unref (mounts);
  if (!gst_rtsp_server_attach (server, NULL))
    return 1;
  g_print ("%d\n", gst_rtsp_server_get_bound_port (server));
  g_timeout_add_seconds (120, on_timeout, loop);
  g_main_loop_run (loop);
  g_object_unref (server);
  g_main_loop_unref (loop);
  return 0;
}
