/**
 * Plain scalars as Ansible reads them: YAML 1.1 as PyYAML's SafeLoader resolves it (lib/yaml/resolver.py), so that
 * `yes` is true and `010` is eight here as there. A date stays text: ansible-inventory prints it as text too.
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

/** The value of an unquoted scalar. A number that JavaScript can not hold exactly stays text. */
export function plainScalar(text: string): string | number | boolean | null {
  if (NULL.has(text)) return null;
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  if (INTEGER.test(text)) return exact(integer(text), text);
  if (FLOAT.test(text)) {
    const value = float(text);
    return Number.isFinite(value) ? value : text;
  }
  return text;
}

function exact(value: number, text: string): number | string {
  return Number.isSafeInteger(value) ? value : text;
}

function integer(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
  if (digits.startsWith("0b")) return sign * Number.parseInt(digits.slice(2), 2);
  if (digits.startsWith("0x")) return sign * Number.parseInt(digits.slice(2), 16);
  if (digits.includes(":")) return sign * sexagesimal(digits);
  return sign * (digits.length > 1 && digits.startsWith("0") ? Number.parseInt(digits, 8) : Number(digits));
}

function float(text: string): number {
  if (/inf/i.test(text)) return Infinity;
  if (/nan/i.test(text)) return Number.NaN;
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
  return sign * (digits.includes(":") ? sexagesimal(digits) : Number(digits));
}

function sexagesimal(digits: string): number {
  return digits.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
