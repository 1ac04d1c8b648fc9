import type { DeviceCounts } from "../model/domain.js";
import type { XlSettings } from "./settings.js";
import { stringsOf } from "./settings.js";

/**
 * Devices besides disks and network cards that a guest can be given while it runs (`xl pci-attach`, `usbdev-attach`,
 * `vtpm-attach`, `vdispl-attach`, `vsnd-attach`, 9pfs): by the key of its config, where libxl keeps them in what it has stored
 * (tools/libs/light/libxl_types.idl, domain_config), and what one is called.
 */
const KINDS = [
  { key: "pci", stored: "pcidevs", one: "PCI device" },
  { key: "usbdev", stored: "usbdevs", one: "USB device" },
  { key: "vtpm", stored: "vtpms", one: "TPM" },
  { key: "p9", stored: "p9s", one: "9P file system" },
  { key: "vdispl", stored: "vdispls", one: "display" },
  { key: "vsnd", stored: "vsnds", one: "sound card" },
] as const;

/** How many of each a config names; kinds of which there are none are left out. */
export function devicesConfigured(settings: XlSettings): DeviceCounts {
  return counted((kind) => stringsOf(settings, kind.key).length);
}

/** How many of each a running guest has, by what libxl has stored of it. */
export function devicesStored(config: unknown): DeviceCounts {
  const stored = typeof config === "object" && config !== null ? (config as Readonly<Record<string, unknown>>) : {};
  return counted((kind) => {
    const devices = Object.hasOwn(stored, kind.stored) ? stored[kind.stored] : undefined;
    return Array.isArray(devices) ? devices.length : 0;
  });
}

/** Of which kinds the numbers differ, as a human reads it: `1 PCI device in the config, 2 in the guest`. */
export function devicesThatDiffer(configured: DeviceCounts, running: DeviceCounts): readonly string[] {
  return KINDS.flatMap(({ key, one }) => {
    const [inConfig, inGuest] = [configured[key] ?? 0, running[key] ?? 0];
    return inConfig === inGuest ? [] : [`${inConfig} ${one}${inConfig === 1 ? "" : "s"} in the config, ${inGuest} in the guest`];
  });
}

function counted(count: (kind: (typeof KINDS)[number]) => number): DeviceCounts {
  return Object.fromEntries(KINDS.map((kind) => [kind.key, count(kind)] as const).filter(([, number]) => number > 0));
}
