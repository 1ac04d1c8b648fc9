import type { ConfiguredDisk } from "../model/domain.js";

/**
 * The little language inside a disk's string. It is read by longest match at each place, as Xen's scanner
 * (tools/libs/util/libxlu_disk_l.l) does, because that alone decides what odd spellings mean: `cdrom` is a
 * flag, `cdrom ` is a positional parameter.
 */

export type SpecField =
  "target" | "format" | "vdev" | "access" | "backendtype" | "backend" | "script" | "devtype" | "other";

/** One parameter and where it stands. Offsets are UTF-16 offsets in the disk's string. */
export interface SpecPlace {
  readonly field: SpecField;
  /** `prefix` is a deprecated one (`file:`), `flag` a word without a value (`cdrom`). */
  readonly form: "positional" | "keyword" | "prefix" | "flag";
  /** As written: `format`, `file`, `no-discard`; empty for a positional one. */
  readonly name: string;
  readonly start: number;
  /** Behind the comma, where there is one. */
  readonly end: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface DiskSpec {
  readonly disk: ConfiguredDisk;
  readonly places: readonly SpecPlace[];
  /**
   * Parameters that {@link ConfiguredDisk} has no room for, by name: `discard`, `specification`, `colo-host`.
   */
  readonly options: Readonly<Record<string, string>>;
}

/** A complaint about a place in the string. */
export interface SpecProblem {
  readonly severity: "error" | "warning";
  readonly start: number;
  readonly end: number;
  readonly summary: string;
  readonly detail?: string;
  readonly fix?: string;
}

export interface ParsedDiskSpec {
  /** Missing where xl refuses the string. */
  readonly spec?: DiskSpec;
  readonly problems: readonly SpecProblem[];
}

const FORMATS = ["raw", "qcow", "qcow2", "vhd", "qed", "empty"];
const BACKEND_TYPES = ["phy", "qdisk", "tap", "standalone"];
const SPECIFICATIONS = ["xen", "virtio"];
const KEYWORDS = new Set([
  "format",
  "devtype",
  "access",
  "backend",
  "backendtype",
  "specification",
  "vdev",
  "script",
  "colo-host",
  "colo-port",
  "colo-export",
  "active-disk",
  "hidden-disk",
]);
/** Each with the option it sets and the value it sets it to. */
const FLAGS: Readonly<Record<string, readonly [option: string, value: string]>> = {
  cdrom: ["cdrom", "1"],
  "direct-io-safe": ["direct-io-safe", "1"],
  discard: ["discard", "1"],
  "no-discard": ["discard", "0"],
  colo: ["colo", "1"],
  "no-colo": ["colo", "0"],
  trusted: ["trusted", "1"],
  untrusted: ["trusted", "0"],
  "grant_usage=1": ["grant_usage", "1"],
  "grant_usage=0": ["grant_usage", "0"],
};
/**
 * What the scanner that Xen ships reads from 4.19 on; before, these are positional parameters or bad syntax.
 */
const NEW_OPTIONS = new Set(["trusted", "grant_usage"]);
const PREFIX_FORMATS = new Set(["raw", "qcow", "qcow2", "vhd"]);
const PREFIX_SCRIPTS = new Set(["iscsi", "nbd", "enbd", "drbd"]);
const PREFIX_IGNORED = new Set(["tapdisk", "tap", "tap2", "aio", "ioemu", "file", "phy"]);

/** More than these of one string help nobody. */
const MOST_PROBLEMS = 10;

/** Dom0 serves a disk of which nothing is said (xl-disk-configuration(5), backend), and these say no more. */
const DOM0 = new Set(["", "0", "Domain-0"]);

const KEYWORD = /[a-z][-a-z0-9]*=/y;
const PREFIX = /[a-z][a-z0-9]*:/y;
const BLANKS = /[ \t\n]+/y;

/**
 * Reads one string of a `disk` list. Never throws, takes linear time.
 * @param text the string's value, escapes resolved
 */
export function parseDiskSpec(text: string): ParsedDiskSpec {
  return new SpecReader(text).read();
}

class SpecReader {
  private readonly problems: SpecProblem[] = [];
  private readonly places: SpecPlace[] = [];
  private readonly options = new Map<string, string>();
  private target: string | undefined;
  private format: string | undefined;
  private vdev: string | undefined;
  private script: string | undefined;
  private backend: string | undefined;
  private backendtype: string | undefined;
  private specification: string | undefined;
  private writable = true;
  private cdrom = false;
  private hadPrefix = false;
  private accessSet = false;
  private refused = false;
  private at = 0;
  // the next comma, stop (comma or equals sign) and line end from `at` on, each looked for once
  private comma = -1;
  private stop = -1;
  private line = -1;

