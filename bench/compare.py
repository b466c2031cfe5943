#!/usr/bin/env python3
"""Times Seppo's workloads side by side with the same steps in PyTorch, JAX and NumPy, in one interleaved run.

    bench/compare.py --peers DIR --data DIR [--python .venv/bin/python] [--rounds 3] [--threads 1,2] [WORKLOAD ...]

Prints a Markdown table of milliseconds a step (the best of the rounds, for every program; peers: median of a run's
steps, ours: their mean), the ratio to the fastest peer, and, on several threads, how long a cache line took between the
first two cores and back meanwhile (bench/cores.c). DIR of --peers holds torch/, jax/ and numpy_peer/ scripts that print
one JSON line for each workload they time. WORKLOAD is a name of the table, quoted where it has a space ("mlp 64");
without one, all of them. Every process is pinned to as many cores as it has threads; OPENBLAS_CORETYPE is unset for
both sides.
"""
import argparse, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SEPPO = os.path.join(HERE, "..", "build", "seppo")
TUNED = dict(MALLOC_MMAP_THRESHOLD_="1073741824", MALLOC_TRIM_THRESHOLD_="4294967296", MALLOC_TOP_PAD_="268435456")

# name -> (our file, our settings, peers: (label, script, arguments), GFLOP of its products a step)
def torch(script, *a):
    return [("torch", f"torch/{script}.py", list(a)),
            ("torch compile", f"torch/{script}.py", [*a, "--compile", "--opt", "fused"])]


def jax(script, *a):
    return [(f"jax {mode}", f"jax/{script}.py", [*a, "--mode", mode]) for mode in ("scan", "step")]


def numpy(*a):
    return [("numpy", "numpy_peer/numpy_peers.py", list(a))]


def frameworks(script, *a):
    return torch(script, *a) + jax(script, *a)


