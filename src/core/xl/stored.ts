import type { Checked } from "../model/diagnostic.js";
import type { ConfiguredDisk } from "../model/domain.js";

/** What `xl list -l` prints: the configurations that xl stored when it created the guests. */

export interface StoredDomain {
  readonly domid: number;
  readonly name: string;
  readonly uuid: string;
  readonly disks: readonly ConfiguredDisk[];
}

/**
 * Reads the output of `xl list -l [NAME]`, a JSON list of `{ domid, config }`, where `config` is libxl's
 * domain_config (tools/libs/light/libxl_types.idl). libxl leaves out what has its default value.
 * @returns the guests; Dom0, which has no stored configuration worth the name, is left out
 */
export function readStoredDomains(output: string): Checked<readonly StoredDomain[]> {
  let json: unknown;
  try {
    json = JSON.parse(output);
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : "");
  }
  if (!Array.isArray(json)) return unreadable("it is no list");
  const domains: StoredDomain[] = [];
  for (const entry of json as unknown[]) {
    const domid = get(entry, "domid");
    const config = get(entry, "config");
    const info = get(config, "c_info");
    if (typeof domid !== "number" || domid === 0) continue;
    const disks = get(config, "disks");
    domains.push({
      domid,
      name: text(info, "name") ?? "",
      uuid: (text(info, "uuid") ?? "").toLowerCase(),
      disks: Array.isArray(disks) ? (disks as unknown[]).map(readDisk) : [],
    });
  }
  return { value: domains, diagnostics: [] };
}

/** Passwords in that output (`"passwd": "…"` of vnc and spice) replaced, for recordings. */
export function redactStoredDomains(output: string): string {
  return output.replace(/("[^"\\\n]{0,40}passw[^"\\\n]{0,40}"\s{0,40}:\s{0,40})"(?:[^"\\]|\\[^])*"/gi, '$1"REDACTED"');
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

function unreadable(reason: string): Checked<readonly StoredDomain[]> {
  return {
    value: undefined,
    diagnostics: [{
      severity: "error", code: "xl-stored", summary: "the output of 'xl list -l' is not what was expected",
      ...(reason === "" ? {} : { detail: reason }),
    }],
  };
}

function get(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
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

function flag(value: unknown, key: string): boolean {
  const member = get(value, key);
  return member === true || (typeof member === "number" && member !== 0);
}
