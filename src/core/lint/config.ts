import picomatch from "picomatch/posix.js";
import { isSourceText } from "../inventory/inventory.js";
import { joinPath } from "../inventory/variable-files.js";
import { isMap, own } from "../load/document.js";
import type { Document } from "../load/document.js";
import { schemaCheck } from "../load/schema/check.js";
import { didYouMean } from "../load/suggest.js";
import { readYaml } from "../load/yaml.js";
import type { Diagnostic, Severity } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import { ADJUSTABLE } from "./adjustable.js";
import type { ConfigData } from "./config-schema.js";
import { configSchema } from "./config-schema.js";
import type { LintFiles } from "./lint-files.js";
import { rules } from "./rules/registry.js";

export const CONFIG_NAME = "converge.config.yml";

export type Level = Severity | "off";

const CHECK = schemaCheck(configSchema);

/** What a config says, about files by their paths. */
export interface LintConfig {
  readonly source: SourceText;
  /** Each inventory's sources; undefined where the config names none. */
  readonly inventories: readonly (readonly string[])[] | undefined;
  /** Where it names an inventory. */
  placeOf(source: string): SourceRange | undefined;
  ignores(path: string): boolean;
  /** What findings of a rule count as in a file; undefined where the config does not say. */
  level(rule: string, path: string): Level | undefined;
}

/** The configs of a lint: for each file the nearest one above it. */
export class LintConfigs {
  readonly diagnostics: Diagnostic[] = [];
  private readonly byFolder = new Map<string, LintConfig | undefined>();

  constructor(private readonly files: LintFiles) {}

  /** Configs that have been met, in the order in which they were. */
  get all(): readonly LintConfig[] {
    return [...this.byFolder.values()].filter((config) => config !== undefined);
  }

  of(path: string): LintConfig | undefined {
    for (const folder of this.files.foldersAbove(path)) {
      if (!this.byFolder.has(folder)) this.byFolder.set(folder, this.read(folder));
      const config = this.byFolder.get(folder);
      if (config !== undefined) return config;
    }
    return undefined;
  }

  private read(folder: string): LintConfig | undefined {
    const path = joinPath(folder, CONFIG_NAME);
    const source = this.files.read(path);
    if (source === undefined) return undefined;
    if (!isSourceText(source)) {
      this.diagnostics.push(source);
      return undefined;
    }
    const { data, document, diagnostics } = readConfig(source);
    this.diagnostics.push(...diagnostics);
    return configOf(source, document, data ?? {}, folder, this.files);
  }
}

/** A config's text, checked against its schema; what is wrong in it is as if it were not there. */
export function readConfig(source: SourceText): {
  readonly data?: NonNullable<ConfigData>; readonly document?: Document; readonly diagnostics: readonly Diagnostic[];
} {
  const { value: document, diagnostics } = readYaml(source, { duplicateKeys: "error", ansible: false });
  if (document === undefined) return { diagnostics };
  const complaints = CHECK.check(document.value, (path, part) => document.locate(path, part), "filled in");
  if (complaints.length > 0) return { diagnostics: [...diagnostics, ...complaints] };
  const data = (document.value ?? {}) as NonNullable<ConfigData>;
  return { data, document, diagnostics: [...diagnostics, ...unknownRules(document)] };
}

function unknownRules(document: Document): Diagnostic[] {
  const lint = isMap(document.value) ? own(document.value, "lint") : undefined;
  if (!isMap(lint)) return [];
  const overrides = own(lint, "overrides");
  const places = [
    { path: ["lint", "rules"], levels: own(lint, "rules") },
    ...(Array.isArray(overrides) ? (overrides as unknown[]) : []).map((override, i) => ({
      path: ["lint", "overrides", i, "rules"], levels: isMap(override) ? own(override, "rules") : undefined,
    })),
  ];
  return places.flatMap(({ path, levels }) => Object.keys(isMap(levels) ? levels : {}).flatMap((name): Diagnostic[] => {
    const problem = ruleProblem(name);
    return problem === undefined ? [] : [{ severity: "error", code: "unknown-rule", at: document.locate([...path, name], "key"), ...problem }];
  }));
}

/** What is wrong with a name in a config or a comment; undefined where it is a rule that can be weighed. */
export function ruleProblem(name: string): { readonly summary: string; readonly fix: string } | undefined {
  const known = [...Object.keys(rules), ...ADJUSTABLE.keys()];
  if (known.includes(name)) return undefined;
  return {
    summary: `no rule is called '${name}' that could be weighed or silenced`,
    fix: didYouMean(name, known) ?? "The rules are in docs/lint; what makes converge itself refuse a file is an error always",
  };
}

function configOf(
  source: SourceText, document: Document | undefined, data: NonNullable<ConfigData>, folder: string, files: LintFiles,
): LintConfig {
  const { lint = {}, inventory } = data;
  const seen = (path: string): string => files.relative(folder, path);
  const ignored = matcher(lint.ignore ?? []);
  const overrides = (lint.overrides ?? []).map(({ files: globs, rules: levels }) => ({
    means: matcher([globs].flat()), levels: levelsOf(levels),
  }));
  const general = levelsOf(lint.rules ?? {});
  const paths = inventory?.map((sources) => [sources].flat().map((path) => path.startsWith("/") ? path : joinPath(folder, path)));
  return {
    source,
    inventories: paths,
    placeOf(path) {
      const entry = paths?.findIndex((sources) => sources.includes(path)) ?? -1;
      if (entry === -1) return undefined;
      const within = Array.isArray(inventory?.[entry]) ? [paths?.[entry]?.indexOf(path) ?? 0] : [];
      return document?.locate(["inventory", entry, ...within]);
    },
    ignores: (path) => ignored(seen(path)),
    level: (rule, path) => overrides.findLast(({ means, levels }) => levels.has(rule) && means(seen(path)))?.levels.get(rule) ?? general.get(rule),
  };
}

function levelsOf(levels: Readonly<Record<string, Level | boolean>>): ReadonlyMap<string, Level> {
  return new Map(Object.entries(levels).map(([name, level]) => [name, typeof level === "boolean" ? "off" : level]));
}

/** Globs as .gitignore's users know them: `*` stays within a folder, dotfiles are files like any other. */
function matcher(globs: readonly string[]): (path: string) => boolean {
  return globs.length === 0 ? () => false : picomatch([...globs], { dot: true });
}
