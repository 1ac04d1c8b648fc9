import type { ExactNumber, NumberReading } from "./exact-number.js";
import { floatNumber, wholeNumber } from "./exact-number.js";

/**
 * Plain scalars as Ansible reads them: YAML 1.1 as PyYAML's SafeLoader resolves it (lib/yaml/resolver.py), so that
 * `yes` is true and `010` is eight here as there. A date is text: ISO 8601, as ansible-inventory prints it.
 */

const TRUE = new Set(["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const FALSE = new Set(["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);
const NULL = new Set(["", "~", "null", "Null", "NULL"]);
const INTEGER =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT = new RegExp(
  "^(?:[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?|\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?" +
    "|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN))$",
);
/** A point in time with a clock: what is printed differs from what is written (yaml/constructor.py, construct_yaml_timestamp). */
const TIMESTAMP =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?$/;

/** First characters of the words that are no text; most scalars begin with another. */
const WORD_STARTS = "yYnNtTfFoO";

/** The value of an unquoted scalar. A number that JavaScript can not hold exactly is text, or exact where that is asked for. */
export function plainScalar(
  text: string, reading: NumberReading = "plain",
): string | number | boolean | ExactNumber | null {
  const first = text.charCodeAt(0);
  // digits and signs, the dot
  if (first === 43 || first === 45 || first === 46 || (first >= 48 && first <= 57)) return number(text, reading);
  if (!WORD_STARTS.includes(text.charAt(0)) && text !== "~") return text === "" ? null : text;
  if (text.length > 5) return text;
  if (NULL.has(text)) return null;
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : text;
}

function number(text: string, reading: NumberReading): string | number | ExactNumber {
  if (INTEGER.test(text)) return integer(text, reading);
  if (FLOAT.test(text)) return floatNumber(float(text), text, reading);
  const timestamp = TIMESTAMP.exec(text);
  return timestamp === null ? text : isoTime(timestamp);
}

function integer(text: string, reading: NumberReading): string | number | ExactNumber {
  const sign = text.startsWith("-") ? -1n : 1n;
  const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
  // PyYAML takes `0b_` and `0x_` for numbers, and Python then does not
  if (digits === "0b" || digits === "0x") return text;
  if (digits.length < 15 && /^(?:0|[1-9]\d*)$/.test(digits)) return Number(sign) * Number(digits) + 0;
  return wholeNumber(sign * wholeValue(digits), text, reading);
}

function wholeValue(digits: string): bigint {
  if (digits.startsWith("0b") || digits.startsWith("0x")) return BigInt(digits);
  if (digits.includes(":")) return digits.split(":").reduce((sum, part) => sum * 60n + BigInt(part), 0n);
  return digits.length > 1 && digits.startsWith("0") ? BigInt(`0o${digits}`) : BigInt(digits);
}

function float(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  if (/inf/i.test(text)) return sign * Infinity;
  if (/nan/i.test(text)) return Number.NaN;
  const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
  return sign * (digits.includes(":") ? digits.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) : Number(digits));
}

/** As Python's datetime.isoformat prints it. */
function isoTime([, year = "", month = "", day = "", hour = "", minute = "", second = "", fraction = "", zone, sign = "", offsetHour = "", offsetMinute]:
  RegExpExecArray): string {
  const two = (digits: string): string => digits.padStart(2, "0");
  const micro = fraction.slice(0, 6).padEnd(6, "0");
  const offset = zone === undefined ? "" : zone === "Z" ? "+00:00" : `${sign}${two(offsetHour)}:${offsetMinute ?? "00"}`;
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:${second}${micro === "000000" ? "" : `.${micro}`}${offset}`;
}
