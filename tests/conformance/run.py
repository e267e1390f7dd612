"""Every suite, in parallel: a table by tag, the refused ones by reason, and what fell behind the recorded state.

``python tests/conformance/run.py [--jobs 2] [--suite NAME] [--case ID] [--latest] [--record]``

Ends with exit code 1 when a case is wrong, or came out worse than ``tests/conformance/record.tsv`` says; ``--record``
writes that file anew; a wrong case never stands in it.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

from suites import ROOT, biomodels, field, semantic, table
from suites.outcome import RECORD, Outcome, read_record, worse, write_record
from suites.pool import Task, run_tasks

EVERY = 15.0


def tasks_of(options: argparse.Namespace) -> list[Task]:
    """Give the work, the longest first."""
    one_level = partial(semantic.run, latest_only=options.latest)
    tasks = [Task(suite=field.SUITE, case=c, work=field.run, seconds=300, weight=200) for c in field.cases()]
    tasks += [Task(suite=biomodels.SUITE, case=c, work=biomodels.run, weight=5) for c in biomodels.index()]
    tasks += [Task(suite=semantic.SUITE, case=c, work=one_level) for c in semantic.index()]
    wanted = [t for t in tasks if options.suite in (None, t.suite) and (not options.case or t.case in options.case)]
    if not wanted:
        raise SystemExit("no case has this suite and id")
    return wanted


def run_all(tasks: Sequence[Task], jobs: int) -> list[Outcome]:
    """Run the tasks, saying now and then how far they are."""
    outcomes: list[Outcome] = []
    total, done, ended, said, begin = sum(t.weight for t in tasks), 0.0, 0, 0.0, time.monotonic()
    for task, found in run_tasks(tasks, jobs):
        outcomes += found
        done, ended, spent = done + task.weight, ended + 1, time.monotonic() - begin
        if spent - said >= EVERY or ended == len(tasks):
            said, bad = spent, sum(o.outcome in {"wrong", "failed"} for o in outcomes)
            left = spent * (total - done) / done
            print(
                f"{ended}/{len(tasks)} cases, {bad} wrong or failed, {spent:.0f} s, about {left:.0f} s left", flush=True
            )
    return outcomes


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the tables."""
    mine = [o for o in outcomes if o.suite == semantic.SUITE]
    latest = [o for o in mine if o.level == semantic.latest_level(o.case)]
    for column, title in (("componentTags", "semantic: component tag"), ("testTags", "semantic: test tag")):
        if latest:
            print("\n" + table.counts(title, table.by_tag(latest, semantic.index(), column)))
    groups = {f"semantic, level {v}": [o for o in mine if o.level == v] for v in sorted({o.level for o in mine})}
    if latest:
        groups["semantic, latest of each"] = latest
    for suite in (biomodels.SUITE, field.SUITE):
        groups[suite] = [o for o in outcomes if o.suite == suite]
    print("\n" + table.counts("suite", {name: group for name, group in groups.items() if group}))
    refused = [o for o in outcomes if o.outcome == "refused"]
    one_each = [o for o in refused if o.suite != semantic.SUITE or o in set(latest)]
    if one_each:
        print(f"\nRefused, {len(one_each)} cases in their latest level:\n" + table.reasons(one_each))
    others = [o for o in refused if o not in set(one_each)]
    if others:
        print(f"\nRefused in other levels, {len(others)} models:\n" + table.reasons(others))
    for (case, level), why in semantic.LEFT_OUT.items():
        print(f"\nLeft out: {semantic.SUITE} {case} level {level}: {why}.")
    bad = [o for o in outcomes if o.outcome in {"failed", "wrong"}]
    if bad:
        print(f"\nFailed or wrong, {len(bad)}:\n" + table.each(bad))


def main() -> int:
    """Run, print, compare; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes; 2 by default")
    parser.add_argument("--suite", choices=(semantic.SUITE, biomodels.SUITE, field.SUITE))
    parser.add_argument("--case", nargs="+", help="ids within the suite")
    parser.add_argument("--latest", action="store_true", help="semantic cases in their latest level only")
    parser.add_argument("--record", action="store_true", help="write the recorded state anew")
    options = parser.parse_args()
    if not semantic.FOLDER.is_dir():
        raise SystemExit(f"no conformance data at '{ROOT}'; set HEPATICA_CONFORMANCE to where they lie.")
    outcomes = run_all(tasks_of(options), options.jobs)
    show(outcomes)
    record = read_record()
    behind = worse(outcomes, record)
    counts = Counter(o.outcome for o in outcomes)
    if options.record:
        whole = not (options.suite or options.case or options.latest)
        kept = {} if whole else record
        write_record((kept | {o.key: o for o in outcomes if o.outcome != "wrong"}).values())
        print(f"\nrecorded in {RECORD.name}")
        behind = [(o, before) for o, before in behind if o.outcome == "wrong"]
    if behind:
        print(f"\nWorse than recorded, {len(behind)}:")
        print("\n".join(f"{table.each([one])} (was {before})" for one, before in behind))
    print(f"\n{counts['passed']} passed, {len(behind)} failed, {counts['refused']} skipped")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