  constructor(private readonly text: string) {}

  read(): ParsedDiskSpec {
    while (this.at < this.text.length && this.parameter());
    if (!this.failed()) this.finish();
    if (this.failed()) return { problems: this.problems };
    const disk: ConfiguredDisk = {
      vdev: this.vdev ?? "",
      target: this.target ?? "",
      format: this.cdrom && (this.target ?? "") === "" ? "empty" : (this.format ?? "raw"),
      access: this.cdrom || !this.writable ? "r" : "w",
      cdrom: this.cdrom,
      ...(this.backendtype === undefined ? {} : { backendtype: this.backendtype }),
      ...(this.script === undefined || this.script === "" ? {} : { script: this.script }),
      ...(this.backend === undefined || DOM0.has(this.backend) ? {} : { backend: this.backend }),
    };
    const options = Object.fromEntries(this.options);
    return { spec: { disk, places: this.places, options }, problems: this.problems };
  }

  private finish(): void {
    const whole = [0, this.text.length] as const;
    if (this.vdev === undefined) {
      this.error(
        ...whole,
        "the disk has no device name",
        "Name it, as in 'phy:/dev/vg0/web1-root,xvda1,w'.",
        "the order is target, format, device, access; after a prefix such as phy: there is no format",
      );
    }
    if (this.target === undefined && !this.cdrom) {
      this.error(...whole, "the disk has no target", "Name a file or a block device, or add 'cdrom'.");
    } else if (this.target === "" && !this.cdrom) {
      this.warn(...whole, "the disk has an empty target: the guest will not start");
    }
    if (this.vdev === "") this.warn(...whole, "the disk has an empty device name: the guest will not start");
  }

  /** Reads what stands at `at`. @returns false where xl stops reading */
  private parameter(): boolean {
    const { text, at } = this;
    const blanks = this.match(BLANKS);
    const run = this.positionalEnd();
    if (blanks > at && (blanks === text.length || this.lineEnd(blanks) >= run)) {
      this.at = blanks;
      return true;
    }
    const keyword = this.match(KEYWORD);
    if (keyword > at) {
      const name = text.slice(at, keyword - 1);
      if (name === "target") return this.takesRest(keyword);
      if (KEYWORDS.has(name)) return this.keyword(name, keyword);
      if (keyword < text.length && text[keyword] !== ",") {
        const end = this.commaFrom(keyword);
        this.error(
          at,
          end,
          `xl knows no disk parameter '${name}'`,
          "A target with an equals sign needs the form target=…, as the last parameter.",
        );
        this.at = keyword + 1;
        return true;
      }
    }
    const flag = this.flagAt();
    if (flag !== undefined) return this.flag(flag);
    const prefix = this.match(PREFIX);
    if (prefix > at) {
      const name = text.slice(at, prefix - 1);
      const known = PREFIX_FORMATS.has(name) || PREFIX_SCRIPTS.has(name) || PREFIX_IGNORED.has(name);
      // the pattern for unknown prefixes may step over one line end, the one for known prefixes may not
      if (known && text[prefix] !== "\n") {
        if (this.lineEnd(prefix) >= run) return this.prefix(name, prefix);
      } else {
        const follows = prefix < text.length && !/[a-z0-9]/.test(text.charAt(prefix));
        if ((follows ? this.lineEnd(prefix + 1) : prefix) >= run) {
          this.error(
            at,
            prefix,
            `xl knows no disk prefix '${name}:'`,
            "A target with a colon needs the form target=…, as the last parameter.",
          );
          return false;
        }
      }
    }
    if (run > at) return this.positional(run);
    // an equals sign: xl's scanner only notices if anything follows on the line
    if (at + 1 < text.length) this.error(at, this.lineEnd(at), "this is no disk parameter");
    else this.warn(at, at + 1, "the last '=' means nothing to xl");
    return false;
  }

  private takesRest(valueStart: number): boolean {
    const end = this.lineEnd(valueStart);
    const valueEnd = end > valueStart && this.text[end - 1] === "," ? end - 1 : end;
    this.place("target", "keyword", "target", end, valueStart, valueEnd);
    const value = this.text.slice(valueStart, valueEnd);
    if (this.once(this.target, "target")) this.target = value;
    this.at = end;
    return true;
  }

