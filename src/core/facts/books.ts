import type { PastRun, RunRecord } from "../model/host-state.js";
import { decodeBase64, decodeText } from "./base64.js";
import { known, unreadable, type FirstFact } from "./fact.js";
import { isObject, numberOf, parseJson, textOf } from "./json.js";

/** What converge wrote down on the host about its own runs. */
export interface Books {
  readonly runs: readonly RunRecord[];
  /** Newest first. */
  readonly history: readonly PastRun[];
}

// Small files only. A run is a directory of one-line files; the history is a JSON file a run, newest first by name.
const SCRIPT = `
base=\${1:-/var/lib/converge}
show() {
  if [ -f "$3" ]; then
    printf '%s %s %s\\n' "$1" "$2" "$({ dd if="$3" bs=4k count=1 iflag=noatime 2>/dev/null || head -c 4096 "$3"; } | base64 | tr -d '\\n')"
  fi
}
for run in "$base"/runs/*; do
  [ -d "$run" ] || continue
  printf 'run %s %s\\n' "\${run##*/}" "$(stat -c %Y "$run")"
  for name in owner digest domain state; do show file "$name" "$run/$name"; done
done
count=0
for file in $(ls -r "$base/history" 2>/dev/null); do
  case $file in *.json) ;; *) continue ;; esac
  show history "$file" "$base/history/$file"
  count=$((count + 1))
  if [ "$count" -ge 200 ]; then break; fi
done
exit 0
`;

const STATES = new Set<string>(["running", "stopped", "done", "failed"]);

/** converge's own books under /var/lib/converge. */
export const fact: FirstFact<Books> = {
  name: "books",
  round: 1,
  needs: ["base64"],
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("host's books of earlier runs", result);
    const runs: RunRecord[] = [];
    const history: PastRun[] = [];
    let current: { run: string; since: number; files: Map<string, string> } | undefined;
    const finish = (): void => {
      if (current !== undefined) runs.push(readRun(current.run, current.since, current.files));
      current = undefined;
    };
    for (const line of result.stdout.split("\n")) {
      const [kind, name = "", value = ""] = line.split(" ");
      if (kind === "run") {
        finish();
        current = { run: name, since: Number(value) || 0, files: new Map() };
      } else if (kind === "file") {
        current?.files.set(name, textOfField(value).trim());
      } else if (kind === "history") {
        const past = readPast(textOfField(value));
        if (past !== undefined) history.push(past);
      }
    }
    finish();
    return known({ runs, history });
  },
};

function textOfField(field: string): string {
  return decodeText(decodeBase64(field) ?? new Uint8Array());
}

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
