import type { Connection } from "../../core/inventory/connection.js";
import { matchHosts } from "../../core/inventory/pattern.js";
import { hasErrors } from "../../core/model/diagnostic.js";
import { count } from "../../core/render/figures.js";
import type { Host } from "../hosts/host.js";
import { optionsToReach } from "./command-again.js";
import { EXIT } from "./exit-code.js";
import { Refusal, refusal } from "./failure.js";
import type { CommonOptions } from "./options.js";
import type { Session } from "./session.js";
import { surroundings } from "./surroundings.js";
import { connectionByName } from "./work.js";

/** A host that was named on the command line, opened. */
export interface NamedHost {
  readonly name: string;
  readonly connection: Connection;
  /** See {@link optionsToReach}. */
  readonly reach: () => readonly string[];
  readonly host: Host;
}

/** The hosts that patterns mean (none: all of the inventory), opened, or a refusal that says what is wrong. */
async function namedHosts(patterns: readonly string[], options: CommonOptions, session: Session): Promise<readonly NamedHost[]> {
  const around = await surroundings(options, session);
  const text = patterns.join(",");
  const at = { source: { file: "the command line", text }, start: 0, end: text.length };
  const matched = matchHosts(patterns.length === 0 ? "all" : patterns, around.inventory, at);
  const diagnostics = [...around.diagnostics, ...matched.diagnostics];
  const names = matched.value ?? [];
  if (names.length === 0 && !hasErrors(diagnostics)) {
    diagnostics.push({
      severity: "error", code: "no-hosts", summary: "no host of the inventory is meant", fix: "Give an inventory with -i, and a host that is in it.",
    });
  }
  const connections = names.map((name) => {
    const { value, diagnostics: found } = connectionByName(name, around);
    diagnostics.push(...found);
    return { name, connection: value };
  });
  if (hasErrors(diagnostics)) throw new Refusal(diagnostics);
  return connections.flatMap(({ name, connection }): readonly NamedHost[] => {
    if (connection === undefined) return [];
    return [{
      name, connection, reach: () => optionsToReach(name, connection, options, around),
      host: session.openHost(name, connection, names.length === 1),
    }];
  });
}

/** Does something with opened hosts, and closes them. */
export async function withHosts<T>(
  patterns: readonly string[], options: CommonOptions, session: Session, use: (hosts: readonly NamedHost[]) => Promise<T>,
): Promise<T> {
  const hosts = await namedHosts(patterns, options, session);
  try {
    return await use(hosts);
  } finally {
    await Promise.allSettled(hosts.map(({ host }) => host.close()));
  }
}

/** The same with the one host that a pattern means; a refusal where it means several. */
export async function withHost<T>(
  pattern: string, options: CommonOptions, session: Session, use: (host: NamedHost) => Promise<T>,
): Promise<T> {
  return withHosts([pattern], options, session, async (hosts) => {
    const [named, ...more] = hosts;
    if (named === undefined || more.length > 0) {
      throw refusal(
        "several-hosts", `'${pattern}' means ${count(hosts.length, "host")}, and this command is about one`,
        `Name one of them: ${hosts.map(({ name }) => name).join(", ")}`,
      );
    }
    return use(named);
  });
}

/** The same for what only a host that answers can tell; a refusal where it is a recording: nobody failed to reach it. */
export async function withLiveHost<T>(
  pattern: string, options: CommonOptions, session: Session, use: (host: NamedHost) => Promise<T>,
): Promise<T> {
  return withHost(pattern, options, session, async (named) => {
    if (named.connection.kind === "recorded") {
      throw refusal(
        "host-recorded", `${named.name} is a recording: there is nothing to ask about its runs`,
        "Give the host a real ansible_connection.", EXIT.refused,
      );
    }
    return use(named);
  });
}
