#!/bin/sh
# Makes this machine a node of a rigwatch server: sh -s -- URL PIN SHA256 CODE [OPTION…]
# Fetches the agent from the server at URL, whose public key is PIN ("-": a certificate that this system trusts), checks
# that it is the file with this SHA-256, and lets it install itself; CODE is exchanged for the key. Options go to
# `rigwatch-agent install`.
set -eu

say() { echo "rigwatch: $*" >&2; }
fail() { say "$*"; exit 1; }

main() {
    [ $# -ge 4 ] || fail "the line is not whole; copy all of it"
    url=$1 pin=$2 sha256=$3 code=$4
    shift 4
    case $(uname -s)-$(uname -m) in
        Linux-x86_64 | Linux-amd64) name=rigwatch-agent-linux-x86_64 ;;
        *) fail "there is no agent for $(uname -s) on $(uname -m); join with a token: 'rigwatch publish --join -'" ;;
    esac
    sum=
    for tool in sha256sum "busybox sha256sum" "openssl dgst -sha256 -r"; do
        if echo | $tool >/dev/null 2>&1; then sum=$tool; break; fi
    done
    [ -n "$sum" ] || fail "this system has no sha256sum to check the agent with"

    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    file=$folder/rigwatch-agent
    if [ "$pin" = - ]; then trust=; else trust="--insecure --pinnedpubkey $pin"; fi
    # The code comes by standard input: anyone on a machine can read what its programs were started with.
    # shellcheck disable=SC2086 # none, or three words
    printf 'header = "X-Rigwatch-Code: %s"\n' "$code" |
        curl --silent --show-error --fail --config - $trust --connect-timeout 20 --retry 10 --retry-delay 3 \
            --output "$file" "$url/$name" ||
        fail "the agent cannot be fetched from $url; a line is good for an hour: print a new one if it is older"
    found=$($sum <"$file")
    [ "${found%% *}" = "$sha256" ] || fail "what came from $url is not the agent that the line names; nothing was installed"

    # As root it unpacks itself where it is going to stay; for a trial here, and that is gone afterwards.
    root=
    case " $* " in *" --prefix"*) export RIGWATCH_AGENT_DIR="$folder/unpacked" ;; *)
        if [ "$(id -u)" != 0 ]; then
            command -v sudo >/dev/null || fail "installing needs root: run the line as root"
            say "installing needs root: sudo may ask for your password"
            root=sudo
        fi ;;
    esac
    printf '%s\n' "$code" | $root env RIGWATCH_AGENT_ANEW=yes sh "$file" install --server "$url" --pin "$pin" "$@"
}

# The whole script must have come before anything of it is done.
main "$@"
