import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { Host } from "../hosts/host.js";
import { isUnreachable } from "../hosts/trouble.js";
import { gatherHost } from "./gather.js";
import type { Observation } from "./target.js";

/** Gathers facts from a host, and tells one that can not be reached from one that can not be read. */
export async function observeHost(host: Host, leave?: AbortSignal): Promise<Observation> {
  const gathered = await gatherHost(host, leave);
  if (gathered.value !== undefined) return { state: gathered.value.state, diagnostics: gathered.diagnostics };
  const unreachable = gathered.diagnostics.filter(isUnreachable);
  if (unreachable.length > 0) return { unreachable: unreachable.map(oneLine).join("; "), diagnostics: unreachable };
  return { state: undefined, diagnostics: gathered.diagnostics };
}

function oneLine(diagnostic: Diagnostic): string {
  return diagnostic.summary;
}
