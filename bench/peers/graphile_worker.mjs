// graphile-worker's part: `work HOW URL` does jobs until it is killed, `queue HOW URL COUNT` puts jobs in its queue.
// HOW is "plain", or "batched": the settings of its page on performance, https://worker.graphile.org/docs/performance
// What it prints is read by bench.pipeline: "ready", or when the jobs were committed, on the monotonic clock.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.BENCH_NODE}/`);
const { Logger, makeWorkerUtils, run } = require("graphile-worker");

const [what, how, connectionString, count] = process.argv.slice(2);
const logger = new Logger(() => () => {});
const worker = { connectionString, concurrentJobs: 24, maxPoolSize: 25 };
if (how === "batched") Object.assign(worker, { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 });

if (what === "queue") {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.addJobs(Array.from({ length: Number(count) }, (_, delivery) => ({ identifier: "deliver", payload: { delivery } })));
  console.log(Number(process.hrtime.bigint()) / 1e9);
  await utils.release();
} else {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  await utils.release();
  await run({ preset: { worker: { ...worker, logger } }, taskList: { deliver: () => {} } });
  console.log("ready");
}
