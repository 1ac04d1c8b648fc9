import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";

/** How a host is reached, as its inventory variables say. */
export interface Connection {
  /** The inventory's name. */
  readonly name: string;
  readonly kind: "ssh" | "local" | "recorded";
  readonly address: string;
  readonly port?: number;
  readonly user?: string;
  readonly privateKeyFile?: string;
  /** Arguments for ssh, as words. */
  readonly sshArgs: readonly string[];
  readonly connectTimeoutSeconds: number;
  readonly become: boolean;
  readonly becomeUser: string;
  /** From the inventory; never shown, never on a command line. */
  readonly becomePassword?: string;
  /** File of a recording, for the kind `recorded`. */
  readonly recording?: string;
}

/** What the command line says over the inventory's head: `-u`, `-b`. */
export interface ConnectionOverrides {
  readonly user?: string;
  readonly become?: boolean;
}

type Variables = Readonly<Record<string, unknown>>;

/**
 * The connection to a host, from its variables in Ansible's names: `ansible_connection` (ssh, local, recorded),
 * `ansible_host`, `_port`, `_user`, `_ssh_private_key_file`, `_ssh_common_args`, `_ssh_extra_args`, `_timeout`,
 * `_become`, `_become_method` (sudo), `_become_user`, `_become_password`; and `converge_facts`, the file of a
 * recording. The older `ansible_ssh_host`, `_port`, `_user` and `ansible_become_pass` are understood.
 */
export function connectionOf(
  name: string,
  variables: Variables,
  overrides: ConnectionOverrides = {},
): Checked<Connection> {
  const diagnostics: Diagnostic[] = [];
  const complain = (key: string, what: string, fix: string): void => {
    diagnostics.push({
      severity: "error", code: "inventory-connection", summary: `${key} of host ${name} ${what}`,
      subject: { host: name }, fix,
    });
  };
  const read = (...keys: readonly string[]): string | undefined => {
    for (const key of keys) {
      const value = variables[key];
      if (value === undefined || value === null || value === "") continue;
      if (typeof value === "string" || typeof value === "number") return String(value);
      complain(key, "is no text", "Write it as plain text.");
    }
    return undefined;
  };

  const kind = KINDS[read("ansible_connection") ?? "ssh"];
  if (kind === undefined) {
    complain("ansible_connection", "is none that converge has", "Use ssh, local or recorded.");
  }
  const address = read("ansible_host", "ansible_ssh_host") ?? name;
  if (!isWord(address)) {
    complain("ansible_host", "is no host name or address", "Give a name, an address or an ssh_config alias.");
  }
  const user = overrides.user ?? read("ansible_user", "ansible_ssh_user");
  if (user !== undefined && !isWord(user)) complain("ansible_user", "is no user name", "Give a login name.");
  const port = readPort(read("ansible_port", "ansible_ssh_port"));
  if (port === "bad") complain("ansible_port", "is no port", "Give a number from 1 to 65535.");
  const method = read("ansible_become_method") ?? "sudo";
  if (method !== "sudo") {
    complain("ansible_become_method", `is '${method}'`, "converge becomes root through sudo only.");
  }
  const becomeUser = read("ansible_become_user") ?? "root";
  if (!isWord(becomeUser)) complain("ansible_become_user", "is no user name", "Give a login name.");
  const become = overrides.become ?? readBoolean(variables["ansible_become"]);
  if (become === "bad") {
    complain("ansible_become", "is neither true nor false", "Write true or false.");
  }
  const timeout = Number(read("ansible_ssh_timeout", "ansible_timeout") ?? "10");
  if (!(timeout > 0)) complain("ansible_timeout", "is no number of seconds", "Give a number above zero.");
  const sshArgs: string[] = [];
  for (const key of ["ansible_ssh_common_args", "ansible_ssh_extra_args"]) {
    const words = splitWords(read(key) ?? "");
    if (words === undefined) complain(key, "has a quote without its end", "Close the quote.");
    else sshArgs.push(...words);
  }
  const recording = read("converge_facts");
  if (kind === "recorded" && recording === undefined) {
    complain("converge_facts", "is missing", "Name the file of the recording in converge_facts.");
  }
  if (kind === undefined || port === "bad" || become === "bad" || diagnostics.length > 0) {
    return { value: undefined, diagnostics };
  }
  const privateKeyFile = read("ansible_ssh_private_key_file", "ansible_private_key_file");
  const becomePassword = read("ansible_become_password", "ansible_become_pass");
  return {
    diagnostics,
    value: {
      name, kind, address, sshArgs, become, becomeUser,
      connectTimeoutSeconds: Math.ceil(timeout),
      ...(port === undefined ? {} : { port }),
      ...(user === undefined ? {} : { user }),
      ...(privateKeyFile === undefined ? {} : { privateKeyFile }),
      ...(becomePassword === undefined ? {} : { becomePassword }),
      ...(recording === undefined ? {} : { recording }),
    },
  };
}

const KINDS: Readonly<Partial<Record<string, Connection["kind"]>>> = {
  ssh: "ssh", smart: "ssh", "ansible.builtin.ssh": "ssh",
  local: "local", "ansible.builtin.local": "local",
  recorded: "recorded",
};

/** What ssh would take for an option, or a shell for several words, is no name. */
function isWord(text: string): boolean {
  return !text.startsWith("-") && !/[\s\0]/.test(text);
}

function readPort(text: string | undefined): number | "bad" | undefined {
  if (text === undefined) return undefined;
  const port = /^\d+$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : "bad";
}

/** Ansible's words for it, in any case. */
function readBoolean(value: unknown): boolean | "bad" {
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  const word = (typeof value === "string" || typeof value === "number" ? String(value) : "?").toLowerCase();
  if (["true", "yes", "on", "1", "y", "t"].includes(word)) return true;
  return ["false", "no", "off", "0", "n", "f", ""].includes(word) ? false : "bad";
}

/**
 * Words as a POSIX shell splits them, without its expansions.
 * @returns undefined where a quote has no end
 */
export function splitWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    const next = text.charAt(i + 1);
    if (quote === "'") {
      if (char === "'") quote = "";
      else word = (word ?? "") + char;
    } else if (quote === '"') {
      if (char === '"') quote = "";
      else if (char === "\\" && '"\\$`'.includes(next) && next !== "") {
        word = (word ?? "") + next;
        i += 1;
      } else word = (word ?? "") + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\") {
      word = (word ?? "") + next;
      i += 1;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
