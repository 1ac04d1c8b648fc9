import type { CommandResult } from "../model/command.js";
import type { Checked } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import { isObject, parseJson } from "./json.js";
import { redactReadings, type Readings } from "./readings.js";

/** Readings as a file for the connection `recorded`: JSON, secrets replaced, long output as an array of lines. */
export function recordReadings(readings: Readings): string {
  const { version, host, results } = redactReadings(readings);
  const lines = Object.entries(results).map(([name, result]): [string, unknown] => [name, {
    exitCode: result.exitCode,
    // lines, so that a recording can be read, compared and searched
    stdout: result.stdout.split("\n"),
    stderr: result.stderr.split("\n"),
  }]);
  const recording = { converge: "recording", version, host, results: Object.fromEntries(lines) };
  return `${JSON.stringify(recording, null, 1)}\n`;
}

/** Has converge recorded this, whatever has become of its end? */
export function beginsAsRecording({ text }: Pick<SourceText, "text">): boolean {
  return /^\s*\{\s*"converge"\s*:\s*"recording"/.test(text);
}

/**
 * Readings from a recording.
 * @param file its name, for complaints
 * @param host the inventory's name for the host, whatever it was called when it was recorded
 */
export function readRecording(text: string, file: string, host?: string): Checked<Readings> {
  const refuse = (why: string): Checked<never> => ({
    value: undefined,
    diagnostics: [{
      severity: "error", code: "recording-damaged", summary: `${file} is no recording of a host: ${why}`,
      fix: "Record the host again.",
    }],
  });
  const parsed = parseJson(text);
  if (!isObject(parsed) || parsed["converge"] !== "recording") return refuse("it does not say so");
  if (parsed["version"] !== 1) return refuse(`its version is ${String(parsed["version"])}, not 1`);
  const { results } = parsed;
  if (!isObject(results)) return refuse("it holds no results");
  const read = new Map<string, CommandResult>();
  for (const [name, result] of Object.entries(results)) {
    const whole = resultOf(result);
    if (whole === undefined) return refuse(`the result of '${name}' is damaged`);
    read.set(name, whole);
  }
  const recordedAs = typeof parsed["host"] === "string" ? parsed["host"] : "recorded";
  return { value: { version: 1, host: host ?? recordedAs, results: Object.fromEntries(read) }, diagnostics: [] };
}

function resultOf(result: unknown): CommandResult | undefined {
  if (!isObject(result)) return undefined;
  const { exitCode } = result;
  const stdout = joined(result["stdout"]);
  const stderr = joined(result["stderr"]);
  if (typeof exitCode !== "number" || stdout === undefined || stderr === undefined) return undefined;
  return { exitCode, stdout, stderr };
}

function joined(lines: unknown): string | undefined {
  if (!Array.isArray(lines) || !lines.every((line) => typeof line === "string")) return undefined;
  return lines.join("\n");
}
