"""What an import makes of files: those that people write, and those that are not as they should."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import JSON, ROOT, Postgres
from tests.support.history import HEADER, bring, chat, message, run, take, told, write

# The exit status when some lines were bad.
SOME_WERE_BAD = 4


@pytest.fixture
def target(postgres: Postgres, migrated: str) -> Iterator[dict[str, str]]:
    """The settings of an empty database."""
    with postgres.database(migrated) as name:
        yield postgres.settings(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where to write a history."""
    return tmp_path / "history.ndjson"


def texts(lines: list[str]) -> list[str]:
    """Return the texts of the messages among exported lines."""
    return [line["text"] for line in map(json.loads, lines) if line["type"] == "message"]


def test_a_file_written_by_hand_needs_titles_texts_and_the_ids_that_link_them(
    target: dict[str, str], file: Path
) -> None:
    write(file, chat(3), message(3, "one"), message(3, "two"), chat(1), message(1, "three"))
    assert bring(target, file) == ["Imported: 2 chats, 3 messages, 0 deletions."]
    lines = [json.loads(line) for line in take(target)]
    assert [(line["type"], line.get("revision")) for line in lines] == [
        ("chat", 1),
        ("message", 1),
        ("chat", 2),
        ("message", 1),
        ("message", 2),
        ("end", None),
    ]
    assert texts(take(target, "--chat", "3")) == ["one", "two"]


def test_the_example_of_the_documentation_is_imported(target: dict[str, str], file: Path) -> None:
    document = (ROOT / "docs" / "history.md").read_text("utf-8")
    blocks = [part.partition("```")[0] for part in document.split("```json\n")[1:]]
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        file.write_text(block, "utf-8")
        options = ["--map", str(file.with_name("mapping"))] if number else []
        assert bring(target, file, *options)[-1].startswith("Imported: ")
    # What an export writes comes out of one again.
    assert [line for line in blocks[0].splitlines() if line not in take(target)] == [
        blocks[0].splitlines()[0],
        blocks[0].splitlines()[-1],
    ]


def test_each_bad_line_is_named_and_the_rest_imported(target: dict[str, str], file: Path) -> None:
    write(
        file,
        message(1, "before any chat"),  # 2
        chat(1),
        message(1, "good", id=5),
        message(2, "of another chat"),  # 5
        message(1, "\u200b"),  # 6
        message(1, "x" * 5001),  # 7
        message(1, "a\0"),  # 8
        message(1, "field", fro="x"),  # 9
        message(1, "again", id=5),  # 10
        message(1, "id", id=2**53),  # 11
        "",
        "no JSON",  # 13
        "[]",  # 14
        '{"type": "message", "chat_id": 1, "text": "\\ud800"}',  # 15
        '{"type": "note"}',  # 16
        json.dumps(HEADER),  # 17
        message(1, "then", created_at="2026-01-01T10:00:00"),  # 18
        message(1, "then", created_at=1_700_000_000),  # 19
        message(1, "then", created_at="2100-01-01T00:00:00Z"),  # 20
        message(1, "half", idempotency_key="k"),  # 21
        message(1, "metadata", metadata={"a": 1e-7}),
        message(1, "metadata", metadata={"a": 2**60 + 1}),  # 23
        message(1, "null", author=None),  # 24
        chat(2, title=" "),  # 25
        *[message(2, "its message")] * 3,  # 26 to 28
        chat(1),  # 29
        message(1, "its message"),  # 30
        chat(3, metadata=[]),  # 31
        chat(4, revision=7),
        message(4, "good", revision=9),
        message(4, "same revision", revision=9),  # 34
        message(4, "good"),
    )
    result = run(target, "import", file)
    assert result.returncode == SOME_WERE_BAD
    *bad, summary = told(result)
    numbers = [int(line.partition(":")[0].split()[1]) for line in bad]
    expected = {2, *range(5, 12), *range(13, 22), *range(23, 27), *range(29, 32), 34}
    assert numbers == sorted(expected)
    assert "lines 26 to 28: the chat above it is left out" in bad
    assert "line 9: fro: Extra inputs are not permitted" in bad
    assert "line 10: id: there is a message 5 already" in bad
    assert summary == "Imported: 2 chats, 4 messages, 0 deletions. Left out: 27 bad lines."
    assert texts(take(target)) == ["good", "metadata", "good", "good"]
    revisions = [json.loads(line).get("revision") for line in take(target, "--chat", "4")]
    assert revisions == [10, 9, 10, None]


