import type { Command } from "../model/command.js";
import type { ConfiguredDisk } from "../model/domain.js";
import type { StoredDomain } from "../xl/stored.js";
import { decodeBase64, decodeText } from "./base64.js";
import { known, unreadable, type SecondFact } from "./fact.js";
import { groupDumps, HEAD_FUNCTION, recogniseHead } from "./read-head.js";
import type { Recognised } from "./superblock.js";
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
  readonly storedConfigs?: readonly StoredDomain[];
  readonly xenstoreBackends?: readonly ReportedBackend[];
}

const SCRIPT = `${HEAD_FUNCTION}
number=0
for path in "$@"; do
  if facts=$(stat -L -c '%f %s %b %B %i %d %Y %h %t:%T' "$path" 2>/dev/null); then
    printf 'target %s %s %s %s\\n' "$number" "$(printf '%s' "$path" | base64 | tr -d '\\n')" \\
      "$(readlink -f "$path" | base64 | tr -d '\\n')" "$facts"
    head_of "$path"
  else
    printf 'target %s %s\\n' "$number" "$(printf '%s' "$path" | base64 | tr -d '\\n')"
  fi
  number=$((number + 1))
done
exit 0
`;

/** Files and devices that guests' disks name, in configs, in what xl stored, and attached. */
export const fact: SecondFact<readonly DiskTarget[], DiskNames> = {
  name: "disk-targets",
  round: 2,
  needs: ["stat", "readlink", "base64", "dd", "od"],
  seconds: 120,
  command(first): Command | undefined {
    const paths = new Set<string>();
    const add = (disks: readonly ConfiguredDisk[]): void => {
      for (const disk of disks) if (disk.backend === undefined) addPath(paths, disk.target);
    };
    for (const { config } of first.xlConfigs?.configs ?? []) if (config !== undefined) add(config.disks);
    for (const { disks } of first.storedConfigs ?? []) add(disks);
    for (const backend of first.xenstoreBackends ?? []) addPath(paths, paramsPath(backend));
    return paths.size === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", ...[...paths].sort()];
  },
  parse(result) {
    if (result.exitCode !== 0) return unreadable("files and devices of guests' disks", result);
    const targets: DiskTarget[] = [];
    for (const { line, head } of groupDumps(result.stdout, "target")) {
      const target = readTarget(line.split(" "), head);
      if (target !== undefined) targets.push(target);
    }
    return known(targets);
  },
};

/** The file or device behind xenstore's `params`; QEMU's are `format:path`. */
export function paramsPath(backend: ReportedBackend): string {
  return backend.backend === "vbd" ? backend.params : backend.params.replace(/^[a-z0-9]+:/, "");
}

/** Where Xen's block script looks: what does not begin with a slash lies in /dev. */
export function targetPath(target: string): string {
  return target.startsWith("/") ? target : `/dev/${target}`;
}

function addPath(paths: Set<string>, target: string): void {
  if (target !== "" && !target.includes("\0")) paths.add(targetPath(target));
}

function readTarget(fields: readonly string[], head: Uint8Array | undefined): DiskTarget | undefined {
  const [, , pathField = "", realField, mode = "0", ...numbers] = fields;
  const path = textOfField(pathField);
  if (path === "") return undefined;
  if (realField === undefined) return { ...NOTHING, path, realPath: path };
  const [bytes = 0, blocks = 0, blockBytes = 0, inode = 0, device = 0, mtime = 0, links = 0] = numbers.map(Number);
  const kind = KINDS[parseInt(mode, 16) & 0xf000] ?? "other";
  const rdev = /^([0-9a-f]+):([0-9a-f]+)$/.exec(numbers.at(-1) ?? "");
  const allocatedBytes = blocks * blockBytes;
  return {
    path,
    realPath: textOfField(realField).replace(/\n$/, ""),
    kind,
    bytes,
    allocatedBytes,
    inode,
    devno: devnoOf(device),
    ...(kind === "block" && rdev !== null
      ? { rdevno: `${parseInt(rdev[1] ?? "", 16)}:${parseInt(rdev[2] ?? "", 16)}` }
      : {}),
    mtime,
    links,
    // a file that small may lie in its inode
    recognised: recogniseHead(head, kind === "file" ? bytes : Infinity, kind === "file" && blocks === 0 && bytes > 65536),
  };
}

/** stat(2), st_mode: S_IFREG, S_IFBLK. */
const KINDS: Readonly<Record<number, DiskTarget["kind"]>> = { 0x8000: "file", 0x6000: "block" };

const NOTHING = {
  kind: "missing", bytes: 0, allocatedBytes: 0, inode: 0, devno: "0:0", mtime: 0, links: 0,
  recognised: recogniseHead(undefined, 0),
} as const;

function textOfField(field: string): string {
  return decodeText(decodeBase64(field) ?? new Uint8Array());
}

/** `major:minor` of a device number as glibc packs it: gnu_dev_major(3). */
function devnoOf(device: number): string {
  const low = device % 2 ** 32;
  const high = Math.floor(device / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) + (high & 0xfffff000);
  const minor = (low & 0xff) + ((low >>> 12) & 0xfff00) + (high & 0xfff) * 2 ** 20;
  return `${major}:${minor}`;
}
