// Runs frames through a model with onnxruntime-node: an implementation to compare with that shares nothing with ours.
// SPDX-License-Identifier: LGPL-2.1-or-later
//   node onnxruntime.cjs MODULES MODEL INPUT.f32 OUTPUT.f32
//   node onnxruntime.cjs MODULES MODEL --time RUNS THREADS     prints {"median_ms", "min_ms"} of its run() alone
//   node onnxruntime.cjs MODULES --jobs LIST.json              many, [{"model", "input", "output"}, ..]: prints a list of
//                                                              what went wrong with each, or ""
// MODULES: the folder that holds node_modules.  INPUT: frames in the shape of the model's first input, free
// dimensions 1; OUTPUT: the first output of each.
const { readFileSync, writeFileSync } = require('fs');
const { join } = require('path');
const [modules, model, input, output] = process.argv.slice(2);

async function main() {
  const { InferenceSession, Tensor } = require(join(modules, 'node_modules', 'onnxruntime-node'));
  if (input === '--time') return time(InferenceSession, Tensor, Number(output), Number(process.argv[6]));
  if (model !== '--jobs') return run(InferenceSession, Tensor, model, input, output);
  const failures = [];
  for (const job of JSON.parse(readFileSync(input)))
    failures.push(await run(InferenceSession, Tensor, job.model, job.input, job.output).then(() => '', error =>
      String(error.message || error)));
  console.log(JSON.stringify(failures));
}
async function run(InferenceSession, Tensor, model, input, output) {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const dims = session.inputMetadata[0].shape.map(d => (Number.isInteger(d) && d > 0 ? d : 1));
  const size = dims.reduce((product, d) => product * d, 1);
  const bytes = readFileSync(input);
  const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const results = [];
  for (let at = 0; at + size <= floats.length; at += size) {
    const frame = session.inputMetadata[0].type === 'uint8'
      ? new Tensor('uint8', Uint8Array.from(floats.slice(at, at + size)), dims)
      : new Tensor('float32', floats.slice(at, at + size), dims);
    const answer = await session.run({ [session.inputNames[0]]: frame });
    const data = answer[session.outputNames[0]].data;
    results.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  writeFileSync(output, Buffer.concat(results));
}
async function time(InferenceSession, Tensor, runs, threads) {
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1,
    graphOptimizationLevel: 'all', logSeverityLevel: 3 });
  const dims = session.inputMetadata[0].shape.map(d => (Number.isInteger(d) && d > 0 ? d : 1));
  const size = dims.reduce((product, d) => product * d, 1);
  const frame = new Tensor('float32', Float32Array.from({ length: size }, () => Math.random() - 0.5), dims);
  const ms = [];
  for (let i = -3; i < runs; i++) { // the first ones plan and warm up
    const start = process.hrtime.bigint();
    await session.run({ [session.inputNames[0]]: frame });
    if (i >= 0) ms.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  ms.sort((a, b) => a - b);
  console.log(JSON.stringify({ median_ms: ms[runs >> 1], min_ms: ms[0] }));
}
main().catch(error => {
  console.error(String(error.message || error));
  process.exit(1);
});
