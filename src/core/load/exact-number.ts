/**
 * A number that a JavaScript number would not keep as it was written: a whole number beyond 2^53, a float without a
 * fraction (`1.0`), infinity, NaN. Only what prints an inventory asks for it; all else reads plain numbers.
 */
export class ExactNumber {
  /** @param text as Python prints it: `12345678901234567890`, `1.0`, `1e+20`, `inf` */
  constructor(readonly text: string) {}
}

/** How numbers are read: `plain` for use, `exact` to be printed as Ansible prints them. */
export type NumberReading = "plain" | "exact";

/** A whole number, from its value and its decimal digits. Plain: what can not be held exactly stays text. */
export function wholeNumber(value: bigint, text: string, reading: NumberReading): number | string | ExactNumber {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return reading === "exact" ? new ExactNumber(value.toString()) : text;
}

/** A float. Plain: infinity and NaN stay text. */
export function floatNumber(value: number, text: string, reading: NumberReading): number | string | ExactNumber {
  if (reading === "plain") return Number.isFinite(value) ? value : text;
  const shown = pythonFloat(value);
  return shown === String(value) ? value : new ExactNumber(shown);
}

/** A float as Python's repr has it: `1.0`, `1e-07`, `1e+16`, `inf`. */
function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const plain = exponent < 0 ? value.toFixed(Math.min(100, fractionDigits(digits) - exponent)) : String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}

function fractionDigits(digits: string): number {
  return digits.includes(".") ? digits.length - digits.indexOf(".") - 1 : 0;
}
