#!/usr/bin/env bash
# Asks the HTTP API thousands of things, made up from its own OpenAPI document, and checks each answer against that document: no server
# error, no status, form or shape that it does not name, nothing done without the token.
#
#   scripts/schemathesis.sh PROGRAM [more arguments for schemathesis]
#
# PROGRAM is the `assetctl` to be asked. schemathesis (PyPI) is looked for in $SCHEMATHESIS, and on the PATH.
set -euo pipefail

say() { printf 'schemathesis: %s\n' "$*" >&2; }

[ $# -ge 1 ] || { say "say which program: scripts/schemathesis.sh target/debug/assetctl"; exit 2; }
program="$(realpath "$1")"; shift
schemathesis="${SCHEMATHESIS:-schemathesis}"
command -v "$schemathesis" >/dev/null || { say "not installed: pip install schemathesis, or set SCHEMATHESIS"; exit 2; }
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

folder="$(mktemp -d)"
daemon=
cleanup() {
    [ -z "$daemon" ] || { kill -INT "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; }
    rm -rf "$folder"
}
trap cleanup EXIT

# The demo, made up to date, with a token. What is asked of it goes into its queue and is run: it is a copy.
mkdir -p "$folder/data"
cp "$root/assets.yaml" "$root/schedules.yaml" "$folder/"
cp -r "$root/data/source" "$folder/data/"
printf 'api: { token: { env: ASSETCTL_TOKEN }, sql: { timeout: 2s } }\n' >>"$folder/schedules.yaml"
export ASSETCTL_TOKEN="made-up-for-this-run"
cd "$folder"
"$program" materialize -q --select '+signals' >/dev/null
"$program" serve --format json --listen 127.0.0.1:0 >events.jsonl 2>daemon.log &
daemon=$!
address=
for _ in $(seq 200); do
    address="$(sed -n 's/.*"api":"\([^"]*\)".*/\1/p' events.jsonl | head -n 1)"
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || { say "the daemon does not answer"; cat daemon.log >&2; exit 1; }
say "asking $address"

# A name or a selection that fits its form and means nothing is answered with 404, 409 or 422: that is not a refusal of good data.
cat >schemathesis.toml <<'TOML'
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "408", "409", "422", "503"]

# So that not all that is asked for is something that there is not.
[[operations]]
include-path = "/api/v1/assets/{name}"
parameters = { name = "scores" }
[[operations]]
include-path = "/api/v1/assets/{name}/partitions"
parameters = { name = "scores" }
[[operations]]
include-path = "/api/v1/explain/{asset}/{session}"
parameters = { asset = "scores", session = "2015-07-20" }
[[operations]]
include-path = "/api/v1/explain/{asset}"
parameters = { asset = "scores" }
[[operations]]
include-path = "/api/v1/jobs/{name}"
parameters = { name = "sync" }
[[operations]]
include-path = "/api/v1/jobs/{name}/run"
parameters = { name = "sync" }
[[operations]]
include-path = "/api/v1/schedules/{name}/pause"
parameters = { name = "sync_0900" }
[[operations]]
include-path = "/api/v1/schedules/{name}/resume"
parameters = { name = "sync_0900" }
TOML

# Events never end, so that nobody can wait for the whole answer.
"$schemathesis" --config-file schemathesis.toml run "$address/openapi.json" \
    --header "Authorization: Bearer $ASSETCTL_TOKEN" --exclude-path /api/v1/events \
    --checks all --max-examples "${EXAMPLES:-40}" --request-timeout 40 --seed 1 "$@"
kill -0 "$daemon" || { say "the daemon has ended"; cat daemon.log >&2; exit 1; }
