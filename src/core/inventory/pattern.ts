import { RE2JS } from "re2js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import { didYouMean } from "../load/suggest.js";
import { globExpression } from "../load/glob.js";
import { parseAddress } from "./addresses.js";
import type { Inventory, ReadFiles } from "./inventory.js";
import { isSourceText } from "./inventory.js";

/**
 * The hosts that a pattern means, in Ansible's order (inventory/manager.py): names and groups, globs, `~regex`,
 * joined by `:` or `,`; `:&group` keeps what is in both, `:!group` takes away; `group[0:2]`, `group[0]`, `group[-1]`.
 * @param at where the pattern was written
 * @returns an error for a part that matches nothing and is no glob, and where there is none; no hosts is not an error by itself
 */
export function matchHosts(pattern: string | readonly string[], inventory: Inventory, at?: SourceRange): Checked<string[]> {
  const patterns = [pattern].flat();
  if (patterns.some(isBlank)) return { value: undefined, diagnostics: [namesNothing(at, "For all hosts write 'all'")] };
  return matchParts(patterns.flatMap(splitPattern), inventory, at);
}

/**
 * Where hosts should be named nothing stands, by a variable that is empty say: `,`, or `:!dom0b`. To Ansible that means all hosts, which
 * is the last thing that whoever wrote it meant.
 */
function isBlank(pattern: string): boolean {
  const parts = splitPattern(pattern);
  return parts.length === 0 || (/^\s*[,:]|[,:]\s*$|,\s*,/.test(pattern) && parts.every((part) => /^[&!]/.test(part)));
}

/**
 * The hosts that `-l` means: patterns as for {@link matchHosts}, and `@file`, which holds one a line
 * (inventory/manager.py, subset).
 */
export function matchLimit(limit: readonly string[], inventory: Inventory, files: ReadFiles): Checked<string[]> {
  const expanded = expandLimit(limit, files);
  if (expanded.value === undefined) return { value: undefined, diagnostics: expanded.diagnostics };
  const text = expanded.value.join(",");
  return matchParts(expanded.value, inventory, { source: { file: "-l", text }, start: 0, end: text.length });
}

/** The patterns of `-l`, with those of each `@file` in its place. */
export function expandLimit(limit: readonly string[], files: ReadFiles): Checked<readonly string[]> {
  const diagnostics: Diagnostic[] = [];
  const parts = limit.flatMap((option) => {
    if (isBlank(option)) diagnostics.push(namesNothing({ source: { file: "--limit", text: option }, start: 0, end: option.length }, "For all hosts leave --limit out"));
    return splitPattern(option);
  }).flatMap((part) => {
    if (!part.startsWith("@")) return [part];
    const path = part.slice(1);
    const read = files.read(path);
    if (read !== undefined && isSourceText(read)) {
      const lines = read.text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
      if (lines.length === 0) diagnostics.push(namesNothing({ source: read, start: 0, end: 0 }, "Write one pattern a line into it; for all hosts leave --limit out"));
      return lines;
    }
    const missing: Diagnostic = { severity: "error", code: "file-missing", summary: `there is no file '${path}', which -l names`, fix: "Write one pattern a line into it" };
    diagnostics.push(read ?? missing);
    return [];
  });
  return { value: hasErrors(diagnostics) ? undefined : parts, diagnostics };
}

/** As {@link matchHosts}, of patterns that have been parted already: they are not parted again. */
export function matchParts(parts: readonly string[], inventory: Inventory, at: SourceRange | undefined): Checked<string[]> {
  const plain = parts.filter((part) => !/^[&!]/.test(part));
  const diagnostics: Diagnostic[] = [];
  const complain = (problem: Problem): void => {
    diagnostics.push({
      severity: problem.severity, code: problem.code, summary: problem.summary,
      ...(at === undefined ? {} : { at: inside(at, problem.part) }), ...(problem.fix === undefined ? {} : { fix: problem.fix }),
    });
  };
  const matcher = new PatternMatcher(inventory, complain);
  let hosts = new Set<string>();
  for (const part of plain.length > 0 ? plain : ["all"]) {
    // only here does a host go before a group of the same name: `&` and `!` mean the group
    for (const host of inventory.hosts.has(part) ? [part] : matcher.hosts(part)) hosts.add(host);
  }
  for (const part of parts.filter((p) => p.startsWith("&"))) {
    const keep = new Set(matcher.hosts(part.slice(1)));
    hosts = new Set([...hosts].filter((host) => keep.has(host)));
  }
  for (const part of parts.filter((p) => p.startsWith("!"))) for (const host of matcher.hosts(part.slice(1))) hosts.delete(host);
  return { value: hasErrors(diagnostics) ? undefined : [...hosts], diagnostics };
}

