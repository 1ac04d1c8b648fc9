import { rmSync } from "node:fs";
import { readExtraVars } from "../../../../src/core/inventory/extra-vars.js";
import type { Inventory } from "../../../../src/core/inventory/inventory.js";
import { loadInventory } from "../../../../src/core/inventory/load-inventory.js";
import { matchHosts, matchLimit } from "../../../../src/core/inventory/pattern.js";
import { graphText } from "../../../../src/core/inventory/show/graph.js";
import { listText } from "../../../../src/core/inventory/show/list.js";
import type { InventoryView } from "../../../../src/core/inventory/show/view.js";
import type { Diagnostic } from "../../../../src/core/model/diagnostic.js";
import { hasErrors } from "../../../../src/core/model/diagnostic.js";
import { layOut, optionValues, seenFrom } from "../case.js";
import type { Answer, Question } from "./oracle.js";

/** How converge and ansible differ about one question. */
export interface Difference {
  /**
   * silent: both answer, and not the same. refused: ansible reads it, and converge says in diagnostics that it does not.
   * taken: ansible can not read it, and converge does.
   */
  readonly kind: "silent" | "refused" | "taken";
  readonly what: string;
  readonly codes: readonly string[];
}

export function differences(question: Question, answer: Answer): readonly Difference[] {
  const folder = layOut(question);
  try {
    return compared(question, answer, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compared(question: Question, answer: Answer, folder: string): readonly Difference[] {
  const files = seenFrom(folder);
  const named = optionValues(question.options ?? [], "--playbook-dir")[0];
  const loaded = loadInventory(question.inventory, files, { numbers: "exact", playbookFolder: named ?? "." });
  const extra = readExtraVars(optionValues(question.options ?? [], "-e"), files, { numbers: "exact" });
  const found = [...loaded.diagnostics, ...extra.diagnostics];
  const codes = [...new Set(found.map(({ code }) => code))];
  const isRead = answer.list !== null && !answer.unparsed;
  if (loaded.value === undefined || extra.value === undefined) {
    const unstated = found.filter(({ severity, summary }) => severity === "error" && !STATED.some((limit) => limit.test(summary)));
    if (unstated.length === 0) return [];
    return isRead ? [{ kind: "refused", what: summaries(found), codes }] : [];
  }
  if (!isRead) return [{ kind: "taken", what: answer.said, codes }];
  const view = { inventory: loaded.value, extraVars: extra.value, playbookNamed: named !== undefined };
  return [...shown(view, answer, codes), ...patternDifferences(loaded.value, answer)];
}

/** What converge says that it does not take, though Ansible may. */
const STATED: readonly RegExp[] = [
  /^Ansible reads this value as /, /^the character U\+\w+ ends a line/,
];

function shown(view: InventoryView, answer: Answer, codes: readonly string[]): readonly Difference[] {
  const result: Difference[] = [];
  const add = (name: string, ours: string | Diagnostic | undefined, theirs: string | null | undefined): void => {
    if (theirs === null || theirs === undefined || ours === theirs || (typeof ours === "string" && isSameJson(ours, theirs))) return;
    result.push({ kind: "silent", what: `${name}\n${typeof ours === "string" ? lineDifferences(ours, theirs) : String(ours?.summary)}`, codes });
  };
  add("--list", listText(view), answer.list);
  const all = view.inventory.groups.get("all");
  // names of variables that are no text, as a warning says, show there as Python's values
  // and so do dates and times
  if (!codes.includes("key-not-text") && answer.graphVars?.search(/datetime\.|\d{4}-\d\d-\d\d \d\d:/) === -1) add("--graph --vars", all === undefined ? undefined : graphText(view, all, true), answer.graphVars);
  return result;
}

function patternDifferences(inventory: Inventory, { patterns = {} }: Answer): readonly Difference[] {
  return Object.entries(patterns).flatMap(([name, theirs]): Difference[] => {
    const limit = name.startsWith("-l ");
    const { value, diagnostics } = limit
      ? matchLimit([name.slice(3)], inventory, { read: () => undefined, list: () => undefined })
      : matchHosts(name, inventory);
    const codes = [...new Set(diagnostics.map(({ code }) => code))];
    if (theirs === null) return hasErrors(diagnostics) ? [] : [{ kind: "taken", what: `the pattern '${name}': ${JSON.stringify(value)}`, codes }];
    if (value === undefined) {
      // a name that nothing has is an error here, and a warning there
      if (diagnostics.every(({ code }) => code === "host-pattern")) return [];
      return [{ kind: "refused", what: `the pattern '${name}': ${summaries(diagnostics)}; there ${JSON.stringify(theirs)}`, codes }];
    }
    const [a, b] = limit ? [[...value].sort(), [...theirs].sort()] : [value, theirs];
    if (JSON.stringify(a) === JSON.stringify(b)) return [];
    return [{ kind: "silent", what: `the pattern '${name}'\n  - ${JSON.stringify(b)}\n  + ${JSON.stringify(a)}`, codes }];
  });
}

/** Where Python can not sort (keys of several types), only the order differs. */
function isSameJson(ours: string, theirs: string): boolean {
  return theirs.startsWith("{") && JSON.stringify(sorted(JSON.parse(exact(ours)))) === JSON.stringify(sorted(JSON.parse(exact(theirs))));
}

/** Numbers as texts, for JavaScript's would lose digits, and `1.0`. */
const exact = (text: string): string => text.replace(/"(?:[^"\\]|\\.)*"|-?[\d.][\d.eE+-]*|NaN|-?Infinity/g, (token) => (token.startsWith('"') ? token : `"number ${token}"`));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]);
}

const summaries = (diagnostics: readonly Diagnostic[]): string => diagnostics.map(({ code, summary }) => `${code}: ${summary}`).join("\n");

function lineDifferences(ours: string, theirs: string): string {
  const [a, b] = [ours.split("\n"), theirs.split("\n")];
  const at = a.findIndex((line, i) => line !== b[i]);
  return [...b.slice(Math.max(0, at - 1), at + 3).map((line) => `  - ${line}`), ...a.slice(Math.max(0, at - 1), at + 3).map((line) => `  + ${line}`)].join("\n");
}
