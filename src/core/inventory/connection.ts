import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import { placeOf } from "../load/document.js";
import { scopeOf } from "../load/host-scope.js";
import type { Scope } from "../load/scope.js";
import { shellWords } from "../load/shell-words.js";
import { didYouMean } from "../load/suggest.js";
import type { Inventory, InventoryHost, Variables } from "./inventory.js";
import { folderOf, joinPath } from "./variable-files.js";

/** How to reach a host, as its variables say. */
export interface Connection {
  readonly kind: "ssh" | "local" | "recorded";
  /** Name or address for ssh. */
  readonly address: string;
  readonly port?: number;
  readonly user?: string;
  readonly privateKeyFile?: string;
  /** `ansible_ssh_common_args` and `ansible_ssh_extra_args`, split into words. */
  readonly sshArguments: readonly string[];
  /** How long ssh waits for an answer; whole seconds. */
  readonly connectTimeoutSeconds?: number;
  readonly become?: Become;
  /** For `recorded`: the file of facts, seen from where converge was started. */
  readonly factsFile?: string;
}

export interface Become {
  readonly method: "sudo";
  readonly user: string;
  /** A secret: never shown, logged or saved. */
  readonly password?: string;
}

/** What the command line says about connections; `-u`, `-b` and -K are weaker than a host's own variables. */
export interface ConnectionDefaults {
  readonly user?: string;
  readonly become?: boolean;
  readonly becomePassword?: string;
}

/**
 * How to reach one host, from its variables in Ansible's names (docs/guide/inventory.md lists them); an empty one is
 * as none. What a vault holds that is left shut is passed over; where that is more than a password, how the host is
 * reached is not known, and there is no value.
 * @param extra variables of `-e`, which beat the host's own
 */
export function connectionOf(
  host: InventoryHost, inventory: Inventory, extra: Variables, defaults: ConnectionDefaults = {},
): Checked<Connection> {
  const reader = new ConnectionReader(scopeOf(host, inventory, { extra }), host);
  const connection = reader.connection(defaults);
  return { value: hasErrors(reader.diagnostics) || reader.isSealed ? undefined : connection, diagnostics: reader.diagnostics };
}

const KINDS: ReadonlyMap<string, Connection["kind"]> = new Map([
  ["ssh", "ssh"], ["smart", "ssh"], ["ansible.builtin.ssh", "ssh"],
  ["local", "local"], ["ansible.builtin.local", "local"],
  ["recorded", "recorded"],
]);

/** A day: who writes more means something else, and a timer far beyond it would go off at once. */
const LONGEST_TIMEOUT_SECONDS = 86_400;

/** What can stand as one word in ssh's arguments: one that ssh would take for an option names nothing. */
interface Word {
  readonly what: string;
  readonly never: RegExp;
}

const HOST: Word = { what: "a host's name or address", never: /^-|[\s\0]/ };
const LOGIN: Word = { what: "a login name", never: /^-|[\r\n\0]/ };

/** Of several names for one thing the older ones are the stronger, as they are to Ansible (of the `vars` of a plugin's option the last one counts). */
const PASSWORDS: readonly string[] = ["ansible_sudo_pass", "ansible_become_pass", "ansible_become_password"];

/** What a variable says, and whether that was decrypted. */
type Found<T> = T & { readonly name: string; readonly isSecret: boolean };

class ConnectionReader {
  readonly diagnostics: Diagnostic[] = [];
  isSealed = false;

  constructor(
    private readonly scope: Scope,
    private readonly host: InventoryHost,
  ) {}

  connection(defaults: ConnectionDefaults): Connection {
    const kind = this.kind();
    const user = this.word(LOGIN, "ansible_ssh_user", "ansible_user") ?? this.defaultUser(defaults);
    const port = this.port("ansible_ssh_port", "ansible_port");
    const timeout = this.seconds("ansible_ssh_timeout", "ansible_timeout");
    const key = this.text("ansible_ssh_private_key_file", "ansible_private_key_file");
    const become = this.become(defaults);
    const factsFile = kind === "recorded" ? this.factsFile() : undefined;
    return {
      kind,
      address: this.word(HOST, "ansible_ssh_host", "ansible_host") ?? this.ownName(kind),
      sshArguments: [...this.words("ansible_ssh_common_args"), ...this.words("ansible_ssh_extra_args")],
      ...(port === undefined ? {} : { port }),
      ...(user === undefined ? {} : { user }),
      ...(key === undefined ? {} : { privateKeyFile: key }),
      ...(timeout === undefined ? {} : { connectTimeoutSeconds: timeout }),
      ...(become === undefined ? {} : { become }),
      ...(factsFile === undefined ? {} : { factsFile }),
    };
  }

  private kind(): Connection["kind"] {
    const found = this.named(["ansible_connection"]);
    const known = KINDS.get(found?.text ?? "ssh");
    if (known !== undefined) return known;
    const shown = shownText(found);
    const fix = didYouMean(shown, ["ssh", "local", "recorded"]) ?? "Connections are ssh, local and recorded";
    this.complain("connection", `no connection is called '${shown}'`, this.place("ansible_connection"), fix);
    return "ssh";
  }

  private defaultUser({ user }: ConnectionDefaults): string | undefined {
    if (user !== undefined && LOGIN.never.test(user)) this.complain("connection", `-u must be ${LOGIN.what}, not '${user}'`);
    return user;
  }

