import type { Command } from "../model/command.js";
import type { ConfiguredDisk } from "../model/domain.js";
import { pathInDev, sourceOfTags } from "../model/names.js";
import type { Books } from "./books.js";
import { devnoOf, devnoOfHex } from "./devno.js";
import { known, unreadable, type SecondFact } from "./fact.js";
import { DUMP, HEAD_FUNCTION, readHeads, recogniseHead, splitAtHeads } from "./read-head.js";
import type { Recognised } from "./superblock.js";
import type { StoredGuest } from "./stored-configs.js";
import { redactInside } from "../xl/secrets.js";
import { mapperPath } from "./volume-heads.js";
import type { ReportedVolumes } from "./volumes.js";
import type { ReportedBackend } from "./xenstore-backends.js";
import type { ReportedConfigs } from "./xl-configs.js";

/** A file or device that a guest's disk names. */
export interface DiskTarget {
  /** As configured, `/dev/` put before what does not begin with a slash. */
  readonly path: string;
  readonly realPath: string;
  readonly kind: "file" | "block" | "other" | "missing";
  readonly bytes: number;
  readonly allocatedBytes: number;
  readonly inode: number;
  /** `major:minor` of the file system it lies in. */
  readonly devno: string;
  /** Of a block device: its own `major:minor`. */
  readonly rdevno?: string;
  readonly mtime: number;
  readonly links: number;
  readonly recognised: Recognised;
}

/** The facts of the first round that name disks. */
export interface DiskNames {
  readonly xlConfigs?: ReportedConfigs;
  readonly storedConfigs?: readonly StoredGuest[];
  readonly xenstoreBackends?: readonly ReportedBackend[];
  readonly volumes?: ReportedVolumes;
  readonly books?: Pick<Books, "retired">;
}

// Everything is asked for all paths at once: starting a process is slow on some hosts. What LVM knows (`volume`)
// is read as a volume's head.
const SCRIPT = `${HEAD_FUNCTION}
newline='
'
existing=
plain=
for word in "$@"; do
  path=\${word#*:}
  if [ ! -e "$path" ]; then
    printf 'missing %s\\n' "$path"
    continue
  fi
  printf '%s %s\\n' "\${word%%:*}" "$path"
  existing="$existing$path$newline"
  case $word in path:*) plain="$plain$path$newline" ;; esac
done
[ -n "$existing" ] || exit 0
set -f
IFS=$newline
set -- $existing
stat -L -c 'stat %f %s %b %B %i %d %Y %h %t:%T' -- "$@" || exit 1
readlink -f -- "$@" || exit 1
echo heads
set -- $plain
unset IFS
number=0
for path in "$@"; do
  device=
  if [ -b "$path" ]; then
    device=$(stat -L -c '%t %T' -- "$path")
    device=$(printf '%d:%d' "0x\${device% *}" "0x\${device#* }")
  fi
  head_of "$number" "$path" "$device"
  number=$((number + 1))
done | ${DUMP}
exit 0
`;

/** Files and devices that guests' disks name, in configs, in what xl stored, and attached. */
export const fact: SecondFact<readonly DiskTarget[], DiskNames> = {
  name: "disk-targets",
  round: 2,
  seconds: 120,
  command(first): Command | undefined {
    const paths = namedPaths(first);
    if (paths.size === 0) return undefined;
    const volumes = new Set<string>();
    for (const { name } of first.volumes?.volumes ?? []) volumes.add(`/dev/${name}`).add(mapperPath(name));
    const words = [...paths].sort().map((path) => `${volumes.has(path) ? "volume" : "path"}:${path}`);
    return ["sh", "-c", SCRIPT, "sh", ...words];
  },
  parse(result) {
    if (result.exitCode !== 0) return unreadable("files and devices of guests' disks", result);
    const { lines, dump } = splitAtHeads(result.stdout);
    const named: { readonly word: string; readonly path: string }[] = [];
    for (const line of lines) {
      const match = /^(path|volume|missing) (.*)$/s.exec(line);
      if (match === null) break;
      named.push({ word: match[1] ?? "", path: match[2] ?? "" });
    }
    const existing = named.filter(({ word }) => word !== "missing").length;
    const stats = lines.slice(named.length, named.length + existing);
    const reals = lines.slice(named.length + existing, named.length + 2 * existing);
    if (existing > 0 && (dump === undefined || lines.length !== named.length + 2 * existing)) {
      return unreadable("files and devices of guests' disks", result, "they changed while they were read");
    }
    const heads = readHeads(dump ?? "");
    let found = 0;
    let headed = 0;
    return known(named.map(({ word, path }): DiskTarget => {
      if (word === "missing") return { ...NOTHING, path, realPath: path };
      const head = word === "path" ? heads.get(headed) : undefined;
      const target = readTarget(path, reals[found] ?? "", stats[found] ?? "", head);
      found += 1;
      if (word === "path") headed += 1;
      return target;
    }));
  },
  redact(result) {
    // an address is no file here
    return { ...result, stdout: result.stdout.replace(/^missing .*$/gm, (line) => redactInside(line)) };
  },
};

