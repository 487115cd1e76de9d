# SPDX-License-Identifier: MIT
"""The front beside nginx and workerd, by wrk: front.py BUILD WORKERD.

CPU is user and system time of all processes of a server, those that have
ended in the meantime among them, from /proc over the run of wrk.
"""
import concurrent.futures, http.client, json, os, re, shutil, signal, socket, statistics, subprocess, sys, tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD, WORKERD = (os.path.abspath(p) for p in sys.argv[1:3])
SECONDS = float(os.environ.get("BENCH_S", 3))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
KILLS = int(os.environ.get("BENCH_KILLS", 300))
PARTS = os.environ.get("BENCH_FRONT", "hello put overshoot bystanders").split()
CONNECTIONS, PUT_CONNECTIONS, BYSTANDERS, SPINS_PER_S = 32, 64, 16, 10
ISOLATES = 4
BUDGET_US, BACKSTOP_S = 10000, 11
HELLO = "hello, world\n"

NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {dir}/n1; proxy_temp_path {dir}/n2; fastcgi_temp_path {dir}/n3;
    uwsgi_temp_path {dir}/n4; scgi_temp_path {dir}/n5;
    server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 "hello, world\\n"; }} }}
}}
"""
CAPNP = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")]);
const main :Workerd.Worker = (
  modules = [(name = "main", esModule = embed "hello.js")], compatibilityDate = "2026-01-01");
"""
SCRIPT = """export default {
  fetch(request, env) {
    return new Response("hello, world\\n", {headers: {"Content-Type": "text/plain"}});
  }
};
"""
# wrk's summary as JSON; EXPECT: each answer is looked at.
LUA = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
wrong = 0
%s
function done(s, latency, requests)
  local bad = 0
  for _, t in ipairs(threads) do bad = bad + t:get("wrong") end
  local e = s.errors
  io.write(string.format('\\nJSON{"n": %%d, "us": %%d, "p50_us": %%d, "p99_us": %%d, "max_us": %%d, "errors": %%d, "wrong": %%d}\\n',
    s.requests, s.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.connect + e.read + e.write + e.status + e.timeout, bad))
end
"""
LOOK = """
function response(status, headers, body)
  if status ~= 200 or body ~= "hello, world\\n" then wrong = wrong + 1 end
end
"""
SIGNUP = """
local n, run = 0, "%s"
function request()
  n = n + 1
  return wrk.format("POST", "/signup", nil, '{"email": "' .. run .. n .. '@example.org"}')
