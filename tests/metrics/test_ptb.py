"""Against Stanford's tokenizer itself, and against what it answered for a few texts of ours."""

import subprocess
from pathlib import Path

import pytest

from tunegrid.metrics.ptb import DROPPED, tokenize

RECORDED = [
    (
        "£20-25 $30 €40 20% 3.5 1,000 10:30 p.m. 5pm U.S. St. Mr. e.g. i.e.",
        "# 20-25 $ 30 $ 40 20 % 3.5 1,000 10:30 p.m. 5pm u.s. st. mr. e.g. i.e.",
    ),
    (
        "cannot gonna don't won't it's I'm they're we'll O'Connor's ain't",
        "can not gon na do n't wo n't it 's i 'm they 're we 'll o'connor 's ai n't",
    ),
    (
        "family-friendly 5-star 5of5 1st 3-5 non-kid-friendly. a/b and/or",
        "family-friendly 5-star 5of5 1st 3-5 non-kid-friendly a/b and/or",
    ),
    (
        "(paren) [x] \"quoted\" 'single' ‘curly’ “double” … -- –",
        "-lrb- paren -rrb- -lsb- x -rsb- quoted single curly double",
    ),
    (
        "AT&T's Q&A fish&chips &amp; #1 #tag me@x.org http://x.com/y?z=1.",
        "at&t 's q&a fish & chips & # 1 #tag me@x.org http://x.com/y?z=1",
    ),
    (
        "the city center., near. The end.. hello... Café's ÉCLAIR ?! !!!",
        "the city center. near the end hello café 's éclair ?! !!!",
    ),
    (
        "city.City's kid.You £20 - £25, £20–£25 20£ 3/5 1/2 ½ 10.30pm",
        "city.city 's kid.you # 20 # 25 # 20 # 25 20 # 3/5 1/2 1/2 10.30 pm",
    ),
]


@pytest.mark.parametrize(("text", "tokens"), RECORDED)
def test_recorded_tokens(text: str, tokens: str) -> None:
    assert " ".join(tokenize(text)) == tokens


def test_text_without_words_has_no_tokens() -> None:
    assert tokenize("") == tokenize(" \n ") == tokenize("... , !") == ()


def lexer_tokens(jar_folder: Path, texts: list[str], file: Path) -> list[list[str]]:
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    jar = jar_folder / "tokenizer" / "stanford-corenlp-3.4.1.jar"
    command = [
        "java",
        "-cp",
        str(jar),
        "edu.stanford.nlp.process.PTBTokenizer",
        "-preserveLines",
        "-lowerCase",
        str(file),
    ]
    printed = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    return [[token for token in line.split() if token not in DROPPED] for line in printed.splitlines()]


def test_every_reference_and_output_of_e2e_has_the_lexers_tokens(
    e2e_data: Path, jar_folder: Path, tmp_path: Path
) -> None:
    files = [
        *e2e_data.glob("*.multi-ref.txt"),
        *e2e_data.glob("systems/*.txt"),
        *e2e_data.glob("seeds/*/predictions.*"),
    ]
    lines = {line.strip() for file in files for line in file.read_text(encoding="utf-8").split("\n")}
    texts = sorted(lines - {""})
    assert len(texts) > 9000
    assert [list(tokenize(text)) for text in texts] == lexer_tokens(jar_folder, texts, tmp_path / "texts.txt")
