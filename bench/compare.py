#!/usr/bin/env python3
"""Times Seppo's workloads side by side with the same steps in PyTorch, JAX and NumPy, in one interleaved run.

    bench/compare.py --peers DIR --data DIR [--python .venv/bin/python] [--rounds 3] [--threads 1 2] [WORKLOAD ...]

Prints a Markdown table of milliseconds a step (median over the rounds; ours: mean over all steps of a run) and the
ratio to the fastest peer. DIR of --peers holds torch/, jax/ and numpy_peer/ scripts that print one JSON line each.
Every process is pinned to as many cores as it has threads; OPENBLAS_CORETYPE is unset for both sides.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SEPPO = os.path.join(HERE, "..", "build", "seppo")
TUNED = dict(MALLOC_MMAP_THRESHOLD_="1073741824", MALLOC_TRIM_THRESHOLD_="4294967296", MALLOC_TOP_PAD_="268435456")

# name -> (our file, our settings, [(peer, script, arguments)])
TORCH = lambda *a: [("torch", f"torch/{a[0]}.py", list(a[1:])), ("torch compile", f"torch/{a[0]}.py", [*a[1:], "--compile", "--opt", "fused"])]
JAX = lambda *a: [(f"jax {mode}", f"jax/{a[0]}.py", [*a[1:], "--mode", mode]) for mode in ("scan", "step")]
NUMPY = lambda *a: [("numpy", "numpy_peer/numpy_peers.py", list(a))]
WORKLOADS = {
    "perceptron": ("perceptron.sep", {}, TORCH("perceptron") + JAX("perceptron") + NUMPY("perceptron")),
    "ols_gd": ("ols_gd.sep", {}, TORCH("linear", "--kind", "ols_gd") + JAX("linear", "--kind", "ols_gd") + NUMPY("ols_gd")),
    "logreg": ("logreg.sep", {}, TORCH("linear", "--kind", "logreg") + JAX("linear", "--kind", "logreg") + NUMPY("logreg")),
    "mlp 64": ("mlp.sep", {}, TORCH("mlp") + JAX("mlp") + NUMPY("mlp")),
    "mlp 1024": ("mlp.sep", {"batch": 1024, "steps": 600}, TORCH("mlp", "--batch", "1024", "--steps", "300")
                 + JAX("mlp", "--batch", "1024", "--steps", "300")),
}


def environment(threads, tuned):
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    env.update({v: str(threads) for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})
    if tuned:
        env.update(TUNED)
    return env


def pinned(threads, command):
    return ["taskset", "-c", ",".join(str(i) for i in range(threads)), *command]


def ours(args, file, settings, threads):
    with tempfile.TemporaryDirectory() as out:
        command = [SEPPO, "run", os.path.join(HERE, "workloads", file), "--seed", "0", "--threads", str(threads),
                   "--data", args.data, "--out", out, "--progress", "none"]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        subprocess.run(pinned(threads, command), env=environment(threads, False), check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "summary.json")) as f:
            return 1000 / json.load(f)["steps_per_second"]


def peer(args, script, options, threads):
    command = [args.python, os.path.join(args.peers, script), *options, "--data", args.data, "--threads", str(threads)]
    done = subprocess.run(pinned(threads, command), env=environment(threads, True), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    lines = [l for l in done.stdout.splitlines() if l.startswith("{")]
    return json.loads(lines[-1])["median_ms_per_step"] if done.returncode == 0 and lines else None


def measure(args, name, threads):
    file, settings, peers = WORKLOADS[name]
    times = {}
    for _ in range(args.rounds):
        times.setdefault("seppo", []).append(ours(args, file, settings, threads))
        for label, script, options in peers if args.peers else []:
            if times.get(label) == [None]:
                continue  # this peer cannot run it: not tried again
            times.setdefault(label, []).append(peer(args, script, options, threads))
    return {k: statistics.median(v) if None not in v else None for k, v in times.items()}


def show(ms):
    return "-" if ms is None else f"{ms * 1e6:.0f} ns" if ms < 1e-3 else f"{ms * 1e3:.1f} us" if ms < 0.1 else f"{ms:.3f} ms"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("workload", nargs="*", default=list(WORKLOADS))
    p.add_argument("--peers")
    p.add_argument("--data", default="data")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    args = p.parse_args()
    args.data = os.path.abspath(args.data)
    labels = ["seppo", "torch", "torch compile", "jax scan", "jax step", "numpy"]
    print("| workload | threads | " + " | ".join(labels) + " | best peer / seppo |")
    print("|---" * (len(labels) + 3) + "|")
    for name in args.workload:
        for threads in args.threads:
            t = measure(args, name, threads)
            rest = [v for k, v in t.items() if k != "seppo" and v is not None]
            ratio = f"{min(rest) / t['seppo']:.2f}" if rest else "-"
            print(f"| {name} | {threads} | " + " | ".join(show(t.get(k)) for k in labels) + f" | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
