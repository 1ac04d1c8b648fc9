import type { BoundImage, PastBooks, PastCommit, PastRun, RetiredImage, RunRecord } from "../model/host-state.js";
import { BOOKS } from "../model/names.js";
import { own } from "../model/own.js";
import { devnoOf, devnoOfHex } from "./devno.js";
import { known, unreadable, type FirstFact } from "./fact.js";
import { isObject, numberOf, parseJson, textOf, type JsonObject } from "./json.js";

/** What converge wrote down on the host about its own runs. */
export interface Books {
  /** The last run of each guest. */
  readonly runs: readonly RunRecord[];
  /** Newest first. */
  readonly history: readonly PastRun[];
  /** In the order in which they were retired. */
  readonly retired: readonly RetiredImage[];
  /** Newest first. */
  readonly commits: readonly PastCommit[];
  /** Runs that are nobody's last: their books are kept for `converge log`. */
  readonly past: readonly PastBooks[];
  /** By the host's clock, in seconds since the epoch. */
  readonly now?: number;
}

// Everything of many runs is asked for at once: starting a process is slow on some hosts.
// A guest's directory holds its last run (`current`), a lock that the run holds while it is alive, and a line of
// JSON for each move that came to its end. Who holds the lock the kernel says (/proc/locks, proc(5)): to try it
// would be to take it for a moment, from under a run that starts just then. tail names each file (-v) on a line of its
// own: a power cut may have torn the last line of one, and the next file's first is not to be taken for its end.
// A guest's name may have line ends in it, and end with one: its file holds it as it is. That the commit was begun is
// read as the runtime reads it (committing and forward, runtime/undo.sh). Volumes count that a run moved a disk to, or from: its
// plan names others too, and its wish (planBeside, plan/saved-wish.ts). What qmp.py has noted of a pivot says which disks QEMU left behind.
// A run that has begun nothing that has an undo, but its boot unit, leaves nothing to be taken back: the power may go right after it came.
const SCRIPT = `
untouched() {
  if [ -e "$1/ended" ] || [ -s "$1/committing" ] || [ -s "$1/skipped" ]; then return 1; fi
  [ -e "$1/started" ] || return 0
  while read -r number; do
    case $number in '' | *[!0-9]*) return 1 ;; esac
    sed -n "/^step_$number() {$/,/^}/p" "$1/program.sh" | grep -qsE '^ *act install_boot_unit ' || return 1
  done <"$1/started"
}
cd "$1/domains" 2>/dev/null || exit 0
date '+now %s'
set -- */
[ -d "$1" ] || exit 0
for domain in "$@"; do
  domain=\${domain%/}
  [ -d "$domain/current" ] || continue
  printf 'run %s %s\\n' "$domain" "$(readlink "$domain/current")"
  if [ -f "$domain/current/domain" ]; then
    kind='file domain'
    while IFS= read -r value; do
      printf '%s %s\\n' "$kind" "$value"
      kind='more domain'
    done <"$domain/current/domain"
    printf '%s %s\\n' "$kind" "$value"
  fi
  if [ -s "$domain/current/committing" ]; then
    IFS= read -r value <"$domain/current/committing"
    if [ -e "$domain/current/gone" ]; then value=offline; fi
    printf 'file committing %s\\n' "\${value:-running}"
  fi
  if untouched "$domain/current"; then echo 'file untouched yes'; fi
  if [ -s "$domain/current/pivot" ]; then echo 'file pivoted yes'; fi
  for name in owner digest since ended committed unfinished; do
    value=
    if [ -f "$domain/current/$name" ]; then IFS= read -r value <"$domain/current/$name"; fi
    printf 'file %s %s\\n' "$name" "$value"
  done
  if [ -f "$domain/current/journal.jsonl" ]; then
    sed -n '/,"event":"step",/h; \${x;s/^./step &/p;}' "$domain/current/journal.jsonl"
  fi
done
grep -sH '' -- */runs/*/committed | sed 's/^/committed /'
grep -sH '' -- */runs/*/since | sed 's/^/since /'
grep -soHE '"moved":[[][^]]*]' -- */runs/*/plan.json | awk -F: '!seen[$1]++ {
  print "moved " $1
  all = split($3, words, "\\"")
  for (at = 2; at <= all; at += 2) print "volume " $1 ":\\"volume\\":\\"" words[at] "\\""
}'
grep -soHE '"stayed": *[[][^]]*]' -- */runs/*/pivot | sed 's/^/stayed /'
grep -slF '"wish":{"wish":"return"' -- */runs/*/plan.json | sed 's/^/return /'
grep -soHE '"what":"image [^"\\\\]*","is":\\{"inode":[0-9]+' -- */runs/*/plan.json | sed 's/^/image /'
called=$(grep -shF /program.sh /etc/systemd/system/converge-boot-*.service */runs/*/before)
for run in */runs/*; do
  [ -d "$run" ] || continue
  if [ -e "$run/ended" ] && ! [ -e "$run/unfinished" ]; then
    case $called in *"/$run/program.sh"*) ;; *) continue ;; esac
  fi
  printf 'open %s\\n' "$run"
done
du -sk -- */runs/* 2>/dev/null | sed 's/^/size /'
stat -c 'lock %d %i %n' -- */lock 2>/dev/null
here=$(pwd -P)/
while read -r _ _ device _ point _; do
  case $here in "\${point%/}"/*) printf 'mount %s %s\\n' "$device" "$point" ;; esac
done </proc/self/mountinfo
while read -r _ kind _ access _ file _; do
  if [ "$kind $access" = 'FLOCK WRITE' ]; then printf 'held %s\\n' "$file"; fi
done </proc/locks
tail -v -n 50 -- */history.jsonl 2>/dev/null
tail -v -n 200 -- */retired.jsonl 2>/dev/null
exit 0
`;

