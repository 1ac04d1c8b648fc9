import type { Command } from "../../core/model/command.js";
import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";
import { refuse } from "./trouble.js";

/** How to become another user on a host. */
export interface Become {
  readonly user: string;
  /** Asked for when it is needed; unset: sudo must not want one. */
  readonly password?: () => Promise<string>;
}

/** A command under sudo, and what its standard input must be. */
export interface Wrapped {
  readonly command: Command;
  readonly stdin: string | Uint8Array | undefined;
}

/** In its own words, whatever the login's language: what it complains of is read here. */
const SUDO = ["env", "LC_ALL=C", "sudo"] as const;
const BECAME = "converge-became";
const INPUT = "converge-input";

// Says on standard error that sudo let it through, so that sudo's refusal and the command's own failure differ.
const PLAIN = `echo ${BECAME} >&2; exec "$@"`;
// sudo reads the password only when it wants one; what it left unread is thrown away here, up to the mark.
const AFTER_PASSWORD =
  `while IFS= read -r line; do [ "$line" = ${INPUT} ] || continue; echo ${BECAME} >&2; exec "$@"; done; exit 1`;

/** The command as another user. A password travels on standard input only (sudo(8), -S). */
export async function wrapBecome(
  become: Become,
  command: Command,
  stdin: string | Uint8Array | undefined,
): Promise<Wrapped> {
  if (become.password === undefined) {
    return { command: [...SUDO, "-n", "-u", become.user, "--", "sh", "-c", PLAIN, "sh", ...command], stdin };
  }
  const first = Buffer.from(`${await become.password()}\n${INPUT}\n`, "utf8");
  const rest = typeof stdin === "string" ? Buffer.from(stdin, "utf8") : stdin;
  return {
    command: [...SUDO, "-S", "-p", "", "-u", become.user, "--", "sh", "-c", AFTER_PASSWORD, "sh", ...command],
    stdin: rest === undefined ? first : Buffer.concat([first, rest]),
  };
}

/**
 * Standard error of a wrapped command without the wrapper's own line.
 * @returns a diagnostic where sudo did not let it through
 */
export function unwrapBecome(become: Become, exitCode: number, stderr: string): Checked<string> {
  const at = new RegExp(`(^|\\n)${BECAME}\\r?\\n`).exec(stderr);
  if (at !== null) {
    const before = stderr.slice(0, at.index + (at[1] ?? "").length);
    return { value: before + stderr.slice(at.index + at[0].length), diagnostics: [] };
  }
  return refuse(sudoTrouble(become, exitCode, stderr));
}

function sudoTrouble(become: Become, exitCode: number, stderr: string): Omit<Diagnostic, "severity"> {
  const detail = stderr.trim().split("\n").slice(-4).join("\n");
  const more = detail === "" ? {} : { detail };
  if (exitCode === 127 || /sudo: (command )?not found/.test(stderr)) {
    const fix = "Install sudo, or log in as root.";
    return { code: "become-missing", summary: "sudo is not there", ...more, fix };
  }
  if (/incorrect password|Sorry, try again/.test(stderr)) {
    const fix = "Give the right one (-K asks).";
    return { code: "become-refused", summary: "sudo refuses the password", ...more, fix };
  }
  if (/password is required|no password was provided|a terminal is required/.test(stderr)) {
    const fix = "Use -K to be asked for it.";
    return { code: "become-refused", summary: "sudo wants a password", ...more, fix };
  }
  return {
    code: "become-refused",
    summary: `sudo does not let this user become ${become.user}`,
    ...more,
    fix: "Check the host's sudoers.",
  };
}
