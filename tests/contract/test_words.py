"""What one typed is found by its words, whatever the database takes for a letter."""

import random
import re
from collections.abc import Iterator

import httpx
import psycopg2
import pytest

from tests.support import JSON, Postgres, create_chat, running, send

# A text, what finds it, and what does not.
FOUND = [
    ("«да»", ["да", "ДА", "«да»"], ["д", "нет"]),
    ("ok… then", ["ok", "then", "ok…"], []),
    ("it’s late", ["it's", "it’s", "it", "it`s", "it´s"], ["its"]),
    ("that's it", ["that’s", "thatʼs", "that＇s"], []),
    ("м’ята, об'єкт", ["м'ята", "мʼята", "об’єкт", "обʼєкт"], []),
    ("Hawaiʻi", ["hawai'i", "Hawai’i", "hawai"], []),
    ("hi🎉 and 🎉bye", ["hi", "bye", "hi🎉"], ["🎉", "h"]),
    (
        "我家在上海东边",
        ["上海", "我家", "东边", "海", "边", "我", "在上海东", "我家在上海东边"],
        ["海上", "家上"],
    ),
    ("ฉันชอบเดินป่าในวันอาทิตย์", ["เดินป่า", "วันอาทิตย์", "ชอบ"], ["ป่าเดิน"]),
    ("ຂ້ອຍມັກຍ່າງປ່າ", ["ຍ່າງປ່າ", "ມັກ"], []),
    ("ខ្ញុំចូលចិត្តឡើងភ្នំ", ["ឡើងភ្នំ", "ចូលចិត្ត"], []),
    ("ငါတောင်တက်ရတာကြိုက်တယ်", ["တောင်တက်", "ကြိုက်"], []),
    (
        "日曜日にハイキングに行こう",
        ["ハイキング", "日曜日", "行こう", "ﾊｲｷﾝｸﾞ", "グ", "う"],
        ["グハ"],
    ),
    ("학교에서 만나자", ["학교", "학교에서", "만나", "교에", "학"], ["서만"]),
    ("ㅋㅋㅋ 재밌다", ["ㅋㅋ", "ㅋㅋㅋ", "ㅋ", "재밌"], []),
    (
        "iPhone用のTシャツを100枚",
        ["iphone", "Tシャツ", "シャツ", "100", "枚", "100枚", "１００"],
        ["phone"],
    ),
    ("人工 ⼈⼯", ["⼈⼯", "人工"], []),
    ("cafe\u0301 olé", ["café", "cafe\u0301", "CAFÉ", "olé", "ole\u0301"], ["cafe"]),
    ("\u00e9 alone", ["e\u0301", "\u00e9", "E\u0301"], []),
    ("e\u0301 here", ["\u00e9"], []),
    ("Việt Nam", ["Vie\u0323\u0302t", "VIỆT", "việt nam"], ["viet"]),
    ("हिन्दी में नमस्ते", ["हिन्दी", "नमस्ते", "हिन्दी में"], ["हिन"]),
    ("مَرْحَبًا بالعالم", ["مَرْحَبًا", "بالعالم"], []),
    ("محـــمد جاء", ["محمد", "محـمد"], []),
    ("می‌خواهم", ["می‌خواهم", "میخواهم"], []),
    ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"], []),
    ("ada@example.com wrote", ["ada", "example", "ada@example.com", "ADA@EXAMPLE.COM"], ["ad"]),
    ("lunch/dinner", ["dinner", "lunch", "lunch/dinner"], []),
    ("We go hiking.Tomorrow", ["hiking", "tomorrow", "hiking.tomorrow"], ["tomorrow.hiking"]),
    (
        "see https://example.com/a/b_c?d=e&f=%20g#h",
        ["https://example.com/a/b_c?d=e&f=%20g#h", "example.com", "b_c", "example"],
        [],
    ),
    ("covid-19", ["19", "covid", "covid-19", "covid 19"], []),
    ("Vec<String> and Map<K, List<V>>", ["String", "Vec<String>", "List<V>", "vec"], []),
    ("<b>bold</b>", ["bold", "<b>bold</b>"], []),
    ("ΟΔΟΣ", ["οδος", "οδοσ", "Οδος", "ΟΔΟΣ"], []),
    ("İstanbul", ["istanbul", "İSTANBUL", "i\u0307stanbul", "ISTANBUL"], []),
    ("DIŞARI ılık", ["dışarı", "ILIK", "Ilık"], []),
    ("Straße", ["strasse", "STRASSE", "STRAẞE", "straße"], []),
    ("ПРИВЕТ Élan Ångström", ["привет", "élan", "ångström", "Å\u006e\u0067ström"], []),
    ("２０２４年 ﬁne ＡＢＣ", ["2024", "年", "2024年", "fine", "abc"], []),
    ("Foo™ №5 20℃ ½", ["foo", "5", "20", "Foo™", "№5", "№ 5"], []),
    ("1️⃣ first ❤️", ["1", "1️⃣", "first"], []),
    ("soft\u00adhyphen zero\u200dwidth b\ufe0fc", ["softhyphen", "zerowidth", "bc"], []),
    ("v1.2.3 of 10,000", ["v1.2.3", "2.3", "10,000", "10"], ["3.2"]),
    (
        "#hiking @ada snake_case camelCase",
        ["hiking", "#hiking", "ada", "@ada", "case", "snake_case"],
        [],
    ),
    ("C++ and C#", ["c", "C++", "C#"], []),
    ("run --force -x now", ["--force", "run --force", '"--force -x now"', "force"], []),
    ("a - b — c", ["a - b", "b — c", '"a - b"'], []),
    (
        "tea or coffee",
        ['"tea or coffee"', '"or coffee"', "tea or juice", "juice or TEA"],
        ["tea -coffee"],
    ),
    ("she said “go home” twice", ['"go home"', "“go home”", "said “go home” twice"], ['"home go"']),
    ('he said "go -now" ok', ['"said "go -now" ok"', '"go -now"'], []),
    ("path/to/file.txt C:\\Users\\Ada", ["file.txt", "to/file", "users", "C:\\Users\\Ada"], []),
    ("100% of $5 & 3×4", ["100%", "$5", "3×4", "&  5", "100 -6"], []),
    ("𝐁𝐨𝐥𝐝 𝓼𝓬𝓻𝓲𝓹𝓽", ["bold", "script"], []),
    ("𠮷野家 𐐀𐐁", ["𠮷野", "𠮷", "野家", "𐐨𐐩"], []),
]


