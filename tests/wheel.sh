#!/bin/sh
# Tries the wheel in DIST on every Python from 3.11 up that is at hand. maturin made it from the unpacked sdist, which
# proves that the sdist builds from itself.
set -eu
dist=$(cd "$1" && pwd)
wheel=$(ls "$dist"/*.whl)
case "$wheel" in *-abi3-manylinux*) ;; *) echo "not a manylinux abi3 wheel: $wheel"; exit 1 ;; esac
tried=0
for python in python3.11 python3.12 python3.13 python3.14 "$HOME"/.pyenv/versions/3.1[1-9]*/bin/python; do
  "$python" -c 'import venv' >/dev/null 2>&1 || continue
  scratch=$(mktemp -d)
  "$python" -m venv "$scratch/venv"
  "$scratch/venv/bin/pip" install --quiet "$wheel"
  (cd "$scratch" && venv/bin/python -c '
from ctcore import drift, metrics
assert metrics.ndcg([1, 0], [2.0, 1.0]) == 1.0
assert drift.ks([1.0, 2.0], [3.0, 4.0]).statistic == 1.0' && venv/bin/ctcore --version >/dev/null)
  echo "the wheel works on $("$python" --version)"
  rm -rf "$scratch"
  tried=$((tried + 1))
done
test "$tried" -gt 0 || { echo "no Python from 3.11 up was found"; exit 1; }
scratch=$(mktemp -d)
tar -xzf "$dist"/*.tar.gz -C "$scratch"
for needed in LICENSE Cargo.lock README.md; do
  test -f "$scratch"/ctcore-*/"$needed" || { echo "the sdist lacks $needed"; exit 1; }
done
(cd "$scratch"/ctcore-* && cargo metadata --locked --no-deps --format-version 1 >/dev/null)
rm -rf "$scratch"
echo "the sdist is whole"
