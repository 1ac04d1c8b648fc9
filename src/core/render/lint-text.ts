import type { Style } from "./style.js";
import { harmlessText } from "./caret.js";
import { count } from "./figures.js";
import type { LintView } from "./lint-view.js";
import { byFile, tallyOf } from "./lint-view.js";
import type { RenderComplaints } from "./preview.js";

/** A lint's report for people: findings by file, each with its place, and a sum at the end. */
export function renderLintText({ report }: LintView, style: Style, complaints: RenderComplaints): readonly string[] {
  const { findings, files, silenced } = report;
  const groups = [...byFile(findings)].flatMap(([file, group]) => [
    ...(file === "" ? [] : [style.heading(harmlessText(file)), ""]), ...complaints(group), "",
  ]);
  const tally = tallyOf(findings);
  const parts = [
    ...(tally.error === 0 ? [] : [style.danger(count(tally.error, "error"))]),
    ...(tally.warning === 0 ? [] : [style.warning(count(tally.warning, "warning"))]),
    ...(tally.note === 0 ? [] : [count(tally.note, "note")]),
  ];
  const where = files.length === 0 ? "" : ` in ${count(files.length, "file")}`;
  const mendable = findings.filter(({ edits }) => edits !== undefined).length;
  return [
    ...groups,
    parts.length === 0 ? `${style.good("Nothing found")}${where}` : `${parts.join(", ")}${where}`,
    ...(silenced === 0 ? [] : [`${count(silenced, "finding")} silenced by comments`]),
    ...(mendable === 0 ? [] : [`${mendable} can be mended by converge lint --fix`]),
  ];
}
