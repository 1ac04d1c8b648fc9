import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, StoredView } from "../model/domain.js";
import { readDomainConfig } from "../xl/domain-config.js";
import { redact } from "../xl/secrets.js";
import { readStoredConfig, redactStoredDomains, type StoredCard } from "../xl/stored.js";
import { known, unreadable, type FirstFact } from "./fact.js";

/** The disks that a running guest's own reboot comes up with. */
export interface StoredGuest {
  readonly domid: number;
  /** A domain id is used again after a reboot of Dom0, and files of the old one may be left. */
  readonly uuid: string;
  readonly disks: readonly ConfiguredDisk[];
  readonly cards: readonly StoredCard[];
  /** What becomes of it when it powers off, where any of the files says something else than `destroy`. */
  readonly onPoweroff?: string;
  /** What `xl config-update` stored beats what libxl holds. */
  readonly byXl: boolean;
  /** Hex SHA-256 of that. */
  readonly storedHash?: string;
  /** What each of the files says beside disks; libxl's own has its network cards in `cards`. */
  readonly settled: readonly StoredView[];
}

// Not by `xl list -l`: that takes a lock file in this directory for each guest, and asking must leave no trace. And
// it does not show what a reboot of the guest reads first, which `xl config-update` stores under `xl`
// (reload_domain_config in tools/xl/xl_vmcontrol.c).
const SCRIPT = `
for path in /var/lib/xen/userdata-d.*.xl; do
  [ -f "$path" ] || continue
  hash=$({ dd if="$path" bs=64k iflag=noatime 2>/dev/null || cat "$path"; } | sha256sum)
  printf 'sha256 %s %s\\n' "\${hash%% *}" "\${path##*/}"
done
for path in /var/lib/xen/userdata-d.*.libxl-json /var/lib/xen/userdata-d.*.xl; do
  [ -f "$path" ] || continue
  printf 'userdata %s\\n' "\${path##*/}"
  dd if="$path" bs=64k iflag=noatime 2>/dev/null || cat "$path"
  echo
done
exit 0
`;

/** What xl and libxl stored of the running guests, in libxl's userdata files. */
export const fact: FirstFact<readonly StoredGuest[]> = {
  name: "stored-configs",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("stored configurations of running guests", result);
    const guests = new Map<string, StoredGuest>();
    const diagnostics: Diagnostic[] = [];
    const hashes = hashesOf(result.stdout);
    // `xl` comes after `libxl-json`, and beats it
    for (const { name, domid, uuid, kind, text } of filesOf(result.stdout)) {
      if (domid === 0) continue;
      const read = kind === "xl"
        ? readDomainConfig(name, { file: name, text }, "", 0, "0")
        : readStoredConfig(text);
      // what cannot be read is not known to agree with anything
      if (read.value === undefined) {
        for (const diagnostic of read.diagnostics) diagnostics.push({ ...diagnostic, severity: "warning" });
      }
      const key = `${domid} ${uuid}`;
      // only libxl's own has the addresses that it chose itself
      const cards = read.value !== undefined && "cards" in read.value ? read.value.cards : (guests.get(key)?.cards ?? []);
      // the xl that watches the guest knows the one of its creation, and reads the other when the guest reboots
      const view: StoredView | undefined = read.value?.settled === undefined
        ? undefined
        : { by: kind === "xl" ? "xl config-update" : "libxl", settled: read.value.settled };
      const actions = [guests.get(key)?.onPoweroff, read.value?.onPoweroff];
      const onPoweroff = actions.find((action) => action !== undefined && action !== "destroy");
      guests.set(key, {
        domid, uuid, disks: read.value?.disks ?? [], cards, byXl: kind === "xl",
        ...(kind === "xl" && hashes.has(name) ? { storedHash: hashes.get(name) ?? "" } : {}),
        settled: [...(guests.get(key)?.settled ?? []), ...(view === undefined ? [] : [view])], ...(onPoweroff === undefined ? {} : { onPoweroff }),
      });
    }
    return known([...guests.values()], diagnostics);
  },
  redact(result) {
    const files = filesOf(result.stdout).map(({ name, kind, text }) =>
      `userdata ${name}\n${kind === "xl" ? redact(text) : redactStoredDomains(text)}\n`);
    const hashes = [...hashesOf(result.stdout)].map(([name, hash]) => `sha256 ${hash} ${name}\n`);
    return { ...result, stdout: [...hashes, ...files].join("") };
  },
};

interface UserdataFile {
  readonly name: string;
  readonly domid: number;
  readonly uuid: string;
  readonly kind: "libxl-json" | "xl";
  readonly text: string;
}

/** They stand before the first of the files, which may hold anything. */
function hashesOf(output: string): ReadonlyMap<string, string> {
  const first = output.startsWith("userdata ") ? 0 : output.indexOf("\nuserdata ");
  const before = first === -1 ? output : output.slice(0, first);
  return new Map([...before.matchAll(/^sha256 ([0-9a-f]{64}) (\S+)$/gm)].map(([, hash = "", name = ""]) => [name, hash]));
}

function filesOf(output: string): readonly UserdataFile[] {
  const files: UserdataFile[] = [];
  // libxl ends the text with a NUL, which shells drop
  const [, ...parts] = `\n${output.replaceAll("\0", "")}`.split("\nuserdata ");
  for (const part of parts) {
    const end = part.indexOf("\n");
    const name = part.slice(0, end);
    const match = /^userdata-d\.(\d+)\.([0-9a-f-]{36})\.(libxl-json|xl)$/.exec(name);
    if (match === null) continue;
    const [, domid = "", uuid = "", kind = ""] = match;
    files.push({
      name, domid: Number(domid), uuid, kind: kind === "xl" ? "xl" : "libxl-json",
      text: part.slice(end + 1).replace(/\n$/, ""),
    });
  }
  return files;
}
