"""Runs components as processes: installs, starts, restarts, gives up, stops."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from components.child import preparation
from components.core.errors import LookalikeError
from components.nucleus.component_log import ComponentLog
from components.nucleus.restarts import ERROR_WINDOW_S, Restarts

log = logging.getLogger(__name__)

STOP_GRACE_S = 5.0
_CHUNK = 65_536
# A process that left the component's group may hold its output open for ever.
_DRAIN_S = 1.0

Console = Callable[[str, str], None]


@dataclass(frozen=True)
class Program:
    """What is run for one component; ``run`` is asked for at every start, because configuration may change it."""

    name: str
    install: Callable[[], str | None]
    run: Callable[[], str]
    environment: Callable[[], Mapping[str, str]]
    work_dir: Path
    log: Path


@dataclass(frozen=True)
class ComponentStatus:
    """How one component is: new, installing, running, finished, waiting, broken or stopped."""

    name: str
    state: str = "new"
    pid: int | None = None
    starts: int = 0
    exit_code: int | None = None
    """Of the last process that ended; negative is a signal."""
    reported: str | None = None
    """What the component said last with UpdateState."""


class Supervised:
    """One component and the task that keeps it running."""

    def __init__(self, program: Program, console: Console | None) -> None:
        self.status = ComponentStatus(program.name)
        self._program = program
        self._console = console
        self._log = ComponentLog(program.log)
        self._process: asyncio.subprocess.Process | None = None
        self._again = asyncio.Event()
        self._stopping = False

    async def keep(self) -> None:
        """Run until stopped: install, start, wait for the end, start again after a pause."""
        restarts = Restarts()
        while not self._stopping:
            began = asyncio.get_running_loop().time()
            code = await self._install_and_run()
            now = asyncio.get_running_loop().time()
            if self._stopping:
                break
            if self._again.is_set():
                restarts.forget()
            elif code == 0:
                await self._rest("finished", None)
            elif (pause_s := restarts.next_pause_s(code, now - began, now)) is not None:
                await self._rest("waiting", pause_s)
            else:
                self._say(f"Three failures: {self._program.name} is stopped for an hour.")
                await self._rest("broken", ERROR_WINDOW_S)
                restarts.forget()
            self._again.clear()
        self.status = replace(self.status, state="stopped", pid=None)

    async def restart(self) -> None:
        """End the process, if there is one, and start it again at once; a broken one gets a new chance."""
        self._again.set()
        await self._end(STOP_GRACE_S)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """SIGTERM to all of the component's processes, SIGKILL after ``grace_s``."""
        self._stopping = True
        self._again.set()
        await self._end(grace_s)

    def close(self) -> None:
        """Close the log; after ``keep`` ended."""
        self._log.close()

    def report(self, state: str) -> None:
        """Remember what the component says of itself."""
        self.status = replace(self.status, reported=state)

    async def _install_and_run(self) -> int:
        try:
            return await self._try_install_and_run()
        except (OSError, LookalikeError) as error:
            self._say(f"{self._program.name} cannot be started: {error}")
            return 1

    async def _try_install_and_run(self) -> int:
        install = self._program.install() if self.status.starts == 0 else None
        if install is not None:
            code = await self._run(install, "installing")
            if code != 0 or self._stopping:
                return code
        self.status = replace(self.status, starts=self.status.starts + 1)
        return await self._run(self._program.run(), "running")

    async def _rest(self, state: str, at_most_s: float | None) -> None:
        self.status = replace(self.status, state=state, pid=None)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._again.wait(), at_most_s)

    async def _run(self, script: str, state: str) -> int:
        output, transport, write_end = await _open_output()
        try:
            process = await self._spawn(script, write_end)
        except (OSError, LookalikeError):
            transport.close()
            raise
        finally:
            os.close(write_end)
        self._process = process
        if self._again.is_set():
            # Somebody stopped or restarted it while it was being started, and found no process to end.
            _signal_group(process.pid, signal.SIGKILL)
        self.status = replace(self.status, state=state, pid=process.pid, reported=None)
        reading = asyncio.create_task(self._read(output))
        code = await process.wait()
        # What it started and left behind must not outlive it.
        _signal_group(process.pid, signal.SIGKILL)
        await asyncio.wait({reading}, timeout=_DRAIN_S)
        transport.close()
        await reading
        self._process = None
        self._say(f"{self._program.name} ended: {_in_words(code)}.")
        self.status = replace(self.status, exit_code=code, pid=None)
        return code

    async def _spawn(self, script: str, output: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            script,
            cwd=self._program.work_dir,
            env=dict(self._program.environment()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=preparation(),
        )

    async def _end(self, grace_s: float) -> None:
        process = self._process
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), grace_s)
        _signal_group(process.pid, signal.SIGKILL)

    async def _read(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _CHUNK:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._write(line)
        if rest:
            self._write(rest)

    def _write(self, line: bytes) -> None:
        self._log.write(line)
        if self._console is not None:
            self._console(self._program.name, line.decode(errors="replace"))

    def _say(self, text: str) -> None:
        log.info("%s", text)
        self._log.write(f"-- {text}".encode())


async def _open_output() -> tuple[asyncio.StreamReader, asyncio.ReadTransport, int]:
    # Not asyncio's own pipe: with that, a process counts as running for as long as anybody holds its output open.
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(read_end, "rb", 0))
    return reader, transport, write_end


async def stop_all(components: Iterable[Supervised], grace_s: float = STOP_GRACE_S) -> None:
    """Stop all at the same time, so that all together take no longer than one."""
    await asyncio.gather(*(component.stop(grace_s) for component in components))


def _signal_group(pid: int, number: int) -> None:
    # The process began a session of its own: its id is its group's.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _in_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