  /** The inventory's name, where nothing says the address. */
  private ownName(kind: Connection["kind"]): string {
    const { name, at } = this.host;
    if (kind === "ssh" && HOST.never.test(name)) {
      this.complain("connection", `'${name}' can not be a host's address`, at, "Set ansible_host to its name or address");
    }
    return name;
  }

  private become(defaults: ConnectionDefaults): Become | undefined {
    if (!(this.flag("ansible_become") ?? defaults.become ?? false)) return undefined;
    const method = this.named(["ansible_become_method"]);
    if (method !== undefined && method.text !== "sudo") {
      const fix = "Set it to sudo, or log in as root";
      this.complain("become", `becoming root by '${shownText(method)}' is not built`, this.place("ansible_become_method"), fix);
    }
    const password = this.text(...PASSWORDS) ?? defaults.becomePassword;
    return {
      method: "sudo", user: this.word(LOGIN, "ansible_become_user") ?? "root", ...(password === undefined ? {} : { password }),
    };
  }

  /** A recorded host needs its facts; a relative path is seen from the file that names it. */
  private factsFile(): string | undefined {
    const told = this.diagnostics.length;
    const file = this.text("converge_facts");
    // what is wrong with it has been said
    if (file === undefined && (this.isSealed || this.diagnostics.length > told)) return undefined;
    if (file === undefined) {
      const fix = "Set converge_facts to the file that `converge facts --record` wrote";
      const summary = `the host '${this.host.name}' is recorded, and no converge_facts says where`;
      this.complain("connection", summary, this.place("ansible_connection"), fix);
      return undefined;
    }
    const from = this.place("converge_facts")?.source.file;
    if (file.startsWith("/") || from === undefined || from.startsWith("-")) return file;
    return joinPath(folderOf(from), file);
  }

  /** The first of several names for one thing that says something. */
  private value(names: readonly string[]): Found<{ readonly value: unknown }> | undefined {
    for (const name of names) {
      const rendered = this.scope.variable(name);
      if (rendered === undefined) continue;
      if (rendered.kind === "value" && rendered.value !== null && rendered.value !== "") {
        return { name, value: rendered.value, isSecret: rendered.secret === true };
      }
      if (rendered.kind === "sealed" && !PASSWORDS.includes(name)) this.isSealed = true;
      if (rendered.kind === "problems") this.diagnostics.push(...rendered.problems);
      if (rendered.kind === "late") this.complain("connection", `'${name}' can not depend on '${rendered.name}'`, rendered.at);
    }
    return undefined;
  }

  private text(...names: string[]): string | undefined {
    return this.named(names)?.text;
  }

  private named(names: readonly string[]): Found<{ readonly text: string }> | undefined {
    const found = this.value(names);
    if (found === undefined) return undefined;
    const { name, value, isSecret } = found;
    if (["string", "number", "boolean"].includes(typeof value)) return { name, text: String(value), isSecret };
    this.complain("connection", `'${name}' must be text`, this.place(name));
    return undefined;
  }

  private word({ what, never }: Word, ...names: string[]): string | undefined {
    const found = this.named(names);
    if (found === undefined) return undefined;
    const { name, text } = found;
    if (!never.test(text)) return text;
    this.complain("connection", `'${name}' must be ${what}, not '${shownText(found)}'`, this.place(name));
    return undefined;
  }

  private port(...names: string[]): number | undefined {
    const found = this.value(names);
    if (found === undefined) return undefined;
    const number = numberOf(found.value);
    if (Number.isInteger(number) && number >= 1 && number <= 65535) return number;
    this.complain("connection", `'${found.name}' must be a port, 1 to 65535`, this.place(found.name));
    return undefined;
  }

  private seconds(...names: string[]): number | undefined {
    const found = this.value(names);
    if (found === undefined) return undefined;
    const number = numberOf(found.value);
    if (number > 0 && number <= LONGEST_TIMEOUT_SECONDS) return Math.ceil(number);
    const summary = `'${found.name}' must be a number of seconds, above 0 and up to ${LONGEST_TIMEOUT_SECONDS}`;
    this.complain("connection", summary, this.place(found.name));
    return undefined;
  }

  private flag(name: string): boolean | undefined {
    const found = this.value([name]);
    if (found === undefined) return undefined;
    const text = JSON.stringify(found.value).replace(/^"|"$/g, "").toLowerCase();
    if (["true", "yes", "on", "1", "y", "t"].includes(text)) return true;
    if (["false", "no", "off", "0", "n", "f"].includes(text)) return false;
    this.complain("connection", `'${name}' must be true or false`, this.place(name));
    return undefined;
  }

  private words(name: string): readonly string[] {
    const text = this.text(name);
    const split = shellWords(text ?? "");
    if ("words" in split) return split.words.map((word) => word.text);
    this.complain("connection", `in '${name}' ${split.problem}`, this.place(name));
    return [];
  }

  private place(name: string): SourceRange | undefined {
    const placed = this.scope.variables.get(name);
    return placed === undefined ? undefined : placeOf(placed);
  }

  private complain(code: string, summary: string, at?: SourceRange, fix?: string): void {
    this.diagnostics.push({
      severity: "error", code, summary, subject: { host: this.host.name }, ...(at === undefined ? {} : { at }),
      ...(fix === undefined ? {} : { fix }),
    });
  }
}

/** A text as a complaint may quote it. */
function shownText(found: Found<{ readonly text: string }> | undefined): string {
  return found === undefined || found.isSecret ? "…" : found.text;
}

/** A number, or a text that is one; NaN for all else. */
function numberOf(value: unknown): number {
  return typeof value === "number" || typeof value === "string" ? Number(value) : NaN;
}
