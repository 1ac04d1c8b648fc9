import { rehearsalName, rehearsalUuid } from "../model/names.js";
import type { ConfigEdit, EditableConfig } from "./edit.js";
import { applyEdits, makeEdits } from "./text-edit.js";

/**
 * Lists of what only one guest can have, or what would reach beyond the host: network cards, devices of the hardware,
 * displays with their ports, sockets, TPMs, shares. A clone has none of it.
 */
const NOT_FOR_TWO = [
  "vif", "pci", "usbctrl", "usbdev", "usbdevice", "dtdev", "ioports", "irqs", "iomem", "vfb", "vkb", "vtpm", "p9", "channel",
  "vdispl", "vsnd", "pvcalls",
];
/** Of an HVM guest's device model: what listens, shows or takes hardware. */
const SWITCHED_OFF = ["vnc", "sdl", "spice", "gfx_passthru", "driver_domain"];
/** Whatever becomes of it by itself, nothing starts it again. */
const ENDS = ["on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset"];

/**
 * The config of a clone, from a guest's own: another name and UUID, no network, and gone when it ends. Written behind the
 * old text: of a key that stands twice the last one counts.
 * @param edited with snapshots as disks
 */
export function cloneConfig(domain: string, isHvm: boolean, { settings }: EditableConfig, edited: ConfigEdit): ConfigEdit {
  const name = rehearsalName(domain);
  const lines = [
    `name = "${name}"`,
    `uuid = "${rehearsalUuid(name)}"`,
    ...NOT_FOR_TWO.filter((key) => settings.has(key)).map((key) => `${key} = [ ]`),
    // an HVM guest has a display on a port of its own if nothing is said
    ...SWITCHED_OFF.filter((key) => settings.has(key) || (isHvm && key === "vnc")).map((key) => `${key} = 0`),
    ...(settings.has("serial") ? ['serial = "pty"'] : []),
    ...ENDS.map((key) => `${key} = "destroy"`),
  ];
  const { text } = edited.before;
  const behind = makeEdits(text, [
    { start: text.length, end: text.length, text: `${text.endsWith("\n") ? "" : "\n"}${lines.join("\n")}\n` },
  ]);
  const edits = [...edited.edits, ...behind];
  return { ...edited, edits, after: { ...edited.after, text: applyEdits(text, edits) } };
}
