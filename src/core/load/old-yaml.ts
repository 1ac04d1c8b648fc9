import { isDate, isImpossibleDate } from "./yaml-scalars.js";

/** What YAML 1.1, as PyYAML and libyaml read it for Ansible, refuses or takes otherwise than YAML 1.2 does. */

interface OldYamlProblem {
  readonly summary: string;
  readonly fix: string;
}

/** A block of text without a number for its indent, whose first line of text begins with a tab. */
const TAB_FIRST = /^[|>][-+]?[ \t]*(?:#[^\n]*)?\r?\n(?: *\r?\n)* *\t/;

/**
 * @param text the scalar as it is written, quotes and all
 * @param plain its value, if it stands in no quotes and is no block
 */
export function oldYamlProblems(
  text: string, plain: string | undefined, { isKey, inBrackets }: { readonly isKey: boolean; readonly inBrackets: boolean },
): readonly OldYamlProblem[] {
  const problems: OldYamlProblem[] = [];
  if (inBrackets && plain !== undefined && /^[:?]/.test(plain)) {
    problems.push({ summary: "a text within brackets begins with no ':' or '?' in Ansible's YAML", fix: "Put it in quotes" });
  }
  if (plain === "=" || (plain === "<<" && !isKey)) {
    problems.push({ summary: `a '${plain}' alone is no text in Ansible's YAML, which refuses it`, fix: `Put it in quotes: "${plain}"` });
  } else if (isKey && plain !== undefined && isDate(plain)) {
    problems.push({ summary: `Ansible's YAML takes ${plain} for a date, and fails to print a key that is one`, fix: `Put it in quotes: "${plain}"` });
  } else if (plain !== undefined && isImpossibleDate(plain)) {
    problems.push({ summary: `Ansible's YAML takes ${plain} for a date, and there is none such`, fix: `Put it in quotes: "${plain}"` });
  }
  if (TAB_FIRST.test(text)) {
    problems.push({ summary: "a tab stands where the indent of this text is looked for", fix: "Indent with spaces, or say the indent: |2" });
  }
  const lineEnd = /[\u0085\u2028\u2029]/.exec(text)?.[0];
  if (lineEnd !== undefined) {
    problems.push({ summary: lineEndSummary(lineEnd), fix: `Write it as ${ESCAPES[lineEnd] ?? ""} in double quotes, or take it out` });
  }
  return problems;
}

const ESCAPES: Readonly<Record<string, string>> = { "\u0085": "\\N", "\u2028": "\\L", "\u2029": "\\P" };

/** In a comment such a character ends the comment: what follows it has to be one too, or nothing. */
export function lineEndInComment(text: string): OldYamlProblem & { readonly at: number } | undefined {
  const at = text.search(/[\u0085\u2028\u2029](?![ \t]*(?:[#\r\n\u0085\u2028\u2029]|$))/);
  return at === -1 ? undefined : { at, summary: lineEndSummary(text.charAt(at)), fix: "Take it out" };
}

function lineEndSummary(char: string): string {
  const code = `U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return `the character ${code} ends a line in Ansible's YAML, and not everywhere else`;
}
