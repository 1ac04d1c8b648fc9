import { namedPaths } from "../facts/disk-targets.js";
import { readFacts, type FactValues, type Readings } from "../facts/readings.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { observeDomains } from "./domains.js";
import { observeMappings } from "./mappings.js";
import { observeStorage } from "./storage.js";

/**
 * What a host is, from what its commands printed.
 * @returns no value where it is no Dom0 that can be asked; warnings where a part is not known
 */
export function observe(readings: Readings): Checked<HostState> {
  const { values, diagnostics } = readFacts(readings.results);
  return observeFacts(readings.host, values, diagnostics);
}

/**
 * As {@link observe}, from facts that have been read already.
 * @param host the inventory's name for it
 * @param noticed what was noticed while they were read
 */
export function observeFacts(
  host: string,
  facts: FactValues,
  noticed: readonly Diagnostic[],
): Checked<HostState> {
  const diagnostics = [...noticed, ...missing(facts), ...notStored(facts)].map((diagnostic) =>
    diagnostic.subject?.host === undefined
      ? { ...diagnostic, subject: { ...diagnostic.subject, host } }
      : diagnostic);
  const { hostIdentity: identity, xen } = facts;
  if (identity === undefined || hasErrors(diagnostics)) return { value: undefined, diagnostics };
  const storage = observeStorage(facts);
  const value: HostState = {
    host: {
      name: host,
      bootId: identity.bootId,
      kernel: identity.kernel,
      xen: xen?.version ?? "",
      ...(xen?.capabilities === undefined ? {} : { capabilities: xen.capabilities }),
      ...(identity.systemd === undefined ? {} : { systemd: identity.systemd }),
      os: identity.os,
    },
    memory: {
      totalBytes: xen?.totalBytes ?? facts.memory?.totalBytes ?? 0,
      freeBytes: xen?.freeBytes ?? 0,
      dom0FreeBytes: facts.memory?.availableBytes ?? 0,
    },
    tools: facts.tools ?? {},
    modules: facts.modules ?? {},
    ...(facts.scanning === undefined ? {} : { scanning: facts.scanning }),
    managers: facts.managers ?? [],
    ...storage,
    ...(facts.resources?.version === undefined ? {} : { drbd: facts.resources.version }),
    ...(facts.mappings === undefined && facts.arrays === undefined && facts.resources === undefined
      ? {}
      : { mappings: observeMappings(facts, storage) }),
    mounts: facts.mounts ?? [],
    domains: observeDomains(facts),
    ...unreadIn(facts),
    runs: facts.books?.runs ?? [],
    history: facts.books?.history ?? [],
    retired: facts.books?.retired ?? [],
    commits: facts.books?.commits ?? [],
    past: facts.books?.past ?? [],
    ...(facts.books?.now === undefined ? {} : { now: facts.books.now }),
  };
  return { value, diagnostics };
}

function unreadIn({ xlConfigs }: FactValues): Pick<HostState, "unreadConfigs"> {
  const unreadConfigs = (xlConfigs?.configs ?? []).filter(({ config }) => config === undefined).map(({ path }) => path);
  return unreadConfigs.length === 0 ? {} : { unreadConfigs };
}

/**
 * What a host cannot be judged without: where one of these could not be read, what it would have told must not
 * pass for absent.
 */
function missing(facts: FactValues): readonly Diagnostic[] {
  if (facts.hostIdentity === undefined) {
    return [{
      severity: "error", code: "host-unreadable", summary: "the host's kernel could not be asked who it is",
    }];
  }
  const root = facts.hostIdentity.uid === 0;
  if (facts.xen === undefined || facts.domainList === undefined) {
    return [{
      severity: "error",
      code: "no-dom0",
      ...(root
        ? {
          summary: "xl does not answer: this is no Xen Dom0, or xenstored does not run",
          fix: "Check on the host what `xl info` says.",
        }
        : {
          summary: "xl answers to root only",
          fix: "Log in as root, or use `-b` (become) to run through sudo.",
        }),
    }];
  }
  const needed = {
    "the disks that guests have attached": facts.xenstoreBackends,
    "the configurations that xl stored": facts.storedConfigs,
    "loop devices": facts.loops,
    "mounts": facts.mounts,
    "guests' configs": facts.xlConfigs,
    "save files of guests": facts.saveFiles,
    "other managers of guests": facts.managers,
    "block devices": facts.blockDevices,
    "the host's books of earlier runs": facts.books,
    "tools": facts.tools,
    ...(facts.tools?.["lvs"]?.present === false
      ? {}
      : { "volume groups": facts.volumeGroups, "volumes": facts.volumes }),
    // where no guest has a disk they are not asked for
    ...(facts.diskTargets === undefined && namedPaths(facts).size > 0 ? { "files and devices of guests' disks": undefined } : {}),
  };
  return Object.entries(needed).flatMap(([what, value]) => (value === undefined ? [unknown(what)] : []));
}

/** Guests whose own reboot would come up with something that is not known here. */
function notStored(facts: FactValues): readonly Diagnostic[] {
  const stored = new Set((facts.storedConfigs ?? []).map(({ domid, uuid }) => `${domid} ${uuid}`));
  return (facts.domainList ?? []).flatMap(({ name, domid, uuid }): readonly Diagnostic[] =>
    stored.has(`${domid} ${uuid}`) ? [] : [{
      severity: "warning",
      code: "stored-config-missing",
      summary: `the configuration that xl stored of ${name} was not found`,
      subject: { domain: name },
    }]);
}

function unknown(what: string): Diagnostic {
  return {
    severity: "error",
    code: "host-unreadable",
    summary: `${what} could not be read, and nothing can be judged without`,
    fix: "See the warnings beside this for what the tool said.",
  };
}