  private keyword(name: string, valueStart: number): boolean {
    const end = this.commaFrom(valueStart);
    const valueEnd = this.text[end - 1] === "," && end > valueStart ? end - 1 : end;
    const value = this.text.slice(valueStart, valueEnd);
    switch (name) {
      case "format":
        this.place("format", "keyword", name, end, valueStart, valueEnd);
        this.setFormat(value);
        break;
      case "devtype":
        this.place("devtype", "keyword", name, end, valueStart, valueEnd);
        if (value === "cdrom" || value === "disk") this.cdrom = value === "cdrom";
        else this.badValue("devtype", value, ["cdrom", "disk"]);
        break;
      case "access":
        this.place("access", "keyword", name, end, valueStart, valueEnd);
        this.setAccess(value);
        break;
      case "backendtype":
        this.place("backendtype", "keyword", name, end, valueStart, valueEnd);
        if (!BACKEND_TYPES.includes(value)) this.badValue("backendtype", value, BACKEND_TYPES);
        else if (this.same(this.backendtype, value, "backendtype")) this.backendtype = value;
        break;
      case "specification":
        this.place("other", "keyword", name, end, valueStart, valueEnd);
        if (!SPECIFICATIONS.includes(value)) this.badValue("specification", value, SPECIFICATIONS);
        else if (this.same(this.specification, value, "specification")) {
          this.specification = value;
          this.options.set(name, value);
        }
        break;
      case "backend":
        this.place("backend", "keyword", name, end, valueStart, valueEnd);
        if (this.once(this.backend, name)) this.backend = value;
        break;
      case "vdev":
        this.place("vdev", "keyword", name, end, valueStart, valueEnd);
        if (this.once(this.vdev, name)) this.vdev = value;
        break;
      case "script":
        this.place("script", "keyword", name, end, valueStart, valueEnd);
        if (this.once(this.script, name)) this.script = value;
        break;
      case "colo-port":
        this.place("other", "keyword", name, end, valueStart, valueEnd);
        if (/^\s*[+-]?0*[1-9]/.test(value)) this.options.set(name, value);
        else this.error(this.at, end, `'${value}' is no port`);
        break;
      default:
        this.place("other", "keyword", name, end, valueStart, valueEnd);
        if (this.once(this.options.get(name), name)) this.options.set(name, value);
    }
    this.at = end;
    return true;
  }

  private flagAt(): string | undefined {
    const { text, at } = this;
    const first = text[at];
    if (first === undefined || !"cdntug".includes(first)) return undefined;
    for (const name of Object.keys(FLAGS)) {
      if (!text.startsWith(name, at)) continue;
      // the longest match wins: a longer positional parameter begins with the same letters
      if (name.includes("=") || this.stopFrom() === at + name.length) return name;
    }
    return undefined;
  }

  private flag(name: string): boolean {
    const valueEnd = this.at + name.length;
    const end = this.text[valueEnd] === "," ? valueEnd + 1 : valueEnd;
    const [option, value] = FLAGS[name] ?? ["", ""];
    this.place(option === "cdrom" ? "devtype" : "other", "flag", name, end, this.at, valueEnd);
    if (option === "cdrom") this.cdrom = true;
    else this.options.set(option, value);
    if (NEW_OPTIONS.has(option))
      this.warn(this.at, valueEnd, `only xl of Xen 4.19 and later reads '${name}'`);
    this.at = end;
    return true;
  }

  private prefix(name: string, end: number): boolean {
    this.place("other", "prefix", name, end, end, end);
    this.hadPrefix = true;
    if (PREFIX_FORMATS.has(name)) this.setFormat(name);
    if (PREFIX_SCRIPTS.has(name) && this.once(this.script, "script")) this.script = `block-${name}`;
    this.at = end;
    return true;
  }

  private positional(end: number): boolean {
    const { at } = this;
    const valueEnd = this.text[end - 1] === "," ? end - 1 : end;
    const value = this.text.slice(at, valueEnd);
    if (this.failed()) {
      // what one mistake has shifted is not complained about again
    } else if (this.target === undefined) {
      this.place("target", "positional", "", end, at, valueEnd);
      this.target = value;
    } else if (!this.hadPrefix && this.format === undefined) {
      if (this.target === "" && value.includes(":")) {
        this.deviceAndType(value, end, valueEnd);
        this.format = "empty";
      } else {
        this.place("format", "positional", "", end, at, valueEnd);
        this.setFormat(value);
      }
    } else if (this.vdev === undefined) {
      if (value.includes(":")) this.deviceAndType(value, end, valueEnd);
      else {
        this.place("vdev", "positional", "", end, at, valueEnd);
        this.vdev = value;
      }
    } else if (!this.accessSet) {
      this.accessSet = true;
      this.place("access", "positional", "", end, at, valueEnd);
      this.setAccess(value);
    } else {
      this.error(
        at,
        valueEnd,
        `'${value}' is one parameter too many`,
        "xl reads target, format, device and access in this order; write anything else as name=value.",
      );
      return false;
    }
    this.at = end;
    return true;
  }

