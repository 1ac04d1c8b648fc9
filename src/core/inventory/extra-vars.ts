import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import type { Placed } from "../load/document.js";
import { documentOf, isMap, typeName } from "../load/document.js";
import { atMost } from "../load/at-most.js";
import { shellWords } from "../load/shell-words.js";
import { readYaml } from "../load/yaml.js";
import type { ReadFiles, Variables } from "./inventory.js";
import { isSourceText } from "./inventory.js";

/**
 * Variables from the command line, the strongest of all; later ones override earlier ones.
 * @param options each `-e` as the user gave it: `k=v k2='v 2'` (values stay text), `@file` (YAML or JSON), or a map
 *   in JSON or YAML (`{"k": 1}`)
 */
export function readExtraVars(options: readonly string[], files: ReadFiles): Checked<Variables> {
  const vars = new Map<string, Placed>();
  const diagnostics: Diagnostic[] = [];
  for (const option of options) {
    const source: SourceText = { file: "-e", text: option };
    if (option.startsWith("@")) readFile(option.slice(1), source, files, vars, diagnostics);
    else if (/^\s*[{[]/.test(option)) readMap(source, vars, diagnostics);
    else readPairs(source, vars, diagnostics);
  }
  return { value: hasErrors(diagnostics) ? undefined : vars, diagnostics: atMost(diagnostics) };
}

function readFile(
  path: string, source: SourceText, files: ReadFiles, vars: Map<string, Placed>, diagnostics: Diagnostic[],
): void {
  const read = files.read(path);
  if (read === undefined) {
    const at = { source, start: 1, end: source.text.length };
    diagnostics.push({ severity: "error", code: "file-missing", summary: `there is no file '${path}'`, at });
  } else if (!isSourceText(read)) diagnostics.push(read);
  else readMap(read, vars, diagnostics);
}

function readMap(source: SourceText, vars: Map<string, Placed>, diagnostics: Diagnostic[]): void {
  const { value: document, diagnostics: problems } = readYaml(source, { duplicateKeys: "warning", ansibleTags: true });
  diagnostics.push(...problems);
  if (document === undefined || document.value === null) return;
  if (!isMap(document.value)) {
    const summary = `variables are a map, not ${typeName(document.value)}`;
    diagnostics.push({ severity: "error", code: "variables-form", summary, at: document.locate([]) });
    return;
  }
  for (const [key, value] of Object.entries(document.value)) vars.set(key, { value, document, path: [key] });
}

function readPairs(source: SourceText, vars: Map<string, Placed>, diagnostics: Diagnostic[]): void {
  const split = shellWords(source.text);
  if ("problem" in split) {
    const at = { source, start: split.at, end: source.text.length };
    diagnostics.push({ severity: "error", code: "variables-form", summary: split.problem, at });
    return;
  }
  for (const word of split.words) {
    const equals = word.text.indexOf("=");
    const at = { source, start: word.start, end: word.end };
    if (equals <= 0) {
      diagnostics.push({
        severity: "error", code: "variables-form", summary: `expected name=value, not '${word.text}'`, at,
        fix: "Write -e name=value, -e @file, or -e '{\"name\": value}'",
      });
      continue;
    }
    const value = word.text.slice(equals + 1);
    vars.set(word.text.slice(0, equals), { value, document: documentOf(value, at), path: [] });
  }
}
