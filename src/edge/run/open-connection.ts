import type { Connection } from "../../core/inventory/connection.js";
import type { Host } from "../hosts/host.js";
import { openHost } from "../hosts/open-host.js";

/**
 * The host behind what the inventory says. Nothing is contacted yet.
 * @param interactive whether ssh may ask on the terminal (pass phrases, host keys)
 */
export function openConnection(name: string, connection: Connection, interactive: boolean): Host {
  const { kind, address, port, user, privateKeyFile, sshArguments, become, factsFile } = connection;
  return openHost({
    name, kind, address, sshArgs: sshArguments, connectTimeoutSeconds: 10,
    become: become !== undefined, becomeUser: become?.user ?? "root",
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(privateKeyFile === undefined ? {} : { privateKeyFile }),
    ...(become?.password === undefined ? {} : { becomePassword: become.password }),
    ...(factsFile === undefined ? {} : { recording: factsFile }),
  }, { interactive });
}