/** Paths of all files and devices that guests' disks name, or named. */
export function namedPaths(first: DiskNames): Set<string> {
  const paths = configuredPaths(first);
  for (const backend of first.xenstoreBackends ?? []) addPath(paths, paramsPath(backend));
  // no config names an image any more whose guest has left it, and it may still be settled, or gone back to
  for (const { tags } of first.volumes?.volumes ?? []) {
    const source = tags.includes("converge") ? sourceOfTags(tags) : undefined;
    if (source !== undefined) addPath(paths, source);
  }
  for (const { retired } of first.books?.retired ?? []) addPath(paths, retired);
  return paths;
}

/**
 * What the configs of guests, and those that are stored for running ones, name of this host's, by path.
 * @param counts which of their disks
 */
export function configuredPaths(first: Pick<DiskNames, "xlConfigs" | "storedConfigs">, counts: (disk: ConfiguredDisk) => boolean = () => true): Set<string> {
  const paths = new Set<string>();
  const add = (disks: readonly ConfiguredDisk[]): void => {
    for (const disk of disks) if (disk.backend === undefined && counts(disk)) addPath(paths, disk.target);
  };
  for (const { config } of first.xlConfigs?.configs ?? []) if (config !== undefined) add(config.disks);
  for (const { disks } of first.storedConfigs ?? []) add(disks);
  return paths;
}

/** The file or device behind xenstore's `params`; QEMU's are `format:path`. */
export function paramsPath(backend: ReportedBackend): string {
  return backend.backend === "vbd" ? backend.params : backend.params.replace(/^[a-z0-9]+:/, "");
}

function addPath(paths: Set<string>, target: string): void {
  // no argument holds a NUL, and the answer is told by lines
  if (target !== "" && !/[\0\n]/.test(target)) paths.add(pathInDev(target));
}

function readTarget(path: string, realPath: string, stat: string, head: Uint8Array | undefined): DiskTarget {
  const fields = stat.split(" ");
  const number = (at: number): number => Number(fields[at] ?? 0);
  const [bytes, blocks] = [number(2), number(3)];
  const kind = KINDS[parseInt(fields[1] ?? "0", 16) & 0xf000] ?? "other";
  const rdevno = kind === "block" ? devnoOfHex(fields.at(-1) ?? "") : undefined;
  const isFile = kind === "file";
  return {
    path,
    realPath,
    kind,
    bytes,
    allocatedBytes: blocks * number(4),
    inode: number(5),
    devno: devnoOf(number(6)),
    ...(rdevno === undefined ? {} : { rdevno }),
    mtime: number(7),
    links: number(8),
    // without a block of its own it reads as zero; a very small file may lie in its inode instead
    recognised: recogniseHead(head, isFile ? bytes : Infinity, isFile && blocks === 0 && bytes > 65536),
  };
}

/** stat(2), st_mode: S_IFREG, S_IFBLK. */
const KINDS: Readonly<Record<number, DiskTarget["kind"]>> = { 0x8000: "file", 0x6000: "block" };

const NOTHING = {
  kind: "missing", bytes: 0, allocatedBytes: 0, inode: 0, devno: "0:0", mtime: 0, links: 0,
  recognised: recogniseHead(undefined, 0),
} as const;
