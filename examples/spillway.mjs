#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/* A Spillway client, written from docs/protocol.md alone.  Needs npm's zeromq.
    spillway.mjs put QUEUE BODY | get ID | wait ID | dead [QUEUE]
    spillway.mjs work QUEUE [N]      upper-cases bodies: N jobs, or for ever
The broker is $SPILLWAY_BROKER.  As a library: class Spillway. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Dealer } from "zeromq";

const OPS = Object.fromEntries(`put hello want done extend cancel get wait list redrive purge
    queue-set queues workers stats why bye`.split(/\s+/).map((name, i) => [name, i + 1]));
const JOBS = 64, STOP = 65, ACK = 1, RETRY = 2, FAIL = 3, STOPPED = 5, SESSION = -5015, TIMEOUT = -5019,
  CANCEL = -5023;
// By tag, from 1 on.  $ text, % bytes, @ id, & item, else int; * may stand many times.
const FIELDS = `id@ queue$ body% status detail$ state priority delay_ms run_at_ms expires_at_ms
    unique% unique_also fair$ max_attempts timeout_ms headers$* content_type$ token attempt crashes
    created_at_ms ended_at_ms outcome cause error% result% exit_code signal cpu_ms rss_kb follow&*
    events&* at_ms worker$ weight slots credit lease_ms progress text$ cursor% limit settings$*
    stats$* since_ms until_ms match% rate offset count kind rank keep_until_ms duration_ms`
  .split(/\s+/).map((f, i) => ({ tag: i + 1, name: f.match(/\w+/)[0], many: f.endsWith("*"),
    type: f.match(/[$%@&]/)?.[0] ?? "#" }));
const BY_NAME = Object.fromEntries(FIELDS.map((f) => [f.name, f]));
const uint32 = (v, b = Buffer.alloc(4)) => (b.writeUInt32LE(v), b);
const int64 = (v, b = Buffer.alloc(8)) => (b.writeBigInt64LE(BigInt(v)), b);
const number = (v) => (BigInt.asIntN(53, v) === v ? Number(v) : v); // else it fits no double
const idText = (b) => b.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
const TYPES = { "#": [int64, (b) => number(b.readBigInt64LE())], // to bytes, from bytes
  $: [Buffer.from, String], "%": [Buffer.from, Buffer.from], "&": [(v) => packFields(v), unpackFields],
  "@": [(v) => Buffer.from(v.replace(/-/g, ""), "hex"), idText] };
export class Refused extends Error {} // code: the broker's error number
export class Permanent extends Error {} // for a handler to throw: never again

const packFields = (item) => Buffer.concat(Object.entries(item).flatMap(([name, value]) => {
  const { tag, type, many } = BY_NAME[name];
  const raws = (many ? value : [value]).map((v) => TYPES[type][0](v));
  return raws.flatMap((raw) => [uint32(tag + raw.length * 256), raw]);
}));

function unpackFields(raw) {
  const item = {};
  for (let at = 0, size; at < raw.length; at += 4 + size) {
    const { name, type, many } = FIELDS[raw[at] - 1];
    size = raw.readUIntLE(at + 1, 3);
    const value = TYPES[type][1](raw.subarray(at + 4, at + 4 + size));
    item[name] = many ? [...(item[name] ?? []), value] : value;
  }
  return item;
}
function unpack(frame, items = []) {
  for (let at = 16, size; at < frame.length; at += 4 + size) {
    size = frame.readUInt32LE(at);
    items.push(unpackFields(frame.subarray(at + 4, at + 4 + size)));
  }
  return { op: frame[3], seq: Number(frame.readBigUInt64LE(8)), items };
}
let tick = 0; // milliseconds and 12 bits of a counter: each id sorts behind the one before
function uuid7(b = randomBytes(16)) {
  tick = Math.max(tick + 1, Date.now() * 4096);
  b.writeUIntBE(Math.floor(tick / 4096), 0, 6);
  b.writeUInt16BE(0x7000 | tick % 4096, 6); // version
  b[8] = 0x80 | (b[8] & 63); // variant
  return idText(b);
}

