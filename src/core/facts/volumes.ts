import type { Volume, VolumeKind, VolumeName } from "../model/storage.js";
import { absent, isMissingTool, known, unreadable, unreadableDiagnostic, type FirstFact } from "./fact.js";
import { numberOf, textOf, type JsonObject } from "./json.js";
import { LVM_REPORT_OPTIONS, lvmReportRows } from "./lvm-report.js";

// no column of segments: it would print a row for each segment
const COLUMNS =
  "vg_name,lv_name,lv_uuid,lv_attr,lv_size,lv_role,lv_layout,origin,pool_lv,data_percent,metadata_percent," +
  "lv_tags,lv_kernel_major,lv_kernel_minor,lv_time";

/** A volume as lvs(8) tells it; what it holds and what stands on it others say. */
export interface ReportedVolume extends Omit<Volume, "content" | "holders"> {
  /** I/O to it waits: reading it would hang. */
  readonly suspended: boolean;
}

/** All volumes that have a name of their own; hidden parts of others are left out. */
export interface ReportedVolumes {
  readonly volumes: readonly ReportedVolume[];
  /** Groups with a pvmove under way. */
  readonly pvmoves: readonly string[];
}

/** Logical volumes (lvs(8), lvmreport(7)). */
export const fact: FirstFact<ReportedVolumes> = {
  name: "volumes",
  round: 1,
  // -a: a pvmove shows only as a hidden volume
  command: ["lvs", "-a", ...LVM_REPORT_OPTIONS, "-o", COLUMNS],
  parse(result) {
    if (isMissingTool(result)) return absent;
    const rows = lvmReportRows(result, "lv");
    if (rows === undefined) return unreadable("logical volumes", result);
    const volumes: ReportedVolume[] = [];
    const pvmoves = new Set<string>();
    for (const row of rows) {
      const group = textOf(row, "vg_name");
      const name = textOf(row, "lv_name");
      const bytes = numberOf(row, "lv_size");
      // a volume that is half known must not pass for one that is not there
      if (group === "" || name === "" || bytes === undefined) {
        return unreadable("logical volumes", result, "the report lacks columns");
      }
      if (/^\[?pvmove\d+/.test(name)) pvmoves.add(group);
      if (!name.startsWith("[")) volumes.push(readVolume(`${group}/${name}`, bytes, row));
    }
    return known(
      { volumes, pvmoves: [...pvmoves] },
      result.exitCode === 0 ? [] : [unreadableDiagnostic("logical volumes", result)],
    );
  },
};

/** Attribute letters: lvs(8), "lv_attr". */
function readVolume(name: VolumeName, bytes: number, row: JsonObject): ReportedVolume {
  const group = textOf(row, "vg_name");
  const attr = textOf(row, "lv_attr");
  const state = attr.charAt(4);
  const major = numberOf(row, "lv_kernel_major") ?? -1;
  const minor = numberOf(row, "lv_kernel_minor") ?? -1;
  const live = major >= 0 && minor >= 0;
  const dataPercent = numberOf(row, "data_percent");
  const metadataPercent = numberOf(row, "metadata_percent");
  const health = healthOf(attr);
  const createdAt = instantOf(textOf(row, "lv_time"));
  const invalid = state === "I" || state === "S";
  return {
    name,
    uuid: textOf(row, "lv_uuid"),
    kind: kindOf(attr, textOf(row, "lv_layout"), textOf(row, "lv_role")),
    bytes,
    tags: textOf(row, "lv_tags").split(",").filter((tag) => tag !== ""),
    // s: suspended, c: a pool that wants a check; the snapshot letters all stand for an active one
    active: live || /^[asSImMcC]$/.test(state),
    open: attr.charAt(5) === "o",
    ...(live ? { devno: `${major}:${minor}` } : {}),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...named("origin", group, textOf(row, "origin")),
    ...named("pool", group, textOf(row, "pool_lv")),
    ...(dataPercent === undefined ? {} : { dataPercent }),
    ...(metadataPercent === undefined ? {} : { metadataPercent }),
    ...(invalid ? { invalid } : {}),
    ...(health === undefined ? {} : { health }),
    suspended: /^[sSMC]$/.test(state),
  };
}

/** `2026-11-29 17:45:03 +0000`, as report/time_format of lvm.conf(5) has it by default; what is written otherwise is not known. */
function instantOf(text: string): number | undefined {
  const [, day, time, hours, minutes] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/.exec(text) ?? [];
  if (day === undefined) return undefined;
  const millis = Date.parse(`${day}T${time ?? ""}${hours ?? ""}:${minutes ?? ""}`);
  return Number.isNaN(millis) ? undefined : millis / 1000;
}

/** Of thin pools and thin volumes: letters 9 and 5 of "lv_attr". */
function healthOf(attr: string): string | undefined {
  switch (attr.charAt(8)) {
    case "F": return "it has failed";
    case "D": return "it is out of data space";
    case "M": return "its metadata is read-only";
    default: return /^[cC]$/.test(attr.charAt(4)) ? "it wants a check" : undefined;
  }
}

function kindOf(attr: string, layout: string, role: string): VolumeKind {
  const layouts = layout.split(",");
  if (layouts.includes("thin")) return layouts.includes("pool") ? "thin-pool" : "thin";
  if (role.split(",").includes("thicksnapshot") || attr.startsWith("s") || attr.startsWith("S")) return "snapshot";
  if (layouts.includes("raid") || layouts.includes("mirror")) return "raid";
  if (layouts.includes("striped")) return "striped";
  return layouts.includes("linear") && !layouts.includes("cache") ? "linear" : "other";
}

/** Hidden volumes are printed in brackets. */
function named<K extends "origin" | "pool">(key: K, group: string, lv: string): Partial<Record<K, VolumeName>> {
  const name = lv.replace(/^\[(.*)\]$/, "$1");
  return name === "" ? {} : ({ [key]: `${group}/${name}` } as Record<K, VolumeName>);
}
