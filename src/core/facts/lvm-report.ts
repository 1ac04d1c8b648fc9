import type { CommandResult } from "../model/command.js";
import { isObject, objectsOf, parseJson, type JsonObject } from "./json.js";

/**
 * What `--reportformat json` needs besides, so that asking changes nothing: no lock files and no hints file
 * (lvm(8)). Metadata is checksummed, so a report that races with a change is wrong visibly, not quietly.
 */
export const LVM_REPORT_OPTIONS = [
  "--nolocking", "--nohints", "--reportformat", "json", "--units", "b", "--nosuffix",
] as const;

/**
 * The rows of one section (`vg`, `lv`, `pv`) of an LVM report.
 * @returns undefined where no report was printed
 */
export function lvmReportRows(result: CommandResult, section: string): readonly JsonObject[] | undefined {
  // warnings may stand before the report
  const start = result.stdout.indexOf("{");
  const parsed = start === -1 ? undefined : parseJson(result.stdout.slice(start));
  if (!isObject(parsed) || !Array.isArray(parsed["report"])) return undefined;
  return objectsOf(parsed["report"]).flatMap((report) => objectsOf(report[section]));
}
