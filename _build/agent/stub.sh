#!/bin/sh
# The agent of rigwatch as one file: this script, and behind it a Python with all that the agent needs. It unpacks itself
# once into a folder that is named by what is inside, then starts from there.
set -e
id=@ID@ skip=@SKIP@ size=@SIZE@
case $0 in */*) self=$0 ;; *) self=$(command -v "$0") ;; esac

say() { echo "rigwatch-agent: $*" >&2; }

case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-amd64) ;;
    *) say "is for Linux on x86-64, and this is $(uname -s) on $(uname -m)"; exit 1 ;;
esac
if [ "$(wc -c <"$self")" -ne "$size" ]; then
    say "$self is cut short or altered: it should have $size bytes; fetch it again"
    exit 1
fi

# A folder is used if it is ours or root's alone, and if what lies in it runs there (it may be mounted noexec).
# shellcheck disable=SC3067 # every shell that such systems have knows -O
ours() { [ ! -L "$1" ] && { [ -O "$1" ] || [ "$(stat -c %u "$1" 2>/dev/null)" = 0 ]; }; }

found=
# shellcheck disable=SC3067
for base in "$RIGWATCH_AGENT_DIR" @ROOT@ "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/rigwatch-agent" \
    "/var/tmp/rigwatch-agent-$(id -u)" "/tmp/rigwatch-agent-$(id -u)"; do
    [ -n "$base" ] || continue
    dir=$base/$id
    # Who installs has all of it anew: what lies there may be damaged where this does not look.
    if [ -z "$RIGWATCH_AGENT_ANEW" ] && [ -d "$dir" ] && ours "$base" && ours "$dir" && "$dir/bin/python3.11" -I -c '' 2>/dev/null; then
        found=$dir
        break
    fi
    [ "$base" != @ROOT@ ] || [ "$(id -u)" = 0 ] || continue
    # What root unpacks is for the service as well, and the folders above it are everybody's.
    mask=077
    [ "$base" != @ROOT@ ] || mask=022
    (umask $mask && mkdir -p "$base") 2>/dev/null && [ -O "$base" ] && [ ! -L "$base" ] || continue
    # Beside others that start for the first time at this moment: whoever is second takes what the first has put there.
    new=$(mktemp -d "$base/new.XXXXXX" 2>/dev/null) || continue
    if tail -n "+$skip" "$self" | gzip -dc 2>/dev/null | tar -C "$new" -xf - 2>/dev/null && "$new/bin/python3.11" -I -c '' 2>/dev/null; then
        chmod 755 "$new"
        # A power cut must not leave a folder of this name with half of what belongs into it: nobody would look again.
        sync
        [ -z "$RIGWATCH_AGENT_ANEW" ] || [ ! -d "$dir" ] || mv "$dir" "$new.old" 2>/dev/null || rm -rf "$dir"
        mv "$new" "$dir" 2>/dev/null || rm -rf "$new"
        rm -rf "$new.old"
        [ ! -d "$dir" ] || { rm -rf "$dir"/new.*; found=$dir; break; }
    fi
    rm -rf "$new"
done
if [ -z "$found" ]; then
    if ! [ -e /lib64/ld-linux-x86-64.so.2 ]; then
        say "this system has no glibc (Alpine, or another with musl), and the agent wants glibc 2.17 or newer"
    else
        say "found no folder to unpack into that can be written and runs programs; name one as RIGWATCH_AGENT_DIR"
    fi
    exit 1
fi
RIGWATCH_AGENT_FILE=$self
export RIGWATCH_AGENT_FILE
exec "$found/bin/python3.11" -I -m publisher.command "$@"
