"""A message arrives once, or one line says that it did not; no secret is in what is written."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.refresh.notify import Message, delivery, message, notify, problems, send_test
from alignment_dagster.study import Study
from tests.support.notifying_lines import EMAIL, FILE, WEBHOOK, everything_written, failed, lines
from tests.support.notifying_servers import closed_port, hook, silent

Telling = Callable[..., Study]
SECRET = "canary-in-the-address"
RUN = "3f0c9a52-7a44-4f0e-9a4e-5f4f52a3c111"


def spent(event: str = "2026-11") -> Message:
    return message("tiny", "budget_spent", event, run_id=RUN, counts={"runs": 3, "runs_allowed": 3})


def test_a_webhook_gets_names_numbers_and_pages(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hook() as server:
        monkeypatch.setenv("TEST_HOOK", server.url(SECRET))
        assert notify(telling(WEBHOOK), [spent()]) == []
    (posted,) = server.posted
    assert posted["text"] == "tiny: the budget for training by itself is spent"
    assert posted["counts"] == {"runs": 3, "runs_allowed": 3}
    assert posted["links"] == {
        "audit": "http://127.0.0.1:5001/tiny",
        "run": f"http://127.0.0.1:3000/runs/{RUN}",
    }


def test_an_event_is_told_once_however_often_and_by_whomever_it_is_noticed(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hook() as server:
        monkeypatch.setenv("TEST_HOOK", server.url())
        study = telling(WEBHOOK, FILE)
        crowd = [threading.Thread(target=notify, args=(study, [spent()])) for _ in range(8)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        notify(study, [spent(), spent()])
        notify(study, [spent("2026-12")])
    assert len({one["id"] for one in server.posted}) == len(server.posted) == 2
    assert len(lines(home / "notifications" / "notifications.jsonl")) == 2


def test_a_moment_is_told_only_where_it_is_declared(telling: Telling, home: Path) -> None:
    notify(telling({**FILE, "moments": ["refreshed"]}), [spent()])
    assert not home.exists()


def test_an_answer_of_500_is_tried_again_a_few_times_and_then_recorded(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.05)
    with hook(500) as server:
        monkeypatch.setenv("TEST_HOOK", server.url(SECRET))
        said = notify(telling(WEBHOOK, FILE), [spent()])
        notify(telling(WEBHOOK, FILE), [spent()])
    assert len(server.posted) == delivery.ATTEMPTS
    assert said == ["webhook TEST_HOOK: budget_spent: HTTP status 500"]
    (line,) = failed(home)
    assert (line["channel"], line["reason"]) == ("webhook TEST_HOOK", "HTTP status 500")
    assert len(lines(home / "notifications" / "notifications.jsonl")) == 1
    assert SECRET.encode() not in everything_written(home)


def test_a_server_that_recovers_gets_the_message(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.05)
    with hook(503, 200) as server:
        monkeypatch.setenv("TEST_HOOK", server.url())
        assert notify(telling(WEBHOOK), [spent()]) == []
    assert len(server.posted) == 2
    assert failed(home) == []


@pytest.mark.parametrize("status", [302, 307, 404])
def test_neither_a_redirection_nor_a_refusal_is_followed_or_tried_again(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with hook(status) as server:
        monkeypatch.setenv("TEST_HOOK", server.url(SECRET))
        (said,) = notify(telling(WEBHOOK), [spent()])
    assert said.endswith(f"HTTP status {status}")
    assert len(server.posted) == 1


def test_servers_that_hang_are_waited_for_as_long_as_declared_and_side_by_side(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as port:
        monkeypatch.setenv("TEST_HOOK", f"http://127.0.0.1:{port}/{SECRET}")
        monkeypatch.setenv("ALIGNMENT_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("ALIGNMENT_SMTP_PORT", str(port))
        monkeypatch.setenv("ALIGNMENT_SMTP_FROM", "alignment@example.org")
        study = telling({**WEBHOOK, "timeout_seconds": 1}, {**EMAIL, "timeout_seconds": 1})
        start = time.monotonic()
        said = notify(study, [spent()])
        took = time.monotonic() - start
    assert [one.rpartition(": ")[2] for one in said] == ["no answer in time"] * 2
    assert 0.9 < took < 2
    assert len(failed(home)) == 2
    assert SECRET.encode() not in everything_written(home)


def test_neither_the_log_nor_a_line_holds_the_address(
    telling: Telling,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with hook() as server:
        for url in (
            server.url(SECRET),
            f"http://127.0.0.1:{closed_port()}/{SECRET}",
            f"http://u:{SECRET}@127.0.0.1/",
            f"ftp://127.0.0.1/{SECRET}",
            f"http://[{SECRET}/",
            f"http://127.0.0.1:notaport/{SECRET}",
        ):
            monkeypatch.setenv("TEST_HOOK", url)
            said = notify(telling({**WEBHOOK, "timeout_seconds": 1}), [spent(url)])
            assert SECRET not in str(said)
    assert len(server.posted) == 1
    assert len(failed(home)) == 5
    assert SECRET not in caplog.text
    assert SECRET.encode() not in everything_written(home)


def test_a_line_is_whole_after_one_that_was_cut_short(telling: Telling, home: Path) -> None:
    path = home / "notifications" / "notifications.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"half')
    assert notify(telling(FILE), [spent()]) == []
    assert path.read_text().startswith('{"half\n{"id"')


def test_a_link_is_not_followed_out_of_the_home(telling: Telling, home: Path) -> None:
    outside = home.parent / "outside"
    (home / "notifications").mkdir(parents=True)
    (home / "notifications" / "notifications.jsonl").symlink_to(outside)
    (said,) = notify(telling(FILE), [spent()])
    assert said.startswith("file notifications.jsonl: budget_spent: notifications.jsonl: Too many")
    assert not outside.exists()


def test_a_home_that_cannot_be_written_keeps_no_one_from_being_told(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "refresh").write_text("in the way of the folder")
    with hook() as server:
        monkeypatch.setenv("TEST_HOOK", server.url())
        assert notify(telling(WEBHOOK), [spent()]) == []
    assert len(server.posted) == 1


def test_a_test_message_goes_to_every_channel(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_HOOK", raising=False)
    sent = send_test(telling(WEBHOOK, {**FILE, "moments": ["refreshed"]}))
    assert sent == [
        ("webhook TEST_HOOK", "TEST_HOOK is not set"),
        ("file notifications.jsonl", None),
    ]
    (line,) = lines(home / "notifications" / "notifications.jsonl")
    assert line["text"] == "tiny: this is a test"


def test_the_environment_is_looked_at_when_definitions_are_checked(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_HOOK", raising=False)
    for name in ("HOST", "FROM"):
        monkeypatch.delenv(f"ALIGNMENT_SMTP_{name}", raising=False)
    study = telling(WEBHOOK, FILE, EMAIL)
    assert list(problems(study)) == [
        f"tiny: refresh.notifications: {name} is not set here; it must be where the daemon runs"
        for name in ("TEST_HOOK", "ALIGNMENT_SMTP_HOST")
    ]
    for url in (f"ftp://x/{SECRET}", f"http://u:{SECRET}@x/", SECRET, f"http://[{SECRET}"):
        monkeypatch.setenv("TEST_HOOK", url)
        with pytest.raises(DeclarationError, match=r"tiny: .*notifications: TEST_HOOK ") as caught:
            list(problems(study))
        assert SECRET not in str(caught.value)
