"""The results of bench.streaming as a Markdown page."""

from typing import Any

from bench.report import described, table


def page(runs: list[dict[str, Any]]) -> str:
    parts = [
        "# Streaming\n",
        "Made by `python -m bench.streaming`. How it measures: [bench/README.md](../README.md).\n",
    ]
    loads = sorted((r for r in runs if r["name"].startswith("load-")), key=lambda r: int(r["parameters"]["streams"]))
    parts += [_load(run) for run in loads]
    parts += [_single(run) for run in runs if run["name"] == "single"]
    parts += [_long(run) for run in runs if run["name"].startswith("long-")]
    return "\n".join(parts)


def _four(values: dict[str, float]) -> str:
    return " / ".join(f"{values[name]:g}" for name in ("p50", "p95", "p99", "max"))


def _load(run: dict[str, Any]) -> str:
    given = run["parameters"]
    title = f"## {given['streams']} streams of {given['rate']:g} tokens a second\n"
    about = (
        f"{described(run)}. {run['questions']} questions, {given['tokens']} tokens each, "
        f"{run['most_at_once']} answers at once, {run['seconds']:g} s.\n"
    )
    rows = [
        ("questions that failed", len(run["failures"])),
        ("answers complete, character for character", f"{run['complete']} of {run['questions']}"),
        ("doubled or lost text while streaming", run["doubled_or_lost_while_streaming"]),
        ("first token, ms (p50 / p95 / p99 / max)", _four(run["first_token_ms"])),
        ("the same, model server asked directly under this load", _four(run["first_token_direct_under_load_ms"])),
        ("**added to the first token**", f"**{_four(run['first_token_added_ms'])}**"),
        ("**gap between deliveries, ms**", f"**{_four(run['gap_ms'])}**"),
        ("last token to final bubble, ms", _four(run["end_ms"])),
        ("**server CPU per token, ms**", f"**{run['cpu_ms_per_token']:.3f}**"),
        ("**server CPU per question beyond its tokens, ms**", f"**{run['cpu_ms_per_question']:.1f}**"),
        ("server CPU per 1,000 tokens, everything included, s", run["cpu_seconds_per_1000_tokens_all_in"]),
        (
            "bytes on the wire per token, frames per answer",
            f"{run['wire_bytes_per_token']}, {run['frames_per_answer']}",
        ),
        ("the driver's own lateness, ms", _four(run["driver_late_ms"])),
        ("the yardstick, ms (one token each / all tokens)", " / ".join(f"{v:g}" for v in run["yardstick_ms"].values())),
    ]
    names = list(run["cpu_seconds"])
    cpu = [
        ("CPU per token, ms", *(f"{run['cpu_ms_per_token_by_part'][n]:.3f}" for n in names)),
        ("CPU per question of one token, ms", *(f"{run['cpu_ms_per_question_by_part'][n]:.1f}" for n in names)),
        ("share of a core while idle", *(f"{run['cpu_idle_share'][n]:.1%}" for n in names)),
        ("memory (proportional set size), MB", *(f"{run['memory_mb'].get(n, 0):.0f}" for n in names)),
    ]
    return "\n".join([title, about, table(["what", "figure"], rows), table(["", *names], cpu)])


def _single(run: dict[str, Any]) -> str:
    rows = [
        ("first token over the socket, ms (p50 / p95 / p99 / max)", _four(run["first_token_ms"])),
        ("first token from the model server directly", _four(run["first_token_direct_alone_ms"])),
        ("**added**", f"**{_four(run['first_token_added_ms'])}**"),
        ("of that, from the question to the model", _four(run["question_to_model_ms"])),
        ("of that, from the model to the page", _four(run["model_to_page_ms"])),
        ("gap between deliveries", _four(run["gap_ms"])),
    ]
    return "\n".join(["## One stream alone\n", f"{described(run)}.\n", table(["what", "figure"], rows)])


def _long(run: dict[str, Any]) -> str:
    given, ratio = run["parameters"], run["last_tenth_to_first"]
    title = f"## An answer of {given['tokens']:,} tokens\n"
    about = (
        f"{described(run)}. {given['streams']} such answers at {given['rate']:g} tokens a second, "
        f"complete: {run['complete']}. Last tenth to first tenth, per token: worker CPU {ratio['answers_cpu']}, "
        f"server CPU {ratio['server_cpu']}, the yardstick {ratio['yardstick']} (the machine alone), "
        f"bytes on the wire {ratio['wire_bytes']}.\n"
    )
    names = list(run["tenths"][0]["cpu_ms_per_token"])
    rows = [
        (
            number,
            *(f"{tenth['cpu_ms_per_token'][n]:.3f}" for n in names),
            tenth["yardstick_ms"],
            tenth["wire_bytes_per_token"],
        )
        for number, tenth in enumerate(run["tenths"], start=1)
    ]
    heads = ["tenth", *(f"{name}, ms per token" for name in names), "yardstick, ms", "bytes per token"]
    return "\n".join([title, about, table(heads, rows)])
