import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Settled, SettledCard } from "../model/domain.js";
import { redactInside } from "./secrets.js";
import { actionOf, macOf, plain } from "./settled.js";

/** What `xl list -l` prints: the configurations that xl stored when it created the guests. */

export interface StoredConfig {
  readonly name: string;
  readonly uuid: string;
  readonly disks: readonly ConfiguredDisk[];
  /** Its network cards, in the order of their numbers; those that were plugged out since are among them. */
  readonly cards: readonly StoredCard[];
  /** What becomes of it when it powers off: libxl leaves out `destroy`. */
  readonly onPoweroff?: string;
  /** All but its network cards, which are above. */
  readonly settled: Settled;
}

/** A network card, as libxl keeps it: it adds what is plugged in, and takes nothing away (libxl_device.c). */
export interface StoredCard {
  readonly mac: string;
  readonly devid?: number;
  /** Its backend is not in Dom0. */
  readonly elsewhere?: true;
  readonly settled: SettledCard;
}

export interface StoredDomain extends StoredConfig {
  readonly domid: number;
}

/**
 * Reads the output of `xl list -l [NAME]`, a JSON list of `{ domid, config }`, where `config` is libxl's
 * domain_config (tools/libs/light/libxl_types.idl). libxl leaves out what has its default value.
 * @returns the guests; Dom0, which has no stored configuration worth the name, is left out
 */
export function readStoredDomains(output: string): Checked<readonly StoredDomain[]> {
  const json = parse(output);
  if (!Array.isArray(json)) return unreadable("the output of 'xl list -l' is no JSON list");
  const domains: StoredDomain[] = [];
  for (const entry of json as unknown[]) {
    const domid = get(entry, "domid");
    if (typeof domid !== "number" || domid === 0) continue;
    domains.push({ domid, ...readConfig(get(entry, "config")) });
  }
  return { value: domains, diagnostics: [] };
}

/**
 * Reads one configuration by itself: the userdata `libxl-json` of a guest, and what `xl -N create` prints.
 * @param output a JSON object, libxl's domain_config
 */
export function readStoredConfig(output: string): Checked<StoredConfig> {
  const json = parse(output);
  return typeof json === "object" && json !== null && !Array.isArray(json)
    ? { value: readConfig(json), diagnostics: [] }
    : unreadable("a configuration that libxl stored is no JSON object");
}

function parse(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}

function readConfig(config: unknown): StoredConfig {
  const info = get(config, "c_info");
  const disks = get(config, "disks");
  const nics = get(config, "nics");
  const onPoweroff = word(config, "on_poweroff");
  return {
    name: text(info, "name") ?? "",
    uuid: (text(info, "uuid") ?? "").toLowerCase(),
    disks: Array.isArray(disks) ? (disks as unknown[]).map(readDisk) : [],
    cards: Array.isArray(nics) ? (nics as unknown[]).map(readCard) : [],
    ...(onPoweroff === undefined ? {} : { onPoweroff }),
    settled: readSettled(config),
  };
}

/** libxl leaves out what has its default: one VCPU, and `destroy` of every action. Before Xen 4.11 the bootloader lay with the type. */
function readSettled(config: unknown): Settled {
  const type = word(get(config, "c_info"), "type");
  const info = get(config, "b_info");
  const ofType = get(info, `type.${type ?? ""}`);
  const vcpus = get(info, "avail_vcpus");
  const memory = count(info, "target_memkb");
  const maxMemory = count(info, "max_memkb");
  const given = (key: string): string => text(info, key) ?? text(ofType, key) ?? "";
  // without the part that has them nothing is known of any of these
  if (typeof info !== "object" || info === null) return type === undefined ? {} : { type };
  return {
    ...(type === undefined ? {} : { type }),
    ...(memory === undefined ? {} : { memoryKiB: memory }),
    ...(maxMemory === undefined ? {} : { maxMemoryKiB: maxMemory }),
    ...(Array.isArray(vcpus) && vcpus.length > 0 ? { vcpus: vcpus.length } : {}),
    maxVcpus: count(info, "max_vcpus") ?? 1,
    ...(type === "hvm" ? {} : { kernel: given("kernel"), ramdisk: given("ramdisk"), cmdline: given("cmdline"), bootloader: given("bootloader") }),
    onPoweroff: actionOf(word(config, "on_poweroff") ?? "destroy"),
    onReboot: actionOf(word(config, "on_reboot") ?? "destroy"),
    onCrash: actionOf(word(config, "on_crash") ?? "destroy"),
  };
}

/** Passwords in that output replaced, for recordings: `"passwd": "…"` of vnc and spice, and those inside of arguments to QEMU. */
export function redactStoredDomains(output: string): string {
  return output
    .replace(/("[^"\\\n]{0,40}passw[^"\\\n]{0,40}"\s{0,40}:\s{0,40})"(?:[^"\\]|\\[^])*"/gi, '$1"REDACTED"')
    .replace(/"((?:[^"\\]|\\[^])*)"/g, (_, inner: string) => `"${redactInside(inner)}"`);
}

function readDisk(disk: unknown): ConfiguredDisk {
  const cdrom = flag(disk, "is_cdrom");
  const backendtype = word(disk, "backend");
  const script = text(disk, "script");
  const backend = text(disk, "backend_domname");
  const target = text(disk, "pdev_path") ?? "";
  return {
    vdev: text(disk, "vdev") ?? "",
    target,
    format: word(disk, "format") ?? (cdrom && target === "" ? "empty" : "raw"),
    access: flag(disk, "readwrite") ? "w" : "r",
    cdrom,
    ...(backendtype === undefined ? {} : { backendtype }),
    ...(script === undefined ? {} : { script }),
    ...(backend === undefined ? {} : { backend }),
  };
}

function readCard(nic: unknown): StoredCard {
  const devid = get(nic, "devid");
  const domid = get(nic, "backend_domid");
  const elsewhere = text(nic, "backend_domname") !== undefined || (typeof domid === "number" && domid !== 0);
  const mac = macOf(text(nic, "mac") ?? "");
  const [bridge, script, name] = ["bridge", "script", "ifname"].map((key) => text(nic, key));
  const settled = {
    ip: plain(text(nic, "ip") ?? ""),
    ...(mac === undefined ? {} : { mac }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(script === undefined ? {} : { script }),
    ...(name === undefined ? {} : { name }),
  };
  return {
    settled, mac: text(nic, "mac") ?? "", ...(typeof devid === "number" ? { devid } : {}), ...(elsewhere ? { elsewhere } : {}),
  };
}

function unreadable(summary: string): {
  readonly value: undefined;
  readonly diagnostics: readonly Diagnostic[];
} {
  return { value: undefined, diagnostics: [{ severity: "error", code: "xl-stored", summary }] };
}

function get(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

function text(value: unknown, key: string): string | undefined {
  const member = get(value, key);
  return typeof member === "string" && member !== "" ? member : undefined;
}

/** A name of one of libxl's enumerations; `unknown` is libxl's word for unset. */
function word(value: unknown, key: string): string | undefined {
  const name = text(value, key)?.toLowerCase();
  return name === "unknown" ? undefined : name;
}

function count(value: unknown, key: string): number | undefined {
  const member = get(value, key);
  return typeof member === "number" && Number.isFinite(member) && member > 0 ? member : undefined;
}

function flag(value: unknown, key: string): boolean {
  const member = get(value, key);
  return member === true || (typeof member === "number" && member !== 0);
}
