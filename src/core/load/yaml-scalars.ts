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

/** What a plain scalar, or one with a tag, can be. */
export type ScalarValue = string | number | boolean | ExactNumber | null;

/** The value of an unquoted scalar. A number that JavaScript can not hold exactly is text, or exact where that is asked for. */
export function plainScalar(text: string, reading: NumberReading = "plain"): ScalarValue {
  const first = text.charCodeAt(0);
  // digits and signs, the dot
  if (first === 43 || first === 45 || first === 46 || (first >= 48 && first <= 57)) return number(text, reading);
  if (!WORD_STARTS.includes(text.charAt(0)) && text !== "~") return text === "" ? null : text;
  if (text.length > 5) return text;
  if (NULL.has(text)) return null;
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : text;
}

/**
 * What one of YAML's own tags makes of a scalar, whatever its style (yaml/constructor.py): `!!float 3` is 3.0.
 * @param tag without `tag:yaml.org,2002:`
 * @returns undefined where PyYAML fails, or takes what no plain scalar is
 */
export function taggedScalar(tag: string, text: string, reading: NumberReading = "plain"): ScalarValue | undefined {
  if (tag === "str") return text;
  if (tag === "null") return null;
  if (tag === "bool") {
    const word = text.toLowerCase();
    return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
  }
  if (tag === "int") return INTEGER.test(text) && !/^[-+]?0[bx]_*$/.test(text) ? integer(text, reading) : undefined;
  if (tag === "float" && (FLOAT.test(text) || DECIMAL.test(text))) return floatNumber(float(text), text, reading);
  return undefined;
}

/** What Python's `float` takes, and is no float of YAML's without a tag. */
const DECIMAL = /^[-+]?(?:(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[0-9]+(?::[0-5]?[0-9])+)$/;

/** Whether PyYAML takes a plain scalar for a date or a time. */
export function isDate(text: string): boolean {
  return dateParts(text) !== undefined;
}

/** Whether it is one that there is not: PyYAML fails then. */
export function isImpossibleDate(text: string): boolean {
  const parts = dateParts(text);
  if (parts === undefined) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const days = [31, year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return year === 0 || day === 0 || day > days || hour > 23 || minute > 59 || second > 59;
}

/** Year, month, day, and hour, minute, second of a time. */
function dateParts(text: string): readonly number[] | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? TIMESTAMP.exec(text);
  return match?.slice(1, 7).map((part) => Number(part));
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
