"""Register real corpora by the command line, and print what each cost.

    python -m benchmarks.corpora FOLDER [SET…] [--runs 3]

FOLDER holds the corpora of `SETS`, a folder each. Every one is registered into a fresh home by
`firsthand register` in a process of its own, with the options of `SETS`, which `docs/corpora.md`
shows. CPU seconds are user and system time of that process with all its threads, from its start
to its end: loading the libraries, about 0.7 s, is in it. The median of the runs is printed.
Absolute times of a shared machine mean little; the last column compares formats with one another.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

_TASK: Final = "--text-field instruction,input,output"
_SOLUTIONS: Final = ",".join(
    ["question=human", "ground_truth=human"]
    + [
        f"{size}_{way}.solution=ai"
        for size in ("6b", "175b")
        for way in ("finetuning", "verification")
    ]
)

SETS: Final[dict[str, str]] = {
    "alpaca_52k": f"{_TASK} --origin ai --generator text-davinci-003 --published 2023-03"
    " --language en --license CC-BY-NC-4.0",
    "alpaca_cleaned_gsm8k": f"{_TASK} --origin human --published 2023-04 --language en"
    " --license CC-BY-NC-4.0",
    "alpaca_eval_a": "--text-field output --origin ai --generator-field generator"
    " --language en --license CC-BY-NC-4.0",
    "alpaca_subset_copy": f"{_TASK} --origin ai --generator text-davinci-003 --language en",
    "alpaca_zh": f"{_TASK} --origin ai --generator text-davinci-003 --published 2023-03"
    " --language zh",
    "chinese_poetry": "--text-field paragraphs --origin human --authored 0618..0907"
    " --language zh-Hant --license MIT",
    "codealpaca": f"{_TASK} --origin ai --generator gpt-4 --generator text-davinci-003"
    " --license CC-BY-NC-4.0",
    "fast_detect_gpt": "--origin-field label --generator-field model --language en --license MIT",
    "fast_detect_gpt_raw": "--orient columns --split-field original=human,sampled=ai"
    " --generator gpt-4 --language en --license MIT",
    "gpteacher_codegen": "--text-field instruction,input,response --origin ai --generator gpt-4"
    " --license MIT",
    "gsm8k": "--text-field question,answer --origin human --published 2021-11 --language en"
    " --license MIT",
    "gsm8k_model_solutions": f"--split-field {_SOLUTIONS} --generator GPT-3"
    " --published 2021-11 --language en --license MIT",
    "hppt_polish": "--text-field text --origin-field fake --origin-map 0=human,1=assisted"
    " --generator ChatGPT --generator LLaMA --language en",
    "human_eval": "--text-field prompt,canonical_solution --origin human --published 2021-07"
    " --license MIT",
    "novels_en": "--origin human --published 1855..1927 --language en",
    "openiti_arabic": "--origin human --authored 0800..0912 --language ar",
    "peps_2022": "--origin human --published 2000-06..2022-11-29 --language en",
    "peps_history": "--origin-field origin --date-field published=created_at --language en",
    "t0_human": "--text-field prompt,completion --origin human --published 2016..2022-12-20"
    " --language en --license Apache-2.0",
    "tldr_2022": "--origin human --published 2013-12..2022-11-29 --license CC-BY-4.0",
    "uchendu2020_a": "--text-field Generation --origin ai --generator CTRL --generator GPT-1"
    " --generator GROVER --generator XLM --published 2019..2020-11 --language en",
    "ud_sentences": "--lines --origin human --license CC-BY-SA-4.0",
    "udhr_encodings": "--format text --on-bad-input skip --origin human",
    "wikitext2_pytorch": "--lines --origin human --published 2001..2016-09 --language en"
    " --license CC-BY-SA-3.0",
    "wikitext2_sobamchan": "--lines --origin human --published 2001..2016-09 --language en"
    " --license CC-BY-SA-3.0",
}
"""The options that each corpus is registered with, besides its path and name."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What registering a corpus gave, and what it cost."""

    documents: int
    bytes: int
    seconds: float


def register(folder: Path, name: str) -> Measured:
    """Register a corpus into a fresh home.

    Raises:
        SystemExit: The command failed.
    """
    with tempfile.TemporaryDirectory() as place:
        firsthand = [sys.executable, "-m", "cli.main", "--home", f"{place}/home"]
        subprocess.run([*firsthand, "init"], check=True, capture_output=True)
        done, seconds = _timed(
            [*firsthand, "register", str(folder / name), "--name", name, *SETS[name].split()]
        )
    return Measured(done["documents"], done["bytes"], seconds)


def _timed(command: list[str]) -> tuple[dict[str, Any], float]:
    """Return what a command prints as JSON, and the CPU seconds of its process."""
    with tempfile.TemporaryFile() as printed:
        actions = [(os.POSIX_SPAWN_DUP2, printed.fileno(), 1)]
        given = os.environ | {"FIRSTHAND_JSON": "1"}
        pid = os.posix_spawn(command[0], command, given, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed with {status}")
        printed.seek(0)
        made: dict[str, Any] = json.load(printed)
    return made, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Register every corpus and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], metavar="SET")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print("| set | documents | MB of text | CPU s | MB per CPU s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in options.sets or SETS:
        runs = [register(options.folder, name) for _ in range(options.runs)]
        seconds = median(run.seconds for run in runs)
        size = runs[0].bytes / 1e6
        print(
            f"| {name} | {runs[0].documents:,} | {size:,.1f} | {seconds:.2f} |"
            f" {size / seconds:,.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
