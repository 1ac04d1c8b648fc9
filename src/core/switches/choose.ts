import type { DesiredDomain } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import { formatBytes } from "../model/bytes.js";
import type { HostState } from "../model/host-state.js";
import type { SwitchOver } from "../strategies/strategy.js";

/** Left to Dom0 itself when a guest's memory is kept in its own. */
const SPARE = 128 * 1024 ** 2;

/** Bytes that a guest's saved memory takes: its memory, page tables, and what the device model has to say. */
export function savedBytes(domain: Domain): number {
  const memory = (domain.running?.memoryKiB ?? 0) * 1024;
  return Math.ceil(memory * 1.02) + 16 * 1024 ** 2;
}

/** Why a guest can not be suspended here; empty where it can. */
export function againstSuspend(domain: Domain, state: HostState): readonly string[] {
  const reasons: string[] = [];
  const needed = savedBytes(domain);
  const free = state.memory.dom0FreeBytes - SPARE;
  if (needed > free) {
    reasons.push(`its memory takes ${formatBytes(needed)}, and Dom0 has ${formatBytes(Math.max(0, free))} to spare for it`);
  }
  if (/^[ \t]*(pci|usbdev|rdm)[ \t]*=/m.test(domain.config?.text.text ?? "")) {
    reasons.push("it has devices passed through, which can not be saved");
  }
  return reasons;
}

/**
 * How the guest gets onto its new disk: as the playbook says, or (`auto`) a restart where files are copied, and where
 * blocks are mirrored a suspension, if that can be done.
 */
export function chooseSwitch(desired: DesiredDomain, domain: Domain, state: HostState): SwitchOver {
  const asked = desired.move.switch ?? "auto";
  if (asked !== "auto") return asked;
  const named = [desired.move, ...desired.disks.map((disk) => disk.move)].some((move) => move.strategy === "dm");
  return named && againstSuspend(domain, state).length === 0 ? "suspend" : "restart";
}
