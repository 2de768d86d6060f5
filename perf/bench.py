#!/usr/bin/env python3
"""Builds and runs the benchmarks, one after the other, and ends with one table.

    perf/bench.py BUILD [NAME ...]

Each benchmark prints what it measured as it goes; the table has the figures that
the project has a bar for, and what they are compared with. Nothing here passes
or fails: a figure is worth what the machine was worth while it ran, so the load
before and after stands below the table.
"""

import json
import os
import re
import subprocess
import sys

# benchmark, what, pattern with one group (and a second: the least), unit, bar
FIGURES = [
    ("ring", "hop from thread to thread", r"hop one way: median ([\d.]+) ns.* min ([\d.]+)", "ns", ""),
    ("ring", "cells one way, batches of 64", r"batches of 64: +([\d.]+) M", "M/s", ""),
    ("core", "lifecycle, worst of five swings", r"lifecycle_worst_mps +([\d.]+)", "M/s", ">= 32"),
    ("core", "the same, orders named by client id", r"lifecycle_by_client_id_worst_mps +([\d.]+)", "M/s", ""),
    ("core", "the same, another core reads", r"lifecycle_two_core_worst_mps +([\d.]+)", "M/s", ">= 24"),
    ("core", "1,000 resting", r"resting_1k_mps +([\d.]+)", "M/s", ">= 40"),
    ("core", "100,000 resting", r"resting_100k_mps +([\d.]+)", "M/s", ">= 25"),
    ("core", "1,000,000 resting", r"resting_1m_mps +([\d.]+)", "M/s", ">= 19"),
    ("core", "10,000,000 resting", r"resting_10m_mps +([\d.]+)", "M/s", ">= 12"),
    ("core", "10,000 instruments, from the in-ring", r"wide_mps +([\d.]+)", "M/s", ">= 18"),
    ("core", "a command, 1,000 resting, p50", r"p50_ns +([\d.]+)", "ns", "<= 30"),
    ("core", "a command, 1,000 resting, p99", r"p99_ns +([\d.]+)", "ns", "<= 80"),
    ("core", "a command, 1,000 resting, p99.9", r"p999_ns +([\d.]+)", "ns", "<= 250"),
    ("core", "memory of a resting order", r"bytes_per_order +([\d.]+)", "B", "<= 64"),
    ("core", "all checks of risk, 1,000 resting", r"checked 1k +engine  .*?([\d.]+) M/s +best +([\d.]+)", "M/s", ">= 8"),
    ("core", "the same, 100,000 resting", r"checked 100k +engine  .*?([\d.]+) M/s +best +([\d.]+)", "M/s", ">= 5"),
    ("core", "the same, 1,000,000 resting, looking ahead", r"checked 1000k +engine, l.*?([\d.]+) M/s +best +([\d.]+)", "M/s", ">= 5"),
    ("risk", "all of risk, cost a command, 1,000 resting", r"risk_cost_ns +([\d.]+)", "ns", "<= 20"),
    ("risk", "match and risk, 1,000 resting", r"match_risk_1k_mps +([\d.]+)", "M/s", ">= 16"),
    ("risk", "match and risk, 1,000,000 resting", r"match_risk_1m_mps +([\d.]+)", "M/s", ">= 10"),
    ("risk", "match and risk, 10,000 instruments", r"match_risk_wide_mps +([\d.]+)", "M/s", ">= 8"),
    ("risk", "a command, 1,000 resting, p50", r"p50_ns +([\d.]+)", "ns", "<= 60"),
    ("risk", "a command, 1,000 resting, p99", r"p99_ns +([\d.]+)", "ns", "<= 250"),
    ("risk", "a command, 1,000 resting, p99.9", r"p999_ns +([\d.]+)", "ns", "<= 500"),
    ("journal", "best raw durable bandwidth", r"raw_durable_mb_s +([\d.]+) +([\d.]+)", "MB/s", ""),
    ("journal", "group commit at saturation", r"group_commit_mb_s +([\d.]+) +([\d.]+)", "MB/s", ">= 85 % of raw"),
    ("journal", "1,000,000 orders/s, durable, sustained", r"durable_orders_per_s +([\d.]+) +([\d.]+)", "/s", ">= 1000000"),
    ("journal", "the same, p50", r"durable_rate_p50_us +([\d.]+) +([\d.]+)", "us", ""),
    ("journal", "the same, p99", r"durable_rate_p99_us +([\d.]+) +([\d.]+)", "us", "<= 5000"),
    ("journal", "hiccups of the machine in that window, most", r"hiccup_max_us +([\d.]+) +([\d.]+)", "us", ""),
    ("journal", "what the engine's thread loses to the journal", r"engine_loss_percent +([-\d.]+) +([-\d.]+)", "%", "< 3"),
    ("journal", "100,000 orders/s, wire to durable ack, p50", r"ack_durable_p50_us +([\d.]+) +([\d.]+)", "us", "<= 1.7 x raw"),
    ("journal", "the same, p99", r"ack_durable_p99_us +([\d.]+) +([\d.]+)", "us", "<= 2.5 x raw"),
    ("journal", "raw durable write of as much, p50", r"raw_write_p50_us +([\d.]+) +([\d.]+)", "us", ""),
    ("journal", "the same, p99", r"raw_write_p99_us +([\d.]+) +([\d.]+)", "us", ""),
    ("journal", "cells of 63 in a page, 10 M commands", r"day_page_cells +([\d.]+) +([\d.]+)", "", ">= 56.7"),
    ("journal", "replay, every cell compared", r"replay_commands_per_s +([\d.]+) +([\d.]+)", "/s", ">= 8000000"),
    ("journal", "the same by two threads", r"replay_pair_commands_per_s +([\d.]+) +([\d.]+)", "/s", ">= 8000000"),
    ("journal", "restart of 10 M commands from the journal", r"restart_10m_journal_s +([\d.]+) +([\d.]+)", "s", "<= 3"),
    ("journal", "restart from a snapshot", r"restart_10m_snapshot_s +([\d.]+) +([\d.]+)", "s", "<= 0.2"),
    ("journal", "verify, from the page cache", r"verify_mb_s +([\d.]+) +([\d.]+)", "MB/s", ">= 4000"),
    ("journal", "the same by one thread", r"verify_one_mb_s +([\d.]+) +([\d.]+)", "MB/s", ""),
    ("port", "memif round trip, rsize=14, p50", r"rsize=14\D+([\d.]+)", "us", ""),
    ("port", "kernel UDP round trip, p50", r"kernel UDP\D+([\d.]+)", "us", ""),
    ("hostile", "what 1 M junk datagrams/s take away", r"slowdown +([-\d.]+)", "%", "<= 10"),
    ("hostile", "orders of one session, one a datagram", r"clean_orders_per_s +([\d.]+)", "/s", ""),
    ("hostile", "the same under the flood", r"flood_orders_per_s +([\d.]+)", "/s", ""),
    ("hostile", "due to report, in the thread, p50", r"clean_p50_ns +([\d.]+)", "ns", ""),
    ("hostile", "the same under the flood", r"flood_p50_ns +([\d.]+)", "ns", ""),
    ("wire", "wire to ack, memif, no gap, p50", r"memif_clean_p50 +([\d.]+) +([\d.]+)", "us", "<= 5"),
    ("wire", "wire to ack, memif, no gap, p99", r"memif_clean_p99 +([\d.]+) +([\d.]+)", "us", "<= 20"),
    ("wire", "share left out for gaps", r"memif_left_out +([\d.]+) +([\d.]+)", "%", ""),
    ("wire", "wire to ack, memif, raw p50", r"memif_p50 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, memif, raw p99", r"memif_p99 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, af_packet on veth, no gap, p50", r"af_packet_clean_p50 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, af_packet on veth, no gap, p99", r"af_packet_clean_p99 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, kernel UDP, no gap, p50", r"udp_clean_p50 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, kernel UDP, no gap, p99", r"udp_clean_p99 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, kernel TCP, no gap, p50", r"tcp_clean_p50 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "wire to ack, kernel TCP, no gap, p99", r"tcp_clean_p99 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "sustained without loss", r"ramp_sustained +([\d.]+) +([\d.]+)", "/s", ">= 1500000"),
    ("wire", "the same, one order a datagram", r"single_sustained +([\d.]+) +([\d.]+)", "/s",
     ">= 800000"),
    ("wire", "session layer, a message", r"session_cost +([\d.]+) +([\d.]+)", "ns", "<= 60"),
    ("wire", "durable ack, p50", r"durable_p50 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "durable ack, p99", r"durable_p99 +([\d.]+) +([\d.]+)", "us", ""),
    ("wire", "raw durable write of as much, p50", r"raw_p50 +([\d.]+) +([\d.]+)", "us", ""),
]


def benchmarks(build):
    text = subprocess.run(["meson", "introspect", "--benchmarks", build], check=True,
                          capture_output=True, text=True).stdout
    return {b["name"]: b["cmd"] for b in json.loads(text)}


def run(command):
    """run shows the output of a program as it comes, and returns it."""
    text = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            text += line
    return text, process.returncode


def load():
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def table(outputs):
    print(f"\n{'benchmark':<15} {'what':<46} {'median':>12} {'best':>12} {'':<4} bar")
    for name, what, pattern, unit, bar in FIGURES:
        found = re.search(pattern, outputs.get(name, ""))
        if name not in outputs:
            continue
        groups = found.groups() if found else ("-",)
        best = groups[1] if len(groups) > 1 else ""
        print(f"{name:<15} {what:<46} {groups[0]:>12} {best:>12} {unit:<4} {bar}")


def main():
    build, names = sys.argv[1], sys.argv[2:]
    known = benchmarks(build)
    outputs, failed, before = {}, [], load()
    for name in names or known:
        if name not in known:
            print(f"bench: there is no {name}, there are {', '.join(known)}")
            return 2
        subprocess.run(["ninja", "-C", build, os.path.relpath(known[name][0], build)], check=True,
                       stdout=subprocess.DEVNULL)
    for name in names or known:
        print(f"== {name}", flush=True)
        outputs[name], status = run(known[name])
        if status != 0:
            failed.append(f"{name} ended with {status}")
    table(outputs)
    print(f"\nload average (1, 5, 15 minutes) before {before}, after {load()}; "
          f"{os.cpu_count()} cores")
    for line in failed:
        print(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
