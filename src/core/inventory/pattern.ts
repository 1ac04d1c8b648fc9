import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import { didYouMean } from "../load/suggest.js";
import { globExpression } from "../load/glob.js";
import type { Inventory } from "./inventory.js";

/**
 * The hosts that a pattern means, in Ansible's order (inventory/manager.py): names and groups, globs, `~regex`,
 * joined by `:` or `,`; `:&group` keeps what is in both, `:!group` takes away; `group[0:2]`, `group[0]`, `group[-1]`.
 * @param at where the pattern was written
 * @returns an error for a part that matches nothing and is no glob; no hosts is not an error by itself
 */
export function matchHosts(pattern: string | readonly string[], inventory: Inventory, at?: SourceRange): Checked<string[]> {
  const parts = [pattern].flat().flatMap(splitPattern);
  const plain = parts.filter((part) => !/^[&!]/.test(part));
  const diagnostics: Diagnostic[] = [];
  const complain = (problem: Problem): void => {
    diagnostics.push({
      severity: problem.severity, code: problem.code, summary: problem.summary,
      ...(at === undefined ? {} : { at: inside(at, problem.part) }), ...(problem.fix === undefined ? {} : { fix: problem.fix }),
    });
  };
  let hosts: string[] = [];
  for (const part of plain.length > 0 ? plain : ["all"]) {
    hosts = [...new Set([...hosts, ...onePattern(part, inventory, complain)])];
  }
  for (const part of parts.filter((p) => p.startsWith("&"))) {
    const keep = new Set(onePattern(part.slice(1), inventory, complain));
    hosts = hosts.filter((host) => keep.has(host));
  }
  for (const part of parts.filter((p) => p.startsWith("!"))) {
    const drop = new Set(onePattern(part.slice(1), inventory, complain));
    hosts = hosts.filter((host) => !drop.has(host));
  }
  return { value: diagnostics.some((d) => d.severity === "error") ? undefined : hosts, diagnostics };
}

interface Problem {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly summary: string;
  readonly part: string;
  readonly fix?: string;
}

type Complain = (problem: Problem) => void;

/** Commas part; without one, colons do, outside of brackets and not in an IPv6 address. */
export function splitPattern(pattern: string): string[] {
  const trimmed = pattern.trim();
  if (trimmed.includes(",")) return trimmed.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (/^[0-9A-Fa-f]*(:[0-9A-Fa-f]*){2,7}$/.test(trimmed) && /^[0-9A-Fa-f]|^::/.test(trimmed) && trimmed.includes("::")) {
    return [trimmed];
  }
  return (trimmed.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? []).filter((part) => part !== "");
}

const SUBSCRIPT = /^(.+)\[(?:(-?\d+)|(\d+)([:-])(\d*))\]$/;

function onePattern(part: string, inventory: Inventory, complain: Complain): string[] {
  if (inventory.hosts.has(part)) return [part];
  const subscript = part.startsWith("~") ? null : SUBSCRIPT.exec(part);
  if (subscript === null) return named(part, inventory, complain, part);
  const hosts = named(subscript[1] ?? "", inventory, complain, part);
  if (subscript[2] !== undefined) {
    const host = hosts.at(Number(subscript[2]));
    if (host !== undefined) return [host];
    const summary = `'${part}' is out of range: the group has ${hosts.length} host${hosts.length === 1 ? "" : "s"}`;
    if (hosts.length > 0) complain({ severity: "error", code: "host-subscript", summary, part });
    return [];
  }
  // the last one belongs to the range
  const end = subscript[5] === "" || subscript[5] === undefined ? hosts.length : Number(subscript[5]) + 1;
  return hosts.slice(Number(subscript[3]), end);
}

function named(pattern: string, inventory: Inventory, complain: Complain, part: string): string[] {
  const test = tester(pattern);
  if (typeof test === "string") {
    complain({ severity: "error", code: "host-pattern", summary: test, part });
    return [];
  }
  const found: string[] = [];
  const groups = [...inventory.groups.keys()].filter(test);
  for (const group of groups) found.push(...(inventory.groups.get(group)?.hosts ?? []));
  const wide = pattern.startsWith("~") || /[.?*[]/.test(pattern);
  if (groups.length === 0 || wide) found.push(...[...inventory.hosts.keys()].filter(test));
  if (found.length === 0 && groups.length === 0) {
    const summary = `no host and no group is called '${pattern}'`;
    const fix = didYouMean(pattern, [...inventory.groups.keys(), ...inventory.hosts.keys()]) ??
      (inventory.hosts.size === 0 ? "The inventory has no hosts: give one with -i" : undefined);
    const severity = wide ? "warning" : "error";
    complain({
      severity, code: "host-pattern", part, summary: wide ? `nothing matches '${pattern}'` : summary,
      ...(fix === undefined ? {} : { fix }),
    });
  }
  return [...new Set(found)];
}

const MAX_REGEX = 200;

function tester(pattern: string): ((name: string) => boolean) | string {
  if (!pattern.startsWith("~")) {
    const expression = globExpression(pattern);
    return (name) => expression.test(name);
  }
  const body = pattern.slice(1);
  if (body.length > MAX_REGEX) return `a regular expression of more than ${MAX_REGEX} characters`;
  try {
    // Python's re.match: from the start, not to the end
    const expression = new RegExp(`^(?:${body})`);
    return (name) => expression.test(name);
  } catch {
    return `'${body}' is no regular expression`;
  }
}

function inside(at: SourceRange, part: string): SourceRange {
  const raw = at.source.text.slice(at.start, at.end);
  const offset = raw.indexOf(part);
  return offset === -1 ? at : { source: at.source, start: at.start + offset, end: at.start + offset + part.length };
}
