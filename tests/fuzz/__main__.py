"""Feed broken files to hepatica and count what becomes of them: ``python -m tests.fuzz --inputs 50000``.

Every input is made from the seed and its number alone. What crashes, hangs, ends in an unforeseen error or in
disagreement is saved beside the table, to be looked at and made a test.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from hepatica.errors import HepaticaError
from hepatica.sandbox import Limits, Sandbox
from tests.fuzz.corpus import Seed, load_corpus
from tests.fuzz.judge import TIMES, differs
from tests.fuzz.mutate import mutate

SECONDS, WAIT = 10.0, 60.0
CRASH = "CRASH of our own code"
HANG = f"HANG over {SECONDS:g} s"
"""Of processor time, which a busy machine does not lengthen; the sandbox itself waits longer."""
RENEW = 2_000
TARGETS = {"judge": "tests.fuzz.judge.judge"}


def choose(rng: random.Random, corpus: tuple[list[Seed], list[Seed], list[Seed]]) -> tuple[Seed, Seed]:
    """Give a file and another of the same kind."""
    accepted, refused, antimony = corpus
    draw = rng.random()
    group = accepted if draw < 0.65 or not refused else refused if draw < 0.8 else antimony
    return rng.choice(group), rng.choice(group)


def make_input(seed: int, number: int, corpus: tuple[list[Seed], list[Seed], list[Seed]]) -> tuple[Seed, bytes]:
    """Give input ``number``: the good file and the broken copy."""
    rng = random.Random(f"{seed}:{number}")
    good, other = choose(rng, corpus)
    return good, mutate(rng, good.kind, good.data, other.data)


def judge_input(sandbox: Sandbox, good: Seed, data: bytes) -> tuple[str, str, dict[str, float]]:
    """Give the outcome, its sentence and the seconds of each stage."""
    report, _ = judge_with_values(sandbox, good, data)
    return report["outcome"], report["text"], report["took"]


def judge_with_values(sandbox: Sandbox, good: Seed, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Give the whole report, and the values of a file that was simulated."""
    try:
        report, values = sandbox.call(
            "judge", {"kind": good.kind, "until": "end"}, data, subject=good.name, doing="judging"
        )
    except HepaticaError as error:
        text = str(error) + "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        kinds = (
            ("took more than", HANG),
            ("failed inside", "UNFORESEEN error"),
            ("nested too deeply", "refused: HostileFileError"),
            ("more memory", "refused: HostileFileError"),
        )
        outcome = next((kind for sign, kind in kinds if sign in text), CRASH)
        if outcome == CRASH and _reader_crashes(sandbox, good, data):
            outcome = "refused: HostileFileError, libSBML or libAntimony crashed in the child"
        return {"outcome": outcome, "text": text, "took": {}}, b""
    if sum(report["took"].values()) > SECONDS:
        report["outcome"] = HANG
    return report, values


def ask_second(second: Sandbox, report: dict[str, Any], values: bytes, data: bytes) -> tuple[str, str]:
    """Give what libRoadRunner says to a simulated file: how it answers, and the first difference.

    It is right in most cases, not in all: a difference is something to look at, no verdict.
    """
    arguments = {"names": report["names"], "amounts": report["amounts"]}
    try:
        known, answer = second.call("simulate", arguments, data, subject="the file")
    except HepaticaError:
        return "libRoadRunner: refuses, crashes or hangs", ""
    places = [report["names"].index(name) for name in known]
    ours = np.frombuffer(values).reshape(len(TIMES), -1)[:, places]
    theirs = np.frombuffer(answer).reshape(len(TIMES), -1)
    if not known or not np.isfinite(theirs).all():
        return "libRoadRunner: no finite numbers", ""
    wrong = differs(ours, theirs, tuple(known))
    return ("libRoadRunner: differs" if wrong else "libRoadRunner: agrees"), wrong


def _reader_crashes(sandbox: Sandbox, good: Seed, data: bytes) -> bool:
    """Tell whether the C library crashes, which the child is there for, and not code of our own."""
    try:
        sandbox.call("judge", {"kind": good.kind, "until": "read"}, data, subject=good.name)
    except HepaticaError as error:
        return "crashed" in str(error)
    return False


def is_bad(outcome: str) -> bool:
    """Tell whether an outcome is one that must not be."""
    return outcome.split(":")[0].split(" ")[0].isupper()


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/fuzz"))
    parser.add_argument("--roadrunner", action="store_true", help="ask libRoadRunner about what was simulated, too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus()
    sizes = ", ".join(
        f"{len(group)} {what}" for group, what in zip(corpus, ("read", "refused", "Antimony"), strict=True)
    )
    sys.stdout.write(f"seed files: {sizes}\n")
    sandbox = Sandbox(TARGETS, Limits(seconds=WAIT))
    second = Sandbox({"simulate": "tests.fuzz.second.simulate"}, Limits(seconds=20.0))
    patient = Sandbox(TARGETS, Limits(seconds=600.0))
    judge_input(patient, corpus[2][0], corpus[2][0].data)  # the solver is compiled when first used
    patient.close()
    counts: Counter[tuple[str, str]] = Counter()
    slowest: list[tuple[float, int]] = []
    began = time.monotonic()
    with (options.out / "bad.jsonl").open("a", encoding="utf-8") as bad:
        for number in range(options.first, options.first + options.inputs):
            good, data = make_input(options.seed, number, corpus)
            report, values = judge_with_values(sandbox, good, data)
            outcome, text = report["outcome"], report["text"]
            counts[good.kind, outcome] += 1
            slowest = sorted([*slowest, (sum(report["took"].values()), number)])[-10:]
            if options.roadrunner and good.kind == "sbml" and outcome.startswith("simulated: completed"):
                outcome, text = ask_second(second, report, values, data)
                counts[good.kind, outcome] += 1
            if is_bad(outcome) or outcome == "libRoadRunner: differs":
                suffix = {"sbml": "xml", "antimony": "ant"}[good.kind]
                (options.out / f"{options.seed}-{number}.{suffix}").write_bytes(data)
                line = {"number": number, "from": good.name, "outcome": outcome, "text": text}
                bad.write(json.dumps(line) + "\n")
                bad.flush()
            if (number + 1) % RENEW == 0:
                sandbox.close()  # LLVM never gives memory back
                second.close()
                _write_table(options.out / "table.txt", counts, slowest, time.monotonic() - began)
    sandbox.close()
    second.close()
    sys.stdout.write(_write_table(options.out / "table.txt", counts, slowest, time.monotonic() - began))
    if any(is_bad(outcome) for _, outcome in counts):
        sys.exit(1)


def _write_table(path: Path, counts: Counter[tuple[str, str]], slowest: list[tuple[float, int]], took: float) -> str:
    outcomes = sorted({outcome for _, outcome in counts}, key=lambda o: (not is_bad(o), o))
    lines = [f"{'outcome':<68}{'SBML':>8}{'Antimony':>10}"]
    lines += [f"{o:<68}{counts['sbml', o]:>8}{counts['antimony', o]:>10}" for o in outcomes]
    judged = {
        kind: sum(n for (k, o), n in counts.items() if k == kind and not o.startswith("libRoadRunner:"))
        for kind in ("sbml", "antimony")
    }
    lines.append(f"{'inputs':<68}{judged['sbml']:>8}{judged['antimony']:>10}")
    lines.append("slowest inputs: " + ", ".join(f"{number} ({seconds:.1f} s)" for seconds, number in reversed(slowest)))
    lines.append(f"{took:.0f} s in all")
    text = "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
