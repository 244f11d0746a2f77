"""`harness fetch-binaries` against a web server of this test."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import CommandLine

AARCH64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xb7\x00" + bytes(44)
TOOL = AARCH64 + bytes(range(256)) * 2000
PATH = "/2.2.0/android_arm64/benchmark_model"
KEY = "litert-2.2.0/android_arm64/benchmark_model"


class Site:
    """Files by path. `cut` ends an answer after so many bytes; `asked` has the requests' paths and ranges, `answered`
    status and length of each answer."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {PATH: TOOL}
        self.cut: int | None = None
        self.asked: list[tuple[str, str]] = []
        self.answered: list[tuple[int, int]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append((request.path, wanted))
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
        begin = int(wanted[6:-1]) if wanted and request.headers.get("If-Range") == tag else 0
        if begin >= len(content):
            request.send_error(416)
            return
        self.answered.append((206 if begin else 200, len(content) - begin))
        request.send_response(206 if begin else 200)
        request.send_header("ETag", tag)
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        request.wfile.write(content[begin:] if self.cut is None else content[begin : self.cut])

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    yield one
    one.close()


def kept(harness: CommandLine) -> Path:
    return harness.folder / "cache" / "harness" / "binaries" / KEY


def fetch(harness: CommandLine, site: Site, *more: str) -> Any:
    return harness("fetch-binaries", "--only", KEY, "--from", site.url, *more)


def test_a_first_fetch_is_recorded_and_says_that_nobody_checked_it(harness: CommandLine, site: Site) -> None:
    done = fetch(harness, site, "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["fetched"]
    assert (one["key"], one["trust"], one["cached"]) == (KEY, "new", False)
    assert one["sha256"] == hashlib.sha256(TOOL).hexdigest()
    assert kept(harness).read_bytes() == TOOL
    assert kept(harness).stat().st_mode & 0o111
    assert "nobody has checked it" in fetch(harness, site, "--update").stdout
    assert [path.name for path in kept(harness).parent.iterdir()] == ["benchmark_model"]


def test_a_second_fetch_asks_nobody(harness: CommandLine, site: Site) -> None:
    fetch(harness, site)
    site.asked.clear()
    done = fetch(harness, site, "--json")
    (one,) = json.loads(done.stdout)["fetched"]
    assert (one["trust"], one["cached"]) == ("recorded", True)
    assert site.asked == []


def test_other_bytes_than_the_first_are_refused_and_not_kept(harness: CommandLine, site: Site) -> None:
    fetch(harness, site)
    kept(harness).unlink()
    site.files[PATH] = TOOL + b"!"
    done = fetch(harness, site)
    assert done.returncode == 1
    assert "was recorded at its first fetch" in done.stdout
    assert "--update" in done.stdout
    assert not kept(harness).exists()
    assert fetch(harness, site, "--update").returncode == 0
    assert kept(harness).read_bytes() == TOOL + b"!"


def test_a_damaged_file_in_the_cache_is_fetched_again(harness: CommandLine, site: Site) -> None:
    fetch(harness, site)
    kept(harness).write_bytes(TOOL[:100])
    assert fetch(harness, site).returncode == 0
    assert kept(harness).read_bytes() == TOOL


def test_a_given_digest_is_held(harness: CommandLine, site: Site) -> None:
    wrong = fetch(harness, site, "--sha256", "0" * 64)
    assert wrong.returncode == 1
    assert "you gave" in wrong.stdout
    assert not kept(harness).exists()
    right = fetch(harness, site, "--sha256", hashlib.sha256(TOOL).hexdigest().upper(), "--json")
    assert json.loads(right.stdout)["fetched"][0]["trust"] == "given"


def test_a_broken_download_goes_on_where_it_stopped(harness: CommandLine, site: Site) -> None:
    site.cut = 300_000
    done = fetch(harness, site)
    assert done.returncode == 1
    assert "broke before the file was whole" in done.stdout
    assert not kept(harness).exists()
    site.cut = None
    assert fetch(harness, site).returncode == 0
    assert site.asked[-1] == (PATH, "bytes=300000-")
    assert site.answered[-1] == (206, len(TOOL) - 300_000)
    assert kept(harness).read_bytes() == TOOL


def test_a_file_that_changed_between_two_tries_is_not_mixed(harness: CommandLine, site: Site) -> None:
    site.cut = 300_000
    fetch(harness, site)
    site.cut = None
    site.files[PATH] = AARCH64 + b"another build" + TOOL
    assert fetch(harness, site).returncode == 0
    assert kept(harness).read_bytes() == site.files[PATH]


def test_no_connection_says_what_to_do(harness: CommandLine, site: Site) -> None:
    site.close()
    done = fetch(harness, site)
    assert done.returncode == 1
    assert "refused" in done.stdout
    assert "--from DIR" in done.stdout
    assert "https_proxy" in done.stdout
    assert "Traceback" not in done.stderr
    site.thread = threading.Thread(target=lambda: None)
    site.thread.start()


def test_a_name_that_cannot_be_resolved_is_called_offline(harness: CommandLine) -> None:
    done = harness("fetch-binaries", "--only", KEY, "--from", "http://no-such-host.invalid")
    assert done.returncode == 1
    assert "offline" in done.stdout


def test_a_page_instead_of_a_program_is_refused(harness: CommandLine, site: Site) -> None:
    site.files[PATH] = b"<html>log in to the network first</html>"
    done = fetch(harness, site)
    assert done.returncode == 1
    assert "no program" in done.stdout
    assert not kept(harness).exists()


def test_a_program_for_another_processor_is_refused(harness: CommandLine, site: Site) -> None:
    site.files[PATH] = TOOL[:18] + b"\x3e\x00" + TOOL[20:]
    assert "a program for x86-64, not one for AArch64" in fetch(harness, site).stdout


def test_a_missing_file_is_the_servers_answer(harness: CommandLine, site: Site) -> None:
    del site.files[PATH]
    assert "404" in fetch(harness, site).stdout


def test_one_failure_does_not_stop_the_others(harness: CommandLine, site: Site) -> None:
    site.files["/latest/android_aarch64_benchmark_model"] = TOOL
    done = harness("fetch-binaries", "--only", "android_arm64/benchmark_model", "--from", site.url, "--json")
    value = json.loads(done.stdout)
    assert done.returncode == 0, value
    del site.files[PATH]
    kept(harness).unlink()
    done = harness("fetch-binaries", "--only", "android_arm64/benchmark_model", "--from", site.url, "--json")
    value = json.loads(done.stdout)
    assert done.returncode == 1
    assert [one["key"] for one in value["failed"]] == [KEY]
    assert [one["key"] for one in value["fetched"]] == ["tflite-nightly/android_arm64/benchmark_model"]


@pytest.mark.parametrize("name", ["benchmark_model", "android_arm64/benchmark_model", PATH[1:], KEY])
def test_a_local_folder_has_them_under_any_of_their_names(harness: CommandLine, name: str) -> None:
    folder = harness.folder / "from here; $(x)"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(TOOL)
    done = harness("fetch-binaries", "--only", KEY, "--from", str(folder))
    assert done.returncode == 0, done.stdout
    assert kept(harness).read_bytes() == TOOL


def test_a_file_address_works_as_a_mirror(harness: CommandLine) -> None:
    place = harness.folder / "mirror" / PATH[1:]
    place.parent.mkdir(parents=True)
    place.write_bytes(TOOL)
    done = harness("fetch-binaries", "--only", KEY, "--from", (harness.folder / "mirror").as_uri())
    assert done.returncode == 0, done.stdout


def test_a_folder_without_the_file_names_what_it_looked_for(harness: CommandLine) -> None:
    done = harness("fetch-binaries", "--only", KEY, "--from", str(harness.folder))
    assert done.returncode == 1
    assert "android_arm64/benchmark_model" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "nonsense"], "no published file is called 'nonsense'"),
        (["--sha256", "0" * 64], "--sha256 is for one file"),
        (["--only", KEY, "--sha256", "12"], "64 hexadecimal digits"),
    ],
)
def test_wrong_usage_is_exit_code_2(harness: CommandLine, arguments: list[str], words: str) -> None:
    done = harness("fetch-binaries", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_the_list_says_that_no_digest_is_known(harness: CommandLine) -> None:
    done = harness("fetch-binaries", "--list", "--only", "*")
    assert done.returncode == 0
    assert "https://storage.googleapis.com/litert/binaries/2.2.0/android_arm64/benchmark_model" in done.stdout
    assert "nightly/latest/android_aarch64_libhexagon_interface.so" in done.stdout
    assert "no digest is known yet" in done.stdout


def test_a_cache_that_cannot_be_written_is_a_sentence(harness: CommandLine, site: Site) -> None:
    kept(harness).parent.parent.mkdir(parents=True)
    kept(harness).parent.write_text("a file where a folder belongs")
    done = fetch(harness, site)
    assert done.returncode == 1
    assert "--cache" in done.stdout
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


def test_two_at_once_do_not_disturb_each_other(harness: CommandLine, site: Site) -> None:
    arguments = ("fetch-binaries", "--only", KEY, "--from", site.url)
    both = [harness.start(*arguments) for _ in range(2)]
    texts = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], texts
    assert kept(harness).read_bytes() == TOOL
    assert len(site.asked) == 1
