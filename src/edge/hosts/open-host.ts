import type { Connection } from "../../core/inventory/connection.js";
import type { Become } from "./become.js";
import type { Host } from "./host.js";
import { LocalHost } from "./local.js";
import { RecordedHost } from "./recorded.js";
import { SshHost, type SshOptions } from "./ssh.js";

export interface OpenOptions extends SshOptions {
  /** Asks for the become password of a host; unset: nobody is there to ask. */
  readonly askBecomePassword?: (host: string) => Promise<string>;
}

/** The host behind a connection. Nothing is contacted until the first command. */
export function openHost(name: string, connection: Connection, options: OpenOptions): Host {
  const become = becomeOf(name, connection, options);
  switch (connection.kind) {
    case "ssh":
      return new SshHost(name, connection, become, options);
    case "local":
      return new LocalHost(name, become);
    case "recorded":
      return new RecordedHost(name, connection.factsFile ?? "");
  }
}

function becomeOf(name: string, { become }: Connection, { askBecomePassword }: OpenOptions): Become | undefined {
  if (become === undefined) return undefined;
  const { user, password } = become;
  if (password !== undefined) return { user, password: () => Promise.resolve(password) };
  if (askBecomePassword === undefined) return { user };
  // asked once, also when two commands want it at the same time
  let asked: Promise<string> | undefined;
  return { user, password: () => (asked ??= askBecomePassword(name)) };
}
