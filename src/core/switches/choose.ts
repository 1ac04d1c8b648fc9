import type { DesiredDomain } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import { formatApart } from "../model/bytes.js";
import type { HostState } from "../model/host-state.js";
import type { SwitchChoice } from "../model/plan.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { unlikeGuest } from "./unlike-stored.js";

/** Left to Dom0 itself when a guest's memory is kept in its own. */
export const SPARE = 128 * 1024 ** 2;

/** Bytes that a guest of this memory takes in all: with its page tables, and what else belongs to a domain. */
export function withOverhead(memory: number): number {
  return Math.ceil(memory * 1.02) + 16 * 1024 ** 2;
}

/** Bytes that a guest's saved memory takes: its memory, page tables, and what the device model has to say. */
export function savedBytes(domain: Domain): number {
  return withOverhead((domain.running?.memoryKiB ?? 0) * 1024);
}

/** Why a guest can not be suspended here; empty where it can. */
export function againstSuspend(domain: Domain, state: HostState): readonly string[] {
  const reasons: string[] = [];
  const needed = savedBytes(domain);
  const free = state.memory.dom0FreeBytes - SPARE;
  if (needed > free) {
    const [takes, has] = formatApart(needed, Math.max(0, free));
    reasons.push(`its memory takes ${takes}, and Dom0 has ${has} to spare for it`);
  }
  return [...reasons, ...bound(domain)];
}

/** Why a guest can not be migrated to this same host; empty where it can. */
export function againstMigrate(domain: Domain, state: HostState): readonly string[] {
  const reasons = [...unableTo(domain, state)];
  // the second copy is a guest of its own until the first one is gone
  const needed = savedBytes(domain);
  const free = state.memory.freeBytes;
  if (needed > free) {
    const [takes, has] = formatApart(needed, free);
    reasons.push(`a second copy of it takes ${takes}, and the hypervisor has ${has} free`);
  }
  reasons.push(...bound(domain));
  const ties = domain.config?.ties ?? [];
  if (ties.includes("named-card")) reasons.push("its network card has a name of its own on Dom0 (vifname), which two copies can not both have");
  if (ties.includes("fixed-display")) reasons.push("its VNC display has a fixed number, which two copies can not both have");
  return reasons;
}

/** Why a guest is not restored with its config, whatever takes its memory: only where nobody has said that it shall be. */
export function againstRestore(domain: Domain): readonly string[] {
  const what = [...new Set(unlikeGuest(domain).map((one) => one.what))];
  return what.length === 0 ? [] : [`its config has been changed since it was built: ${what.join(", ")}`];
}

/** What ties a guest to the domain that it is now. */
function bound({ config, running }: Domain): readonly string[] {
  const ties = config?.ties ?? [];
  const reasons: string[] = [];
  if (ties.includes("passed-through") || running?.passedThrough === true) reasons.push("it has devices passed through, which can not be saved");
  if (ties.includes("no-migration")) reasons.push("its config forbids it (nomigrate)");
  return reasons;
}

/**
 * While a guest's memory is copied the hypervisor notes which pages it writes to. For a PV guest that takes shadow
 * paging, which a Xen may be built without; for PVH and HVM guests the processor's own paging (hap) does as well.
 * `xl info` has both in `virt_caps` (XEN_SYSCTL_PHYSCAP_shadow and _hap), from 4.13 on: `pv` came before them, with 4.12,
 * and a Xen of then that has no word of either says nothing of them.
 */
function unableTo({ config }: Domain, { host }: HostState): readonly string[] {
  const type = config?.type ?? "pv";
  const can = host.capabilities ?? [];
  if (!can.some((word) => word === "hap" || word === "shadow") && !(can.includes("pv") && tellsOfPaging(host.xen))) {
    return [`Xen ${host.xen} does not say whether it can migrate guests`];
  }
  if (can.includes("shadow") || (type !== "pv" && can.includes("hap"))) return [];
  return [
    type === "pv"
      ? `this Xen (${host.xen}) is built without shadow paging, which the migration of a PV guest takes`
      : `this Xen (${host.xen}) has neither hap nor shadow paging, one of which the migration of a ${type.toUpperCase()} guest takes`,
  ];
}

/** By its version, `4.17.5`. */
function tellsOfPaging(xen: string): boolean {
  const [major = 0, minor = 0] = xen.split(".").map((part) => parseInt(part, 10));
  return major > 4 || (major === 4 && minor >= 13);
}

/** A switch-over that there is no way with, and why. */
export interface Impossible {
  readonly switch: SwitchOver;
  readonly reasons: readonly string[];
}

/** How the guest may get onto its new disk: as the playbook says, or (`auto`) all that can be done here, to choose from. */
export function switchCandidates(
  desired: DesiredDomain, domain: Domain, state: HostState,
): { readonly possible: readonly SwitchOver[]; readonly impossible: readonly Impossible[] } {
  const asked = desired.move.switch ?? "auto";
  if (asked !== "auto") return { possible: [asked], impossible: [] };
  if (domain.running === undefined) return { possible: ["restart"], impossible: [] };
  const unlike = againstRestore(domain);
  const looked = ([["migrate", againstMigrate], ["suspend", againstSuspend]] as const).map(([switchOver, against]) => ({
    switch: switchOver, reasons: [...against(domain, state), ...unlike],
  }));
  return {
    possible: ["restart", ...looked.filter(({ reasons }) => reasons.length === 0).map((one) => one.switch)],
    impossible: looked.filter(({ reasons }) => reasons.length > 0),
  };
}

/** What takes less from the guest comes first. */
export const IN_ORDER: readonly SwitchOver[] = ["migrate", "suspend", "restart"];
const WAITS = {
  switch: "next-reboot",
  reasons: ["no downtime of its own, and it is not done until the guest reboots: only where the playbook says so"],
};

/**
 * The switch-over that was taken, why, and why not the others.
 * @param seconds forecast of the downtime with each switch-over that is possible
 */
export function switchChoice(
  desired: DesiredDomain, switchOver: SwitchOver, seconds: ReadonlyMap<SwitchOver, number>, impossible: readonly Impossible[],
): SwitchChoice {
  if ((desired.move.switch ?? "auto") !== "auto") return { switch: switchOver, because: "the playbook says so", against: [] };
  const forecast = (one: SwitchOver): string => `about ${seconds.get(one) ?? 0} s of downtime`;
  const against = IN_ORDER.filter((one) => one !== switchOver).flatMap((one) => {
    const found = impossible.find((other) => other.switch === one);
    if (found !== undefined) return [found];
    return seconds.has(one) ? [{ switch: one, reasons: [forecast(one)] }] : [];
  });
  return { switch: switchOver, because: `${forecast(switchOver)}, the shortest of what is possible`, against: [...against, WAITS] };
}
