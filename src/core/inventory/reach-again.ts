import { quoteCommand } from "../model/command.js";
import type { Connection } from "./connection.js";

/** Variables by name, as `-e` takes them. */
export type Words = Readonly<Record<string, string>>;

/** Something that a connection says, and the variables that say it: first the one that is told, then others, which may be stronger. */
interface Saying {
  readonly of: (connection: Connection) => string | undefined;
  readonly names: readonly [string, ...string[]];
  /** What says that it is unset; by default an empty value, which is as none. */
  readonly unset?: string;
  /** The values of all names count, one behind the other, and not the strongest alone. */
  readonly joined?: true;
  /** What it is where nothing says it. */
  readonly usually?: string;
}

const SAYINGS: readonly Saying[] = [
  { of: ({ kind }) => kind, names: ["ansible_connection"] },
  { of: ({ address }) => address, names: ["ansible_host", "ansible_ssh_host"] },
  { of: ({ port }) => port?.toString(), names: ["ansible_port", "ansible_ssh_port"] },
  { of: ({ user }) => user, names: ["ansible_user", "ansible_ssh_user"] },
  { of: ({ privateKeyFile }) => privateKeyFile, names: ["ansible_ssh_private_key_file", "ansible_private_key_file"] },
  { of: ({ connectTimeoutSeconds }) => connectTimeoutSeconds?.toString(), names: ["ansible_ssh_timeout", "ansible_timeout"] },
  {
    of: ({ sshArguments }) => (sshArguments.length === 0 ? undefined : quoteCommand(sshArguments)),
    names: ["ansible_ssh_common_args", "ansible_ssh_extra_args"], joined: true,
  },
  { of: ({ become }) => (become === undefined ? undefined : "true"), names: ["ansible_become"], unset: "false" },
  { of: ({ become }) => become?.method, names: ["ansible_become_method"], usually: "sudo" },
  { of: ({ become }) => become?.user, names: ["ansible_become_user"], usually: "root" },
];

/**
 * The variables that have to be given by `-e` for another command to reach a host in this way; none where it would anyhow.
 * A password is never among them.
 * @param wanted how it is reached
 * @param reached how it would be reached with these variables; undefined where that can not be told
 */
export function variablesToReach(wanted: Connection, reached: (variables: Words) => Connection | undefined): Words {
  let words: Words = {};
  // what is said in one turn may be what kept the rest from being told, or bring about something else that has to be said
  for (const turn of ["needed", "set", "all"] as const) {
    const now = reached(words);
    words = { ...words, ...Object.fromEntries(SAYINGS.flatMap((saying) => said(saying, wanted, now, now === undefined ? turn : "needed", words))) };
  }
  return words;
}

/** @param what `needed`: as far as one knows; `set`: whatever is set; `all`: that the rest is unset, too */
function said(
  { of, names, unset = "", joined, usually }: Saying, wanted: Connection, now: Connection | undefined, what: "needed" | "set" | "all", words: Words,
): readonly (readonly [string, string])[] {
  const value = of(wanted);
  const known = now === undefined ? undefined : of(now);
  const [first, ...others] = names;
  const alone: readonly (readonly [string, string])[] = [[first, value ?? unset]];
  const together = [...alone, ...others.map((name) => [name, ""] as const)];
  if (what === "all") return together;
  if (what === "set") return value === undefined ? [] : alone;
  if (value === known || (usually !== undefined && (value === undefined || (value === usually && known === undefined)))) return [];
  // a stronger name says something else
  const isOverruled = words[first] === value;
  return value === undefined || isOverruled || (joined === true && known !== undefined) ? together : alone;
}