/** converge's own books under /var/lib/converge, as core/program/runtime writes them. */
export const fact: FirstFact<Books> = {
  name: "books",
  round: 1,
  command: ["sh", "-c", SCRIPT, "sh", BOOKS],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("host's books of earlier runs", result);
    const runs: { readonly directory: string; readonly run: string; readonly files: Map<string, string> }[] = [];
    const locks = new Map<string, { readonly devno: string; readonly inode: string }>();
    let mount = { devno: "?", point: "" };
    const held = new Set<string>();
    const retired: RetiredImage[] = [];
    const books = new Map<string, BookOfRun>();
    const history: (PastRun & { readonly at: number })[] = [];
    let now: number | undefined;
    for (const line of result.stdout.split("\n")) {
      const [kind, first = "", second = "", third = ""] = line.split(" ");
      const last = runs.at(-1);
      if (kind === "run") runs.push({ directory: first, run: second.split("/").at(-1) ?? "", files: new Map() });
      else if (kind === "file") last?.files.set(first, first === "domain" ? line.slice("file domain ".length) : line.slice(`file ${first} `.length).trim());
      else if (kind === "more") last?.files.set(first, `${last.files.get(first) ?? ""}\n${line.slice(`more ${first} `.length)}`);
      else if (kind === "lock") locks.set(third.split("/")[0] ?? "", { devno: devnoOf(Number(first)), inode: second });
      else if (kind === "mount" && second.length >= mount.point.length) mount = { devno: first, point: second };
      else if (kind === "held") held.add(heldFile(first));
      else if (line.startsWith("{")) {
        const entry = readEntry(line);
        history.push(...readPast(entry));
        retired.push(...readRetired(entry));
      } else if (kind === "step") last?.files.set("step", line.slice("step ".length));
      else if (kind === "now") now = Number(first) || undefined;
      else if (kind === "open") withBook(books, line.slice("open ".length), { open: true });
      else if (kind === "moved") withBook(books, line.slice("moved ".length).split("/").slice(0, 3).join("/"), { said: true });
      else if (kind === "return") withBook(books, line.slice("return ".length).split("/").slice(0, 3).join("/"), { returns: true });
      else if (kind === "size") withBook(books, line.slice(line.indexOf("\t") + 1), { bytes: 1024 * (parseInt(first, 10) || 0) });
      else if (kind === "committed" || kind === "since" || kind === "volume" || kind === "image" || kind === "stayed") {
        const colon = line.indexOf(":");
        const value = line.slice(colon + 1);
        const at = line.slice(kind.length + 1, colon).split("/").slice(0, 3).join("/");
        if (kind === "stayed") withBook(books, at, readStayed(value));
        else if (kind === "image") withBook(books, at, { images: [...(books.get(at)?.images ?? []), ...readBoundImage(value)] });
        else if (kind === "volume") withBook(books, at, { volumes: [...(books.get(at)?.volumes ?? []), value.slice('"volume":"'.length, -1)] });
        else withBook(books, at, { [kind]: Number(value) || 0 });
      }
    }
    // on btrfs each subvolume has a number of its own to stat(2), and the kernel's list has that of the file system
    const isHeld = (directory: string): boolean => {
      const { devno = "?", inode = "?" } = locks.get(directory) ?? {};
      return held.has(`${devno}:${inode}`) || held.has(`${mount.devno}:${inode}`);
    };
    return known({
      runs: runs.map(({ directory, run, files }) => readRun(directory, run, files, isHeld(directory))),
      history: history.sort((a, b) => b.at - a.at).map(({ at: _, ...past }) => past),
      retired: retired.sort((a, b) => a.at - b.at),
      ...ofBooks(books, runs),
      ...(now === undefined ? {} : { now }),
    });
  },
};

