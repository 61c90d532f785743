"""The supervisor with small fake parts, each in real processes."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[2]


class Stage:
    """Runs a supervisor in a process of its own over parts that are one-line Python programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def start(self, parts: dict[str, str], *, scenario: str = "", options: str = "") -> None:
        program = f"""
            import signal, sys
            from chatsite.carried import CannotStart
            from chatsite.console import Console
            from chatsite.supervisor import Part, Stopped, Supervisor
            parts = {parts!r}
            try:
                with Supervisor(Console()) as supervisor:
                    for wave, (name, source) in enumerate(parts.items()):
                        supervisor.start(Part(name, [sys.executable, "-c", source], wave=wave, stop_within=3 {options}))
                    {scenario or "pass"}
                    print("watching", flush=True)
                    supervisor.watch()
            except Stopped:
                print("stopped early", flush=True)
            except CannotStart as reason:
                print("cannot start:", reason, flush=True)
                sys.exit(1)
            print("left", flush=True)
        """
        log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            cwd=PROJECT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "FOLDER": str(self.folder)},
            text=True,
        )

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def until(self, condition: Callable[[], object], within: float = 20) -> None:
        until(condition, within, told=self.log)

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    if stage.process and stage.process.poll() is None:
        stage.process.kill()
        stage.process.wait(timeout=10)


def _part(name: str, then: str = "time.sleep(600)") -> str:
    """Writes its process id to a file of its name, then goes on."""
    return (
        "import os, time, signal, subprocess, sys\n"
        f"open(os.environ['FOLDER'] + '/{name}', 'a').write(str(os.getpid()) + '\\n')\n{then}"
    )


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_killed_part_is_started_again_and_the_others_stay(stage: Stage) -> None:
    stage.start({"web": _part("web"), "answers": _part("answers")})
    stage.until(lambda: stage.lines("web") and stage.lines("answers"))
    os.kill(int(stage.lines("web")[0]), signal.SIGKILL)
    stage.until(lambda: len(stage.lines("web")) == 2)
    assert "web ended (SIGKILL); starting it again in 0.1 s." in stage.log()
    assert len(stage.lines("answers")) == 1
    assert stage.end() == 0


def test_a_part_that_keeps_dying_is_started_with_growing_pauses(stage: Stage) -> None:
    stage.start({"web": _part("web", "sys.exit(3)")})
    stage.until(lambda: len(stage.lines("web")) >= 4)
    log = stage.log()
    assert all(f"web ended (code 3); starting it again in {pause} s." in log for pause in ("0.1", "0.2", "0.4"))


def test_what_a_killed_part_left_behind_is_killed_before_it_starts_again(stage: Stage) -> None:
    child = f"subprocess.Popen([sys.executable, '-c', {_part('child')!r}], start_new_session=True); time.sleep(600)"
    stage.start({"documents": _part("documents", child)})
    stage.until(lambda: stage.lines("child"))
    os.kill(int(stage.lines("documents")[0]), signal.SIGKILL)
    stage.until(lambda: len(stage.lines("child")) == 2)
    first, second = map(int, stage.lines("child"))
    stage.until(lambda: not _runs(first))
    assert _runs(second)


def test_stopping_leaves_nothing_behind_and_goes_wave_by_wave(stage: Stage) -> None:
    note = "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0))); "
    stage.start(
        {name: _part(name, note + "print('up', flush=True); time.sleep(600)") for name in ("database", "redis", "web")}
    )
    stage.until(lambda: stage.log().count("| up") == 3)
    assert stage.end() == 0
    goodbyes = [line.split()[0] for line in stage.log().splitlines() if line.endswith("bye")]
    assert goodbyes == ["web", "redis", "database"]
    assert not any(_runs(int(stage.lines(name)[0])) for name in ("database", "redis", "web"))


def test_a_part_that_does_not_stop_is_killed(stage: Stage) -> None:
    stage.start(
        {"web": _part("web", "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)")}
    )
    stage.until(lambda: "| up" in stage.log())
    assert stage.end() == 0
    assert "web does not stop; killing it." in stage.log()
    assert not _runs(int(stage.lines("web")[0]))


def test_the_parts_die_with_a_supervisor_that_is_killed(stage: Stage) -> None:
    stage.start({"web": _part("web"), "answers": _part("answers")})
    stage.until(lambda: stage.lines("web") and stage.lines("answers") and "watching" in stage.log())
    assert stage.process is not None
    stage.process.kill()
    stage.process.wait(timeout=10)
    pids = [int(stage.lines(name)[0]) for name in ("web", "answers")]
    stage.until(lambda: not any(map(_runs, pids)))


def test_a_part_that_never_becomes_ready_ends_the_start_with_its_last_words(stage: Stage) -> None:
    source = "import sys; print('the disk is full', flush=True); sys.exit(1)"
    scenario = f"supervisor.start(Part('redis', [sys.executable, '-c', {source!r}]), ready=lambda: False)"
    stage.start({"web": _part("web")}, scenario=scenario)
    stage.until(lambda: "cannot start:" in stage.log(), within=60)
    assert "cannot start: redis does not start. Its last words: the disk is full" in stage.log()
    assert stage.process is not None
    assert stage.process.wait(timeout=20) == 1
    assert not _runs(int(stage.lines("web")[0]))


def test_the_start_can_be_interrupted(stage: Stage) -> None:
    stage.start({"web": _part("web")}, scenario="supervisor.start(Part('slow', ['sleep', '600']), ready=lambda: False)")
    stage.until(lambda: stage.lines("web"))
    assert stage.end() == 0
    assert "stopped early" in stage.log()


def test_a_step_that_fails_ends_the_start_with_its_last_line(stage: Stage) -> None:
    step = "import sys; sys.exit('The database is from a newer version.')"
    stage.start({}, scenario=f"supervisor.run_to_end(Part('chatsite', [sys.executable, '-c', {step!r}]))")
    stage.until(lambda: "cannot start:" in stage.log())
    assert "cannot start: The database is from a newer version." in stage.log()


def test_lines_carry_the_name_of_their_part_even_without_a_line_end(stage: Stage) -> None:
    text = "print('one\\ntwo'); sys.stdout.write('three'); sys.stdout.flush(); time.sleep(0.2)"
    stage.start({"web": _part("web", text)})
    stage.until(lambda: "| three" in stage.log())
    assert "web       | one\nweb       | two\nweb       | three\n" in stage.log()


def test_remarks_that_nobody_can_act_on_are_left_out(stage: Stage) -> None:
    text = "print('Memory overcommit must be enabled'); print('real news', flush=True); time.sleep(600)"
    stage.start({"redis": _part("redis", text)}, options=", unremarkable='overcommit'")
    stage.until(lambda: "real news" in stage.log())
    assert "overcommit" not in stage.log()