def test_a_strict_import_stores_nothing_when_a_line_is_bad(
    target: dict[str, str], file: Path
) -> None:
    write(file, chat(1), message(1), message(1, ""))
    result = run(target, "import", "--strict", file)
    assert result.returncode == 1
    assert told(result)[0].startswith("line 4: text: ")
    assert told(result)[-1] == "With --strict, no line may be bad, and 1 are."
    assert len(take(target)) == 1
    write(file, chat(1), message(1))
    assert bring(target, file, "--strict") == ["Imported: 1 chats, 1 messages, 0 deletions."]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\n \n", "The file is empty."),
        (gzip.compress(b"{}", mtime=0), "The file is compressed: gunzip"),
        (b'{"type":"chat","id":1,"title":"x"}', "The file is no history: the first line"),
        (b"\xff\xfe{", "The file is no history: it is not UTF-8."),
        (b"a,b\n1,2\n", "The file is no history: it is not JSON."),
        (b'{"type":"history","version":2}\n', "The file is of version 2 of the format"),
        (b'{"type":"history"}\n', "The file is no history: version: Field required."),
        (
            b'{"type":"history","version":1,"exported_at":"2026-01-01T00:00:00Z"}\n{"type":"ch',
            "The file is cut off: its last line is not the end of an export.",
        ),
    ],
)
def test_a_file_that_is_no_history_or_not_whole_is_refused_in_a_sentence(
    target: dict[str, str], file: Path, content: bytes, sentence: str
) -> None:
    file.write_bytes(content)
    result = run(target, "import", file)
    assert result.returncode == 1
    first, why = told(result)
    assert first == "Not everything was imported."
    assert why.startswith(sentence)


def test_a_byte_order_mark_line_ends_of_windows_and_a_missing_last_one_do_no_harm(
    target: dict[str, str], file: Path
) -> None:
    write(file, chat(1), message(1, "one"))
    content = file.read_bytes().strip().replace(b"\n", b"\r\n\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + content)
    bring(target, file)
    assert texts(take(target)) == ["one"]


def test_a_line_of_any_length_is_named_and_takes_no_memory(
    target: dict[str, str], file: Path
) -> None:
    endless = '{"type": "message", "chat_id": 1, "text": "' + "x" * 100_000_000
    write(file, chat(1), endless, message(1, "after it"))
    result = run(target, "import", file)
    assert told(result)[0] == "line 3: it is too long"
    assert texts(take(target)) == ["after it"]


def test_a_history_is_read_from_stdin_too(target: dict[str, str], file: Path) -> None:
    content = write(file, chat(1), message(1, "piped")).read_bytes()
    result = run(target, "import", "-", stdin=content)
    assert result.returncode == 0
    assert told(result) == ["Imported: 1 chats, 1 messages, 0 deletions."]
    assert bring(target, file)[0].startswith("The file was imported at ")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["import", "missing.ndjson"], 1, "No such file or directory: missing.ndjson"),
        (["import", "."], 1, "Is a directory: ."),
        (["import"], 2, "required: FILE"),
        (["export", "--chat", "x"], 2, "invalid id of a chat value: 'x'"),
        (["export", "--chat", "0"], 2, "invalid id of a chat value: '0'"),
    ],
)
def test_a_command_line_that_asks_for_nothing_possible_is_answered_in_a_sentence(
    target: dict[str, str], arguments: list[str], status: int, sentence: str
) -> None:
    result = run(target, *arguments)
    assert result.returncode == status
    assert sentence in told(result)[-1]


