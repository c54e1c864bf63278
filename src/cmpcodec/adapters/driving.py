"""Runs a flow of the client to its end, with something that sends messages and something that waits.

It knows flows and time; not how a message is sent, nor what it says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar, runtime_checkable

from ..client import Flow, Step, Wait
from ..cmp import PKIMessage
from ..errors import TransportError

ResultT = TypeVar("ResultT")
Send = Callable[[PKIMessage], PKIMessage]
AsyncSend = Callable[[PKIMessage], Awaitable[PKIMessage]]

LAST_POLL: Final = 10.0
"""Seconds that are kept for a last question when the server asks to wait for longer than there is time."""


@runtime_checkable
class TimedSend(Protocol):
    """A `send` that can keep to a time limit by itself, as `cmpcodec.http.transport.HttpTransport` does."""

    def send_within(self, message: PKIMessage, seconds: float) -> PKIMessage:
        """Send and return the answer, or raise TransportError when the time is over."""
        ...


def run(
    flow: Flow[ResultT],
    send: Send,
    *,
    wait: Callable[[float], object] = time.sleep,
    total_timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ResultT:
    """Run `flow`: each message goes through `send`, each Wait through `wait` (seconds). Return the flow's result.

    All of it may take `total_timeout` seconds, then TransportError is raised; a `send` that is no `TimedSend` is not
    interrupted, only followed by that. Whatever `send` raises is thrown into the flow, and comes out of it again unless
    the flow had something else to say; the flow is closed in any case.
    """
    deadline = None if total_timeout is None else clock() + total_timeout
    try:
        step = next(flow)
        while True:
            try:
                answer = _do(step, send, wait, deadline, clock)
            except Exception as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as done:
        result: ResultT = done.value
        return result
    finally:
        flow.close()


def _do(
    step: Step,
    send: Send,
    wait: Callable[[float], object],
    deadline: float | None,
    clock: Callable[[], float],
) -> PKIMessage | None:
    left = None if deadline is None else _left(deadline - clock())
    if isinstance(step, Wait):
        wait(_pause(step, left))
        return None
    sender: object = send
    if left is not None and isinstance(sender, TimedSend):
        return sender.send_within(step, left)
    answer = send(step)
    if deadline is not None:
        _left(deadline - clock())
    return answer


async def run_async(
    flow: Flow[ResultT],
    send: AsyncSend,
    *,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    total_timeout: float | None = None,
) -> ResultT:
    """Run `flow` as `run` does, in an event loop; `send` is cancelled when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = None if total_timeout is None else loop.time() + total_timeout
    try:
        step = next(flow)
        while True:
            try:
                left = None if deadline is None else _left(deadline - loop.time())
                answer: PKIMessage | None = None
                if isinstance(step, Wait):
                    await wait(_pause(step, left))
                else:
                    answer = await _sent(send(step), deadline)
            except Exception as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as done:
        result: ResultT = done.value
        return result
    finally:
        flow.close()


async def _sent(answer: Awaitable[PKIMessage], deadline: float | None) -> PKIMessage:
    timeout = asyncio.timeout_at(deadline)
    try:
        async with timeout:
            return await answer
    except TimeoutError as error:
        if timeout.expired():
            raise TransportError(_TOO_LONG) from error
        raise


_TOO_LONG: Final = "the transaction takes longer than total_timeout"


def _left(seconds: float) -> float:
    if seconds <= 0:
        raise TransportError(_TOO_LONG)
    return seconds


def _pause(step: Wait, left: float | None) -> float:
    """How long to wait: as the server asks, or until the last moment in which asking makes sense."""
    if left is None or step.seconds < left - LAST_POLL:
        return step.seconds
    if left <= LAST_POLL:
        raise TransportError(f"the server asks to wait for {step.seconds} seconds, and total_timeout is near")
    return left - LAST_POLL