/** `fe:00:15165`: device in hexadecimal, inode in decimal. */
function heldFile(text: string): string {
  const colon = text.lastIndexOf(":");
  return `${devnoOfHex(text.slice(0, colon)) ?? "?"}${text.slice(colon)}`;
}

/** What the runtime writes when a run has come to its end; all but `stuck` have left nothing to do. */
const ENDS: Readonly<Record<string, RunRecord["state"]>> = {
  done: "done", failed: "failed", refused: "failed", stopped: "failed", stuck: "stopped",
};

function readRun(directory: string, run: string, files: ReadonlyMap<string, string>, held: boolean): RunRecord {
  const file = (name: string): string => files.get(name) ?? "";
  return {
    run,
    domain: file("domain") === "" ? directory : file("domain"),
    digest: file("digest"),
    // neither alive nor at an end: interrupted
    state: held ? "running" : (own(ENDS, file("ended")) ?? "stopped"),
    owner: file("owner"),
    since: Number(file("since")) || 0,
    ...lateness(file),
    ...(held || file("untouched") === "" ? {} : { untouched: true }),
  };
}

/** How far it came. */
function lateness(file: (name: string) => string): Partial<RunRecord> {
  const step = parseJson(file("step"));
  const title = isObject(step) ? textOf(step, "title") : "";
  const waits = isObject(step) && textOf(step, "kind") === "await-window";
  return {
    ...(title === "" || !isObject(step) ? {} : { step: { title, at: numberOf(step, "at") ?? 0, ...(waits ? { waits } : {}) } }),
    ...(Number(file("committed")) > 0 ? { committedAt: Number(file("committed")) } : {}),
    ...(file("committing") === "" ? {} : { committing: file("committing").startsWith("offline") ? "offline" : "running" }),
    ...(file("pivoted") === "" ? {} : { pivoted: true }),
    ...(file("unfinished") === "" ? {} : { unfinished: file("unfinished") }),
    ...(file("ended") === "" ? {} : { outcome: file("ended") }),
  };
}

/** What is known of one run, whether it is its guest's last or not. */
interface BookOfRun {
  readonly since?: number;
  readonly committed?: number;
  readonly volumes?: readonly string[];
  /** Which volumes it was about, be it none. */
  readonly said?: true;
  readonly bytes?: number;
  readonly open?: true;
  readonly returns?: true;
  readonly images?: readonly BoundImage[];
  readonly stayed?: readonly string[];
}

/** `"what":"image /srv/a.img","is":{"inode":7`: what a plan was bound to (bindings.ts). */
function readBoundImage(text: string): readonly BoundImage[] {
  const [, path, inode] = /^"what":"image ([^"\\]*)","is":\{"inode":(\d+)$/.exec(text) ?? [];
  return path === undefined || inode === undefined ? [] : [{ path, inode: Number(inode) }];
}

