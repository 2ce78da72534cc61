"""orderbell.js without a browser: a script of frames in, what it sends and says out."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

WEB = Path(__file__).parents[2] / "web"
HARNESS = """
import { OrderbellClient } from "./orderbell.mjs";
const said = [];
let socket;
class FakeSocket {
  readyState = 1;
  constructor() { socket = this; setTimeout(() => this.onopen()); }
  send(text) { said.push(JSON.parse(text)); }
  close() { this.readyState = 3; }
}
const kept = new Map();
const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
const token = `x.${btoa(JSON.stringify({ sub: "ann" }))}.x`;
const make = () => new OrderbellClient({ WebSocket: FakeSocket, storage, firstDelay: 0, answer: 30 });
let client = make();
// Milliseconds pass when they are told to: a machine that halts would let the client lose its patience.
const timers = new Map();
let [now, numbers] = [0, 0];
globalThis.setTimeout = (work, delay = 0) => (timers.set(++numbers, { at: now + delay, work }), numbers);
globalThis.clearTimeout = (number) => timers.delete(number);
const turn = async (delay = 5) => {
  const until = now + delay;
  for (;;) {
    await new Promise(setImmediate);
    const [next] = [...timers].filter(([, { at }]) => at <= until).sort(([, one], [, two]) => one.at - two.at);
    if (!next) break;
    timers.delete(next[0]);
    now = next[1].at;
    next[1].work();
  }
  now = until;
};
for (const step of STEPS) {
  if (step.connect) client.connect("ws://x/ws", () => token);
  if (step.again) { client.close(); client = make(); client.connect("ws://x/ws", () => token); }
  if (step.frame) socket.onmessage({ data: JSON.stringify(step.frame) });
  if (step.cut) socket.onclose({ code: 1006 });
  if (step.call) client[step.call](step.with);
  await turn(step.wait);
}
client.close();
console.log(JSON.stringify(said));
"""
WELCOME = {"frame": {"type": "welcome", "last_id": 3, "unread_count": 0, "replayed": 0}}
RELOAD = {"frame": {"type": "reload"}}
CONNECT, CUT, RELOADED = {"connect": True}, {"cut": True, "wait": 20}, {"call": "reloaded"}


def caught_up(since: str) -> dict[str, Any]:
    return {"frame": {"type": "caught_up", "since": since}}


def said(folder: Path, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client sends meanwhile, but for tokens."""
    shutil.copy(WEB / "orderbell.js", folder / "orderbell.mjs")
    script = folder / "test.mjs"
    script.write_text(HARNESS.replace("STEPS", json.dumps(steps)), encoding="utf-8")
    node, _ = compute_driver_executable()
    done = subprocess.run([node, script], capture_output=True, text=True, timeout=100, check=False)
    assert not done.returncode, done.stderr
    messages: list[dict[str, Any]] = json.loads(done.stdout)
    for message in messages:
        message.pop("token", None)
    return messages


def hellos(folder: Path, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    return [message for message in said(folder, *steps) if message["type"] == "hello"]


def test_a_since_counts_once_all_before_it_was_told(tmp_path: Path) -> None:
    first, second, third = hellos(tmp_path, CONNECT, WELCOME, CUT, WELCOME, caught_up("8"), CUT)
    assert "since" not in first | second
    assert (third["after"], third["since"]) == (3, "8")


@pytest.mark.parametrize("restart", [CUT, {"again": True, "wait": 20}])
def test_until_the_page_has_reloaded_it_asks_to_be_told_again(tmp_path: Path, restart: dict[str, Any]) -> None:
    begin = CONNECT, WELCOME, caught_up("8"), CUT, WELCOME, RELOAD, caught_up("9")
    assert hellos(tmp_path, *begin, restart)[-1]["since"] == ""
    assert hellos(tmp_path, *begin, RELOADED, restart)[-1]["since"] == "9"
    amid = CONNECT, WELCOME, caught_up("8"), RELOAD
    assert hellos(tmp_path, *amid, restart)[-1]["since"] == ""
    assert hellos(tmp_path, *amid, RELOADED, restart)[-1]["since"] == "8"


def test_a_page_that_has_its_list_before_caught_up_is_not_told_again(tmp_path: Path) -> None:
    assert hellos(tmp_path, CONNECT, WELCOME, RELOAD, RELOADED, caught_up("9"), CUT)[-1]["since"] == "9"


def subscribe(room: str) -> dict[str, Any]:
    return {"call": "subscribe", "with": room}


def answer(room: str, code: str | None = None) -> dict[str, Any]:
    frame = {"type": "subscribed"} if code is None else {"type": "error", "code": code}
    return {"frame": frame | {"room": room}}


def rooms(folder: Path, *steps: dict[str, Any]) -> list[str]:
    return [message["room"] for message in said(folder, *steps) if message["type"] == "subscribe"]


def test_rooms_are_asked_for_one_after_the_other_and_so_again_after_each_welcome(tmp_path: Path) -> None:
    begin = CONNECT, subscribe("a"), subscribe("b"), subscribe("c"), WELCOME
    assert rooms(tmp_path, *begin) == ["a"]
    assert rooms(tmp_path, *begin, answer("b"), answer("a")) == ["a", "b"]
    assert rooms(tmp_path, *begin, answer("a"), answer("b", "not_found"), answer("c"), subscribe("d")) == list("abcd")
    assert rooms(tmp_path, *begin, answer("a"), CUT, WELCOME, answer("a"), answer("b")) == list("ababc")


def test_a_room_that_was_refused_for_haste_is_asked_for_again_later(tmp_path: Path) -> None:
    begin = CONNECT, subscribe("a"), subscribe("b"), WELCOME
    hasty = {"frame": {"type": "error", "code": "rate_limited"}}
    for refusal in (hasty, answer("a", "busy"), answer("a", "unavailable")):
        assert rooms(tmp_path, *begin, refusal) == ["a"]
        assert rooms(tmp_path, *begin, refusal | {"wait": 60}, answer("a")) == ["a", "a", "b"]


def test_a_room_that_was_left_meanwhile_is_not_asked_for(tmp_path: Path) -> None:
    leave = {"call": "unsubscribe", "with": "b"}
    begin = CONNECT, subscribe("a"), subscribe("b"), subscribe("c"), WELCOME
    assert rooms(tmp_path, *begin, leave, answer("a")) == ["a", "c"]
