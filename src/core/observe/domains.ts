import { paramsPath } from "../facts/disk-targets.js";
import type { FactValues } from "../facts/readings.js";
import type { ReportedQemu } from "../facts/qemu-blocks.js";
import type { ReportedConfig } from "../facts/xl-configs.js";
import type { ReportedBackend } from "../facts/xenstore-backends.js";
import type { GuestDevice } from "../facts/guest-devices.js";
import type { KernelBackend } from "../facts/kernel-backends.js";
import type { StoredCard } from "../xl/stored.js";
import type { StoredGuest } from "../facts/stored-configs.js";
import type { ListedDomain } from "../facts/domain-list.js";
import type { AttachedDisk, Domain, DomainConfig, RunningDomain, StoredView } from "../model/domain.js";
import type { CountedWrites } from "../facts/vbd-writes.js";
import { hasRehearsalName } from "../model/names.js";
import { sameVdev, virtualDeviceNumber } from "../xl/vdev.js";
import type { NamedDomainConfig } from "../xl/domain-config.js";

type ReadConfig = ReportedConfig & { readonly config: NamedDomainConfig };

/** Guests by name: defined by a file, running, saved, or several of these. Sorted by name. */
export function observeDomains(facts: FactValues): Readonly<Record<string, Domain>> {
  const autostart = new Set(facts.xlConfigs?.autostart);
  const configs = new Map<string, ReadConfig[]>();
  for (const reported of facts.xlConfigs?.configs ?? []) {
    if (reported.config === undefined) continue;
    const name = reported.config.name;
    const others = configs.get(name);
    if (others === undefined) configs.set(name, [reported as ReadConfig]);
    else others.push(reported as ReadConfig);
  }
  const running = observeRunning(facts);
  // a clone that xendomains saved is nobody's guest; its run removes it
  const saved = new Set((facts.saveFiles ?? []).filter((name) => configs.has(name) || !hasRehearsalName(name)));
  const names = [...new Set([...configs.keys(), ...running.keys(), ...saved])].sort();
  // not assigned one by one: a guest may be called __proto__
  return Object.fromEntries(names.map((name): [string, Domain] => {
    // xendomains starts from /etc/xen/auto: of several files that one is the guest's
    const files = configs.get(name) ?? [];
    const first = files.find((file) => autostart.has(file.realPath)) ?? files[0];
    const others = files.filter((file) => file !== first);
    const otherDisks = others.flatMap(({ config }) => config.disks);
    const run = running.get(name);
    return [name, {
      name,
      ...(first === undefined ? {} : { config: withoutName(first.config) }),
      otherConfigs: others.map((file) => file.path),
      ...(otherDisks.length === 0 ? {} : { otherDisks }),
      autostart: files.some((file) => autostart.has(file.realPath)),
      saved: saved.has(name),
      ...(run === undefined ? {} : { running: run }),
    }];
  }));
}

function withoutName({ name: _, ...config }: NamedDomainConfig): DomainConfig {
  return config;
}

function observeRunning(facts: FactValues): ReadonlyMap<string, RunningDomain> {
  const stored = new Map((facts.storedConfigs ?? []).map((guest) => [`${guest.domid} ${guest.uuid}`, guest]));
  const qemus = new Map((facts.qemuBlocks ?? []).map((qemu) => [qemu.domid, qemu]));
  const attached = new Map<number, AttachedDisk[]>();
  for (const backend of facts.xenstoreBackends ?? []) {
    const disk = readAttached(backend, facts.vbdWrites ?? [], qemus.get(backend.domid));
    const disks = attached.get(backend.domid);
    if (disks === undefined) attached.set(backend.domid, [disk]);
    else disks.push(disk);
  }
  const found = new Map<string, RunningDomain>();
  for (const listed of facts.domainList ?? []) {
    const disks = (attached.get(listed.domid) ?? []).sort((a, b) => (a.vdev < b.vdev ? -1 : 1));
    found.set(listed.name, readRunning(listed, stored.get(`${listed.domid} ${listed.uuid}`), disks, qemus.get(listed.domid),
      facts.kernelBackends?.filter(({ domid }) => domid === listed.domid), (facts.guestDevices ?? []).filter(({ domid }) => domid === listed.domid)));
  }
  return found;
}

function readRunning(
  listed: ListedDomain,
  stored: StoredGuest | undefined,
  attached: readonly AttachedDisk[],
  qemu: ReportedQemu | undefined,
  served: readonly KernelBackend[] | undefined,
  devices: readonly GuestDevice[],
): RunningDomain {
  const cards = stored?.cards.filter((card) => isThere(card, served)) ?? [];
  return {
    domid: listed.domid,
    uuid: listed.uuid,
    paused: listed.state.includes("p"),
    ...haltedOf(listed),
    memoryKiB: listed.memoryKiB,
    stored: stored?.disks ?? [],
    ...(stored === undefined ? {} : { macs: cards.map(({ mac }) => mac), settled: stored.settled.map((view) => withCards(view, cards)) }),
    ...(served?.some(({ kind }) => kind === "pci") === true ? { passedThrough: true } : {}),
    ...(devices.length === 0 ? {} : { devices: devices.map(({ device }) => device).sort() }),
    ...(stored?.storedHash === undefined ? {} : { storedHash: stored.storedHash }),
    ...(stored?.onPoweroff === undefined ? {} : { onPoweroff: stored.onPoweroff }),
    ...(stored?.byXl === true ? { storedByXl: true } : {}),
    attached,
    ...(qemu === undefined ? {} : { qemu: { nodes: qemu.nodes, jobs: qemu.jobs } }),
  };
}

/** One that is dying besides (d) is just being taken away: by the next look it is gone. */
function haltedOf({ state }: ListedDomain): Pick<RunningDomain, "halted"> {
  if (state.includes("d")) return {};
  if (state.includes("c")) return { halted: "crashed" };
  return state.includes("s") ? { halted: "shut-down" } : {};
}

function withCards({ by, settled }: StoredView, cards: readonly StoredCard[]): StoredView {
  return by === "libxl" ? { by, settled: { ...settled, cards: cards.map((card) => card.settled) } } : { by, settled };
}

/** libxl has every card stored that the guest ever had; where Dom0's kernel serves it, that knows whether it still has. */
function isThere({ devid, elsewhere }: StoredCard, served: readonly KernelBackend[] | undefined): boolean {
  if (served === undefined || devid === undefined || elsewhere === true) return true;
  return served.some(({ kind, number }) => kind === "vif" && number === devid);
}

function readAttached(
  reported: ReportedBackend, counted: readonly CountedWrites[], qemu: ReportedQemu | undefined,
): AttachedDisk {
  const { vdev, backend, devno, state } = reported;
  const writtenBytes = counted.find((one) => one.domid === reported.domid && one.device === virtualDeviceNumber(vdev))?.bytes;
  // QEMU's are `aio:/path`: what counts is which file or device it is
  const open = backend === "qdisk" ? Object.entries(qemu?.disks ?? {}).find(([name]) => sameVdev(name, vdev))?.[1] : undefined;
  return {
    vdev, params: paramsPath(reported), backend, ...(devno === undefined ? {} : { devno }), state,
    ...(writtenBytes === undefined ? {} : { writtenBytes }), ...(open === undefined ? {} : { open }),
  };
}