def test_an_export_that_nobody_can_keep_ends_in_a_sentence(
    target: dict[str, str], file: Path
) -> None:
    bring(target, write(file, chat(1), *[message(1, "x" * 4000)] * 1000))
    read, closed = os.pipe()
    os.close(read)
    with Path("/dev/full").open("wb") as full, os.fdopen(closed, "wb") as pipe:
        for file_, why in ((full, "No space left on device"), (pipe, "Broken pipe")):
            result = run(target, "export", stdout=file_)
            assert result.returncode == 1
            assert told(result) == ["Not everything was exported.", why]


def test_an_id_that_is_taken_is_named_and_what_is_free_imported(
    target: dict[str, str], file: Path
) -> None:
    bring(target, write(file, chat(1), message(1, "first", id=5), message(1, id=9)))
    write(file, chat(1, title="x"), chat(2), message(2, id=5), message(2, "second", id=6))
    result = run(target, "import", file)
    assert result.returncode == SOME_WERE_BAD
    assert told(result)[:2] == [
        "line 2: id: there is a chat 1 already",
        "line 4: id: there is a message 5 already",
    ]
    assert texts(take(target, "--chat", "2")) == ["second"]


def test_a_key_that_a_chat_has_already_is_named(target: dict[str, str], file: Path) -> None:
    key = {"idempotency_key": "k", "request_digest": "0" * 64}
    bring(target, write(file, chat(1, **key)))
    result = run(target, "import", write(file, chat(2, **key), chat(3)))
    assert told(result)[0] == "line 2: idempotency_key: another chat has the same"
    assert '"id":3' in take(target)[1]


def test_mapped_chats_get_new_ids_and_the_mapping_tells_which(
    target: dict[str, str], file: Path
) -> None:
    mapping = file.with_name("mapping.ndjson")
    lines: list[JSON] = [chat(1), message(1, "one", id=4), message(1, "two"), chat(2)]
    deletion = {"type": "deletion", "chat_id": 2, "message_id": 3, "revision": 8}
    bring(target, write(file, *lines, deletion))
    before = take(target)
    bring(target, write(file, *lines, deletion, chat(3)), "--map", mapping)
    after = take(target)
    assert after[: len(before) - 1] == before[:-1]
    told_ids = {
        (one["type"], one["from"]): one["to"]
        for one in map(json.loads, mapping.read_text().splitlines())
    }
    assert told_ids.keys() == {("chat", 1), ("chat", 2), ("chat", 3), ("message", 4)}
    moved = [json.loads(line) for line in take(target, "--chat", str(told_ids["chat", 1]))]
    assert moved[1]["id"] == told_ids["message", 4]
    assert texts(take(target)).count("two") == 2
    again = json.loads(take(target, "--chat", str(told_ids["chat", 2]))[1])
    assert again["message_id"] == told_ids["message", 4] - 4 + 3
    ids = [line["id"] for line in map(json.loads, after) if line["type"] == "message"]
    assert len(set(ids)) == len(ids) == 4


def test_a_mapping_never_writes_over_a_file_and_needs_one_that_can_be_written(
    target: dict[str, str], file: Path
) -> None:
    mapping = file.with_name("precious")
    mapping.write_text("precious")
    write(file, chat(1))
    result = run(target, "import", file, "--map", mapping)
    assert result.returncode == 1
    assert "is there already. Name another file for the mapping." in told(result)[-1]
    assert mapping.read_text() == "precious"
    result = run(target, "import", file, "--map", "/dev/full")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr.decode()
    assert len(take(target)) == 1
    assert bring(target, file) == ["Imported: 1 chats, 0 messages, 0 deletions."]
