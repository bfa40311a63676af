#!/usr/bin/env bash
# Fetches the Debian packages named in sources.tsv and lays their audio out under DIR/PACKAGE. Safe to run again.
#   models/train/vad/fetch.sh DIR
# DIR/packages.tsv then lists name, version and sha256 of every package, for the card.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: fetch.sh DIR}
mkdir -p "$dir/deb"
dir=$(cd "$dir" && pwd)
cd "$dir/deb"
: > "$dir/packages.tsv.new"
for p in $(grep -v '^#' "$here/sources.tsv" | cut -f1 | sort -u); do
  ls "$p"_*.deb >/dev/null 2>&1 || apt-get download "$p"
  deb=$(ls -t "$p"_*.deb | head -1)
  if [ ! -d "$dir/$p" ]; then
    rm -rf "$dir/$p.new"
    dpkg-deb -x "$deb" "$dir/$p.new"
    find "$dir/$p.new" -type f ! -iname '*.og[ga]' ! -iname '*.wav' ! -iname '*.mp3' ! -iname '*.opus' ! -iname '*.flac' ! -name copyright -delete
    mv "$dir/$p.new" "$dir/$p"
  fi
  printf '%s\t%s\t%s\n' "$p" "$(dpkg-deb -f "$deb" Version)" "$(sha256sum "$deb" | cut -d' ' -f1)" >> "$dir/packages.tsv.new"
done
mv "$dir/packages.tsv.new" "$dir/packages.tsv"
echo "$(wc -l < "$dir/packages.tsv") packages under $dir"
