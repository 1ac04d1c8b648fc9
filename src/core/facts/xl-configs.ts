import type { CommandResult } from "../model/command.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { readDomainConfig, type NamedDomainConfig } from "../xl/domain-config.js";
import { redact } from "../xl/secrets.js";
import { decodeBase64, decodeText, decodeTextStrictly, encodeBase64 } from "./base64.js";
import { known, unreadable, type FirstFact } from "./fact.js";

/** A file that may define a guest. */
export interface ReportedConfig {
  readonly path: string;
  /** With every symbolic link resolved. */
  readonly realPath: string;
  /** By its bytes on the host. */
  readonly sha256: string;
  /** What it says; unset where it could not be read as an xl config. */
  readonly config?: NamedDomainConfig;
}

export interface ReportedConfigs {
  readonly configs: readonly ReportedConfig[];
  /** Real paths of what /etc/xen/auto links to. */
  readonly autostart: readonly string[];
}

// A file is read once: its hash is that of what was read. `maybe`: a name without `.cfg` is a config only if it
// reads as one. The hash is over bytes, hence base64 in the shell.
const SCRIPT = `
encode() { base64 | tr -d '\\n'; }
show() {
  kind=$1
  file=$2
  [ -f "$file" ] && [ -r "$file" ] || return 0
  size=$(stat -L -c %s "$file") && [ "$size" -le 262144 ] || return 0
  meta=$(stat -L -c '%a %i' "$file") || return 0
  content=$({ dd if="$file" bs=64k iflag=noatime 2>/dev/null || cat "$file"; } | encode)
  hash=$(printf '%s' "$content" | base64 -d | sha256sum)
  printf '%s %s %s %s %s %s\\n' "$kind" "$meta" "\${hash%% *}" "$(printf '%s' "$file" | encode)" \\
    "$(readlink -f "$file" | encode)" "$content"
}
for path in /etc/xen/*.cfg; do show config "$path"; done
for path in /etc/xen/*; do
  case \${path##*/} in
    *.*|README*|cpupool|xlexample*) ;;
    *) show maybe "$path" ;;
  esac
done
for path in /etc/xen/auto/*; do
  [ -f "$path" ] || continue
  printf 'auto %s\\n' "$(readlink -f "$path" | encode)"
  show config "$(readlink -f "$path")"
done
exit 0
`;

/** Guests' configs in /etc/xen, and those that /etc/xen/auto links to (xendomains). */
export const fact: FirstFact<ReportedConfigs> = {
  name: "xl-configs",
  round: 1,
  needs: ["base64", "stat", "sha256sum", "readlink"],
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("guests' configs", result);
    const configs = new Map<string, ReportedConfig>();
    const autostart: string[] = [];
    const diagnostics: Diagnostic[] = [];
    for (const line of result.stdout.split("\n")) {
      const fields = line.split(" ");
      if (fields[0] === "auto") autostart.push(pathOf(fields[1]));
      if (fields[0] !== "config" && fields[0] !== "maybe") continue;
      const reported = readFields(fields, diagnostics);
      // one file under two names is one config, and the first name stands in /etc/xen
      if (reported !== undefined && !configs.has(reported.realPath)) configs.set(reported.realPath, reported);
    }
    return known({ configs: [...configs.values()], autostart }, diagnostics);
  },
  redact(result: CommandResult) {
    const lines = result.stdout.split("\n").map((line) => {
      const fields = line.split(" ");
      if (fields[0] !== "config" && fields[0] !== "maybe") return line;
      const text = decodeTextStrictly(decodeBase64(fields[6] ?? "") ?? new Uint8Array());
      const safe = text === undefined ? "" : encodeBase64(new TextEncoder().encode(redact(text)));
      return [...fields.slice(0, 6), safe].join(" ");
    });
    return { ...result, stdout: lines.join("\n") };
  },
};

/** readlink(1) ends the path with a newline. */
function pathOf(field: string | undefined): string {
  return decodeText(decodeBase64(field ?? "") ?? new Uint8Array()).replace(/\n$/, "");
}

function readFields(fields: readonly string[], diagnostics: Diagnostic[]): ReportedConfig | undefined {
  const [kind, mode = "", inode = "", sha256 = "", pathField, realField, content = ""] = fields;
  const bytes = decodeBase64(content);
  const path = pathOf(pathField);
  if (bytes === undefined || path === "") return undefined;
  const file = { path, realPath: pathOf(realField), sha256 };
  const text = decodeTextStrictly(bytes);
  if (text === undefined) {
    if (kind === "config") diagnostics.push(notUtf8(path));
    return kind === "config" ? file : undefined;
  }
  const read = readDomainConfig(path, { file: path, text }, sha256, Number(inode), mode);
  if (kind === "maybe" && read.value === undefined) return undefined;
  // one guest's broken config is no reason to leave all guests of the host alone
  for (const diagnostic of read.diagnostics) {
    diagnostics.push(diagnostic.severity === "error" ? { ...diagnostic, severity: "warning" } : diagnostic);
  }
  return read.value === undefined ? file : { ...file, config: read.value };
}

function notUtf8(path: string): Diagnostic {
  return {
    severity: "warning",
    code: "config-encoding",
    summary: `${path} is not UTF-8 text and is left alone`,
    fix: "Convert the file to UTF-8, or leave this guest to itself.",
  };
}
