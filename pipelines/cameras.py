#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several cameras in one process, a pipeline for each: what cameras.sh runs; its --help says how."""
import argparse
import collections
import datetime
import json
import os
import resource
import signal
import sys
import time

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GLib, Gst  # noqa: E402

LONGEST_WAIT = 30  # seconds between two tries


class Camera:
    """A pipeline that is made anew whenever the camera was lost."""

    def __init__(self, name, url, options, say, done):
        self.name, self.url, self.options, self.say, self.done = name, url, options, say, done
        self.is_file = '://' not in url
        self.pipeline, self.seen, self.wait, self.ended, self.failed = None, 0, 1, False, False
        self.playing, self.label, self.candidate, self.held = False, None, None, 0
        self.decoded = self.frames = 0
        self.sums = dict.fromkeys(('time-extract', 'time-changes', 'time-tensor', 'time-network', 'multiplies'), 0)

    def start(self):
        o = self.options
        source = 'filesrc name=source' if self.is_file else f'rtspsrc name=source latency={o.latency} ! application/x-rtp,media=video'
        # A camera does not wait: of frames that pile up the oldest goes.  Blocks are compared across what is left out.
        live = o.live or not self.is_file
        pace = 'identity sync=true ! ' if o.live and self.is_file else ''
        leaky = 'leaky=downstream ' if live else ''
        self.pipeline = Gst.parse_launch(
            f'{source} ! parsebin name=parse  decodebin name=decode ! {pace}queue name=backlog {leaky}max-size-buffers=5 max-size-time=0 '
            f'max-size-bytes=0 ! videoconvert ! deltacnn name=cnn top-k=1 post-messages=true ! fakesink sync=false')
        self.pipeline.connect('deep-element-added', self.on_inner)
        self.pipeline.get_by_name('source').set_property('location', self.url)
        cnn = self.pipeline.get_by_name('cnn')
        for key in 'tolerance', 'threads':
            cnn.set_property(key, getattr(o, key))
        cnn.set_property('model-file', o.model)
        for key in 'source', 'mode':
            Gst.util_set_object_arg(cnn, key, getattr(o, key))
        parse = self.pipeline.get_by_name('parse')
        parse.connect('pad-added', self.on_stream)
        parse.connect('drained', self.on_drained)
        self.pipeline.get_by_name('backlog').get_static_pad('sink').add_probe(Gst.PadProbeType.BUFFER, self.on_decoded)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect('message::element', self.on_element)
        bus.connect('message::application', self.on_no_video)
        bus.connect('message::error', self.on_error)
        bus.connect('message::eos', self.on_eos)
        self.seen = time.monotonic()
        self.pipeline.set_state(Gst.State.PLAYING)
        return GLib.SOURCE_REMOVE

    def on_inner(self, pipeline, part, element):
        # Cameras are work enough for all cores; and a decoder of several threads keeps a frame back for each.
        if element.find_property('max-threads'):
            element.set_property('max-threads', 1)

    def on_stream(self, parse, pad):
        """Of a stream's elements, in its thread: the first video goes on, with deltaextract where that knows the codec."""
        pipeline, sink = parse.get_parent(), None
        decode = pipeline.get_by_name('decode').get_static_pad('sink')
        caps = pad.get_current_caps() or pad.query_caps()
        if not decode.is_linked() and caps.get_structure(0).get_name().startswith(('video/', 'image/')):
            extract = Gst.ElementFactory.make('deltaextract')
            sink = extract.get_static_pad('sink')
            if sink.query_caps().can_intersect(caps):
                pipeline.add(extract)
                extract.get_static_pad('src').link(decode)
                extract.sync_state_with_parent()
            else:
                sink = decode
        else:
            # what nobody takes would hold up the rest, with some containers
            rest = Gst.ElementFactory.make('fakesink')
            rest.set_property('async', False)
            pipeline.add(rest)
            rest.sync_state_with_parent()
            sink = rest.get_static_pad('sink')
        pad.link(sink)

    def on_drained(self, parse):
        if not parse.get_parent().get_by_name('decode').get_static_pad('sink').is_linked():
            parse.post_message(Gst.Message.new_application(parse, Gst.Structure.new_empty('no-video')))

    def stop(self):
        if self.pipeline:
            self.pipeline.get_bus().remove_signal_watch()
            self.pipeline.set_state(Gst.State.NULL)
            self.pipeline = None

    def on_decoded(self, pad, info):
        self.decoded += 1
        return Gst.PadProbeReturn.OK

    def on_element(self, bus, message):
        s = message.get_structure()
        if s.get_name() != 'deltacnn':
            return
        self.frames += 1
        self.seen, self.wait = time.monotonic(), 1
        for key in self.sums:
            value = s.get_value(key)
            if value != Gst.CLOCK_TIME_NONE:
                self.sums[key] += value
        if not self.playing:
            self.playing = True
            self.say(self, state='playing')
        label = s.get_value('label')
        result = {'label': label, 'confidence': round(s.get_value('confidence'), 4)}
        if self.options.every_frame:
            stream_time = s.get_value('stream-time')
            self.say(self, **result, stream_time=None if stream_time == Gst.CLOCK_TIME_NONE else stream_time / 1e9,
                     type=s.get_value('picture-type'), changed=round(s.get_value('changed'), 4),
                     multiplies=round(s.get_value('multiplies'), 4), network_ms=s.get_value('time-network') / 1e6)
            return
        self.held = self.held + 1 if label == self.candidate else 1
        self.candidate = label
        if label != self.label and self.held >= self.options.hold:
            self.label = label
            self.say(self, **result)

    def on_eos(self, bus, message):
        if not self.is_file:
            self.lost('the stream ended')
        elif self.options.live and self.frames:
            self.stop()
            self.start()
        else:
            self.end()

    def on_no_video(self, bus, message):
        self.trouble('it has no video')

    def on_error(self, bus, message):
        error, _ = message.parse_error()
        if message.src == self.pipeline.get_by_name('cnn'):
            self.end(error.message)  # the model's fault: trying again would not mend it
        else:
            self.trouble(error.message)

    def trouble(self, reason):
        if self.is_file:
            self.end(reason)
        else:
            self.lost(reason)

    def lost(self, reason):
        self.stop()
        if self.playing or self.wait == 1:
            self.say(self, state='lost', reason=reason)
        self.playing = False
        GLib.timeout_add(int(1000 * self.wait), self.start)
        self.wait = min(2 * self.wait, LONGEST_WAIT)

    def look(self, now):
        """Cameras also fall silent without an error."""
        if self.pipeline and now - self.seen > self.options.patience:
            self.trouble(f'nothing for {self.options.patience:g} seconds')

    def end(self, reason=None):
        self.stop()
        self.ended, self.failed = True, reason is not None
        self.say(self, state='ended', **({'reason': reason} if reason else {}))
        self.done()

    def row(self, seconds):
        n = max(self.frames, 1)
        ms = [self.sums[f'time-{k}'] / n / 1e6 for k in ('extract', 'tensor', 'network')]
        return (f'{self.name:24.24} {self.frames:7} {self.frames / seconds:9.1f} {max(self.decoded - self.frames, 0):9} '
                f'{ms[0]:8.3f} {ms[1]:8.3f} {ms[2]:8.3f} {100 * self.sums["multiplies"] / n:10.1f} %')


