#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/* A kept job in Node, written from docs/jobs-protocol.md: one process runs job after job,
   several at once if its handler waits.

    spillway-worker --slots 8 --queue words="keep:/usr/bin/node $PWD/examples/kept.mjs"

The job at the end of this page counts words.  As a library: serve(handler, { atOnce }).
A handler takes a job and returns its result; it may throw Permanent or Retry. */
import { realpathSync } from "node:fs";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";

const BYTES_MAX = 139264; // of one message
export class Permanent extends Error {} // never again: the job is dead, with this text
export class Retry extends Error { // again; new Retry("busy", 30000): not before 30 s from now
  constructor(text, afterMs = "-") {
    super(text);
    this.afterMs = afterMs;
  }
}
const bytes = (value) => {
  const data = Buffer.from(value ?? "");
  if (data.length > BYTES_MAX) throw new Permanent(`${data.length} bytes are too many: a message has ${BYTES_MAX}`);
  return data;
};
const tail = (data) => data.subarray(-4096);

function parseJob([id, queue, attempt, maxAttempts, timeoutMs, headersLen], data) {
  const headers = data.toString("utf8", 0, +headersLen).split("\0").slice(0, -1);
  return { id, queue, attempt: +attempt, maxAttempts: +maxAttempts, timeoutMs: +timeoutMs,
    headers: Object.fromEntries(headers.map((h) => [h.slice(0, h.indexOf("=")), h.slice(h.indexOf("=") + 1)])),
    body: data.subarray(+headersLen) };
}

/* Runs jobs until the worker closes the socket.  Call it when all is set up. */
export function serve(handler, { atOnce = 1 } = {}) {
  const socket = new Socket({ fd: 3, readable: true, writable: true });
  const running = new Map(); // by id: what aborts the job's signal
  const send = (words, data = Buffer.alloc(0)) =>
    socket.write(Buffer.concat([Buffer.from(`${data.length} ${words}\n`), data]));

  async function run(job) {
    const abort = new AbortController();
    running.set(job.id, abort);
    job.signal = abort.signal; // aborted when the job is to end early: then throw Retry
    job.progress = (percent, text) => send(`progress ${job.id} ${Math.trunc(percent)}`, bytes(text));
    job.put = (queue, body, headers = {}) => {
      if (!/^[a-z0-9_-]{1,63}$/.test(queue)) throw new Permanent(`no name of a queue: ${queue}`);
      const block = Buffer.from(Object.entries(headers).map(([k, v]) => `${k}=${v}\0`).join(""));
      send(`put ${job.id} ${queue} ${block.length}`, bytes(Buffer.concat([block, bytes(body)])));
    };
    send(`begun ${job.id}`); // written at once, also if the handler never waits
    try {
      const result = bytes(await handler(job));
      socket.cork(); // one system call for both
      if (result.length > 0) send(`result ${job.id}`, result);
      send(`done ${job.id}`);
      socket.uncork();
    } catch (e) {
      if (e instanceof Permanent) send(`fail ${job.id}`, tail(Buffer.from(e.message)));
      else if (e instanceof Retry) send(`retry ${job.id} ${e.afterMs}`, tail(Buffer.from(e.message)));
      else send(`retry ${job.id}`, tail(Buffer.from(String(e?.stack ?? e))));
    }
    running.delete(job.id);
  }

  let buffer = Buffer.alloc(0);
  socket.on("data", (more) => {
    buffer = buffer.length > 0 ? Buffer.concat([buffer, more]) : more;
    for (let end; (end = buffer.indexOf("\n")) >= 0; ) {
      const [length, word, ...args] = buffer.toString("latin1", 0, end).split(" ");
      const next = end + 1 + +length;
      if (buffer.length < next) return;
      const data = buffer.subarray(end + 1, next);
      buffer = buffer.subarray(next);
      if (word === "job") run(parseJob(args, data));
      else if (word === "cancel") running.get(args[0])?.abort(); // others: of a later version
    }
  });
  socket.on("end", () => process.exit(0)).on("error", () => process.exit(1));
  send(`ready 1 ${atOnce}`);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
function countWords(job) {
  let text;
  try {
    text = utf8.decode(job.body);
  } catch (e) {
    throw new Permanent(`not a text: ${e.message}`);
  }
  const found = text.split(/\s+/).filter(Boolean);
  const counts = {};
  for (const word of found) counts[word] = (counts[word] ?? 0) + 1;
  job.progress(50, "counted");
  job.put("counted", String(found.length), { source: job.id });
  return JSON.stringify(Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a).slice(0, 3)));
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) serve(countWords);