WORKLOADS = {
    "perceptron": ("perceptron.sep", {}, frameworks("perceptron") + numpy("perceptron"), 0),
    "ols_gd": ("ols_gd.sep", {}, frameworks("linear", "--kind", "ols_gd") + numpy("ols_gd"), 0.0008),
    "logreg": ("logreg.sep", {}, frameworks("linear", "--kind", "logreg") + numpy("logreg"), 0.0008),
    "mlp 64": ("mlp.sep", {}, frameworks("mlp") + numpy("mlp"), 0.0524),
    "mlp 1024": ("mlp.sep", {"batch": 1024, "steps": 600}, frameworks("mlp", "--batch", "1024", "--steps", "300"), 0.838),
    "rbm CD-1": ("rbm_cd1.sep", {}, frameworks("rbm") + [("torch manual", "torch/rbm.py", ["--manual"])]
                 + numpy("rbm_cd1"), 0.251),
    "rbm CD-5": ("rbm_cd5.sep", {}, frameworks("rbm", "--k", "5", "--steps", "200")
                 + [("torch manual", "torch/rbm.py", ["--manual", "--k", "5", "--steps", "200"])] + numpy("rbm_cd5"), 0.652),
    "vae": ("vae.sep", {}, frameworks("vae"), 0.42),
    "hvae": ("hvae.sep", {}, frameworks("hvae"), 0.484),
    "gan": ("gan.sep", {}, frameworks("gan"), 0.101),
    "wgan_gp": ("wgan_gp.sep", {}, frameworks("wgan_gp", "--steps", "200"), 0.504),
    "ddpm": ("ddpm.sep", {}, frameworks("ddpm"), 0.749),
    "ddpm_sample": ("ddpm_sample.sep", {}, frameworks("ddpm"), 0.145),
    "ebm": ("ebm.sep", {}, frameworks("ebm"), 1.52),
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


def peer(args, name, script, options, threads):
    """Milliseconds a step of the script's line for this workload; its only line, where that goes by another name."""
    command = [args.python, os.path.join(args.peers, script), *options, "--data", args.data, "--threads", str(threads)]
    done = subprocess.run(pinned(threads, command), env=environment(threads, True), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    lines = [json.loads(l) for l in done.stdout.splitlines() if l.startswith("{")]
    named = [l for l in lines if l["workload"] == name] or lines[:1]
    return named[0]["median_ms_per_step"] if done.returncode == 0 and named else None


def fma_peak(python):
    """GFLOP/s of one core: the best of several 1024^3 products by OpenBLAS through the program's own peer environment."""
    code = ("import numpy as np, time\na = np.random.rand(1024, 1024).astype('f4'); b = a.copy(); t = []\n"
            "for _ in range(20):\n    s = time.perf_counter(); a @ b; t.append(time.perf_counter() - s)\n"
            "print(2 * 1024**3 / min(t) / 1e9)")
    env = environment(1, False)
    env.update(OPENBLAS_CORETYPE="SKYLAKEX")
    return float(subprocess.run(pinned(1, [python, "-c", code]), env=env,
                                check=True, stdout=subprocess.PIPE, text=True).stdout)


def build_cores(folder):
    """The program of cores.c, or None without a C compiler."""
    source, program = os.path.join(HERE, "cores.c"), os.path.join(folder, "cores")
    try:
        subprocess.run(["cc", "-O2", "-std=gnu11", "-pthread", "-o", program, source], check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return program


def core_to_core(cores):
    """Nanoseconds of a cache line from the first core to the second and back, as a list of at most one."""
    try:
        done = subprocess.run([cores], check=True, stdout=subprocess.PIPE, timeout=10)
        return [int(done.stdout)]
    except (TypeError, OSError, subprocess.SubprocessError):
        return []


def measure(args, name, threads, cores):
    """The best time of each program, and how far apart the cores were meanwhile."""
    file, settings, peers, _ = WORKLOADS[name]
    times, apart = {}, []
    for _ in range(args.rounds):
        apart += core_to_core(cores) if threads > 1 else []
        times.setdefault("seppo", []).append(ours(args, file, settings, threads))
        for label, script, options in peers if args.peers else []:
            if times.get(label) == [None]:
                continue  # this peer cannot run it: not tried again
            apart += core_to_core(cores) if threads > 1 else []
            times.setdefault(label, []).append(peer(args, name, script, options, threads))
    return {k: min(v) if None not in v else None for k, v in times.items()}, apart


def show(ms):
    return "-" if ms is None else f"{ms * 1e6:.0f} ns" if ms < 1e-3 else f"{ms * 1e3:.1f} us" if ms < 0.1 else f"{ms:.3f} ms"


def counts(text):
    """Thread counts from "1,2": one argument, so that no workload is taken for one of them."""
    threads = [int(t) for t in text.split(",")]
    if min(threads) < 1:
        raise ValueError
    return threads


def main():
    p = argparse.ArgumentParser()
    p.add_argument("workload", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    p.add_argument("--peers")
    p.add_argument("--data", default="data")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=counts, default=[1, 2], help="such as 1,2")
    args = p.parse_args()
    unknown = [w for w in args.workload if w not in WORKLOADS]
    if unknown:
        p.error(f"no workload {unknown[0]!r}: there are {', '.join(WORKLOADS)}")
    args.data = os.path.abspath(args.data)
    labels = ["seppo", "torch", "torch compile", "torch manual", "jax scan", "jax step", "numpy"]
    try:
        peak = fma_peak(args.python)
        print(f"one core multiplies 1024 x 1024 matrices at {peak:.0f} GFLOP/s\n")
    except (subprocess.CalledProcessError, ValueError):
        peak = None
    columns = ["workload", "threads", *labels, "best peer / seppo", "seppo / products alone", "core to core"]
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    with tempfile.TemporaryDirectory() as folder:
        cores = build_cores(folder)
        for name in args.workload or WORKLOADS:
            for threads in args.threads:
                t, apart = measure(args, name, threads, cores)
                rest = [v for k, v in t.items() if k != "seppo" and v is not None]
                floor = WORKLOADS[name][3] / (peak * threads) * 1e3 if peak else 0
                row = [name, str(threads), *(show(t.get(k)) for k in labels)]
                row.append(f"{min(rest) / t['seppo']:.2f}" if rest else "-")
                row.append(f"{t['seppo'] / floor:.2f}" if floor else "-")
                row.append(f"{min(apart)}-{max(apart)} ns" if apart else "-")
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
