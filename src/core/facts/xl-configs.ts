import type { CommandResult } from "../model/command.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { readDomainConfig, type NamedDomainConfig } from "../xl/domain-config.js";
import { redact } from "../xl/secrets.js";
import { decodeBase64, decodeLatin1, decodeTextStrictly, encodeBase64, encodeLatin1 } from "./base64.js";
import { known, unreadable, type FirstFact } from "./fact.js";
import { sha256 } from "./sha256.js";
import { DIRECTORIES, UNCLEAR, unclear } from "./xendomains.js";

/** A file that may define a guest. */
export interface ReportedConfig {
  readonly path: string;
  /** With every symbolic link resolved. */
  readonly realPath: string;
  /** Of its bytes on the host. */
  readonly sha256: string;
  /** What it says; unset where it could not be read as an xl config. */
  readonly config?: NamedDomainConfig;
}

export interface ReportedConfigs {
  readonly configs: readonly ReportedConfig[];
  /** Real paths of what /etc/xen/auto links to, or another directory that xendomains is told to start guests from. */
  readonly autostart: readonly string[];
}

// Few processes, for hosts on which one is slow to start: everything is asked for all files at once, and only the
// reading is one by one, because dd alone can leave the access time as it is.
const SCRIPT = `${DIRECTORIES}
elsewhere=$(directories XENDOMAINS_AUTO) || exit ${UNCLEAR}
newline='
'
paths=
take() {
  for path in "$@"; do
    case $path in *"$newline"*) continue ;; esac
    if [ -f "$path" ] && [ -r "$path" ]; then paths="$paths$path$newline"; fi
  done
}
take /etc/xen/*.cfg
for path in /etc/xen/*; do
  case \${path##*/} in
    *.cfg | *.cfg.* | *.conf.* | *'~' | *.bak | *.orig | *.old | *.save | *.dpkg-* | *.ucf-* | *.rpm* | *.swp | *.sxp) ;;
    README* | cpupool | xlexample* | xl.conf | oxenstored.conf | xend-*) ;;
    *) take "$path" ;;
  esac
done
take /etc/xen/auto/*
set -f
IFS=$newline
set -- $elsewhere
set +f
for dir in "$@"; do
  case $dir in /etc/xen/auto | /etc/xen/auto/) ;; *) take "$dir"/* ;; esac
done
[ -n "$paths" ] || exit 0
for dir in "$@"; do
  printf 'auto %s\\n' "$dir"
done
set -f
set -- $paths
printf 'path %s\\n' "$@"
stat -L -c 'stat %a %i %s' -- "$@" || exit 1
readlink -f -- "$@" || exit 1
echo content
for path in "$@"; do
  dd if="$path" bs=256k count=1 iflag=noatime,fullblock 2>/dev/null || dd if="$path" bs=256k count=1 2>/dev/null
  printf '\\nend-of-config\\n'
done | base64
exit 0
`;

const END = new TextEncoder().encode("\nend-of-config\n");
/** Of a longer file only this much was read; xl itself takes no more than 1 MiB. */
const LONGEST = 256 * 1024;

/** Guests' configs in /etc/xen, whatever they are called (xl takes any name), and those that /etc/xen/auto links to (xendomains). */
export const fact: FirstFact<ReportedConfigs> = {
  name: "xl-configs",
  round: 1,
  seconds: 120,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode === UNCLEAR) return unreadable("guests' configs", result, unclear("XENDOMAINS_AUTO"));
    if (result.exitCode !== 0) return unreadable("guests' configs", result);
    const files = filesOf(result.stdout);
    const directories = directoriesOf(result.stdout);
    const isAuto = (path: string): boolean => directories.includes(path.slice(0, path.lastIndexOf("/")).replace(/\/+$/, ""));
    if (files === undefined) return unreadable("guests' configs", result, "a file changed while it was read");
    const configs = new Map<string, ReportedConfig>();
    const autostart: string[] = [];
    const diagnostics: Diagnostic[] = [];
    for (const file of files) {
      if (isAuto(file.path)) autostart.push(file.realPath);
      // one file under two names is one config, and the first name stands in /etc/xen
      if (configs.has(file.realPath)) continue;
      const reported = readFile(file, isAuto(file.path), diagnostics);
      if (reported !== undefined) configs.set(file.realPath, reported);
    }
    return known({ configs: [...configs.values()], autostart }, diagnostics);
  },
  redact(result: CommandResult) {
    const files = result.exitCode === 0 ? filesOf(result.stdout) : undefined;
    if (files === undefined) return { ...result, stdout: "" };
    const contents = files.map((file) => redactBytes(file.bytes));
    const head = [
      ...directoriesOf(result.stdout).slice(1).map((directory) => `auto ${directory}`),
      ...files.map((file) => `path ${file.path}`),
      ...files.map((file, i) => `stat ${file.mode} ${file.inode} ${contents[i]?.length ?? 0} ${file.sha256}`),
      ...files.map((file) => file.realPath),
    ];
    const stream = contents.flatMap((content) => [...content, ...END]);
    const stdout = `${head.join("\n")}\ncontent\n${encodeBase64(Uint8Array.from(stream))}\n`;
    return { ...result, stdout };
  },
};

