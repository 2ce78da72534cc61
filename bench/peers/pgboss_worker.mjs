// pg-boss's part: `work URL` does jobs until it is killed, `queue URL COUNT` puts jobs in its queue.
// Woken by LISTEN, batches of 1,000, and no pause while batches are full: what its types and documentation offer for speed.
// What it prints is read by bench.pipeline: "ready", or when the jobs were committed, on the monotonic clock.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.BENCH_NODE}/`);
const { PgBoss } = require("pg-boss");

const QUEUE = "deliver";
const [what, connectionString, count] = process.argv.slice(2);
const working = what === "work";
const boss = new PgBoss({ connectionString, useListenNotify: true, supervise: working, schedule: false, migrate: working });
boss.on("error", console.error);
await boss.start();
if (working) {
  await boss.createQueue(QUEUE, { notify: true });
  const options = { batchSize: 1000, localConcurrency: 2, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
  await boss.work(QUEUE, options, async () => {});
  console.log("ready");
} else {
  await boss.insert(QUEUE, Array.from({ length: Number(count) }, (_, delivery) => ({ data: { delivery } })));
  console.log(Number(process.hrtime.bigint()) / 1e9);
  await boss.stop({ graceful: false });
}
