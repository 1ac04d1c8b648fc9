import type { Diagnostic } from "../model/diagnostic.js";
import type { Document, Path } from "./document.js";
import { define, isMap, placeOf } from "./document.js";
import { SecretPaths } from "./secret-paths.js";
import type { LateValues, Scope } from "./scope.js";
import { LATE_NAMES } from "./scope.js";
import { looksTemplated } from "./template.js";

/** A part of a play with its templates filled in for one host. */
export interface FilledPlay {
  readonly value: unknown;
  /** Volumes that are functions of the guest and the disk, by {@link pathKey}. Their `value` holds an example. */
  readonly lateVolumes: ReadonlyMap<string, (late: LateValues) => string>;
  /** Where it was decrypted, or is made of what was: no complaint shows what stands there. */
  readonly secrets: SecretPaths;
  /** Something in it comes from a vault that is left shut: `value` has gaps, and says nothing. */
  readonly isSealed: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Stand-ins of the right kind, to check what can be checked before the guests are known. */
const EXAMPLE: LateValues = { domain: "domain", vdev: "vdev" };

/** A path as the key of a map: equal for equal paths. */
export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** True where a value holds a template anywhere: without one, it is the same for every host. */
export function hasTemplates(value: unknown): boolean {
  if (typeof value === "string") return looksTemplated(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasTemplates);
}

/** Fills in a part of a play, keeping its shape, so that paths in it still lead to places in the file. */
export function fillPlay(document: Document, path: Path, value: unknown, scope: Scope): FilledPlay {
  const filler = new Filler(document, scope);
  const filled = filler.fill(value, path);
  const { lateVolumes, secrets, isSealed, diagnostics } = filler;
  return { value: filled, lateVolumes, secrets, isSealed, diagnostics };
}

class Filler {
  readonly lateVolumes = new Map<string, (late: LateValues) => string>();
  readonly diagnostics: Diagnostic[] = [];
  readonly secrets = new SecretPaths();
  isSealed = false;
  private readonly waiting: Scope;

  constructor(
    private readonly document: Document,
    private readonly scope: Scope,
  ) {
    this.waiting = scope.withLate("unknown");
  }

  fill(value: unknown, path: Path): unknown {
    if (Array.isArray(value)) return (value as unknown[]).map((item, i) => this.fill(item, [...path, i]));
    if (isMap(value)) {
      const map: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) define(map, key, this.fill(item, [...path, key]));
      return map;
    }
    return typeof value === "string" && looksTemplated(value) ? this.text(value, path) : value;
  }

  private text(value: string, path: Path): unknown {
    const placed = { value, document: this.document, path };
    const isVolume = path.at(-1) === "volume" && path.at(-3) === "disks";
    const rendered = (isVolume ? this.waiting : this.scope).render(placed);
    if (rendered.kind === "value") {
      if (rendered.secret === true) this.secrets.add(path);
      return rendered.value;
    }
    if (rendered.kind === "problems") {
      this.diagnostics.push(...rendered.problems);
      return undefined;
    }
    if (rendered.kind === "sealed") {
      this.isSealed = true;
      return undefined;
    }
    for (const name of LATE_NAMES) {
      const hidden = this.scope.variables.get(name);
      if (hidden === undefined || rendered.name !== name) continue;
      this.diagnostics.push({
        severity: "warning", code: "hidden-variable", at: rendered.at,
        summary: `'${name}' is the ${name === "domain" ? "guest" : "disk"} here; the variable of that name is hidden`,
        detail: `It is defined in ${placeOf(hidden).source.file}.`, fix: "Give the variable another name",
      });
    }
    const example = this.scope.withLate(EXAMPLE).render(placed);
    if (example.kind === "problems") this.diagnostics.push(...example.problems);
    if (example.kind === "sealed") this.isSealed = true;
    if (example.kind === "value" && example.secret === true) this.secrets.add(path);
    this.lateVolumes.set(pathKey(path), (late) => {
      const result = this.scope.withLate(late).render(placed);
      // what could not be filled in is no name that LVM takes, so matching will refuse it at its place
      return result.kind === "value" ? String(result.value) : value;
    });
    return example.kind === "value" ? example.value : undefined;
  }
}
