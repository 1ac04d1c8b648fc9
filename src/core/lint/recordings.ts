import type { InventoryHost } from "../inventory/inventory.js";
import { isSourceText } from "../inventory/inventory.js";
import { folderOf, joinPath } from "../inventory/variable-files.js";
import { readRecording } from "../facts/recording.js";
import { placeOf } from "../load/document.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { mistakeAbout } from "../model/own-mistake.js";
import type { SourceText } from "../model/source.js";
import { observe } from "../observe/observe.js";
import type { LintFiles } from "./lint-files.js";

/** What was recorded of hosts: files that were found, and files that an inventory names. */
export class Recordings {
  readonly diagnostics: Diagnostic[] = [];
  /** Every recording that was looked at. */
  readonly files = new Set<string>();
  private readonly states = new Map<string, HostState | undefined>();
  private readonly byHost = new Map<string, HostState>();

  constructor(private readonly disk: LintFiles) {}

  /** Takes in a recording; its host goes by the name that it was recorded under. */
  add(source: SourceText): void {
    const state = this.read(source);
    if (state !== undefined) this.byHost.set(state.host.name, state);
  }

  /** By the inventory's `converge_facts`, or else by the host's name. */
  of(host: InventoryHost): HostState | undefined {
    const named = host.vars.get("converge_facts");
    if (named === undefined || typeof named.value !== "string") return this.byHost.get(host.name);
    const path = named.value.startsWith("/") ? named.value : joinPath(folderOf(placeOf(named).source.file), named.value);
    const plain = normal(path);
    if (this.states.has(plain)) return this.states.get(plain);
    const source = this.disk.read(plain);
    if (source !== undefined && isSourceText(source)) return this.read(source);
    this.diagnostics.push({
      severity: "error", code: "recording-missing", at: placeOf(named), subject: { host: host.name },
      summary: `the recording ${plain} of host ${host.name} cannot be read`, fix: "Check converge_facts in the inventory.",
    });
    this.states.set(plain, undefined);
    return undefined;
  }

  private read(source: SourceText): HostState | undefined {
    const path = normal(source.file);
    if (this.states.has(path)) return this.states.get(path);
    this.files.add(path);
    const at = { source, start: 0, end: 0 };
    const { value: state, diagnostics: found } = observed(source, path);
    // a host that is not known whole is not judged by; what was merely odd on the day is no fault of the file
    const shown = hasErrors(found) ? found.filter((diagnostic) => diagnostic.severity === "error") : [];
    this.diagnostics.push(...shown.map((diagnostic) => ({ at, ...diagnostic })));
    this.states.set(path, state);
    return state;
  }
}

function observed({ text }: SourceText, path: string): Checked<HostState> {
  const readings = readRecording(text, path);
  if (readings.value === undefined) return { value: undefined, diagnostics: readings.diagnostics };
  try {
    const { value, diagnostics } = observe(readings.value);
    return { value, diagnostics: [...readings.diagnostics, ...diagnostics] };
  } catch (error) {
    return { value: undefined, diagnostics: [...readings.diagnostics, mistakeAbout(readings.value.host, error)] };
  }
}

/** A path without `a/../` in it, so that one file has one name. */
function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "." || (part === "" && parts.length > 0)) continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== ".." && parts.at(-1) !== "") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
