#!/usr/bin/env bash
# Check an unpacked bundle with bash, coreutils, sed, xxd and openssl (3.0 or later) alone.
#
#     bash verify.sh --key VKEY [--tsa-root PEM] [FOLDER]
#
# VKEY is the log's public key, name+id+base64, and PEM the time-stamp authority's root: both from elsewhere than the
# bundle. Exit code 0: what is listed as checked holds. 1: something does not. 2: it cannot be checked at all.
set -euo pipefail
export LC_ALL=C

key="" root="" folder="."
while [ $# -gt 0 ]; do
    case $1 in
        --key) key=${2:?--key needs a vkey}; shift 2 ;;
        --tsa-root) root=$(readlink -f "${2:?--tsa-root needs a file}"); shift 2 ;;
        *) folder=$1; shift ;;
    esac
done
[ -n "$key" ] || { echo "Give --key with the log's public key, from elsewhere than the bundle." >&2; exit 2; }
for tool in sha256sum openssl xxd sed split base64; do
    command -v "$tool" >/dev/null || { echo "$tool is missing." >&2; exit 2; }
done
cd "$folder"
[ -f bagit.txt ] || { echo "$folder is no unpacked bundle." >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED  $*" >&2; exit 1; }
holds() { echo "holds   $*"; }

# The key as openssl reads it: an Ed25519 public key is a fixed head and 32 bytes.
rest=${key#*+}
[ "$(printf %s "${rest#*+}" | base64 -d | head -c 1 | xxd -p)" = 01 ] || { echo "--key is no log's vkey." >&2; exit 2; }
{
    echo "-----BEGIN PUBLIC KEY-----"
    { printf 302a300506032b6570032100 | xxd -r -p; printf %s "${rest#*+}" | base64 -d | tail -c 32; } | base64
    echo "-----END PUBLIC KEY-----"
} >"$work/key.pem"
signed() { openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$1" -sigfile "$2" >/dev/null 2>&1; }
stamped() { # file, token
    openssl ts -verify -data "$1" -in "$2" -CAfile "$root" >/dev/null 2>&1
}

# 1. Files: digests, and no file that no manifest lists.
sha256sum --check --strict --quiet manifest-sha256.txt || fail "a payload file is not what manifest-sha256.txt says"
sha256sum --check --strict --quiet tagmanifest-sha256.txt || fail "a tag file is not what tagmanifest-sha256.txt says"
sha256sum --check --strict --quiet seal/seal-sha256.txt || fail "a sealed file is not what seal/seal-sha256.txt says"
{
    sed 's/^[0-9a-f]*  //' manifest-sha256.txt tagmanifest-sha256.txt seal/seal-sha256.txt
    printf 'seal/seal-sha256.txt\nseal/seal-sha256.txt.sig\n'
} | sort >"$work/listed"
# Without what systems leave in folders that are looked into.
find . -type f ! -name .DS_Store ! -name Thumbs.db ! -name desktop.ini ! -name '._*' | sed 's,^\./,,' | sort >"$work/there"
cmp -s "$work/listed" "$work/there" || fail "files that no manifest lists, or lists twice: $(
    sort "$work/listed" "$work/there" | uniq -u | head -n 3 | tr '\n' ' ')"
[ -z "$(find . -type l)" ] || fail "there are symbolic links"
grep -q '  tagmanifest-sha256.txt$' seal/seal-sha256.txt || fail "the seal does not cover tagmanifest-sha256.txt"
grep -q '  manifest-sha256.txt$' tagmanifest-sha256.txt || fail "tagmanifest-sha256.txt does not cover the manifest"
holds "files: $(wc -l <"$work/there") files, each listed once, with the SHA-256 it must have"

# 2. Seal.
signed seal/seal-sha256.txt seal/seal-sha256.txt.sig || fail "the seal is not signed by the key you gave"
holds "seal: signed by the key you gave"

# hashes <IN >OUT: the SHA-256 of each line of hex digits, in one process a level.
hashes() {
    rm -rf "$work/parts" && mkdir "$work/parts"
    xxd -r -p | split -b 65 -a 6 -d - "$work/parts/"
    (cd "$work/parts" && find . -type f -printf '%f\0' | sort -z | xargs -0 -r sha256sum -b | cut -c 1-64)
}

for log in data/log/*/; do
    month=$(basename "$log")
    last=$(find "$log" -name 'checkpoint-*' | sed -n 's,.*/checkpoint-\([0-9]*\)$,\1,p' | sort -n | tail -n 1)
    [ -n "$last" ] || fail "$log has no checkpoint"

    # 3. Checkpoints: the signature under each, by the key you gave.
    for size in $(find "$log" -name 'checkpoint-*' | sed -n 's,.*/checkpoint-\([0-9]*\)$,\1,p' | sort -n); do
        note=${log}checkpoint-$size
        sed '/^$/,$d' "$note" >"$work/text"
        [ "$(sed -n 2p "$work/text")" = "$size" ] || fail "$note is of another size"
        [ "$(sed -n 1p "$work/text")" = "${key%%+*}/$month" ] || fail "$note is of another log"
        good=""
        while read -r _ name value; do
            [ "$name" = "${key%%+*}" ] || continue
            printf %s "$value" | base64 -d | tail -c +5 >"$work/sig"
            if signed "$work/text" "$work/sig"; then good=yes; fi
        done < <(sed '1,/^$/d' "$note")
        [ -n "$good" ] || fail "$note is not signed by the key you gave (after a rotation, give the key of that time)"
        # 4. Time stamps.
        for token in "$note".*.tsr; do
            [ -f "$token" ] && [ -n "$root" ] || continue
            stamped "$note" "$token" || fail "$token is not over $note, or not of the authority you gave"
        done
    done
    holds "$month: every checkpoint is signed by the key you gave, the last is of $last leaves"

    # 5. The tree: from the leaf hashes, and the subtrees before them, to the root of the last checkpoint.
    start=$(head -n 1 "${log}peaks.hex")
    tail -n +2 "${log}peaks.hex" | tac >"$work/peaks" # smallest first
    cp "${log}leaves.hex" "$work/level"
    at=$start
    while :; do
        if [ $((at & 1)) = 1 ]; then
            { head -n 1 "$work/peaks"; cat "$work/level"; } >"$work/next" && mv "$work/next" "$work/level"
            sed -i 1d "$work/peaks"
        fi
        at=$((at >> 1))
        count=$(wc -l <"$work/level")
        if [ "$count" -le 1 ] && [ "$at" = 0 ]; then break; fi
        [ "$count" -gt 0 ] || continue
        head -n $((count / 2 * 2)) "$work/level" | sed 'N;s/^\(.*\)\n/01\1/' | hashes >"$work/next"
        if [ $((count & 1)) = 1 ]; then tail -n 1 "$work/level" >>"$work/next"; fi
        mv "$work/next" "$work/level"
    done
    told=$(sed -n 3p "${log}checkpoint-$last" | base64 -d | xxd -p -c 32)
    [ $((start + $(wc -l <"${log}leaves.hex"))) = "$last" ] || fail "$month: there are not $last leaves"
    [ "$(cat "$work/level")" = "$told" ] || fail "$month: the leaves do not lead to the root that was signed"
    holds "$month: $last leaves lead to the root that was signed"

    # 6. The records: each is the leaf it is said to be.
    rm -rf "$work/parts" && mkdir "$work/parts"
    sed 's/^/\x00/' "${log}records.jsonl" | split -l 1 -a 6 -d - "$work/parts/"
    find "$work/parts" -type f -print0 | xargs -0 -r truncate -s -1
    (cd "$work/parts" && find . -type f -printf '%f\0' | sort -z | xargs -0 -r sha256sum -b | cut -c 1-64) >"$work/is"
    cut -d ' ' -f 1 "${log}records.index" | sort -n -u >"$work/at"
    [ "$(wc -l <"$work/at")" = "$(wc -l <"${log}records.index")" ] || fail "$month: a place comes twice"
    cut -d ' ' -f 1 "${log}records.index" | cmp -s - "$work/at" || fail "$month: the records are out of order"
    sed "s/\$/ - $start/" "$work/at" | while read -r index; do echo $((index + 1))p; done >"$work/script"
    sed -n -f "$work/script" "${log}leaves.hex" | cmp -s - "$work/is" || fail "$month: a record is not the leaf it is said to be"
    holds "$month: $(wc -l <"$work/is") records are the leaves they are said to be"
done

if [ -n "$root" ]; then
    for token in seal/*.tsr; do
        [ -f "$token" ] || continue
        stamped tagmanifest-sha256.txt "$token" || fail "$token is not over the tagmanifest, or not of the authority you gave"
    done
    holds "time stamps: $(find . -name '*.tsr' ! -name '._*' | wc -l), each over its file, by the authority you gave:"
    find . -name '*.tsr' ! -name '._*' | sort | while read -r token; do
        echo "          $token $(openssl ts -reply -in "$token" -text 2>/dev/null | sed -n 's/^Time stamp: //p')"
    done
else
    echo "skipped time stamps: no --tsa-root"
fi
echo "Not checked here: rotations of the key, witnesses, whether the times that records say fit the time stamps, the"
echo "disclosures and what they say, whether all records of the subject are here, single proofs, the figures, whether exhibits"
echo "are what their records say. verify.py does."
