import type { ConfigChange } from "../model/plan.js";
import { visibleLine } from "./visible.js";
import type { View } from "./view.js";

/** The unified diff of an xl config, line by line as it is: long lines are not wrapped, so that it stays a diff. */
export function renderConfigDiff(change: ConfigChange, indent: string, view: View): readonly string[] {
  return change.diff.replace(/\n$/, "").split("\n").filter((line) => !isRuler(line)).map((line) => {
    const shown = `${indent}${visibleLine(line)}`;
    if (line.startsWith("+")) return view.style.added(shown);
    if (line.startsWith("-")) return view.style.removed(shown);
    return line.startsWith("@@") ? view.style.hunk(shown) : shown;
  });
}

/** The `diff` library heads its patches so; it tells nothing. */
function isRuler(line: string): boolean {
  return /^={20,}$/.test(line) || line.startsWith("Index: ");
}