export class Spillway {
  #waiting = new Map(); // by sequence number: what takes the reply
  #take = () => {}; // what takes the rest
  #seq = 0;
  #sent = Promise.resolve(); // zeromq.js wants one send at a time
  constructor(endpoint = process.env.SPILLWAY_BROKER) {
    this.sock = new Dealer({ linger: 2000, heartbeatInterval: 1000, heartbeatTimeout: 3000 });
    this.sock.connect(endpoint);
    (async () => {
      for await (const [frame] of this.sock) this.#route(unpack(frame));
    })();
  }
  #route = (m) => (this.#waiting.get(m.seq) ?? this.#take)(m);
  send(op, items, seq = ++this.#seq) {
    const raws = items.map(packFields).flatMap((raw) => [uint32(raw.length), raw]);
    const head = Buffer.from([0x53, 0x57, 1, OPS[op], 0, 0, items.length, 0]);
    this.#sent = this.#sent.then(() => this.sock.send(Buffer.concat([head, int64(seq), ...raws])));
    return seq;
  }
  /* Asks until there is an answer: every request may be said twice. */
  call(op, items, { timeout = 30, again = 2 } = {}) {
    const seq = this.send(op, items);
    const repeat = setInterval(() => this.send(op, items, seq), again * 1000);
    let late;
    return new Promise((resolve, reject) => {
      late = setTimeout(() => reject(new Error("no answer: the outcome is unknown")), timeout * 1000);
      this.#waiting.set(seq, ({ items: got }) => !got[0]?.status ? resolve(got) :
        got[0].status === TIMEOUT ? this.send(op, items, seq) : // a wait is over before the job
        reject(Object.assign(new Refused(got[0].detail ?? op), { code: got[0].status })));
    }).finally(() => (clearTimeout(late), clearInterval(repeat), this.#waiting.delete(seq)));
  }
  put = (queue, body, { id = uuid7(), ...fields } = {}) =>
    this.call("put", [{ id, queue, body, ...fields }]).then(() => id);
  get = async (id, op = "get", how = {}) => (await this.call(op, [{ id }], how))[0];
  wait = (id, timeout = 3600) => this.get(id, "wait", { timeout, again: 10 });
  async *dead(queue, more = {}) {
    do {
      const [head, ...jobs] = await this.call("list", [{ ...(queue && { queue }), ...more }]);
      yield* jobs;
      more = head.cursor && { cursor: head.cursor };
    } while (more);
  }
  /* Runs handler(job), one job at a time, until `jobs` of them are done. */
  async work(queues, handler, jobs = Infinity) {
    const name = { worker: `${hostname()}:${process.pid}`, slots: 1 };
    const hello = [name, ...queues.map((queue) => ({ queue }))];
    let job, got, received = 0, joined = false;
    const lease = () => (job ? [{ id: job.id, token: job.token }] : []);
    const want = () => joined && this.send("want", [{ credit: received + (job ? 0 : 1) }]);
    this.#take = ({ op, items }) => {
      if (op === JOBS) (received++, got((job = items[0])));
      if (op === STOP && job) job.stop = true; // for the handler to look at
    };
    const heart = async () => {
      for (; jobs > 0; want(), await new Promise((beat) => setTimeout(beat, 1000))) {
        const said = joined ? this.call("extend", lease()) : this.call("hello", hello);
        const { code } = await said.then(() => ({ code: 0 }), (e) => e);
        if (code === CANCEL && job) job.stop = true;
        else if (code && !joined) throw await said;
        else if (code === SESSION) joined = false;
        else if (code === 0 && !joined) [joined, received] = [true, 0];
      }
    };
    const loop = async () => {
      for (; jobs > 0; jobs--, job = undefined) {
        await new Promise((resolve) => (got = resolve, want()));
        const outcome = (e) => job.stop ? STOPPED : e instanceof Permanent ? FAIL : RETRY;
        const report = await (async () => ({ outcome: ACK, result: (await handler(job)) ?? "" }))()
          .catch((e) => ({ outcome: outcome(e), error: Buffer.from(String(e)).subarray(-4096) }));
        await this.call("done", [{ ...lease()[0], ...report }], { timeout: 1e6 }).catch(() => {});
      }
    };
    await Promise.race([heart(), loop()]);
    await this.call("bye", []);
  }
}

const [, script, verb, ...args] = process.argv;
if (verb && import.meta.url === `file://${script}`) {
  const sw = new Spillway();
  process.on("uncaughtException", (e) => process.exit(console.error("spillway.mjs:", e.code, e.message) ?? 1));
  const text = (v) => (Array.isArray(v) ? JSON.stringify(v) : v);
  const show = (job) => console.log(...Object.entries(job).map(([k, v]) => `${k}=${text(v)}`));
  if (verb === "put") console.log(await sw.put(...args));
  else if (verb === "work") await sw.work([args[0]], (j) => `${j.body}`.toUpperCase(), args[1]);
  else if (verb === "dead") for await (const job of sw.dead(...args)) show(job);
  else show(await sw.get(args[0], verb));
  sw.sock.close();
}