class Watch:
    """All cameras, and what is said of them."""

    def __init__(self, options):
        self.loop = GLib.MainLoop()
        self.cameras = [Camera(name, url, options, self.say, self.on_done) for name, url in options.cameras]
        self.seconds = options.seconds

    def say(self, camera, **what):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='milliseconds')
        try:
            print(json.dumps({'camera': camera.name, 'time': now, **what}, ensure_ascii=False), flush=True)
        except BrokenPipeError:
            # the reader went away; nothing may be printed any more, at the interpreter's end either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.loop.quit()

    def on_done(self):
        if all(c.ended for c in self.cameras):
            self.loop.quit()

    def on_second(self):
        now = time.monotonic()
        for camera in self.cameras:
            camera.look(now)
        return GLib.SOURCE_CONTINUE

    def quit(self):
        self.loop.quit()
        return GLib.SOURCE_REMOVE

    def run(self):
        began = time.monotonic()
        for number in signal.SIGINT, signal.SIGTERM:
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, self.quit)
        GLib.timeout_add_seconds(1, self.on_second)
        if self.seconds:
            GLib.timeout_add(int(1000 * self.seconds), self.quit)
        for camera in self.cameras:
            # from the loop, so that a camera that ends at once can end the loop
            GLib.idle_add(camera.start)
        self.loop.run()
        for camera in self.cameras:
            camera.stop()
        self.report(max(time.monotonic() - began, 1e-3))
        return 1 if any(c.failed for c in self.cameras) else 0

    def report(self, seconds):
        used = resource.getrusage(resource.RUSAGE_SELF)
        cores = (used.ru_utime + used.ru_stime) / seconds
        print(f'{"camera":24} {"frames":>7} {"a second":>9} {"left out":>9} {"extract":>8} {"tensor":>8} {"network":>8} {"multiplies":>12}   (ms a frame)',
              *(c.row(seconds) for c in self.cameras),
              f'{seconds:.1f} s; {cores:.2f} of {os.cpu_count()} cores, decoding included; {used.ru_maxrss / 1024:.0f} MB at most',
              sep='\n', file=sys.stderr)


