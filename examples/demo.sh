#!/bin/sh
# The main job on small real data: from files to a certificate that a stranger checks.
#
#     make demo                       with the virtual environment of this repository
#     sh examples/demo.sh [FOLDER]    with the `firsthand` on your PATH
#
# Everything happens in FOLDER, by default `.demo` beside `examples`, which is made anew each time
# and left for you to look around in. No network. Ends with an error if anything is not as it should be.

set -u
unset FIRSTHAND_HOME FIRSTHAND_DATABASE FIRSTHAND_JSON FIRSTHAND_KEY FIRSTHAND_LEVEL \
    FIRSTHAND_ISSUER FIRSTHAND_ISSUER_URL FIRSTHAND_THREADS FIRSTHAND_DEBUG
CDPATH=

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    strong=$(printf '\033[1m') calm=$(printf '\033[36m') plain=$(printf '\033[0m')
else
    strong='' calm='' plain=''
fi

fail() {
    printf '\n%sdemo failed:%s %s\n' "$strong" "$plain" "$*" >&2
    exit 1
}

# chapter TITLE SENTENCE…: what comes next, and why.
chapter() {
    number=$((number + 1))
    printf '\n%s%s. %s%s\n' "$strong" "$number" "$1" "$plain"
    shift
    say "$@"
}

# say SENTENCE…: a line each, and a blank one.
say() {
    printf '%s\n' "$@" ''
}

# run EXIT COMMAND: print the command as it is typed, run it, and insist on its exit code.
run() {
    printf '%s$ %s%s\n' "$calm" "$2" "$plain"
    eval "$2"
    code=$?
    [ "$code" -eq "$1" ] || fail "exit code $code, expected $1: $2"
    printf '\n'
}

# change_a_byte FILE POSITION: add one to it, so that it surely is another byte.
change_a_byte() {
    old=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ') || return 1
    new=$(((old + 1) % 256))
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf '%03o' "$new")" |
        dd of="$1" bs=1 seek="$2" count=1 conv=notrunc 2>/dev/null || return 1
    [ "$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')" = "$new" ] || return 1
    printf '# byte %s of %s: %s becomes %s\n' "$2" "$1" "$old" "$new"
}

command -v firsthand >/dev/null 2>&1 ||
    fail 'there is no `firsthand` on your PATH; run `make demo`, or `pip install .` first'
examples=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
demo=${1:-$examples/../.demo}
if [ -e "$demo" ] && [ ! -e "$demo/.made-by-demo" ] && [ -n "$(ls -A -- "$demo" 2>&1)" ]; then
    fail "\`$demo\` is not empty and was not made by this demo; name another folder"
fi
rm -rf -- "$demo" && mkdir -p -- "$demo" && : >"$demo/.made-by-demo" &&
    cp -R -- "$examples/gsm8k" "$examples/solutions" "$examples/peps" "$examples/mix.yaml" "$demo" &&
    cd -- "$demo" || fail "\`$demo\` cannot be made"
demo=$(pwd)
number=0

chapter 'A registry' \
    'Some folder, an issuer, a key. It is found from here downwards, like a git repository.'
run 0 'firsthand init --issuer "ACME Data"'

chapter 'Three datasets, and what their makers say about them' \
    '3,319 school math problems of 2021, said to be by people. Compressed files are read as they are.'
run 0 'firsthand register gsm8k --name gsm8k --text-field question,answer \
    --origin human --collected 2021-01..2021-11 --license MIT \
    --source https://github.com/openai/grade-school-math'
say 'Solutions to such problems: of each record two fields are by people and four by GPT-3.' \
    'They are just as old: to be from before ChatGPT says nothing about who wrote a text.'
run 0 'firsthand register solutions --name solutions --license MIT --collected 2021-01..2021-11 \
    --split-field question=human,ground_truth=human,\
6b_finetuning.solution=ai,6b_verification.solution=ai,\
175b_finetuning.solution=ai,175b_verification.solution=ai'
say 'And 48 Python Enhancement Proposals, in the public domain, as they were on 29 November 2022.'
run 0 'firsthand register peps --name peps --origin human --captured 2022-11-29 \
    --license "CC0-1.0 OR LicenseRef-PublicDomain" --source https://github.com/python/peps'

chapter 'What is known, and what is only said' \
    'Nothing defaults to human, and what nobody looked into is called that.'
run 0 'firsthand dataset list'
run 0 'firsthand show solutions'

chapter 'A training set that is at least 80 % human' \
    'Whole documents, each text once, exact in integers; no share is ever rounded up.'
run 0 'cat mix.yaml'
run 0 'firsthand plan mix.yaml --explain'
run 0 'firsthand export mix.yaml --out snap'

chapter 'A stranger checks it' \
    'Offline, with the files and a public key: no account, no database.'
run 0 'firsthand verify snap --key .firsthand/issuer.pub --level content'

chapter 'Somebody changes a single byte of a copy' \
    'The original still holds; the copy does not, and says why.'
run 0 'cp -R snap copy'
change_a_byte copy/data/part-00000.parquet 400000 || fail 'the byte could not be changed'
printf '\n'
run 3 'firsthand verify copy --key .firsthand/issuer.pub'

chapter 'A claim turns out wrong' \
    'The paper behind the math problems says that writers could start from questions by GPT-3.' \
    'A correction is a new claim. Nothing is overwritten, and the more cautious claim counts.'
run 0 'firsthand claim gsm8k --origin assisted --generator GPT-3 \
    --reason "arXiv:2110.14168: writers could start from questions generated by GPT-3"'
say 'So the same recipe can no longer be kept. It is refused, with what could be reached:'
run 3 'firsthand plan mix.yaml'
say 'What was exported before stays as it is, and history tells both:'
run 0 'firsthand history gsm8k'

printf '%sThat is all.%s The registry of this demo is in %s:\n' "$strong" "$plain" "$demo"
printf '%s\n' 'go there and try `firsthand show gsm8k`, or start with your own files; docs/guide.md goes on.'
