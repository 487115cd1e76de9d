// SPDX-License-Identifier: MIT
// A job over examples/kept.mjs whose body says what it does: tests/e2e/kits/kits.py.
const { Permanent, Retry, serve } = await import(`${process.argv[2]}/kept.mjs`);
const jobs = {
  fail: (job, ...rest) => { throw new Permanent(rest.join(" ")); },
  retry: (job, ms) => { throw new Retry("busy", Number(ms)); },
  again: () => { throw new Retry("busy"); },
  raise: (job, ...rest) => { throw new TypeError(rest.join(" ")); },
  large: (job, n) => Buffer.alloc(Number(n), "x"),
  put: (job, queue) => { job.put(queue, "a\0b\n", { k: "v", l: "w w" }); return job.body; },
  headers: (job) => `[${Object.entries(job.headers).sort().map(([k, v]) => `('${k}', '${v}')`).join(", ")}]`,
  facts: (job) => `${job.queue} ${job.attempt} ${job.maxAttempts} ${job.timeoutMs}`,
  progress: (job) => { job.progress(40, "so far"); return job.body; },
  wait: async (job) => {
    job.progress(0, "waiting");
    if (!job.signal.aborted) await new Promise((resolve) => job.signal.addEventListener("abort", resolve));
    throw new Retry("cancelled");
  },
  print: (job) => { console.log("printed"); return job.body; },
};
serve(async (job) => {
  const [word, ...rest] = job.body.toString().split(" ");
  return Object.hasOwn(jobs, word) ? jobs[word](job, ...rest) : job.body;
}, { atOnce: Number(process.argv[3] ?? 1) });
