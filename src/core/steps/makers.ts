import { makerOf } from "../model/mapping.js";
import type { Maker } from "../model/mapping.js";
import type { Action } from "../model/step.js";

/** What has to be known of whoever makes a device of converge's own, to bring what lies on it to rest. */
export interface MakerTraits {
  /** Tools by which that is done. */
  readonly tools: readonly string[];
  /** Its devices come to rest by themselves, once their guest is paused: nothing is kept from them. */
  readonly rests?: true;
  /** Keeps everything from a device, or waits for what is under way there. */
  hold(name: string): Action;
  /** What is shown of the way back. */
  released(name: string): string;
  /** What ends a device that nobody has. */
  readonly end: { readonly tool: string; shown(name: string): string };
}

const TRAITS: Readonly<Record<Maker, MakerTraits>> = {
  dm: {
    tools: ["dmsetup"],
    hold: (name) => ({ command: ["dmsetup", "suspend", "--noflush", "--nolockfs", name] }),
    released: (name) => `dmsetup clear ${name}; dmsetup resume ${name}`,
    end: { tool: "dmsetup", shown: (name) => `dmsetup remove ${name}` },
  },
  md: {
    tools: [],
    hold: (name) => ({ verb: ["hold_writes", name], shown: `suspend_lo and suspend_hi of /dev/${name}: from its beginning to its end` }),
    released: (name) => `suspend_hi of /dev/${name} to 0`,
    end: { tool: "mdadm", shown: (name) => `mdadm --stop /dev/${name}` },
  },
  drbd: {
    tools: ["drbdsetup"],
    rests: true,
    hold: (name) => ({ verb: ["hold_writes", name], shown: `wait until nothing is under way in /dev/${name} (/proc/drbd: lo, pe, ua and ap)` }),
    released: (name) => `nothing of /dev/${name}, from which nothing was kept`,
    end: { tool: "drbdsetup", shown: (name) => `drbdsetup down /dev/${name}` },
  },
};

/** The tools of every maker. */
export const MAKERS_TOOLS: readonly string[] = [...new Set(Object.values(TRAITS).flatMap(({ tools }) => tools))];

/** The tools by which devices of every maker are ended. */
export const ENDING_TOOLS: readonly string[] = Object.values(TRAITS).map(({ end }) => end.tool);

/** What has to be known of the maker of a device, by the device's name. */
export function traitsOf(name: string): MakerTraits {
  return TRAITS[makerOf(name)];
}

/** How a device ends whose guest may have it until its next start: the kernel defers that for device-mapper alone (retire_later in verbs/device.sh). */
export function retiring(name: string): string {
  return `${traitsOf(name).end.shown(name)}; as long as a guest has it, a unit of its own waits for that (converge-late-device-...)`;
}
