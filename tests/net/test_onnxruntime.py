# The engine against onnxruntime, over the models of the shared data folder, on random frames and on a real clip's.
# SPDX-License-Identifier: LGPL-2.1-or-later
#   test_onnxruntime.py RUN_NET RUNNER.cjs SHARED_DATA BUILD_DIR WORK_DIR TEST_QUANTIZED
# onnxruntime-node is looked for in $ORT_DIR and in BUILD_DIR (npm install --ignore-scripts --prefix DIR
# onnxruntime-node); without it all is skipped.  Prints TAP.
import json
import os
import shutil
import subprocess
import sys

import numpy

BOUND = 1e-4  # of the largest output

# What each model expects of a frame of 0..255 RGB, from the data folder's README.
IMAGENET = (numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225]))
PREPARE = {
    'mobilenetv1-0.25-vww96-mlctiny.onnx': lambda rgb: rgb / 255,
    'squeezenet1.0-deepcompression.onnx': lambda rgb: rgb[..., ::-1] - numpy.array([104, 117, 123]),
    'mobilenet_v1_0.25_128-dequant.onnx': lambda rgb: (rgb - 128) / 128,
    'resnet20-cifar10-akamaster.onnx': lambda rgb: (rgb / 255 - IMAGENET[0]) / IMAGENET[1],
    'resnet8-cifar10-mlctiny.onnx': lambda rgb: rgb,
    'light_bvlc_alexnet.onnx': lambda rgb: rgb - 120,
    'model.onnx': lambda rgb: rgb.mean(axis=-1, keepdims=True),
}
MODELS = [name for name in PREPARE if name != 'model.onnx'] + ['mnist_8/model.onnx']
CLIPS = ['sample-videos__bottle-detection.mp4', 'openmpf__video_01.mp4']


def find_modules(build):
    for folder in (os.environ.get('ORT_DIR'), build):
        if folder and os.path.isdir(os.path.join(folder, 'node_modules', 'onnxruntime-node')):
            return os.path.abspath(folder)
    return None


def real_frames(clip, shape, name):
    """Some frames of a clip, [count][C][H][W]; consecutive ones, so that a delta run has something to reuse."""
    _, _, height, width = shape
    raw = subprocess.run(['ffmpeg', '-v', 'error', '-ss', '1', '-i', clip, '-frames:v', '6', '-vf',
                          f'scale={width}:{height}:flags=area', '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'],
                         stdout=subprocess.PIPE, check=True).stdout
    rgb = numpy.frombuffer(raw, numpy.uint8).reshape(-1, height, width, 3).astype(numpy.float64)
    return PREPARE[os.path.basename(name)](rgb).transpose(0, 3, 1, 2).astype('<f4')


def random_frames(shape):
    rng = numpy.random.default_rng(7)
    frames = rng.uniform(-1, 1, (3, *shape[1:])).astype('<f4')
    frames[1] = frames[0]
    frames[1, :, : shape[2] // 4, : shape[3] // 3] += 0.5
    return frames


class Test:
    def __init__(self, run_net, runner, modules, work):
        self.run_net, self.runner, self.modules, self.work = run_net, runner, modules, work
        self.count, self.failed = 0, 0

    def result(self, ok, text):
        self.count += 1
        self.failed += not ok
        print(f'{"ok" if ok else "not ok"} {self.count} - {text}', flush=True)

    def expected(self, model, frames):
        given, wanted = os.path.join(self.work, 'frames.f32'), os.path.join(self.work, 'ort.f32')
        frames.tofile(given)
        subprocess.run(['node', self.runner, self.modules, model, given, wanted], check=True)
        return numpy.fromfile(wanted, '<f4').reshape(len(frames), -1)

    def ours(self, model, *options):
        output = os.path.join(self.work, 'ours.f32')
        subprocess.run([self.run_net, model, '--input', os.path.join(self.work, 'frames.f32'), '--output', output,
                        *options], check=True, stdout=subprocess.PIPE)
        return numpy.fromfile(output, '<f4')

    def compare(self, name, model, kind, frames):
        wanted = self.expected(model, frames)
        for options in (['--dense'], [], ['--threads', '2'], ['--kernels', 'portable'], ['--kernels', 'avx2']):
            try:
                got = self.ours(model, *options).reshape(wanted.shape)
            except subprocess.CalledProcessError as error:
                if error.returncode == 2:  # this CPU has no such kernels
                    continue
                self.result(False, f'{name}, {kind}, {" ".join(options)}: run-net failed')
                continue
            error = numpy.abs(got - wanted).max() / numpy.abs(wanted).max()
            same = (got.argmax(1) == wanted.argmax(1)).mean()
            self.result(bool(error <= BOUND),
                        f'{name}, {kind}, {len(frames)} frames, {" ".join(options) or "delta"}: '
                        f'off by {error:.2e} of the largest output, top label same in {same:.0%}')

    def compare_quantized(self, writer):
        """Scores are levels: a sum that falls on the edge between two may be a level off, the others are equal."""
        level = 1.2 / 16  # at most; the writer's scale for them
        model = os.path.join(self.work, 'quantized.onnx')
        subprocess.run([writer, '--write', model], check=True)
        frames = numpy.random.default_rng(3).uniform(-2.4, 2.4, (40, 3, 16, 16)).astype('<f4')
        for i in range(1, 20):
            changed = frames[i, :, 3:8, 4:9].copy()
            frames[i] = frames[i - 1]
            frames[i, :, 3:8, 4:9] = changed
        wanted = self.expected(model, frames)
        for options in (['--dense'], [], ['--kernels', 'portable']):
            off = numpy.abs(self.ours(model, *options).reshape(wanted.shape) - wanted)
            same = (off < 1e-4 * level).mean()
            self.result(bool(off.max() <= 1.001 * level and same >= 0.9 and len(numpy.unique(wanted)) > 20),
                        f'quantised, {" ".join(options) or "delta"}: {same:.1%} equal, off by at most {off.max():.4f}')


def main():
    run_net, runner, data, build, work, writer = sys.argv[1:]
    modules = find_modules(build)
    models = [name for name in MODELS if os.path.exists(os.path.join(data, 'models', name))]
    missing = ('no shared data' if not models else 'no node' if not shutil.which('node') else
               'no onnxruntime-node in ORT_DIR or the build folder' if not modules else None)
    if missing:
        print(f'1..0 # SKIP {missing}')
        return 0
    os.makedirs(work, exist_ok=True)
    test = Test(run_net, runner, modules, work)
    for name in models:
        model = os.path.join(data, 'models', name)
        shape = json.loads(subprocess.run([run_net, model], check=True, stdout=subprocess.PIPE).stdout)['input']
        test.compare(name, model, 'random', random_frames(shape))
        for clip in CLIPS:
            path = os.path.join(data, 'clips', clip)
            if os.path.exists(path) and shutil.which('ffmpeg'):
                test.compare(name, model, clip, real_frames(path, shape, name))
    test.compare_quantized(writer)
    print(f'1..{test.count}')
    return 1 if test.failed else 0


if __name__ == '__main__':
    sys.exit(main())
