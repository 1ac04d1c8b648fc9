import { withoutPrefix } from "./mending.js";
import { parseDuration } from "./duration.js";
import { parseBytes } from "../model/bytes.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import type { Document, Path } from "./document.js";
import { lazily } from "./document.js";
import type { LateValues } from "./scope.js";
import type { SecretPaths } from "./secret-paths.js";

/** What reading a play's parts needs at every level: its places, its complaints, what is known outside. */
export class PlayReader {
  readonly diagnostics: Diagnostic[] = [];

  constructor(
    readonly document: Document,
    readonly play: string,
    readonly lateVolumes: ReadonlyMap<string, (late: LateValues) => string>,
    private readonly secrets: SecretPaths,
  ) {}

  at(path: Path, part: "value" | "key" = "value"): SourceRange {
    return lazily(() => this.document.locate(path, part));
  }

  complain(code: string, summary: string, path: Path, fix?: string, part: "value" | "key" = "value"): void {
    if (this.isSecret(code, path, part)) return;
    this.diagnostics.push({
      severity: "error", code, summary, at: this.at(path, part), ...(fix === undefined ? {} : { fix }),
    });
  }

  /** Like {@link complain}, of a name that was written as the path of its device. */
  complainOfPath(code: string, summary: string, path: Path, fix: string | undefined, part: "value" | "key"): void {
    if (this.isSecret(code, path, part)) return;
    const at = this.at(path, part);
    const edit = withoutPrefix(at, "/dev/", part === "key" ? /^\w+$/ : /^(?!mapper\/)[^/]+\/[^/]+$/);
    this.diagnostics.push({
      severity: "error", code, summary, at, ...(fix === undefined ? {} : { fix }), ...(edit === undefined ? {} : { edits: [edit] }),
    });
  }

  /** Of what was decrypted it is said that it is wrong, and not what of it: the words may be made of the value in any way. */
  private isSecret(code: string, path: Path, part: "value" | "key"): boolean {
    if (!this.secrets.isWithin(path)) return false;
    const name = path.findLast((key) => typeof key === "string") ?? this.play;
    const summary = `what was decrypted for '${name}' does not fit here, and is not shown`;
    this.diagnostics.push({ severity: "error", code, summary, at: this.at(path, part) });
    return true;
  }

  /** Bytes of a size that the schema has let pass; what is no size a disk can have is complained of. */
  bytes(text: string, path: Path): number | undefined {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes > 0) return bytes;
    const summary = bytes === 0 ? "a size of nothing" : `'${text.trim()}' is no size that a disk can have`;
    this.complain("out-of-range", summary, path);
    return undefined;
  }

  /**
   * Seconds for which something is waited for. Who writes `0s` means "no limit" as often as "at once", and a guest that is to be
   * destroyed when it does not obey would be, before it could: what is less than a second is complained of.
   */
  limit(text: string | undefined, path: Path): number | undefined {
    const seconds = text === undefined ? undefined : parseDuration(text);
    if (text === undefined || seconds === undefined || seconds >= 1) return seconds;
    const name = path.findLast((key) => typeof key === "string") ?? this.play;
    this.complain("out-of-range", `'${name}' is ${text.trim()}, and must be a second at least`, path, "Write how long to wait: 60s");
    return undefined;
  }

  /** Places of the keys below a map, by dotted name. */
  keyPlaces(value: unknown, path: Path, prefix = ""): Record<string, SourceRange> {
    const places: Record<string, SourceRange> = {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) return places;
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const name = prefix === "" ? key : `${prefix}.${key}`;
      places[name] = this.at([...path, key]);
      if (name === "move" || name.startsWith("move.")) Object.assign(places, this.keyPlaces(item, [...path, key], name));
    }
    return places;
  }
}
