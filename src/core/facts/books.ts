import type { PastRun, RunRecord } from "../model/host-state.js";
import { BOOKS } from "../model/names.js";
import { devnoOf, devnoOfHex } from "./devno.js";
import { known, unreadable, type FirstFact } from "./fact.js";
import { isObject, numberOf, parseJson, textOf } from "./json.js";

/** What converge wrote down on the host about its own runs. */
export interface Books {
  /** The last run of each guest. */
  readonly runs: readonly RunRecord[];
  /** Newest first. */
  readonly history: readonly PastRun[];
}

// A guest's directory holds its last run (`current`), a lock that the run holds while it is alive, and a line of
// JSON for each move that came to its end. Who holds the lock the kernel says (/proc/locks, proc(5)): to try it
// would be to take it for a moment, from under a run that starts just then.
const SCRIPT = `
cd "$1/domains" 2>/dev/null || exit 0
set -- */
[ -d "$1" ] || exit 0
for domain in "$@"; do
  domain=\${domain%/}
  [ -d "$domain/current" ] || continue
  printf 'run %s %s\\n' "$domain" "$(readlink "$domain/current")"
  for name in domain owner digest since ended; do
    value=
    if [ -f "$domain/current/$name" ]; then IFS= read -r value <"$domain/current/$name"; fi
    printf 'file %s %s\\n' "$name" "$value"
  done
done
stat -c 'lock %d %i %n' -- */lock 2>/dev/null
while read -r _ kind _ access _ file _; do
  if [ "$kind $access" = 'FLOCK WRITE' ]; then printf 'held %s\\n' "$file"; fi
done </proc/locks
tail -q -n 50 -- */history.jsonl 2>/dev/null
exit 0
`;

/** converge's own books under /var/lib/converge, as core/program/runtime writes them. */
export const fact: FirstFact<Books> = {
  name: "books",
  round: 1,
  needs: ["stat", "readlink", "tail"],
  command: ["sh", "-c", SCRIPT, "sh", BOOKS],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("host's books of earlier runs", result);
    const runs: { readonly directory: string; readonly run: string; readonly files: Map<string, string> }[] = [];
    const locks = new Map<string, string>();
    const held = new Set<string>();
    const history: (PastRun & { readonly at: number })[] = [];
    for (const line of result.stdout.split("\n")) {
      const [kind, first = "", second = "", third = ""] = line.split(" ");
      const last = runs.at(-1);
      if (kind === "run") runs.push({ directory: first, run: second.split("/").at(-1) ?? "", files: new Map() });
      else if (kind === "file") last?.files.set(first, line.slice(`file ${first} `.length).trim());
      else if (kind === "lock") locks.set(third.split("/")[0] ?? "", `${devnoOf(Number(first))}:${second}`);
      else if (kind === "held") held.add(heldFile(first));
      else if (line.startsWith("{")) history.push(...readPast(line));
    }
    const isHeld = (directory: string): boolean => held.has(locks.get(directory) ?? "?");
    return known({
      runs: runs.map(({ directory, run, files }) => readRun(directory, run, files, isHeld(directory))),
      history: history.sort((a, b) => b.at - a.at).map(({ at: _, ...past }) => past),
    });
  },
};

/** `fe:00:15165`: device in hexadecimal, inode in decimal. */
function heldFile(text: string): string {
  const colon = text.lastIndexOf(":");
  return `${devnoOfHex(text.slice(0, colon)) ?? "?"}${text.slice(colon)}`;
}

/** What the runtime writes when a run has come to its end; all but `stuck` have left nothing to do. */
const ENDS: Readonly<Partial<Record<string, RunRecord["state"]>>> = {
  done: "done", failed: "failed", refused: "failed", stopped: "failed", stuck: "stopped",
};

function readRun(directory: string, run: string, files: ReadonlyMap<string, string>, held: boolean): RunRecord {
  const file = (name: string): string => files.get(name) ?? "";
  return {
    run,
    domain: file("domain") === "" ? directory : file("domain"),
    digest: file("digest"),
    // neither alive nor at an end: interrupted
    state: held ? "running" : (ENDS[file("ended")] ?? "stopped"),
    owner: file("owner"),
    since: Number(file("since")) || 0,
  };
}

function switchOf(word: string): Pick<PastRun, "switch"> {
  return word === "suspend" || word === "migrate" ? { switch: word } : {};
}

function readPast(text: string): readonly (PastRun & { readonly at: number })[] {
  const value = parseJson(text);
  if (!isObject(value)) return [];
  const domain = textOf(value, "domain");
  const downtimeSeconds = numberOf(value, "downtimeSeconds");
  if (domain === "" || downtimeSeconds === undefined) return [];
  return [{
    domain,
    ...switchOf(textOf(value, "switch")),
    downtimeSeconds,
    shutdownSeconds: numberOf(value, "shutdownSeconds") ?? 0,
    startSeconds: numberOf(value, "startSeconds") ?? 0,
    bytesPerSecond: numberOf(value, "bytesPerSecond") ?? 0,
    at: numberOf(value, "at") ?? 0,
  }];
}
