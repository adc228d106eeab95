#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# journey.py: the click-stream journey on one machine: `joist serve`, synth-clickstream and
# events_per_user, with a view of what happens. Needs Python alone, and the programs in --bin.

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PROJECT = "data-journey"
TOPIC = "dj-pubsub-topic"
SUBSCRIPTION = "dj_subscription_dataflow"
DATASET = "data_journey"
READY = 30  # Seconds until a server answers.
REST_TIMEOUT = 60


def die(text):
    sys.exit(f"journey: {text}")


def free_port(wanted):
    """The wanted port, or any that is free where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    return die("no port is free on 127.0.0.1")


class Journey:
    """The three programs, their folder, and what can be asked of them."""

    def __init__(self, options):
        self.options = options
        self.folder = os.path.abspath(options.folder)
        self.http_port = free_port(options.http_port)
        self.grpc_port = free_port(options.grpc_port)
        self.server = self.pipeline = self.clicks = None
        self.logs = []

    # ---- programs

    def start(self, name, arguments):
        log = open(os.path.join(self.folder, name + ".log"), "ab")  # Closed by its process' end.
        environment = dict(os.environ, JOIST_SERVER=f"127.0.0.1:{self.grpc_port}",
                           JOIST_HTTP_SERVER=f"127.0.0.1:{self.http_port}")
        for variable in ("PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"):
            environment.pop(variable, None)
        with log:
            return subprocess.Popen(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                    env=environment)

    def program(self, name):
        path = os.path.join(self.options.bin, name)
        return path if os.access(path, os.X_OK) else die(f"there is no program {path}: ./dev build")

    def start_server(self):
        self.server = self.start("server", [
            self.program("joist"), "serve", f"--data={self.folder}/data",
            f"--http_port={self.http_port}", f"--grpc_port={self.grpc_port}",
            f"--project={PROJECT}", f"--topic={TOPIC}", "--timestamp_field=event_timestamp",
            "--timestamp_unit=micros"])
        end = time.monotonic() + READY
        while time.monotonic() < end:
            if self.server.poll() is not None:
                die(f"joist serve has ended: {self.last_line('server')}")
            try:
                with urllib.request.urlopen(self.url("/readyz"), timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.05)
        die(f"joist serve is not ready after {READY} s; see {self.folder}/server.log")

    def start_pipeline(self):
        o = self.options
        self.pipeline = self.start("pipeline", [
            self.program("events_per_user"), f"--checkpoint_dir={self.folder}/state",
            f"--checkpoint_interval={o.checkpoint_interval}", f"--early={o.early}",
            f"--max_num_workers={o.workers}", "--top_table=top_users", "--progress=never",
            f"--forget_ids_after={o.forget_ids_after}", "--window_size=" + o.window_size])

    def start_clicks(self):
        o = self.options
        arguments = [self.program("synth-clickstream"), f"--endpoint={self.topic_url()}",
                     f"--rate={o.rate}", f"--users={o.users}", f"--late={o.late}",
                     f"--late_by={o.late_by}", f"--duplicates={o.duplicates}", f"--seed={o.seed}",
                     f"--truth={self.folder}/truth.jsonl"]
        arguments.append(f"--duration={o.duration}" if o.duration else f"--events={o.events}")
        self.clicks = self.start("clicks", arguments)

    def stop(self):
        for process in (self.clicks, self.pipeline, self.server):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def kill(self, which):
        """`which` is pipeline or server: kill -9, and a new one."""
        process = getattr(self, which)
        process.kill()
        process.wait()
        getattr(self, "start_" + which)()

    def check_alive(self):
        for name in ("server", "pipeline"):
            process = getattr(self, name)
            if process.poll() is not None:
                die(f"the {name} has ended: {self.last_line(name)}")

    def last_line(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf-8", errors="replace") as f:
            lines = [line.strip() for line in f if line.strip()]
        return lines[-1] if lines else f"it said nothing in {self.folder}/{name}.log"

    # ---- what can be asked

    def url(self, path):
        return f"http://127.0.0.1:{self.http_port}{path}"

    def topic_url(self):
        return self.url(f"/v1/topics/{TOPIC}")

    def call(self, method, path, body=None):
        """The JSON that comes back, and the status."""
        request = urllib.request.Request(
            self.url(path), method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=REST_TIMEOUT) as answer:
                return json.load(answer), answer.status
        except urllib.error.HTTPError as error:
            return json.loads(error.read() or b"{}"), error.code

    def make_subscription(self):
        answer, status = self.call(
            "PUT", f"/v1/projects/{PROJECT}/subscriptions/{SUBSCRIPTION}",
            {"topic": f"projects/{PROJECT}/topics/{TOPIC}", "ackDeadlineSeconds": 10})
        if status not in (200, 409):
            die(f"cannot make the subscription: {answer}")

    def query(self, sql):
        """Its rows as lists of texts; none where the table is not there yet."""
        answer, status = self.call(
            "POST", f"/bigquery/v2/projects/{PROJECT}/queries",
            {"query": sql, "useLegacySql": False, "maxResults": 1_000_000})
        if status == 404:
            return []
        if status != 200:
            die(f"{sql}: {answer}")
        return [[cell["v"] for cell in row["f"]] for row in answer.get("rows", [])]

    def metrics(self):
        """Values by "name" or "name{labels}"."""
        values = {}
        with urllib.request.urlopen(self.url("/metrics"), timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    values[name] = float(value)
        return values

    def of_subscription(self, metrics, name):
        wanted = f'subscription="projects/{PROJECT}/subscriptions/{SUBSCRIPTION}"'
        return sum(value for key, value in metrics.items()
                   if key.startswith(name + "{") and wanted in key)

    def counted(self):
        return {user: int(count) for user, count in self.query(
            f"SELECT user_pseudo_id, SUM(event_count) FROM `{PROJECT}.{DATASET}.dataflow` "
            "GROUP BY user_pseudo_id")}

    def truth(self):
        totals = {}
        with open(os.path.join(self.folder, "truth.jsonl"), encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                user = entry["user_pseudo_id"]
                totals[user] = totals.get(user, 0) + entry["count"]
        return totals

    def resident_megabytes(self, process):
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                for line in file:
                    if line.startswith("VmRSS:"):
                        return int(line.split()[1]) // 1024
        except OSError:
            pass
        return 0


class View:
    """What happens, once a second on a terminal, else a line now and then."""

    def __init__(self, journey):
        self.journey = journey
        self.live = sys.stdout.isatty()
        self.before = None
        self.shown = 0
        self.began = time.monotonic()
        self.most_unacked = 0

    def look(self):
        j = self.journey
        try:
            metrics = j.metrics()
        except OSError:  # It is being killed and started again.
            return None
        now = time.monotonic()
        published = metrics.get("joist_ingest_events_total", 0)
        unacked = j.of_subscription(metrics, "joist_subscription_unacked_messages")
        age = j.of_subscription(metrics, "joist_subscription_oldest_unacked_seconds")
        rate = 0.0
        if self.before is not None and now > self.before[0]:
            rate = max(0.0, (published - self.before[1]) / (now - self.before[0]))
        self.before = (now, published)
        self.most_unacked = max(self.most_unacked, unacked)
        return {"published": published, "rate": rate, "unacked": unacked, "age": age,
                "server": j.resident_megabytes(j.server),
                "pipeline": j.resident_megabytes(j.pipeline)}

    def show(self, seen):
        if seen is None:
            return
        lines = [f"{seen['published']:>12,.0f} events taken   {seen['rate']:>9,.0f} a second",
                 f"{seen['unacked']:>12,.0f} not acknowledged   the oldest {seen['age']:.1f} s",
                 f"memory: server {seen['server']} MB, pipeline {seen['pipeline']} MB"]
        if not self.live:
            if time.monotonic() - self.shown >= 5:
                self.shown = time.monotonic()
                print(f"{time.monotonic() - self.began:6.0f} s  " + "   ".join(
                    " ".join(line.split()) for line in lines), flush=True)
            return
        top = self.journey.query(
            "SELECT window_start, user_pseudo_id, event_count "
            f"FROM `{PROJECT}.{DATASET}.top_users` "
            f"WHERE window_start = (SELECT MAX(window_start) FROM "
            f"`{PROJECT}.{DATASET}.top_users`) ORDER BY place LIMIT 10")
        lines.append("")
        if top:
            start = time.strftime("%H:%M:%S", time.gmtime(float(top[0][0])))
            lines.append(f"the most active users of the window from {start} UTC")
            lines += [f"{int(count):>12,}  {user}" for _, user, count in top]
        else:
            lines.append("the most active users come when the first window is over")
        lines += ["", "where to look next, while this runs (Ctrl-C ends it):",
                  f"  {self.journey.program('joist')} table query --server={self.journey.url('')} "
                  f"--project={PROJECT} \\",
                  f"      'SELECT COUNT(*) FROM {DATASET}.dataflow'",
                  f"  curl {self.journey.url('/metrics')}",
                  f"  less {self.journey.folder}/pipeline.log"]
        if self.shown:
            sys.stdout.write(f"\x1b[{self.shown}A")
        sys.stdout.write("".join(f"\x1b[2K{line}\n" for line in lines))
        sys.stdout.write("\x1b[J")
        sys.stdout.flush()
        self.shown = len(lines)


def check(journey, seconds):
    """Waits until the table says what was posted; the time that took, or dies with what differs."""
    truth = journey.truth()
    began = time.monotonic()
    while True:
        counted = journey.counted()
        if counted == truth:
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            break
        journey.check_alive()
        time.sleep(0.2)
    wrong = [(user, counted.get(user, 0), truth.get(user, 0))
             for user in sorted(set(counted) | set(truth))
             if counted.get(user, 0) != truth.get(user, 0)]
    return die(f"{len(wrong)} users have a wrong count after {seconds} s: " + ", ".join(
        f"{user} has {got}, posted were {posted}" for user, got, posted in wrong[:5]))


def wait_for_acks(journey, seconds):
    """Seconds until everything is acknowledged."""
    began = time.monotonic()
    while journey.of_subscription(journey.metrics(), "joist_subscription_unacked_messages") > 0:
        if time.monotonic() - began > seconds:
            die(f"not everything is acknowledged after {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - began


def run(journey):
    options = journey.options
    chance = random.Random(options.seed)
    journey.start_server()
    journey.make_subscription()
    journey.start_pipeline()
    journey.start_clicks()
    view = View(journey)
    kills = 0
    next_kill = time.monotonic() + chance.uniform(1, 2 * options.kill_each)
    while journey.clicks.poll() is None:
        time.sleep(1 if view.live else 0.25)
        if kills < options.kills and time.monotonic() >= next_kill:
            kills += 1
            journey.kill(chance.choice(["pipeline", "server"]))
            next_kill = time.monotonic() + chance.uniform(0.2, 2 * options.kill_each)
        journey.check_alive()
        view.show(view.look())
    if journey.clicks.returncode != 0:
        die(f"synth-clickstream has failed: {journey.last_line('clicks')}")
    acknowledged = wait_for_acks(journey, 120)
    rows = check(journey, 180)
    truth = journey.truth()
    print(f"{sum(truth.values()):,} events of {len(truth):,} users, each counted once"
          + (f", after {kills} kills" if kills else "") +
          f"; all acknowledged {acknowledged:.1f} s after the last was posted, all in the table "
          f"{acknowledged + rows:.1f} s after; at most {view.most_unacked:,.0f} not acknowledged")


def main():
    parser = argparse.ArgumentParser(
        description="A click stream, posted over HTTP, through a message log and a streaming "
        "pipeline into a table; with a live view.",
        epilog="examples: journey.py --once   journey.py --rate=20000 --duration=10m   "
        "journey.py --once --kills=50 --duration=3m")
    parser.add_argument("--once", action="store_true", help="a bounded run, with a check at its end")
    parser.add_argument("--bin", default="build/release/bin", help="folder of the programs")
    parser.add_argument("--folder", default="build/demo", help="for data and logs; emptied first")
    parser.add_argument("--keep", action="store_true", help="go on with the data of the last run")
    parser.add_argument("--http_port", type=int, default=8480)
    parser.add_argument("--grpc_port", type=int, default=8481)
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--events", type=int, default=0, help="how many; 0 for no end")
    parser.add_argument("--duration", default="", help="for how long, as 10m")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--late", type=float, default=0.01, help="share of late events")
    parser.add_argument("--late_by", default="30s")
    parser.add_argument("--duplicates", type=float, default=0.01, help="share of events posted twice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="threads of the pipeline")
    parser.add_argument("--window_size", default="1m")
    parser.add_argument("--early", default="10s", help="how long after a window's first event it has rows")
    parser.add_argument("--forget_ids_after", default="10m", help="in which an event that is posted again is known")
    parser.add_argument("--checkpoint_interval", default="1s")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 of pipeline or server, so often")
    parser.add_argument("--kill_each", type=float, default=3, help="seconds between them, on average")
    options = parser.parse_args()
    if options.once and not options.events and not options.duration:
        options.events = 20_000
        options.rate = 5_000
        options.early = "2s"
    if not options.keep:
        shutil.rmtree(options.folder, ignore_errors=True)
    os.makedirs(options.folder, exist_ok=True)
    journey = Journey(options)
    try:
        run(journey)
    except KeyboardInterrupt:
        print("\nstopped; journey.py --keep goes on")
    finally:
        journey.stop()


main()
