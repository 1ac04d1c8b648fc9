import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import type { Placed } from "../load/document.js";
import { documentOf, isMap, typeName } from "../load/document.js";
import { atMost } from "../load/at-most.js";
import type { NumberReading } from "../load/exact-number.js";
import { readAnsibleYaml } from "../load/ansible-yaml.js";
import type { ReadFiles, Variables } from "./inventory.js";
import { isSourceText } from "./inventory.js";
import { keyValue, splitArguments } from "./key-values.js";
import type { Unlock } from "./vault.js";
import { lockedAt, openFile, withoutSecrets } from "./vault.js";

/**
 * Variables from the command line, the strongest of all; later ones override earlier ones.
 * @param options each `-e` as the user gave it: `k=v k2='v 2'` (values stay text), `@file` (YAML or JSON), or a map
 *   in JSON or YAML (`{"k": 1}`)
 */
export function readExtraVars(
  options: readonly string[], files: ReadFiles, reading: { readonly numbers?: NumberReading; readonly unlock?: Unlock } = {},
): Checked<Variables> {
  const reader = new ExtraVarsReader(files, reading.numbers ?? "plain", reading.unlock);
  for (const option of options) reader.option({ file: "-e", text: option });
  const { vars, diagnostics } = reader;
  return { value: hasErrors(diagnostics) ? undefined : vars, diagnostics: atMost(diagnostics).map(withoutSecrets) };
}

class ExtraVarsReader {
  readonly vars = new Map<string, Placed>();
  readonly diagnostics: Diagnostic[] = [];

  constructor(
    private readonly files: ReadFiles,
    private readonly numbers: NumberReading,
    private readonly unlock: Unlock | undefined,
  ) {}

  option(source: SourceText): void {
    const { text } = source;
    if (text.startsWith("@")) this.file(text.slice(1), source);
    else if (/^\s*[{[]/.test(text)) this.map(source);
    else if (/^[/.]/.test(text)) {
      this.complain(source, 0, text.length, `'${text}' looks like a file, and a file begins with @`, `Write -e @${text}`);
    } else this.pairs(source);
  }

  private file(path: string, source: SourceText): void {
    const read = this.files.read(path);
    if (read === undefined) {
      const at = { source, start: 1, end: source.text.length };
      this.diagnostics.push({ severity: "error", code: "file-missing", summary: `there is no file '${path}'`, at });
      return;
    }
    const opened = isSourceText(read) ? openFile(read, this.unlock) : read;
    if (isSourceText(opened)) this.map(opened);
    // what is named on the command line is wanted: who has no password leaves it out
    else this.diagnostics.push("sealed" in opened ? lockedAt(`'${path}'`, { source, start: 1, end: source.text.length }) : opened);
  }

  private map(source: SourceText): void {
    const { value: document, diagnostics } = readAnsibleYaml(source, this.numbers);
    this.diagnostics.push(...diagnostics);
    if (document === undefined || document.value === null) return;
    if (!isMap(document.value)) {
      const summary = `variables are a map, not ${typeName(document.value)}`;
      this.diagnostics.push({ severity: "error", code: "variables-form", summary, at: document.locate([]) });
      return;
    }
    for (const [key, value] of Object.entries(document.value)) this.vars.set(key, { value, document, path: [key] });
  }

  private pairs(source: SourceText): void {
    const split = splitArguments(source.text);
    if ("problem" in split) {
      this.complain(source, split.at, source.text.length, split.problem);
      return;
    }
    for (const { text, start, end } of split.words) {
      const pair = keyValue(text);
      if (pair === undefined) {
        this.complain(source, start, end, `expected name=value, not '${text}'`,
          "Write -e name=value, -e @file, or -e '{\"name\": value}'");
        continue;
      }
      const [name, value] = pair;
      this.vars.set(name, { value, document: documentOf(value, { source, start, end }), path: [] });
    }
  }

  private complain(source: SourceText, start: number, end: number, summary: string, fix?: string): void {
    this.diagnostics.push({
      severity: "error", code: "variables-form", summary, at: { source, start, end }, ...(fix === undefined ? {} : { fix }),
    });
  }
}
