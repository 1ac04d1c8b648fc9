import type { Become } from "./become.js";
import type { Connection } from "./connection.js";
import type { Host } from "./host.js";
import { LocalHost } from "./local.js";
import { RecordedHost } from "./recorded.js";
import { SshHost, type SshOptions } from "./ssh.js";

export interface OpenOptions extends SshOptions {
  /** Asks for the become password of a host; unset: nobody is there to ask. */
  readonly askBecomePassword?: (host: string) => Promise<string>;
}

/** The host behind a connection. Nothing is contacted until the first command. */
export function openHost(connection: Connection, options: OpenOptions): Host {
  const become = connection.become ? becomeOf(connection, options) : undefined;
  switch (connection.kind) {
    case "ssh":
      return new SshHost(connection, become, options);
    case "local":
      return new LocalHost(connection.name, become);
    case "recorded":
      return new RecordedHost(connection.name, connection.recording ?? "");
  }
}

function becomeOf(connection: Connection, options: OpenOptions): Become {
  const { becomePassword, becomeUser: user, name } = connection;
  const { askBecomePassword } = options;
  if (becomePassword !== undefined) return { user, password: () => Promise.resolve(becomePassword) };
  if (askBecomePassword === undefined) return { user };
  // asked once, also when two commands want it at the same time
  let asked: Promise<string> | undefined;
  return { user, password: () => (asked ??= askBecomePassword(name)) };
}