interface ReadFile {
  readonly path: string;
  readonly realPath: string;
  readonly mode: string;
  readonly inode: number;
  readonly bytes: Uint8Array;
  /** Of the bytes as they were on the host: a recording without secrets keeps it. */
  readonly sha256: string;
}

/** Whose files xendomains starts guests from, without a slash at the end. */
function directoriesOf(text: string): readonly string[] {
  return ["/etc/xen/auto", ...[...text.matchAll(/^auto (\/.*)$/gm)].map(([, directory = ""]) => directory.replace(/\/+$/, ""))];
}

/** @returns undefined where the parts do not fit together */
function filesOf(text: string): readonly ReadFile[] | undefined {
  if (text.trim() === "") return [];
  const at = text.indexOf("\ncontent\n");
  const stream = at === -1 ? undefined : decodeBase64(text.slice(at + "\ncontent\n".length));
  if (stream === undefined) return undefined;
  const lines = text.slice(0, at).split("\n").filter((line) => !line.startsWith("auto /"));
  const count = lines.length / 3;
  if (!Number.isInteger(count)) return undefined;
  const files: ReadFile[] = [];
  let offset = 0;
  for (let i = 0; i < count; i += 1) {
    const path = lines[i] ?? "";
    const stat = /^stat (\d+) (\d+) (\d+)(?: ([0-9a-f]{64}))?$/.exec(lines[count + i] ?? "");
    if (!path.startsWith("path /") || stat === null) return undefined;
    const length = Math.min(Number(stat[3]), LONGEST);
    const bytes = stream.subarray(offset, offset + length);
    offset += length;
    if (!END.every((byte, k) => stream[offset + k] === byte)) return undefined;
    offset += END.length;
    files.push({
      path: path.slice("path ".length), realPath: lines[2 * count + i] ?? "",
      mode: stat[1] ?? "", inode: Number(stat[2]), bytes, sha256: stat[4] ?? sha256(bytes),
    });
  }
  return files;
}

function readFile(file: ReadFile, auto: boolean, diagnostics: Diagnostic[]): ReportedConfig | undefined {
  const { path, realPath, bytes, sha256: hash } = file;
  // a name without `.cfg` is a config only if it reads as one
  const certain = /\.cfg$/.test(path) || auto;
  // web1.example.org is a guest as likely as it is something else: only what has all of a guest counts, or is spoken of
  const doubtful = !certain && path.slice(path.lastIndexOf("/") + 1).includes(".");
  const unread = certain ? { path, realPath, sha256: hash } : undefined;
  const utf8 = decodeTextStrictly(bytes);
  const uneditable = bytes.length >= LONGEST ? "too-long" : utf8 === undefined ? "no-utf8" : undefined;
  // to xl, which goes by bytes, a text in another encoding is a config as any
  const text = utf8 ?? decodeLatin1(bytes);
  const whole = bytes.length < LONGEST ? text : text.slice(0, text.lastIndexOf("\n") + 1);
  const read = readDomainConfig(path, { file: path, text: whole }, hash, file.inode, file.mode);
  if (doubtful && !isGuest(read.value)) return undefined;
  if (!certain && read.value === undefined) {
    // a binary is none of xl's; what may go on as a config must not pass for absent
    if (uneditable === "too-long" && !bytes.includes(0)) diagnostics.push(notEdited(path, uneditable, false));
    return undefined;
  }
  if (uneditable !== undefined) diagnostics.push(notEdited(path, uneditable, read.value !== undefined));
  // one guest's broken config is no reason to leave all guests of the host alone
  for (const diagnostic of read.diagnostics) {
    diagnostics.push(diagnostic.severity === "error" ? { ...diagnostic, severity: "warning" } : diagnostic);
  }
  if (read.value === undefined) return unread;
  return { path, realPath, sha256: hash, config: { ...read.value, ...(uneditable === undefined ? {} : { uneditable }) } };
}

/** It has something to start from, and not a name alone. */
function isGuest(config: NamedDomainConfig | undefined): boolean {
  return config !== undefined && (config.disks.length > 0 || config.ties.includes("kernel"));
}

function redactBytes(bytes: Uint8Array): Uint8Array {
  const text = decodeTextStrictly(bytes);
  return text === undefined ? encodeLatin1(redact(decodeLatin1(bytes))) : new TextEncoder().encode(redact(text));
}

function notEdited(path: string, why: "no-utf8" | "too-long", wasRead: boolean): Diagnostic {
  const what = why === "too-long" ? `is longer than ${LONGEST / 1024} KiB` : "is no UTF-8 text";
  return {
    severity: "warning",
    code: "config-encoding",
    summary: `${path} ${what}: ${wasRead ? "the disks that it names count, and it is not edited" : "which disks it names is not known"}`,
    fix: why === "too-long"
      ? "Shorten it, or move it out of /etc/xen if it is no guest's config."
      : "Convert it to UTF-8 (iconv -f latin1 -t utf-8), or leave its guest out of the playbook.",
  };
}