@pytest.fixture(scope="module", params=[None, "C", "C.UTF-8"], ids=["default", "C", "C.UTF-8"])
def speaking(
    request: pytest.FixtureRequest, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a service on a database with such letters."""
    try:
        made = postgres.database(ctype=request.param)
        name = made.__enter__()
    except psycopg2.Error as error:
        pytest.skip(f"no such locale: {error}")
    try:
        postgres.migrate(name)
        log = tmp_path_factory.mktemp("service") / "log"
        with running(log, postgres.settings(name)) as service, service.client() as client:
            yield client
    finally:
        made.__exit__(None, None, None)


@pytest.fixture(scope="module")
def chat(speaking: httpx.Client) -> JSON:
    """A chat with all the texts."""
    chat = create_chat(speaking)
    for text, _, _ in FOUND:
        send(speaking, chat, text)
    return chat


def search(client: httpx.Client, chat: JSON, words: str) -> list[str]:
    """Return the texts that the words find in the chat."""
    query = httpx.QueryParams(q=words, chat_id=chat["id"], limit=100)
    response = client.get("/messages/", params=query)
    assert response.status_code == 200, response.text
    return [message["text"] for message in response.json()]


def copied(text: str) -> str:
    """Return the search for a piece of a text: between quotes where it holds ` -` or `or`."""
    return f'"{text[:198]}"' if re.search(r"(^|\s)-|\bor\b", text, re.IGNORECASE) else text[:200]


@pytest.mark.parametrize(("text", "finding", "missing"), FOUND, ids=[text for text, *_ in FOUND])
def test_a_text_is_found_by_its_words_and_by_nothing_else(
    speaking: httpx.Client, chat: JSON, text: str, finding: list[str], missing: list[str]
) -> None:
    given = [*finding, copied(text)]
    assert [words for words in given if text not in search(speaking, chat, words)] == []
    assert [words for words in missing if text in search(speaking, chat, words)] == []


def test_what_is_copied_out_of_a_message_finds_it(speaking: httpx.Client) -> None:
    chance = random.Random(7)
    chat = create_chat(speaking)
    pieces = " ".join(text for text, *_ in FOUND).split()
    signs = [
        " ",
        "  ",
        "\n",
        ", ",
        ". ",
        "/",
        "@",
        "-",
        " - ",
        "…",
        "🎉",
        "\u00a0",
        "\u3000",
        "\u200b ",
    ]
    texts = []
    for _ in range(60):
        parts = [chance.choice(pieces) + chance.choice(signs) for _ in range(40)]
        texts.append("".join(parts)[:5000])
    speaking.post(f"/chats/{chat['id']}/messages/batch", json=[{"text": text} for text in texts])
    missed = []
    for text in texts:
        spaces = [0, *(found.end() for found in re.finditer(r"\s", text))]
        start = chance.choice(spaces[: len(spaces) // 2])
        end = chance.choice([n for n in spaces if start + 50 < n <= start + 190])
        # Quotation marks in what is put between quotation marks end it.
        words = copied(text[start:end].replace('"', " "))
        if text not in search(speaking, chat, words):
            missed.append(words)
    assert missed == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * 5000, None),
        ("é" * 5000, None),
        ("\U0001e900" * 5000, None),
        ("𝐁" * 4990 + " end", "end"),
        ("a " * 2490 + "b c", '"b c"'),
        ("a " * 2490 + "b c", '"a b c"'),
        ("上" * 4990 + "海边", "上海边"),
        ("\ufdfa " * 2490 + "last one", '"last one"'),
        ("\ufdfa" * 4980 + " last one", "last one"),
        ("\u3316" * 4980 + " last one", '"last one"'),
        (" ".join(str(n) for n in range(1000, 1999)), "1998"),
        ("\u0301" * 4990 + " end", "end"),
        ("e" + "\u0301" * 4990 + " end", "end"),
        ("😀" * 4990 + "end", "end"),
        ("' \\ : & | ! ( ) * <-> :* 'a':1A \\'" * 9, "a"),
    ],
)
def test_a_text_of_any_words_is_stored_and_found(
    speaking: httpx.Client, text: str, words: str | None
) -> None:
    chat = create_chat(speaking)
    for way in ("", "batch"):
        body = {"text": text} if not way else [{"text": text}]
        sent = speaking.post(f"/chats/{chat['id']}/messages/{way}", json=body)
        assert sent.status_code == 201, sent.text
    edited = send(speaking, chat, "something else")
    answer = speaking.patch(f"/messages/{edited['id']}", json={"text": text})
    assert answer.status_code == 200
    if words is not None:
        assert search(speaking, chat, words) == [text] * 3


def test_a_word_that_is_too_long_is_found_by_as_much_as_a_query_holds(
    speaking: httpx.Client,
) -> None:
    chat = create_chat(speaking)
    word = "\ufdfa" * 150  # It is normalised to eighteen characters, and no spaces drawn.
    send(speaking, chat, f"{word} b")
    assert search(speaking, chat, word) == [f"{word} b"]


@pytest.mark.parametrize("words", ["🎉", "…", "-", '"-"', "-🎉", "🎉 or …", "\u00b4", "_", "'"])
def test_a_query_without_a_word_finds_nothing(
    speaking: httpx.Client, chat: JSON, words: str
) -> None:
    assert search(speaking, chat, words) == []
