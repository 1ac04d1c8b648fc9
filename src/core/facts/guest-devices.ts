import type { CommandResult } from "../model/command.js";
import { absent, isMissingTool, known, unreadable, type FirstFact } from "./fact.js";

/** What libxl has given to a guest, whoever serves it: `vif/0`, `vbd/51713`. */
export interface GuestDevice {
  readonly domid: number;
  readonly device: string;
}

const ROOT = "/libxl";
// /libxl/3/device/vbd/51713 = "" ; what lies below is a copy of what the backend was told, passwords of displays included
const LINE = /^\/libxl\/(\d+)\/device\/(vif|vbd|pci|vusb|vtpm|vscsi|9pfs)\/(\d+) = /;
/** Nothing is kept there by who is not libxl, or was before Xen 4.7. */
const NONE = /couldn't find path|No such file|ENOENT/i;

/**
 * Devices of running guests that somebody may plug in and out, by libxl's own list (libxl__device_generic_add in
 * tools/libs/light/libxl_device.c). Consoles, displays and the like come by themselves, and are left out.
 */
export const fact: FirstFact<readonly GuestDevice[]> = {
  name: "guest-devices",
  round: 1,
  command: ["xenstore-ls", "-f", ROOT],
  parse(result) {
    if (isMissingTool(result)) return absent;
    if (result.exitCode !== 0) return NONE.test(result.stderr) ? absent : unreadable("devices of guests", result);
    return known(result.stdout.split("\n").flatMap((line): readonly GuestDevice[] => {
      const match = LINE.exec(line);
      return match === null ? [] : [{ domid: Number(match[1]), device: `${match[2] ?? ""}/${match[3] ?? ""}` }];
    }));
  },
  redact(result: CommandResult) {
    const lines = result.stdout.split("\n").filter((line) => LINE.test(line));
    return { ...result, stdout: lines.map((line) => `${line}\n`).join("") };
  },
};
