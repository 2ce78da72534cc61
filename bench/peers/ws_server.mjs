// ws as its documentation broadcasts: one Buffer, sent to every client. Without compression, which it has off as well.
// Arguments: a port, the open socket that commands come from. Person N connects to the path /N.
// BENCH_SAID in the environment is JSON: the announcement, and person 0's notification.

import { createRequire } from "node:module";
import { Socket } from "node:net";

const require = createRequire(`${process.env.BENCH_NODE}/`);
const { WebSocketServer } = require("ws");

const [port, commands] = process.argv.slice(2).map(Number);
const { announcement, notification } = JSON.parse(process.env.BENCH_SAID);
const wss = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: false, backlog: 2048 });
const ofPerson = new Map();

wss.on("connection", (ws, request) => {
  const person = Number(request.url.slice(1));
  ofPerson.set(person, ws);
  ws.on("close", () => ofPerson.get(person) === ws && ofPerson.delete(person));
  ws.on("error", () => {});
  ws.send('{"type":"welcome"}');
});

function announce() {
  const data = Buffer.from(JSON.stringify(announcement));
  for (const client of wss.clients) client.send(data, { binary: false });
}

function tell() {
  const first = notification.id;
  for (const [person, client] of ofPerson) {
    const id = first + person;
    const own = { ...notification, id, notification: { ...notification.notification, id, subject: `order:${id}` } };
    client.send(JSON.stringify(own));
  }
}

const work = { a: announce, t: tell };
new Socket({ fd: commands }).on("data", (given) => {
  for (const code of given.toString()) work[code]();
});

// Its memory is asked for with a signal: what is collected first is not in use.
process.on("SIGUSR1", () => globalThis.gc?.());
