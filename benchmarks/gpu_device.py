"""What benchmarks/gpu.py asks of the device that trains: a card, or a processor, where the whole call can be tried.

A processor tells neither how busy it is nor of kernels, and its peak is the process's: those figures are a card's.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import torch

WARM = 2
"""Steps that are not counted."""


def is_card(device: str) -> bool:
    """Whether it is one of NVIDIA's or AMD's."""
    return device == "cuda"


def name_of(device: str) -> str:
    """As its driver calls it."""
    return torch.cuda.get_device_name() if is_card(device) else device


def finish(device: str) -> None:
    """Wait until all that it was given is done."""
    if is_card(device):
        torch.cuda.synchronize()


def forget_peak(device: str) -> None:
    """Measure the most memory from now on."""
    if is_card(device):
        torch.cuda.reset_peak_memory_stats()


def give_back(device: str) -> None:
    """Memory that PyTorch holds and does not use."""
    if is_card(device):
        torch.cuda.empty_cache()


def peak(device: str) -> int:
    """Bytes: the most that tensors took of a card, or this process of the machine."""
    from aeon_plugin_ft.training.memory import peak_bytes

    return torch.cuda.max_memory_allocated() if is_card(device) else peak_bytes()


def profiler(device: str) -> Any:
    """Of the kernels; of the operators where there are none."""
    activity = torch.profiler.ProfilerActivity
    return torch.profiler.profile(activities=[activity.CUDA if is_card(device) else activity.CPU])


def refuse_more(gigabytes: float) -> None:
    """From now on this process gets no more of the card, and the engine sees no more."""
    from aeon_plugin_ft.training.engine.flat import engine

    torch.cuda.empty_cache()
    limit, whole = int(gigabytes * 1e9), torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(limit / whole)
    engine.free_on_card = lambda device: limit - torch.cuda.memory_allocated(device)


def timed(step: Any, rows: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds, peak, losses and kernels of steps over the same rows."""
    forget_peak(options.device)
    seconds, host, losses = [], [], []
    for _ in range(options.steps):
        finish(options.device)
        began = time.perf_counter()
        losses.append(round(float(step(rows)), 4))
        host.append(time.perf_counter() - began)
        finish(options.device)
        seconds.append(time.perf_counter() - began)
    with profiler(options.device) as profile:
        step(rows)
        finish(options.device)
    busy, kernels, top = kernels_in(profile)
    made = summary(rows, seconds, losses, busy, kernels, options.device)
    return {**made, "host_seconds": median(host[WARM:]), **({"top": top} if options.profile else {})}


def summary(
    rows: Any, seconds: list[float], losses: list[float], busy: float, kernels: int, device: str
) -> dict[str, Any]:
    """What is said of some steps over the same rows; `busy` seconds of one the card works in `kernels` kernels."""
    taken = median(seconds[WARM:])
    return {
        "seconds": taken, "all_seconds": [round(one, 4) for one in seconds], "losses": losses, "peak": peak(device),
        "busy": busy / taken, "busy_seconds": busy, "kernels": kernels,
        "tokens_per_second": sum(len(row.ids) for row in rows) / taken, "host_seconds": taken,
    }  # fmt: skip


def kernels_in(profile: Any) -> tuple[float, int, list[tuple[str, float, int]]]:
    """(seconds that the card works in a step, kernels, the 15 that take longest: name, milliseconds, times), of what a
    profiler has seen."""
    by_name: dict[str, tuple[float, int]] = {}
    for event in profile.events():
        if event.device_type == torch.autograd.DeviceType.CUDA and not getattr(event, "is_user_annotation", False):
            spent, times = by_name.get(event.name, (0.0, 0))
            by_name[event.name] = (spent + event.device_time_total, times + 1)
    top = sorted(by_name.items(), key=lambda item: -item[1][0])[:15]
    busy = sum(spent for spent, _ in by_name.values()) / 1e6
    return busy, sum(times for _, times in by_name.values()), [(n, s / 1e3, t) for n, (s, t) in top]
