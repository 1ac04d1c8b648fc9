import type { Unfit, VolumeGroup } from "../model/storage.js";
import { absent, isMissingTool, known, unreadable, unreadableDiagnostic, type FirstFact } from "./fact.js";
import { numberOf, textOf } from "./json.js";
import { LVM_REPORT_OPTIONS, lvmReportRows } from "./lvm-report.js";

const COLUMNS = "vg_name,vg_uuid,vg_attr,vg_extent_size,vg_extent_count,vg_free_count,vg_missing_pv_count";

/** A volume group as vgs(8) tells it; whether a pvmove runs in it only its volumes say. */
export type ReportedGroup = Omit<VolumeGroup, "pvmove" | "sectorBytes">;

/** Volume groups (vgs(8)). */
export const fact: FirstFact<readonly ReportedGroup[]> = {
  name: "volume-groups",
  round: 1,
  command: ["vgs", ...LVM_REPORT_OPTIONS, "-o", COLUMNS],
  parse(result) {
    if (isMissingTool(result)) return absent;
    const rows = lvmReportRows(result, "vg");
    if (rows === undefined) return unreadable("volume groups", result);
    const groups: ReportedGroup[] = [];
    for (const row of rows) {
      const name = textOf(row, "vg_name");
      const extentBytes = numberOf(row, "vg_extent_size");
      const extents = numberOf(row, "vg_extent_count");
      const freeExtents = numberOf(row, "vg_free_count");
      if (name === "" || extentBytes === undefined || extents === undefined || freeExtents === undefined) {
        return unreadable("volume groups", result, "the report lacks columns");
      }
      const uuid = textOf(row, "vg_uuid");
      const twice = rows.some((other) => textOf(other, "vg_name") === name && textOf(other, "vg_uuid") !== uuid);
      const unfit = [...unfitBy(textOf(row, "vg_attr")), ...(twice ? ["of-one-name" as const] : [])];
      groups.push({
        name,
        uuid,
        extentBytes,
        extents,
        freeExtents,
        missingPvs: numberOf(row, "vg_missing_pv_count") ?? (textOf(row, "vg_attr").charAt(3) === "p" ? 1 : 0),
        ...(unfit.length === 0 ? {} : { unfit }),
      });
    }
    // rc 5: one group is broken, the others are reported
    return known(groups, result.exitCode === 0 ? [] : [unreadableDiagnostic("volume groups", result)]);
  },
};

/** Attribute letters: vgs(8), "vg_attr". */
function unfitBy(attr: string): readonly Unfit[] {
  return [
    ...(attr.startsWith("r") ? ["read-only" as const] : []),
    ...(attr.charAt(2) === "x" ? ["exported" as const] : []),
    ...(attr.charAt(5) === "c" ? ["clustered" as const] : attr.charAt(5) === "s" ? ["shared" as const] : []),
  ];
}
