import type { PastRun, RunRecord } from "../model/host-state.js";
import { known, unreadable, type FirstFact } from "./fact.js";
import { isObject, numberOf, parseJson, textOf } from "./json.js";

/** What converge wrote down on the host about its own runs. */
export interface Books {
  readonly runs: readonly RunRecord[];
  /** Newest first. */
  readonly history: readonly PastRun[];
}

// A run is a directory of files of one line; the history is a file a run, one line of JSON, named so that the newest
// sorts last.
const SCRIPT = `
base=/var/lib/converge
set -- "$base"/runs/*/
if [ -d "$1" ]; then
  stat -c 'since %Y %n' -- "$@"
  for run in "$@"; do
    run=\${run%/}
    for name in owner digest domain state; do
      value=
      if [ -f "$run/$name" ]; then IFS= read -r value <"$run/$name"; fi
      printf 'file %s %s %s\\n' "\${run##*/}" "$name" "$value"
    done
  done
fi
set -- "$base"/history/*.json
if [ -f "$1" ]; then
  if [ "$#" -gt 200 ]; then shift "$(($# - 200))"; fi
  for file in "$@"; do
    value=
    IFS= read -r value <"$file"
    printf 'history %s\\n' "$value"
  done
fi
exit 0
`;

const STATES = new Set<string>(["running", "stopped", "done", "failed"]);

/** converge's own books under /var/lib/converge. */
export const fact: FirstFact<Books> = {
  name: "books",
  round: 1,
  needs: ["stat"],
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("host's books of earlier runs", result);
    const runs = new Map<string, { since: number; files: Map<string, string> }>();
    const history: PastRun[] = [];
    for (const line of result.stdout.split("\n")) {
      const since = /^since (\d+) .*\/([^/]+)\/?$/.exec(line);
      if (since !== null) runs.set(since[2] ?? "", { since: Number(since[1]), files: new Map() });
      const file = /^file (\S+) (\w+) (.*)$/.exec(line);
      if (file !== null) runs.get(file[1] ?? "")?.files.set(file[2] ?? "", (file[3] ?? "").trim());
      const past = line.startsWith("history ") ? readPast(line.slice("history ".length)) : undefined;
      if (past !== undefined) history.push(past);
    }
    return known({
      runs: [...runs].map(([run, { since, files }]) => readRun(run, since, files)),
      history: history.reverse(),
    });
  },
};

function readRun(run: string, since: number, files: ReadonlyMap<string, string>): RunRecord {
  const state = files.get("state") ?? "";
  return {
    run,
    domain: files.get("domain") ?? "",
    digest: files.get("digest") ?? "",
    // a run that did not get as far as saying how it ended, stopped
    state: STATES.has(state) ? (state as RunRecord["state"]) : "stopped",
    owner: files.get("owner") ?? "",
    since,
  };
}

function readPast(text: string): PastRun | undefined {
  const value = parseJson(text);
  if (!isObject(value)) return undefined;
  const domain = textOf(value, "domain");
  const downtimeSeconds = numberOf(value, "downtimeSeconds");
  if (domain === "" || downtimeSeconds === undefined) return undefined;
  return {
    domain,
    downtimeSeconds,
    shutdownSeconds: numberOf(value, "shutdownSeconds") ?? 0,
    startSeconds: numberOf(value, "startSeconds") ?? 0,
    bytesPerSecond: numberOf(value, "bytesPerSecond") ?? 0,
  };
}