  /** `hdc:cdrom`, which is deprecated. */
  private deviceAndType(value: string, end: number, valueEnd: number): void {
    const colon = value.lastIndexOf(":");
    const type = value.slice(colon + 1);
    this.place("vdev", "positional", "", end, this.at, this.at + colon);
    if (this.once(this.vdev, "vdev")) this.vdev = value.slice(0, colon);
    if (type === "cdrom" || type === "disk") this.cdrom = type === "cdrom";
    else this.error(this.at + colon + 1, valueEnd, `'${type}' is no device type`, "Use ':cdrom' or ':disk'.");
  }

  private setFormat(value: string): void {
    const format = value === "" ? "raw" : value;
    if (!FORMATS.includes(format)) this.badValue("format", value, FORMATS);
    else if (this.same(this.format, format, "format")) this.format = format;
  }

  private setAccess(value: string): void {
    if (value === "r" || value === "ro") this.writable = false;
    else if (value === "w" || value === "rw" || value === "") this.writable = true;
    else this.badValue("access", value, ["r", "ro", "w", "rw"]);
  }

  private badValue(name: string, value: string, known: readonly string[]): void {
    const lower = value.trim().toLowerCase();
    const near = known.includes(lower) ? lower : undefined;
    const last = this.places.at(-1);
    this.error(
      last?.valueStart ?? this.at,
      last?.valueEnd ?? this.at,
      `xl knows no ${name} '${value}'`,
      near === undefined ? undefined : `Write '${near}'.`,
      `it knows ${known.join(", ")}`,
    );
  }

  /** A value may be given once; an empty one may be given again. */
  private once(before: string | undefined, name: string): boolean {
    if (before === undefined || before === "") return true;
    const last = this.places.at(-1);
    this.error(last?.start ?? this.at, last?.end ?? this.at, `the ${name} of the disk is given twice`);
    return false;
  }

  /** A word of a closed set may be repeated, not contradicted. */
  private same(before: string | undefined, value: string, name: string): boolean {
    if (before === undefined || before === value) return true;
    const last = this.places.at(-1);
    this.error(
      last?.start ?? this.at,
      last?.end ?? this.at,
      `the ${name} of the disk is '${before}' already, and '${value}' contradicts it`,
    );
    return false;
  }

  private place(
    field: SpecField,
    form: SpecPlace["form"],
    name: string,
    end: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.places.push({ field, form, name, start: this.at, end, valueStart, valueEnd });
  }

  private failed(): boolean {
    return this.refused;
  }

  private error(start: number, end: number, summary: string, fix?: string, detail?: string): void {
    this.refused = true;
    if (this.problems.length >= MOST_PROBLEMS) return;
    this.problems.push({
      severity: "error",
      start,
      end,
      summary,
      ...(detail === undefined ? {} : { detail }),
      ...(fix === undefined ? {} : { fix }),
    });
  }

  private warn(start: number, end: number, summary: string): void {
    this.problems.push({ severity: "warning", start, end, summary });
  }

  // Where things end. Each of the three marks only ever moves forward, so that the whole takes linear time.

  private match(pattern: RegExp): number {
    pattern.lastIndex = this.at;
    return pattern.test(this.text) ? pattern.lastIndex : -1;
  }

  /** Offset of the next line end at or behind `from`. */
  private lineEnd(from: number): number {
    if (this.line < from) {
      const found = this.text.indexOf("\n", from);
      this.line = found === -1 ? this.text.length : found;
    }
    return this.line;
  }

  /** Offset behind the next comma at or behind `from`, or of the end. */
  private commaFrom(from: number): number {
    if (this.comma < from) {
      const found = this.text.indexOf(",", from);
      this.comma = found === -1 ? this.text.length : found;
    }
    return Math.min(this.comma + 1, this.text.length);
  }

  /** Offset of the next comma or equals sign at or behind `at`, or of the end. */
  private stopFrom(): number {
    if (this.stop < this.at) {
      let stop = this.at;
      while (stop < this.text.length && this.text[stop] !== "," && this.text[stop] !== "=") stop += 1;
      this.stop = stop;
    }
    return this.stop;
  }

  /** Where a positional parameter that begins at `at` would end, its comma included. */
  private positionalEnd(): number {
    const stop = this.stopFrom();
    return this.text[stop] === "," ? stop + 1 : stop;
  }
}