def parse(argv):
    p = argparse.ArgumentParser(prog='cameras.sh', add_help=False, allow_abbrev=False)
    p.add_argument('cameras', nargs='*')
    p.add_argument('--model', required=True)
    p.add_argument('--tolerance', type=float, default=0)
    p.add_argument('--source', default='auto')
    p.add_argument('--decoders', default='')
    p.add_argument('--mode', choices=('delta', 'dense'), default='delta')
    p.add_argument('--threads', type=int, default=1)
    p.add_argument('--hold', type=int, default=3)
    p.add_argument('--every-frame', action='store_true')
    p.add_argument('--seconds', type=float, default=0)
    p.add_argument('--live', action='store_true')
    p.add_argument('--latency', type=int, default=200)
    p.add_argument('--patience', type=float, default=10)
    o = p.parse_args(argv)
    if not o.cameras:
        sys.exit('cameras.sh: which cameras? ([NAME=]URL..., see --help)')
    named, times = [], collections.Counter()
    for item in o.cameras:
        name, equals, url = item.partition('=')
        # of rtsp://host/path?key=value the part before the = is no name
        if not equals or '/' in name or ':' in name:
            name, url = '', item
        # of an address without user and password
        name = name or (url.rpartition('@')[2].rpartition('://')[2] if '://' in url else os.path.basename(url))
        scheme = url.partition('://')[0] if '://' in url else ''
        if scheme not in ('', 'rtsp', 'rtsps', 'rtspt', 'rtspu', 'rtsph'):
            sys.exit(f'cameras.sh: {name}: {scheme}:// is no camera (rtsp:// or a file)')
        if not scheme and not os.path.isfile(url):
            sys.exit(f'cameras.sh: there is no file {url}')
        times[name] += 1
        named.append((name if times[name] == 1 else f'{name} ({times[name]})', url))
    o.cameras = named
    return o


def main():
    options = parse(sys.argv[1:])
    Gst.init(None)
    for element in 'deltaextract', 'deltacnn':
        if not Gst.ElementFactory.find(element):
            sys.exit(f'cameras.sh: GStreamer does not know {element}: GST_PLUGIN_PATH must name the folder with the plugin')
    for name in options.decoders.split():
        feature = Gst.Registry.get().find_feature(name, Gst.ElementFactory)
        if not feature:
            sys.exit(f'cameras.sh: GStreamer knows no decoder {name}')
        feature.set_rank(Gst.Rank.PRIMARY + 1000)  # decodebin takes the one of the highest
    sys.exit(Watch(options).run())


if __name__ == '__main__':
    main()