function namesNothing(at: SourceRange | undefined, fix: string): Diagnostic {
  return {
    severity: "error", code: "host-pattern", summary: "no host and no group is called ''", ...(at === undefined ? {} : { at }),
    detail: "nothing stands here, which to Ansible means all hosts", fix,
  };
}

interface Problem {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly summary: string;
  readonly part: string;
  readonly fix?: string;
}

/** Commas part; without one, colons do, outside of brackets and not in an address of IPv6. */
export function splitPattern(pattern: string): string[] {
  const parts = pattern.includes(",") ? pattern.split(",")
    : parseAddress(pattern) !== undefined ? [pattern]
      : (pattern.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? []);
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

const SUBSCRIPT = /^(.+)\[(?:(-?\d+)|(\d+)([:-])(\d*))\]$/;

class PatternMatcher {
  constructor(
    private readonly inventory: Inventory,
    private readonly complain: (problem: Problem) => void,
  ) {}

  hosts(part: string): readonly string[] {
    const subscript = part.startsWith("~") ? null : SUBSCRIPT.exec(part);
    if (subscript === null) return this.named(part, part);
    const [, name = "", index, start = "", , end = ""] = subscript;
    const hosts = this.named(name, part);
    // an end of 0 is no end, as in Ansible
    if (index === undefined && (end === "" || Number(end) !== 0)) {
      return hosts.slice(Number(start), end === "" ? hosts.length : Number(end) + 1);
    }
    const host = hosts.at(Number(index ?? start));
    if (host !== undefined) return [host];
    const summary = `'${part}' is out of range: '${name}' has ${hosts.length} host${hosts.length === 1 ? "" : "s"}`;
    if (hosts.length > 0) this.complain({ severity: "error", code: "host-subscript", summary, part });
    return [];
  }

  /** Hosts of the groups of that name; of that name themselves, if no group has it or it is a glob. */
  private named(pattern: string, part: string): readonly string[] {
    const test = tester(pattern);
    if (typeof test === "string") {
      this.complain({ severity: "error", code: "host-pattern", summary: test, part });
      return [];
    }
    const { hosts, groups } = this.inventory;
    const matching = [...groups.keys()].filter(test);
    // a host of two such groups is counted twice by a subscript, as in Ansible
    const found = matching.flatMap((group) => groups.get(group)?.hosts ?? []);
    const wide = pattern.startsWith("~") || /[.?*[]/.test(pattern);
    if (matching.length === 0 || wide) for (const host of hosts.keys()) if (test(host)) found.push(host);
    if (found.length === 0 && matching.length === 0) this.complainOfNothing(pattern, part, wide);
    return found;
  }

  private complainOfNothing(pattern: string, part: string, wide: boolean): void {
    const { hosts, groups } = this.inventory;
    const implicit = ["localhost", "127.0.0.1", "::1"].includes(pattern) ? "Name it in the inventory: converge makes up no host" : undefined;
    const fix = implicit ?? didYouMean(pattern, [...groups.keys(), ...hosts.keys()]) ??
      (hosts.size === 0 ? "The inventory has no hosts: give one with -i" : undefined);
    this.complain({
      severity: wide ? "warning" : "error", code: "host-pattern", part,
      summary: wide ? `nothing matches '${pattern}'` : `no host and no group is called '${pattern}'`,
      ...(fix === undefined ? {} : { fix }),
    });
  }
}

const MAX_REGEX = 1000;

function tester(pattern: string): ((name: string) => boolean) | string {
  if (!pattern.startsWith("~")) {
    const expression = globExpression(pattern);
    return (name) => expression.test(name);
  }
  const body = pattern.slice(1);
  if (body.length > MAX_REGEX) return `a regular expression of more than ${MAX_REGEX} characters`;
  try {
    // takes time that is linear in the name, whatever the expression; Python's \Z is its \z
    const expression = RE2JS.compile(body.replace(/\\(.)/gs, (pair, char: string) => (char === "Z" ? "\\z" : pair)));
    // Python's re.match: from the start, not to the end
    return (name) => expression.matcher(name).lookingAt();
  } catch {
    if (/\(\?<?[=!]|\\[1-9]|\(\?P=/.test(body)) {
      return `'${body}' looks around or back: such expressions can take for ever, and are not run; ':!' and ':&' take away and keep`;
    }
    return `'${body}' is no regular expression`;
  }
}

function inside(at: SourceRange, part: string): SourceRange {
  const raw = at.source.text.slice(at.start, at.end);
  const offset = raw.indexOf(part);
  return offset === -1 ? at : { source: at.source, start: at.start + offset, end: at.start + offset + part.length };
}
