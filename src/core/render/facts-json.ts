import type { HostState } from "../model/host-state.js";
import { redact, redactedMember } from "../xl/secrets.js";
import { visibleJson } from "./visible.js";

/** What `converge facts --json` prints: all that is seen on a host, but for the passwords that guests' configs hold. */
export function factsJson(host: string, state: HostState): string {
  const domains = Object.fromEntries(Object.entries(state.domains).map(([name, { config, ...domain }]) => [name, {
    // what a config says of a kernel's or of QEMU's arguments stands by itself, too
    ...inside(domain),
    ...(config === undefined ? {} : { config: { ...inside(config), text: { file: config.text.file, text: redact(config.text.text) } } }),
  }]));
  return visibleJson({ type: "facts", host, state: { ...state, domains } });
}

/** The same as JSON has it, without the passwords in its strings. */
function inside<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value, redactedMember)) as T;
}