end
"""


def port_free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processes():
    """pid: (parent, ns of it, ns of those that it has reaped), roughly at once"""
    tick, all_ = 1e6 / os.sysconf("SC_CLK_TCK"), {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                a = f.read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        all_[int(pid)] = int(a[1]), (int(a[11]) + int(a[12])) * tick, (int(a[13]) + int(a[14])) * tick
    return all_


class Server:
    """A process that serves at `port`, until it is stopped."""

    def __init__(self, name, folder, argv, port):
        self.name, self.port = name, port
        self.log = f"{folder}/{name}.err"
        with open(self.log, "a") as log:
            self.p = subprocess.Popen(argv, stderr=log, stdout=log)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.p.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{name} does not start: " + open(self.log).read()[-500:])
                time.sleep(0.02)

    def cpu_us(self):
        """Of it and its descendants; reaped ones count where they were reaped."""
        all_, wanted, us = processes(), {self.p.pid}, 0
        grown = True
        while grown:
            new = {pid for pid, (parent, _, _) in all_.items() if parent in wanted} - wanted
            wanted |= new
            grown = bool(new)
        for pid in wanted & all_.keys():
            us += all_[pid][1] + all_[pid][2]
        return us

    def stop(self):
        self.p.send_signal(signal.SIGCONT)
        self.p.terminate()
        self.p.wait(20)


class Bench:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bench-front.", dir=BUILD)
        self.result, self.servers = {}, []

    def close(self):
        for s in self.servers:
            try:
                s.stop()
            except (OSError, subprocess.TimeoutExpired):
                s.p.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)
        return f"{self.dir}/{name}"

    def start(self, name, argv, port):
        s = Server(name, self.dir, argv, port)
        self.servers.append(s)
        return s

    def stop(self, server):
        self.servers.remove(server)
        server.stop()

    # -- servers -------------------------------------------------------------

    def module(self, source):
        so = f"{self.dir}/{os.path.basename(source)[:-2]}.so"
        if not os.path.exists(so):
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{ROOT}/producer", "-o", so, f"{ROOT}/{source}"],
                           check=True)
        return so

    def front(self, routes, front=()):
        """`routes`: (path, source, lines of the route...)"""
        port = port_free()
        lines = ["[front]", f"listen = 127.0.0.1:{port}", f"broker = ipc://{self.dir}/b.sock", *front]
        for path, source, *more in routes:
            lines += [f"[route {path}]", f"module = {self.module(source)}", *more]
        conf = self.write(f"front{port}.conf", "\n".join(lines) + "\n")
        return self.start(f"front{port}", [f"{BUILD}/spillway-front", "--config", conf], port)

    def hello_front(self):
        s = self.front([("/hello", "examples/handlers/hello.c", f"isolates = {ISOLATES}")])
        s.name = "spillway-front"
        return s

    def nginx(self):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            return None
        port = port_free()
        conf = self.write("nginx.conf", NGINX.format(dir=self.dir, port=port))
        return self.start("nginx", [program, "-c", conf, "-e", f"{self.dir}/nginx.log"], port)

    def workerd(self):
        if not os.access(WORKERD, os.X_OK):
            return None
        port = port_free()
        self.write("hello.js", SCRIPT)
        conf = self.write("config.capnp", CAPNP.format(port=port))
        return self.start("workerd", [WORKERD, "serve", conf], port)

    # -- wrk -----------------------------------------------------------------

    def wrk(self, server, path, connections, seconds, lua=""):
        script = self.write("wrk.lua", LUA % lua)
        before = server.cpu_us()
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script,
                              f"http://127.0.0.1:{server.port}{path}"], capture_output=True, text=True, check=True)
        cpu = server.cpu_us() - before
        r = json.loads(re.search(r"^JSON(.*)$", out.stdout, re.M).group(1))
        r["rate"] = r["n"] / r["us"] * 1e6
        r["cpu_us"] = cpu / r["n"]
        return r

    # -- parts ---------------------------------------------------------------

    def hello(self):
        servers = [s for s in (self.nginx(), self.workerd(), self.hello_front()) if s]
        for name in {"nginx", "workerd"} - {s.name for s in servers}:
            print(f"{name} is left out: it is not here")
        runs = {s.name: [] for s in servers}
        for n in range(ROUNDS + 1):
            for s in servers:
                r = self.wrk(s, "/hello", CONNECTIONS, SECONDS if n else 1)
                if r["errors"]:
                    raise RuntimeError(f"{s.name}: {r['errors']} errors")
                if n:
                    runs[s.name].append(r)
        for s in servers:
            self.stop(s)
        self.result["hello"] = {name: medians(rs) for name, rs in runs.items()}
        self.ratios(runs)

    def ratios(self, runs):
        """Of the runs of one round, and then the median of these."""
        out = {}
        for name, key, what in (("workerd", "rate", "rate_over_workerd"), ("nginx", "cpu_us", "cpu_over_nginx")):
            if name in runs:
                out[what] = statistics.median(
                    f[key] / o[key] for f, o in zip(runs["spillway-front"], runs[name]))
        self.result["hello"]["ratios"] = out
        print(f"hello, {CONNECTIONS} connections")
        for name in runs:
            print_run(name, self.result["hello"][name])
        for what, v in out.items():
            print(f"  {what:<24} {v:8.2f}")

    def broker(self):
        env = dict(os.environ, SPILLWAY_BROKER=f"ipc://{self.dir}/b.sock")
        log = open(f"{self.dir}/broker.err", "w+")
        p = subprocess.Popen([f"{BUILD}/spillway-broker", "--data", f"{self.dir}/data", "--listen",
                              env["SPILLWAY_BROKER"]], stderr=log)
        while "ev=ready" not in open(log.name).read():
            if p.poll() is not None:
                raise RuntimeError("the broker does not start: " + open(log.name).read())
            time.sleep(0.02)
        return p, env

    def put(self):
        """A durable job for each request; all confirmed ones must be there."""
        broker, env = self.broker()
        try:
            s = self.front([("/signup", "examples/handlers/signup.c", f"isolates = {ISOLATES}")])
            runs, confirmed = [], 0
            for n in range(ROUNDS + 1):
                r = self.wrk(s, "/signup", PUT_CONNECTIONS, SECONDS if n else 1, SIGNUP % f"r{n}-")
                confirmed += r["n"] - r["errors"]
                if r["errors"]:
                    raise RuntimeError(f"put: {r['errors']} errors")
                if n:
                    runs.append(r)
            self.stop(s)
            stored = stored_jobs(env)
            if stored < confirmed:
                raise RuntimeError(f"put: {confirmed} confirmed, {stored} stored")
        finally:
            broker.terminate()
            broker.wait(60)
        self.result["put"] = medians(runs)
        print(f"put, {PUT_CONNECTIONS} connections, a durable job for each")
        print_run("spillway-front", self.result["put"])

    def overshoot(self):
        """CPU beyond the budget when it was dead, as the front has read it from rusage."""
        deeds = {"spin": KILLS, "syscalls": KILLS // 3, "populate": KILLS // 3, "zero": KILLS // 3}
        print(f"us of CPU beyond 10 ms when the handler was dead  {'p50':>10}{'p99':>10}{'max':>10}{'n':>7}")
        self.result["overshoot"] = {}
        for layer, perf in ((1, "must"), (2, "no")):
            try:
                s = self.front([("/h", "tests/handlers/hostile.c", "sandbox = 0", "wall_ms = 10000")],
                               [f"perf = {perf}"])
            except RuntimeError as e:
                print(f"  layer {layer} is left out: {e}")
                continue
            for deed, n in deeds.items():
                self.kills_told(f"layer {layer}, {deed}", kills(s, deed, n, 1), BUDGET_US)
            self.stop(s)
        self.backstop()

    def backstop(self):
        """Layer 3 alone, its limit in whole seconds: the front is stopped, its isolates spin."""
        s = self.front([("/h", "tests/handlers/hostile.c", "budget_us = 900000", "wall_ms = 60000")], ["perf = no"])
        got = []
        for _ in range(2):
            got += kills(s, "spin", 2, 2, stopped=True)
        self.kills_told(f"layer 3, spin, of {BACKSTOP_S} s", got, BACKSTOP_S * 1000000)
        self.stop(s)

    def kills_told(self, what, used, limit):
        over = sorted(us - limit for us in used)
        r = {"p50_us": over[len(over) // 2], "p99_us": over[min(len(over) - 1, len(over) * 99 // 100)],
             "max_us": over[-1], "n": len(over)}
        self.result["overshoot"][what] = r
        print(f"  {what:<48}{r['p50_us']:>10}{r['p99_us']:>10}{r['max_us']:>10}{r['n']:>7}")

    def bystanders(self):
        """Clients that are no offenders get their answer, whatever others do."""
        s = self.front([("/hello", "examples/handlers/hello.c"), ("/h", "tests/handlers/hostile.c")])
        seconds = max(5, round(SECONDS))
        with concurrent.futures.ThreadPoolExecutor(SPINS_PER_S * 2) as pool:
            wrk = pool.submit(self.wrk, s, "/hello", BYSTANDERS, seconds, LOOK)
            spins = []
            while not wrk.done():
                spins.append(pool.submit(ask, s.port, "/h/spin"))
                time.sleep(1 / SPINS_PER_S)
            answers, r = [f.result() for f in spins], wrk.result()
        self.stop(s)
        r["spins"] = len(answers)
        r["spins_other"] = sum(a != (503, b"error code: 1102\n") for a in answers)
        r["wrong"] += r.pop("errors")
        self.result["bystanders"] = r
        print(f"bystanders, {BYSTANDERS} connections beside {SPINS_PER_S} spinning requests/s")
        print_run("spillway-front", r)
        print(f"  {r['n']} answers, of which wrong: {r['wrong']}; {r['spins']} spins, of which not 503: {r['spins_other']}")
        if r["wrong"] or r["spins_other"]:
            raise RuntimeError("bystanders: not everybody got his answer")


def ask(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", path)
    r = c.getresponse()
    return r.status, r.read()


def kills(server, deed, n, at_once, stopped=False):
    """CPU of `n` handlers in us, from the lines that the front logs."""
    with open(server.log) as log, concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        log.seek(0, os.SEEK_END)
        asked = [pool.submit(ask, server.port, f"/h/{deed}") for _ in range(n)]
        if stopped:
            left_alone(server, n)
        for a in asked:
            got = a.result()
            if got != (503, b"error code: 1102\n"):
                raise RuntimeError(f"{deed}: {got}")
        return [int(us) for us in re.findall(r"ev=killed.* cause=cpu cpu_us=(\d+)", log.read())]


def isolates(server):
    """pid: state, ns of CPU; of those that have done something"""
    got = {}
    for pid, (parent, us, _) in processes().items():
        if parent == server.p.pid and us > 50000:
            with open(f"/proc/{pid}/stat") as f:
                got[pid] = f.read().rsplit(")", 1)[1].split()[0]
    return got


def left_alone(server, n):
    """Stops the front as soon as `n` isolates spin, until they are dead."""
    while len(isolates(server)) < n:
        time.sleep(0.005)
    server.p.send_signal(signal.SIGSTOP)
    while set(isolates(server).values()) != {"Z"}:
        time.sleep(0.05)
    server.p.send_signal(signal.SIGCONT)


def stored_jobs(env):
    out = subprocess.run([f"{BUILD}/spillway", "queues", "--json"], env=env, check=True, capture_output=True, text=True)
    return sum(int(q["stats"]["ready"]) for q in map(json.loads, out.stdout.splitlines()))


def medians(runs):
    return {k: statistics.median(r[k] for r in runs) for k in runs[0]}


def print_run(name, r):
    print(f"  {name:<24} {r['rate']:10,.0f}/s {r['cpu_us']:8.2f} us CPU  p50 {r['p50_us'] / 1000:8.2f} ms"
          f"  p99 {r['p99_us'] / 1000:8.2f} ms")


def main():
    if shutil.which("wrk") is None:
        print("bench: the front is left out: no wrk here")
        return
    bench = Bench()
    try:
        for part in PARTS:
            getattr(bench, part)()
            sys.stdout.flush()
    finally:
        bench.close()
        with open("build/bench-front.json", "w") as f:
            json.dump(bench.result, f, indent=1)
    print("as JSON: build/bench-front.json")


main()
