import { isMap } from "../../load/document.js";
import { ExactNumber } from "../../load/exact-number.js";
import { PythonTuple, keptKeys } from "../../load/python-shape.js";
import type { Unlock } from "../vault.js";

/** What Python can print of a character: letters, marks, numbers, punctuation, symbols, and the blank. */
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/** A value as Python's `str` has it: how `ansible-inventory --graph --vars` writes it. */
export function pythonText(value: unknown, unlock?: Unlock): string {
  if (typeof value === "string") return value;
  const marked = markedText(value, unlock);
  return marked ?? pythonRepr(value, unlock);
}

/** A value as Python's `repr` has it: inside of lists and maps. */
function pythonRepr(value: unknown, unlock?: Unlock): string {
  if (typeof value === "string") return quoted(value);
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof ExactNumber) return value.text;
  if (value instanceof PythonTuple) {
    return `(${value.map((item) => pythonRepr(item, unlock)).join(", ")}${value.length === 1 ? "," : ""})`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => pythonRepr(item, unlock)).join(", ")}]`;
  const marked = markedText(value, unlock);
  if (marked !== undefined) return quoted(marked);
  if (!isMap(value)) return JSON.stringify(value);
  const keys = keptKeys(value) ?? Object.keys(value).map((key) => [key, undefined] as const);
  return `{${keys.map(([key, shown]) => `${shown ?? quoted(key)}: ${pythonRepr(value[key], unlock)}`).join(", ")}}`;
}

/** The text behind Ansible's marks; what can not be decrypted shows as it is stored. */
function markedText(value: unknown, unlock: Unlock | undefined): string | undefined {
  if (!isMap(value)) return undefined;
  const unsafe = value["__ansible_unsafe"];
  if (typeof unsafe === "string") return unsafe;
  const vaulted = value["__ansible_vault"];
  if (typeof vaulted !== "string") return undefined;
  const opened = unlock?.(vaulted);
  return opened !== undefined && "text" in opened ? opened.text : vaulted;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\\n\r\t]/g, (char) => SHORT[char] ?? char).replaceAll(quote, `\\${quote}`);
  return quote + body.replace(UNPRINTABLE, escaped) + quote;
}

const SHORT: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