/** `"stayed": ["converge-xvda2"]`: what qmp.py has noted of a pivot. */
function readStayed(text: string): Pick<BookOfRun, "stayed"> {
  const jobs = parseJson(text.slice(text.indexOf("[")));
  return Array.isArray(jobs) ? { stayed: jobs.filter((job): job is string => typeof job === "string") } : {};
}

function withBook(books: Map<string, BookOfRun>, at: string, more: BookOfRun): void {
  books.set(at, { ...books.get(at), ...more });
}

/** `web1/runs/20261121T100000Z-aa00bb` and what is known of it. */
function ofBooks(
  books: ReadonlyMap<string, BookOfRun>, current: readonly { readonly directory: string; readonly run: string; readonly files: ReadonlyMap<string, string> }[],
): Pick<Books, "commits" | "past"> {
  const commits: PastCommit[] = [];
  const past: PastBooks[] = [];
  for (const [at, { since = 0, committed, volumes = [], said, bytes = 0, open, returns, images, stayed }] of books) {
    const [directory = "", , run = ""] = at.split("/");
    const of = current.find((one) => one.directory === directory);
    const named = of?.files.get("domain") ?? "";
    const domain = named === "" ? directory : named;
    if (committed !== undefined) {
      commits.push({
        domain, run, at: committed, volumes,
        // recordings of earlier versions have the volumes alone
        ...(said === true || volumes.length > 0 ? {} : { unsaid: true }),
        ...(returns === undefined ? {} : { returns }), ...(images === undefined ? {} : { images }),
        ...(stayed === undefined ? {} : { stayed }),
      });
    }
    if (of?.run !== run) past.push({ domain, run, since, bytes, ...(open === undefined ? {} : { open }) });
  }
  return { commits: commits.sort((a, b) => b.at - a.at), past: past.sort((a, b) => a.since - b.since) };
}

/** A line of the books. Older versions wrote on where a power cut had torn one: what was written last is whole. */
function readEntry(line: string): unknown {
  // within a string its quotes would be escaped
  return parseJson(line) ?? parseJson(line.slice(line.lastIndexOf('{"domain":')));
}

/** A member as it is: a path or a guest's name may begin or end with a blank. */
function memberOf(value: JsonObject, key: string): string {
  const member = value[key];
  return typeof member === "string" ? member : "";
}

function readRetired(value: unknown): readonly RetiredImage[] {
  if (!isObject(value)) return [];
  const member = (key: string): string => memberOf(value, key);
  const [path, retired] = [member("path"), member("retired")];
  if (!path.startsWith("/") || !retired.startsWith("/")) return [];
  const [inode, bytes, mtime] = [numberOf(value, "inode"), numberOf(value, "bytes"), numberOf(value, "mtime")];
  const keepForSeconds = numberOf(value, "keepFor");
  return [{
    domain: member("domain"), vdev: member("vdev"), volume: member("volume"), path, retired, at: numberOf(value, "at") ?? 0,
    ...(inode === undefined || bytes === undefined || mtime === undefined ? {} : { file: { inode, bytes, mtime } }),
    ...(keepForSeconds === undefined ? {} : { keepForSeconds }),
  }];
}

function readPast(value: unknown): readonly (PastRun & { readonly at: number })[] {
  if (!isObject(value)) return [];
  const domain = memberOf(value, "domain");
  const downtimeSeconds = numberOf(value, "downtimeSeconds");
  if (domain === "" || downtimeSeconds === undefined) return [];
  const strategy = textOf(value, "strategy");
  const switchOver = textOf(value, "switch");
  const restSeconds = numberOf(value, "restSeconds");
  const memoryMiB = numberOf(value, "memoryMiB");
  const exchangeSeconds = numberOf(value, "exchangeSeconds");
  return [{
    domain,
    ...(strategy === "" ? {} : { strategy }),
    ...(switchOver === "" ? {} : { switch: switchOver }),
    downtimeSeconds,
    shutdownSeconds: numberOf(value, "shutdownSeconds") ?? 0,
    startSeconds: numberOf(value, "startSeconds") ?? 0,
    bytesPerSecond: numberOf(value, "bytesPerSecond") ?? 0,
    ...(restSeconds === undefined ? {} : { restSeconds }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(exchangeSeconds === undefined ? {} : { exchangeSeconds }),
    at: numberOf(value, "at") ?? 0,
  }];
}
